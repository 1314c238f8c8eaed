//! Thinking and calls of tools, as C gives and reads them.
#![cfg(all(feature = "testing", feature = "text"))]
#![allow(unsafe_code, reason = "this is the C ABI, as C calls it")]

use crate::support::c_abi::*;
use serde_json::{Value, json};

const TEMPLATE: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ tools | tojson if loop.first and tools }}\
    {% if m.reasoning_content %}<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}{{ m.content }}\
    {% for c in m.tool_calls %}<tool_call>{{ c.function | tojson }}</tool_call>{% endfor %}<|im_end|>{% endfor %}\
    {% if add_generation_prompt %}<|im_start|>assistant\n{% if opens %}<think>\n{% endif %}{% endif %}";

const TOOLS: &str = r#"[{"type": "function", "function": {"name": "add", "parameters": {}}}]"#;

fn script(reply: &str) -> String {
    let control = ["<think>", "</think>", "<tool_call>", "</tool_call>"];
    json!({"reply": reply, "token_bytes": 3, "control": control, "chat_template": TEMPLATE}).to_string()
}

fn messages(session: wick_session) -> Value {
    let (mut buf, mut needed) = (vec![0u8; 4096], 0);
    // SAFETY: the buffer is good.
    is(unsafe { wick_session_messages(session, buf.as_mut_ptr().cast(), buf.len(), &mut needed) }, WICK_OK);
    serde_json::from_slice(&buf[..needed]).unwrap()
}

