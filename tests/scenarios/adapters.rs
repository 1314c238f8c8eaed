//! Adapters through the whole runtime: voices of one model side by side, loads that are waited for, fail or
//! are given up, sessions that keep theirs, saves that carry it.
#![cfg(all(feature = "native", feature = "text", feature = "testing"))]

use crate::support::scenario::saves::{of, saved};
use crate::support::scenario::*;
use crate::support::tiny::Tiny;
use crate::support::tiny::adapter::TinyAdapter;
use wick::error::{Error, ErrorKind};
use wick::gguf::Source;
use wick::runtime::{
    Adapter, EndReason, Mode, Model, ModelOptions, ModelSource, Reading, Request, Runtime, RuntimeOptions,
    Session, SessionOptions,
};
use wick::testing::Script;

fn tiny() -> Tiny {
    Tiny { vocab: 60, ..Tiny::new("llama") }.speaking()
}

fn begin(runtime: &Runtime) -> (Model, wick::Stream) {
    let file = tiny().writer().to_bytes();
    let options = ModelOptions::from_source(ModelSource::Gguf(Source::Memory(Box::new(file))));
    runtime.load(options, Reading::default()).expect("a load")
}

/// A runtime with a small model that is loaded.
fn house(mode: Mode) -> (Runtime, Model) {
    let runtime = Runtime::new(RuntimeOptions { max_sequences: 64, ..options(mode) }).expect("a runtime");
    let (model, mut load) = begin(&runtime);
    assert_eq!(read(&mut load).end.reason, EndReason::Ready);
    (runtime, model)
}

fn voice(seed: u64) -> TinyAdapter {
    TinyAdapter::of(&tiny(), 4, seed)
}

fn memory(bytes: Vec<u8>) -> Source {
    Source::Memory(Box::new(bytes))
}

/// An adapter that is loaded.
#[track_caller]
fn adapter(model: &Model, tiny: &TinyAdapter) -> Adapter {
    let source = memory(tiny.writer().to_bytes());
    let (adapter, mut load) = model.load_adapter(source, Reading::default()).expect("a load");
    let told = read(&mut load);
    assert_eq!(told.end.reason, EndReason::Ready, "{:?}", told.end);
    adapter
}

fn session(model: &Model, adapter: Option<&Adapter>) -> Session {
    let adapter = adapter.map(|adapter| adapter.scaled(1.0));
    model.session_with(SessionOptions { adapter, ..SessionOptions::default() }).expect("a session")
}

fn saying(text: &str) -> Request {
    Request { max_tokens: 8, ignore_eos: true, ..asking(text) }
}

/// The ids that the session says, and how many of its tokens were known.
#[track_caller]
fn says(session: &Session, text: &str) -> (Vec<u32>, u32) {
    let told = read(&mut session.generate(saying(text), Reading::default()).expect("a stream"));
    assert_eq!(told.end.reason, EndReason::Length, "{:?}", told.end);
    (told.tokens, told.end.stats.cached_tokens)
}

#[test]
fn s58_forty_characters_have_forty_voices_and_one_set_of_weights() {
    const CHARACTERS: u64 = 40;
    both(|mode| {
        let (runtime, model) = house(mode);
        let voices: Vec<Adapter> = (0..CHARACTERS).map(|seed| adapter(&model, &voice(seed))).collect();
        let alone: Vec<_> = voices.iter().map(|voice| says(&session(&model, Some(voice)), "abc").0).collect();
        let distinct: std::collections::BTreeSet<_> = alone.iter().collect();
        assert!(distinct.len() > 30, "{} voices say as many texts", distinct.len());
        // The same again, all at once, beside one without: nobody hears another.
        let plain = says(&session(&model, None), "abc").0;
        assert!(!distinct.contains(&plain));
        runtime.trim();
        let voices = voices.iter().map(Some).chain([None]);
        let sessions: Vec<_> = voices.map(|voice| session(&model, voice)).collect();
        let streams = sessions.iter().map(|session| session.generate(saying("abc"), Reading::default()));
        let streams: Vec<_> = streams.map(|stream| stream.expect("a stream")).collect();
        for (mut stream, alone) in streams.into_iter().zip(alone.iter().chain([&plain])) {
            assert_eq!(read(&mut stream).tokens, *alone);
        }
    });
}

