//! Calls that have to come, of a real model: whatever is asked, the answer is one call of one of the tools,
//! with arguments of its schema, in the form of a template that shows tools and of one that shows none.
//!
//! Needs SmolLM2-135M-Instruct in WICK_MODELS (else models/), and says so where it is missing. Slow without
//! optimisation: run in release. WICK_PROMPTS=n asks n prompts of each template.
#![cfg(all(feature = "native", feature = "text", feature = "testing"))]
#![allow(clippy::print_stderr, clippy::disallowed_methods)]

use crate::support::scenario::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wick::runtime::{
    EndReason, EventKind, Input, ModelOptions, Reading, Request, Runtime, RuntimeOptions, ToolChoice,
};
use wick::sample::SamplerOptions;
use wick::text::Message;

/// Prompts of a template, where WICK_PROMPTS does not say.
const PROMPTS: usize = 20;

/// Generations that are computed together.
const TOGETHER: usize = 8;

/// ChatML, with tools and calls as Hermes 2 Pro and 3 have them.
const HERMES: &str = concat!(
    "{% if tools %}<|im_start|>system\nYou are a function calling AI model. You are provided with function ",
    "signatures within <tools></tools> XML tags. You may call one or more functions to assist with the user ",
    "query. Here are the available tools: <tools>{% for tool in tools %} {{ tool | tojson }}{% endfor %} ",
    "</tools>For each function call return a json object with function name and arguments within ",
    "<tool_call></tool_call> XML tags as follows:\n<tool_call>\n",
    "{\"name\": <function-name>, \"arguments\": <args-dict>}\n</tool_call><|im_end|>\n{% endif %}",
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'tool' %}<tool_response>\n{{ m.content }}",
    "\n</tool_response>{% else %}{{ m.content }}{% for c in m.tool_calls %}\n<tool_call>\n",
    "{\"name\": \"{{ c.function.name }}\", \"arguments\": {{ c.function.arguments | tojson }}}\n</tool_call>",
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}",
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
);

/// The same with calls as LFM2 and 2.5 have them.
const LFM2: &str = concat!(
    "{% if tools %}<|im_start|>system\nList of tools: [{% for tool in tools %}{{ tool | tojson }}",
    "{{ ', ' if not loop.last }}{% endfor %}]<|im_end|>\n{% endif %}",
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}{% if m.tool_calls %}<|tool_call_start|>[",
    "{% for c in m.tool_calls %}{{ c.function.name }}({% for k, v in c.function.arguments.items() %}",
    "{{ k }}={{ '\\'' + v + '\\'' if v is string else v | tojson }}{{ ', ' if not loop.last }}{% endfor %})",
    "{{ ', ' if not loop.last }}{% endfor %}]<|tool_call_end|>{% endif %}<|im_end|>\n{% endfor %}",
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
);

fn file() -> Option<PathBuf> {
    let models = std::env::var_os("WICK_MODELS").map(PathBuf::from);
    let models = models.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("models"));
    let path = models.join("SmolLM2-135M-Instruct.Q4_1.gguf");
    if path.is_file() {
        return Some(path);
    }
    eprintln!("left out: calls of a real model ({} is missing)", path.display());
    None
}

