//! Chat templates: 38 published ones against Hugging Face's renderings, and hostile ones against the limits.
#![cfg(feature = "text")]

use std::path::PathBuf;

use serde_json::Value;
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
        variables: None,
        add_generation_prompt: bare.is_none(),
        // 2026-01-15T12:00:00Z
        unix_time: 1_768_478_400,
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

/// Runs on a thread with the default 2 MiB of stack, whatever the test runner's threads have.
fn on_a_plain_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap().join().unwrap()
}

/// Parses and renders `source` with one message on a plain thread; how long it took is printed, and asserted generously.
#[allow(clippy::print_stdout)]
fn run(name: &'static str, source: String) -> Result<String, String> {
    on_a_plain_thread(move || {
        let start = std::time::Instant::now();
        let messages = [Message { role: "user".into(), content: "hello world".into(), extra: None }];
        let input = RenderInput { messages: &messages, ..Default::default() };
        let result = Template::new(&source, "<s>", "</s>").and_then(|template| template.render(&input));
        let took = start.elapsed();
        let result = result.map_err(|error| {
            assert_eq!(error.kind(), ErrorKind::Template);
            error.message().to_owned()
        });
        let shown = result
            .as_ref()
            .map_or_else(|error| error.chars().take(120).collect(), |text| format!("{} bytes", text.len()));
        println!("{name}: {shown} in {took:?}");
        assert!(took.as_secs() < 20, "{name} took {took:?}");
        result
    })
}

fn nested(open: &str, middle: &str, close: &str, count: usize) -> String {
    format!("{{{{ {}{middle}{} }}}}", open.repeat(count), close.repeat(count))
}

/// What would take for ever, all memory or the whole stack is an error instead.
#[test]
fn t1_hostile_templates_fail_with_an_error() {
    let doubling = format!("{{% set x = 'aaaaaaaaaa' %}}{}", "{% set x = x ~ x %}".repeat(40));
    let captures = format!(
        "{{% set x %}}aaaaaaaaaa{{% endset %}}{}",
        "{% set x %}{{ x }}{{ x }}{% endset %}".repeat(40)
    );
    let plus = "{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}";
    let raw_loop = format!(
        "{{% set x %}}{{% for i in range(90000) %}}{}{{% endfor %}}{{% endset %}}",
        "x".repeat(100_000)
    );
    let cases: Vec<(&str, String)> = vec![
        ("a huge range", "{% for i in range(10**9) %}x{% endfor %}".into()),
        (
            "a loop in a loop",
            "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}".into(),
        ),
        ("~ doubling", doubling),
        ("capture doubling", captures),
        ("+ doubling", plus.into()),
        ("raw text in a capture in a loop", raw_loop),
        ("* on a string", "{{ 'abc' * 10**10 }}".into()),
        ("* on a list", "{{ [1] * 10**10 }}".into()),
        ("nested parentheses", nested("(", "1", ")", 10_000)),
        ("nested lists", nested("[", "", "]", 10_000)),
        ("a macro that calls itself", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}".into()),
        ("not, 100,000 times", nested("not ", "1", "", 100_000)),
        ("-, 100,000 times", nested("-", "1", "", 100_000)),
        ("1+1+…", nested("", "1", "+1", 100_000)),
        ("1~1~…", nested("", "1", "~1", 100_000)),
        ("1**1**…", nested("", "1", "**1", 100_000)),
        ("200,000 filters", nested("", "1", "|abs", 50_000)),
        ("200,000 attributes", nested("", "a", ".a", 100_000)),
        ("20,000 elif", format!("{{% if 0 %}}{}{{% endif %}}", "{%elif 0%}".repeat(20_000))),
        ("20,000 if in if", format!("{}{}", "{%if 1%}".repeat(10_000), "{%endif%}".repeat(10_000))),
        ("a wide format", "{{ '%1000000000s' | format('a') }}".into()),
        ("a wide str.format", "{{ '{:1000000000}'.format('a') }}".into()),
        ("a precise format", "{{ '%.1000000000f' | format(1.5) }}".into()),
        ("replace that multiplies", "{% set x = 'a' * 100000 %}{{ x | replace('a', x) }}".into()),
        ("str.replace that multiplies", "{% set x = 'a' * 100000 %}{{ x.replace('a', x) }}".into()),
        ("str.replace of nothing", "{% set x = 'a' * 100000 %}{{ x.replace('', x) }}".into()),
        ("join that multiplies", "{% set x = 'a' * 100000 %}{{ x | list | join(x) }}".into()),
        ("str.join that multiplies", "{% set x = 'a' * 100000 %}{{ x.join(x | list) }}".into()),
        ("indent that multiplies", "{{ ('a\n' * 10000) | indent(1000000) }}".into()),
        ("center that multiplies", "{{ 'a' | center(1000000000) }}".into()),
        ("tojson with a wide indent", "{{ [1] | tojson(indent=1000000000) }}".into()),
        ("a source of 257 KiB", "x".repeat(257 << 10)),
        ("an include of itself", "{% include 'chat template' %}".into()),
        ("no template at all", "{% if".into()),
    ];
    for (name, source) in cases {
        let result = run(name, source);
        assert!(result.is_err(), "{name}: {} bytes", result.unwrap().len());
    }
}

