//! The judge of what a model says: whatever it is, nothing of it is lost, splits change nothing, and what is
//! a call has arguments that are JSON.

use serde_json::{Value, json};
use std::sync::Arc;
use wick::testing::{Script, model};
use wick::text::format::{Body, Call, Calls, Format, Keys, Listener, Opening, Parser, Part, Reasoning};
use wick::text::format::{Slot, Speech, Tags};

/// What a turn came to.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    all: String,
    parts: [String; 3],
    calls: Vec<Call>,
    malformed: Vec<String>,
}

impl Listener for Heard {
    fn text(&mut self, part: Part, text: &str) {
        self.all.push_str(text);
        self.parts[part as usize].push_str(text);
    }
    fn hidden(&mut self, _: Part, text: &str, _: Option<u32>) {
        self.all.push_str(text);
    }
    fn call(&mut self, call: Call) {
        self.calls.push(call);
    }
    fn malformed(&mut self, raw: &str, why: &str) {
        assert!(!why.is_empty());
        self.malformed.push(raw.to_owned());
    }
}

/// A form for each first byte of a file.
pub fn form(kind: u8) -> Format {
    let keys = Keys { name: "name".into(), arguments: "arguments".into(), list: false };
    let text = |text: &str| Slot::Text(text.into());
    let (begin, end, body) = match kind % 8 {
        0 => ("<tool_call>", "</tool_call>", Body::Json(keys)),
        1 => ("[TOOL_CALLS]", "", Body::Json(Keys { list: true, ..keys })),
        2 => ("", "", Body::Json(keys)),
        3 => ("<c>", "</c>", Body::Named(vec![text("<b>"), Slot::NamedId, text("<a>")])),
        4 => {
            let [before, named, key] = ["<function=", ">\n", "<parameter="].map(String::from);
            let [keyed, valued] = [">\n", "\n</parameter>"].map(String::from);
            let tags = Tags { before, named, key, keyed, valued, tail: String::new(), lines: true };
            ("<tool_call>", "</tool_call>", Body::Tagged(tags))
        }
        5 => ("", "", Body::Python),
        6 => {
            ("<|tool_call>", "<tool_call|>", Body::Braces { before: "call:".into(), quote: "<|\"|>".into() })
        }
        _ => ("", "", Body::Harmony),
    };
    let calls = Some(Calls { begin: begin.into(), end: end.into(), body });
    let close = "\n</think>\n\n".into();
    let reasoning = Some(Reasoning { begin: "<think>".into(), end: "</think>".into(), close });
    Format { reasoning, calls, harmony: kind % 8 == 7, ..Format::default() }
}

/// A turn with a call in each form; the first byte says which.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let turns = [
        (
            "json",
            "<think>\nHm</think>Yes.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": [1, \"é\"]}}\n</tool_call>",
        ),
        (
            "list",
            "[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {}, \"id\": \"abcdef123\"}, {\"name\": \"g\"}]",
        ),
        (
            "bare",
            "{\"name\": \"f\", \"arguments\": {\"n\": 18446744073709551616}}; {\"name\": \"g\", \"arguments\": {}}",
        ),
        ("named", "<c><b>functions.f:0<a>{\"a\": \"}\"}<b>functions.g:1<a>{}</c>"),
        (
            "tagged",
            "<tool_call>\n<function=f>\n<parameter=a>\n[1, 'x']\n</parameter>\n</function>\n</tool_call>",
        ),
        ("python", "[f(a='it\\'s', b=[1, None], c={\"k\": (True,)}), g()]"),
        ("braces", "<|tool_call>call:f{a:<|\"|>x, {y}<|\"|>,b:[1,2.5],c:{d:null}}<tool_call|>"),
        (
            "harmony",
            "<|channel|>analysis<|message|>Hm<|end|><|start|>assistant to=functions.f<|channel|>commentary json<|message|>{\"a\": 1}<|call|>",
        ),
    ];
    let bytes = |(kind, (name, turn)): (usize, (&'static str, &str))| {
        (name, [&[kind as u8], turn.as_bytes()].concat())
    };
    turns.into_iter().enumerate().map(bytes).collect()
}

/// What `text` comes to in pieces of so many letters; `bound`: it is said to be a call that a grammar made.
fn hear(speech: &Arc<Speech>, tools: &Arc<Value>, text: &str, every: usize, bound: bool) -> Heard {
    let mut parser = Parser::new(speech.clone(), Some(tools.clone()), Opening::Turn);
    if bound {
        parser.bind_call();
    }
    let mut heard = Heard::default();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.char_indices().nth(every).map_or(rest.len(), |(at, _)| at);
        parser.push_text(&rest[..end], &mut heard);
        rest = &rest[end..];
    }
    parser.finish(&mut heard);
    heard
}

/// Takes the turn behind the first byte apart; whether there is a call in it. Panics where a promise is
/// broken.
pub fn judge(bytes: &[u8]) -> bool {
    let Some((kind, turn)) = bytes.split_first() else { return false };
    let ((_, vocab), _) = model(&Script::default());
    let speech = Arc::new(Speech::new(form(*kind), &*vocab).expect("a vocabulary of bytes"));
    let tools = Arc::new(json!([{"name": "f", "parameters": {"properties": {"a": {}}}}, {"name": "g"}]));
    let text = String::from_utf8_lossy(turn);
    let [bound, whole] = [true, false].map(|bound| {
        let whole = hear(&speech, &tools, &text, usize::MAX, bound);
        assert_eq!(whole.all, text);
        assert_eq!(hear(&speech, &tools, &text, 1, bound), whole);
        whole
    });
    for call in whole.calls.iter().chain(&bound.calls) {
        assert!(!call.name.is_empty());
        let written = wick::text::json::written(&Value::from(call.arguments.clone()));
        serde_json::from_str::<Value>(&written).expect("JSON");
    }
    assert!(whole.malformed.iter().chain(&bound.malformed).all(|raw| text.contains(raw.as_str())));
    !whole.calls.is_empty()
}
