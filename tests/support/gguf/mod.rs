//! What the tests of `gguf` share: a small valid file, and everything that can be asked of an opened one.
#![allow(dead_code, unused_imports, clippy::print_stdout)] // Each test file uses a part of it; what is left out is said.

mod judge;

pub use judge::*;
use std::path::PathBuf;
use wick::error::{Error, ErrorKind, Result};
use wick::gguf::write::{MetaValue, Writer};
use wick::gguf::{Gguf, Limits, Source, TensorType, ValueType};

/// A small valid model: every value type, arrays, an array of arrays, four tensors of 1 to 4 dimensions.
pub fn small() -> Writer<'static> {
    let numbers = MetaValue::Array(ValueType::I64, vec![MetaValue::I64(-1), MetaValue::I64(i64::MAX)]);
    let nested = MetaValue::Array(
        ValueType::Array,
        vec![numbers, MetaValue::Array(ValueType::Bool, vec![MetaValue::Bool(true)])],
    );
    Writer::new()
        .meta("general.architecture", "llama")
        .meta("llama.block_count", 2u32)
        .meta("u8", MetaValue::U8(200))
        .meta("i8", MetaValue::I8(-100))
        .meta("u16", MetaValue::U16(60_000))
        .meta("i16", MetaValue::I16(-30_000))
        .meta("i32", MetaValue::I32(-2_000_000_000))
        .meta("u64", MetaValue::U64(u64::MAX))
        .meta("i64", MetaValue::I64(i64::MIN))
        .meta("epsilon", 1e-5f32)
        .meta("f64", MetaValue::F64(0.1))
        .meta("bool", true)
        .meta("tokenizer.ggml.tokens", ["<s>", "a", "世界", ""].as_slice())
        .meta("tokenizer.ggml.scores", [0.0f32, -1.5, -2.5, 3.0].as_slice())
        .meta("tokenizer.ggml.token_type", [3i32, 1, 1, 6].as_slice())
        .meta("nested", nested)
        .tensor("f32", TensorType::F32, &[3], bytes(12))
        .tensor("q4_0", TensorType::Q4_0, &[64, 3], bytes(108))
        .tensor("f16", TensorType::F16, &[2, 2, 2], bytes(16))
        .tensor("q6_k", TensorType::Q6_K, &[256, 1, 1, 2], bytes(420))
}

/// `len` bytes that differ from their neighbours.
pub fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + 1) as u8).collect()
}

pub fn memory(bytes: impl Into<Vec<u8>>) -> Source {
    Source::Memory(Box::new(bytes.into()))
}

/// Opens without limits and without listening to progress.
pub fn open(source: Source) -> Result<Gguf> {
    Gguf::open(source, &Limits::default(), &mut |_, _| Ok(()))
}

pub fn open_bytes(bytes: impl Into<Vec<u8>>) -> Result<Gguf> {
    open(memory(bytes))
}

/// The error of a source that must not open.
pub fn refused(source: Source) -> Error {
    match open(source) {
        Ok(_) => panic!("it opened"),
        Err(error) => error,
    }
}

/// Asserts that `bytes` are refused as `kind` with a message that holds each of `parts`.
#[track_caller]
pub fn assert_refused(bytes: impl Into<Vec<u8>>, kind: ErrorKind, parts: &[&str]) {
    let error = refused(memory(bytes));
    assert_error(&error, kind, parts);
}

#[track_caller]
pub fn assert_error(error: &Error, kind: ErrorKind, parts: &[&str]) {
    assert_eq!(error.kind(), kind, "{error}");
    for part in parts {
        assert!(error.message().contains(part), "{part:?} is not in {error}");
    }
}

/// Replaces the only occurrence of `from`.
#[track_caller]
pub fn patch(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    let places: Vec<_> =
        bytes.windows(from.len()).enumerate().filter(|(_, w)| *w == from).map(|(i, _)| i).collect();
    assert_eq!(places.len(), 1, "{} occurrences", places.len());
    bytes.splice(places[0]..places[0] + from.len(), to.iter().copied());
    bytes
}

/// The `.gguf` files of a folder, sorted; empty, with a line that says so, where there are none.
pub fn real_files(folder: Option<PathBuf>, what: &str) -> Vec<PathBuf> {
    let entries = folder.as_ref().and_then(|folder| std::fs::read_dir(folder).ok());
    let paths = entries.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<_> = paths.filter(|path| path.extension().is_some_and(|e| e == "gguf")).collect();
    files.sort();
    if files.is_empty() {
        println!("left out: {what} (no .gguf in {folder:?})");
    }
    files
}

/// The vocabularies, where WICK_VECTORS is set.
pub fn vocabularies() -> Vec<PathBuf> {
    let Some(vectors) = std::env::var_os("WICK_VECTORS") else {
        println!("left out: real vocabularies (WICK_VECTORS is not set)");
        return Vec::new();
    };
    real_files(Some(PathBuf::from(vectors).join("tokenizers")), "real vocabularies")
}

/// The models in WICK_MODELS, else `models/`.
pub fn models() -> Vec<PathBuf> {
    let folder = std::env::var_os("WICK_MODELS").map_or_else(|| PathBuf::from("models"), PathBuf::from);
    real_files(Some(folder), "real models")
}
