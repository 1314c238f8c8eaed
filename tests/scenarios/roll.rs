//! A conversation that outgrows its context: the oldest exchanges go, what stays is computed as if nothing
//! else had been.
#![cfg(feature = "testing")]

use crate::support::scenario::*;
use serde_json::{Value, json};
use wick::error::ErrorKind;
use wick::runtime::{EndReason, EventKind, Input, Mode, Overflow, Reading, Request, Session, SessionOptions};
use wick::sample::SamplerOptions;
use wick::testing::{CONTROL, Script};
use wick::text::Message;

fn message(role: &str, content: &str) -> Message {
    Message { role: role.into(), content: content.into(), extra: None }
}

fn user(text: &str) -> Input {
    Input::Messages(vec![message("user", text)])
}

/// A model whose words depend on all that it sees, bit for bit.
fn script() -> Script {
    Script { random: Some(7), max_tokens: 64, ..Script::default() }
}

fn rolling(house: &House, context: usize, pinned_messages: usize) -> Session {
    let options = SessionOptions {
        context_length: Some(context),
        system: Some("Be brief.".into()),
        overflow: Overflow::Roll { pinned_messages },
        ..SessionOptions::default()
    };
    house.model.session_with(options).expect("a session")
}

/// Answers are ASCII: nothing of them is lost as text.
fn request(input: Input, max_tokens: u32) -> Request {
    let logit_bias = (128..=CONTROL).map(|id| (id, f32::NEG_INFINITY)).collect();
    let sampling = SamplerOptions { logit_bias, ..SamplerOptions::default() };
    Request { input, max_tokens, sampling, ..Request::default() }
}

fn ask(session: &Session, input: Input, max_tokens: u32) -> Told {
    let request = request(input, max_tokens);
    read(&mut session.generate(request, Reading::default()).expect("a stream"))
}

/// The library's notes of a stream.
fn notes(told: &Told) -> Vec<Value> {
    let note = |event: &wick::Event| match &event.kind {
        EventKind::LibraryNote(note) => serde_json::from_str(note).ok(),
        _ => None,
    };
    told.events.iter().filter_map(note).collect()
}

/// `<control>role\ncontent<end>\n`
fn size(message: &Message) -> usize {
    1 + message.role.len() + 1 + message.content.len() + 2
}

/// What a session says that begins with these messages, in a runtime that has computed nothing else.
fn alone(script: &Script, messages: &[Message], max_tokens: u32) -> Vec<u32> {
    let house = house(Mode::HostStep, script.clone());
    let told = ask(&house.session(), Input::Messages(messages.to_vec()), max_tokens);
    house.close();
    told.tokens
}

#[test]
fn s45_the_oldest_exchanges_go_and_the_rest_is_as_if_they_had_never_been() {
    both(|mode| {
        for script in [
            script(),
            Script { window: Some(20), ..script() },
            Script { recurrent: true, ..script() },
            Script { recurrent: true, window: Some(20), ..script() },
        ] {
            let house = house(mode, script.clone());
            let session = rolling(&house, 300, 0);
            let (mut gone, mut rolls) = (0, 0);
            for turn in 0..20 {
                let before = session.messages().unwrap();
                let told = ask(&session, user(&format!("Question {turn}?")), 9);
                let all = session.messages().unwrap();
                let (answer, prompt) = all.split_last().unwrap();
                assert_eq!(told.tokens, alone(&script, prompt, 9), "turn {turn}: {prompt:?}");
                assert_eq!((answer.role.as_str(), &answer.content), ("assistant", &told.text));
                assert_eq!((prompt[0].role.as_str(), prompt[1].role.as_str()), ("system", "user"));
                let went = before.len() + 2 - all.len();
                let bytes: usize = before[1..1 + went].iter().map(size).sum();
                match notes(&told).as_slice() {
                    [] => assert_eq!(went, 0),
                    [note] => {
                        assert_eq!(*note, json!({"event": "rolled", "messages": went, "tokens": bytes}));
                        assert!(went > 0 && went.is_multiple_of(2), "{went}");
                        let free = 300 - told.end.stats.prompt_tokens as usize;
                        assert!(free >= 9 + 75, "{free}");
                        // One exchange less would not have been enough.
                        let last: usize = before[went - 1..=went].iter().map(size).sum();
                        assert!(free - last < 9 + 75, "{free} and {last}");
                        rolls += 1;
                    }
                    more => panic!("{more:?}"),
                }
                gone += went;
                assert_eq!(session.info().rolled_messages, gone);
                assert_eq!(session.tokens().unwrap().len(), told.end.stats.session_tokens as usize);
            }
            assert!(rolls >= 3, "{rolls}");
            session.clear().unwrap();
            until(&house.runtime, "the clear", || session.info().rolled_messages == 0);
            house.close();
        }
    });
}

