//! Encoders of BERT's kinds, beside a plain computation in f64: embeddings of positions, attention both ways,
//! LayerNorm behind the sums, GELU or a SwiGLU, pooling.
//!
//! Source: Devlin et al. 2018 (arXiv:1810.04805); Nussbaum et al. 2024 (arXiv:2402.01613) for nomic's rope
//! and gate.
#![cfg(feature = "native")]

use crate::support::driver::{Driver, bits, load};
use crate::support::tiny::{Random, random_tensor};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use wick::error::ErrorKind;
use wick::gguf::write::{MetaValue, Writer};
use wick::gguf::{Gguf, TensorType};
use wick::model::Chunk;

pub const WIDTH: usize = 48;
pub const HEADS: usize = 4;
const DIM: usize = WIDTH / HEADS;
pub const INNER: usize = 80;
pub const LAYERS: usize = 3;
pub const CONTEXT: usize = 96;
const VOCAB: usize = 70;
pub const EPSILON: f32 = 1e-6;

/// The pooling of a cross-encoder.
const RANK: u32 = 4;

/// The token that ends both parts of a text.
const SEPARATOR: u32 = 5;

/// A small encoder: its keys, and its tensors with their shapes, the row first.
#[derive(Clone)]
pub struct Small {
    pub architecture: &'static str,
    keys: BTreeMap<String, MetaValue>,
    pub tensors: BTreeMap<String, Vec<u64>>,
}

impl Small {
    pub fn new(architecture: &'static str) -> Self {
        let mut keys = BTreeMap::new();
        let mut put = |key: &str, value: MetaValue| keys.insert(format!("{architecture}.{key}"), value);
        put("context_length", (CONTEXT as u32).into());
        put("embedding_length", (WIDTH as u32).into());
        put("block_count", (LAYERS as u32).into());
        put("feed_forward_length", (INNER as u32).into());
        put("attention.head_count", (HEADS as u32).into());
        put("attention.layer_norm_epsilon", EPSILON.into());
        put("attention.causal", false.into());
        put("pooling_type", 1u32.into());
        let is_bert = architecture == "bert";
        if !is_bert {
            put("rope.freq_base", 1000.0.into());
        }
        let (width, inner) = (WIDTH as u64, INNER as u64);
        let mut tensors = BTreeMap::new();
        let mut add = |name: &str, shape: &[u64]| tensors.insert(name.to_owned(), shape.to_vec());
        add("token_embd.weight", &[width, VOCAB as u64]);
        add("token_types.weight", &[width, 2]);
        for end in ["weight", "bias"] {
            add(&format!("token_embd_norm.{end}"), &[width]);
        }
        if is_bert {
            add("position_embd.weight", &[width, CONTEXT as u64]);
        }
        for layer in 0..LAYERS {
            let mut add = |part: &str, shape: &[u64]| add(&format!("blk.{layer}.{part}"), shape);
            if is_bert {
                for part in ["attn_q", "attn_k", "attn_v", "attn_output"] {
                    add(&format!("{part}.weight"), &[width, width]);
                    add(&format!("{part}.bias"), &[width]);
                }
                add("ffn_up.bias", &[inner]);
                add("ffn_down.bias", &[width]);
            } else {
                add("attn_qkv.weight", &[width, 3 * width]);
                add("attn_output.weight", &[width, width]);
                add("ffn_gate.weight", &[width, inner]);
            }
            add("ffn_up.weight", &[width, inner]);
            add("ffn_down.weight", &[inner, width]);
            for norm in ["attn_output_norm", "layer_output_norm"] {
                add(&format!("{norm}.weight"), &[width]);
                add(&format!("{norm}.bias"), &[width]);
            }
        }
        Self { architecture, keys, tensors }
    }

    /// A cross-encoder: a classifier on the first row, and a text in two parts.
    pub fn ranking() -> Self {
        let mut small = Self::new("bert").with("pooling_type", 4u32);
        let width = WIDTH as u64;
        for (name, shape) in [("cls", vec![width, width]), ("cls.output", vec![width, 1])] {
            small.tensors.insert(format!("{name}.bias"), shape[1..].to_vec());
            small.tensors.insert(format!("{name}.weight"), shape);
        }
        small
    }

    pub fn with(mut self, key: &str, value: impl Into<MetaValue>) -> Self {
        self.keys.insert(format!("{}.{key}", self.architecture), value.into());
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.tensors.remove(name);
        self.keys.remove(&format!("{}.{name}", self.architecture));
        self
    }

