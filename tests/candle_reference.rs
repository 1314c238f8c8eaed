//! The candle backend against llama.cpp's greedy ids, with the reference's own ids as context.
#![cfg(feature = "candle")]
#![allow(clippy::print_stdout)]

mod candle_common;

use candle_common::{best, feed, load, model, vectors};
use serde_json::Value;
use wick::model::Decoder;

fn numbers(case: &Value, key: &str) -> Vec<f64> {
    case[key].as_array().expect(key).iter().map(|value| value.as_f64().expect(key)).collect()
}

fn ids(case: &Value, key: &str) -> Vec<u32> {
    numbers(case, key).into_iter().map(|id| id as u32).collect()
}

fn check(case: &str, file: &str) {
    let (Some(path), Some(vectors)) = (model(file), vectors()) else { return };
    let text = std::fs::read_to_string(vectors.join("reference.json")).expect("reference.json");
    let all: Value = serde_json::from_str(&text).expect("JSON");
    let case = &all[case];
    let (prompt, reference, margins) = (ids(case, "prompt_ids"), ids(case, "ids"), numbers(case, "margins"));

    let start = std::time::Instant::now();
    let mut decoder = load(path);
    println!("loaded in {:?}", start.elapsed());
    let sequence = decoder.open(1024).expect("a sequence");
    let start = std::time::Instant::now();
    let mut logits = feed(&mut decoder, sequence, &prompt);
    println!("prefill of {} in {:?}", prompt.len(), start.elapsed());
    let start = std::time::Instant::now();
    let mut wrong = Vec::new();
    for (step, (&id, &margin)) in reference.iter().zip(&margins).enumerate() {
        let found = best(&logits);
        if found != id as usize {
            println!(
                "step {step}: {found} for {id}, by {}; margin {margin}",
                logits[found] - logits[id as usize]
            );
            if margin >= 0.1 {
                wrong.push(step);
            }
        }
        logits = feed(&mut decoder, sequence, &[id]);
    }
    println!("{} steps in {:?}", reference.len(), start.elapsed());
    assert!(wrong.is_empty(), "steps {wrong:?}");
}

#[test]
fn smollm2_raw_france() {
    check("smollm2/raw-france", "SmolLM2-135M-Instruct.Q4_1.gguf");
}

#[test]
fn smollm2_chat_hello() {
    check("smollm2/chat-hello", "SmolLM2-135M-Instruct.Q4_1.gguf");
}

#[test]
fn smollm2_chat_haiku() {
    check("smollm2/chat-haiku", "SmolLM2-135M-Instruct.Q4_1.gguf");
}

#[test]
fn smollm2_chat_pirate() {
    check("smollm2/chat-pirate", "SmolLM2-135M-Instruct.Q4_1.gguf");
}

#[test]
fn gemma3_raw_once() {
    check("gemma3/raw-once", "gemma-3-270m-q4_k_m.gguf");
}

#[test]
fn stories260k_raw_empty() {
    check("stories260K/raw-empty", "stories260K-f32.gguf");
}
