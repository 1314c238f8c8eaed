//! Thinking, answer and calls of a model that speaks the format of its template: apart in the stream, fields
//! of the conversation's messages, bounded, and told in other words where the template lacks some.
#![cfg(all(feature = "testing", feature = "text"))]

use crate::support::scenario::*;
use serde_json::{Value, json};
use std::sync::Arc;
use wick::runtime::{
    Channel, EndReason, Event, EventKind, Input, Reading, Request, Session, SessionOptions, ToolChoice,
};
use wick::sample::SamplerOptions;
use wick::testing::Script;
use wick::text::{Cut, Message};

/// ChatML with thinking and calls as Qwen3 has them; the variable `opens` lets the prompt open a thought.
pub const TEMPLATE: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if loop.first and tools %}{{ tools | tojson }}\n{% endif %}\
    {% if m.reasoning_content %}<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}{{ m.content }}\
    {% for c in m.tool_calls %}\n<tool_call>\n{{ c.function | tojson }}\n</tool_call>{% endfor %}<|im_end|>\n{% endfor %}\
    {% if add_generation_prompt %}<|im_start|>assistant\n{% if opens %}<think>\n{% endif %}{% endif %}";

const MARKERS: [&str; 4] = ["<think>", "</think>", "<tool_call>", "</tool_call>"];

const CALL: &str = "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 18446744073709551616, \"b\": \"é\"}}\n</tool_call>";

/// A turn that thinks, answers and calls twice.
fn turn() -> String {
    format!("<think>\nHm, é.\n</think>\n\nYes:\n{CALL}\n{CALL}")
}

fn tools() -> Value {
    json!([{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}])
}

/// A model that says `reply` in tokens of so many bytes; with `atoms` its markers are control tokens.
pub fn speaker(reply: &str, token_bytes: usize, atoms: bool, template: &str) -> Script {
    let mut parts = Vec::new();
    let mut rest = reply;
    while !rest.is_empty() {
        let marker = MARKERS.iter().find(|marker| atoms && rest.starts_with(**marker));
        let next = MARKERS.iter().filter_map(|marker| rest.find(marker)).filter(|at| atoms && *at > 0).min();
        let length = marker.map_or(next.unwrap_or(rest.len()), |marker| marker.len());
        let (text, behind) = rest.split_at(length);
        match marker {
            Some(marker) => parts.push(json!(marker)),
            None => parts.extend(text.as_bytes().chunks(token_bytes).map(|bytes| json!({"bytes": bytes}))),
        }
        rest = behind;
    }
    let control: Vec<&str> =
        MARKERS.into_iter().filter(|_| atoms).chain(["<|im_start|>", "<|im_end|>"]).collect();
    let script = json!({"reply": parts, "control": control, "chat_template": template});
    Script::parse(&script.to_string()).unwrap()
}

pub fn thinker(reply: &str) -> Script {
    speaker(reply, 1, true, TEMPLATE)
}

pub fn asked(text: &str) -> Request {
    Request { input: user(text), tools: Some(Arc::new(tools())), ..Request::default() }
}

pub fn told(session: &Session, request: Request) -> Told {
    read(&mut session.generate(request, Reading::default()).unwrap())
}

pub fn on(told: &Told, channel: Channel) -> String {
    let text = |event: &Event| match &event.kind {
        EventKind::Text(text) if text.channel == channel => Some(text.text.to_string()),
        _ => None,
    };
    told.events.iter().filter_map(text).collect()
}

pub fn calls(told: &Told) -> Vec<Value> {
    let call = |event: &Event| match &event.kind {
        EventKind::ToolCall(call) => Some(serde_json::from_str(call).unwrap()),
        _ => None,
    };
    told.events.iter().filter_map(call).collect()
}

pub fn library_notes(told: &Told) -> Vec<Value> {
    let note = |event: &Event| match &event.kind {
        EventKind::LibraryNote(note) => Some(serde_json::from_str(note).unwrap()),
        _ => None,
    };
    told.events.iter().filter_map(note).collect()
}

pub fn last(session: &Session) -> Message {
    session.messages().unwrap().pop().unwrap()
}

pub fn extra(session: &Session) -> Value {
    last(session).extra.map_or(Value::Null, Value::Object)
}

/// The text of all ids without the format's markers.
pub fn without_markers(told: &Told, house: &House) -> String {
    let text = house.model.detokenize(&told.tokens, true).unwrap();
    MARKERS.iter().fold(text, |text, marker| text.replace(marker, ""))
}

