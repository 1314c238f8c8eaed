//! What a session keeps: it goes on, it converses, it forgets, and a generation that came to nothing leaves
//! it as it was.
#![cfg(feature = "testing")]

use crate::support::scenario::*;
use wick::error::ErrorKind;
use wick::runtime::{EndReason, Input, Reading, Request, Session};
use wick::testing::Script;
use wick::text::Message;

fn user(text: &str) -> Input {
    Input::Messages(vec![Message { role: "user".into(), content: text.into(), extra: None }])
}

fn with(session: &Session, input: Input) -> Told {
    let request = Request { input, ..Request::default() };
    read(&mut session.generate(request, Reading::default()).unwrap())
}

fn size(session: &Session) -> (usize, usize) {
    (session.info().tokens, session.info().messages)
}

#[test]
fn s30_a_session_goes_on_and_computes_only_what_is_new() {
    both(|mode| {
        let house = house(mode, Script::saying("word"));
        let session = house.session();
        assert_eq!(with(&session, Input::Text("12345".into())).said(), ("word", EndReason::Stop));
        assert_eq!(size(&session), (6, 0));
        let told = with(&session, Input::Text("678".into()));
        assert_eq!(told.said(), ("word", EndReason::Stop));
        assert_eq!((told.end.stats.prompt_tokens, told.end.stats.session_tokens), (9, 10));
        assert!(told.end.stats.cached_tokens >= 5, "{:?}", told.end.stats);
        assert!(house.gate.prefilled() <= 5 + 4, "{}", house.gate.prefilled());
        house.close();
    });
}

#[test]
fn s30_a_conversation_is_rendered_whole_and_keeps_its_answers() {
    both(|mode| {
        for rewinds in [true, false] {
            let house = house(mode, Script { rewinds, ..Script::saying("an answer") });
            let session = house.session();
            let whole = |turns: u64| 9 * turns;
            let first = with(&session, user("Hi"));
            assert_eq!(first.said(), ("an answer", EndReason::Stop));
            // <control>user\nHi<end>\n<control>assistant\n
            assert_eq!(first.end.stats.prompt_tokens, 1 + 5 + 2 + 1 + 1 + 1 + 10);
            assert_eq!(size(&session).1, 2);
            let second = with(&session, user("And?"));
            assert_eq!(second.said(), ("an answer", EndReason::Stop));
            let before = 21 + whole(1) + 2;
            assert_eq!(u64::from(second.end.stats.prompt_tokens), before + 1 + 5 + 4 + 2 + 11);
            assert_eq!(size(&session).1, 4);
            assert_eq!(with(&session, Input::Text("raw".into())).error().kind(), ErrorKind::InvalidArgument);
            assert_eq!(size(&session).1, 4);
            house.close();
        }
    });
}

#[test]
fn s13_a_generation_that_ends_before_its_first_token_leaves_the_session_as_it_was() {
    both(|mode| {
        let house = house(mode, Script { gated: true, ..Script::saying("word") });
        let session = house.session();
        // "word" and the end.
        house.gate.release(2);
        assert_eq!(with(&session, user("Hi")).said(), ("word", EndReason::Stop));
        let before = size(&session);
        let request = Request { input: user(&"long".repeat(150)), ..Request::default() };
        let prefilled = house.gate.prefilled();
        let mut stream = session.generate(request, Reading::default()).unwrap();
        // One pass of 512 tokens is over, the next one waits for the gate.
        until(&house.runtime, "some prefill", || house.gate.prefilled() > prefilled + 512);
        stream.cancel();
        assert_eq!(read(&mut stream).said(), ("", EndReason::Cancelled));
        assert_eq!(size(&session), before);
        house.gate.release(2);
        let told = with(&session, user("Again"));
        assert_eq!(told.said(), ("word", EndReason::Stop));
        assert_eq!(size(&session).1, 4);
        house.close();
    });
}

#[test]
fn s34_prefill_only_prepares_and_the_next_goes_on_from_there() {
    both(|mode| {
        let house = house(mode, Script::saying("word"));
        let session = house.session();
        let request = Request { prefill_only: true, ..asking("123456") };
        let told = read(&mut session.generate(request.clone(), Reading::default()).unwrap());
        assert_eq!(told.said(), ("", EndReason::Ready));
        assert_eq!((size(&session), house.gate.prefilled(), house.gate.computed()), ((6, 0), 6, 0));
        let nothing_new = Request { input: Input::Continue, ..request };
        let told = read(&mut session.generate(nothing_new, Reading::default()).unwrap());
        assert_eq!(told.said(), ("", EndReason::Ready));
        let told = with(&session, Input::Continue);
        assert_eq!(told.said(), ("word", EndReason::Stop));
        assert_eq!(told.end.stats.cached_tokens, 5);
        house.close();
    });
}

#[test]
fn s14_a_session_that_is_cleared_takes_what_it_refused() {
    both(|mode| {
        let house = house(mode, Script::saying("word"));
        let session = house.session();
        assert_eq!(with(&session, Input::Text("raw".into())).said(), ("word", EndReason::Stop));
        assert_eq!(with(&session, user("Hi")).error().kind(), ErrorKind::InvalidArgument);
        session.clear().unwrap();
        assert_eq!(with(&session, user("Hi")).said(), ("word", EndReason::Stop));
        assert_eq!(size(&session), (21 + 1, 2));
        let live =
            session.generate(Request { input: user("More"), ..Request::default() }, Reading::default());
        let mut live = live.unwrap();
        if !live.control().has_ended() {
            let busy = session.clear();
            assert!(busy.is_ok() || busy.unwrap_err().kind() == ErrorKind::Busy);
        }
        live.cancel();
        session.clear().unwrap();
        while live.next_blocking().is_some() {}
        assert_eq!(with(&session, Input::Text("raw".into())).said(), ("word", EndReason::Stop));
        assert_eq!(size(&session), (4, 0));
        house.close();
    });
}

#[test]
fn s34_a_full_context_ends_and_a_cleared_session_begins_anew() {
    both(|mode| {
        let house = house(mode, Script { endless: true, ..Script::saying("word") });
        let session = house.model.session(Some(6)).unwrap();
        let told = with(&session, Input::Text("1234".into()));
        assert_eq!(told.said(), ("wordword", EndReason::ContextFull));
        assert_eq!(session.info().context_left(), Some(0));
        assert_eq!(with(&session, Input::Continue).said(), ("", EndReason::ContextFull));
        assert_eq!(with(&session, Input::Text("5".into())).error().kind(), ErrorKind::ContextFull);
        session.clear().unwrap();
        assert_eq!(with(&session, Input::Text("12345".into())).said(), ("word", EndReason::ContextFull));
        house.close();
    });
}

#[test]
fn s18_a_session_that_is_dropped_cancels_and_forgets() {
    both(|mode| {
        let house = house(mode, endless());
        let (session, mut stream) = house.ask("Hi");
        let events = read_tokens(&mut stream, 3);
        drop(session);
        assert_eq!(read_on(events, &mut stream).end.reason, EndReason::Cancelled);
        house.runtime.trim();
        until(&house.runtime, "its memory to be free", || house.runtime.info().kv_and_scratch_bytes == 0);
        house.close();
    });
}
