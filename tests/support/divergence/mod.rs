//! How far the next token's distributions of two decoders are apart on a text that both are given.
#![allow(dead_code)]

use super::driver::Driver;
use std::path::Path;
use std::sync::Arc;
use wick::gguf::write::Writer;
use wick::gguf::{Gguf, Limits, Source, TensorType};
use wick::kernel::{Type, dequantise, f32_to_f16};
use wick::model::{Chunk, Sequence};
use wick::text::Vocab;
use wick::text::tokenizer::{Tokenizer, VocabularyData};

/// The text: prose that no model knows by heart. Some 4,600 tokens of SmolLM2's.
pub const TEXT: &str = include_str!("../../../docs/design.md");

/// The first `count` tokens of [`TEXT`] in the vocabulary of the model at `path`.
pub fn tokens(path: &Path, count: usize) -> Vec<u32> {
    let header = Gguf::open_header(Source::path(path), &Limits::default()).expect("a readable model");
    let data = VocabularyData::from_gguf(header.metadata()).expect("a vocabulary");
    let mut ids = Vec::new();
    Tokenizer::new(&data).expect("a tokenizer").encode(TEXT, false, false, &mut ids).expect("tokens");
    assert!(ids.len() >= count, "the text has {} tokens", ids.len());
    ids.truncate(count);
    ids
}

/// The same model with its Q4_1 and Q6_K matrices as f16. Its activations then are f32: those of quantised
/// weights are int8, of which the least change moves some by a step, and with them all that follows.
pub fn in_f16(gguf: &Gguf) -> Arc<Gguf> {
    let mut writer = Writer::new();
    for (key, value) in gguf.metadata().iter() {
        writer = writer.meta(key, value);
    }
    for tensor in gguf.tensors() {
        let from = match tensor.kind() {
            TensorType::Q4_1 => Type::Q4_1,
            TensorType::Q6_K => Type::Q6_K,
            TensorType::Q8_0 => Type::Q8_0,
            kind => {
                writer = writer.tensor(tensor.name(), kind, tensor.shape(), gguf.bytes(tensor).to_vec());
                continue;
            }
        };
        let mut values = vec![0.0; tensor.elements() as usize];
        dequantise(from, gguf.bytes(tensor), &mut values);
        let halves = values.iter().flat_map(|value| f32_to_f16(*value).to_le_bytes()).collect::<Vec<u8>>();
        writer = writer.tensor(tensor.name(), TensorType::F16, tensor.shape(), halves);
    }
    let source = Source::Memory(Box::new(writer.to_bytes()));
    Arc::new(Gguf::open(source, &Limits::default(), &mut |_, _| Ok(())).expect("a readable model"))
}

/// What [`between`] finds.
#[derive(Debug, Clone, Copy)]
pub struct Divergence {
    /// KL(truth || other) of a token in nats, on the average.
    pub mean: f64,
    /// Of all tokens the greatest.
    pub most: f64,
    /// The share of tokens at which both have the same likeliest one.
    pub same: f64,
}

/// The divergence behind each of `tokens`.
pub fn between(truth: &mut Driver, other: &mut Driver, tokens: &[u32]) -> Divergence {
    let (first, second) = (truth.sequence(), other.sequence());
    let (mut sum, mut most, mut same) = (0.0, 0f64, 0);
    for part in tokens.chunks(64) {
        let (truths, others) = (logits(truth, first, part), logits(other, second, part));
        for (truth, other) in truths.iter().zip(&others) {
            let kl = kl(truth, other);
            (sum, most) = (sum + kl, most.max(kl));
            same += usize::from(super::driver::argmax(truth) == super::driver::argmax(other));
        }
    }
    truth.decoder.close(first);
    other.decoder.close(second);
    let count = tokens.len() as f64;
    Divergence { mean: sum / count, most, same: same as f64 / count }
}

/// The logits behind each of `tokens`, in one pass.
fn logits(driver: &mut Driver, sequence: Sequence, tokens: &[u32]) -> Vec<Vec<f32>> {
    driver.decoder.begin(&[Chunk { sequence, tokens, logits: tokens.len() }]).expect("a pass begins");
    driver.run();
    let logits = (0..tokens.len()).map(|row| driver.decoder.logits(0, row).to_vec()).collect();
    driver.decoder.commit(0, usize::MAX);
    driver.decoder.finish();
    logits
}

/// KL(p || q) in nats, of softmaxes.
fn kl(p: &[f32], q: &[f32]) -> f64 {
    let (p, q) = (log_softmax(p), log_softmax(q));
    p.iter().zip(&q).map(|(p, q)| p.exp() * (p - q)).sum()
}

fn log_softmax(logits: &[f32]) -> Vec<f64> {
    let max = logits.iter().fold(f64::NEG_INFINITY, |max, logit| max.max(f64::from(*logit)));
    let sum: f64 = logits.iter().map(|logit| (f64::from(*logit) - max).exp()).sum();
    logits.iter().map(|logit| f64::from(*logit) - max - sum.ln()).collect()
}