#[test]
fn s63_thinking_answer_and_calls_come_apart_however_the_stream_is_split() {
    both(|mode| {
        for (token_bytes, atoms) in
            [(1, true), (1, false), (2, false), (3, true), (5, false), (7, false), (200, false)]
        {
            let house = house(mode, speaker(&turn(), token_bytes, atoms, TEMPLATE));
            let session = house.session();
            let told = told(&session, asked("Add."));
            assert_eq!(told.end.reason, EndReason::Stop);
            assert_eq!(on(&told, Channel::Reasoning), "\nHm, é.\n\n\n", "{token_bytes} {atoms}");
            assert_eq!(on(&told, Channel::Answer), "Yes:\n");
            assert!(on(&told, Channel::Tool).contains("18446744073709551616"));
            assert_eq!(told.text, without_markers(&told, &house), "the law");
            let written: Vec<String> = told
                .events
                .iter()
                .filter_map(|event| match &event.kind {
                    EventKind::ToolCall(call) => Some(call.clone()),
                    _ => None,
                })
                .collect();
            let first = r#"{"id":"call00001","name":"add","arguments":{"a":18446744073709551616,"b":"é"}}"#;
            assert_eq!((written.len(), written[0].as_str()), (2, first));
            assert_eq!(calls(&told)[1]["id"], "call00002");
            assert_eq!(last(&session).content, "Yes:");
            assert_eq!(extra(&session)["reasoning_content"], "Hm, é.");
            let kept = &extra(&session)["tool_calls"];
            assert_eq!((&kept[1]["id"], &kept[1]["function"]["name"]), (&json!("call00002"), &json!("add")));
            house.close();
        }
    });
}

#[test]
fn s63_with_echo_special_markers_are_shown_on_their_channels() {
    both(|mode| {
        let house = house(mode, thinker("<think>\nHm</think>Yes"));
        let session = house.session();
        let told = told(&session, Request { echo_special: true, ..asked("?") });
        assert_eq!(on(&told, Channel::Reasoning), "<think>\nHm</think>");
        assert_eq!((on(&told, Channel::Answer).as_str(), last(&session).content.as_str()), ("Yes", "Yes"));
        house.close();
    });
}

#[test]
fn s63_with_logprobs_each_text_has_one_id_and_with_a_cut_no_piece_has_two_channels() {
    both(|mode| {
        let house = house(mode, speaker(&turn(), 3, true, TEMPLATE));
        let sampling = SamplerOptions { logprobs: true, ..SamplerOptions::default() };
        let by_id = told(&house.session(), Request { sampling, ..asked("Add.") });
        let ids = by_id.events.iter().filter_map(|event| match &event.kind {
            EventKind::Text(text) => Some(text.tokens.len()),
            _ => None,
        });
        assert!(ids.clone().all(|ids| ids == 1) && ids.count() == by_id.tokens.len());
        let in_pieces = told(&house.session(), Request { cut: Cut::Sentence, ..asked("Add.") });
        for told in [&by_id, &in_pieces] {
            assert_eq!(told.text, without_markers(told, &house));
            assert_eq!(calls(told).len(), 2);
        }
        assert_eq!(on(&in_pieces, Channel::Reasoning), "\nHm, é.\n\n\n");
        assert_eq!(on(&in_pieces, Channel::Answer), "Yes:\n");
        house.close();
    });
}

#[test]
fn s63_a_quoted_marker_is_text_where_the_vocabulary_has_a_token_for_it() {
    both(|mode| {
        // Its letters, one by one.
        let script = json!({
            "reply": ["<", "think", ">", "No", "<", "tool_call", ">"], "control": MARKERS, "chat_template": TEMPLATE,
        });
        let house = house(mode, Script::parse(&script.to_string()).unwrap());
        let told = told(&house.session(), asked("?"));
        assert_eq!(on(&told, Channel::Answer), "<think>No<tool_call>");
        assert!(calls(&told).is_empty() && library_notes(&told).is_empty());
        house.close();
    });
}

#[test]
fn s63_a_call_that_is_none_is_said_and_stays_in_the_conversation() {
    both(|mode| {
        let house = house(mode, thinker("So: <tool_call>{\"name\": }</tool_call>"));
        let session = house.session();
        let told = told(&session, asked("Add."));
        assert!(calls(&told).is_empty());
        assert_eq!(library_notes(&told)[0]["event"], "malformed_call");
        assert_eq!(last(&session).content, "So: <tool_call>{\"name\": }</tool_call>");
        house.close();
    });
}

/// A request whose prompt opens the thought.
pub fn opened(request: Request) -> Request {
    Request { template: json!({"opens": true}).as_object().cloned().map(Arc::new), ..request }
}

