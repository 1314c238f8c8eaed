//! Answers that have to look like something.

use super::support::{ready, said, with};
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";

#[test]
fn an_answer_is_an_object_of_its_schema() {
    // Left to itself this model says anything.
    let server = ready(&json!({"random": 11}), &[]);
    let schema = json!({
        "type": "object",
        "properties": {"mood": {"enum": ["calm", "angry"]}, "age": {"type": "integer", "minimum": 1, "maximum": 120}},
        "required": ["mood", "age"],
        "additionalProperties": false,
    });
    let form =
        json!({"type": "json_schema", "json_schema": {"name": "person", "strict": true, "schema": schema}});
    for seed in 1..6 {
        let asked = with(said("Hi"), json!({"response_format": form, "temperature": 1, "seed": seed}));
        let told = server.chat(asked).events();
        let value: Value = serde_json::from_str(&told.text).unwrap_or_else(|_| panic!("{told:?}"));
        assert!(value["mood"] == "calm" || value["mood"] == "angry", "{value}");
        assert!(value["age"].as_i64().is_some_and(|age| (1..=120).contains(&age)), "{value}");
        assert_eq!(told.finish.as_deref(), Some("stop"));
    }
}

#[test]
fn an_answer_follows_a_grammar_of_any_kind() {
    let server = ready(&json!({"random": 11}), &[]);
    for (grammar, texts) in [
        (json!("root ::= \"yes\" | \"no\""), ["yes", "no"]),
        (json!({"gbnf": "root ::= \"yes\" | \"no\""}), ["yes", "no"]),
        (json!({"lark": "start: \"yes\" | \"no\""}), ["yes", "no"]),
        (json!({"regex": "on|off"}), ["on", "off"]),
    ] {
        let asked = with(said("Hi"), json!({"grammar": grammar, "temperature": 1}));
        let answer = server.post(CHAT, &asked).json();
        let text = answer["choices"][0]["message"]["content"].as_str().unwrap_or_else(|| panic!("{answer}"));
        assert!(texts.contains(&text), "{grammar}: {text}");
    }
    let asked = json!({"prompt": "Hi", "grammar": {"regex": "[0-9]{3}"}});
    let text = server.post("/v1/completions", &asked).json()["choices"][0]["text"].clone();
    assert!(text.as_str().is_some_and(|text| text.len() == 3 && text.parse::<u32>().is_ok()), "{text}");
}

#[test]
fn what_is_wrong_with_a_form_is_said() {
    let server = ready(&json!({"random": 11}), &[]);
    for grammar in [json!({"regex": "("}), json!("root ::= missing")] {
        let refused = server.post(CHAT, &with(said("Hi"), json!({"grammar": grammar, "stream": true})));
        assert_eq!(
            (refused.status, refused.json()["error"]["code"].as_str()),
            (400, Some("grammar")),
            "{grammar}"
        );
    }
    let refused = server.post(CHAT, &with(said("Hi"), json!({"response_format": {"type": "xml"}})));
    assert_eq!((refused.status, refused.error().0.as_str()), (400, "response_format.type"));
}
