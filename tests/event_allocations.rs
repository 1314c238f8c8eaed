//! The whole way of a token, from the pass through sampler, detokenizer and stream to the consumer: at most one allocation for 16 events, on
//! all threads together. One test, so that it has its process to itself.
#![cfg(all(feature = "native", feature = "text"))]

mod counting;
mod samplers;
mod stream_common;
mod tiny;

use counting::{Counting, all_calls};
use stream_common::watchdog;
use tiny::Tiny;
use wick::gguf::Source;
use wick::runtime::{
    EventKind, Input, Mode, Model, ModelOptions, ModelSource, Reading, Request, Runtime, RuntimeOptions,
    Stream,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn model(runtime: &Runtime, tiny: &Tiny) -> Model {
    let source = Source::Memory(Box::new(tiny.clone().speaking().writer().to_bytes()));
    let options = ModelOptions::from_source(ModelSource::Gguf(source));
    let (model, mut load) = runtime.load(options, Reading::default()).expect("a load");
    while load.next_blocking().is_some() {}
    model
}

/// Text events until `count` have come; the bytes of text in them.
fn read(stream: &mut Stream, count: usize) -> usize {
    let (mut events, mut bytes) = (0, 0);
    while events < count {
        if let EventKind::Text(text) = stream.next_blocking().expect("an event").kind {
            (events, bytes) = (events + 1, bytes + text.text.len());
        }
    }
    bytes
}

#[test]
fn at_most_one_allocation_for_16_events_from_the_model_to_the_consumer() {
    let _watchdog = watchdog();
    for mode in [Mode::Threads, Mode::HostStep] {
        let runtime = Runtime::new(RuntimeOptions { mode, threads: 2, ..RuntimeOptions::default() });
        let runtime = runtime.expect("a runtime");
        let mut tiny = Tiny::new("llama");
        tiny.context = 2000;
        let model = model(&runtime, &tiny);
        for (name, sampling) in samplers::all() {
            let vocab_fits = sampling.logit_bias.iter().all(|&(token, _)| u64::from(token) < tiny.vocab);
            if !vocab_fits {
                continue;
            }
            let session = model.session(None).expect("a session");
            let request = Request {
                input: Input::Text("a stop string is looked for".into()),
                max_tokens: 1500,
                ignore_eos: true,
                echo_special: true,
                stop: vec!["not to be found".into()],
                sampling,
                ..Request::default()
            };
            let mut stream = session.generate(request, Reading::default()).expect("a stream");
            read(&mut stream, 200);
            let before = all_calls();
            let bytes = read(&mut stream, 640);
            let taken = all_calls() - before;
            assert!(bytes > 640, "{bytes} bytes of text");
            assert!(taken <= 640 / 16, "{taken} allocations in 640 events, {mode:?}, {name}");
        }
    }
}
