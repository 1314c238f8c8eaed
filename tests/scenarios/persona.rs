//! What belongs to a session and not to a turn: its system message, its tools, its template's variables.
#![cfg(feature = "testing")]

use crate::support::scenario::*;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use wick::error::ErrorKind;
use wick::runtime::{EndReason, Input, Mode, Reading, Request, Session, SessionOptions};
use wick::testing::Script;
use wick::text::Message;

fn message(role: &str, content: &str) -> Message {
    Message { role: role.into(), content: content.into(), extra: None }
}

fn user(text: &str) -> Input {
    Input::Messages(vec![message("user", text)])
}

/// A fake model that says what it was given.
fn parrot(mode: Mode) -> House {
    house(mode, Script { echo: true, rewinds: false, ..Script::default() })
}

fn told(session: &Session, request: Request) -> Told {
    read(&mut session.generate(request, Reading::default()).expect("a stream"))
}

/// The first 80 tokens of the prompt that the model was given, which end-of-generation tokens are part of.
fn echo(session: &Session, request: Request) -> String {
    let told = told(session, Request { max_tokens: 80, ignore_eos: true, ..request });
    assert_eq!(told.end.reason, EndReason::Length, "{:?}", told.end);
    told.text
}

/// As [`echo`], of `input` alone.
fn prompt(session: &Session, input: Input) -> String {
    echo(session, Request { input, ..Request::default() })
}

fn persona(house: &House, system: &str) -> Session {
    let options = SessionOptions { system: Some(system.into()), ..SessionOptions::default() };
    house.model.session_with(options).expect("a session")
}

fn kind(session: &Session, input: Input) -> Option<ErrorKind> {
    let request = Request { input, ..Request::default() };
    session.generate(request, Reading::default()).err().map(|error| error.kind())
}

#[test]
fn s39_a_persona_outlives_a_cancelled_first_turn_and_a_clear() {
    both(|mode| {
        let house = house(mode, Script { gated: true, echo: true, rewinds: false, ..Script::default() });
        let session = persona(&house, "You are Tom");
        let mut first =
            session.generate(Request { input: user("Hi"), ..Request::default() }, Reading::default());
        let first = first.as_mut().expect("a stream");
        first.cancel();
        assert_eq!(read(first).said(), ("", EndReason::Cancelled));
        assert_eq!(session.info().messages, 0);
        house.gate.release(10_000);
        let whole = "system\nYou are Tom\nuser\nHello\nassistant\n";
        assert_eq!(prompt(&session, user("Hello")), whole);
        let second = prompt(&session, user("And?"));
        assert!(second.starts_with(whole) && second.len() > whole.len(), "{second}");
        session.clear().unwrap();
        assert_eq!(prompt(&session, user("Hello")), whole);
        house.close();
    });
}

#[test]
fn s39_another_system_message_counts_from_the_next_turn_on() {
    both(|mode| {
        let house = house(mode, Script { gated: true, echo: true, rewinds: false, ..Script::default() });
        let session = persona(&house, "a cat");
        let request = Request { input: user("Hi"), max_tokens: 80, ignore_eos: true, ..Request::default() };
        let mut live = session.generate(request, Reading::default()).unwrap();
        // Submitted before: it keeps what it was started with, whether the engine has heard of it or not.
        session.set_system(Some("a dog".into())).unwrap();
        house.gate.release(10_000);
        assert_eq!(read(&mut live).text, "system\na cat\nuser\nHi\nassistant\n");
        let next = prompt(&session, user("Who?"));
        assert!(next.starts_with("system\na dog\nuser\nHi\nassistant\n"), "{next}");
        session.set_system(None).unwrap();
        let last = prompt(&session, user("And now?"));
        assert!(last.starts_with("user\nHi\nassistant\n"), "{last}");
        // Of a session that never had one, too; what is said first may then be no system message.
        let other = house.session();
        other.set_system(Some("late".into())).unwrap();
        assert_eq!(prompt(&other, user("Hi")), "system\nlate\nuser\nHi\nassistant\n");
        house.close();
    });
}

