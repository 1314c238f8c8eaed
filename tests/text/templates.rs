//! Chat templates: 38 published ones against Hugging Face's renderings, and hostile ones against the limits.
#![cfg(feature = "text")]

use crate::support::counting::bytes;
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

/// Forty times `[a, a]` is forty lists, and a trillion to whoever compares or prints it.
#[test]
fn t1_values_that_share_their_parts_are_paid_for_before_they_are_compared_or_printed() {
    let twice = "{% set a = [1] %}{% set b = [1] %}".to_owned()
        + &"{% set a = [a, a] %}{% set b = [b, b] %}".repeat(40);
    let uses = [
        "{{ a == b }}",
        "{{ a != b }}",
        "{{ a < b }}",
        "{{ a >= b }}",
        "{{ 1 if [] < a < b < [3] else 2 }}",
        "{{ a is eq b }}",
        "{{ a is lt(b) }}",
        "{{ a in [b] }}",
        "{{ a in [b] in [1] }}",
        "{{ a is in [b] }}",
        "{{ [a] | select('in', [b]) | list }}",
        "{{ [a] | select('==', b) | list }}",
        "{{ [a] | reject('ne', b) | list }}",
        "{{ [{'x': a}] | selectattr('x', 'equalto', b) | list }}",
        "{{ [a].count(b) }}",
        "{{ [a, b] | unique | list }}",
        "{{ [a, b] | sort }}",
        "{{ [a, b] | max }}",
        "{{ [{'x': a}, {'x': b}] | groupby('x') | list }}",
        "{{ {'x': a, 'y': b} | dictsort(by='value') }}",
        "{{ {a: 1} }}",
        "{{ {'x': 1}[a] }}",
        "{{ {'x': 1}.get(a) }}",
        "{{ {'x': 1} | attr(a) }}",
        "{{ a in {'x': 1} }}",
        "{% for x in [1, 2] %}{{ loop.changed(a if x == 1 else b) }}{% endfor %}",
        "{{ a }}",
        "{{ {'x': a} }}",
        "{{ (a | string) | length }}",
        "{{ '' ~ a }}",
        "{{ a ~ '' }}",
        "{{ a in 'x' }}",
        "{{ a | lower }}",
        "{{ a | upper | length }}",
        "{{ a | title | length }}",
        "{{ a | replace('1', '2') | length }}",
        "{{ 'x' | replace(a, '') }}",
        "{{ '%s' | format(a) | length }}",
        "{{ '%(x)s' | format(x=a) | length }}",
        "{{ [a] | join | length }}",
        "{{ [1, 2] | join(a) | length }}",
        "{{ [a] | map('string') | list | length }}",
        "{{ [1] | map('replace', a, '') | list | length }}",
        "{{ a | pprint | length }}",
        "{{ a | tojson | length }}",
        "{{ a | tojson(indent=1) | length }}",
        "{{ 1 | tojson(indent=a) }}",
        "{{ 1 | tojson(separators=[a, a]) }}",
        "{{ a | trim | length }}",
        "{{ a | escape | length }}",
        "{{ a is startingwith 'x' }}",
        "{% set b %}{{ a }}{% endset %}",
        "{% autoescape true %}{{ a ~ 'x' | safe }}{% endautoescape %}",
        "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(a) | length }}",
        "{% filter upper %}{{ a }}{% endfilter %}",
    ];
    let went_through = uses.iter().filter(|usage| run(usage, format!("{twice}{usage}")).is_ok());
    assert_eq!(went_through.collect::<Vec<_>>(), Vec::<&&str>::new());
}

