//! Vectors of texts.

use super::support::{endless, ready, said, saying};
use serde_json::{Value, json};

const EMBEDDINGS: &str = "/v1/embeddings";

fn vector(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|number| number.as_f64().expect("a number")).collect()
}

#[test]
fn each_text_has_its_vector_in_order() {
    let server = ready(&saying("Hello"), &[]);
    let answer = server.post(EMBEDDINGS, &json!({"input": ["one", "two", "one"], "model": "fake"})).json();
    assert_eq!((answer["object"].as_str(), answer["model"].as_str()), (Some("list"), Some("fake")));
    let data = answer["data"].as_array().expect("a list");
    let vectors: Vec<Vec<f64>> = data.iter().map(|one| vector(&one["embedding"])).collect();
    assert_eq!(data.iter().map(|one| one["index"].as_u64()).collect::<Vec<_>>(), [Some(0), Some(1), Some(2)]);
    for vector in &vectors {
        let length: f64 = vector.iter().map(|value| value * value).sum();
        assert!((length - 1.0).abs() < 1e-3, "{vector:?}");
    }
    assert!(vectors[0] == vectors[2] && vectors[0] != vectors[1], "{vectors:?}");
    assert_eq!(answer["usage"], json!({"prompt_tokens": 9, "total_tokens": 9}));
    let alone = server.post(EMBEDDINGS, &json!({"input": "two"})).json();
    assert_eq!(vector(&alone["data"][0]["embedding"]), vectors[1]);
    assert_eq!(server.metric("wick_generations_total{end=\"ready\"}"), 2.0);
}

#[test]
fn as_base64_they_are_the_same_floats() {
    let server = ready(&saying("Hello"), &[]);
    let asked = |form: &str| {
        let answer = server.post(EMBEDDINGS, &json!({"input": "one", "encoding_format": form})).json();
        answer["data"][0]["embedding"].clone()
    };
    let floats = vector(&asked("float"));
    let text = asked("base64").as_str().expect("a text").to_owned();
    let digit = |letter: u8| match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let letters: Vec<u8> = text.trim_end_matches('=').bytes().map(digit).collect();
    let bits: Vec<bool> =
        letters.iter().flat_map(|six| (0..6).rev().map(move |bit| six >> bit & 1 == 1)).collect();
    let byte = |bits: &[bool]| bits.iter().fold(0_u8, |byte, bit| byte << 1 | u8::from(*bit));
    let bytes: Vec<u8> = bits.chunks_exact(8).map(byte).collect();
    let read: Vec<f32> =
        bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("four"))).collect();
    assert_eq!(read, floats.iter().map(|value| *value as f32).collect::<Vec<f32>>());
}

#[test]
fn what_is_wrong_with_a_text_is_said_with_its_place() {
    let server = ready(&json!({"reply": "Hello", "context_length": 16}), &[]);
    let long = server.post(EMBEDDINGS, &json!({"input": ["one", "x".repeat(40)]}));
    assert_eq!((long.status, long.json()["error"]["code"].as_str()), (400, Some("context_length_exceeded")));
    assert!(long.error().1.contains('1'), "{long:?}");
    for (field, asked) in [
        ("input", json!({})),
        ("input", json!({"input": [[1, 2]]})),
        ("dimensions", json!({"input": "one", "dimensions": 3})),
        ("encoding_format", json!({"input": "one", "encoding_format": "hex"})),
        ("mood", json!({"input": "one", "mood": 1})),
    ] {
        let reply = server.post(EMBEDDINGS, &asked);
        assert_eq!((reply.status, reply.error().0.as_str()), (400, field), "{asked}");
    }
    assert_eq!(server.post(EMBEDDINGS, &json!({"input": "one", "dimensions": 8})).status, 200);
}

#[test]
fn they_are_made_beside_answers() {
    let server = ready(&endless(), &[]);
    let mut stream = server.chat(said("Hi"));
    stream.some(2);
    assert_eq!(server.post(EMBEDDINGS, &json!({"input": "one"})).status, 200);
    stream.some(2);
    stream.leave();
}
