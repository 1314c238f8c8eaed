//! Short templates in the documented form of each family, the format that is learned of them, and a turn that
//! the template writes itself read back.

use super::words::{Heard, Words, hear};
use crate::pause::{Pauses, at_once};
use crate::text::format::{Body, Format, Opening, Speech, derive};
use crate::text::{Message, RenderInput, Vocab};
use serde_json::{Value, json};
use std::sync::Arc;

/// One family.
struct Family {
    name: &'static str,
    template: &'static str,
    /// Of thinking; empty: none.
    thinks: [&'static str; 2],
    /// Of calls.
    calls: [&'static str; 2],
    /// Arguments that are written: without nesting where the form has none.
    flat: bool,
}

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

const FAMILIES: &[Family] = &[
    Family {
        name: "Hermes, Granite 4",
        template: chatml!(
            "{{ m.content }}{% for c in m.tool_calls %}\n<tool_call>\n{\"name\": \"{{ c.function.name }}\", \"arguments\": {{ c.function.arguments | tojson }}}\n</tool_call>{% endfor %}"
        ),
        thinks: ["", ""],
        calls: ["<tool_call>", "</tool_call>"],
        flat: false,
    },
    Family {
        name: "Qwen3",
        template: chatml!(
            "<think>\n{{ m.reasoning_content | default('') | trim('\n') }}\n</think>\n\n{{ m.content }}{% for c in m.tool_calls %}{% if not loop.first or m.content %}\n{% endif %}<tool_call>\n{\"name\": \"{{ c.function.name }}\", \"arguments\": {{ c.function.arguments | tojson }}}\n</tool_call>{% endfor %}"
        ),
        thinks: ["<think>", "</think>"],
        calls: ["<tool_call>", "</tool_call>"],
        flat: false,
    },
    Family {
        name: "Qwen3.5, Qwen3-Coder",
        template: chatml!(
            "{% if m.reasoning_content %}<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}{{ m.content }}{% for c in m.tool_calls %}\n<tool_call>\n<function={{ c.function.name }}>\n{% for k, v in c.function.arguments.items() %}<parameter={{ k }}>\n{{ v if v is string else v | tojson }}\n</parameter>\n{% endfor %}</function>\n</tool_call>{% endfor %}"
        ),
        thinks: ["<think>", "</think>"],
        calls: ["<tool_call>", "</tool_call>"],
        flat: false,
    },
    Family {
        name: "LFM2",
        template: chatml!(
            "{% if m.tool_calls %}<|tool_call_start|>[{% for c in m.tool_calls %}{{ c.function.name }}({% for k, v in c.function.arguments.items() %}{{ k }}={{ '\\'' + v + '\\'' if v is string else v | tojson }}{{ ', ' if not loop.last }}{% endfor %}){{ ', ' if not loop.last }}{% endfor %}]<|tool_call_end|>{% endif %}{{ m.content }}"
        ),
        thinks: ["", ""],
        calls: ["<|tool_call_start|>", "<|tool_call_end|>"],
        flat: false,
    },
    Family {
        name: "Granite 3",
        template: chatml!(
            "{{ m.content }}{% if m.tool_calls %}<|tool_call|>[{% for c in m.tool_calls %}{\"arguments\": {{ c.function.arguments | tojson }}, \"name\": \"{{ c.function.name }}\"}{{ ', ' if not loop.last }}{% endfor %}]{% endif %}"
        ),
        thinks: ["", ""],
        calls: ["<|tool_call|>", ""],
        flat: false,
    },
    Family {
        name: "Phi-4-mini",
        template: "{% for m in messages %}<|{{ m.role }}|>{% if loop.first and tools %}<|tool|>{{ tools | tojson }}<|/tool|>{% endif %}{{ m.content }}{% if m.tool_calls %}<|tool_call|>[{% for c in m.tool_calls %}{\"name\": \"{{ c.function.name }}\", \"parameters\": {{ c.function.arguments | tojson }}}{{ ', ' if not loop.last }}{% endfor %}]<|/tool_call|>{% endif %}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}",
        thinks: ["", ""],
        calls: ["<|tool_call|>", "<|/tool_call|>"],
        flat: false,
    },
    Family {
        name: "Mistral Nemo",
        template: "{% for m in messages %}{% if m.role == 'user' %}{% if tools %}[AVAILABLE_TOOLS]{{ tools | tojson }}[/AVAILABLE_TOOLS]{% endif %}[INST]{{ m.content }}[/INST]{% elif m.tool_calls %}[TOOL_CALLS][{% for c in m.tool_calls %}{% if c.id | length != 9 %}{{ raise_exception('Tool call IDs should be alphanumeric strings with length 9!') }}{% endif %}{\"name\": \"{{ c.function.name }}\", \"arguments\": {{ c.function.arguments | tojson }}, \"id\": \"{{ c.id }}\"}{{ ', ' if not loop.last }}{% endfor %}]</s>{% elif m.role == 'tool' %}[TOOL_RESULTS]{\"content\": {{ m.content }}, \"call_id\": \"{{ m.tool_call_id }}\"}[/TOOL_RESULTS]{% else %}{{ m.content }}</s>{% endif %}{% endfor %}",
        thinks: ["", ""],
        calls: ["[TOOL_CALLS]", ""],
        flat: false,
    },
    Family {
        name: "Mistral Small 3.2",
        template: "{% for m in messages %}{% if m.role == 'user' %}{% if tools %}[AVAILABLE_TOOLS]{{ tools | tojson }}[/AVAILABLE_TOOLS]{% endif %}[INST]{{ m.content }}[/INST]{% elif m.role == 'tool' %}[TOOL_RESULTS]{{ m.tool_call_id }}[TOOL_CONTENT]{{ m.content }}[/TOOL_RESULTS]{% else %}{{ m.content }}{% for c in m.tool_calls %}[TOOL_CALLS]{{ c.function.name }}[CALL_ID]{{ c.id }}[ARGS]{{ c.function.arguments | tojson }}{% endfor %}</s>{% endif %}{% endfor %}",
        thinks: ["", ""],
        calls: ["[TOOL_CALLS]", ""],
        flat: false,
    },
    Family {
        name: "Llama 3",
        template: "{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{% if loop.first and tools %}{{ tools | tojson }}{% endif %}{% if m.tool_calls %}{% if m.tool_calls | length > 1 %}{{ raise_exception('one at once') }}{% endif %}{\"name\": \"{{ m.tool_calls[0].function.name }}\", \"parameters\": {{ m.tool_calls[0].function.arguments | tojson }}}{% else %}{{ m.content }}{% endif %}<|eot_id|>{% endfor %}{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}",
        thinks: ["", ""],
        calls: ["", ""],
        flat: false,
    },
    Family {
        name: "Gemma 4",
        template: "{% macro arg(v) %}{% if v is string %}<|\"|>{{ v }}<|\"|>{% elif v is mapping %}{{ '{' }}{% for k, x in v.items() %}{{ k }}:{{ arg(x) }}{{ ',' if not loop.last }}{% endfor %}{{ '}' }}{% elif v is iterable %}[{% for x in v %}{{ arg(x) }}{{ ',' if not loop.last }}{% endfor %}]{% else %}{{ v | tojson }}{% endif %}{% endmacro %}{% for m in messages %}{% if m.role == 'tool' %}<|tool_response>response:{{ m.name }}{{ '{' }}value:{{ arg(m.content) }}{{ '}' }}<tool_response|>{% else %}<|turn>{{ 'model' if m.role == 'assistant' else m.role }}\n{% if loop.first and tools %}<|tool>{{ tools | tojson }}<tool|>{% endif %}{% if m.role == 'assistant' %}{{ m.content.split('<channel|>')[-1] }}{% else %}{{ m.content }}{% endif %}{% for c in m.tool_calls %}<|tool_call>call:{{ c.function.name }}{{ arg(c.function.arguments) }}<tool_call|>{% endfor %}<turn|>\n{% endif %}{% endfor %}{% if add_generation_prompt %}<|turn>model\n{% endif %}",
        thinks: ["<|channel>thought", "<channel|>"],
        calls: ["<|tool_call>", "<tool_call|>"],
        flat: false,
    },
    Family {
        name: "FunctionGemma",
        template: "{% for m in messages %}{% if m.role == 'tool' %}<start_function_response>response:{{ m.name }}{{ '{' }}value:<escape>{{ m.content }}<escape>{{ '}' }}<end_function_response>{% else %}<start_of_turn>{{ m.role }}\n{% if loop.first and tools %}<start_function_declaration>{{ tools | tojson }}<end_function_declaration>{% endif %}{{ m.content }}{% for c in m.tool_calls %}<start_function_call>call:{{ c.function.name }}{{ '{' }}{% for k, v in c.function.arguments.items() %}{{ k }}:{{ '<escape>' + v + '<escape>' if v is string else v | tojson }}{{ ',' if not loop.last }}{% endfor %}{{ '}' }}<end_function_call>{% endfor %}<end_of_turn>\n{% endif %}{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}",
        thinks: ["", ""],
        calls: ["<start_function_call>", "<end_function_call>"],
        flat: true,
    },
    Family {
        name: "DeepSeek V3.1",
        template: "{% for m in messages %}{% if m.role == 'user' %}{% if tools %}{{ tools | tojson }}{% endif %}<｜User｜>{{ m.content }}<｜Assistant｜></think>{% elif m.role == 'tool' %}<｜tool▁output▁begin｜>{{ m.content }}<｜tool▁output▁end｜>{% elif m.role == 'assistant' %}{{ m.content }}{% if m.tool_calls %}<｜tool▁calls▁begin｜>{% for c in m.tool_calls %}<｜tool▁call▁begin｜>{{ c.function.name }}<｜tool▁sep｜>{{ c.function.arguments }}<｜tool▁call▁end｜>{% endfor %}<｜tool▁calls▁end｜>{% endif %}<｜end▁of▁sentence｜>{% else %}{{ m.content }}{% endif %}{% endfor %}",
        thinks: ["<think>", "</think>"],
        calls: ["<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"],
        flat: false,
    },
    Family {
        name: "DeepSeek V3, R1",
        template: "{% for m in messages %}{% if m.role == 'user' %}{% if tools %}{{ tools | tojson }}{% endif %}<｜User｜>{{ m.content }}{% elif m.role == 'tool' %}<｜tool▁output▁begin｜>{{ m.content }}<｜tool▁output▁end｜>{% elif m.role == 'assistant' %}<｜Assistant｜>{{ m.content.split('</think>')[-1] }}{% if m.tool_calls %}<｜tool▁calls▁begin｜>{% for c in m.tool_calls %}<｜tool▁call▁begin｜>{{ c.type }}<｜tool▁sep｜>{{ c.function.name }}\n```json\n{{ c.function.arguments | tojson }}\n```<｜tool▁call▁end｜>{% endfor %}<｜tool▁calls▁end｜>{% endif %}<｜end▁of▁sentence｜>{% else %}{{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}<｜Assistant｜><think>\n{% endif %}",
        thinks: ["<think>", "</think>"],
        calls: ["<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"],
        flat: false,
    },
    Family {
        name: "GLM 4.5",
        template: "{% if tools %}<|system|>{{ tools | tojson }}{% endif %}{% for m in messages %}{% if m.role == 'tool' %}<|observation|><tool_response>{{ m.content }}</tool_response>{% elif m.role == 'assistant' %}<|assistant|>{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% else %}</think>{% endif %}{{ m.content }}{% for c in m.tool_calls %}<tool_call>{{ c.function.name }}<arg_key>{{ '' }}{% for k, v in c.function.arguments.items() %}{{ k }}</arg_key><arg_value>{{ v if v is string else v | tojson }}</arg_value>{{ '<arg_key>' if not loop.last }}{% endfor %}</tool_call>{% endfor %}{% else %}<|{{ m.role }}|>{{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|><think>{% endif %}",
        thinks: ["<think>", "</think>"],
        calls: ["<tool_call>", "</tool_call>"],
        flat: false,
    },
    Family {
        name: "Kimi K2",
        template: "{% if tools %}<|im_system|>tool_declare<|im_middle|>{{ tools | tojson }}<|im_end|>{% endif %}{% for m in messages %}<|im_{{ m.role }}|>{{ m.role }}<|im_middle|>{% if m.role == 'tool' %}## Return of {{ m.tool_call_id }}\n{% endif %}{{ m.content }}{% if m.tool_calls %}<|tool_calls_section_begin|>{% for c in m.tool_calls %}<|tool_call_begin|>{{ c.id }}<|tool_call_argument_begin|>{{ c.function.arguments if c.function.arguments is string else c.function.arguments | tojson }}<|tool_call_end|>{% endfor %}<|tool_calls_section_end|>{% endif %}<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_assistant|>assistant<|im_middle|>{% endif %}",
        thinks: ["", ""],
        calls: ["<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"],
        flat: false,
    },
    Family {
        name: "MiniMax M2",
        template: "{% if tools %}]~b]system\n{{ tools | tojson }}[e~[\n{% endif %}{% for m in messages %}]~b]{{ 'ai' if m.role == 'assistant' else m.role }}\n{% if m.reasoning_content %}<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}{{ m.content }}{% if m.tool_calls %}\n<minimax:tool_call>\n{% for c in m.tool_calls %}<invoke name=\"{{ c.function.name }}\">\n{% for k, v in c.function.arguments.items() %}<parameter name=\"{{ k }}\">{{ v if v is string else v | tojson }}</parameter>\n{% endfor %}</invoke>\n{% endfor %}</minimax:tool_call>{% endif %}[e~[\n{% endfor %}{% if add_generation_prompt %}]~b]ai\n<think>\n{% endif %}",
        thinks: ["<think>", "</think>"],
        calls: ["<minimax:tool_call>", "</minimax:tool_call>"],
        flat: false,
    },
    Family {
        name: "gpt-oss",
        template: "{% if tools %}<|start|>developer<|message|>{{ tools | tojson }}<|end|>{% endif %}{% for m in messages %}{% if m.role == 'assistant' %}{% if m.thinking %}<|start|>assistant<|channel|>analysis<|message|>{{ m.thinking }}<|end|>{% endif %}{% for c in m.tool_calls %}<|start|>assistant to=functions.{{ c.function.name }}<|channel|>commentary json<|message|>{{ c.function.arguments | tojson }}<|call|>{% else %}<|start|>assistant<|channel|>final<|message|>{{ m.content }}<|return|>{% endfor %}{% elif m.role == 'tool' %}<|start|>functions to=assistant<|channel|>commentary<|message|>{{ m.content }}<|end|>{% else %}<|start|>{{ m.role }}<|message|>{{ m.content }}<|end|>{% endif %}{% endfor %}{% if add_generation_prompt %}<|start|>assistant{% endif %}",
        thinks: ["<|channel|>analysis<|message|>", "<|end|>"],
        calls: ["", ""],
        flat: false,
    },
];

fn learned(template: &str) -> Format {
    at_once(derive(&Words::speaking(template, &[]), &mut Pauses::none())).unwrap()
}

fn tools() -> Value {
    json!([
        {"type": "function", "function": {"name": "get_weather", "parameters": {"properties": {
            "city": {"type": "string"}, "days": {"type": "integer"}
        }}}},
        {"type": "function", "function": {"name": "now", "parameters": {}}},
    ])
}

fn message(role: &str, content: &str, extra: Value) -> Message {
    Message { role: role.into(), content: content.into(), extra: extra.as_object().cloned() }
}

/// What the template itself writes of an assistant's turn is heard as what it was.
fn read_back(
    family: &Family,
    format: &Format,
    tokens: &[&'static str],
    thought: &str,
    calls: &Value,
) -> Heard {
    let words = Words::speaking(family.template, tokens);
    let mut extra = json!({"reasoning_content": thought, "tool_calls": calls});
    if thought.is_empty() {
        extra["reasoning_content"] = Value::Null;
    }
    let messages = [message("user", "Q?", Value::Null), message("assistant", "", extra)];
    let tools = tools();
    let input = |messages, opens| RenderInput {
        messages,
        tools: Some(&tools),
        add_generation_prompt: opens,
        ..RenderInput::default()
    };
    let opened = words.render(&input(&messages[..1], true)).unwrap().text;
    let text = words.render(&input(&messages, false)).unwrap().text;
    // The prompt may have opened the thinking.
    let (begin, is_open) =
        match format.reasoning.as_ref().filter(|reasoning| opened.trim_end().ends_with(&reasoning.begin)) {
            Some(_) if text.starts_with(&*opened) => (opened.len(), true),
            Some(reasoning) => (opened.trim_end().len() - reasoning.begin.len(), false),
            None => (opened.len(), false),
        };
    let turn = text.get(begin..).unwrap();
    let speech = Arc::new(Speech::new(format.clone(), &words).unwrap());
    let opening = if is_open { Opening::Thinking } else { Opening::Turn };
    let ids = words.ids(turn);
    let whole = hear(&words, &speech, Some(&tools), opening, &ids, usize::MAX);
    for every in [1, 2, 3, 7] {
        assert_eq!(
            hear(&words, &speech, Some(&tools), opening, &ids, every),
            whole,
            "{} {every}",
            family.name
        );
    }
    assert_eq!(whole.all, turn, "{}", family.name);
    whole
}

#[test]
fn families_are_learned_from_their_templates() {
    for family in FAMILIES {
        let format = learned(family.template);
        let reasoning = format.reasoning.as_ref();
        let thinks = reasoning.map_or(["", ""], |reasoning| [&*reasoning.begin, &*reasoning.end]);
        assert_eq!(thinks, family.thinks, "{}: {format:?}", family.name);
        let calls = format.calls.as_ref().map(|calls| [&*calls.begin, &*calls.end]);
        assert_eq!(calls, Some(family.calls), "{}: {format:?}", family.name);
        assert!(format.takes_system, "{}", family.name);
    }
}

#[test]
fn turns_that_templates_write_are_read_back() {
    let nested =
        json!({"city": "Zürich's \"old\" town", "days": 7, "o": {"k": [1, "x"], "b": true, "z": null}});
    let flat = json!({"city": "Bern, {Altstadt}", "days": 7});
    for family in FAMILIES {
        let format = learned(family.template);
        let with_quotes = !matches!(format.calls.as_ref().unwrap().body, Body::Python);
        let given = if family.flat || !with_quotes { &flat } else { &nested };
        for tokens in [
            &[][..],
            &[
                "<think>",
                "</think>",
                "<tool_call>",
                "<|\"|>",
                "[ARGS]",
                "<｜tool▁sep｜>",
                "<|channel|>",
                "<|message|>",
            ],
        ] {
            let call = |id: &str, name: &str, arguments: &Value| {
                let arguments = match format.arguments_as_text {
                    true => Value::String(arguments.to_string()),
                    false => arguments.clone(),
                };
                json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
            };
            let calls = json!([call("functions.get_weather:0", "get_weather", given)]);
            let calls = if family.name.starts_with("Mistral") {
                json!([call("abcdef123", "get_weather", given)])
            } else {
                calls
            };
            let heard = read_back(family, &format, tokens, "", &calls);
            assert_eq!(heard.malformed, [], "{}", family.name);
            assert_eq!(heard.calls.len(), 1, "{}: {heard:?}", family.name);
            assert_eq!(heard.calls[0].name, "get_weather", "{}", family.name);
            assert_eq!(Value::from(heard.calls[0].arguments.clone()), *given, "{}", family.name);
            if family.name.starts_with("Mistral") {
                assert_eq!(heard.calls[0].id.as_deref(), Some("abcdef123"));
            }
        }
    }
}

#[test]
fn thoughts_that_templates_write_are_read_back() {
    let mut seen = 0;
    for family in FAMILIES
        .iter()
        .filter(|family| family.template.contains("reasoning_content") || family.name == "gpt-oss")
    {
        let calls = json!([{"id": "functions.now:0", "type": "function", "function": {"name": "now", "arguments": {"a": "b"}}}]);
        let heard = read_back(family, &learned(family.template), &[], "A <b> thought", &calls);
        assert_eq!(heard.reasoning.trim(), "A <b> thought", "{}", family.name);
        assert!(!heard.answer.contains("thought") && !heard.answer.contains("now"), "{}", family.name);
        assert_eq!((heard.calls.len(), heard.malformed.len()), (1, 0), "{}", family.name);
        seen += 1;
    }
    assert!(seen >= 5, "{seen}");
}

#[test]
fn two_calls_are_two_calls() {
    for family in FAMILIES.iter().filter(|family| !["Llama 3"].contains(&family.name)) {
        let format = learned(family.template);
        let arguments = |arguments: Value| {
            if format.arguments_as_text { Value::String(arguments.to_string()) } else { arguments }
        };
        let ids = if family.name.starts_with("Mistral") {
            ["abcdef123", "abcdef124"]
        } else {
            ["functions.get_weather:0", "functions.now:1"]
        };
        let calls = json!([
            {"id": ids[0], "type": "function", "function": {"name": "get_weather", "arguments": arguments(json!({"city": "Bern"}))}},
            {"id": ids[1], "type": "function", "function": {"name": "now", "arguments": arguments(json!({"a": "b"}))}},
        ]);
        let heard = read_back(family, &format, &[], "", &calls);
        let names: Vec<&str> = heard.calls.iter().map(|call| call.name.as_str()).collect();
        assert_eq!(names, ["get_weather", "now"], "{}: {heard:?}", family.name);
    }
}

#[test]
fn what_a_template_lacks_is_known() {
    let plain = "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}{{ m.role }}: {{ m.content }}\n{% endfor %}";
    assert_eq!(learned(plain), Format::default());
    let nothing = Format { takes_system: true, ..Format::default() };
    assert_eq!(learned("{{ raise_exception('never') }}"), nothing);
    // Tools are shown, but results are not.
    let half = "{{ tools | tojson }}{% for m in messages if m.role != 'tool' %}[{{ m.role }}]{{ m.content }}{% for c in m.tool_calls %}<c>{{ c.function | tojson }}</c>{% endfor %}{% endfor %}";
    assert_eq!(learned(half).calls, None);
    // Thinking that only the vocabulary knows.
    let words = Words::speaking(plain, &["<think>", "</think>"]);
    let format = at_once(derive(&words, &mut Pauses::none())).unwrap();
    assert_eq!(format.reasoning.map(|reasoning| reasoning.end), Some("</think>".to_owned()));
}