#[test]
fn s59_an_adapter_is_waited_for_and_its_failure_ends_who_waits() {
    both(|mode| {
        // Nothing is loaded yet: neither model nor adapter.
        let runtime = Runtime::new(options(mode)).expect("a runtime");
        let (model, load) = begin(&runtime);
        model.keep_load(load);
        let source = || memory(voice(1).writer().to_bytes());
        let (early, stream) = model.load_adapter(source(), Reading::default()).expect("a load");
        early.keep_load(stream);
        let first = says(&session(&model, Some(&early)), "abc").0;
        assert_eq!(first, says(&session(&model, Some(&adapter(&model, &voice(1)))), "abc").0);
        assert_eq!(early.info().expect("known").rank, 4);

        let other = TinyAdapter { architecture: "qwen3", ..voice(1) };
        let source = memory(other.writer().to_bytes());
        let (failing, mut stream) = model.load_adapter(source, Reading::default()).expect("a load");
        let waiting = session(&model, Some(&failing));
        let mut answer = waiting.generate(saying("abc"), Reading::default()).expect("a stream");
        let why = |error: &Error| assert!(error.message().contains("qwen3"), "{error}");
        why(read(&mut stream).error());
        why(read(&mut answer).error());
        why(&failing.info().expect_err("failed"));
        // Of a model, not an adapter; damaged; and not there.
        let whole = tiny().writer().to_bytes();
        let cut = voice(1).writer().to_bytes();
        let cut = cut[..cut.len() / 2].to_vec();
        let sources = [
            (memory(whole), ErrorKind::ModelInvalid, "general.type"),
            (memory(cut), ErrorKind::ModelInvalid, ""),
            (Source::path("/nowhere/voice.gguf"), ErrorKind::Io, "voice.gguf"),
        ];
        for (source, kind, said) in sources {
            let (_adapter, mut stream) = model.load_adapter(source, Reading::default()).expect("a load");
            let told = read(&mut stream);
            assert!(told.error().kind() == kind && told.error().message().contains(said), "{:?}", told.end);
        }
    });
}

#[test]
fn s60_a_load_is_cancelled_by_its_stream_and_by_nobody_who_wants_it() {
    both(|mode| {
        let (runtime, model) = house(mode);
        runtime.pause();
        let source = || memory(voice(1).writer().to_bytes());
        let (adapter, stream) = model.load_adapter(source(), Reading::default()).expect("a load");
        drop(stream);
        let waiting = session(&model, Some(&adapter));
        let mut answer = waiting.generate(saying("abc"), Reading::default()).expect("a stream");
        runtime.resume();
        let told = read(&mut answer);
        // The load may have been over.
        assert!(told.end.reason == EndReason::Length || told.error().kind() == ErrorKind::StaleHandle);

        // A session keeps what it needs, also of a load that nobody reads.
        let (adapter, stream) = model.load_adapter(source(), Reading::default()).expect("a load");
        adapter.keep_load(stream);
        let kept = session(&model, Some(&adapter));
        drop(adapter);
        let said = says(&kept, "abc").0;
        let twin = kept.fork().expect("a fork");
        drop(kept);
        twin.clear().expect("cleared");
        assert_eq!(says(&twin, "abc").0, said, "a fork has its source's voice");
    });
}

#[test]
fn s61_other_voices_pasts_are_never_hit_and_the_same_ones_are() {
    both(|mode| {
        let (_runtime, model) = house(mode);
        let text = "abcdefgh ".repeat(12);
        let (one, two) = (adapter(&model, &voice(1)), adapter(&model, &voice(2)));
        let plain = session(&model, None);
        let (said, known) = says(&plain, &text);
        assert_eq!(known, 0);
        assert_eq!(says(&session(&model, Some(&one)), &text).1, 0, "the model's own past");
        assert_eq!(says(&session(&model, Some(&two)), &text).1, 0, "another's past");
        let weak = SessionOptions { adapter: Some(one.scaled(0.5)), ..SessionOptions::default() };
        assert_eq!(says(&model.session_with(weak).expect("a session"), &text).1, 0, "taken less strongly");
        // The same content, loaded again.
        let again = adapter(&model, &voice(1));
        assert_eq!(again.info().expect("known").content, one.info().expect("known").content);
        assert!(says(&session(&model, Some(&again)), &text).1 > 50);

        // Another voice from the next turn on, and back.
        plain.set_adapter(Some(one.scaled(1.0))).expect("set");
        plain.clear().expect("cleared");
        let with = says(&session(&model, Some(&one)), &text).0;
        assert_eq!(says(&plain, &text).0, with);
        plain.set_adapter(None).expect("set");
        plain.clear().expect("cleared");
        assert_eq!(says(&plain, &text).0, said);
    });
}

