//! The shortest way through the whole house: a model is loaded, an answer streams, the runtime is gone.
#![cfg(feature = "testing")]

use wick::runtime::{
    EndReason, EventKind, Input, Mode, ModelOptions, ModelSource, Reading, Request, Runtime, RuntimeOptions,
};
use wick::testing::{Script, loader};

fn answer(mode: Mode) -> (Vec<String>, EndReason) {
    let runtime = Runtime::new(RuntimeOptions { mode, ..RuntimeOptions::default() }).unwrap();
    let (load, _gate) = loader(Script::saying("Hello, world. 世界!"));
    let options = ModelOptions::from_source(ModelSource::Custom(load));
    let (model, mut loading) = runtime.load(options, Reading::default()).unwrap();
    let session = model.session(None).unwrap();
    let request = Request { input: Input::Text("Hi".into()), ..Request::default() };
    let mut stream = session.generate(request, Reading::default()).unwrap();
    let mut texts = Vec::new();
    let reason = loop {
        let event = stream.next_blocking().unwrap();
        match event.kind {
            EventKind::Text(text) => texts.push(text.text.to_string()),
            EventKind::End(end) => break end.reason,
            _ => {}
        }
    };
    assert!(stream.next_blocking().is_none());
    let mut last = None;
    while let Some(event) = loading.next_blocking() {
        last = event.end_reason();
    }
    assert_eq!(last, Some(EndReason::Ready));
    runtime.shutdown(None).unwrap();
    (texts, reason)
}

#[test]
fn an_answer_streams_on_threads() {
    let (texts, reason) = answer(Mode::Threads);
    assert_eq!((texts.concat().as_str(), reason), ("Hello, world. 世界!", EndReason::Stop));
}

#[test]
fn an_answer_streams_without_threads() {
    let (texts, reason) = answer(Mode::HostStep);
    assert_eq!((texts.concat().as_str(), reason), ("Hello, world. 世界!", EndReason::Stop));
}
