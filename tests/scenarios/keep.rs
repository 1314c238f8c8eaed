//! Of an answer only what was shown or spoken is kept: dialogue that is interrupted, and goes on at once.
#![cfg(feature = "testing")]

use crate::support::scenario::saves::{restored, saved};
use crate::support::scenario::*;
use wick::error::ErrorKind;
use wick::runtime::{EndReason, Input, Mode, Reading, Request, Session};
use wick::testing::Script;

/// Keeps so many bytes, and waits until that is done.
fn keep(house: &House, session: &Session, bytes: usize) {
    session.keep(bytes).unwrap();
    done(house);
}

/// Waits until the engine has done what it was asked.
fn done(house: &House) {
    let nothing = Request { prefill_only: true, ..asking("x") };
    read(&mut house.session().generate(nothing, Reading::default()).unwrap());
}

#[test]
fn s56_what_was_not_said_is_forgotten_and_the_next_turn_is_as_if_it_had_never_been() {
    both(|mode| {
        for script in kinds() {
            let house = apart(mode, &script);
            let session = house.session();
            ask(&session, user("One?"), 6);
            let told = ask(&session, user("Tell me more!"), 40);
            let (before, all) = (session.messages().unwrap(), session.tokens().unwrap());
            let begin = told.end.stats.prompt_tokens as usize;
            for bytes in [0, 1, 7, 33, 39, 40, 1000] {
                let twin = session.fork().unwrap();
                keep(&house, &twin, bytes);
                let kept = bytes.min(40);
                let mut right = before.clone();
                match kept {
                    0 => drop(right.pop()),
                    _ => right[3].content.truncate(kept),
                }
                assert_eq!(twin.messages().unwrap(), right, "{bytes}");
                assert_eq!(twin.tokens().unwrap(), all[..begin + kept]);
                let again = twin.fork().unwrap();
                right.push(said("user", "And now?"));
                let told = ask(&twin, user("And now?"), 30);
                assert_eq!(told.tokens, alone(&script, &right, 30).tokens, "{bytes}");
                // What was computed is not computed again, as far as it is kept.
                if script == kinds()[0] && kept > 0 {
                    assert!(
                        told.end.stats.cached_tokens as usize + 1 >= begin + kept,
                        "{:?}",
                        told.end.stats
                    );
                }
                // Going on without input is going on behind what is left.
                let on = ask(&again, Input::Continue, 40 - kept as u32 + 5);
                let fresh = house.session();
                let prompt = Input::Tokens(all[..begin + kept].to_vec());
                assert_eq!(on.tokens, ask(&fresh, prompt, 40 - kept as u32 + 5).tokens, "{bytes}");
                let last = again.messages().unwrap().pop().unwrap();
                assert_eq!(last.content.len(), 45);
            }
            // A place in front of it is still one, and so is what is left.
            keep(&house, &session, 10);
            ask(&session, user("And?"), 3);
            for (place, messages) in [(begin + 10, 4), (begin, 3)] {
                let twin = session.fork().unwrap();
                twin.rewind(place).unwrap();
                done(&house);
                assert_eq!((twin.info().tokens, twin.info().messages), (place, messages));
            }
            house.close();
        }
    });
}

#[test]
fn s56_a_player_interrupts_and_the_conversation_goes_on_at_once_with_what_was_spoken() {
    both(|mode| {
        let script = Script { gated: true, ..kinds()[0].clone() };
        let house = apart(mode, &script);
        let session = house.session();
        house.gate.release(20);
        let mut stream = session.generate(for_ascii(user("Tell!"), 0), Reading::default()).unwrap();
        let events = read_tokens(&mut stream, 12);
        assert_eq!(session.keep(5).unwrap_err().kind(), ErrorKind::Busy);
        stream.cancel();
        // Nobody waits for anything.
        session.keep(5).unwrap();
        let next = session.generate(for_ascii(user("Stop. Hello?"), 8), Reading::default());
        let told = read_on(events, &mut stream);
        assert_eq!(told.end.reason, EndReason::Cancelled);
        house.gate.release(1000);
        let next = read(&mut next.unwrap());
        let right = [said("user", "Tell!"), said("assistant", &told.text[..5]), said("user", "Stop. Hello?")];
        assert_eq!(session.messages().unwrap()[..3], right);
        let open = Script { gated: false, ..script };
        assert_eq!(next.tokens, alone(&open, &right, 8).tokens);
        // The keys and values of what was said are there.
        let begin = told.end.stats.prompt_tokens;
        assert!(next.end.stats.cached_tokens >= begin + 5 - 1, "{:?}", next.end.stats);
        house.close();
    });
}

