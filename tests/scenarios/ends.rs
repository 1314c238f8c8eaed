//! Scenarios S13, S32 and S34: every reason to end, each told once, with counts that are true.
#![cfg(feature = "testing")]

use crate::support::scenario;
use crate::support::scenario::*;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use wick::error::ErrorKind;
use wick::runtime::{EndReason, Input, Reading, Request, Runtime};
use wick::testing::{END, OTHER_END, Script};

#[test]
fn s13_an_end_as_the_first_token_is_started_and_stop() {
    both(|mode| {
        let house = house(mode, Script::default());
        let session = house.session();
        let told = read(&mut session.generate(asking("Hi"), Reading::default()).unwrap());
        assert!(told.started());
        assert_eq!((told.events.len(), told.said()), (2, ("", EndReason::Stop)));
        assert_eq!((told.end.stats.output_tokens, told.end.stats.prompt_tokens), (0, 2));
        // As if it had never been.
        assert_eq!(session.info().tokens, 0);
        house.close();
    });
}

#[test]
fn s32_any_of_the_end_tokens_stops_and_one_that_does_not_exist_is_none() {
    both(|mode| {
        for end_id in [END, OTHER_END, 1_000_000] {
            let house = house(mode, Script { end_id, ..Script::saying("word") });
            let session = house.session();
            let request = Request { max_tokens: 5, ..asking("Hi") };
            let told = read(&mut session.generate(request, Reading::default()).unwrap());
            if end_id == 1_000_000 {
                assert_ne!(told.end.reason, EndReason::Stop, "{told:?}");
            } else {
                assert_eq!(told.said(), ("word", EndReason::Stop));
            }
            let request = Request { max_tokens: 3, ignore_eos: true, ..asking("Hi") };
            let told = read(&mut session.generate(request, Reading::default()).unwrap());
            assert_eq!((told.end.reason, told.tokens.len()), (EndReason::Length, 3));
            house.close();
        }
    });
}

#[test]
fn s34_every_reason_to_end_comes_once_with_true_counts() {
    both(|mode| {
        let endless = Script { endless: true, ..Script::saying("word") };
        let slow = scenario::endless();
        let in_a_while = || Some(Instant::now() + Duration::from_millis(30));
        type Ask = fn(Request) -> Request;
        let plain: Ask = |request| request;
        let cases: Vec<(EndReason, Script, Ask, &str)> = vec![
            (EndReason::Stop, Script::saying("word by word"), plain, "word by word"),
            (
                EndReason::StopString,
                Script::saying("word by word"),
                |request| Request { stop: vec!["by".into()], ..request },
                "word ",
            ),
            (
                EndReason::Length,
                endless.clone(),
                |request| Request { max_tokens: 3, ..request },
                "wordwordword",
            ),
            (EndReason::ContextFull, Script { context_length: 5, ..endless.clone() }, plain, "wordwordword"),
            (EndReason::Ready, endless.clone(), |request| Request { prefill_only: true, ..request }, ""),
            (EndReason::Error, Script { fail_at: Some(2), ..endless.clone() }, plain, "wordword"),
        ];
        for (reason, script, ask, text) in cases {
            let house = house(mode, script);
            let session = house.session();
            let told = read(&mut session.generate(ask(asking("Hi")), Reading::default()).unwrap());
            assert_eq!(told.said(), (text, reason));
            let spoken = if reason == EndReason::StopString { 2 } else { text.len().div_ceil(4) };
            assert_eq!(told.end.stats.output_tokens as usize, spoken, "{told:?}");
            assert_eq!(told.end.stats.prompt_tokens, 2);
            assert_eq!(told.end.stats.session_tokens as usize, 2 + spoken);
            assert_eq!(session.info().tokens, 2 + spoken);
            if reason != EndReason::StopString {
                assert_eq!(house.model.detokenize(&told.tokens, false).unwrap(), text);
            }
            house.close();
        }
        for reason in [EndReason::Cancelled, EndReason::Deadline, EndReason::Shutdown] {
            let house = house(mode, slow.clone());
            let session = house.session();
            let deadline = in_a_while().filter(|_| reason == EndReason::Deadline);
            let request = Request { deadline, ..asking("Hi") };
            let mut stream = session.generate(request, Reading::default()).unwrap();
            // On a busy machine the deadline may come before any token.
            let events = read_tokens(&mut stream, usize::from(reason != EndReason::Deadline));
            match reason {
                EndReason::Cancelled => stream.cancel(),
                EndReason::Shutdown => house.runtime.shutdown(None).unwrap(),
                _ => {}
            }
            let told = read_on(events, &mut stream);
            assert_eq!(told.said(), ("word".repeat(told.tokens.len()).as_str(), reason));
            house.close();
        }
    });
}

