//! The `wick` command as a shell sees it: exit codes, what goes to standard output and what to standard error, and the keys of its JSON.
#![cfg(all(feature = "cli", feature = "testing"))]

use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use wick::gguf::write::{MetaValue, Writer};
use wick::gguf::{TensorType, ValueType};

/// Runs `wick` with `arguments` and `input`.
fn wick(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_wick"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("wick runs");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("written");
    child.wait_with_output().expect("wick ends")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// Exit 1, a message with `part` on standard error, and nothing on standard output.
fn fails(arguments: &[&str], part: &str) {
    let output = wick(arguments, "");
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {message}");
    assert!(
        message.starts_with("wick: ") && message.contains(part),
        "{arguments:?}: {message:?} lacks {part:?}"
    );
    assert!(output.stdout.is_empty(), "{arguments:?}: {}", text(&output.stdout));
}

fn shown(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// The default model, if it is there.
fn model(what: &str) -> Option<String> {
    let folder = std::env::var_os("WICK_MODELS").map_or_else(|| PathBuf::from("models"), PathBuf::from);
    let path = folder.join("SmolLM2-135M-Instruct.Q4_1.gguf");
    if !path.is_file() {
        println!("left out: {what} with a real model (there is no {})", path.display());
        return None;
    }
    Some(shown(&path).to_owned())
}

#[test]
fn what_is_no_model_is_an_error_with_a_message() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("written");
        path
    };
    let missing = folder.path().join("missing.gguf");
    let cases = [
        (missing, "missing.gguf"),
        (file("text.gguf", b"Dear diary, today I was renamed.\n"), "text.gguf"),
        (file("empty.gguf", b""), "empty.gguf"),
        (folder.path().to_owned(), shown(folder.path())),
    ];
    for (path, part) in &cases {
        fails(&["run", shown(path), "Hello"], part);
        fails(&["info", shown(path)], part);
    }
    fails(&["bench", "--runs", "1", shown(&cases[0].0)], "missing.gguf");
}

/// A file that is whole, and whose architecture nobody knows.
fn martian() -> Vec<u8> {
    let strings = |words: &[&str]| {
        MetaValue::Array(
            ValueType::Str,
            words.iter().map(|word| MetaValue::Str((*word).to_owned())).collect(),
        )
    };
    Writer::new()
        .meta("general.architecture", "martian")
        .meta("tokenizer.ggml.model", "gpt2")
        .meta("tokenizer.ggml.tokens", strings(&["a", "b", "ab"]))
        .meta("tokenizer.ggml.merges", strings(&["a b"]))
        .tensor("token_embd.weight", TensorType::F32, &[4, 3], vec![0; 48])
        .to_bytes()
}

#[test]
fn an_unknown_architecture_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("martian.gguf");
    fs::write(&path, martian()).expect("written");
    fails(&["run", shown(&path), "Hello"], "martian\"");
    // The header alone is fine.
    let info = wick(&["info", "--json", shown(&path)], "");
    let facts: Value = serde_json::from_slice(&info.stdout).expect("JSON");
    assert_eq!((facts["architecture"].as_str(), facts["parameters"].as_u64()), (Some("martian"), Some(12)));
    assert_eq!(facts["chat_template"], false);
}

#[test]
fn a_wrong_use_exits_with_2() {
    for arguments in
        [&[][..], &["run"], &["run", "m.gguf", "p", "--top-k", "many"], &["bench", "m.gguf", "--runs", "0"]]
    {
        let output = wick(arguments, "");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output.stderr));
        assert!(!output.stderr.is_empty());
    }
}

#[test]
fn the_fake_model_passes_the_selftest() {
    let output = wick(&["selftest", "--timeout", "120"], "");
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", text(&output.stderr));
    assert!(said.contains("ok ") && !said.contains("FAILED"), "{said}");
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
}

#[test]
fn a_hanging_selftest_is_ended_by_its_watchdog() {
    let output = wick(&["selftest", "--hang", "--timeout", "1"], "");
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("still at"), "{}", text(&output.stderr));
}

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
}

#[test]
fn run_answers_from_an_argument_and_from_standard_input() {
    let Some(model) = model("wick run") else { return };
    let options = ["--max-tokens", "12", "--threads", "1"];
    let argument = wick(&[&["run", &model, "Say hello."], &options[..]].concat(), "");
    assert_eq!(argument.status.code(), Some(0), "{}", text(&argument.stderr));
    assert!(!text(&argument.stdout).trim().is_empty());
    assert!(text(&argument.stderr).contains("12 out") || text(&argument.stderr).contains("Stop"));
    let input = wick(&[&["run", &model], &options[..]].concat(), "Say hello.");
    assert_eq!(text(&input.stdout), text(&argument.stdout));
}

#[test]
fn run_stops_quietly_when_nobody_reads() {
    let Some(model) = model("wick run into a closed pipe") else { return };
    let mut child = Command::new(env!("CARGO_BIN_EXE_wick"))
        .args(["run", &model, "Count to two hundred.", "--max-tokens", "200"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("wick runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("wick ends");
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
}

#[test]
fn bench_has_every_figure() {
    let Some(model) = model("wick bench") else { return };
    let output = wick(&["bench", "--json", "--runs", "1", &model], "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let figures: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let keys: Vec<&str> = figures.as_object().expect("an object").keys().map(String::as_str).collect();
    let wanted =
        ["load_ms", "ttft_cold_ms", "ttft_warm_ms", "pp32", "pp128", "pp512", "tg", "peak_mib", "event_ns"];
    assert_eq!(keys, wanted);
    for key in wanted.iter().filter(|key| cfg!(target_os = "linux") || **key != "peak_mib") {
        assert!(figures[key].as_f64().is_some_and(|figure| figure > 0.0), "{key} is {}", figures[key]);
    }
}
