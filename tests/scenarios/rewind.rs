//! A session goes back: to where an END was, behind a turn's input, to any token of raw text.
#![cfg(feature = "testing")]

use crate::support::scenario::*;
use std::sync::Arc;
use std::time::Duration;
use wick::error::ErrorKind;
use wick::runtime::{EndReason, Input, Mode, Overflow, Reading, Request, Session, SessionOptions};
use wick::testing::Script;
use wick::text::Message;

/// All that can be read back of a session.
fn held(session: &Session) -> (Vec<Message>, Vec<u32>) {
    (session.messages().unwrap(), session.tokens().unwrap())
}

/// Goes back, and waits until that is done.
fn back(house: &House, session: &Session, tokens: usize) {
    session.rewind(tokens).unwrap();
    let other = house.session();
    // The engine has done it when it has done what came behind.
    let nothing = Request { prefill_only: true, ..asking("x") };
    read(&mut other.generate(nothing, Reading::default()).unwrap());
}

/// A fork that has gone back.
fn at(house: &House, session: &Session, tokens: usize) -> Session {
    let twin = session.fork().unwrap();
    back(house, &twin, tokens);
    twin
}

#[test]
fn s55_at_the_place_that_an_end_named_a_session_is_as_it_was_then() {
    both(|mode| {
        for script in kinds() {
            let house = apart(mode, &script);
            let options = SessionOptions { system: Some("Be brief.".into()), ..SessionOptions::default() };
            let session = house.model.session_with(options).unwrap();
            let mut places = Vec::new();
            for turn in 0..6 {
                let told = ask(&session, user(&"Why? ".repeat(1 + turn * 5 % 7)), 3 + turn as u32 * 11);
                places.push((told.end.stats.session_tokens as usize, held(&session)));
            }
            for (tokens, then) in &places {
                let twin = at(&house, &session, *tokens);
                assert_eq!(held(&twin), *then);
                assert_eq!((twin.info().tokens, twin.info().messages), (*tokens, then.0.len() - 1));
                let all = [&then.0[..], &[said("user", "And now?")]].concat();
                let told = ask(&twin, user("And now?"), 40);
                assert_eq!(told.tokens, alone(&script, &all, 40).tokens);
            }
            // One after the other, what is known of the past is kept.
            for (tokens, then) in places.iter().rev() {
                back(&house, &session, *tokens);
                assert_eq!(held(&session), *then);
                back(&house, &session, *tokens + 100_000);
                assert_eq!(held(&session), *then);
            }
            let told = ask(&session, user("And now?"), 1);
            let cached = told.end.stats.cached_tokens as usize;
            assert!(script != kinds()[0] || cached + 1 >= places[0].0, "{cached}");
            session.rewind(0).unwrap();
            let told = ask(&session, user("Hi"), 40);
            assert_eq!(
                told.tokens,
                alone(&script, &[said("system", "Be brief."), said("user", "Hi")], 40).tokens
            );
            house.close();
        }
    });
}

#[test]
fn s55_an_answer_that_went_on_goes_back_into_it_and_goes_on_as_before() {
    both(|mode| {
        for script in kinds() {
            let house = apart(mode, &script);
            let session = house.session();
            let mut told = vec![ask(&session, user("Tell!"), 7)];
            told.extend((0..5).map(|_| ask(&session, Input::Continue, 9)));
            let all = held(&session);
            for (index, one) in told.iter().enumerate().rev() {
                let place = one.end.stats.session_tokens as usize;
                let twin = at(&house, &session, place);
                let text: String = told[..=index].iter().map(|one| one.text.as_str()).collect();
                assert_eq!(twin.messages().unwrap()[1].content, text);
                for next in &told[index + 1..] {
                    assert_eq!(ask(&twin, Input::Continue, 9).tokens, next.tokens);
                }
                assert_eq!(held(&twin), all);
            }
            // Behind the input: the same answer once more.
            let prompt = told[0].end.stats.prompt_tokens as usize;
            back(&house, &session, prompt);
            assert_eq!(session.messages().unwrap(), [said("user", "Tell!")]);
            let again = ask(&session, Input::Continue, 7);
            assert_eq!(
                (again.tokens, again.end.stats.prompt_tokens as usize),
                (told[0].tokens.clone(), prompt)
            );
            assert!(script != kinds()[0] || again.end.stats.cached_tokens as usize + 1 >= prompt);
            house.close();
        }
    });
}

