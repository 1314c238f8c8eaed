//! Chat completions, whole and as a stream.

use super::support::{PATIENCE, ready, said, saying, with};
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";

#[test]
fn an_answer_comes_whole() {
    let server = ready(&saying("Hello, world. 世界!"), &[]);
    let reply = server.post(CHAT, &with(said("Hi"), json!({"seed": 7, "model": "fake", "user": "me"})));
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    let answer = reply.json();
    let choice = &answer["choices"][0];
    assert_eq!(choice["message"]["content"], "Hello, world. 世界!");
    assert_eq!(
        (choice["message"]["role"].as_str(), choice["finish_reason"].as_str()),
        (Some("assistant"), Some("stop"))
    );
    assert!(answer["id"].as_str().expect("an id").starts_with("chatcmpl-"));
    assert_eq!(answer["object"], "chat.completion");
    let usage = &answer["usage"];
    assert_eq!(usage["completion_tokens"], 6);
    assert_eq!(usage["total_tokens"], usage["prompt_tokens"].as_u64().expect("a number") + 6);
    assert_eq!(
        (answer["wick"]["end_reason"].as_str(), answer["wick"]["seed"].as_u64()),
        (Some("stop"), Some(7))
    );
}

#[test]
fn h1_an_answer_streams_and_ends_once() {
    let server = ready(&saying("Hello, world"), &[]);
    let told = server.chat(with(said("Hi"), json!({"stream_options": {"include_usage": true}}))).events();
    assert_eq!((told.text.as_str(), told.finish.as_deref()), ("Hello, world", Some("stop")));
    assert_eq!(told.events[0]["choices"][0]["delta"], json!({"role": "assistant", "content": ""}));
    let last = told.events.last().expect("events");
    assert_eq!(
        (last["choices"].as_array().map(Vec::len), last["usage"]["completion_tokens"].as_u64()),
        (Some(0), Some(3))
    );
    assert!(
        told.events
            .iter()
            .all(|event| event["object"] == "chat.completion.chunk" && event["id"] == last["id"])
    );
    assert!(told.figures()["ttft_ms"].as_f64().expect("a time") > 0.0);
}

#[test]
fn a_second_turn_finds_the_first_in_the_cache() {
    // Of the fake models only one whose words depend on all before shares what it has computed.
    let server = ready(&json!({"random": 11}), &["--max-tokens", "8"]);
    let first = server.post(CHAT, &said(&"Tell me everything. ".repeat(20))).json();
    assert_eq!(first["usage"]["prompt_tokens_details"]["cached_tokens"], 0);
    let messages = json!([
        {"role": "user", "content": "Tell me everything. ".repeat(20)},
        first["choices"][0]["message"],
        {"role": "user", "content": "And then?"},
    ]);
    let second = server.post(CHAT, &json!({"messages": messages, "temperature": 0})).json();
    let cached = second["usage"]["prompt_tokens_details"]["cached_tokens"].as_u64().expect("a number");
    assert!(cached > 200, "{second}");
    assert_eq!(server.metric("wick_cached_prompts_total"), 1.0);
}

#[test]
fn a_stop_and_a_length_are_told_apart() {
    let server = ready(&saying("one two three four"), &[]);
    let stopped = server.chat(with(said("Hi"), json!({"stop": ["three"]}))).events();
    assert_eq!((stopped.text.as_str(), stopped.finish.as_deref()), ("one two ", Some("stop")));
    assert_eq!(stopped.figures()["stop"], "three");
    for field in ["max_tokens", "max_completion_tokens"] {
        let mut asked = said("Hi");
        asked[field] = 2.into();
        let cut = server.chat(asked).events();
        assert_eq!((cut.text.as_str(), cut.finish.as_deref()), ("one two ", Some("length")));
    }
}

