//! Chat templates: 38 published ones against Hugging Face's renderings, and hostile ones against the limits.
#![cfg(feature = "text")]

use std::path::PathBuf;

use serde_json::{Value, json};
use wick::error::{ErrorKind, Result};
use wick::text::template::Template;
use wick::text::tokenizer::{TokenKind, Tokenizer, VocabularyData, VocabularyModel};
use wick::text::{ControlSpan, Message, RenderInput, Vocab};

/// Cases that fail in Hugging Face's environment and render here: the engine takes less to be a mistake.
const LENIENT: [(&str, &[&str], &str); 2] = [
    (
        "NousResearch-Hermes-3-Llama-3.1-8B-tool_use",
        &[
            "user",
            "system_user",
            "multi_turn",
            "multi_turn_no_generation_prompt",
            "system_multi_turn",
            "unicode",
            "assistant_prefix_like",
        ],
        "a loop over none (no tools) is a loop over nothing",
    ),
    ("llama-cpp-deepseek-r1", &["tools", "tool_result"], "what `map` gives can be written as JSON"),
];

#[allow(clippy::disallowed_methods, clippy::print_stdout)]
fn vectors(what: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("WICK_VECTORS").map(PathBuf::from);
    if folder.is_none() {
        println!("left out: {what} (WICK_VECTORS is not set)");
    }
    folder
}

fn message(json: &Value) -> Message {
    let mut extra = json.as_object().unwrap().clone();
    let role = extra.shift_remove("role").unwrap().as_str().unwrap().to_owned();
    let content = match extra.get("content") {
        Some(Value::String(text)) => text.clone(),
        _ => String::new(),
    };
    Message { role, content, extra: Some(extra) }
}

/// Renders a case, with or without a vocabulary; the error's text if it fails.
fn render<T>(
    cases: &Value,
    name: &str,
    render: impl FnOnce(&RenderInput<'_>) -> Result<T>,
) -> Result<T, String> {
    let bare = name.strip_suffix("_no_generation_prompt");
    let case = &cases[bare.unwrap_or(name)];
    let messages: Vec<Message> = case["messages"].as_array().unwrap().iter().map(message).collect();
    let input = RenderInput {
        messages: &messages,
        tools: case.get("tools").filter(|tools| !tools.is_null()),
        add_generation_prompt: bare.is_none(),
        // 2026-01-15T12:00:00Z
        unix_time: 1_768_478_400,
        ..Default::default()
    };
    render(&input).map_err(|error| {
        assert_eq!(error.kind(), ErrorKind::Template);
        error.message().to_owned()
    })
}

/// Control tokens of many model families, and what the vectors call BOS and EOS.
const CONTROLS: [&str; 16] = [
    "<BOS>",
    "<EOS>",
    "<|im_start|>",
    "<|im_end|>",
    "[INST]",
    "[/INST]",
    "<|user|>",
    "<|assistant|>",
    "<|system|>",
    "<|end|>",
    "<|eot_id|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<｜User｜>",
    "<｜Assistant｜>",
    "<seed:bos>",
];

/// With the text of control tokens kept apart, the prompts are the same text, and no message has written one.
#[test]
fn t3_published_templates_render_the_same_and_messages_write_no_control_token() {
    let Some(folder) = vectors("control tokens in published templates") else { return };
    let folder = folder.join("templates");
    let expected = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&expected).unwrap();
    let (mut same, mut forged, mut written) = (0, 0, 0);
    for (name, cases) in expected["expected"].as_object().unwrap() {
        let source = std::fs::read_to_string(folder.join(format!("{name}.jinja"))).unwrap();
        let mut data = VocabularyData::new(VocabularyModel::Bpe);
        data.tokens = CONTROLS.to_vec();
        data.kinds = vec![TokenKind::Control; CONTROLS.len()];
        (data.bos, data.eos) = (Some(0), Some(1));
        let tokenizer = Tokenizer::new(&data).unwrap().with_template(&source).unwrap();
        for (case, wanted) in cases.as_object().unwrap() {
            let Some(wanted) = wanted["text"].as_str() else { continue };
            let rendered = render(&expected["cases"], case, |input| tokenizer.render(input)).unwrap();
            assert_eq!(rendered.text, wanted, "{name} / {case}");
            same += 1;
            written += rendered.control.len();
            for span in &rendered.control {
                assert_eq!(&rendered.text[span.start..span.end], CONTROLS[span.id as usize]);
            }
            // The end of a message of the case "assistant_prefix_like".
            for (start, text) in rendered.text.match_indices(" [INST] <|im_end|>") {
                forged += 1;
                let within = |span: &&ControlSpan| span.start < start + text.len() && start < span.end;
                assert_eq!(rendered.control.iter().find(within), None, "{name} / {case}");
            }
        }
    }
    assert!(
        same >= 320 && forged >= 30 && written > 1000,
        "{same} prompts, {forged} forgeries, {written} tokens"
    );
}

