//! Real models against the reference's greedy ids: teacher-forced, the best id is the reference's wherever its margin is 0.1 or more.
#![cfg(feature = "native")]
#![allow(clippy::print_stderr)]

mod driver;

use driver::Driver;
use serde_json::Value;
use std::path::PathBuf;

/// Below this margin (top logit minus second) a tie may fall either way.
const MARGIN: f64 = 0.1;

#[test]
fn smollm2() {
    against_reference("smollm2/", &models().join("SmolLM2-135M-Instruct.Q4_1.gguf"), 4);
}

#[test]
fn gemma3() {
    against_reference("gemma3/", &models().join("gemma-3-270m-q4_k_m.gguf"), 1);
}

#[test]
fn stories260k() {
    let Some(vectors) = variable("WICK_VECTORS") else { return left_out("WICK_VECTORS is not set") };
    against_reference("stories260K/", &vectors.join("../models/stories260K-f32.gguf"), 1);
}

fn models() -> PathBuf {
    variable("WICK_MODELS").unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models"))
}

#[allow(clippy::disallowed_methods)] // A test reads where its files are; the library reads no variable.
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var(name).ok().map(PathBuf::from)
}

fn left_out(why: &str) {
    eprintln!("left out: the native decoder against the reference ids ({why})");
}

fn against_reference(prefix: &str, model: &std::path::Path, at_least: usize) {
    let Some(vectors) = variable("WICK_VECTORS") else { return left_out("WICK_VECTORS is not set") };
    if !model.exists() {
        return left_out(&format!("{} is missing", model.display()));
    }
    let text =
        std::fs::read_to_string(vectors.join("reference.json")).expect("reference.json in WICK_VECTORS");
    let cases: Value = serde_json::from_str(&text).expect("JSON");
    let cases = cases.as_object().expect("an object of cases");
    let mut checked = 0;
    for (name, case) in cases.iter().filter(|(name, _)| name.starts_with(prefix)) {
        check(name, case, model);
        checked += 1;
    }
    assert!(checked >= at_least, "{checked} cases of {prefix}");
}

fn check(name: &str, case: &Value, model: &std::path::Path) {
    let (prompt, ids) = (numbers(&case["prompt_ids"]), numbers(&case["ids"]));
    let margins: Vec<f64> =
        case["margins"].as_array().expect("margins").iter().filter_map(Value::as_f64).collect();
    assert_eq!(ids.len(), margins.len(), "{name}");
    let mut driver = Driver::open(model, 2);
    let sequence = driver.sequence();
    let mut logits = driver.extend(sequence, &prompt);
    let mut sure = 0;
    for (step, (&id, &margin)) in ids.iter().zip(&margins).enumerate() {
        let best = driver::argmax(&logits);
        if margin >= MARGIN {
            assert_eq!(best, id, "{name}: step {step}, whose margin is {margin}");
            sure += 1;
        }
        logits = driver.extend(sequence, &[id]);
    }
    assert!(sure > ids.len() / 2, "{name}: {sure} of {} steps have a margin", ids.len());
}

fn numbers(value: &Value) -> Vec<u32> {
    value.as_array().expect("an array").iter().filter_map(Value::as_u64).map(|id| id as u32).collect()
}
