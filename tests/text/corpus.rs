//! Chat templates against Jinja2 itself: each case of `tests/corpus.json` renders to the same text, or fails
//! as it does there. `scripts/template-corpus.py` writes the file.
#![cfg(feature = "text")]

use serde_json::Value;
use wick::text::template::Template;
use wick::text::{Message, RenderInput};

/// Cases that are meant to be different, and why.
const DIFFERENT: [(&str, &str); 5] = [
    ("{{ self }}", "refused: it is the template as an object, which prompts have no use for"),
    ("{{ '\\N{BULLET}'|length }}", "refused: it needs a table of all letters' names"),
    (
        "{% set ns = namespace(n=0) %}{% for x in [1, 2, 3, 4] if ns.n < 2 %}{{ loop.index }}{{ loop.last }}\
         {% set ns.n = ns.n + 1 %}{% endfor %}",
        "a loop that asks what comes after an item chooses its items before it begins",
    ),
    ("{% for y in l %}{% set loop = 5 %}{{ loop }}{% endfor %}", "`loop` is a name like others"),
    (
        "{% set ns = namespace() %}{% for i in l %}{% macro m() %}{{ i }}{% endmacro %}{% set ns.m = m %}{% endfor %}\
         {{ ns.m() }}",
        "a macro keeps the loop's variables (Jinja2 writes its own word `missing`)",
    ),
];

fn message(json: &Value) -> Message {
    let mut extra = json.as_object().unwrap().clone();
    let role = extra.shift_remove("role").unwrap().as_str().unwrap().to_owned();
    let content = extra.get("content").and_then(Value::as_str).unwrap_or_default().to_owned();
    Message { role, content, extra: Some(extra) }
}

#[test]
fn templates_render_as_jinja2_renders_them() {
    let corpus: Value = serde_json::from_str(include_str!("corpus.json")).unwrap();
    let given = &corpus["given"];
    let messages: Vec<Message> = given["messages"].as_array().unwrap().iter().map(message).collect();
    let input = RenderInput {
        messages: &messages,
        tools: Some(&given["tools"]),
        variables: given["variables"].as_object(),
        unix_time: given["time"].as_i64().unwrap(),
        ..RenderInput::default()
    };
    let cases = corpus["cases"].as_array().unwrap();
    assert!(cases.len() >= 600);
    let mut report = Vec::new();
    let mut seen = Vec::new();
    for case in cases {
        let (source, wanted) = (case[0].as_str().unwrap(), case[1].as_str());
        let got = if source.contains('{') {
            Template::new(source, "<s>", "</s>").and_then(|template| template.render(&input))
        } else {
            // Not taken for a template.
            continue;
        };
        let same = match (&got, wanted) {
            (Ok(got), Some(wanted)) => got == wanted,
            (Err(_), None) => true,
            _ => false,
        };
        if DIFFERENT.iter().any(|(known, _)| *known == source) {
            seen.push(source);
            assert!(!same, "{source:?} is the same: take it from the list");
        } else if !same {
            report.push(format!("{source:?}\n    got    {got:?}\n    wanted {wanted:?}"));
        }
    }
    assert!(report.is_empty(), "{} of {} differ:\n{}", report.len(), cases.len(), report.join("\n"));
    assert_eq!(seen.len(), DIFFERENT.len(), "a case of the list is not there");
}
