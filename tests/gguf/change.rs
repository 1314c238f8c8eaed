//! A file that others change while it is open.

use crate::support::gguf::*;
use std::fs::{self, OpenOptions};
use wick::gguf::{Source, Strs};

#[test]
fn f9_what_was_read_without_mapping_is_immune() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.gguf");
    fs::write(&path, small().to_bytes()).unwrap();
    let gguf = open(Source::File { path: path.clone(), offset: 0, size: 0, no_mmap: true }).unwrap();
    OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
    assert_eq!(exercise(&gguf), 12 + 108 + 16 + 420);
    assert_eq!(gguf.bytes(gguf.tensor("q6_k").unwrap()), bytes(420));
}

#[test]
fn f9_a_mapped_model_keeps_its_layout_when_the_file_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.gguf");
    let file = small().to_bytes();
    fs::write(&path, &file).unwrap();
    let gguf = open(Source::path(&path)).unwrap();
    assert!(gguf.is_mapped());
    // In place: the same file, every byte another.
    let scrambled: Vec<u8> = file.iter().map(|b| !b).collect();
    use std::io::Write;
    OpenOptions::new().write(true).open(&path).unwrap().write_all(&scrambled).unwrap();
    exercise(&gguf);
    let tokens: Strs = gguf.metadata().require("tokenizer.ggml.tokens").unwrap();
    assert_eq!(tokens.collect::<Vec<_>>(), ["<s>", "a", "世界", ""]);
    assert_eq!(gguf.bytes(gguf.tensor("f32").unwrap()).len(), 12);
}

#[test]
fn f9_a_mapped_model_outlives_a_file_that_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.gguf");
    fs::write(&path, small().to_bytes()).unwrap();
    let gguf = open(Source::path(&path)).unwrap();
    let other = folder.path().join("other");
    fs::write(&other, "something else").unwrap();
    #[cfg(unix)] // Elsewhere a mapped file cannot be replaced at all.
    fs::rename(&other, &path).unwrap();
    assert_eq!(gguf.bytes(gguf.tensor("q4_0").unwrap()), bytes(108));
}
