//! Answers under a grammar: a model that says anything says what the grammar allows, ends when it is
//! complete, and what cannot be honoured is an END that names it.
#![cfg(all(feature = "testing", feature = "text"))]

use crate::support::scenario::*;
use serde_json::Value;
use std::sync::Arc;
use wick::error::ErrorKind;
use wick::runtime::{EndReason, EventKind, Input, Reading, Request, Session};
use wick::sample::SamplerOptions;
use wick::testing::{END, Script};
use wick::text::Message;
use wick::text::grammar::{Grammar, GrammarKind};

const SCHEMA: &str = r#"{"type":"object","properties":{"name":{"type":"string","maxLength":8},
    "mood":{"enum":["calm","angry"]},"age":{"type":"integer","minimum":1,"maximum":120}},
    "required":["name","mood","age"],"additionalProperties":false}"#;

/// Says any of its tokens at any time.
fn anything(drafts: bool) -> Script {
    Script { random: Some(11), drafts, ..Script::default() }
}

fn under(kind: GrammarKind, text: &str, prompt: &str) -> Request {
    let sampling = SamplerOptions { temperature: 1.0, seed: 3, ..SamplerOptions::default() };
    let grammar = Some(Arc::new(Grammar { kind, text: text.into() }));
    Request { input: Input::Text(prompt.into()), sampling, grammar, ..Request::default() }
}

fn told(session: &Session, request: Request) -> Told {
    read(&mut session.generate(request, Reading::default()).unwrap())
}

#[test]
fn a_model_that_says_anything_says_the_schema_s_object() {
    both(|mode| {
        let house = house(mode, anything(false));
        for seed in 0..8 {
            let told = told(&house.session(), under(GrammarKind::JsonSchema, SCHEMA, &format!("p{seed}")));
            assert_eq!(told.end.reason, EndReason::Stop, "{:?} behind {}", told.end.error, told.text);
            let value: Value =
                serde_json::from_str(&told.text).unwrap_or_else(|why| panic!("{}: {why}", told.text));
            assert!(value["age"].as_i64().is_some_and(|age| (1..=120).contains(&age)), "{value}");
            assert!(value["mood"] == "calm" || value["mood"] == "angry", "{value}");
            assert!(value["name"].as_str().is_some_and(|name| name.chars().count() <= 8), "{value}");
        }
        house.close();
    });
}

#[test]
fn the_end_says_whether_the_grammar_or_the_length_was_it() {
    both(|mode| {
        let house = house(mode, anything(false));
        let whole = told(&house.session(), under(GrammarKind::Regex, "yes|no", "p"));
        assert!(["yes", "no"].contains(&whole.text.as_str()), "{}", whole.text);
        assert_eq!(whole.end.reason, EndReason::Stop);
        let cut =
            told(&house.session(), Request { max_tokens: 4, ..under(GrammarKind::Regex, "[ab]{64}", "p") });
        assert_eq!((cut.text.len(), cut.end.reason), (4, EndReason::Length));
        assert!(cut.text.chars().all(|next| "ab".contains(next)), "{}", cut.text);
        // Where the grammar is complete and may go on, only an end token ends it.
        let more = told(&house.session(), under(GrammarKind::Regex, "[ab]{1,64}", "p"));
        assert_eq!(more.end.reason, EndReason::Stop);
        let on =
            Request { ignore_eos: true, echo_special: true, ..under(GrammarKind::Regex, "[ab]{1,64}", "p") };
        let on = told(&house.session(), on);
        assert_eq!((on.text.len(), on.end.reason), (64, EndReason::Stop), "no end token is the grammar's");
        house.close();
    });
}