/// Values nested as deep as the fuel allows are made, printed, compared and dropped without overflowing the stack.
#[test]
fn t1_deeply_nested_values_do_not_overflow_the_stack() {
    let nest = |step: &str, then: &str| {
        format!("{{% set ns = namespace(a=[]) %}}{{% for i in range(100000) %}}{step}{{% endfor %}}{then}")
    };
    let steps = [
        ("namespace", "{% set ns.a = namespace(a=ns.a) %}"),
        ("list", "{% set ns.a = [ns.a] %}"),
        ("dict", "{% set ns.a = {'a': ns.a} %}"),
        ("list + list", "{% set ns.a = ns.a + [1] %}"),
        ("many lists", "{% set ns.a = [[[[[[[[[[[[[[[[ns.a]]]]]]]]]]]]]]]] %}"),
    ];
    for (name, step) in steps {
        let _ = run(name, nest(step, ""));
        for then in [
            "{{ ns.a }}",
            "{{ ns.a == ns.a }}",
            "{{ ns.a | tojson }}",
            "{{ [ns.a, ns.a] | unique | list }}",
            "{{ ns.a | length }}",
        ] {
            let few = step.to_owned();
            let source = nest(&few, then).replace("range(100000)", "range(3000)");
            let _ = run(name, source);
        }
    }
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
    let variables =
        serde_json::json!({"enable_thinking": false, "messages": [], "tools": [1], "eos_token": "!"});
    let input = RenderInput { messages: &messages, variables: variables.as_object(), ..Default::default() };
    let source = "{{ messages[0].content }} {{ enable_thinking }} {{ tools is none }} {{ eos_token }}";
    let text = Template::new(source, "", "</s>").unwrap().render(&input).unwrap();
    assert_eq!(text.to_lowercase(), "hi false true !");
}

#[test]
fn a_template_s_own_exception_is_the_error_s_text() {
    let error = run("an exception", "{{ raise_exception('roles must alternate') }}".into()).unwrap_err();
    assert!(error.contains("roles must alternate"), "{error}");
}

#[test]
fn marks_of_generated_text_are_passed_over() {
    let source = "a{% generation %}b{%- endgeneration -%} c".to_owned();
    assert_eq!(run("generation", source).unwrap(), "abc");
}

#[test]
fn tojson_writes_what_python_does() {
    let tools = serde_json::json!([{"b": 1.0, "a": [null, true, 1e-7, "<é\"\n>"]}, {}, []]);
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

/// A long conversation has more fuel, and so deeper values: they get more stack.
#[test]
fn t1_deeply_nested_values_of_a_long_conversation_do_not_overflow_the_stack() {
    let source = "{% set ns = namespace(a=[]) %}{% for i in range(90000) %}\
        {% set ns.a = [[[[[[[[[[[[[[[[ns.a]]]]]]]]]]]]]]]] %}{% endfor %}";
    let error = on_a_plain_thread(move || {
        let messages = vec![Message { role: "user".into(), content: "x".into(), extra: None }; 2000];
        let input = RenderInput { messages: &messages, ..Default::default() };
        Template::new(source, "", "").unwrap().render(&input).unwrap_err()
    });
    assert!(error.message().contains("fuel"), "{error}");
}