    pub fn file(&self) -> Arc<Gguf> {
        let mut writer = Writer::new().meta("general.architecture", self.architecture);
        for (key, value) in &self.keys {
            writer = writer.meta(key, value.clone());
        }
        for (name, shape) in &self.tensors {
            let data = random_tensor(7, name, shape, TensorType::F32);
            writer = writer.tensor(name, TensorType::F32, shape, data);
        }
        crate::support::tiny::open(writer.to_bytes())
    }

    /// A tensor's values, of a vector or a matrix.
    fn values(&self, name: &str) -> Option<Vec<f64>> {
        let bytes = random_tensor(7, name, self.tensors.get(name)?, TensorType::F32);
        let floats = bytes.as_chunks::<4>().0.iter();
        Some(floats.map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect())
    }

    /// The text's vector, computed plainly.
    fn vector(&self, tokens: &[u32], pooling: u32) -> Vec<f64> {
        let all: BTreeMap<&str, Vec<f64>> =
            self.tensors.keys().map(|name| (name.as_str(), self.values(name).unwrap())).collect();
        let row = |name: &str, at: usize| -> Vec<f64> {
            all.get(name).map_or(vec![0.0; WIDTH], |all| all[at * WIDTH..(at + 1) * WIDTH].to_vec())
        };
        let product = |name: &str, x: &[f64], first: usize, rows: usize| -> Vec<f64> {
            let matrix = &all[format!("{name}.weight").as_str()];
            let bias = all.get(format!("{name}.bias").as_str());
            (first..first + rows)
                .map(|r| {
                    let row = &matrix[r * x.len()..(r + 1) * x.len()];
                    let sum: f64 = row.iter().zip(x).map(|(a, b)| a * b).sum();
                    sum + bias.map_or(0.0, |bias| bias[r])
                })
                .collect()
        };
        let norm = |name: &str, x: &mut Vec<f64>| {
            let mean = x.iter().sum::<f64>() / x.len() as f64;
            let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / x.len() as f64;
            let scale = 1.0 / (variance + f64::from(EPSILON)).sqrt();
            let [weight, bias] = ["weight", "bias"].map(|end| &all[format!("{name}.{end}").as_str()]);
            for ((v, w), b) in x.iter_mut().zip(weight).zip(bias) {
                *v = (*v - mean) * scale * w + b;
            }
        };
        let is_bert = self.architecture == "bert";
        let kind = |position: usize| {
            usize::from(pooling == RANK && tokens[..position].contains(tokens.last().unwrap()))
        };
        let mut stream: Vec<Vec<f64>> = tokens
            .iter()
            .enumerate()
            .map(|(position, token)| {
                let parts = [
                    row("token_embd.weight", *token as usize),
                    row("position_embd.weight", position),
                    row("token_types.weight", kind(position)),
                ];
                let mut x: Vec<f64> = (0..WIDTH).map(|k| parts.iter().map(|part| part[k]).sum()).collect();
                norm("token_embd_norm", &mut x);
                x
            })
            .collect();
        for layer in 0..LAYERS {
            let name = |part: &str| format!("blk.{layer}.{part}");
            let project = |part: usize, x: &[f64]| match is_bert {
                true => product(&name(["attn_q", "attn_k", "attn_v"][part]), x, 0, WIDTH),
                false => product(&name("attn_qkv"), x, part * WIDTH, WIDTH),
            };
            let [queries, keys, values] = [0, 1, 2].map(|part| -> Vec<Vec<f64>> {
                let rows = stream.iter().enumerate().map(|(position, x)| {
                    let mut row = project(part, x);
                    if !is_bert && part < 2 {
                        turn(&mut row, position);
                    }
                    row
                });
                rows.collect()
            });
            let mixed: Vec<Vec<f64>> = queries
                .iter()
                .map(|query| {
                    let mut out = vec![0.0; WIDTH];
                    for head in 0..HEADS {
                        let part = head * DIM..(head + 1) * DIM;
                        let scores: Vec<f64> = keys
                            .iter()
                            .map(|key| {
                                let pairs = query[part.clone()].iter().zip(&key[part.clone()]);
                                pairs.map(|(a, b)| a * b).sum::<f64>() / (DIM as f64).sqrt()
                            })
                            .collect();
                        let most = scores.iter().copied().fold(f64::MIN, f64::max);
                        let weights: Vec<f64> = scores.iter().map(|score| (score - most).exp()).collect();
                        let sum: f64 = weights.iter().sum();
                        for (weight, value) in weights.iter().zip(&values) {
                            for k in part.clone() {
                                out[k] += weight / sum * value[k];
                            }
                        }
                    }
                    out
                })
                .collect();
            for (x, mixed) in stream.iter_mut().zip(mixed) {
                let added = product(&name("attn_output"), &mixed, 0, WIDTH);
                x.iter_mut().zip(added).for_each(|(x, added)| *x += added);
                norm(&name("attn_output_norm"), x);
                let mut inner = product(&name("ffn_up"), x, 0, INNER);
                if is_bert {
                    inner.iter_mut().for_each(|v| *v *= below(*v));
                } else {
                    let gate = product(&name("ffn_gate"), x, 0, INNER);
                    inner.iter_mut().zip(gate).for_each(|(v, gate)| *v *= gate / (1.0 + (-gate).exp()));
                }
                let added = product(&name("ffn_down"), &inner, 0, WIDTH);
                x.iter_mut().zip(added).for_each(|(x, added)| *x += added);
                norm(&name("layer_output_norm"), x);
            }
        }
        match pooling {
            1 => (0..WIDTH).map(|k| stream.iter().map(|x| x[k]).sum::<f64>() / stream.len() as f64).collect(),
            2 => stream[0].clone(),
            RANK => {
                let inner = product("cls", &stream[0], 0, WIDTH);
                product("cls.output", &inner.into_iter().map(f64::tanh).collect::<Vec<_>>(), 0, 1)
            }
            _ => stream[stream.len() - 1].clone(),
        }
    }
}