#[test]
fn s56_an_answer_that_came_to_nothing_takes_no_earlier_one_along() {
    both(|mode| {
        let house = apart(mode, &Script { gated: true, ..kinds()[1].clone() });
        let session = house.session();
        house.gate.release(8);
        ask(&session, user("One"), 8);
        let before = session.messages().unwrap();
        for bytes in [0, 3] {
            let mut stream = session.generate(for_ascii(user("Two"), 0), Reading::default()).unwrap();
            stream.cancel();
            session.keep(bytes).unwrap();
            assert_eq!(read(&mut stream).said(), ("", EndReason::Cancelled));
            // Also where the END was read first.
            session.keep(bytes).unwrap();
            until(&house.runtime, "rest", || session.info().tokens > 0);
            run_a_while(&house.runtime);
            assert_eq!(session.messages().unwrap(), before);
        }
        house.close();
    });
}

#[test]
fn s56_where_there_is_no_answer_it_is_refused() {
    both(|mode| {
        let house = apart(mode, &kinds()[2]);
        let refused = |session: &Session| session.keep(1).unwrap_err().kind() == ErrorKind::InvalidArgument;
        let session = house.session();
        assert!(refused(&session));
        let prepared = Request { prefill_only: true, ..for_ascii(user("Hi"), 0) };
        read(&mut session.generate(prepared, Reading::default()).unwrap());
        assert!(refused(&session));
        ask(&session, Input::Continue, 9);
        keep(&house, &session, 2);
        keep(&house, &session, 0);
        assert!(refused(&session));
        assert_eq!(session.messages().unwrap(), [said("user", "Hi")]);
        session.clear().unwrap();
        assert!(refused(&session));
        house.close();
    });
}

#[test]
fn s56_raw_text_and_an_answer_that_the_host_began_are_cut_too() {
    both(|mode| {
        let script = kinds()[0].clone();
        let house = apart(mode, &script);
        let session = house.session();
        ask(&session, Input::Text("Once".into()), 10);
        ask(&session, Input::Continue, 10);
        let all = session.tokens().unwrap();
        keep(&house, &session, 13);
        assert_eq!(session.tokens().unwrap(), all[..4 + 13]);
        let on = ask(&session, Input::Continue, 9).tokens;
        let fresh = ask(&house.session(), Input::Tokens(all[..17].to_vec()), 9);
        assert_eq!(on, fresh.tokens);

        let session = house.session();
        let begun = Request { answer_prefix: "Well, ".into(), ..for_ascii(user("Hi"), 9) };
        let told = read_behind(&mut session.generate(begun, Reading::default()).unwrap(), 6);
        keep(&house, &session, 4);
        assert_eq!(session.messages().unwrap()[1].content, "Well");
        let left = told.end.stats.prompt_tokens as usize - 2;
        assert_eq!(session.info().tokens, left);
        keep(&house, &session, 0);
        assert_eq!(session.info().tokens, left - 4);
        house.close();
    });
}

#[test]
fn s56_a_cut_inside_a_character_or_a_token_keeps_what_is_whole() {
    let _watchdog = watchdog();
    // Tokens of four bytes, one across two characters.
    let house = house(Mode::HostStep, Script::saying("abcdé\u{1F600}fg"));
    let session = house.session();
    let ask = |input| {
        let request = Request { input, ..Request::default() };
        read(&mut session.generate(request, Reading::default()).unwrap())
    };
    for (bytes, left, ids) in [
        (6, "abcdé", 3),
        (7, "abcdé", 3),
        (9, "abcdé", 3),
        (10, "abcdé\u{1F600}", 3 + 4),
        (5, "abcd", 1),
        (2, "ab", 2),
    ] {
        session.clear().unwrap();
        let told = ask(user("Hi"));
        assert_eq!(told.text, "abcdé\u{1F600}fg");
        keep(&house, &session, bytes);
        assert_eq!(session.messages().unwrap()[1].content, left, "{bytes}");
        let (prompt, tokens) = (told.end.stats.prompt_tokens as usize, session.tokens().unwrap());
        assert_eq!(house.model.detokenize(&tokens[prompt..], false).unwrap(), left);
        assert_eq!(tokens.len() - prompt, ids, "{bytes}");
        let next = ask(user("And?"));
        assert_eq!(next.end.stats.prompt_tokens as usize, prompt + left.len() + 2 + 12 + 11);
    }
    house.close();
}

#[test]
fn s56_an_answer_out_of_a_save_is_cut_too_also_where_it_has_gone_on_since() {
    both(|mode| {
        let house = apart(mode, &kinds()[0]);
        let session = house.session();
        ask(&session, user("Tell me!"), 12);
        for bytes in [0, 3, 12, 17] {
            let again = restored(&house, &saved(&session, true));
            ask(&again, Input::Continue, 8);
            let (mut messages, mut tokens) = (again.messages().unwrap(), again.tokens().unwrap());
            keep(&house, &again, bytes);
            match bytes {
                0 => drop(messages.pop()),
                _ => messages[1].content.truncate(bytes),
            }
            tokens.truncate(tokens.len() - 20 + bytes);
            assert_eq!((again.messages().unwrap(), again.tokens().unwrap()), (messages, tokens), "{bytes}");
        }
        house.close();
    });
}
