//! Scenarios S26 to S30: text is whole, prompt and exact, whatever it says and however its tokens cut it.
#![cfg(feature = "testing")]

use crate::support::scenario::*;
use wick::runtime::{EndReason, EventKind, Mode, Reading, Request};
use wick::sample::SamplerOptions;
use wick::testing::{CONTROL, Script};

fn saying(text: &str, token_bytes: usize) -> Script {
    let json = serde_json::json!({ "reply": text, "token_bytes": token_bytes });
    Script::parse(&json.to_string()).unwrap()
}

/// The texts of the events that have any.
fn parts(told: &Told) -> Vec<String> {
    let texts = told.events.iter().filter_map(|event| match &event.kind {
        EventKind::Text(text) => Some(text.text.to_string()),
        _ => None,
    });
    texts.filter(|text| !text.is_empty()).collect()
}

#[test]
fn s26_code_points_across_tokens_come_whole() {
    both(|mode| {
        let text = "👩‍👩‍👧 世界, naïve ́e 🇩🇪!";
        for token_bytes in 1..=7 {
            let house = house(mode, saying(text, token_bytes));
            let told = house.answer("Hi");
            assert_eq!(told.said(), (text, EndReason::Stop), "{token_bytes} bytes a token");
            assert!(!told.text.contains('\u{fffd}'));
            assert_eq!(house.model.detokenize(&told.tokens, false).unwrap(), text);
            house.close();
        }
    });
}