/// Rope of each head, pairs half a head apart.
fn turn(row: &mut [f64], position: usize) {
    for head in row.chunks_exact_mut(DIM) {
        for i in 0..DIM / 2 {
            let angle = position as f64 * 1000f64.powf(-2.0 * i as f64 / DIM as f64);
            let (a, b) = (head[i], head[i + DIM / 2]);
            head[i] = a * angle.cos() - b * angle.sin();
            head[i + DIM / 2] = a * angle.sin() + b * angle.cos();
        }
    }
}

/// The part of the normal distribution below `x`: the series of its integral (Abramowitz and Stegun 26.2.10).
fn below(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for k in 1..200 {
        term *= -x * x / (2.0 * f64::from(k));
        sum += term / f64::from(2 * k + 1);
    }
    0.5 + sum / (2.0 * std::f64::consts::PI).sqrt()
}

pub fn text(seed: u64, length: usize) -> Vec<u32> {
    let mut random = Random(seed);
    (0..length).map(|_| random.below(VOCAB) as u32).collect()
}

pub fn vector(driver: &mut Driver, tokens: &[u32]) -> Vec<f32> {
    let sequence = driver.decoder.open_apart(CONTEXT).expect("a sequence");
    driver.decoder.begin_vectors(&[Chunk { sequence, tokens, logits: 1 }]).expect("a pass");
    driver.run();
    let vector = driver.decoder.logits(0, 0).to_vec();
    driver.decoder.finish();
    driver.decoder.close(sequence);
    vector
}

#[test]
fn vectors_are_those_of_a_plain_computation_in_f64() {
    for architecture in ["bert", "nomic-bert"] {
        for pooling in [1, 2, 3] {
            let small = Small::new(architecture).with("pooling_type", pooling);
            let mut driver = Driver::over(small.file(), 1);
            for (seed, length) in [(1, 1), (2, 2), (3, 17), (4, CONTEXT)] {
                let tokens = text(seed, length);
                let (found, wanted) = (vector(&mut driver, &tokens), small.vector(&tokens, pooling));
                let square = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
                let apart = square(&mut found.iter().zip(&wanted).map(|(a, b)| f64::from(*a) - b));
                let apart = (apart / square(&mut wanted.iter().copied())).sqrt();
                // Keys and values are kept in f16.
                assert!(apart < 1e-3, "{architecture}, {pooling}, {length} tokens: {apart}");
            }
        }
    }
}

#[test]
fn a_score_is_that_of_a_plain_computation_in_f64_and_no_probability() {
    let small = Small::ranking();
    for threads in [1, 3] {
        let mut driver = Driver::over(small.file(), threads);
        let spec = driver.decoder.vectors().expect("scores");
        assert!(spec.ranks && spec.width == 1);
        for (seed, length) in [(1, 1), (2, 2), (3, 17), (4, 31), (5, CONTEXT)] {
            let mut tokens: Vec<u32> = text(seed, length).iter().map(|id| id % SEPARATOR).collect();
            let mut alone = 0.0;
            // In one part, and in two.
            for parts in [&[length - 1][..], &[length / 2, length - 1]] {
                parts.iter().for_each(|at| tokens[*at] = SEPARATOR);
                let wanted = small.vector(&tokens, RANK)[0];
                let found = vector(&mut driver, &tokens);
                assert_eq!(found.len(), 1);
                // Keys and values are kept in f16.
                let apart = (f64::from(found[0]) - wanted).abs();
                assert!(apart < 2e-3 * (1.0 + wanted.abs()), "{length} tokens: {} for {wanted}", found[0]);
                // Nothing is squeezed into 0 to 1.
                assert!((1.0 / (1.0 + (-wanted).exp()) - f64::from(found[0])).abs() > 0.01);
                match parts {
                    [_] => alone = wanted,
                    _ => assert!(length < 3 || (wanted - alone).abs() > 0.01, "the second part shows"),
                }
            }
        }
    }
}

