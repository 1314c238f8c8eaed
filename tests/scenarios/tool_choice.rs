//! Answers that have to be a call of a tool: whatever the model says, in whatever form its template has, it
//! is one call with arguments of the tool's schema; and what cannot be bound is an END that names it.
#![cfg(all(feature = "testing", feature = "text"))]

use crate::speech::{calls, library_notes, on, told};
use crate::support::scenario::*;
use serde_json::{Value, json};
use std::sync::Arc;
use wick::error::ErrorKind;
use wick::runtime::{Channel, EndReason, Input, Reading, Request, ToolChoice};
use wick::sample::SamplerOptions;
use wick::testing::{END, Script};
use wick::text::grammar::{Grammar, GrammarKind};

/// System, tools and results as ChatML has them, and a place for the assistant's turn.
macro_rules! chatml {
    ($assistant:literal) => {
        concat!(
            "{% for m in messages %}{% if loop.first and tools %}<|im_start|>system\n{{ tools | tojson }}<|im_end|>\n{% endif %}",
            "{% if m.role == 'tool' %}<|im_start|>tool\n{{ m.content }}<|im_end|>\n",
            "{% elif m.role == 'assistant' %}<|im_start|>assistant\n",
            $assistant,
            "<|im_end|>\n{% else %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}",
            "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
        )
    };
}

