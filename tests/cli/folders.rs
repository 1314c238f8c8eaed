//! `wick info` and `wick run` of a folder.

use super::support::tiny::{Tiny, folder};
use super::{fails, shown, text, wick};
use serde_json::{Value, json};
use std::fs;

#[test]
fn info_and_run_take_a_folder() {
    let place = tempfile::tempdir().expect("a folder");
    folder::write(&Tiny::new("llama"), place.path(), 2);
    let path = shown(place.path());
    let output = wick(&["info", "--json", path], "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let facts: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(facts["architecture"], "llama");
    assert_eq!((&facts["quantisation"], &facts["files"]), (&"F32".into(), &2.into()));
    assert_eq!((&facts["vocab_size"], &facts["chat_template"]), (&160.into(), &true.into()));
    assert_eq!(facts["special_ids"], json!({"bos": 96, "ends": [97]}));
    assert_eq!((&facts["runs_here"], &facts["backend"]), (&true.into(), &"native".into()));
    let output = wick(&["run", path, "Hello", "-n", "8", "--temp", "0"], "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn a_folder_that_does_not_run_here_says_why() {
    let place = tempfile::tempdir().expect("a folder");
    let path = shown(place.path());
    folder::write(&Tiny::new("llama"), place.path(), 1);
    fs::remove_file(place.path().join("tokenizer.json")).expect("removed");
    let output = wick(&["info", "--json", path], "");
    let facts: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((output.status.code(), &facts["runs_here"]), (Some(1), &false.into()));
    assert!(facts["why_not"].as_str().is_some_and(|why| why.contains("tokenizer.json")), "{facts}");
    fs::write(place.path().join("config.json"), "{\"model_type\": \"martian\"}").expect("written");
    fails(&["info", path], "martian");
    fails(&["run", path, "Hello"], "martian");
}