#[test]
fn s45_what_stays_in_front_is_a_hit_and_a_hundred_turns_compute_little_again() {
    both(|mode| {
        for script in [script(), Script { recurrent: true, window: Some(40), ..script() }] {
            let house = house(mode, script);
            let session = rolling(&house, 1000, 2);
            let (mut new, mut rolls) = (0, 0);
            for turn in 0..100 {
                let told =
                    ask(&session, user(&"word ".repeat(1 + turn * 7 % 20)), 1 + (turn * 13 % 30) as u32);
                let stats = told.end.stats;
                let all = session.messages().unwrap();
                // The answer before is closed, too.
                new += size(&all[all.len() - 2]) + told.tokens.len() + 11 + 2;
                if !notes(&told).is_empty() {
                    rolls += 1;
                    let pinned: usize = all[..3].iter().map(size).sum();
                    // With a state it is known where the pinned answer ended.
                    assert!(stats.cached_tokens as usize + 3 >= pinned, "{stats:?}, pinned {pinned}");
                }
            }
            assert!(rolls > 10, "{rolls}");
            let computed = house.gate.prefilled() as usize;
            assert!(computed <= 4 * new, "{computed} for {new}");
            house.close();
        }
    });
}

#[test]
fn s45_an_answer_that_fills_the_context_ends_and_the_next_turn_rolls() {
    both(|mode| {
        let house = house(mode, script());
        let session = rolling(&house, 200, 0);
        let told = ask(&session, user("Talk!"), 0);
        assert_eq!((told.end.reason, told.end.stats.session_tokens), (EndReason::ContextFull, 200));
        // It cannot go on: nothing is rendered for that.
        assert_eq!(ask(&session, Input::Continue, 0).said(), ("", EndReason::ContextFull));
        let told = ask(&session, user("And?"), 5);
        assert_eq!((told.end.reason, notes(&told).len()), (EndReason::Length, 1));
        let contents: Vec<String> = session.messages().unwrap().into_iter().map(|one| one.content).collect();
        assert_eq!(contents[..2], ["Be brief.", "And?"]);
        house.close();
    });
}

#[test]
fn s45_a_turn_that_comes_to_nothing_brings_back_what_went() {
    both(|mode| {
        let house = house(mode, Script { gated: true, ..script() });
        let session = rolling(&house, 200, 0);
        house.gate.release(20);
        ask(&session, user("One, and a few words more"), 10);
        ask(&session, user("Two, and a few words more"), 10);
        let before = (session.messages().unwrap(), session.tokens().unwrap());
        for cancels in [true, false] {
            let request = request(user(&"long ".repeat(15)), 9);
            let mut stream = session.generate(request, Reading::default()).unwrap();
            until(&house.runtime, "the roll", || session.info().rolled_messages > 0);
            if cancels {
                stream.cancel();
                let told = read(&mut stream);
                assert_eq!((told.said(), notes(&told).len()), (("", EndReason::Cancelled), 1));
                until(&house.runtime, "the way back", || session.info().rolled_messages == 0);
                assert_eq!((session.messages().unwrap(), session.tokens().unwrap()), before);
            } else {
                house.gate.release(1000);
                let told = read(&mut stream);
                assert_eq!((told.tokens.len(), notes(&told).len()), (9, 1));
            }
        }
        house.close();
    });
}