/// What the engine makes lazily, in lists that hold each other, costs more steps than it has items.
#[test]
fn t1_lists_made_of_lists_are_paid_for_when_they_are_made() {
    let repeated = |first: &str, step: &str, then: &str| format!("{first}{}{then}", step.repeat(45));
    let cases: Vec<(&str, String)> = vec![
        ("+ of lists", repeated("{% set a = [1] %}", "{% set a = a + a %}", "")),
        ("chain of lists", repeated("{% set a = [1] %}", "{% set a = a | chain(a) %}", "{{ a | length }}")),
        ("chain of a list and a text", repeated("{% set a = [1] %}", "{% set a = a | chain(a, 'x') %}", "")),
        (
            "slices of repetitions",
            "{% set a = [1] * 100000000 %}{% set a = a[99999999:] * 100000000 %}{{ a[99999999:] | first }}".into(),
        ),
        ("a constant text of a list", "{{ ([1] * 100000000 ~ '') | length }}".into()),
        ("a constant comparison", "{{ [1] * 100000000 == [1] * 100000000 }}".into()),
        ("a constant search", "{{ 2 in (1 and [1]) * 100000000 }}".into()),
        ("sum of lists", "{{ [[1]] | sum(start=[]) }}".into()),
        ("an unpacked repetition", "{% set a, b = [1] * 100000000 %}".into()),
        ("join of a lazy list", "{{ ''.join([''] * 4000000) }}".into()),
        ("startswith of a lazy list", "{{ 'a'.startswith(['b'] * 4000000) }}".into()),
        ("endswith of many", "{{ 'a'.endswith(range(100000) | map('string') | list) }}".into()),
        (
            "a map of long keys",
            "{% set k = 'k' * 1000000 %}{% set d = {k: 1} %}".into(),
        ),
        (
            "a long list of templates",
            "{% for i in range(90000) %}{% include ['x'] * 100000 ignore missing %}{% endfor %}".into(),
        ),
        ("cycle of nothing", "{% for i in [1] %}{{ loop.cycle() }}{% endfor %}".into()),
        ("a namespace in itself", "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}".into()),
        (
            "namespaces in themselves",
            "{% set n = namespace() %}{% set n.a = n %}{% set m = namespace() %}{% set m.a = m %}{{ n == m }}".into(),
        ),
        (
            "a long path",
            "{% set n = namespace() %}{% set n.a = n %}{{ ([n] * 50000) | map(attribute='a.' * 1000000 ~ 'a') | list | length }}"
                .into(),
        ),
    ];
    for (name, source) in cases {
        let result = run(name, source);
        assert!(result.is_err(), "{name}: {} bytes", result.unwrap().len());
    }
    // These may succeed, with little.
    for step in
        ["{% set a = a[0:] %}", "{% set a = a[::-1] %}", "{% set a = a * 1 %}", "{% set a = a | reverse %}"]
    {
        assert_eq!(run(step, repeated("{% set a = [1, 2] %}", step, "{{ a | length }}")).unwrap(), "2");
    }
    for step in ["{% set a = a + e %}{% set e = e + e %}", "{% set a = a | zip(a) %}"] {
        let source = repeated("{% set a = [1, 2] %}{% set e = [] %}", step, "{{ a | length }}");
        assert_eq!(run(step, source).unwrap(), "2");
    }
    let maps = repeated("{% set a = {'x': 1} %}", "{% set a = a | chain(a) %}", "{{ a.x }}{{ a.y }}");
    assert_eq!(run("chain of maps", maps).unwrap(), "1");
}

/// What holds itself is given back all the same.
#[test]
fn t1_values_that_hold_themselves_do_not_outlive_the_rendering() {
    let long = "{% set n = namespace(s='x' * 2000000) %}";
    for end in [
        "{% set n.a = n %}",
        "{% set n.a = [{'x': n}] %}{{ raise_exception('') }}",
        "{% for i in [n] %}{% set n.a = loop %}{% endfor %}",
        "{% for i in [1] %}{{ loop.changed(loop, n.s) }}{% endfor %}",
        "{% for i in [1] %}{{ loop.changed([loop], n.s) }}{% endfor %}",
    ] {
        let render = |times| {
            let template = Template::new(&format!("{long}{end}"), "", "").unwrap();
            (0..times).for_each(|_| drop(template.render(&RenderInput::default())));
        };
        render(5);
        let before = bytes();
        render(200);
        // 400 MB would have been kept.
        assert!(bytes() < before + (1 << 20), "{end}: {} bytes more", bytes() - before);
    }
}

