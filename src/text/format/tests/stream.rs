//! What comes of a turn, wherever it is split.

use super::words::{Words, hear};
use crate::text::format::{Body, Calls, Format, Keys, Opening, Reasoning, Speech};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;

fn reasoning() -> Reasoning {
    Reasoning { begin: "<think>".into(), end: "</think>".into(), close: "\n</think>\n\n".into() }
}

fn hermes(words: &Words) -> Arc<Speech> {
    let format = Format { reasoning: Some(reasoning()), calls: Some(Calls::fallback()), ..Format::default() };
    Arc::new(Speech::new(format, words).unwrap())
}

fn bare(words: &Words, body: Body) -> Arc<Speech> {
    let calls = Calls { begin: String::new(), end: String::new(), body };
    Arc::new(Speech::new(Format { calls: Some(calls), ..Format::default() }, words).unwrap())
}

fn keys() -> Body {
    Body::Json(Keys { name: "name".into(), arguments: "parameters".into(), list: false })
}

fn tools() -> Value {
    json!([{"type": "function", "function": {"name": "f", "parameters": {}}}])
}

const CALL: &str = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": \"<é>\"}}\n</tool_call>";

#[test]
fn thinking_answer_and_calls_come_apart_at_every_split() {
    let text = format!("<think>\nHm <b> é\n</think>\n\nYes, <think> so:\n{CALL}\n{CALL}");
    for tokens in [&[][..], &["<think>", "</think>", "<tool_call>", "</tool_call>"]] {
        let words = Words::new(tokens);
        let (speech, tools) = (hermes(&words), tools());
        // A quoted marker is text where the vocabulary has a token for it.
        let ids: Vec<u32> = match tokens.is_empty() {
            true => words.ids(&text),
            false => {
                let (before, behind) = text.split_once(", <think>").unwrap();
                let quoted = ", <think>".bytes().map(u32::from);
                words.ids(before).into_iter().chain(quoted).chain(words.ids(behind)).collect()
            }
        };
        let whole = hear(&words, &speech, Some(&tools), Opening::Turn, &ids, usize::MAX);
        assert_eq!(whole.reasoning, "\nHm <b> é\n\n\n");
        assert_eq!(whole.answer, "Yes, <think> so:\n");
        assert_eq!(whole.calls.len(), 2);
        assert_eq!((whole.calls[1].name.as_str(), &whole.calls[1].arguments["a"]), ("f", &json!("<é>")));
        assert_eq!((whole.all.as_str(), whole.malformed.len()), (text.as_str(), 0));
        for every in 1..12 {
            assert_eq!(hear(&words, &speech, Some(&tools), Opening::Turn, &ids, every), whole, "{every}");
        }
    }
}

#[test]
fn where_the_prompt_opens_the_thought_it_is_one_from_the_first_letter() {
    let words = Words::new(&[]);
    let ids = words.ids("Hm</thin</think>a");
    let heard = hear(&words, &hermes(&words), None, Opening::Thinking, &ids, 1);
    assert_eq!((heard.reasoning.as_str(), heard.answer.as_str()), ("Hm</thin", "a"));
    let heard = hear(&words, &hermes(&words), None, Opening::Answer, &words.ids("<think>"), 1);
    assert_eq!(heard.answer, "<think>");
}

#[test]
fn without_tools_nothing_is_a_call() {
    let words = Words::new(&[]);
    let heard = hear(&words, &hermes(&words), None, Opening::Turn, &words.ids(CALL), 3);
    assert_eq!((heard.answer.as_str(), heard.calls.len()), (CALL, 0));
}

#[test]
fn what_is_no_call_is_said_with_all_its_text() {
    let words = Words::new(&["<tool_call>", "</tool_call>", "<x>"]);
    let (speech, tools) = (hermes(&words), tools());
    for text in ["a<tool_call>{<x>}</tool_call>b", "<tool_call>", "<tool_call></tool_call>"] {
        let heard = hear(&words, &speech, Some(&tools), Opening::Turn, &words.ids(text), 2);
        assert_eq!((heard.all.as_str(), heard.calls.len(), heard.malformed.len()), (text, 0, 1), "{text}");
        assert!(text.contains(&heard.malformed[0].0) && heard.malformed[0].0.starts_with("<tool_call>"));
    }
    // The end alone is missing.
    let text = CALL.strip_suffix("</tool_call>").unwrap();
    let heard = hear(&words, &speech, Some(&tools), Opening::Turn, &words.ids(text), 1);
    assert_eq!((heard.calls.len(), heard.malformed.len()), (1, 0));
}