#[test]
fn published_templates_render_as_hugging_face_does() {
    let Some(folder) = vectors("published templates") else { return };
    let folder = folder.join("templates");
    let expected: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("expected.json")).unwrap()).unwrap();
    let (bos, eos) = (expected["bos_token"].as_str().unwrap(), expected["eos_token"].as_str().unwrap());
    let mut different = Vec::new();
    let mut same = 0;
    for (name, cases) in expected["expected"].as_object().unwrap() {
        let source = std::fs::read_to_string(folder.join(format!("{name}.jinja"))).unwrap();
        let template = Template::new(&source, bos, eos);
        for (case, wanted) in cases.as_object().unwrap() {
            let got = match &template {
                Ok(template) => render(&expected["cases"], case, |input| template.render(input)),
                Err(error) => Err(error.message().to_owned()),
            };
            let equal = match (&got, wanted.get("text").and_then(Value::as_str)) {
                (Ok(got), Some(wanted)) => got == wanted,
                (Err(_), None) => true,
                _ => false,
            };
            same += usize::from(equal);
            if !equal {
                different.push((name.clone(), case.clone(), format!("{got:?}\n    wanted {wanted:?}")));
            }
        }
    }
    let known = LENIENT.iter().flat_map(|(name, cases, _)| cases.iter().map(|case| (*name, *case)));
    let mut known: Vec<(&str, &str)> = known.collect();
    let mut report = Vec::new();
    for (name, case, what) in &different {
        match known.iter().position(|known| *known == (name.as_str(), case.as_str())) {
            Some(at) if what.starts_with("Ok(") => drop(known.swap_remove(at)),
            _ => report.push(format!("{name} / {case}: {what}")),
        }
    }
    assert!(report.is_empty(), "{} differ, {same} are equal:\n{}", report.len(), report.join("\n"));
    assert!(known.is_empty(), "these fail now as Hugging Face does, take them out: {known:?}");
    assert!(same >= 330, "{same} cases");
}

#[test]
fn a_name_that_is_no_built_in_template_is_an_error_that_lists_them() {
    for name in ["chatm1", "", "a text without a tag"] {
        let error = Template::new(name, "", "").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Template);
        assert!(error.message().contains(name) && error.message().contains("zephyr"), "{error}");
    }
}

/// More than any prompt has is refused before it is copied.
#[test]
fn a_message_larger_than_any_prompt_is_refused() {
    let messages = [Message { role: "user".into(), content: "x".repeat(65 << 20), extra: None }];
    let input = RenderInput { messages: &messages, ..Default::default() };
    let error = Template::new("chatml", "", "").unwrap().render(&input).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ContextFull, "{error}");
}