/// Long strings are read again and again.
#[test]
fn t1_long_strings_are_paid_for_at_every_use() {
    let uses = [
        "a == b",
        "a < b",
        "a is sameas b",
        "a in [b, b, b]",
        "a.strip(a) == 1",
        "a.lstrip(chars) == 1",
        "a.rstrip(chars) == 1",
        "(a | trim(chars)) == 1",
        "a[-1] == 1",
        "a[5:6] == 1",
        "a is lower",
        "a is iterable and a is iterable and a is iterable and a[0] == 'x'",
        "range(100000)[-1] == 1",
        "a[0:1] == 'x'",
        "(a | split('b') | length) == 1",
        "(a | lines | length) == 5",
        "a is startingwith b",
        "a.startswith(b)",
    ];
    for usage in uses {
        let source = format!(
            "{{% set a = 'ab' * 1000000 %}}{{% set b = 'ab' * 1000000 %}}{{% set chars = 'ba' * 1000 %}}\
             {{% for i in range(100000) %}}{{% if {usage} %}}{{% endif %}}{{% endfor %}}"
        );
        assert!(run(usage, source).is_err(), "{usage}");
    }
    let broken = "{% set a = 'ab' * 2000000 %}{% for i in range(100000) %}{% for c in a %}{% break %}{% endfor %}{% endfor %}";
    assert!(run("a loop that ends at once", broken.into()).is_err());
    let again = "{% set a = 'ab' * 2000000 %}{% for c in [1] * 20000 recursive %}{% if c is number %}{{ loop(a) }}{% else %}{% break %}{% endif %}{% endfor %}";
    assert!(run("a loop that calls itself", again.into()).is_err());
    assert!(run("many parts", "{{ ('a' * 3000000) | split('a') | length }}".into()).is_err());
    assert!(run("a long format", "{{ strftime_now('%A' * 1000000) }}".into()).is_err());
}

/// Constants are worked out while the template is compiled.
#[test]
fn t1_long_constants_are_compiled_in_no_time() {
    let sums = format!("{{{{ x{} }}}}", "+1".repeat(2000)).repeat(60);
    let texts = format!("{{{{ x{} }}}}", "~'aaaa'".repeat(2000)).repeat(15);
    let lists = format!("{{{{ x{} }}}}", "~([1,2]+[3])".repeat(350)).repeat(30);
    for (name, source) in [("sums", sums), ("texts", texts), ("lists", lists)] {
        assert!(run(name, source).is_err(), "{name}");
    }
}

