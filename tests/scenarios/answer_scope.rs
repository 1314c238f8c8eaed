//! A grammar that binds the answer alone: thinking before it is free, however the stream is split.
#![cfg(all(feature = "testing", feature = "text"))]

use crate::speech::{
    TEMPLATE, asked, calls, extra, last, on, opened, speaker, thinker, told, without_markers,
};
use crate::support::scenario::*;
use serde_json::Value;
use std::sync::Arc;
use wick::runtime::{Channel, EndReason, Input, Reading, Request};
use wick::sample::SamplerOptions;
use wick::testing::Script;
use wick::text::grammar::{Grammar, GrammarKind, GrammarScope};

/// A grammar that binds the answer alone.
fn bound(kind: GrammarKind, text: &str, request: Request) -> Request {
    let grammar = Some(Arc::new(Grammar { kind, text: text.into() }));
    Request { grammar, grammar_scope: GrammarScope::Answer, ..request }
}

/// The fake model begins its reply anew behind what it did not expect: behind the thought it would say
/// something that the grammar does not allow.
#[test]
fn s67_thinking_is_free_and_the_answer_is_bound() {
    both(|mode| {
        for (token_bytes, atoms) in [(1, true), (1, false), (2, false), (3, true), (5, false), (9, false)] {
            for opens in [false, true] {
                let thought = "Hm, é {1}.\n</think>\n\nNo.";
                let reply = if opens { thought.to_owned() } else { format!("<think>\n{thought}") };
                let house = house(mode, speaker(&reply, token_bytes, atoms, TEMPLATE));
                let session = house.session();
                let request = bound(GrammarKind::Regex, "(yes|maybe)!", asked("Add."));
                let told = told(&session, if opens { opened(request) } else { request });
                let case = format!("{token_bytes} {atoms} {opens}: {}", told.text);
                if !atoms && token_bytes > 2 {
                    // The token that ends the thought may hold what the grammar does not allow.
                    let known = told.end.reason == EndReason::Stop
                        || told.error().kind() == wick::error::ErrorKind::Grammar;
                    assert!(known, "{case}");
                    continue;
                }
                assert_eq!(told.end.reason, EndReason::Stop, "{case}");
                assert_eq!(on(&told, Channel::Reasoning).trim(), "Hm, é {1}.", "{case}");
                assert!(["yes!", "maybe!"].contains(&on(&told, Channel::Answer).as_str()), "{case}");
                assert_eq!(told.text, without_markers(&told, &house), "{case}");
                assert_eq!(last(&session).content, on(&told, Channel::Answer), "{case}");
                assert!(calls(&told).is_empty());
                let text = house.model.detokenize(&session.tokens().unwrap(), true).unwrap();
                assert!(text.contains("</think>\n\n"), "what the template writes behind it: {case}");
                house.close();
            }
        }
    });
}

#[test]
fn s67_a_model_that_does_not_think_is_bound_from_its_first_token() {
    both(|mode| {
        for atoms in [true, false] {
            for reply in ["No.", "\n\n<think>", "<tool_call>", "<no"] {
                let house = house(mode, speaker(reply, 1, atoms, TEMPLATE));
                let request = bound(GrammarKind::Regex, "yes|maybe", asked("Add."));
                let told = told(&house.session(), Request { max_tokens: 60, ..request });
                let answer = on(&told, Channel::Answer);
                match (atoms, reply.starts_with("<")) {
                    // What may become the marker of a thought becomes it.
                    (false, true) => assert!(answer.is_empty() && told.text.contains(reply), "{}", told.text),
                    _ => assert!(["yes", "maybe"].contains(&answer.as_str()), "{reply}: {}", told.text),
                }
                assert!(calls(&told).is_empty());
                house.close();
            }
        }
    });
}

#[test]
fn s67_a_thought_that_is_bounded_is_followed_by_what_is_bound() {
    both(|mode| {
        let schema = r#"{"type":"object","properties":{"n":{"type":"integer","minimum":1,"maximum":9}},
            "required":["n"],"additionalProperties":false}"#;
        for (atoms, budget) in [(true, 0), (true, 5), (false, 0), (false, 5)] {
            let script = speaker(&"thought ".repeat(20), 1, atoms, TEMPLATE);
            let house = house(mode, Script { random: Some(u64::from(budget)), ..script });
            for seed in 0..6 {
                let session = house.session();
                let request = bound(GrammarKind::JsonSchema, schema, opened(asked("Add.")));
                let sampling = SamplerOptions { temperature: 1.0, seed, ..SamplerOptions::default() };
                let told = told(&session, Request { reasoning_budget: Some(budget), sampling, ..request });
                // A random model may end its turn while it thinks.
                if told.end.reason == EndReason::Error {
                    assert!(told.error().message().contains("had begun"), "{}", told.error());
                    continue;
                }
                assert_eq!(told.end.reason, EndReason::Stop, "{}", told.text);
                let answer: Value = serde_json::from_str(&on(&told, Channel::Answer)).unwrap();
                assert!(answer["n"].as_i64().is_some_and(|n| (1..=9).contains(&n)), "{answer}");
            }
            house.close();
        }
    });
}

#[test]
fn s67_an_answer_that_ends_while_it_thinks_is_none() {
    both(|mode| {
        let house = house(mode, thinker("<think>Hm"));
        let told = told(&house.session(), bound(GrammarKind::Regex, "yes", asked("Add.")));
        assert_eq!(told.end.reason, EndReason::Error);
        assert_eq!(told.error().kind(), wick::error::ErrorKind::Grammar);
        assert_eq!(on(&told, Channel::Reasoning), "Hm");
        house.close();
    });
}

#[test]
fn s67_what_goes_on_and_what_the_host_begins_is_bound() {
    both(|mode| {
        let house = house(mode, thinker("<think>Hm</think>No"));
        let session = house.session();
        let request = |request| bound(GrammarKind::Regex, "yes!", request);
        let begun = told(&session, request(Request { max_tokens: 2, ..asked("Add.") }));
        assert_eq!((begun.end.reason, on(&begun, Channel::Reasoning).as_str()), (EndReason::Length, "H"));
        let rest = told(&session, request(Request { input: Input::Continue, ..Request::default() }));
        assert_eq!((on(&rest, Channel::Answer).as_str(), rest.end.reason), ("yes!", EndReason::Stop));
        assert_eq!(extra(&session)["reasoning_content"], "Hm");
        let prefix = request(Request { answer_prefix: "ye".into(), ..asked("?") });
        let prefixed = read_behind(&mut house.session().generate(prefix, Reading::default()).unwrap(), 2);
        assert_eq!(
            (on(&prefixed, Channel::Answer).as_str(), on(&prefixed, Channel::Reasoning).as_str()),
            ("yes!", "")
        );
        let raw = request(Request { input: Input::Text("raw".into()), ..Request::default() });
        assert_eq!(told(&house.session(), raw).text, "yes!");
        house.close();
    });
}