/// The fake model begins its reply anew behind what it did not expect.
#[test]
fn s64_thinking_ends_after_its_budget_with_the_templates_own_words() {
    both(|mode| {
        let long = "é thought ".repeat(40);
        for atoms in [true, false] {
            for budget in [0u32, 1, 2, 7, 11] {
                let house = house(mode, speaker(&long, 1, atoms, TEMPLATE));
                let session = house.session();
                let request = Request { reasoning_budget: Some(budget), max_tokens: 90, ..asked("?") };
                let told = told(&session, opened(request));
                assert_eq!(told.text, without_markers(&told, &house));
                // Of a character of two bytes the second comes behind the budget.
                let whole =
                    (0..=budget as usize + 1).find(|at| *at >= budget as usize && long.is_char_boundary(*at));
                let thought = format!("{}\n\n\n", &long[..whole.unwrap()]);
                assert_eq!(on(&told, Channel::Reasoning), thought, "{atoms} {budget}");
                let answer = on(&told, Channel::Answer);
                assert!(answer.len() > 40 && long.starts_with(&answer), "{answer}");
                assert_eq!(last(&session).content, answer);
                house.close();
            }
        }
    });
}

#[test]
fn s64_a_thought_that_the_model_begins_ends_before_its_first_token() {
    both(|mode| {
        let house = house(mode, thinker("<think>Hm"));
        let request = Request { reasoning_budget: Some(0), max_tokens: 40, ..asked("?") };
        let told = told(&house.session(), request);
        assert_eq!(on(&told, Channel::Reasoning).trim(), "");
        assert!(on(&told, Channel::Answer).is_empty());
        house.close();
    });
}

#[test]
fn s64_a_host_ends_the_thinking_from_outside() {
    both(|mode| {
        let long = "thought ".repeat(60);
        for before in [0usize, 6] {
            let house = house(mode, Script { gated: true, ..thinker(&long) });
            let session = house.session();
            let request = opened(Request { max_tokens: 60, ..asked("?") });
            let mut stream = session.generate(request, Reading::default()).unwrap();
            house.gate.release(before as u64);
            let events = read_tokens(&mut stream, before);
            stream.answer_now().unwrap();
            stream.answer_now().unwrap();
            house.gate.release(1000);
            let told = read_on(events, &mut stream);
            assert_eq!(on(&told, Channel::Reasoning), format!("{}\n\n\n", &long[..before]));
            assert!(on(&told, Channel::Answer).starts_with("thought thought"));
            assert!(stream.control().has_ended());
            house.close();
        }
    });
}

#[test]
fn s64_a_load_does_not_think() {
    both(|mode| {
        let house = house(mode, thinker("a"));
        let (_model, loading) = begin_load(&house.runtime, wick::testing::loader(thinker("b")).0);
        assert_eq!(loading.answer_now().unwrap_err().kind(), wick::error::ErrorKind::InvalidArgument);
        drop(loading);
        house.close();
    });
}

#[test]
fn s63_what_stops_inside_of_a_thought_or_a_call_goes_on_there() {
    both(|mode| {
        let script = thinker(&turn());
        let (fake, whole) = (script.reply.len() as u32, house(mode, script.clone()));
        let expected = told(&whole.session(), asked("Add."));
        for first in 1..fake {
            let session = whole.session();
            let begun = told(&session, Request { max_tokens: first, ..asked("Add.") });
            assert_eq!(begun.end.reason, EndReason::Length);
            let rest = told(&session, Request { input: Input::Continue, ..Request::default() });
            assert_eq!(rest.end.reason, EndReason::Stop, "{first}");
            for channel in [Channel::Reasoning, Channel::Answer, Channel::Tool] {
                let both = on(&begun, channel) + &on(&rest, channel);
                assert_eq!(both.trim(), on(&expected, channel).trim(), "{first} {channel:?}");
            }
            assert_eq!(calls(&begun).len() + calls(&rest).len(), 2, "{first}");
            assert_eq!(last(&session).content.trim(), "Yes:", "{first}");
            assert_eq!(
                extra(&session)["reasoning_content"].as_str().map(str::trim),
                Some("Hm, é."),
                "{first}"
            );
            assert_eq!(extra(&session)["tool_calls"].as_array().map(Vec::len), Some(2), "{first}");
        }
        whole.close();
    });
}

#[test]
fn s63_results_go_in_as_messages_and_the_past_is_rendered_with_calls_and_thoughts() {
    both(|mode| {
        let house = house(mode, thinker(&turn()));
        let session = house.session();
        let first = told(&session, asked("Add."));
        let result = json!({"tool_call_id": "call00001", "name": "add"});
        let result = Message { extra: result.as_object().cloned(), ..said("tool", "3") };
        let second = told(&session, Request { input: Input::Messages(vec![result]), ..Request::default() });
        assert_eq!(calls(&second)[0]["id"], "call00003", "ids are not used twice");
        let tokens = session.tokens().unwrap();
        let prompt = &tokens[..second.end.stats.prompt_tokens as usize];
        let text = house.model.detokenize(prompt, true).unwrap();
        assert!(text.contains("<think>\nHm, é.\n</think>\n\nYes:<tool_call>\n{\"name\": \"add\""), "{text}");
        assert!(text.ends_with("<|im_start|>tool\n3<|im_end|>\n<|im_start|>assistant\n"), "{text}");
        assert!(second.end.stats.cached_tokens > first.end.stats.prompt_tokens);
        house.close();
    });
}