/// Forms of calls by the templates that have them (src/text/format knows more), and the markers that may be
/// tokens.
const FORMS: &[(&str, &str, &[&str])] = &[
    (
        "Hermes, Granite 4",
        chatml!(
            "{{ m.content }}{% for c in m.tool_calls %}\n<tool_call>\n{\"name\": \"{{ c.function.name }}\", \"arguments\": {{ c.function.arguments | tojson }}}\n</tool_call>{% endfor %}"
        ),
        &["<tool_call>", "</tool_call>"],
    ),
    (
        "Qwen3",
        chatml!(
            "<think>\n{{ m.reasoning_content | default('') | trim('\n') }}\n</think>\n\n{{ m.content }}{% for c in m.tool_calls %}{% if not loop.first or m.content %}\n{% endif %}<tool_call>\n{\"name\": \"{{ c.function.name }}\", \"arguments\": {{ c.function.arguments | tojson }}}\n</tool_call>{% endfor %}"
        ),
        &["<think>", "</think>", "<tool_call>", "</tool_call>"],
    ),
    (
        "Qwen3.5, Qwen3-Coder",
        chatml!(
            "{% if m.reasoning_content %}<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}{{ m.content }}{% for c in m.tool_calls %}\n<tool_call>\n<function={{ c.function.name }}>\n{% for k, v in c.function.arguments.items() %}<parameter={{ k }}>\n{{ v if v is string else v | tojson }}\n</parameter>\n{% endfor %}</function>\n</tool_call>{% endfor %}"
        ),
        &["<think>", "</think>", "<tool_call>", "</tool_call>"],
    ),
    (
        "LFM2",
        chatml!(
            "{% if m.tool_calls %}<|tool_call_start|>[{% for c in m.tool_calls %}{{ c.function.name }}({% for k, v in c.function.arguments.items() %}{{ k }}={{ '\\'' + v + '\\'' if v is string else v | tojson }}{{ ', ' if not loop.last }}{% endfor %}){{ ', ' if not loop.last }}{% endfor %}]<|tool_call_end|>{% endif %}{{ m.content }}"
        ),
        &["<|tool_call_start|>", "<|tool_call_end|>"],
    ),
    (
        "Granite 3",
        chatml!(
            "{{ m.content }}{% if m.tool_calls %}<|tool_call|>[{% for c in m.tool_calls %}{\"arguments\": {{ c.function.arguments | tojson }}, \"name\": \"{{ c.function.name }}\"}{{ ', ' if not loop.last }}{% endfor %}]{% endif %}"
        ),
        &["<|tool_call|>"],
    ),
    (
        "Phi-4-mini",
        "{% for m in messages %}<|{{ m.role }}|>{% if loop.first and tools %}<|tool|>{{ tools | tojson }}<|/tool|>{% endif %}{{ m.content }}{% if m.tool_calls %}<|tool_call|>[{% for c in m.tool_calls %}{\"name\": \"{{ c.function.name }}\", \"parameters\": {{ c.function.arguments | tojson }}}{{ ', ' if not loop.last }}{% endfor %}]<|/tool_call|>{% endif %}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}",
        &["<|tool_call|>", "<|/tool_call|>"],
    ),
    (
        "Mistral Small 3.2",
        "{% for m in messages %}{% if m.role == 'user' %}{% if tools %}[AVAILABLE_TOOLS]{{ tools | tojson }}[/AVAILABLE_TOOLS]{% endif %}[INST]{{ m.content }}[/INST]{% elif m.role == 'tool' %}[TOOL_RESULTS]{{ m.tool_call_id }}[TOOL_CONTENT]{{ m.content }}[/TOOL_RESULTS]{% else %}{{ m.content }}{% for c in m.tool_calls %}[TOOL_CALLS]{{ c.function.name }}[CALL_ID]{{ c.id }}[ARGS]{{ c.function.arguments | tojson }}{% endfor %}</s>{% endif %}{% endfor %}",
        &["[TOOL_CALLS]", "[CALL_ID]", "[ARGS]"],
    ),
    (
        "Llama 3",
        "{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{% if loop.first and tools %}{{ tools | tojson }}{% endif %}{% if m.tool_calls %}{% if m.tool_calls | length > 1 %}{{ raise_exception('one at once') }}{% endif %}{\"name\": \"{{ m.tool_calls[0].function.name }}\", \"parameters\": {{ m.tool_calls[0].function.arguments | tojson }}}{% else %}{{ m.content }}{% endif %}<|eot_id|>{% endfor %}{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}",
        &["<|python_tag|>"],
    ),
    (
        "FunctionGemma",
        "{% for m in messages %}{% if m.role == 'tool' %}<start_function_response>response:{{ m.name }}{{ '{' }}value:<escape>{{ m.content }}<escape>{{ '}' }}<end_function_response>{% else %}<start_of_turn>{{ m.role }}\n{% if loop.first and tools %}<start_function_declaration>{{ tools | tojson }}<end_function_declaration>{% endif %}{{ m.content }}{% for c in m.tool_calls %}<start_function_call>call:{{ c.function.name }}{{ '{' }}{% for k, v in c.function.arguments.items() %}{{ k }}:{{ '<escape>' + v + '<escape>' if v is string else v | tojson }}{{ ',' if not loop.last }}{% endfor %}{{ '}' }}<end_function_call>{% endfor %}<end_of_turn>\n{% endif %}{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}",
        &["<start_function_call>", "<end_function_call>", "<escape>"],
    ),
    (
        "Gemma 4",
        "{% macro arg(v) %}{% if v is string %}<|\"|>{{ v }}<|\"|>{% elif v is mapping %}{{ '{' }}{% for k, x in v.items() %}{{ k }}:{{ arg(x) }}{{ ',' if not loop.last }}{% endfor %}{{ '}' }}{% elif v is iterable %}[{% for x in v %}{{ arg(x) }}{{ ',' if not loop.last }}{% endfor %}]{% else %}{{ v | tojson }}{% endif %}{% endmacro %}{% for m in messages %}{% if m.role == 'tool' %}<|tool_response>response:{{ m.name }}{{ '{' }}value:{{ arg(m.content) }}{{ '}' }}<tool_response|>{% else %}<|turn>{{ 'model' if m.role == 'assistant' else m.role }}\n{% if loop.first and tools %}<|tool>{{ tools | tojson }}<tool|>{% endif %}{% if m.role == 'assistant' %}{{ m.content.split('<channel|>')[-1] }}{% else %}{{ m.content }}{% endif %}{% for c in m.tool_calls %}<|tool_call>call:{{ c.function.name }}{{ arg(c.function.arguments) }}<tool_call|>{% endfor %}<turn|>\n{% endif %}{% endfor %}{% if add_generation_prompt %}<|turn>model\n{% endif %}",
        &["<|tool_call>", "<tool_call|>", "<|\"|>"],
    ),
    (
        "DeepSeek V3.1",
        "{% for m in messages %}{% if m.role == 'user' %}{% if tools %}{{ tools | tojson }}{% endif %}<｜User｜>{{ m.content }}<｜Assistant｜></think>{% elif m.role == 'tool' %}<｜tool▁output▁begin｜>{{ m.content }}<｜tool▁output▁end｜>{% elif m.role == 'assistant' %}{{ m.content }}{% if m.tool_calls %}<｜tool▁calls▁begin｜>{% for c in m.tool_calls %}<｜tool▁call▁begin｜>{{ c.function.name }}<｜tool▁sep｜>{{ c.function.arguments }}<｜tool▁call▁end｜>{% endfor %}<｜tool▁calls▁end｜>{% endif %}<｜end▁of▁sentence｜>{% else %}{{ m.content }}{% endif %}{% endfor %}",
        &[
            "<think>",
            "</think>",
            "<｜tool▁calls▁begin｜>",
            "<｜tool▁call▁begin｜>",
            "<｜tool▁sep｜>",
            "<｜tool▁calls▁end｜>",
        ],
    ),
    (
        "Kimi K2",
        "{% if tools %}<|im_system|>tool_declare<|im_middle|>{{ tools | tojson }}<|im_end|>{% endif %}{% for m in messages %}<|im_{{ m.role }}|>{{ m.role }}<|im_middle|>{% if m.role == 'tool' %}## Return of {{ m.tool_call_id }}\n{% endif %}{{ m.content }}{% if m.tool_calls %}<|tool_calls_section_begin|>{% for c in m.tool_calls %}<|tool_call_begin|>{{ c.id }}<|tool_call_argument_begin|>{{ c.function.arguments if c.function.arguments is string else c.function.arguments | tojson }}<|tool_call_end|>{% endfor %}<|tool_calls_section_end|>{% endif %}<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_assistant|>assistant<|im_middle|>{% endif %}",
        &[
            "<|tool_calls_section_begin|>",
            "<|tool_call_begin|>",
            "<|tool_call_argument_begin|>",
            "<|tool_calls_section_end|>",
        ],
    ),
    (
        "MiniMax M2",
        "{% if tools %}]~b]system\n{{ tools | tojson }}[e~[\n{% endif %}{% for m in messages %}]~b]{{ 'ai' if m.role == 'assistant' else m.role }}\n{% if m.reasoning_content %}<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}{{ m.content }}{% if m.tool_calls %}\n<minimax:tool_call>\n{% for c in m.tool_calls %}<invoke name=\"{{ c.function.name }}\">\n{% for k, v in c.function.arguments.items() %}<parameter name=\"{{ k }}\">{{ v if v is string else v | tojson }}</parameter>\n{% endfor %}</invoke>\n{% endfor %}</minimax:tool_call>{% endif %}[e~[\n{% endfor %}{% if add_generation_prompt %}]~b]ai\n<think>\n{% endif %}",
        &["<think>", "</think>", "<minimax:tool_call>", "</minimax:tool_call>"],
    ),
    // It shows no tools.
    (
        "fallback",
        "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}",
        &["<tool_call>", "</tool_call>"],
    ),
];

