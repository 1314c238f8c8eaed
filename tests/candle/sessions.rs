//! Sessions of the candle backend through the whole runtime: forks, rewinds and restores say what a session
//! from nothing says, computed again; what the backend does without is said, or refused by name.
#![cfg(feature = "text")]

use crate::support::scenario::saves::{Storage, of};
use crate::support::scenario::*;
use crate::support::stream::watchdog;
use crate::support::tiny::Tiny;
use crate::support::tiny::adapter::TinyAdapter;
use wick::error::ErrorKind;
use wick::gguf::Source;
use wick::runtime::{
    Backend, EndReason, Input, KvType, Mode, Model, ModelOptions, ModelSource, PrefixCache, Reading, Request,
    Runtime, Session,
};

const ARCHITECTURES: [&str; 3] = ["llama", "qwen3", "gemma3"];

fn model_of(tiny: &Tiny, backend: Backend) -> (Runtime, Model) {
    let runtime = Runtime::new(options(Mode::Threads)).expect("a runtime");
    let file = tiny.writer().to_bytes();
    let options = ModelOptions::from_source(ModelSource::Gguf(Source::Memory(Box::new(file))));
    let (model, mut load) =
        runtime.load(ModelOptions { backend, ..options }, Reading::default()).expect("a load");
    let told = read(&mut load);
    assert_eq!(told.end.reason, EndReason::Ready, "{:?}", told.end);
    (runtime, model)
}

fn candle(architecture: &'static str) -> (Runtime, Model) {
    model_of(&Tiny::new(architecture).speaking(), Backend::Candle)
}

/// The ids that the session says behind `text`, and how many of its tokens were known.
#[track_caller]
fn says(session: &Session, text: &str) -> (Vec<u32>, u32) {
    let input = Input::Text(text.into());
    let request = Request { input, max_tokens: 12, ignore_eos: true, ..Request::default() };
    let told = read(&mut session.generate(request, Reading::default()).expect("a stream"));
    assert_eq!(told.end.reason, EndReason::Length, "{:?}", told.end);
    (told.tokens, told.end.stats.cached_tokens)
}

/// What a session from nothing says that is given these texts one after the other.
fn from_nothing(model: &Model, texts: &[&str]) -> Vec<u32> {
    let session = model.session(None).expect("a session");
    texts.iter().fold(Vec::new(), |_, text| says(&session, text).0)
}

#[test]
fn a_fork_says_what_a_session_from_nothing_says() {
    let _watchdog = watchdog();
    for architecture in ARCHITECTURES {
        let (_runtime, model) = candle(architecture);
        let session = model.session(None).expect("a session");
        says(&session, "a quick brown fox");
        let twin = session.fork().expect("a fork");
        let (said, known) = says(&twin, " jumps");
        assert_eq!(known, 0, "it is computed again");
        assert_eq!(said, from_nothing(&model, &["a quick brown fox", " jumps"]), "{architecture}");
        // The first one goes on where it was, without computing anything again.
        let (other, known) = says(&session, " sleeps");
        assert!(known > 0, "a session that only goes on keeps its past");
        assert_eq!(other, from_nothing(&model, &["a quick brown fox", " sleeps"]), "{architecture}");
    }
}

#[test]
fn a_rewound_session_says_what_a_session_from_nothing_says() {
    let _watchdog = watchdog();
    for architecture in ARCHITECTURES {
        let (_runtime, model) = candle(architecture);
        let session = model.session(None).expect("a session");
        says(&session, "a quick brown fox");
        let length = session.info().tokens;
        let first = says(&session, " jumps").0;
        session.rewind(length).expect("a place");
        let (second, known) = says(&session, " sleeps");
        assert_eq!(known, 0, "it is computed again");
        assert_eq!(second, from_nothing(&model, &["a quick brown fox", " sleeps"]), "{architecture}");
        session.rewind(length).expect("a place");
        assert_eq!(says(&session, " jumps").0, first, "{architecture}");
    }
}

#[test]
fn a_restored_session_says_what_a_session_from_nothing_says() {
    let _watchdog = watchdog();
    for architecture in ARCHITECTURES {
        let (_runtime, model) = candle(architecture);
        let session = model.session(None).expect("a session");
        says(&session, "a quick brown fox");
        let sizes = [true, false].map(|with_kv| {
            let storage = Storage::default();
            let saved = session.save(storage.place(), with_kv, Reading::default());
            let told = read(&mut saved.expect("a save begins"));
            assert_eq!(told.end.reason, EndReason::Ready, "{:?}", told.end);
            let bytes = storage.bytes();
            let (restored, mut stream) = model.restore(of(&bytes), Reading::default()).expect("a restore");
            assert_eq!(read(&mut stream).end.reason, EndReason::Ready);
            let (said, known) = says(&restored, " jumps");
            assert_eq!(known, 0, "it is computed again");
            assert_eq!(said, from_nothing(&model, &["a quick brown fox", " jumps"]), "{architecture}");
            // No prefix pack: nothing is shared.
            let mut warm = model.warm(of(&bytes), Reading::default()).expect("a stream");
            assert_eq!(read(&mut warm).error().kind(), ErrorKind::Unsupported);
            bytes.len()
        });
        assert_eq!(sizes[0], sizes[1], "a save has no keys and values, asked for or not");
    }
}

