//! The formats of published templates: what is learned of each, and a turn that the template itself writes
//! read back.
#![cfg(feature = "text")]

use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use wick::pause::{Pauses, at_once};
use wick::testing::{Script, model};
use wick::text::format::{Call, Format, Listener, Opening, Parser, Part, Speech, derive};
use wick::text::{Message, RenderInput, Vocab};

#[allow(clippy::disallowed_methods, clippy::print_stdout)]
fn vectors(what: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("WICK_VECTORS").map(PathBuf::from);
    if folder.is_none() {
        println!("left out: {what} (WICK_VECTORS is not set)");
    }
    folder
}

/// Bytes as tokens, and a published template.
fn speaker(source: String) -> Arc<dyn Vocab> {
    let ((_, vocab), _) = model(&Script { chat_template: Some(source), ..Script::default() });
    vocab
}

/// The markers of a format: of thinking, and of calls.
fn markers(format: &Format) -> [Option<[&str; 2]>; 2] {
    [
        format.reasoning.as_ref().map(|reasoning| [&*reasoning.begin, &*reasoning.end]),
        format.calls.as_ref().map(|calls| [&*calls.begin, &*calls.end]),
    ]
}

const THINK: Option<[&str; 2]> = Some(["<think>", "</think>"]);
const TOOL_CALL: Option<[&str; 2]> = Some(["<tool_call>", "</tool_call>"]);
const NO_MARKERS: Option<[&str; 2]> = Some(["", ""]);

/// Of each template. Where no calls are, the template shows none, or in a form of its own.
const KNOWN: [(&str, [Option<[&str; 2]>; 2]); 27] = [
    ("Bielik-11B-v3.0-Instruct", [THINK, TOOL_CALL]),
    (
        "ByteDance-Seed-OSS",
        [Some(["<seed:think>", "</seed:think>"]), Some(["<seed:tool_call>", "</seed:tool_call>"])],
    ),
    (
        "CohereForAI-c4ai-command-r7b-12-2024-tool_use",
        [Some(["<|START_THINKING|>", "<|END_THINKING|>"]), Some(["<|START_ACTION|>", "<|END_ACTION|>"])],
    ),
    ("GLM-4.7-Flash", [THINK, TOOL_CALL]),
    ("GigaChat3.1-10B-A1.8B", [None, Some(["<|function_call|>", ""])]),
    ("LFM2.5-8B-A1B", [THINK, Some(["<|tool_call_start|>", "<|tool_call_end|>"])]),
    ("MiMo-VL", [None, TOOL_CALL]),
    ("Mistral-Small-3.2-24B-Instruct-2506", [None, Some(["[TOOL_CALLS]", ""])]),
    ("NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", [THINK, TOOL_CALL]),
    ("NousResearch-Hermes-3-Llama-3.1-8B-tool_use", [None, TOOL_CALL]),
    ("Qwen-QwQ-32B", [THINK, TOOL_CALL]),
    ("Qwen-Qwen3-0.6B", [THINK, TOOL_CALL]),
    ("Qwen3-Coder", [None, TOOL_CALL]),
    ("Reka-Edge", [THINK, TOOL_CALL]),
    ("Spark2.5", [THINK, TOOL_CALL]),
    ("StepFun3.5-Flash", [THINK, TOOL_CALL]),
    ("deepseek-ai-DeepSeek-R1-Distill-Llama-8B", [THINK, None]),
    ("deepseek-ai-DeepSeek-V3.1", [THINK, None]),
    ("inclusionai-ling-3.0-flash", [THINK, TOOL_CALL]),
    ("meta-llama-Llama-3.1-8B-Instruct", [None, NO_MARKERS]),
    ("meta-llama-Llama-3.2-3B-Instruct", [None, NO_MARKERS]),
    ("microsoft-Phi-3.5-mini-instruct", [None, None]),
    ("mistralai-Mistral-Nemo-Instruct-2407", [None, Some(["[TOOL_CALLS]", ""])]),
    ("openai-gpt-oss-120b", [Some(["<|channel|>analysis<|message|>", "<|end|>"]), NO_MARKERS]),
    ("poolside-Laguna-XS.2", [THINK, TOOL_CALL]),
    ("unsloth-mistral-Devstral-Small-2507", [None, Some(["[TOOL_CALLS]", ""])]),
    ("upstage-Solar-Open-100B", [None, Some(["<|tool_calls|>", "<|calls|>"])]),
];