#[test]
fn s62_a_save_knows_its_adapter_and_refuses_any_other() {
    both(|mode| {
        let (_runtime, model) = house(mode);
        let (one, two) = (adapter(&model, &voice(1)), adapter(&model, &voice(2)));
        let first = SessionOptions { adapter: Some(one.scaled(0.7)), ..SessionOptions::default() };
        let first = model.session_with(first).expect("a session");
        says(&first, "abcdefg");
        let (with, plain) = (saved(&first, true), session(&model, None));
        says(&plain, "abcdefg");
        let without = saved(&plain, true);
        let next = says(&first, "hij").0;

        let (_second, fresh) = house(mode);
        let same = adapter(&fresh, &voice(1));
        let restored =
            fresh.start_restore(of(&with), Some(same.clone()), Reading::default(), |_, stream| stream);
        let (session, mut stream) = restored.expect("a restore begins");
        assert_eq!(read(&mut stream).end.reason, EndReason::Ready);
        let (said, known) = says(&session, "hij");
        assert_eq!(said, next, "with its own adapter, as strongly");
        assert!(known > 10, "its keys and values came along: {known}");
        let mut warmed = fresh
            .start_warm(of(&with), Some(same.clone()), Reading::default(), |stream| stream)
            .expect("a warm begins");
        assert_eq!(read(&mut warmed).end.reason, EndReason::Ready);

        let other = adapter(&fresh, &voice(2));
        let cases = [
            (&with, None, "was made with the adapter"),
            (&with, Some(other), "give that one"),
            (&without, Some(same), "was made without an adapter"),
        ];
        for (bytes, given, said) in cases {
            let error = |stream: &mut wick::Stream| read(stream).error().clone();
            let restored =
                fresh.start_restore(of(bytes), given.clone(), Reading::default(), |_, stream| stream);
            let refused = error(&mut restored.expect("a restore begins").1);
            assert!(
                refused.message().contains(said) && refused.kind() == ErrorKind::Unsupported,
                "{refused}"
            );
            let warmed = fresh.start_warm(of(bytes), given, Reading::default(), |stream| stream);
            let refused = error(&mut warmed.expect("a warm begins"));
            assert!(
                refused.message().contains(said) && refused.kind() == ErrorKind::Unsupported,
                "{refused}"
            );
        }
        drop(two);
    });
}

#[test]
fn an_adapter_is_of_one_model_and_of_a_backend_that_computes_it() {
    both(|mode| {
        let (runtime, model) = house(mode);
        let one = adapter(&model, &voice(1));
        let (other, mut load) = begin(&runtime);
        assert_eq!(read(&mut load).end.reason, EndReason::Ready);
        let options =
            |scale| SessionOptions { adapter: Some(one.scaled(scale)), ..SessionOptions::default() };
        for (model, scale, said) in [(&other, 1.0, "another model"), (&model, f32::NAN, "NaN")] {
            let error = model.session_with(options(scale)).expect_err(said);
            assert!(error.kind() == ErrorKind::InvalidArgument && error.message().contains(said), "{error}");
            let error = session(model, None).set_adapter(Some(one.scaled(scale))).expect_err(said);
            assert!(error.kind() == ErrorKind::InvalidArgument && error.message().contains(said), "{error}");
        }
        let scripted = crate::support::scenario::house(mode, Script::saying("word"));
        let source = memory(voice(1).writer().to_bytes());
        let (_adapter, mut load) =
            scripted.model.load_adapter(source, Reading::default()).expect("a load begins");
        let told = read(&mut load);
        assert_eq!(told.error().kind(), ErrorKind::Unsupported);
        assert!(told.error().message().contains("the fake backend computes no adapters"), "{:?}", told.end);
    });
}