#[test]
fn a_vector_depends_neither_on_threads_nor_on_pauses_nor_on_company() {
    for architecture in ["bert", "nomic-bert"] {
        let texts: Vec<_> =
            [1, 2, 31, 90, 9].into_iter().zip(1..).map(|(len, seed)| text(seed, len)).collect();
        let small = Small::new(architecture);
        let mut alone = Driver::over(small.file(), 1);
        let truth: Vec<_> = texts.iter().map(|text| bits(&vector(&mut alone, text))).collect();
        for threads in [1, 3] {
            let mut driver = Driver::over(small.file(), threads);
            driver.slice = Duration::ZERO;
            // As many as fit into the context.
            for pair in texts.chunks(2).zip(truth.chunks(2)).filter(|(texts, _)| texts.len() == 2) {
                let sequences = [(); 2].map(|()| driver.decoder.open_apart(CONTEXT).expect("a sequence"));
                let chunks: Vec<_> = pair
                    .0
                    .iter()
                    .zip(sequences)
                    .map(|(tokens, sequence)| Chunk { sequence, tokens, logits: 1 })
                    .collect();
                if chunks.iter().map(|chunk| chunk.tokens.len()).sum::<usize>() > CONTEXT {
                    continue;
                }
                driver.decoder.begin_vectors(&chunks).expect("a pass");
                driver.run();
                let found: Vec<_> = (0..2).map(|index| bits(driver.decoder.logits(index, 0))).collect();
                driver.decoder.finish();
                assert!(found == pair.1, "{architecture}, {threads} threads");
            }
        }
    }
}

#[test]
fn f4_what_is_missing_or_of_another_shape_is_refused_by_name() {
    let refused = |small: Small, part: &str| {
        let error = load(small.file(), 1).err().unwrap_or_else(|| panic!("{part} was accepted"));
        assert!(matches!(error.kind(), ErrorKind::ModelInvalid | ErrorKind::Unsupported), "{error}");
        assert!(error.message().contains(part), "{error}");
    };
    for name in [
        "position_embd.weight",
        "token_embd_norm.weight",
        "token_embd_norm.bias",
        "blk.1.attn_output_norm.bias",
        "blk.2.layer_output_norm.weight",
        "blk.0.ffn_up.weight",
        "blk.0.attn_q.weight",
        "attention.layer_norm_epsilon",
        "pooling_type",
    ] {
        refused(Small::new("bert").without(name), name);
    }
    let mut other = Small::new("bert");
    other.tensors.insert("position_embd.weight".into(), vec![WIDTH as u64, CONTEXT as u64 - 1]);
    refused(other, "position_embd.weight");
    let mut other = Small::new("bert");
    other.tensors.insert("token_types.weight".into(), vec![WIDTH as u64 / 2, 2]);
    refused(other, "token_types.weight");
    let mut other = Small::new("bert");
    other.tensors.insert("cls.weight".into(), vec![WIDTH as u64, WIDTH as u64]);
    refused(other, "cls.weight");
    refused(Small::new("nomic-bert").without("blk.0.ffn_gate.weight"), "ffn_gate.weight");
    refused(Small::new("bert").with("pooling_type", 0u32), "pooling_type is 0");
    // A cross-encoder without its classifier.
    refused(Small::new("bert").with("pooling_type", RANK), "cls.weight");
    for name in ["cls.weight", "cls.bias", "cls.output.weight", "cls.output.bias"] {
        refused(Small::ranking().without(name), name);
    }
    // One with several classes.
    let mut classes = Small::ranking();
    classes.tensors.insert("cls.output.weight".into(), vec![WIDTH as u64, 3]);
    refused(classes, "cls.output.weight");
    // One kind of part, or none, is possible.
    assert!(load(Small::new("bert").without("token_types.weight").file(), 1).is_ok());
    let mut one = Small::new("bert");
    one.tensors.insert("token_types.weight".into(), vec![WIDTH as u64]);
    assert!(load(one.file(), 1).is_ok());
}
