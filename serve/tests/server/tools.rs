//! Thinking and calls of tools, told apart.

use super::support::{Server, ready, with};
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";

/// ChatML with thinking and calls, as Qwen3 has them.
const TEMPLATE: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if loop.first and tools %}{{ tools | tojson }}\n{% endif %}\
    {% if m.reasoning_content %}<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}{{ m.content }}\
    {% for c in m.tool_calls %}\n<tool_call>\n{{ c.function | tojson }}\n</tool_call>{% endfor %}<|im_end|>\n{% endfor %}\
    {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

const REPLY: &str = "<think>\nHm.\n</think>\n\nLet me see.\n<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 18446744073709551616}}\n</tool_call>\n<tool_call>\n{\"name\": \"add\", \"arguments\": {}}\n</tool_call>";

fn server() -> Server {
    ready(&json!({"reply": REPLY, "control": ["<|im_start|>", "<|im_end|>"], "chat_template": TEMPLATE}), &[])
}

fn asked() -> Value {
    json!({
        "messages": [{"role": "user", "content": "Add."}],
        "tools": [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}],
        "temperature": 0,
    })
}

#[test]
fn calls_come_whole_and_an_answer_can_be_sent_back() {
    let server = server();
    let answer = server.post(CHAT, &asked()).json();
    let choice = &answer["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls", "{answer}");
    let message = &choice["message"];
    assert_eq!(message["content"].as_str().map(str::trim), Some("Let me see."));
    assert_eq!(message["reasoning_content"].as_str().map(str::trim), Some("Hm."));
    let calls = message["tool_calls"].as_array().expect("calls");
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0]["type"], "function");
    assert_eq!(calls[0]["function"], json!({"name": "add", "arguments": "{\"a\":18446744073709551616}"}));
    let result = json!({"role": "tool", "tool_call_id": calls[0]["id"], "content": "3"});
    let messages = json!([asked()["messages"][0], message, result]);
    assert_eq!(server.post(CHAT, &with(asked(), json!({"messages": messages}))).status, 200);
}

#[test]
fn calls_stream_with_their_index() {
    let told = server().chat(asked()).events();
    assert_eq!((told.text.trim(), told.finish.as_deref()), ("Let me see.", Some("tool_calls")));
    let delta = |name: &str| -> Vec<Value> {
        let all = told.events.iter().map(|event| event["choices"][0]["delta"][name].clone());
        all.filter(|value| !value.is_null()).collect()
    };
    let thought: String = delta("reasoning_content").iter().filter_map(Value::as_str).collect();
    assert_eq!(thought.trim(), "Hm.");
    let calls = delta("tool_calls");
    assert_eq!(calls.iter().map(|call| call[0]["index"].as_u64()).collect::<Vec<_>>(), [Some(0), Some(1)]);
    assert_ne!(calls[0][0]["id"], calls[1][0]["id"]);
}

#[test]
fn without_tools_nothing_is_a_call() {
    let server = server();
    let mut plain = asked();
    plain["tools"] = Value::Null;
    let answer = server.post(CHAT, &plain).json();
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert!(answer["choices"][0]["message"]["tool_calls"].is_null(), "{answer}");
    plain["tool_choice"] = json!("required");
    let refused = server.post(CHAT, &plain);
    assert_eq!((refused.status, refused.error().0.as_str()), (400, "tool_choice"));
}

#[test]
fn a_call_that_has_to_come_comes() {
    // It would rather talk.
    let script =
        json!({"reply": "No.", "control": ["<|im_start|>", "<|im_end|>"], "chat_template": TEMPLATE});
    let server = ready(&script, &[]);
    let tool = |name: &str| {
        let parameters = json!({"type": "object", "properties": {"sides": {"enum": [6]}},
            "required": ["sides"], "additionalProperties": false});
        json!({"type": "function", "function": {"name": name, "parameters": parameters}})
    };
    let tools = json!([tool("roll"), tool("add")]);
    let named = json!({"type": "function", "function": {"name": "roll"}});
    for choice in [json!("required"), named.clone()] {
        let asked = with(asked(), json!({"tools": tools, "tool_choice": choice}));
        let whole = server.post(CHAT, &asked).json();
        let is_named = choice == named;
        let call = &whole["choices"][0]["message"]["tool_calls"][0]["function"];
        assert_eq!(whole["choices"][0]["finish_reason"], "tool_calls", "{whole}");
        assert!(call["name"] == "roll" || !is_named && call["name"] == "add", "{whole}");
        assert_eq!(call["arguments"], "{\"sides\":6}");
        let told = server.chat(asked).events();
        assert_eq!((told.text.trim(), told.finish.as_deref()), ("", Some("tool_calls")));
    }
    let unknown = json!({"type": "function", "function": {"name": "jump"}});
    let refused = server.post(CHAT, &with(asked(), json!({"tool_choice": unknown})));
    assert_eq!(refused.status, 400);
    let both = json!({"tool_choice": "required", "response_format": {"type": "json_object"}});
    assert_eq!(server.post(CHAT, &with(asked(), both)).status, 400);
}