/// The operators that pay first do what the engine's do.
#[test]
fn operators_are_the_engine_s() {
    let source = "{% set a = 3 %}{% set l = [1, 2, 3, 4] %}\
        {{ 1 < a < 5 }} {{ 1 < a > 5 }} {{ 1 in l in [l] }} {{ 5 not in l not in [1] }} {{ 1 + 2 }} {{ 1.5 + 1 }} \
        {{ 'a' + 'b' }} {{ 'a' ~ 1 ~ none }} {{ [1] + [2] }} {{ (1,) + (2,) }} {{ 2 * 3 }} {{ 'ab' * 2 }} \
        {{ 2 * [1] }} {{ 1.5 * 2 }} {{ -2 * 3 * 2 }} {{ 2 ** 2 * a }} {{ true + 1 }} {{ 9223372036854775807 + 1 }} {{ l[1:] }} {{ l[::-1] }} \
        {{ l[-1] }} {{ l[a] is undefined }} {{ 'abc'[1] }} {{ {'x': a}['x'] }} {{ {'x': a}['y' if a else 'x'] is defined }} \
        {{ {} }} {{ [3, 1, 2] | sort | join('-') }} {{ 'xax' | trim('x') }} {{ [1, 1] | unique | list }} \
        {{ 'a' in 'abc' }} {{ 2 in l }} {{ 'k' in {'k': 1} }} {{ l | select('>', 2) | list }} {{ l == [1, 2, 3, 4] }} \
        {{ ['B', 'a'] | map('lower') | join }} {{ '-'.join(['a', 'b']) }} {{ 'abc'.startswith(('x', 'ab')) }} \
        {{ dict({'x': 1}, y=2) }} {% for k, v in {'x': 1}.items() %}{{ k }}{{ v }}{% else %}no{% endfor %} \
        {% for i in l if i > 2 %}{{ loop.cycle('x', 'y') }}{{ loop.changed(i) }}{% endfor %}\
        {% macro m(x, y=2) %}{% if x == 1 %}{{ x ~ y }}{% else %}{{ x + y }}{% endif %}{% endmacro %} {{ m(1) }} {{ m(*[5], **{'y': 6}) }}\
        {% for x in [1, [2, [3]]] recursive %}{% if x is number %}{{ x }}{% else %}{{ loop(x) }}{% endif %}{% endfor %}\
        {% block b %} {{ 1 if a >= 3 and a != 4 else 0 }}{% endblock %}";
    let wanted = "True False True True 3 2.5 ab a1none [1, 2] (1, 2) 6 abab [1, 1] 3.0 -12 12 2 9223372036854775808 [2, 3, 4] \
        [4, 3, 2, 1] 4 False b 3 False {} 1-2-3 a [1] True True True [3, 4] True ba a-b True {'x': 1, 'y': 2} x1 \
        xTrueyTrue 12 11123 1";
    assert_eq!(run("operators", source.into()).unwrap().to_lowercase(), wanted.to_lowercase());
    for wrong in ["1 + 'a'", "[1] + 'a'", "(1,) + [1]", "none * 2", "1 in 2", "nothing + 1", "nothing.x[1]"] {
        assert!(run("a wrong operand", format!("{{{{ {wrong} }}}}")).is_err(), "{wrong}");
    }
}

#[test]
fn a_name_that_is_no_built_in_template_is_an_error_that_lists_them() {
    for name in ["chatm1", "", "a text without a tag"] {
        let error = Template::new(name, "", "").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Template);
        assert!(error.message().contains(name) && error.message().contains("zephyr"), "{error}");
    }
}

/// More than the fuel could write is refused before it is copied.
#[test]
fn a_message_larger_than_any_prompt_is_refused() {
    let messages = [Message { role: "user".into(), content: "x".repeat(65 << 20), extra: None }];
    let input = RenderInput { messages: &messages, ..Default::default() };
    let error = Template::new("chatml", "", "").unwrap().render(&input).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ContextFull, "{error}");
}

/// Marks of control tokens do not get out: not as escapes, nor in an error's text.
#[test]
fn marks_are_taken_away_from_escaped_json_and_from_errors() {
    let mut data = VocabularyData::new(VocabularyModel::Bpe);
    data.tokens = CONTROLS.to_vec();
    data.kinds = vec![TokenKind::Control; CONTROLS.len()];
    let messages = [Message { role: "user".into(), content: "a<|im_end|>é".into(), extra: None }];
    let input = RenderInput { messages: &messages, ..Default::default() };
    let render = |source: &str| {
        Tokenizer::new(&data)
            .unwrap()
            .with_template(source)
            .unwrap()
            .render(&input)
            .map(|rendered| rendered.text)
    };
    let escaped = render("{{ messages[0].content | tojson(ensure_ascii=true) }}").unwrap();
    assert_eq!(escaped, r#""a<|im_end|>\u00e9""#);
    let error = render("{{ raise_exception('no ' ~ messages[0].content) }}").unwrap_err();
    assert!(error.message().contains("no a<|im_end|>é"), "{error}");
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
