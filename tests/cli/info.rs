//! `wick info`: what the header says, and the memory that a model would take.

use super::{exits, model, small, text, wick};
use serde_json::Value;
use std::fs;

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