#[test]
fn s34_text_that_is_held_back_comes_before_every_end() {
    both(|mode| {
        let hold = || vec!["wordwordword!".to_owned()];
        let endless = Script { endless: true, gated: true, ..Script::saying("word") };
        for reason in [
            EndReason::Length,
            EndReason::Cancelled,
            EndReason::Deadline,
            EndReason::Shutdown,
            EndReason::Error,
            EndReason::ContextFull,
        ] {
            let script = match reason {
                EndReason::Error => Script { fail_at: Some(2), ..endless.clone() },
                EndReason::ContextFull => Script { context_length: 4, ..endless.clone() },
                _ => endless.clone(),
            };
            let house = house(mode, script);
            let session = house.session();
            let max_tokens = if reason == EndReason::Length { 2 } else { 0 };
            let deadline =
                (reason == EndReason::Deadline).then(|| Instant::now() + Duration::from_millis(300));
            let request = Request { stop: hold(), max_tokens, deadline, ..asking("Hi") };
            let mut stream = session.generate(request, Reading::default()).unwrap();
            house.gate.release(if reason == EndReason::Error { 3 } else { 2 });
            until(&house.runtime, "two tokens", || {
                stream.stats().output_tokens == 2 || stream.control().has_ended()
            });
            match reason {
                EndReason::Cancelled => stream.cancel(),
                EndReason::Shutdown => house.runtime.shutdown(None).unwrap(),
                _ => {}
            }
            let told = read(&mut stream);
            // On a busy machine the deadline may come before two tokens.
            assert!(told.tokens.len() == 2 || reason == EndReason::Deadline, "{told:?}");
            let words = "word".repeat(told.tokens.len());
            assert_eq!(told.said(), (words.as_str(), reason));
            assert_eq!(house.model.detokenize(&told.tokens, false).unwrap(), words);
            house.close();
        }
    });
}

#[test]
fn s34_the_reasons_of_a_load() {
    both(|mode| {
        let broken = Script { load_error: Some("no".into()), ..Script::default() };
        for (script, reason) in [
            (Script::default(), EndReason::Ready),
            (broken, EndReason::Error),
            (Script::default(), EndReason::Cancelled),
            (Script::default(), EndReason::Shutdown),
        ] {
            let runtime = Runtime::new(options(mode)).unwrap();
            let (load, go) = held(script);
            let (model, mut loading) = begin_load(&runtime, load);
            go.store(matches!(reason, EndReason::Ready | EndReason::Error), Ordering::SeqCst);
            match reason {
                EndReason::Cancelled => loading.cancel(),
                EndReason::Shutdown => runtime.shutdown(None).unwrap(),
                _ => {}
            }
            assert_eq!(read(&mut loading).end.reason, reason);
            assert_eq!(model.spec().is_ok(), reason == EndReason::Ready);
            runtime.shutdown(None).unwrap();
            let after = model.session(None).map(drop).unwrap_err();
            assert_eq!(after.kind(), ErrorKind::Shutdown);
        }
    });
}

#[test]
fn s34_nothing_given_to_an_empty_session_is_refused_with_its_name() {
    both(|mode| {
        let house = house(mode, Script::saying("word"));
        let request = Request { input: Input::Tokens(Vec::new()), ..Request::default() };
        let session = house.session();
        let told = read(&mut session.generate(request, Reading::default()).unwrap());
        assert_eq!(told.error().kind(), ErrorKind::InvalidArgument);
        house.close();
    });
}