fn tools() -> Value {
    let add = json!({
        "type": "object",
        "properties": {
            "a": {"type": "integer", "minimum": 1, "maximum": 9},
            "b": {"type": "string", "enum": ["é", "x y"]},
        },
        "required": ["a", "b"],
        "additionalProperties": false,
    });
    let look = json!({
        "type": "object",
        "properties": {
            "words": {"type": "string", "maxLength": 5},
            "deep": {"$ref": "#/$defs/deep"},
            "sure": {"type": "boolean"},
        },
        "required": ["deep"],
        "additionalProperties": false,
        "$defs": {"deep": {"type": "object", "properties": {"n": {"enum": [1, null]}}, "required": ["n"],
            "additionalProperties": false}},
    });
    json!([
        {"type": "function", "function": {"name": "add", "parameters": add}},
        {"type": "function", "function": {"name": "look_up", "parameters": look}},
        {"type": "function", "function": {"name": "now"}},
    ])
}

/// What the schemas of [`tools`] say, said once more.
fn is_valid(call: &Value) -> bool {
    let arguments = call["arguments"].as_object().unwrap();
    let only = |names: &[&str]| arguments.keys().all(|key| names.contains(&key.as_str()));
    match call["name"].as_str().unwrap() {
        "add" => {
            let a = arguments.get("a").and_then(Value::as_i64).is_some_and(|a| (1..=9).contains(&a));
            let b = arguments.get("b").and_then(Value::as_str).is_some_and(|b| ["é", "x y"].contains(&b));
            a && b && only(&["a", "b"])
        }
        "look_up" => {
            let deep = arguments.get("deep").and_then(Value::as_object);
            let deep = deep.is_some_and(|deep| deep.len() == 1 && (deep["n"] == 1 || deep["n"].is_null()));
            let words = arguments
                .get("words")
                .is_none_or(|words| words.as_str().is_some_and(|words| words.chars().count() <= 5));
            deep && words
                && arguments.get("sure").is_none_or(Value::is_boolean)
                && only(&["words", "deep", "sure"])
        }
        // It has none.
        "now" => arguments.is_empty(),
        _ => false,
    }
}

