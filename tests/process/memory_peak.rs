//! The peak of a whole process that loads a model and speaks: at most weights + keys and values + 10 % of the
//! weights + 32 MiB.
//!
//! Measured in a child process, which is this program again. A synthetic model, and the default real one
//! where it is there.
#![cfg(all(feature = "native", feature = "text", feature = "testing", target_os = "linux"))]
#![allow(clippy::print_stdout, clippy::disallowed_methods)]

#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use support::tiny::Tiny;
use wick::gguf::{Source, TensorType};
use wick::runtime::{EndReason, Input, ModelOptions, ModelSource, Reading, Request, Runtime, RuntimeOptions};

const CHILD: &str = "WICK_PEAK_OF";
const MIB: u64 = 1 << 20;

/// Loads the model, mapped or read, and speaks; says what it may take and what it took. Does nothing unless
/// it is the child.
#[test]
fn child() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let no_mmap = std::env::var_os("WICK_NO_MMAP").is_some();
    let options = RuntimeOptions { threads: 2, ..RuntimeOptions::default() };
    let runtime = Runtime::new(options).expect("a runtime");
    let source = Source::File { path: path.into(), offset: 0, size: 0, no_mmap };
    let options = ModelOptions::from_source(ModelSource::Gguf(source));
    let (model, _load) = runtime.load(options, Reading::default()).expect("a load");
    let session = model.session(None).expect("a session");
    let request = Request {
        input: Input::Text("a ".repeat(300)),
        max_tokens: 32,
        ignore_eos: true,
        ..Request::default()
    };
    let mut stream = session.generate(request, Reading::default()).expect("a stream");
    let (_, end) = stream.collect_text().expect("an answer");
    assert_eq!(end.reason, EndReason::Length);
    let info = model.info().expect("a loaded model");
    // Whole blocks of 32 tokens.
    let kv = u64::from(end.stats.session_tokens).next_multiple_of(32) * info.spec.kv_bytes_per_token;
    // On a line of its own: a harness with one thread has begun one with the name of the test.
    println!("\npeak {} weights {} kv {kv}", high_water(), info.spec.weight_bytes);
}

/// The most memory that this process has had resident, mapped files included, in bytes.
fn high_water() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the process' status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its high-water mark");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

fn assert_lean(path: &Path, no_mmap: bool) {
    let mut child = Command::new(std::env::current_exe().expect("this program"));
    child.args(["--exact", "child", "--nocapture"]).env(CHILD, path);
    if no_mmap {
        child.env("WICK_NO_MMAP", "1");
    }
    let output = child.output().expect("a child");
    let text = String::from_utf8_lossy(&output.stdout);
    let said = text.lines().find(|line| line.starts_with("peak ")).unwrap_or_else(|| {
        panic!("{text}{}", String::from_utf8_lossy(&output.stderr));
    });
    let numbers: Vec<u64> = said.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [peak, weights, kv] = numbers[..] else { panic!("{said}") };
    let allowed = weights + kv + weights / 10 + 32 * MIB;
    println!(
        "{}, no_mmap {no_mmap}: peak {} MiB of {} allowed (weights {}, keys and values {})",
        path.file_name().unwrap_or_default().display(),
        peak / MIB,
        allowed / MIB,
        weights / MIB,
        kv / MIB
    );
    assert!(peak <= allowed, "{said}: {allowed} allowed");
    assert!(peak > weights / 2, "{said}: the weights were not even read");
}

#[test]
fn a_synthetic_models_peak_is_its_weights_and_little_more() {
    let mut tiny = Tiny::new("llama").of(TensorType::Q8_0);
    (tiny.width, tiny.heads, tiny.kv_heads, tiny.head_dim) = (768, 12, 4, 64);
    (tiny.feed_forward, tiny.vocab, tiny.layers, tiny.context) = (2048, 8192, 6, 2048);
    let file = tempfile::NamedTempFile::new().expect("a file");
    let mut out = std::io::BufWriter::new(file.as_file());
    tiny.speaking().writer().write_to(&mut out).expect("a written model");
    for no_mmap in [false, true] {
        assert_lean(file.path(), no_mmap);
    }
}

#[test]
fn the_default_models_peak_is_its_weights_and_little_more() {
    let folder = std::env::var_os("WICK_MODELS").map_or_else(|| PathBuf::from("models"), PathBuf::from);
    let path = folder.join("SmolLM2-135M-Instruct.Q4_1.gguf");
    if !path.is_file() {
        println!("left out: the peak of a real model ({} is missing)", path.display());
        return;
    }
    for no_mmap in [false, true] {
        assert_lean(&path, no_mmap);
    }
}
