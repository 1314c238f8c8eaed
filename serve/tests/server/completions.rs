//! Completions: a text that goes on.

use super::support::{ready, saying};
use serde_json::json;

const COMPLETIONS: &str = "/v1/completions";

#[test]
fn a_text_or_its_ids_go_on() {
    let server = ready(&saying("Hello, world"), &[]);
    for prompt in [json!("Hi"), json!(["Hi"]), json!([72, 105]), json!([[72, 105]])] {
        let answer = server.post(COMPLETIONS, &json!({"prompt": prompt, "temperature": 0})).json();
        assert_eq!(answer["choices"][0]["text"], "Hello, world", "{prompt}");
        assert_eq!(
            (answer["object"].as_str(), answer["usage"]["prompt_tokens"].as_u64()),
            (Some("text_completion"), Some(2))
        );
        assert!(answer["id"].as_str().expect("an id").starts_with("cmpl-"));
    }
    let told =
        server.stream(COMPLETIONS, &json!({"prompt": "Hi", "stream": true, "temperature": 0})).events();
    assert_eq!((told.text.as_str(), told.finish.as_deref()), ("Hello, world", Some("stop")));
    assert!(told.events.iter().all(|event| event["object"] == "text_completion"));
}

#[test]
fn sixteen_tokens_are_the_default_as_with_openai() {
    let server = ready(&json!({"reply": "word", "endless": true}), &[]);
    let answer = server.post(COMPLETIONS, &json!({"prompt": "Hi"})).json();
    assert_eq!(answer["usage"]["completion_tokens"], 16);
    let answer = server.post(COMPLETIONS, &json!({"prompt": "Hi", "max_tokens": 20})).json();
    assert_eq!(answer["usage"]["completion_tokens"], 20);
}

#[test]
fn logprobs_are_four_lists() {
    let server = ready(&saying("Hello, world"), &[]);
    let answer = server.post(COMPLETIONS, &json!({"prompt": "Hi", "logprobs": 1, "temperature": 0})).json();
    let logprobs = &answer["choices"][0]["logprobs"];
    assert_eq!(logprobs["tokens"], json!(["Hell", "o, w", "orld"]));
    assert_eq!(logprobs["text_offset"], json!([0, 4, 8]));
    assert_eq!(logprobs["token_logprobs"].as_array().map(Vec::len), Some(3));
    assert!(logprobs["top_logprobs"][0]["Hell"].is_number(), "{logprobs}");
}

#[test]
fn control_tokens_in_a_prompt_count_unless_told_otherwise() {
    let server = ready(&saying("Hello"), &[]);
    let tokens = |more: bool| {
        let asked = json!({"prompt": "<bos>Hi", "parse_special": more});
        server.post(COMPLETIONS, &asked).json()["usage"]["prompt_tokens"].as_u64()
    };
    assert_eq!((tokens(true), tokens(false)), (Some(3), Some(7)));
}

#[test]
fn h11_what_is_not_to_be_had_is_refused_by_its_name() {
    let server = ready(&saying("Hello"), &[]);
    for (field, value) in [
        ("echo", json!(true)),
        ("suffix", json!("end")),
        ("best_of", json!(3)),
        ("prompt", json!(["a", "b"])),
    ] {
        let mut asked = json!({"prompt": "Hi"});
        asked[field] = value;
        let reply = server.post(COMPLETIONS, &asked);
        assert_eq!((reply.status, reply.error().0.as_str()), (400, field), "{asked}");
    }
    // Beyond the vocabulary: the library's own word.
    assert_eq!(server.post(COMPLETIONS, &json!({"prompt": [1_000_000]})).status, 400);
}