/// A model that says anything, whose markers are tokens or letters.
fn anything(template: &str, control: &[&str], seed: u64) -> Script {
    let script = json!({"control": control, "chat_template": template, "random": seed});
    Script::parse(&script.to_string()).unwrap()
}

fn asked(seed: u64, choice: ToolChoice) -> Request {
    let message = wick::text::Message { role: "user".into(), content: format!("Do {seed}."), extra: None };
    Request {
        input: Input::Messages(vec![message]),
        tools: Some(Arc::new(tools())),
        tool_choice: choice,
        reasoning_budget: Some(4),
        max_tokens: 4_000,
        sampling: SamplerOptions {
            temperature: 1.0,
            seed,
            // It would end its turn while it thinks.
            logit_bias: vec![(END, f32::NEG_INFINITY)],
            ..SamplerOptions::default()
        },
        ..Request::default()
    }
}

#[test]
fn s68_whatever_a_model_says_is_one_valid_call_in_every_form() {
    both(|mode| {
        let mut named = std::collections::BTreeSet::new();
        for (form, template, markers) in FORMS {
            for control in [*markers, &[]] {
                let house = house(mode, anything(template, control, 7));
                for seed in 0..5 {
                    let session = house.session();
                    let told = told(&session, asked(seed, ToolChoice::Required));
                    let case = format!("{form} {} {seed}: {}", control.len(), told.text);
                    assert_eq!(told.end.reason, EndReason::Stop, "{case} {:?}", told.end.error);
                    let calls = calls(&told);
                    let notes = library_notes(&told);
                    assert!(calls.len() == 1 && is_valid(&calls[0]), "{case} {calls:?} {notes:?}");
                    assert!(on(&told, Channel::Answer).trim().is_empty(), "{case}");
                    named.insert(calls[0]["name"].to_string());
                    let kept = session.messages().unwrap().pop().unwrap().extra.unwrap();
                    assert_eq!(kept["tool_calls"][0]["function"]["name"], calls[0]["name"], "{case}");
                }
                house.close();
            }
        }
        assert_eq!(named.len(), 3, "{named:?}");
    });
}

#[test]
fn s68_a_call_is_of_the_tool_that_was_named() {
    both(|mode| {
        for (form, template, markers) in FORMS {
            let house = house(mode, anything(template, markers, 8));
            for seed in 0..2 {
                let told = told(&house.session(), asked(seed, ToolChoice::Named("look_up".into())));
                let calls = calls(&told);
                assert!(calls.len() == 1 && calls[0]["name"] == "look_up", "{form}: {}", told.text);
                assert!(is_valid(&calls[0]), "{form} {calls:?}");
            }
            house.close();
        }
    });
}

#[test]
fn s68_thinking_comes_first_and_is_free() {
    let (_, template, markers) = FORMS[1];
    both(|mode| {
        for (control, budget) in [(markers, None), (&[][..], None), (markers, Some(2))] {
            let reply = "<think>Hm, {</think>No.";
            let parts: Vec<Value> = match control.is_empty() {
                true => reply.chars().map(|letter| json!(letter.to_string())).collect(),
                false => vec![
                    json!("<think>"),
                    json!("Hm"),
                    json!(","),
                    json!(" {"),
                    json!("</think>"),
                    json!("No."),
                ],
            };
            let script = json!({"reply": parts, "control": control, "chat_template": template});
            let house = house(mode, Script::parse(&script.to_string()).unwrap());
            let request = Request {
                reasoning_budget: budget,
                sampling: SamplerOptions::default(),
                ..asked(1, ToolChoice::Named("add".into()))
            };
            let told = told(&house.session(), request);
            let calls = calls(&told);
            assert!(calls.len() == 1 && is_valid(&calls[0]), "{}", told.text);
            let thought = if budget.is_some() { "Hm," } else { "Hm, {" };
            assert_eq!(on(&told, Channel::Reasoning).trim(), thought, "{}", told.text);
            assert!(on(&told, Channel::Answer).is_empty(), "{}", told.text);
            house.close();
        }
    });
}

