//! `wick info`: what the header says, and the memory that a model would take.

use super::{exits, model, small, text, wick};
use crate::support::tiny::Tiny;
use serde_json::Value;
use std::fs;
use wick::gguf::write::MetaValue;

#[test]
fn info_reads_the_header() {
    let Some(model) = model("wick info") else { return };
    let output = wick(&["info", "--json", &model], "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let facts: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(facts["architecture"], "llama");
    assert_eq!(facts["quantisation"], "Q4_1");
    assert_eq!(facts["vocab_size"], 49152);
    assert_eq!(facts["chat_template"], true);
    assert_eq!(facts["special_ids"]["eos"], 2);
    assert_eq!(facts["file_bytes"], fs::metadata(&model).expect("a file").len());
    let table = wick(&["info", &model], "");
    assert!(text(&table.stdout).contains("architecture    llama"), "{}", text(&table.stdout));
    // 30 layers, keys and values, 3 heads of 64, f16.
    assert_eq!(
        facts["memory"]["kv_bytes"],
        30 * 2 * 3 * 64 * 2 * facts["context_length"].as_u64().expect("tokens")
    );
}

#[test]
fn info_says_what_a_file_asks_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = small(
        folder.path(),
        &[
            ("general.sampling.temp", MetaValue::F32(0.6)),
            ("general.sampling.top_k", MetaValue::I32(20)),
            ("tokenizer.ggml.suppress_tokens", (&[3u32, 5][..]).into()),
        ],
    );
    let facts: Value = serde_json::from_slice(&wick(&["info", "--json", &model], "").stdout).expect("JSON");
    assert_eq!(facts["sampling"], serde_json::json!({ "temperature": 0.6, "top_k": 20 }));
    assert_eq!(facts["suppressed_ids"], serde_json::json!([3, 5]));
    assert_eq!(facts["encodes"], false);
    assert!(["prefix_cache", "drafts", "adapters"].iter().all(|key| facts[key] == true), "{facts}");
    let table = wick(&["info", &model], "");
    let table = text(&table.stdout);
    assert!(table.contains("sampling        temperature 0.6, top_k 20\n"), "{table}");
    assert!(table.contains("suppressed ids  3, 5\n"), "{table}");
    assert!(!table.contains("drafts"), "{table}");
    // One that asks for nothing.
    let model = small(folder.path(), &[]);
    let facts: Value = serde_json::from_slice(&wick(&["info", "--json", &model], "").stdout).expect("JSON");
    assert_eq!((&facts["sampling"], &facts["suppressed_ids"]), (&serde_json::json!({}), &Value::Null));
}

#[test]
fn info_says_of_an_encoder_what_it_is_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("encoder.gguf");
    fs::write(&path, Tiny::new("gemma-embedding").speaking().writer().to_bytes()).expect("written");
    let path = path.to_str().expect("a path");
    let info = wick(&["info", "--json", path], "");
    assert_eq!(info.status.code(), Some(0), "{}", text(&info.stderr));
    let facts: Value = serde_json::from_slice(&info.stdout).expect("JSON");
    assert_eq!((&facts["runs_here"], &facts["encodes"]), (&Value::Bool(true), &Value::Bool(true)));
    let table = wick(&["info", path], "");
    assert!(text(&table.stdout).contains("an encoder: it makes vectors of texts"), "{}", text(&table.stdout));
    // What is asked of it is refused in the same words as by the library.
    let run = wick(&["run", "--raw", path, "hello"], "");
    assert_ne!(run.status.code(), Some(0));
    assert!(text(&run.stderr).contains("wick_embed"), "{}", text(&run.stderr));
}

#[test]
fn info_says_what_a_model_would_take() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = small(folder.path(), &[]);
    let output = wick(&["info", "--json", &model], "");
    let facts: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let memory = &facts["memory"];
    assert_eq!((&memory["sessions"], &memory["context"]), (&1.into(), &facts["context_length"]));
    let two = wick(&["info", &model, "--sessions", "2", "--context", "100"], "");
    let table = text(&two.stdout);
    assert!(table.contains(" MiB for 2 sessions of 100 tokens: weights "), "{table}");
    exits(2, &["info", &model, "--context", "1000000"], "1000000");
}