#[test]
fn s26_lone_bytes_become_replacements_and_lose_nothing_else() {
    both(|mode| {
        let script = Script::parse(r#"{"reply":["a",{"bytes":[240,159]},"b",{"bytes":[228,184]}]}"#).unwrap();
        let house = house(mode, script);
        let told = house.answer("Hi");
        assert_eq!(told.end.reason, EndReason::Stop);
        assert!(told.text.starts_with("a\u{fffd}") && told.text.contains('b'), "{:?}", told.text);
        assert_eq!(told.text, house.model.detokenize(&told.tokens, false).unwrap());
        assert_eq!(told.tokens.len(), 4);
        house.close();
    });
}

#[test]
fn s26_ids_without_a_text_of_their_own_are_told_too() {
    both(|mode| {
        let script = Script::parse(&format!(r#"{{"reply":["a",{CONTROL},"b",{CONTROL}]}}"#)).unwrap();
        let house = house(mode, script);
        let told = house.answer("Hi");
        assert_eq!(told.said(), ("ab", EndReason::Stop));
        assert_eq!(told.tokens, [97, CONTROL, 98, CONTROL]);
        let session = house.session();
        let request = Request { echo_special: true, ..asking("Hi") };
        let told = read(&mut session.generate(request, Reading::default()).unwrap());
        assert_eq!(told.said(), ("a<control>b<control>", EndReason::Stop));
        house.close();
    });
}

#[test]
fn s27_punctuation_newlines_and_emoji_come_as_soon_as_they_can() {
    both(|mode| {
        let script = Script::parse(r#"{"reply":["...","\n","\n\n","🙂","!?","  "],"gated":true}"#).unwrap();
        let house = house(mode, script);
        let (_session, mut stream) = house.ask("Hi");
        let mut events = Vec::new();
        for expected in ["...", "\n", "\n\n", "🙂", "!?", "  "] {
            house.gate.release(1);
            let came = read_tokens(&mut stream, 1);
            let Some(EventKind::Text(text)) = came.last().map(|event| &event.kind) else {
                panic!("{came:?}")
            };
            assert_eq!(text.text, expected);
            events.extend(came);
        }
        house.gate.release(1);
        assert_eq!(read_on(events, &mut stream).said(), ("...\n\n\n🙂!?  ", EndReason::Stop));
        house.close();
    });
}

#[test]
fn s28_what_looks_like_the_end_of_a_stream_is_text() {
    both(|mode| {
        let text = "data: [DONE]\n\ndata: {\"end\":true}\n\nevent: end\n\n\u{4}\0<end>";
        let house = house(mode, saying(text, 3));
        assert_eq!(house.answer("Hi").said(), (text, EndReason::Stop));
        house.close();
    });
}

#[test]
fn s29_a_stop_string_cuts_exactly_and_a_near_miss_is_released() {
    both(|mode| {
        let cases: [(&str, &[&str], &str, Option<&str>); 6] = [
            ("Hello STOP world", &["STOP"], "Hello ", Some("STOP")),
            ("A STORM is here", &["STOP"], "A STORM is here", None),
            ("It ends with STO", &["STOP"], "It ends with STO", None),
            ("one END two\n\n", &["\n\n", "END"], "one ", Some("END")),
            ("aaab", &["aab"], "a", Some("aab")),
            ("世界に平和", &["界に"], "世", Some("界に")),
        ];
        for (answer, stops, text, stop) in cases {
            for token_bytes in [1, 2, 3, 5, 64] {
                let house = house(mode, saying(answer, token_bytes));
                let session = house.session();
                let stop_strings = stops.iter().map(|stop| stop.to_string()).collect();
                let request = Request { stop: stop_strings, ..asking("Hi") };
                let told = read(&mut session.generate(request, Reading::default()).unwrap());
                let reason = if stop.is_some() { EndReason::StopString } else { EndReason::Stop };
                assert_eq!(told.said(), (text, reason), "{answer:?} by {token_bytes}");
                assert_eq!(told.end.stop.as_deref(), stop);
                // Whole up to the token that completed the stop string.
                let heard = house.model.detokenize(&told.tokens, false).unwrap();
                assert!(answer.starts_with(heard.trim_end_matches('\u{fffd}')), "{heard:?}");
                assert!(heard.starts_with(text) && heard.contains(stop.unwrap_or_default()), "{heard:?}");
                house.close();
            }
        }
    });
}

#[test]
fn s29_what_cannot_become_a_stop_string_is_not_held_back() {
    both(|mode| {
        let script = Script::parse(r#"{"reply":["ab","S","T","x","S"],"gated":true}"#).unwrap();
        let house = house(mode, script);
        let session = house.session();
        let request = Request { stop: vec!["STOP".into()], ..asking("Hi") };
        let mut stream = session.generate(request, Reading::default()).unwrap();
        house.gate.release(100);
        let told = read(&mut stream);
        assert_eq!(parts(&told), ["ab", "STx", "S"]);
        assert_eq!(told.said(), ("abSTxS", EndReason::Stop));
        house.close();
    });
}

/// A model whose every token depends on all before it, drawn with `seed`.
fn drawn(house: &House, prompt: &str, seed: u64) -> (wick::runtime::Session, wick::runtime::Stream) {
    let session = house.session();
    let sampling = SamplerOptions { temperature: 0.8, top_p: 0.95, seed, ..SamplerOptions::default() };
    let request = Request { sampling, max_tokens: 40, ignore_eos: true, ..asking(prompt) };
    let stream = session.generate(request, Reading::default()).unwrap();
    (session, stream)
}

#[test]
fn s30_a_b_a_and_alone_or_batched_the_same_bit_for_bit() {
    let _watchdog = watchdog();
    let script = Script { random: Some(11), max_tokens: 16, ..Script::saying("abcdefghijklmnop") };
    let mut over_modes = Vec::new();
    for mode in [Mode::Threads, Mode::HostStep] {
        let house = house(mode, script.clone());
        let alone = |prompt: &str, seed| {
            let (_session, mut stream) = drawn(&house, prompt, seed);
            read(&mut stream).tokens
        };
        let prompt = "A prompt that takes more than one pass: it is longer than sixteen tokens.";
        let (a, b, again) = (alone(prompt, 1), alone(prompt, 2), alone(prompt, 1));
        assert_eq!((a.len(), &a), (40, &again));
        assert_ne!(a, b);
        house.runtime.pause();
        let mut batch: Vec<_> = (1..=8).map(|seed| drawn(&house, prompt, seed)).collect();
        house.runtime.resume();
        let batched: Vec<_> = batch.iter_mut().map(|(_, stream)| read(stream).tokens).collect();
        assert_eq!((&batched[0], &batched[1]), (&a, &b));
        for (index, tokens) in batched.iter().enumerate() {
            assert_eq!(*tokens, alone(prompt, index as u64 + 1));
        }
        drop(batch);
        house.close();
        over_modes.push(batched);
    }
    assert_eq!(over_modes[0], over_modes[1]);
}