#[test]
fn s45_what_does_not_fit_without_all_that_may_go_is_refused_with_both_numbers() {
    both(|mode| {
        let house = house(mode, script());
        let session = rolling(&house, 120, 0);
        ask(&session, user("One"), 4);
        let before = session.tokens().unwrap();
        let told = ask(&session, user(&"x".repeat(100)), 4);
        let error = told.error();
        assert_eq!(error.kind(), ErrorKind::ContextFull);
        for part in ["138 tokens", "context 120", "2 oldest messages"] {
            assert!(error.message().contains(part), "{error}");
        }
        // What is refused by its bytes.
        let told = ask(&session, user(&"x".repeat(100_000)), 4);
        assert_eq!(told.error().kind(), ErrorKind::ContextFull, "{:?}", told.end);
        assert_eq!((notes(&told).len(), session.tokens().unwrap()), (0, before));
        assert_eq!(session.info().rolled_messages, 0);
        // More than fits, though the answer would have less room than it may take.
        let told = ask(&session, user(&"x".repeat(60)), 4000);
        assert_eq!((told.end.reason, notes(&told).len()), (EndReason::ContextFull, 1));
        house.close();
    });
}

#[test]
fn s45_a_call_stays_with_its_result_and_the_turn_with_its_question() {
    both(|mode| {
        let house = house(mode, script());
        let session = rolling(&house, 300, 0);
        let told = ask(&session, user("Hello"), 40);
        assert_eq!(told.end.reason, EndReason::Length);
        let call = json!({"tool_calls": [{"name": "look", "arguments": {}}]});
        let called = Message { extra: call.as_object().cloned(), ..message("assistant", "") };
        let tools = |content: &str| vec![message("user", "Look!"), called.clone(), message("tool", content)];
        ask(&session, Input::Messages(tools(&"a tree ".repeat(10))), 10);
        // The last exchange is the one that goes on.
        let told = ask(&session, Input::Messages(vec![message("tool", &"a house ".repeat(9))]), 10);
        assert_eq!(notes(&told).len(), 1, "{told:?}");
        let messages = session.messages().unwrap();
        let roles: Vec<&str> = messages.iter().map(|one| one.role.as_str()).collect();
        assert_eq!(roles, ["system", "user", "assistant", "tool", "assistant", "tool", "assistant"]);
        // A new question lets all of it go.
        let told = ask(&session, user(&"Why? ".repeat(10)), 10);
        assert_eq!(notes(&told).len(), 1, "{told:?}");
        let roles: Vec<String> = session.messages().unwrap().into_iter().map(|one| one.role).collect();
        assert_eq!(roles, ["system", "user", "assistant"]);
        house.close();
    });
}

#[test]
fn s45_raw_input_and_sessions_that_stop_end_as_ever() {
    both(|mode| {
        let house = house(mode, script());
        let options = SessionOptions {
            context_length: Some(40),
            overflow: Overflow::Roll { pinned_messages: 0 },
            ..SessionOptions::default()
        };
        let session = house.model.session_with(options).unwrap();
        assert_eq!(ask(&session, Input::Text("12345".into()), 0).end.reason, EndReason::ContextFull);
        let told = ask(&session, Input::Text("6".into()), 0);
        assert_eq!(told.error().kind(), ErrorKind::ContextFull);
        let session = house.model.session(Some(60)).unwrap();
        assert_eq!(ask(&session, user("Hello"), 0).end.reason, EndReason::ContextFull);
        assert_eq!(ask(&session, user("Hello"), 0).error().kind(), ErrorKind::ContextFull);
        house.close();
    });
}

#[test]
fn s45_a_character_that_an_answer_ended_inside_of_stays_its_own() {
    both(|mode| {
        let half = Script::parse(r#"{"reply": ["ab", {"bytes": [195]}]}"#).unwrap();
        let house = house(mode, half);
        let session = rolling(&house, 200, 2);
        for turn in 0..8 {
            let input = user(&format!("Turn {turn}, a few words"));
            let all = Request { sampling: SamplerOptions::default(), ..request(input, 2) };
            let told = read(&mut session.generate(all, Reading::default()).unwrap());
            assert_eq!(told.end.reason, EndReason::Length);
            let messages = session.messages().unwrap();
            let mut answers = messages.iter().filter(|one| one.role == "assistant").peekable();
            while let Some(answer) = answers.next() {
                let expected = if answers.peek().is_some() { "ab\u{fffd}" } else { "ab" };
                assert_eq!(answer.content, expected, "turn {turn}: {messages:?}");
            }
            // A turn that comes to nothing, with a roll or not.
            let mut stream = session.generate(request(user("No"), 150), Reading::default()).unwrap();
            stream.cancel();
            if read(&mut stream).end.stats.output_tokens == 0 {
                until(&house.runtime, "the way back", || session.messages().unwrap() == messages);
            }
        }
        assert!(session.info().rolled_messages > 0);
        house.close();
    });
}