/// Name, parameters, and what is asked of it.
fn table() -> Vec<(&'static str, Value, &'static str)> {
    let object = |properties: Value, required: Value| json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
    let text = |most: u32| json!({"type": "string", "maxLength": most});
    vec![
        (
            "get_weather",
            object(json!({"city": text(40), "unit": {"enum": ["celsius", "fahrenheit"]}}), json!(["city"])),
            "What is the weather in {}?",
        ),
        (
            "roll_dice",
            object(
                json!({"count": {"type": "integer", "minimum": 1, "maximum": 20}, "sides": {"enum": [4, 6, 20]}}),
                json!(["count", "sides"]),
            ),
            "Roll three dice for the road to {}.",
        ),
        (
            "send_message",
            object(json!({"to": text(40), "text": text(120)}), json!(["to", "text"])),
            "Tell Anna that we meet in {} tomorrow.",
        ),
        (
            "set_alarm",
            object(
                json!({
                    "hour": {"type": "integer", "minimum": 0, "maximum": 23},
                    "days": {"type": "array", "items": {"enum": ["mon", "tue", "wed", "thu", "fri"]}, "maxItems": 5},
                }),
                json!(["hour"]),
            ),
            "Wake me at seven, my train to {} leaves early.",
        ),
        (
            "search",
            object(
                json!({"query": text(80), "limit": {"type": ["integer", "null"], "minimum": 1, "maximum": 50}}),
                json!(["query"]),
            ),
            "Find good books about {}.",
        ),
        (
            "move_to",
            object(
                json!({
                    "position": object(
                        json!({"x": {"type": "number"}, "y": {"type": "number"}}),
                        json!(["x", "y"]),
                    ),
                    "run": {"type": "boolean"},
                }),
                json!(["position"]),
            ),
            "Go to the gate of {} and hurry.",
        ),
        (
            "give_item",
            object(
                json!({
                    "item": {"$ref": "#/$defs/item"},
                    "amount": {"type": "integer", "minimum": 1, "maximum": 99},
                }),
                json!(["item", "amount"]),
            ),
            "Give the guard of {} two apples.",
        ),
        (
            "book_table",
            object(
                json!({"name": text(40), "guests": {"type": "integer", "minimum": 1, "maximum": 12},
                    "date": {"type": "string", "format": "date"}}),
                json!(["name", "guests", "date"]),
            ),
            "A table for four in {} on the second of May, please.",
        ),
        (
            "add_tags",
            object(
                json!({"tags": {"type": "array", "items": text(20), "minItems": 1, "maxItems": 4}}),
                json!(["tags"]),
            ),
            "Which words describe {}?",
        ),
        ("get_time", json!({"type": "object", "properties": {}}), "How late is it in {}?"),
    ]
}

/// Tools that are told together, and the schema of each.
fn tools(of: usize) -> (Value, BTreeMap<String, Value>) {
    let table = table();
    // Five of ten by turns: none has the same ones as the one before it.
    let chosen = (0..5).map(|next| &table[(of + 2 * next + of / table.len()) % table.len()]);
    let (mut listed, mut schemas) = (Vec::new(), BTreeMap::new());
    for (name, parameters, asked) in chosen {
        let mut parameters = parameters.clone();
        if *name == "give_item" {
            parameters["$defs"] = json!({"item": {"enum": ["apple", "sword", "key"]}});
        }
        listed.push(json!({"type": "function", "function": {
            "name": name, "description": format!("For what is asked so: {asked}"), "parameters": parameters,
        }}));
        schemas.insert((*name).to_owned(), parameters);
    }
    (Value::from(listed), schemas)
}

fn asked(prompt: usize) -> (Request, BTreeMap<String, Value>) {
    let places = ["Paris", "Lima", "Oslo", "Kyoto", "Cairo", "Quito", "Riga", "Accra", "Delhi", "Bern"];
    let table = table();
    let question = table[prompt % table.len()].2;
    let place = places[(prompt / table.len() + prompt) % places.len()];
    let content = question.replace("{}", place);
    // Half of them are drawn as they are likely, and each set of tools serves ten.
    let temperature = if prompt.is_multiple_of(2) { 0.0 } else { 1.0 };
    let (tools, schemas) = tools(prompt / 10);
    let request = Request {
        input: Input::Messages(vec![Message { role: "user".into(), content, extra: None }]),
        tools: Some(Arc::new(tools)),
        tool_choice: ToolChoice::Required,
        max_tokens: 600,
        sampling: SamplerOptions { temperature, seed: prompt as u64, ..SamplerOptions::default() },
        ..Request::default()
    };
    (request, schemas)
}