/// A save with keys and values of the native backend is a save: they are computed again.
#[cfg(feature = "native")]
#[test]
fn a_save_of_the_native_backend_is_restored_without_its_keys_and_values() {
    let _watchdog = watchdog();
    let tiny = Tiny::new("llama").speaking();
    let (_native, theirs) = model_of(&tiny, Backend::Native);
    let (_candle, ours) = model_of(&tiny, Backend::Candle);
    let session = theirs.session(None).expect("a session");
    says(&session, "a quick brown fox");
    let storage = Storage::default();
    let saved = session.save(storage.place(), true, Reading::default());
    assert_eq!(read(&mut saved.expect("a save begins")).end.reason, EndReason::Ready);
    let (restored, mut stream) = ours.restore(of(&storage.bytes()), Reading::default()).expect("a restore");
    assert_eq!(read(&mut stream).end.reason, EndReason::Ready);
    assert_eq!(restored.tokens().expect("tokens"), session.tokens().expect("tokens"));
    assert_eq!(says(&restored, " jumps").1, 0);
}

/// Two sessions that begin alike, and one that repeats itself: nothing is hit, nothing drafted.
#[test]
fn nothing_is_shared_and_nothing_drafted() {
    let _watchdog = watchdog();
    let (_runtime, model) = candle("llama");
    let session = model.session(None).expect("a session");
    assert_eq!(says(&session, "abab abab abab abab").1, 0);
    let other = model.session(None).expect("a session");
    assert_eq!(says(&other, "abab abab abab abab").1, 0);
    let input = Input::Text("abab abab abab abab".into());
    let request = Request { input, max_tokens: 64, ignore_eos: true, ..Request::default() };
    let told = read(&mut other.generate(request, Reading::default()).expect("a stream"));
    assert_eq!(told.end.stats.draft_tokens, 0);
}

#[test]
fn the_info_says_what_there_is_not() {
    let _watchdog = watchdog();
    let tiny = Tiny::new("llama").speaking();
    let (_runtime, model) = model_of(&tiny, Backend::Candle);
    let info = model.info().expect("a model");
    assert_eq!(
        (info.spec.backend, info.prefix_cache, info.drafts, info.adapters),
        ("candle", false, false, false)
    );
    if cfg!(feature = "native") {
        let (runtime, model) = model_of(&tiny, Backend::Auto);
        let info = model.info().expect("a model");
        assert_eq!(
            (info.spec.backend, info.prefix_cache, info.drafts, info.adapters),
            ("native", true, true, true)
        );
        // What is there can be off.
        let source = ModelSource::Gguf(Source::Memory(Box::new(tiny.writer().to_bytes())));
        let options = ModelOptions::from_source(source);
        let options = ModelOptions { prefix_cache: PrefixCache::Off, drafts: false, ..options };
        let (model, mut load) = runtime.load(options, Reading::default()).expect("a load");
        read(&mut load);
        let info = model.info().expect("a model");
        assert_eq!((info.prefix_cache, info.drafts, info.adapters), (false, false, true));
    }
}

#[test]
fn an_adapter_and_another_type_of_keys_are_refused_with_the_way_out() {
    let _watchdog = watchdog();
    let tiny = Tiny { vocab: 60, ..Tiny::new("llama") }.speaking();
    let (runtime, model) = model_of(&tiny, Backend::Candle);
    let file = TinyAdapter::of(&tiny, 4, 1).writer().to_bytes();
    let (_adapter, mut load) =
        model.load_adapter(Source::Memory(Box::new(file)), Reading::default()).expect("a load");
    let error = read(&mut load).error().clone();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("candle backend computes no adapters"), "{error}");
    assert!(error.message().contains("native"), "{error}");

    let source = ModelSource::Gguf(Source::Memory(Box::new(tiny.writer().to_bytes())));
    let options = ModelOptions::from_source(source);
    let options = ModelOptions { backend: Backend::Candle, kv_type: KvType::Q8_0, ..options };
    let (_model, mut load) = runtime.load(options, Reading::default()).expect("a load");
    let error = read(&mut load).error().clone();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("kv_type is q8_0") && error.message().contains("native"), "{error}");
}

#[test]
fn a_model_with_an_operation_that_candle_lacks_is_refused_before_a_tensor_is_read() {
    let _watchdog = watchdog();
    let runtime = Runtime::new(options(Mode::Threads)).expect("a runtime");
    for (architecture, what) in
        [("qwen3moe", "experts"), ("lfm2", "a short convolution"), ("gpt-oss", "attention sinks")]
    {
        let file = Tiny::new(architecture).speaking().writer().to_bytes();
        let source = ModelSource::Gguf(Source::Memory(Box::new(file)));
        let options = ModelOptions { backend: Backend::Candle, ..ModelOptions::from_source(source) };
        let (_model, mut load) = runtime.load(options, Reading::default()).expect("a load");
        let told = read(&mut load);
        let error = told.error();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        for said in [architecture, what, "candle backend", "native backend"] {
            assert!(error.message().contains(said), "{error}");
        }
    }
}
