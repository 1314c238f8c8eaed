//! What a model's file says of choosing tokens: those that no generation says, and what holds where a request
//! does not say.
#![cfg(all(feature = "native", feature = "text", feature = "testing"))]

use crate::support::stream::watchdog;
use crate::support::tiny::Tiny;
use wick::Recommended;
use wick::error::ErrorKind;
use wick::gguf::Source;
use wick::gguf::write::{MetaValue, Writer};
use wick::runtime::{
    End, EndReason, EventKind, Input, Mode, Model, ModelOptions, ModelSource, Reading, Request, Runtime,
    RuntimeOptions, Stream,
};
use wick::sample::SamplerOptions;

fn runtime() -> Runtime {
    Runtime::new(RuntimeOptions { mode: Mode::HostStep, ..RuntimeOptions::default() }).expect("a runtime")
}

fn small() -> Writer<'static> {
    Tiny::new("llama").speaking().writer()
}

/// The ids of all events, and the end.
fn read(mut stream: Stream) -> (Vec<u32>, End) {
    let mut ids = Vec::new();
    loop {
        match stream.next_blocking().expect("an end").kind {
            EventKind::Text(text) => ids.extend_from_slice(&text.tokens),
            EventKind::End(end) => return (ids, end),
            _ => {}
        }
    }
}

fn load(runtime: &Runtime, file: &Writer<'_>, sampling_from_model: bool) -> (Model, End) {
    let source = ModelSource::Gguf(Source::Memory(Box::new(file.to_bytes())));
    let options = ModelOptions { sampling_from_model, ..ModelOptions::from_source(source) };
    let (model, stream) = runtime.load(options, Reading::default()).expect("a load");
    let (_, end) = read(stream);
    (model, end)
}

/// The 24 ids that the model goes on with.
fn said(model: &Model, sampling: SamplerOptions) -> Vec<u32> {
    let session = model.session(None).expect("a session");
    let input = Input::Text("abc".into());
    let request = Request { input, max_tokens: 24, ignore_eos: true, sampling, ..Request::default() };
    let (ids, end) = read(session.generate(request, Reading::default()).expect("a stream"));
    assert_eq!(end.reason, EndReason::Length, "{end:?}");
    ids
}

#[test]
fn what_the_file_suppresses_is_said_only_if_a_bias_asks_for_it() {
    let _watchdog = watchdog();
    let runtime = runtime();
    let greedy = said(&load(&runtime, &small(), false).0, SamplerOptions::default());
    let suppressed: Vec<i32> = greedy.iter().map(|id| *id as i32).chain([-1, 5000, 1 << 30]).collect();
    let file = small().meta("tokenizer.ggml.suppress_tokens", suppressed.as_slice());
    let (model, _) = load(&runtime, &file, false);
    let mut known = greedy.clone();
    known.sort_unstable();
    known.dedup();
    assert_eq!(model.info().expect("loaded").suppressed, known);
    for sampling in [
        SamplerOptions::default(),
        SamplerOptions { temperature: 5.0, seed: 1, logprobs: true, ..SamplerOptions::default() },
    ] {
        let ids = said(&model, sampling);
        assert!(ids.len() == 24 && ids.iter().all(|id| !known.contains(id)), "{ids:?} of {known:?}");
    }
    let asks = SamplerOptions { logit_bias: vec![(greedy[0], 1e6)], ..SamplerOptions::default() };
    assert_eq!(said(&model, asks), [greedy[0]; 24]);
}

#[test]
fn where_a_request_is_silent_it_is_as_the_file_says() {
    let _watchdog = watchdog();
    let runtime = runtime();
    let file =
        small().meta("general.sampling.temp", 4.0f32).meta("general.sampling.top_k", MetaValue::I32(7));
    let (plain, _) = load(&runtime, &file, false);
    let (model, _) = load(&runtime, &file, true);
    let recommended = Recommended { temperature: Some(4.0), top_k: Some(7), ..Recommended::default() };
    assert_eq!(plain.info().expect("loaded").recommended, recommended);
    let seed =
        |temperature, top_k| SamplerOptions { temperature, top_k, seed: 7, ..SamplerOptions::default() };
    let (drawn, greedy) = (said(&plain, seed(4.0, 7)), said(&plain, seed(0.0, 0)));
    assert_ne!(drawn, greedy);
    assert_eq!(said(&model, seed(0.0, 0)), drawn);
    assert_eq!(said(&model, seed(-1.0, 0)), greedy, "a negative temperature is greedy");
    assert_eq!(said(&model, seed(0.0, -1)), said(&plain, seed(4.0, 0)), "another negative field is off");
    assert_eq!(said(&model, seed(0.0, 1)), greedy, "what a request says holds");
    let refused = |model: &Model, sampling| {
        let session = model.session(None).expect("a session");
        let request = Request { input: Input::Text("a".into()), sampling, ..Request::default() };
        session.generate(request, Reading::default()).err().map(|error| error.kind())
    };
    assert_eq!(refused(&plain, seed(-1.0, 0)), Some(ErrorKind::InvalidArgument));
    assert_eq!(refused(&model, seed(f32::NAN, 0)), Some(ErrorKind::InvalidArgument));
}

#[test]
fn a_file_that_recommends_nonsense_loads_only_where_nobody_asks() {
    let _watchdog = watchdog();
    let runtime = runtime();
    for (file, what) in [
        (small().meta("general.sampling.top_p", 7.0f32), "general.sampling: top_p is 7"),
        (small().meta("general.sampling.temp", "hot"), "general.sampling.temp"),
    ] {
        let (_, end) = load(&runtime, &file, true);
        let error = end.error.expect("refused");
        assert_eq!(error.kind(), ErrorKind::ModelInvalid);
        assert!(error.message().contains(what), "{error}");
        let (model, end) = load(&runtime, &file, false);
        assert_eq!(end.reason, EndReason::Ready);
        assert_eq!(model.info().expect("loaded").recommended, Recommended::default());
    }
}
