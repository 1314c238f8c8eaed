//! Keys and values in q8_0 through the whole runtime: loads honour the type, or refuse it by name; a session
//! goes on and is answered as ever.
#![cfg(all(feature = "native", feature = "text", feature = "testing"))]

use crate::support::stream::watchdog;
use crate::support::tiny::Tiny;
use wick::error::ErrorKind;
use wick::gguf::Source;
use wick::runtime::{
    Backend, End, EndReason, Input, KvType, Model, ModelOptions, ModelSource, Reading, Request, Runtime,
    RuntimeOptions,
};

fn runtime() -> Runtime {
    Runtime::new(RuntimeOptions::default()).expect("a runtime")
}

fn load(runtime: &Runtime, kv_type: KvType, backend: Backend) -> (Model, Option<End>) {
    let file = Tiny { head_dim: 32, ..Tiny::new("llama") }.speaking().writer().to_bytes();
    let options = ModelOptions::from_source(ModelSource::Gguf(Source::Memory(Box::new(file))));
    let options = ModelOptions { kv_type, backend, ..options };
    let (model, mut stream) = runtime.load(options, Reading::default()).expect("a load");
    let end = stream.collect_text().ok().map(|(_, end)| end);
    (model, end)
}

/// 8 tokens behind `text` in a session that has said as much behind "aaaa".
fn second_turn(model: &Model, text: &str) -> (String, usize) {
    let session = model.session(None).expect("a session");
    let mut said = (String::new(), 0);
    for input in ["aaaa", text] {
        let input = Input::Text(input.into());
        let request = Request { input, max_tokens: 8, ignore_eos: true, ..Request::default() };
        let mut stream = session.generate(request, Reading::default()).expect("a stream");
        let (text, end) = stream.collect_text().expect("an answer");
        assert_eq!(end.reason, EndReason::Length);
        said = (text, end.stats.cached_tokens as usize);
    }
    said
}

#[test]
fn a_model_keeps_its_past_in_the_type_that_its_load_asks_for() {
    let _watchdog = watchdog();
    let runtime = runtime();
    let [halves, bytes] = [KvType::F16, KvType::Q8_0].map(|kv_type| {
        let (model, end) = load(&runtime, kv_type, Backend::Auto);
        assert_eq!(end.expect("an end").reason, EndReason::Ready);
        model
    });
    let each = |model: &Model| model.spec().expect("a spec").kv_bytes_per_token;
    assert_eq!(each(&bytes) * 64, each(&halves) * 34);
    // The second time the whole past is a hit, and the answer is the same.
    let (first, second) = (second_turn(&bytes, "bb"), second_turn(&bytes, "bb"));
    assert_eq!(first.0, second.0);
    assert!(second.1 > first.1, "{} and {} tokens were cached", first.1, second.1);
}

/// In a build without candle it is the backend that is refused.
#[test]
fn candle_refuses_what_it_has_not() {
    let _watchdog = watchdog();
    let (model, _end) = load(&runtime(), KvType::Q8_0, Backend::Candle);
    let error = model.spec().expect_err("a load that fails");
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    let named = if cfg!(feature = "candle") { "kv_type is q8_0" } else { "candle" };
    assert!(error.message().contains(named), "{error}");
}