#[test]
fn s39b_a_session_with_a_system_message_takes_messages_only_and_no_second_one() {
    both(|mode| {
        let house = parrot(mode);
        let session = persona(&house, "a cat");
        let first = || Input::Messages(vec![message("system", "a dog"), message("user", "Hi")]);
        for input in [Input::Text("raw".into()), Input::Tokens(vec![65]), first(), Input::Continue] {
            assert_eq!(kind(&session, input.clone()), Some(ErrorKind::InvalidArgument), "{input:?}");
        }
        prompt(&session, user("Hi"));
        // Later ones are messages like others.
        let note = Input::Messages(vec![message("system", "It rains."), message("user", "And?")]);
        prompt(&session, note);
        assert_eq!(session.info().messages, 5);
        session.clear().unwrap();
        assert_eq!(kind(&session, first()), Some(ErrorKind::InvalidArgument));
        // Without its own it takes what it refused.
        session.set_system(None).unwrap();
        assert_eq!(prompt(&session, first()), "system\na dog\nuser\nHi\nassistant\n");
        // And then it takes no second one.
        let refused = session.set_system(Some("a cat".into())).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidArgument, "{refused}");
        session.clear().unwrap();
        session.set_system(Some("a cat".into())).unwrap();
        house.close();
    });
}

#[test]
fn s39b_a_session_with_raw_input_has_no_system_message_until_it_is_cleared() {
    both(|mode| {
        let house = parrot(mode);
        let session = house.session();
        let mut stream = session.generate(asking("raw"), Reading::default()).unwrap();
        for _ in 0..2 {
            let refused = session.set_system(Some("a cat".into())).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidArgument, "{refused}");
            while stream.next_blocking().is_some() {}
        }
        session.clear().unwrap();
        session.set_system(Some("a cat".into())).unwrap();
        assert_eq!(prompt(&session, user("Hi")), "system\na cat\nuser\nHi\nassistant\n");
        house.close();
    });
}

/// Whether `session` refuses a system message after each of the first `steps` steps of the runtime.
fn refuses(house: &House, session: &Session, steps: usize) -> Vec<bool> {
    let ask = |step| {
        if step > 0 {
            house.runtime.step(Duration::ZERO).expect("a step");
        }
        session.set_system(Some("a cat".into())).is_err()
    };
    (0..=steps).map(ask).collect()
}

#[test]
fn s39b_whether_a_system_message_is_taken_does_not_depend_on_how_far_the_engine_is() {
    let _watchdog = watchdog();
    let house = house(Mode::HostStep, Script { gated: true, ..Script::saying("word") });
    let system = || Input::Messages(vec![message("system", "a dog"), message("user", "Hi")]);
    let inputs = [asking("raw").input, Input::Tokens(vec![65]), system()];
    for (input, before) in inputs
        .iter()
        .flat_map(|input| [None, Some(user("Hi")), Some(asking("raw").input)].map(|before| (input, before)))
    {
        let session = house.session();
        // Comes to nothing, before or after the next one is handed in.
        let cancelled = before.clone().map(|input| {
            let request = Request { input, ..Request::default() };
            let stream = session.generate(request, Reading::default()).unwrap();
            stream.cancel();
            stream
        });
        let request = Request { input: input.clone(), max_tokens: 1, ..Request::default() };
        let mut live = session.generate(request, Reading::default()).unwrap();
        assert_eq!(refuses(&house, &session, 8), [true; 9], "{input:?} behind {before:?}");
        house.gate.release(1);
        assert_eq!(read(&mut live).end.reason, EndReason::Length);
        assert_eq!(refuses(&house, &session, 0), [true], "{input:?} behind {before:?}");
        drop(cancelled);
    }
    // Raw input that the session cannot take changes nothing.
    let session = house.session();
    house.gate.release(1);
    let request = |input| Request { input, max_tokens: 1, ..Request::default() };
    read(&mut session.generate(request(user("Hi")), Reading::default()).unwrap());
    let mut live = session.generate(request(asking("raw").input), Reading::default()).unwrap();
    assert_eq!(refuses(&house, &session, 8), [false; 9]);
    assert_eq!(read(&mut live).error().kind(), ErrorKind::InvalidArgument);
    house.close();
}