#[test]
fn s68_what_cannot_be_bound_is_an_end_that_names_it() {
    both(|mode| {
        let house = house(mode, anything(FORMS[0].1, &[], 3));
        let session = house.session();
        let negated = json!([{"name": "f", "parameters": {"not": {"type": "null"}}}]);
        for (tools, choice, kind, why) in [
            (json!([]), ToolChoice::Required, ErrorKind::InvalidArgument, "no tools are in force"),
            (
                tools(),
                ToolChoice::Named("x".into()),
                ErrorKind::InvalidArgument,
                "\"add\", \"look_up\", \"now\"",
            ),
            (negated, ToolChoice::Required, ErrorKind::Grammar, "\"not\""),
        ] {
            let told = told(&session, Request { tools: Some(Arc::new(tools)), ..asked(1, choice) });
            assert_eq!(told.error().kind(), kind, "{}", told.error());
            assert!(told.error().message().contains(why), "{}", told.error());
            assert!(told.text.is_empty() && session.tokens().unwrap().is_empty());
        }
        let raw = Request { input: Input::Text("raw".into()), tools: None, ..asked(1, ToolChoice::Required) };
        assert_eq!(told(&house.session(), raw).error().kind(), ErrorKind::InvalidArgument);
        let grammar = Some(Arc::new(Grammar { kind: GrammarKind::Json, text: String::new() }));
        for request in [
            Request { grammar, ..asked(1, ToolChoice::Required) },
            Request { answer_prefix: "a".into(), ..asked(1, ToolChoice::Required) },
        ] {
            let refused = session.generate(request, Reading::default()).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
            assert!(refused.message().contains("tool_choice"), "{refused}");
        }
        house.close();
    });
}

#[test]
fn s68_a_call_that_is_cut_short_is_none() {
    both(|mode| {
        for (form, template, markers) in FORMS {
            for control in [*markers, &[]] {
                let house = house(mode, anything(template, control, 9));
                for (seed, most) in [1, 5, 12, 25, 40, 60, 90].into_iter().enumerate() {
                    let session = house.session();
                    let request = Request {
                        max_tokens: most,
                        ..asked(seed as u64, ToolChoice::Named("look_up".into()))
                    };
                    let told = told(&session, request);
                    let case = format!("{form} {} {most}: {}", control.len(), told.text);
                    let calls = calls(&told);
                    match told.end.reason {
                        EndReason::Stop => assert!(calls.len() == 1 && is_valid(&calls[0]), "{case}"),
                        EndReason::Length => assert!(calls.is_empty(), "{case} {calls:?}"),
                        _ => panic!("{case} {:?}", told.end),
                    }
                    assert!(malformed(&told).is_empty(), "{case}");
                }
                house.close();
            }
        }
    });
}

#[test]
fn s68_arguments_that_no_grammar_keeps_are_looked_over_once_more() {
    let tools = json!([{"name": "f", "parameters": {"type": "object", "properties": {"a": {
        "type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 2}, "minItems": 3, "maxItems": 3,
        "uniqueItems": true,
    }}, "required": ["a"], "additionalProperties": false}}]);
    both(|mode| {
        for form in [0, 2, 3, 7, 8] {
            let (name, template, markers) = FORMS[form];
            let house = house(mode, anything(template, markers, 6));
            let request = Request { tools: Some(Arc::new(tools.clone())), ..asked(1, ToolChoice::Required) };
            let told = told(&house.session(), request);
            assert_eq!(told.error().kind(), ErrorKind::Grammar, "{name}: {}", told.text);
            let why = told.error().message();
            assert!(why.contains("\"uniqueItems\"") && why.contains("\"f\""), "{name}: {why}");
            assert!(calls(&told).is_empty(), "{name}");
            house.close();
        }
    });
}

fn malformed(told: &Told) -> Vec<Value> {
    let mut notes = library_notes(told);
    notes.retain(|note| note["event"] == "malformed_call");
    notes
}

