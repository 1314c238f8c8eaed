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
use wick::sample::SamplerOptions;

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

/// A generation of 1,000 tokens, each an event or nearly.
fn request(sampling: SamplerOptions) -> Request {
    Request {
        input: Input::Text("a stop string is looked for".into()),
        max_tokens: 1000,
        ignore_eos: true,
        echo_special: true,
        stop: vec!["not to be found".into()],
        sampling,
        ..Request::default()
    }
}

#[test]
fn at_most_one_allocation_for_16_events_from_the_model_to_the_consumer() {
    let _watchdog = watchdog();
    // In HOST_STEP the executor of the host's thread queues the engine once a slice, in blocks of 31.
    for (mode, per_event) in [(Mode::Threads, 16), (Mode::HostStep, 12)] {
        let runtime = Runtime::new(RuntimeOptions { mode, threads: 2, ..RuntimeOptions::default() });
        let runtime = runtime.expect("a runtime");
        let mut tiny = Tiny::new("llama");
        tiny.context = 2000;
        let model = model(&runtime, &tiny);
        for (name, sampling) in samplers::all(tiny.vocab as u32) {
            // The blocks of keys and values are the model's, taken by the first and found again by the second.
            for measured in [false, true] {
                let session = model.session(None).expect("a session");
                let mut stream =
                    session.generate(request(sampling.clone()), Reading::default()).expect("a stream");
                read(&mut stream, 200);
                let before = all_calls();
                let bytes = read(&mut stream, 640);
                let taken = all_calls() - before;
                assert!(bytes > 640, "{bytes} bytes of text");
                let most = 640 / per_event;
                assert!(!measured || taken <= most, "{taken} allocations in 640 events, {mode:?}, {name}");
                while stream.next_blocking().is_some() {}
            }
        }
    }
}