#[derive(Debug, Default)]
struct Heard {
    calls: Vec<Call>,
    malformed: Vec<String>,
}

impl Listener for Heard {
    fn text(&mut self, _: Part, _: &str) {}
    fn hidden(&mut self, _: Part, _: &str, _: Option<u32>) {}
    fn call(&mut self, call: Call) {
        self.calls.push(call);
    }
    fn malformed(&mut self, _: &str, why: &str) {
        self.malformed.push(why.to_owned());
    }
}

fn message(role: &str, content: &str, extra: Value) -> Message {
    Message { role: role.into(), content: content.into(), extra: extra.as_object().cloned() }
}

/// The calls of a turn that the template writes.
fn read_back(speaker: &dyn Vocab, format: &Format, arguments: &Value) -> Heard {
    let given = if format.arguments_as_text { json!(arguments.to_string()) } else { arguments.clone() };
    let function = json!({"name": "get_weather", "arguments": given});
    let calls = json!({"tool_calls": [{"id": "abcdef123", "type": "function", "function": function}]});
    let messages = [message("user", "Q?", Value::Null), message("assistant", "", calls)];
    let properties = json!({"city": {"type": "string", "description": "c"}, "days": {"type": "integer", "description": "d"}});
    let parameters = json!({"type": "object", "properties": properties, "required": ["city"]});
    let function = json!({"name": "get_weather", "description": "w", "parameters": parameters});
    let tools = json!([{"type": "function", "function": function}]);
    let input = RenderInput { messages: &messages, tools: Some(&tools), ..RenderInput::default() };
    let text = speaker.render(&input).unwrap().text;
    let turn = text.rsplit_once("Q?").unwrap().1;
    // From where the model speaks.
    let opened = RenderInput { messages: &messages[..1], add_generation_prompt: true, ..input };
    let opened = speaker.render(&opened).unwrap().text;
    let header = opened.rsplit_once("Q?").unwrap().1;
    let common: usize =
        turn.chars().zip(header.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    // Not inside of a tag.
    let common = turn[..common].rfind(['<', '>']).filter(|at| turn[*at..].starts_with('<')).unwrap_or(common);
    let speech = Arc::new(Speech::new(format.clone(), speaker).unwrap());
    let mut parser = Parser::new(speech, Some(Arc::new(tools)), Opening::Turn);
    let mut heard = Heard::default();
    parser.push_text(turn[common..].trim_start_matches("</think>"), &mut heard);
    parser.finish(&mut heard);
    heard
}

#[test]
fn published_templates_speak_as_their_models_do() {
    let Some(folder) = vectors("formats of published templates") else { return };
    let mut wrong = Vec::new();
    for (name, expected) in KNOWN {
        let source = std::fs::read_to_string(folder.join(format!("templates/{name}.jinja"))).unwrap();
        let speaker = speaker(source);
        let format = at_once(derive(&*speaker, &mut Pauses::none())).unwrap();
        if markers(&format) != expected {
            wrong.push(format!("{name}: {format:?}"));
            continue;
        }
        if format.calls.is_none() {
            continue;
        }
        let arguments = json!({"city": "Bern", "days": 7});
        let heard = read_back(&*speaker, &format, &arguments);
        let read: Vec<_> =
            heard.calls.iter().map(|call| (&*call.name, Value::from(call.arguments.clone()))).collect();
        if read.len() != 1 || read[0] != ("get_weather", arguments) || !heard.malformed.is_empty() {
            wrong.push(format!("{name}: {heard:?} by {format:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