#[test]
fn s55_raw_text_goes_back_to_any_token() {
    let _watchdog = watchdog();
    for script in kinds() {
        let house = apart(wick::runtime::Mode::HostStep, &script);
        let session = house.session();
        ask(&session, Input::Text("Once upon a time".into()), 50);
        ask(&session, Input::Text(" there was".into()), 9);
        let all = session.tokens().unwrap();
        for count in (1..all.len()).step_by(7).rev() {
            let twin = at(&house, &session, count);
            assert_eq!(twin.tokens().unwrap(), all[..count]);
            let told = ask(&twin, Input::Continue, 40);
            let fresh = ask(&house.session(), Input::Tokens(all[..count].to_vec()), 40);
            assert_eq!(told.tokens, fresh.tokens, "{count}");
        }
        back(&house, &session, all.len() + 1);
        assert_eq!(session.tokens().unwrap(), all);
        session.rewind(0).unwrap();
        assert_eq!(ask(&session, user("Hi"), 1).end.reason, EndReason::Length);
        house.close();
    }
}

#[test]
fn s55_a_message_that_is_cut_goes_whole() {
    let _watchdog = watchdog();
    let house = apart(wick::runtime::Mode::HostStep, &kinds()[0]);
    let session = house.session();
    let mut all = vec![said("user", "Alpha question"), said("assistant", "Beta"), said("user", "Gamma")];
    let first = ask(&session, Input::Messages(all.clone()), 12);
    all.push(said("assistant", &first.text));
    all.extend([said("tool", "Delta delta"), said("user", "Epsilon")]);
    let second = ask(&session, Input::Messages(all[4..].to_vec()), 20);
    all.push(said("assistant", &second.text));
    assert_eq!(session.messages().unwrap(), all);
    let (mut ends, mut length) = (Vec::new(), 0);
    for message in &all {
        // <control>role\ncontent<end>\n
        ends.push(length + 2 + message.role.len() + message.content.len());
        length = ends[ends.len() - 1] + 2;
    }
    let most = second.end.stats.session_tokens as usize;
    for count in 0..=most {
        let twin = at(&house, &session, count);
        let whole = ends.iter().take_while(|end| **end <= count).count();
        let (messages, tokens) = held(&twin);
        assert_eq!(messages, all[..whole], "{count} of {ends:?}");
        assert!(tokens.len() <= count);
        assert_eq!(tokens, session.tokens().unwrap()[..tokens.len()]);
    }
    house.close();
}

#[test]
fn s55_behind_a_cancel_it_goes_back_when_the_generation_has_stopped() {
    both(|mode| {
        let house = apart(mode, &Script { gated: true, ..kinds()[3].clone() });
        let session = house.session();
        house.gate.release(5 + 3);
        let first = ask(&session, user("One"), 5);
        let place = first.end.stats.session_tokens as usize;
        let then = held(&session);
        let mut stream = session.generate(for_ascii(user("Two"), 0), Reading::default()).unwrap();
        let events = read_tokens(&mut stream, 3);
        assert_eq!(session.rewind(place).unwrap_err().kind(), ErrorKind::Busy);
        stream.cancel();
        session.rewind(place).unwrap();
        let asked = session.generate(for_ascii(user("Three"), 6), Reading::default());
        assert_eq!(read_on(events, &mut stream).end.reason, EndReason::Cancelled);
        house.gate.release(1000);
        let told = read(&mut asked.unwrap());
        let all = [&then.0[..], &[said("user", "Three")]].concat();
        let script = kinds()[3].clone();
        assert_eq!(told.tokens, alone(&script, &all, 6).tokens);
        assert_eq!(session.messages().unwrap()[..3], all);
        house.close();
    });
}

#[test]
fn s55_a_place_that_has_rolled_away_is_refused_and_a_roll_that_comes_to_nothing_gives_it_back() {
    both(|mode| {
        let house = house(mode, Script { gated: true, ..kinds()[0].clone() });
        house.gate.release(20);
        let overflow = Overflow::Roll { pinned_messages: 0 };
        let options = SessionOptions { context_length: Some(200), overflow, ..SessionOptions::default() };
        let session = house.model.session_with(options).unwrap();
        let first = ask(&session, user("One, and a few words more"), 10).end.stats.session_tokens as usize;
        let second = ask(&session, user("Two, and a few words more"), 10).end.stats.session_tokens as usize;
        let then = held(&session);
        let long = for_ascii(user(&"long ".repeat(15)), 9);
        let mut stream = session.generate(long.clone(), Reading::default()).unwrap();
        until(&house.runtime, "the roll", || session.info().rolled_messages > 0);
        stream.cancel();
        read(&mut stream);
        assert_eq!(held(&session), then);
        for place in [second, first] {
            assert_eq!(held(&at(&house, &session, place)).1.len(), place);
        }
        house.gate.release(1000);
        let told = read(&mut session.generate(long, Reading::default()).unwrap());
        assert!(session.info().rolled_messages > 0);
        let stats = told.end.stats;
        for place in [1, first.min(stats.prompt_tokens as usize - 1)] {
            let refused = session.rewind(place).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
            assert!(refused.message().contains("rolled") || refused.message().contains("gone"), "{refused}");
            assert_eq!(session.fork().unwrap().rewind(place).unwrap_err().kind(), ErrorKind::InvalidArgument);
        }
        back(&house, &session, stats.prompt_tokens as usize);
        let messages = session.messages().unwrap();
        assert_eq!(messages.last().map(|last| last.role.as_str()), Some("user"));
        session.rewind(0).unwrap();
        session.rewind(1).unwrap();
        house.close();
    });
}