#[test]
fn each_token_has_its_logprob() {
    let server = ready(&saying("Hello, world"), &[]);
    let asked = with(said("Hi"), json!({"logprobs": true, "top_logprobs": 2}));
    let whole = server.post(CHAT, &asked).json();
    let content = whole["choices"][0]["logprobs"]["content"].as_array().expect("tokens").clone();
    let tokens: Vec<&str> = content.iter().map(|token| token["token"].as_str().expect("a text")).collect();
    assert_eq!(tokens, ["Hell", "o, w", "orld"]);
    for token in &content {
        // The fake model is sure of itself.
        assert!(token["logprob"].as_f64().expect("a number").abs() < 1e-3, "{token}");
        assert_eq!(token["top_logprobs"].as_array().map(Vec::len), Some(2));
        assert_eq!(token["top_logprobs"][0]["token"], token["token"]);
        assert_eq!(token["bytes"].as_array().map(Vec::len), Some(4));
    }
    let told = server.chat(asked).events();
    let streamed: Vec<Value> = told
        .events
        .iter()
        .filter_map(|event| event["choices"][0]["logprobs"]["content"].as_array())
        .flatten()
        .cloned()
        .collect();
    assert_eq!(streamed, content);
}

#[test]
fn h4_what_fails_before_it_says_anything_fails_with_a_status() {
    let server = ready(&json!({"reply": "Hello", "context_length": 64}), &[]);
    let long = said(&"x".repeat(100));
    for asked in [long.clone(), with(long, json!({"stream": true}))] {
        let reply = server.post(CHAT, &asked);
        assert_eq!(
            (reply.status, reply.json()["error"]["code"].as_str()),
            (400, Some("context_length_exceeded"))
        );
    }
}

#[test]
fn h4_what_fails_in_the_middle_ends_with_the_error() {
    let server = ready(&json!({"reply": "Hello, world", "fail_at": 2, "delay_us": 1000}), &[]);
    let told = server.chat(said("Hi")).events();
    assert_eq!((told.finish.as_deref(), told.text.as_str()), (None, "Hello, w"));
    assert!(!told.error.expect("an error").is_empty());
    assert_eq!(server.post(CHAT, &said("Hi")).status, 500);
    assert_eq!(server.metric("wick_generations_total{end=\"error\"}"), 2.0);
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn h4_a_panic_in_the_model_is_an_error_and_the_server_goes_on() {
    let server = ready(&json!({"reply": "Hello, world", "panic_at": 1}), &[]);
    assert_eq!(server.chat(said("Hi")).events().finish, None);
    assert_eq!(server.get("/ready").status, 200);
}

#[test]
fn h1b_a_silence_is_filled_with_comments() {
    let server = ready(&json!({"reply": "Hello", "prefill_delay_us": 60_000}), &["--heartbeat-seconds", "1"]);
    let told = server.chat(said(&"x".repeat(40))).events();
    assert!(told.comments >= 1, "{told:?}");
    assert_eq!(told.text, "Hello");
}

#[test]
fn h11_what_is_not_to_be_had_is_refused_by_its_name() {
    let server = ready(&saying("Hello"), &[]);
    for (field, value) in [
        ("n", json!(2)),
        ("temperature", json!("warm")),
        ("mood", json!("good")),
        ("max_tokens", json!(0)),
        ("top_logprobs", json!(3)),
        ("stop", json!([""])),
        ("cut", json!("page")),
        ("store", json!(true)),
    ] {
        let mut asked = said("Hi");
        asked[field] = value;
        let reply = server.post(CHAT, &asked);
        assert_eq!((reply.status, reply.error().0.as_str()), (400, field), "{asked}");
    }
    assert_eq!(server.post(CHAT, &json!({})).error().0, "messages");
    assert_eq!(server.post(CHAT, &json!([])).status, 400);
    // Out of the library's ranges, in its words.
    let reply = server.post(CHAT, &with(said("Hi"), json!({"top_p": 3})));
    assert_eq!((reply.status, reply.error().1.contains("top_p is 3")), (400, true), "{reply:?}");
}

#[test]
fn a_deadline_ends_an_answer_as_it_is() {
    let server = ready(&super::support::endless(), &[]);
    let started = std::time::Instant::now();
    let told = server.chat(with(said("Hi"), json!({"deadline_ms": 200}))).events();
    assert_eq!(told.finish.as_deref(), Some("length"));
    assert_eq!(told.figures()["end_reason"], "deadline");
    assert!(started.elapsed() < PATIENCE);
}

#[test]
fn texts_come_in_the_pieces_that_were_asked_for() {
    let server = ready(&saying("One is here. Two is there. Three"), &[]);
    let told = server.chat(with(said("Hi"), json!({"cut": "sentence"}))).events();
    let texts: Vec<&str> =
        told.events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(texts, ["", "One is here. ", "Two is there. ", "Three"]);
}