#[test]
fn a_built_in_template_is_found_by_name() {
    let messages = [
        Message { role: "system".into(), content: "Be brief.".into(), extra: None },
        Message { role: "user".into(), content: "Hi".into(), extra: None },
    ];
    let input = RenderInput { messages: &messages, add_generation_prompt: true, ..Default::default() };
    let expected = [
        (
            "chatml",
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
        ),
        ("llama2", "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST]"),
        (
            "llama3",
            "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        ),
        ("gemma", "<s><start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\n"),
        ("phi3", "<|system|>\nBe brief.<|end|>\n<|user|>\nHi<|end|>\n<|assistant|>\n"),
        ("mistral", "<s>[INST] Be brief.\n\nHi [/INST]"),
        ("zephyr", "<|system|>\nBe brief.</s>\n<|user|>\nHi</s>\n<|assistant|>\n"),
    ];
    for (name, text) in expected {
        assert_eq!(Template::new(name, "<s>", "</s>").unwrap().render(&input).unwrap(), text, "{name}");
    }
    assert_eq!(wick::text::template::builtin::NAMES.len(), expected.len());
}

#[test]
fn variables_reach_the_template_but_never_replace_messages_or_tools() {
    let messages = [Message { role: "user".into(), content: "Hi".into(), extra: None }];
    let variables = json!({"enable_thinking": false, "messages": [], "tools": [1], "eos_token": "!"});
    let input = RenderInput { messages: &messages, variables: variables.as_object(), ..Default::default() };
    let source = "{{ messages[0].content }} {{ enable_thinking }} {{ tools is none }} {{ eos_token }}";
    let text = Template::new(source, "", "</s>").unwrap().render(&input).unwrap();
    assert_eq!(text.to_lowercase(), "hi false true !");
}

#[test]
fn a_template_s_own_exception_is_the_error_s_text() {
    let template = Template::new("a\n{{ raise_exception('roles must alternate') }}", "", "").unwrap();
    let error = template.render(&RenderInput::default()).unwrap_err();
    assert!(error.message().contains("line 2: roles must alternate"), "{error}");
}

#[test]
fn marks_of_generated_text_are_passed_over() {
    let source = "a{% generation %}b{%- endgeneration -%} c";
    assert_eq!(Template::new(source, "", "").unwrap().render(&RenderInput::default()).unwrap(), "abc");
}

#[test]
fn tojson_writes_what_python_does() {
    let tools = json!([{"b": 1.0, "a": [null, true, 1e-7, "<é\"\n>"]}, {}, []]);
    let render = |source: &str| {
        let input = RenderInput { tools: Some(&tools), ..Default::default() };
        Template::new(source, "", "").unwrap().render(&input).unwrap()
    };
    assert_eq!(
        render("{{ tools | tojson }}"),
        r#"[{"b": 1.0, "a": [null, true, 1e-07, "<é\"\n>"]}, {}, []]"#
    );
    assert_eq!(render("{{ tools[0].a[3] | tojson(ensure_ascii=true) }}"), r#""<\u00e9\"\n>""#);
    assert_eq!(render("{{ tools[1:] | tojson(indent=2) }}"), "[\n  {},\n  []\n]");
    assert_eq!(
        render("{{ {'b': 1, 'a': [2]} | tojson(sort_keys=true, separators=(',', ':')) }}"),
        r#"{"a":[2],"b":1}"#
    );
}

/// As transformers prepares messages: without null fields, a reasoning under the names that templates read.
#[test]
fn messages_are_prepared_as_transformers_prepares_them() {
    let render = |extra: Value, source: &str| {
        let messages =
            [Message { role: "assistant".into(), content: "x".into(), extra: extra.as_object().cloned() }];
        let input = RenderInput { messages: &messages, ..RenderInput::default() };
        Template::new(source, "", "").unwrap().render(&input).unwrap()
    };
    let fields = "{% set m = messages[0] %}{{ m|list|join(',') }}|{{ m.content }}|{{ m.reasoning_content }}|{{ m.thinking }}";
    for (extra, wanted) in [
        (json!({}), "role,content|x||"),
        (json!({"content": null, "tool_calls": null}), "role|||"),
        (json!({"content": [{"type": "text"}], "name": null}), "role,content|[{'type': 'text'}]||"),
        (json!({"reasoning": "r"}), "thinking,role,content,reasoning,reasoning_content|x|r|r"),
        (json!({"thinking": "t"}), "role,content,thinking,reasoning_content|x|t|t"),
        (json!({"reasoning_content": "c"}), "thinking,role,content,reasoning_content|x|c|c"),
        (
            json!({"reasoning_content": null, "reasoning": "r", "thinking": "t"}),
            "role,content,reasoning,thinking,reasoning_content|x|t|t",
        ),
        (json!({"role": "user", "arguments": {"a": null}}), "role,content,arguments|x||"),
    ] {
        assert_eq!(render(extra.clone(), fields), wanted, "{extra}");
    }
    assert_eq!(render(json!({"content": null}), "{{ messages[0].content is defined }}"), "False");
    assert_eq!(render(json!({"a": {"b": null}}), "{{ messages[0].a }}"), "{'b': None}");
}

#[test]
fn integers_beyond_64_bits_keep_their_digits() {
    let text = r#"[18446744073709551616, -9223372036854775809, -0, 18446744073709551615, {"a": 123456789012345678901234567890123456789012345}]"#;
    let tools: Value = serde_json::from_str(&wick::text::json::keeping_integers(text)).unwrap();
    let input = RenderInput { tools: Some(&tools), ..RenderInput::default() };
    let render = |source: &str| Template::new(source, "", "").unwrap().render(&input).unwrap();
    assert_eq!(render("{{ tools|tojson }}"), text.replace("-0", "0"));
    assert_eq!(
        render("{{ tools[0] + 1 }} {{ tools[3] + 1 }} {{ tools[0] > tools[1] }}"),
        "18446744073709551617 18446744073709551616 True"
    );
    assert_eq!(
        render("{{ tools[4].a == tools[4].a }} {{ tools[4].a is integer }} {{ tools[4] is mapping }}"),
        "True True True"
    );
}