#[test]
fn s39_tools_and_variables_are_the_sessions_until_a_turn_brings_its_own() {
    both(|mode| {
        let house = parrot(mode);
        let object = |value: serde_json::Value| value.as_object().cloned().expect("an object");
        let options = SessionOptions {
            tools: Some(json!([{"name": "own"}])),
            template: Some(object(json!({"thinking": true}))),
            ..SessionOptions::default()
        };
        let session = house.model.session_with(options).unwrap();
        let own = "tools [{\"name\":\"own\"}]\nvariables {\"thinking\":true}\nuser\nHi\n";
        assert!(prompt(&session, user("Hi")).starts_with(own));
        assert!(prompt(&session, user("Again")).starts_with(own));
        // A turn that comes to nothing leaves them as they were.
        let full = Request {
            input: user(&"long".repeat(2000)),
            tools: Some(Arc::new(json!([{"name": "lost"}]))),
            ..Request::default()
        };
        assert_eq!(told(&session, full).error().kind(), ErrorKind::ContextFull);
        assert!(prompt(&session, user("Still")).starts_with(own));
        // Whole, from that turn on, and one without the other.
        let other = Request {
            input: user("Other"),
            template: Some(Arc::new(object(json!({"date": "today"})))),
            ..Request::default()
        };
        let replaced = "tools [{\"name\":\"own\"}]\nvariables {\"date\":\"today\"}\nuser\nHi\n";
        assert!(echo(&session, other).starts_with(replaced));
        assert!(prompt(&session, user("More")).starts_with(replaced));
        let none = Request {
            input: user("None"),
            tools: Some(Arc::new(json!([]))),
            template: Some(Arc::default()),
            ..Request::default()
        };
        assert!(echo(&session, none).starts_with("user\nHi\n"));
        assert!(prompt(&session, user("Still none")).starts_with("user\nHi\n"));
        session.clear().unwrap();
        assert!(prompt(&session, user("Hi")).starts_with(own));
        house.close();
    });
}

#[test]
fn tools_without_messages_are_refused_by_name() {
    both(|mode| {
        let house = parrot(mode);
        let session = house.session();
        let request = Request { tools: Some(Arc::new(json!([]))), ..asking("raw") };
        let refused = session.generate(request, Reading::default()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
        assert!(refused.to_string().contains("tools_json"), "{refused}");
        house.close();
    });
}

#[test]
fn a_context_beyond_the_models_is_an_error_with_both_numbers() {
    both(|mode| {
        let house = house(mode, Script { context_length: 64, ..Script::saying("word") });
        let refused = house.model.session(Some(65)).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
        let message = refused.to_string();
        assert!(message.contains("65") && message.contains("64"), "{message}");
        let session = house.model.session(Some(64)).unwrap();
        assert_eq!(told(&session, asking("Hi")).said(), ("word", EndReason::Stop));
        house.close();
        // While the model loads nobody knows: the generation says it.
        let runtime = wick::runtime::Runtime::new(options(mode)).unwrap();
        let (load, go) = held(Script { context_length: 64, ..Script::saying("word") });
        let (model, mut loading) = begin_load(&runtime, load);
        let session = model.session(Some(65)).unwrap();
        let mut stream = session.generate(asking("Hi"), Reading::default()).unwrap();
        go.store(true, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(read(&mut loading).end.reason, EndReason::Ready);
        assert_eq!(read(&mut stream).error().kind(), ErrorKind::InvalidArgument);
        drop((session, model));
        runtime.shutdown(None).unwrap();
    });
}