#[test]
fn a_call_without_a_marker_is_known_by_the_tools_name() {
    let words = Words::new(&["<|python_tag|>"]);
    let tools = tools();
    let call = "{\"name\": \"f\", \"parameters\": {\"a\": \"}\"}}";
    for (body, text, calls, answer) in [
        (keys(), call.to_owned(), 1, ""),
        (keys(), format!("\n{call}; {call} Done."), 2, "\nDone."),
        (keys(), format!("<|python_tag|>{call}"), 1, ""),
        (keys(), "{\"name\": \"g\"}".to_owned(), 0, "{\"name\": \"g\"}"),
        (keys(), "{\"na".to_owned(), 0, "{\"na"),
        (keys(), format!("So: {call}"), 0, &*format!("So: {call}")),
        (Body::Python, "[f(a='[', b=(1,)), f()] x".to_owned(), 2, "x"),
        (Body::Python, "[f, g]".to_owned(), 0, "[f, g]"),
    ] {
        let speech = bare(&words, body);
        for every in [1, 2, 5, usize::MAX] {
            let heard = hear(&words, &speech, Some(&tools), Opening::Turn, &words.ids(&text), every);
            assert_eq!((heard.calls.len(), heard.answer.as_str()), (calls, answer), "{text} {every}");
            assert_eq!((heard.all.as_str(), heard.malformed.len()), (text.as_str(), 0));
        }
    }
}

#[test]
fn messages_with_headers_come_apart() {
    let tokens = ["<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|call|>", "<|constrain|>"];
    let words = Words::new(&tokens);
    let reasoning = Reasoning {
        begin: "<|channel|>analysis<|message|>".into(),
        end: "<|end|>".into(),
        close: "<|end|><|start|>assistant<|channel|>final<|message|>".into(),
    };
    let calls = Calls { begin: String::new(), end: String::new(), body: Body::Harmony };
    let format =
        Format { reasoning: Some(reasoning), calls: Some(calls), harmony: true, ..Format::default() };
    let speech = Arc::new(Speech::new(format, &words).unwrap());
    let tools = tools();
    let text = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary<|message|>Wait.<|end|>\
                <|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{\"a\": 1}<|call|>\
                <|start|>assistant<|channel|>final<|message|>Done.";
    for every in [1, 3, usize::MAX] {
        let heard = hear(&words, &speech, Some(&tools), Opening::Turn, &words.ids(text), every);
        assert_eq!((heard.reasoning.as_str(), heard.answer.as_str()), ("Hm.", "Wait.Done."));
        assert_eq!((heard.markup.as_str(), heard.all.as_str()), ("{\"a\": 1}", text));
        assert_eq!((heard.calls.len(), heard.calls[0].name.as_str()), (1, "f"));
    }
    // The end of the turn ends a call too.
    let text = " to=functions.f<|channel|>commentary json<|message|>{}";
    let heard = hear(&words, &speech, Some(&tools), Opening::Turn, &words.ids(text), 1);
    assert_eq!((heard.calls.len(), heard.malformed.len()), (1, 0));
    // What is no header does not disappear for ever.
    let text = "x".repeat(2000);
    let heard = hear(&words, &speech, Some(&tools), Opening::Turn, &words.ids(&text), 1);
    assert!(heard.answer.len() > 1000 && heard.all == text);
}

/// Markers, their parts, and what calls are made of.
fn part() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "<think>",
        "</think>",
        "<tool_call>",
        "</tool_call>",
        "<",
        "<th",
        "ink>",
        "</",
        "tool_call>",
        "é",
        " ",
        "\n",
        "x",
        "{\"name\": \"f\", \"arguments\": {}}",
        "{\"name\": \"f\"",
        "}",
        "[",
        "]",
        "\"",
        "f(",
        "a=1",
        ")",
        "<|python_tag|>",
        "<|channel|>",
        "analysis",
        "<|message|>",
        "<|end|>",
        "<|start|>",
        " to=functions.f",
        "final",
        "18446744073709551616",
    ])
}

proptest! {
    #[test]
    fn nothing_is_lost_and_splits_change_nothing(
        parts in prop::collection::vec(part(), 0..24),
        every in 1usize..7,
        kind in 0u8..4,
        atoms in any::<bool>(),
        opening in prop::sample::select(vec![Opening::Turn, Opening::Thinking, Opening::Answer]),
    ) {
        let tokens = ["<think>", "</think>", "<tool_call>", "</tool_call>", "<|channel|>", "<|message|>", "<|end|>", "<|start|>"];
        let words = Words::new(if atoms { &tokens } else { &[] });
        let speech = match kind {
            0 => hermes(&words),
            1 => bare(&words, keys()),
            2 => bare(&words, Body::Python),
            _ => {
                let calls = Calls { begin: String::new(), end: String::new(), body: Body::Harmony };
                let format = Format { reasoning: Some(reasoning()), calls: Some(calls), harmony: true, ..Format::default() };
                Arc::new(Speech::new(format, &words).unwrap())
            }
        };
        let (text, tools) = (parts.concat(), tools());
        let ids = words.ids(&text);
        let whole = hear(&words, &speech, Some(&tools), opening, &ids, usize::MAX);
        prop_assert_eq!(&whole.all, &text);
        prop_assert_eq!(&hear(&words, &speech, Some(&tools), opening, &ids, every), &whole);
    }
}