#[test]
fn s68_a_call_that_does_not_fit_into_the_context_is_none() {
    // Of arguments one by one a part would be a call, too.
    let (_, template, _) = FORMS[2];
    let tools = json!([{"name": "f", "parameters": {"type": "object", "properties": {
        "a": {"type": "integer", "minimum": 1, "maximum": 9},
        "b": {"type": "string", "minLength": 900, "maxLength": 1000},
    }, "required": ["a", "b"], "additionalProperties": false}}]);
    both(|mode| {
        let script = json!({"chat_template": template, "random": 4, "context_length": 900});
        let house = house(mode, Script::parse(&script.to_string()).unwrap());
        let session = house.session();
        let request = Request { tools: Some(Arc::new(tools.clone())), ..asked(1, ToolChoice::Required) };
        let told = told(&session, request);
        assert_eq!(told.end.reason, EndReason::ContextFull, "{}", told.text);
        assert!(told.text.contains("</parameter>"), "{}", told.text);
        assert!(calls(&told).is_empty());
        assert_eq!(malformed(&told).len(), 1);
        let kept = session.messages().unwrap().pop().unwrap();
        assert!(kept.extra.is_none_or(|extra| !extra.contains_key("tool_calls")));
        assert!(kept.content.contains("<function=f>"), "{}", kept.content);
        house.close();
    });
}

#[test]
fn s68_values_that_spell_the_markers_end_nothing() {
    let tools = json!([{"name": "f", "parameters": {"type": "object", "properties": {
        "s": {"type": "string"},
        "o": {"type": "object", "properties": {"t": {"type": "string"}}, "required": ["t"],
            "additionalProperties": false},
    }, "required": ["s", "o"], "additionalProperties": false}}]);
    // The markers are letters, as in most vocabularies that were not made for a template.
    let cases = [
        (
            0,
            "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"s\": \"a\\n</tool_call>b\", \"o\": {\"t\": \"}}\\n</tool_call>\"}}}\n</tool_call>",
            ["a\n</tool_call>b", "}}\n</tool_call>"],
        ),
        (
            2,
            "<tool_call>\n<function=f>\n<parameter=s>\na\n</tool_call>b\n</parameter>\n<parameter=o>\n{\"t\": \"</parameter></function></tool_call>\"}\n</parameter>\n</function>\n</tool_call>",
            ["a\n</tool_call>b", "</parameter></function></tool_call>"],
        ),
        (
            3,
            "<|tool_call_start|>[f(s=\"it's)]<|tool_call_end|>b\",o={\"t\": \"<|tool_call_end|>'\"})]<|tool_call_end|>",
            ["it's)]<|tool_call_end|>b", "<|tool_call_end|>'"],
        ),
        (
            8,
            "<start_function_call>call:f{s:<escape>a}\"<end_function_call>b<escape>,o:{\"t\": \"}<end_function_call>\"}}<end_function_call>",
            ["a}\"<end_function_call>b", "}<end_function_call>"],
        ),
    ];
    both(|mode| {
        for (form, reply, [s, t]) in cases {
            let (name, template, _) = FORMS[form];
            let script = json!({"reply": letters(reply), "chat_template": template});
            let house = house(mode, Script::parse(&script.to_string()).unwrap());
            let request = Request {
                tools: Some(Arc::new(tools.clone())),
                sampling: SamplerOptions::default(),
                ..asked(1, ToolChoice::Required)
            };
            let told = told(&house.session(), request);
            assert_eq!(told.end.reason, EndReason::Stop, "{name}: {} {:?}", told.text, told.end.error);
            let calls = calls(&told);
            assert_eq!(calls.len(), 1, "{name}: {}", told.text);
            assert_eq!(calls[0]["arguments"], json!({"s": s, "o": {"t": t}}), "{name}");
            assert!(on(&told, Channel::Answer).is_empty(), "{name}");
            house.close();
        }
    });
}

/// A reply in tokens of a letter.
fn letters(reply: &str) -> Vec<String> {
    reply.chars().map(String::from).collect()
}

#[test]
fn s68_what_the_form_says_anyway_is_computed_together() {
    both(|mode| {
        for (form, template, _) in [FORMS[0], FORMS[2], FORMS[3]] {
            let say = |drafts: bool| {
                let script = json!({"chat_template": template, "random": 5, "drafts": drafts});
                let house = house(mode, Script::parse(&script.to_string()).unwrap());
                let told = told(&house.session(), asked(2, ToolChoice::Named("add".into())));
                assert_eq!(calls(&told).len(), 1, "{form}: {}", told.text);
                house.close();
                told
            };
            let (alone, together) = (say(false), say(true));
            assert_eq!(alone.said(), together.said(), "{form}");
            // What is not the form's is two values, and white space in JSON.
            let stats = &together.end.stats;
            assert!(stats.draft_accepted * 2 > u64::from(stats.output_tokens), "{form} {stats:?}");
        }
    });
}