#[test]
fn s63_an_interrupted_answer_keeps_its_thought_and_forgets_its_calls() {
    both(|mode| {
        let house = house(mode, thinker(&turn()));
        let session = house.session();
        told(&session, asked("Add."));
        session.keep("Ye".len()).unwrap();
        until(&house.runtime, "the cut", || session.messages().is_ok_and(|all| all[1].content == "Ye"));
        assert_eq!(extra(&session), json!({"reasoning_content": "Hm, é."}));
        let text = house.model.detokenize(&session.tokens().unwrap(), true).unwrap();
        assert!(text.ends_with("</think>\n\nYe"), "{text}");
        house.close();
    });
}

#[test]
fn s63_an_answer_that_the_host_begins_has_no_thought_before_it() {
    both(|mode| {
        let house = house(mode, thinker("s"));
        let session = house.session();
        let template = json!({"opens": true}).as_object().cloned().map(Arc::new);
        let request = Request { answer_prefix: "Ye".into(), template, ..asked("?") };
        let told = read_behind(&mut session.generate(request, Reading::default()).unwrap(), 2);
        assert_eq!(
            (on(&told, Channel::Answer).as_str(), on(&told, Channel::Reasoning).as_str()),
            ("Yes", "")
        );
        let text = house.model.detokenize(&session.tokens().unwrap(), true).unwrap();
        assert!(text.ends_with("<think>\n\n</think>\n\nYes"), "{text}");
        house.close();
    });
}

#[test]
fn s65_a_template_without_tools_or_system_gets_them_in_its_own_words() {
    let plain = "{% for m in messages %}{% if m.role not in ['user', 'assistant'] %}{{ raise_exception('roles') }}{% endif %}\
        [{{ m.role }}]{{ m.content }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}";
    both(|mode| {
        let house = house(mode, speaker(CALL, 4, false, plain));
        let options = SessionOptions { system: Some("Be brief.".into()), ..SessionOptions::default() };
        let session = house.model.session_with(options).unwrap();
        let first = told(&session, asked("Add."));
        let lacks: Vec<Value> = library_notes(&first).iter().map(|note| note["what"].clone()).collect();
        assert_eq!(lacks, ["tools", "system"]);
        assert_eq!(calls(&first)[0]["name"], "add");
        let result =
            Message { extra: json!({"tool_call_id": "call00001"}).as_object().cloned(), ..said("tool", "3") };
        let second = told(&session, Request { input: Input::Messages(vec![result]), ..Request::default() });
        let tokens = session.tokens().unwrap();
        let prompt = &tokens[..second.end.stats.prompt_tokens as usize];
        let text = house.model.detokenize(prompt, true).unwrap();
        assert!(text.starts_with("[user]Be brief.\n\nYou can call tools."), "{text}");
        assert!(text.contains("Add.[assistant]<tool_call>\n{\"name\": \"add\""), "{text}");
        assert!(
            text.ends_with("</tool_call>[user]<tool_response>\n3\n</tool_response>[assistant]"),
            "{text}"
        );
        house.close();
    });
}

#[test]
fn s63_without_tools_and_in_raw_text_nothing_is_told_apart() {
    both(|mode| {
        let house = house(mode, speaker(&turn(), 4, false, TEMPLATE));
        let told = read(&mut house.session().generate(asking("raw"), Reading::default()).unwrap());
        assert_eq!(on(&told, Channel::Answer), turn());
        let session = house.session();
        let chat =
            read(&mut session.generate(Request { tools: None, ..asked("?") }, Reading::default()).unwrap());
        assert!(calls(&chat).is_empty() && on(&chat, Channel::Answer).contains("<tool_call>"));
        house.close();
    });
}

#[test]
fn s63_no_call_begins_where_none_may() {
    both(|mode| {
        for atoms in [true, false] {
            let house = house(mode, speaker(&turn(), 1, atoms, TEMPLATE));
            let request = Request { tool_choice: ToolChoice::None, max_tokens: 60, ..asked("Add.") };
            let told = told(&house.session(), request);
            assert!(calls(&told).is_empty() && on(&told, Channel::Tool).is_empty(), "{}", told.text);
            assert!(on(&told, Channel::Answer).starts_with("Yes:\n"), "{}", told.text);
            let prompt = house.model.detokenize(&told.tokens, true).unwrap();
            assert!(!prompt.contains("<tool_call>"), "{prompt}");
            house.close();
        }
    });
}