#[test]
fn s55_tools_and_a_cut_character_are_as_they_were_then() {
    both(|mode| {
        let script = Script::parse(r#"{"reply":["ab",{"bytes":[195]},{"bytes":[169]},"c"]}"#).unwrap();
        let house = house(mode, script);
        let session = house.session();
        let some = |input, max_tokens| Request { input, max_tokens, ..Request::default() };
        let with = |request| read(&mut session.generate(request, Reading::default()).unwrap());
        let place = with(some(user("x"), 2)).end.stats.session_tokens as usize;
        let prompt = with(some(user("y"), 1)).end.stats.prompt_tokens;
        assert_eq!(session.messages().unwrap()[1].content, "ab\u{FFFD}");
        back(&house, &session, place);
        assert_eq!(session.messages().unwrap()[1].content, "ab");
        let tools = Some(Arc::new(serde_json::json!([{"name": "a tool of some length"}])));
        with(Request { tools, ..some(user("y"), 1) });
        back(&house, &session, place);
        assert_eq!(with(some(user("y"), 1)).end.stats.prompt_tokens, prompt);
        back(&house, &session, place);
        // The fake model begins its reply anew behind what is computed again.
        assert_eq!(with(some(Input::Continue, 0)).text, "\u{FFFD}ab\u{e9}c");
        house.close();
    });
}

#[test]
fn s55_what_is_asked_right_behind_a_rewind_or_a_cut_finds_exactly_that() {
    for (index, script) in kinds().iter().enumerate() {
        let house = apart(Mode::HostStep, &Script { slices: 3, ..script.clone() });
        let session = house.session();
        ask(&session, user("One?"), 12);
        let place = session.info().tokens;
        ask(&session, user("Two?"), 30);
        let (before, all) = (session.messages().unwrap(), session.tokens().unwrap());
        let begin = all.len() - 30;
        // Whatever the engine is doing meanwhile, for the session and for another.
        for steps in 0..12 {
            for what in ["turn", "keep", "input"] {
                let twin = session.fork().unwrap();
                let other = house.session();
                let mut beside = other.generate(for_ascii(user("Beside"), 9), Reading::default()).unwrap();
                let mut cut = twin.generate(for_ascii(user("Three?"), 9), Reading::default()).unwrap();
                for _ in 0..steps {
                    let _ = house.runtime.step(Duration::from_nanos(1));
                }
                cut.cancel();
                let mut right = match what {
                    "turn" => {
                        twin.rewind(place).unwrap();
                        before[..2].to_vec()
                    }
                    "keep" => {
                        twin.rewind(all.len()).unwrap();
                        twin.keep(7).unwrap();
                        let mut kept = before.clone();
                        kept[3].content.truncate(7);
                        kept
                    }
                    _ => {
                        twin.rewind(begin).unwrap();
                        before[..3].to_vec()
                    }
                };
                let said_next = if what == "input" { Vec::new() } else { vec![said("user", "Four?")] };
                let next = match what {
                    "input" => Input::Continue,
                    _ => Input::Messages(said_next.clone()),
                };
                let mut next = twin.generate(for_ascii(next, 10), Reading::default()).unwrap();
                let told = read(&mut next);
                right.extend(said_next);
                assert_eq!(told.tokens, alone(script, &right, 10).tokens, "{index}, {what}, {steps}");
                right.push(said("assistant", &told.text));
                assert_eq!(twin.messages().unwrap(), right, "{index}, {what}, {steps}");
                assert_eq!(read(&mut cut).end.reason, EndReason::Cancelled);
                read(&mut beside);
            }
        }
        house.close();
    }
}