#[test]
fn what_cannot_be_honoured_is_an_end_that_names_it_and_the_session_is_as_it_was() {
    both(|mode| {
        let house = house(mode, anything(false));
        let session = house.session();
        for (kind, text, why) in [
            (
                GrammarKind::JsonSchema,
                r#"{"properties":{"a":{"not":{"type":"null"}}}}"#,
                "\"not\" at #/properties/a",
            ),
            (GrammarKind::JsonSchema, r#"{"type":"string","format":"mine"}"#, "\"format\" at #"),
            (GrammarKind::Regex, "(", "does not compile"),
            (GrammarKind::Lark, "begin: \"a\"", "does not compile"),
            (GrammarKind::Gbnf, "root ::= missing", "\"missing\""),
        ] {
            let told = told(&session, under(kind, text, "p"));
            assert_eq!(told.end.reason, EndReason::Error);
            assert_eq!(told.error().kind(), ErrorKind::Grammar, "{}", told.error());
            assert!(told.error().message().contains(why), "{text}: {}", told.error());
            assert!(told.text.is_empty() && session.tokens().unwrap().is_empty());
        }
        assert_eq!(told(&session, under(GrammarKind::Regex, "ok", "p")).text, "ok");
        house.close();
    });
}

#[test]
fn what_does_not_hold_when_it_is_finished_is_told_behind_its_text() {
    both(|mode| {
        let house = house(mode, anything(false));
        let schema = r#"{"type":"array","items":{"type":"integer","minimum":1,"maximum":2},"minItems":3,
            "maxItems":3,"uniqueItems":true}"#;
        let told = told(&house.session(), under(GrammarKind::JsonSchema, schema, "p"));
        assert!(serde_json::from_str::<Value>(&told.text).is_ok(), "{}", told.text);
        assert_eq!((told.end.reason, told.error().kind()), (EndReason::Error, ErrorKind::Grammar));
        assert!(told.error().message().contains("\"uniqueItems\" at #"), "{}", told.error());
        house.close();
    });
}

#[test]
fn an_answer_s_beginning_is_bound_too() {
    both(|mode| {
        let house = house(mode, anything(false));
        let ask =
            || Input::Messages(vec![Message { role: "user".into(), content: "Who?".into(), extra: None }]);
        let begun = |prefix: &str| Request {
            input: ask(),
            answer_prefix: prefix.into(),
            ..under(GrammarKind::JsonSchema, SCHEMA, "")
        };
        let session = house.session();
        let prefix = "{\"name\": \"Otto";
        let mut stream = session.generate(begun(prefix), Reading::default()).unwrap();
        let told = read_behind(&mut stream, prefix.len());
        let value: Value =
            serde_json::from_str(&told.text).unwrap_or_else(|why| panic!("{}: {why}", told.text));
        assert!(value["name"].as_str().is_some_and(|name| name.starts_with("Otto")), "{value}");
        assert_eq!(session.messages().unwrap()[1].content, told.text);
        let refused = read(&mut session.generate(begun("[1"), Reading::default()).unwrap());
        assert_eq!(refused.error().kind(), ErrorKind::Grammar);
        assert!(refused.error().message().contains("answer_prefix"), "{}", refused.error());
        house.close();
    });
}

#[test]
fn tokens_that_are_forced_are_computed_together_and_change_nothing() {
    both(|mode| {
        let schema = r#"{"type":"object","properties":{"a_rather_long_name":{"type":"boolean"},
            "another_rather_long_name":{"type":"boolean"}},
            "required":["a_rather_long_name","another_rather_long_name"],"additionalProperties":false}"#;
        let say = |drafts: bool| {
            let house = house(mode, anything(drafts));
            let told = told(&house.session(), under(GrammarKind::JsonSchema, schema, "p"));
            house.close();
            told
        };
        let (alone, together) = (say(false), say(true));
        assert_eq!(alone.said(), together.said());
        assert_eq!(alone.end.stats.output_tokens, together.end.stats.output_tokens);
        let stats = &together.end.stats;
        // Both names are forced; what is looked up between them may be wrong.
        assert!(stats.draft_accepted >= 40, "{stats:?}");
        assert_eq!(alone.end.stats.draft_tokens, 0);
    });
}

#[test]
fn probabilities_are_the_model_s_own() {
    both(|mode| {
        let house = house(mode, anything(false));
        let mut request = under(GrammarKind::Regex, "abc", "p");
        request.sampling.logprobs = true;
        let told = told(&house.session(), request);
        let logprobs = told.events.iter().filter_map(|event| match &event.kind {
            EventKind::Text(text) => Some(text.logprob),
            _ => None,
        });
        // Each was forced, and the model would have said something else.
        assert!(logprobs.clone().count() == 3 && logprobs.clone().all(|logprob| logprob < -0.5));
        assert!(!told.text.contains(&END.to_string()));
        house.close();
    });
}