#[test]
fn channels_and_calls_come_as_events_and_results_go_in_as_messages() {
    let reply = json!([
        "<think>",
        "Hm.",
        "</think>",
        "\n\n",
        "So:",
        "<tool_call>",
        "{\"name\": \"add\", ",
        "\"arguments\": {\"a\": 1}}",
        "</tool_call>",
    ]);
    let mut script: Value = serde_json::from_str(&script("")).unwrap();
    script["reply"] = reply;
    for mode in [WICK_MODE_THREADS, WICK_MODE_HOST_STEP] {
        let runtime = runtime_in(mode);
        let session = session_of(model(runtime, &script.to_string()));
        let hi = wick_message { role: text("user"), content: text("Hi"), extra_json: zeroed() };
        let options =
            wick_generate_options { messages: &hi, message_count: 1, tools_json: text(TOOLS), ..sized() };
        let stream = generate(session, &options);
        let (mut said, mut calls, mut pieces) = ([const { String::new() }; 3], Vec::new(), String::new());
        while let Ok(event) = read_with(stream, 256, 0, LONG) {
            match event.kind {
                WICK_EVENT_TEXT => said[event.channel as usize].push_str(&event.text),
                WICK_EVENT_TOOL_CALL => {
                    pieces.push_str(&event.text);
                    if !event.more {
                        calls.push(serde_json::from_str::<Value>(&std::mem::take(&mut pieces)).unwrap());
                    }
                }
                _ => {}
            }
        }
        is(wick_stream_close(stream), WICK_OK);
        assert_eq!(said[WICK_CHANNEL_ANSWER as usize], "So:");
        assert_eq!(said[WICK_CHANNEL_REASONING as usize], "Hm.\n\n");
        assert_eq!(said[WICK_CHANNEL_TOOL as usize], r#"{"name": "add", "arguments": {"a": 1}}"#);
        assert_eq!(calls, [json!({"id": "call00001", "name": "add", "arguments": {"a": 1}})]);
        let kept = &messages(session)[1];
        assert_eq!((&kept["content"], &kept["reasoning_content"]), (&json!("So:"), &json!("Hm.")));
        assert_eq!(kept["tool_calls"][0]["id"], "call00001");
        let result = wick_message {
            role: text("tool"),
            content: text("2"),
            extra_json: text(r#"{"tool_call_id": "call00001"}"#),
        };
        let next = wick_generate_options { messages: &result, message_count: 1, ..sized() };
        let stream = generate(session, &next);
        assert_eq!(join(stream).unwrap().end, WICK_END_STOP);
        is(wick_stream_close(stream), WICK_OK);
        let roles: Vec<Value> =
            messages(session).as_array().unwrap().iter().map(|one| one["role"].clone()).collect();
        assert_eq!(roles, ["user", "assistant", "tool", "assistant"]);
        shut(runtime);
    }
}

#[test]
fn thinking_is_bounded_and_ended_from_outside() {
    for mode in [WICK_MODE_THREADS, WICK_MODE_HOST_STEP] {
        let runtime = runtime_in(mode);
        let model = model(runtime, &script(&"thought ".repeat(30)));
        let hi = wick_message { role: text("user"), content: text("Hi"), extra_json: zeroed() };
        for (budget, now) in [(2, false), (WICK_NO_REASONING, false), (0, true)] {
            let options = wick_generate_options {
                messages: &hi,
                message_count: 1,
                template_json: text(r#"{"opens": true}"#),
                max_tokens: 40,
                reasoning_budget: budget,
                ..sized()
            };
            let stream = generate(session_of(model), &options);
            if now {
                is(wick_stream_answer_now(stream), WICK_OK);
            }
            let mut said = [const { String::new() }; 3];
            while let Ok(event) = read_with(stream, 256, 0, LONG) {
                if event.kind == WICK_EVENT_TEXT {
                    said[event.channel as usize].push_str(&event.text);
                }
            }
            is(wick_stream_answer_now(stream), WICK_ENDED);
            is(wick_stream_close(stream), WICK_OK);
            is(wick_stream_answer_now(stream), WICK_E_STALE_HANDLE);
            let [answer, thought, _] = said;
            assert!(answer.starts_with("thought thought"), "{answer}");
            match now {
                // It thinks until the call is seen.
                true => assert!(thought.ends_with("\n\n\n"), "{thought}"),
                false => assert_eq!(thought, if budget == 2 { "though\n\n\n" } else { "\n\n\n" }),
            }
        }
        shut(runtime);
    }
}

#[test]
fn only_a_generation_thinks() {
    let runtime = runtime();
    let (mut loaded, mut load) = (wick_model::default(), wick_stream::default());
    // SAFETY: all pointers are good.
    let status = unsafe {
        wick_testing_model_load(
            runtime,
            text("{}"),
            std::ptr::null(),
            &mut loaded,
            &mut load,
            std::ptr::null_mut(),
        )
    };
    is(status, WICK_OK);
    is(wick_stream_answer_now(load), WICK_E_INVALID_ARGUMENT);
    is(wick_stream_close(load), WICK_OK);
    shut(runtime);
}

#[test]
fn a_call_is_required_and_an_answer_alone_is_bound() {
    let mut random: Value = serde_json::from_str(&script("")).unwrap();
    random["random"] = json!(5);
    let parameters = json!({"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"],
        "additionalProperties": false});
    let tools = json!([{"name": "add", "parameters": parameters}, {"name": "now"}]).to_string();
    for mode in [WICK_MODE_THREADS, WICK_MODE_HOST_STEP] {
        let runtime = runtime_in(mode);
        let model = model(runtime, &random.to_string());
        let hi = wick_message { role: text("user"), content: text("Hi"), extra_json: zeroed() };
        let good = wick_generate_options {
            messages: &hi,
            message_count: 1,
            tools_json: text(&tools),
            reasoning_budget: WICK_NO_REASONING,
            ..sized()
        };
        let read = |options: &wick_generate_options| {
            let stream = generate(session_of(model), options);
            let (mut said, mut calls, mut end) = ([const { String::new() }; 3], Vec::new(), None);
            while let Ok(event) = read_with(stream, 4096, 0, LONG) {
                match event.kind {
                    WICK_EVENT_TEXT => said[event.channel as usize].push_str(&event.text),
                    WICK_EVENT_TOOL_CALL => calls.push(serde_json::from_str::<Value>(&event.text).unwrap()),
                    WICK_EVENT_END => end = Some((event.end, event.text)),
                    _ => {}
                }
            }
            is(wick_stream_close(stream), WICK_OK);
            (said, calls, end.unwrap())
        };
        let required = wick_generate_options { tool_choice: WICK_TOOLS_REQUIRED, ..good };
        let named = wick_generate_options { tool_choice: WICK_TOOLS_NAMED, tool_name: text("add"), ..good };
        for options in [&required, &named] {
            let (said, calls, end) = read(options);
            assert_eq!((calls.len(), end.0), (1, WICK_END_STOP), "{said:?} {end:?}");
            match calls[0]["name"].as_str().unwrap() {
                "add" => assert!(
                    calls[0]["arguments"] == json!({"a": 1}) || calls[0]["arguments"] == json!({"a": 2})
                ),
                name => assert!(name == "now" && options.tool_choice == WICK_TOOLS_REQUIRED),
            }
        }
        let (_, _, end) = read(&wick_generate_options { tool_name: text("sub"), ..named });
        assert_eq!(end.0, WICK_END_ERROR);
        assert!(end.1.contains("\"sub\"") && end.1.contains("\"add\""), "{}", end.1);
        let answer = wick_generate_options {
            grammar_kind: WICK_GRAMMAR_REGEX,
            grammar: text("yes|no"),
            grammar_scope: WICK_SCOPE_ANSWER,
            template_json: text(r#"{"opens": true}"#),
            ..good
        };
        let (said, calls, end) = read(&answer);
        let [answer, thought, _] = said;
        assert!(["yes", "no"].contains(&answer.as_str()) && calls.is_empty(), "{answer} {end:?}");
        assert_eq!(thought, "\n\n\n");
        shut(runtime);
    }
}
