//! What the tests of the candle backend share: real models where they are, and a drive of the decoder as the
//! engine does it.
#![allow(dead_code, clippy::print_stdout)] // Each test file uses a part of it; what is left out is said.

pub mod small;

use std::path::PathBuf;
use std::time::Instant;
use wick::error::Result;
use wick::gguf::{Gguf, Limits, Source};
use wick::model::candle::{CandleDecoder, Options};
use wick::model::{Chunk, Pace, PrefixCache, Runner, Sequence, Step};

/// The file of a real model, or `None` after saying that it is left out.
pub fn model(name: &str) -> Option<PathBuf> {
    let directory = match name {
        "stories260K-f32.gguf" => vectors()?.join("../models"),
        _ => std::env::var_os("WICK_MODELS").map_or_else(|| "models".into(), PathBuf::from),
    };
    let path = directory.join(name);
    if !path.exists() {
        println!("left out: {name} ({} is not there)", path.display());
        return None;
    }
    Some(path)
}

/// The folder of reference vectors, or `None` after saying that what needs them is left out.
pub fn vectors() -> Option<PathBuf> {
    let found = std::env::var_os("WICK_VECTORS").map(PathBuf::from);
    if found.is_none() {
        println!("left out: reference vectors (WICK_VECTORS is not set)");
    }
    found
}

pub fn open(path: PathBuf) -> Gguf {
    Gguf::open(Source::path(path), &Limits::default(), &mut |_, _| Ok(())).expect("a valid file")
}

pub fn load_bytes(bytes: Vec<u8>, options: &Options) -> Result<Runner<CandleDecoder>> {
    let gguf = Gguf::open(Source::Memory(Box::new(bytes)), &Limits::default(), &mut |_, _| Ok(()))?;
    load(&gguf, options)
}

pub fn load(gguf: &Gguf, options: &Options) -> Result<Runner<CandleDecoder>> {
    run(CandleDecoder::load(gguf, options, &mut |_, _| Ok(()))?, options)
}

/// A decoder with its sequences.
pub fn run(decoder: CandleDecoder, options: &Options) -> Result<Runner<CandleDecoder>> {
    Runner::new(decoder, &options.budget, PrefixCache::Off)
}

/// A slice that rests wherever it can.
pub fn hurried() -> Pace {
    Pace { until: Instant::now() }
}

/// Computes one chunk up to `Done`, resting at every point; commits nothing.
pub fn compute(decoder: &mut Runner<CandleDecoder>, sequence: Sequence, tokens: &[u32]) -> Vec<f32> {
    decoder.begin(&[Chunk { sequence, tokens, logits: 1 }]).expect("room");
    while decoder.run_slice(hurried()).expect("a pass") == Step::More {}
    decoder.logits(0, 0).to_vec()
}

/// Feeds `tokens`, chunk by chunk, and commits them; the logits after the last.
pub fn feed(decoder: &mut Runner<CandleDecoder>, sequence: Sequence, mut tokens: &[u32]) -> Vec<f32> {
    let mut logits = Vec::new();
    while !tokens.is_empty() {
        let (chunk, rest) = tokens.split_at(decoder.chunk_limit(sequence, tokens.len()));
        logits = compute(decoder, sequence, chunk);
        decoder.commit(0, usize::MAX);
        decoder.finish();
        tokens = rest;
    }
    logits
}

/// The index of the largest value.
pub fn best(logits: &[f32]) -> usize {
    logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(index, _)| index)
}