/// What is wrong with what was told, if something is.
fn wrong(told: &Told, schemas: &BTreeMap<String, Value>) -> Option<String> {
    if told.end.reason != EndReason::Stop {
        return Some(format!("it ended by {:?}", told.end));
    }
    let calls: Vec<&str> = told
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::ToolCall(call) => Some(&**call),
            _ => None,
        })
        .collect();
    let [call] = calls[..] else { return Some(format!("{} calls", calls.len())) };
    let Ok(call) = serde_json::from_str::<Value>(call) else { return Some("no JSON".to_owned()) };
    let Some(schema) = call["name"].as_str().and_then(|name| schemas.get(name)) else {
        return Some(format!("no tool of that name: {call}"));
    };
    let validator = jsonschema::options().should_validate_formats(true).build(schema).expect("a schema");
    validator.validate(&call["arguments"]).err().map(|why| format!("{call}: {why}"))
}

/// The notes of `told` that are the library's.
fn notes(told: &Told) -> Vec<Value> {
    let note = |kind: &EventKind| match kind {
        EventKind::LibraryNote(text) => serde_json::from_str(text).ok(),
        _ => None,
    };
    told.events.iter().filter_map(|event| note(&event.kind)).collect()
}

/// Asks so many prompts; the names that were called, each how often, and the notes of the last.
fn ask_all(template: Option<&str>, prompts: usize) -> Option<(BTreeMap<String, usize>, Vec<Value>)> {
    let path = file()?;
    let runtime =
        Runtime::new(RuntimeOptions { threads: 2, ..RuntimeOptions::default() }).expect("a runtime");
    let options = ModelOptions { chat_template: template.map(str::to_owned), ..ModelOptions::path(path) };
    let (model, _load) = runtime.load(options, Reading::default()).expect("a load");
    let (mut names, mut noted) = (BTreeMap::new(), Vec::new());
    let (mut tokens, mut together) = (0, 0);
    let all: Vec<usize> = (0..prompts).collect();
    for some in all.chunks(TOGETHER) {
        let begin = |prompt: &usize| {
            let (request, schemas) = asked(*prompt);
            let session = model.session(None).expect("a session");
            let stream = session.generate(request, Reading::default()).expect("a stream");
            (session, stream, schemas)
        };
        let begun: Vec<_> = some.iter().map(begin).collect();
        for (prompt, (_session, mut stream, schemas)) in some.iter().zip(begun) {
            let told = read(&mut stream);
            let wrong = wrong(&told, &schemas);
            assert!(wrong.is_none(), "prompt {prompt}: {wrong:?} in {}", told.text);
            let call = told.events.iter().find_map(|event| match &event.kind {
                EventKind::ToolCall(call) => serde_json::from_str::<Value>(call).ok(),
                _ => None,
            });
            let name = call.and_then(|call| call["name"].as_str().map(str::to_owned)).expect("a call");
            *names.entry(name).or_insert(0) += 1;
            noted = notes(&told);
            tokens += u64::from(told.end.stats.output_tokens);
            together += told.end.stats.draft_accepted;
        }
    }
    eprintln!("{prompts} calls of a real model, {tokens} tokens, {together} with others before: {names:?}");
    // The form, a tool's name and the keys are no choice of the model's.
    assert!(together > 0);
    Some((names, noted))
}

fn prompts() -> usize {
    std::env::var("WICK_PROMPTS").ok().and_then(|count| count.parse().ok()).unwrap_or(PROMPTS)
}

#[test]
fn every_prompt_is_answered_by_a_valid_call() {
    let _watchdog = watchdog();
    for template in [HERMES, LFM2] {
        let Some((names, notes)) = ask_all(Some(template), prompts()) else { return };
        assert!(names.len() > 1, "{names:?}");
        assert!(notes.iter().all(|note| note["event"] != "template_lacks"), "{notes:?}");
    }
}

#[test]
fn a_template_that_shows_no_tools_is_told_them_in_words() {
    let _watchdog = watchdog();
    // The model's own.
    let Some((_, notes)) = ask_all(None, prompts().min(PROMPTS)) else { return };
    let lacks = |note: &&Value| note["event"] == "template_lacks" && note["what"] == "tools";
    assert_eq!(notes.iter().filter(lacks).count(), 1, "{notes:?}");
}
