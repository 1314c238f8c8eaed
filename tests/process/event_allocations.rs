//! The whole way of a token, from the pass through sampler, detokenizer and stream to the consumer: at most
//! one allocation for 16 events, on all threads together. One test, so that it has its process to itself.
#![cfg(all(feature = "native", feature = "text", feature = "testing"))]

#[path = "../support/mod.rs"]
mod support;

use std::time::{Duration, Instant};
use support::counting::{Counting, all_calls};
use support::samplers;
use support::stream::watchdog;
use support::tiny::Tiny;
use wick::gguf::Source;
use wick::runtime::{
    Event, EventKind, Input, Mode, Model, ModelOptions, ModelSource, Next, PrefixCache, Reading, Request,
    Runtime, RuntimeOptions, Session, Stream,
};
use wick::sample::SamplerOptions;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn model(runtime: &Runtime, tiny: &Tiny) -> Model {
    let source = Source::Memory(Box::new(tiny.clone().speaking().writer().to_bytes()));
    let options = ModelOptions::from_source(ModelSource::Gguf(source));
    // So that the blocks of one generation are the next one's.
    let options = ModelOptions { prefix_cache: PrefixCache::Off, ..options };
    let (model, mut load) = runtime.load(options, Reading::default()).expect("a load");
    while load.next_blocking().is_some() {}
    model
}

/// Text events until `count` have come; the bytes of text in them, and the slices that this thread did for
/// them in HOST_STEP.
fn read(runtime: &Runtime, mode: Mode, stream: &mut Stream, count: usize) -> (usize, usize) {
    let (mut events, mut bytes, mut slices) = (0, 0, 0);
    while events < count {
        let deadline = (mode == Mode::HostStep).then(Instant::now);
        match stream.wait_next(deadline) {
            Next::Event(Event { kind: EventKind::Text(text), .. }) => {
                (events, bytes) = (events + 1, bytes + text.text.len());
            }
            Next::Event(_) => {}
            Next::Empty => {
                // Without a budget a step is one slice.
                runtime.step(Duration::ZERO).expect("a step");
                slices += 1;
            }
            Next::Ended | Next::Closed => panic!("the stream ended after {events} of {count} events"),
        }
    }
    (bytes, slices)
}

/// Events that are counted.
const EVENTS: usize = 320;

/// A generation of 500 tokens, each an event or nearly.
fn generate(model: &Model, sampling: SamplerOptions) -> (Session, Stream) {
    let session = model.session(None).expect("a session");
    let request = Request {
        input: Input::Text("a stop string is looked for".into()),
        max_tokens: 500,
        ignore_eos: true,
        echo_special: true,
        stop: vec!["not to be found".into()],
        sampling,
        ..Request::default()
    };
    let stream = session.generate(request, Reading::default()).expect("a stream");
    (session, stream)
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
        // The blocks of keys and values are the model's: taken by the first generation, and found again by
        // the others.
        let mut warm = generate(&model, SamplerOptions::default());
        while warm.1.next_blocking().is_some() {}
        drop(warm);
        for (name, sampling) in samplers::all(tiny.vocab as u32) {
            // The runtime refuses logprobs.
            let (_session, mut stream) = generate(&model, SamplerOptions { logprobs: false, ..sampling });
            read(&runtime, mode, &mut stream, 100);
            let before = all_calls();
            let (bytes, slices) = read(&runtime, mode, &mut stream, EVENTS);
            let taken = all_calls() - before;
            assert!(bytes > EVENTS, "{bytes} bytes of text");
            // The executor of the host's thread queues the engine once a slice, in blocks of 31.
            let most = EVENTS / 16 + slices.div_ceil(31);
            assert!(
                taken <= most,
                "{taken} allocations in {EVENTS} events and {slices} slices, {mode:?}, {name}"
            );
            while stream.next_blocking().is_some() {}
        }
    }
}
