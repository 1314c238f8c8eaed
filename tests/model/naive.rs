//! Gemma 4 once more, in f64 and as plainly as it can be said: what its small models should give. llama.cpp's
//! logits of them were recorded with keys and values in f32; scores that nothing scales make much of f16's
//! rounding, so this rounds where the decoder does.
#![cfg(feature = "native")]

use crate::support::driver::Driver;
use crate::support::tiny::Tiny;
use crate::support::tiny::known::{apart, models, tokens};
use std::sync::Arc;
use wick::gguf::Gguf;

type Rows = Vec<Vec<f64>>;

const EPSILON: f64 = 1e-5;
const WINDOW: usize = 40;

struct Naive(Arc<Gguf>);

impl Naive {
    /// A tensor's values, where there is one.
    fn find(&self, name: &str) -> Option<Vec<f64>> {
        let bytes = self.0.bytes(self.0.tensor(name)?);
        Some(bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes).into()).collect())
    }

    fn vector(&self, name: &str) -> Vec<f64> {
        self.find(name).unwrap_or_else(|| panic!("no {name}"))
    }

    /// Each row times a matrix.
    fn times(&self, rows: &Rows, name: &str) -> Rows {
        let matrix = self.vector(name);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum();
        rows.iter().map(|row| matrix.chunks(row.len()).map(|weights| dot(weights, row)).collect()).collect()
    }

    /// The logits after the last of `tokens`; `linear` divides positions in layers without a window.
    fn logits(&self, tokens: &[u32], linear: f64) -> Vec<f32> {
        let width = self.vector("output_norm.weight").len();
        let table = self.vector("token_embd.weight");
        let root = (width as f64).sqrt();
        let row = |&id: &u32| table[id as usize * width..][..width].iter().map(|x| x * root).collect();
        let mut x: Rows = tokens.iter().map(row).collect();
        let inputs = self.inputs(&x, tokens);
        let mut kept: Vec<Option<(Rows, Rows)>> = Vec::new();
        while self.find(&format!("blk.{}.attn_norm.weight", kept.len())).is_some() {
            let layer = kept.len();
            let part = |part: &str| format!("blk.{layer}.{part}.weight");
            let h = self.normed(&x, &part("attn_norm"));
            let mixed = self.attention(layer, &h, &mut kept, linear);
            let mixed = self.times(&mixed, &part("attn_output"));
            add(&mut x, &self.normed(&mixed, &part("post_attention_norm")));
            let h = self.normed(&x, &part("ffn_norm"));
            let inner = gated(self.times(&h, &part("ffn_gate")), &self.times(&h, &part("ffn_up")));
            let down = self.times(&inner, &part("ffn_down"));
            add(&mut x, &self.normed(&down, &part("post_ffw_norm")));
            if let Some(inputs) = &inputs {
                let size = self.vector("per_layer_proj_norm.weight").len();
                let own: Rows = inputs.iter().map(|row| row[layer * size..][..size].to_vec()).collect();
                let let_in = gated(self.times(&x, &part("inp_gate")), &own);
                let back = self.times(&let_in, &part("proj"));
                add(&mut x, &self.normed(&back, &part("post_norm")));
            }
            let scale = self.find(&part("layer_output_scale")).map_or(1.0, |scale| scale[0]);
            x.iter_mut().flatten().for_each(|x| *x *= scale);
        }
        let last = vec![x.pop().expect("a token")];
        let logits = self.times(&self.normed(&last, "output_norm.weight"), "output.weight");
        logits[0].iter().map(|logit| (30.0 * (logit / 30.0).tanh()) as f32).collect()
    }

    fn normed(&self, rows: &Rows, name: &str) -> Rows {
        let weights = self.vector(name);
        rows.iter().map(|row| normed(row, Some(&weights))).collect()
    }

    /// Embeddings for all layers, behind each other.
    fn inputs(&self, embedded: &Rows, tokens: &[u32]) -> Option<Rows> {
        let (norm, table) =
            (self.find("per_layer_proj_norm.weight")?, self.vector("per_layer_token_embd.weight"));
        let mut rows = self.times(embedded, "per_layer_model_proj.weight");
        for (row, &id) in rows.iter_mut().zip(tokens) {
            row.iter_mut().for_each(|x| *x /= (embedded[0].len() as f64).sqrt());
            *row = row.chunks(norm.len()).flat_map(|part| normed(part, Some(&norm))).collect();
            let own = &table[id as usize * row.len()..];
            let root = (norm.len() as f64).sqrt();
            row.iter_mut().zip(own).for_each(|(x, own)| *x = (*x + own * root) / 2f64.sqrt());
        }
        Some(rows)
    }

    /// What attention gives before its output projection. `kept`: keys and values of the layers before.
    fn attention(&self, layer: usize, h: &Rows, kept: &mut Vec<Option<(Rows, Rows)>>, linear: f64) -> Rows {
        let part = |part: &str| format!("blk.{layer}.{part}.weight");
        let window = if layer % 3 == 2 { usize::MAX } else { WINDOW };
        let norm = self.vector(&part("attn_q_norm"));
        let dim = norm.len();
        let heads = |rows: Rows, norm: Option<&[f64]>, turned: bool| -> Rows {
            let head = |at: usize, head: &[f64]| {
                let mut head = normed(head, norm);
                if turned {
                    turn(&mut head, at, window, linear);
                }
                head
            };
            let row =
                |(at, row): (usize, Vec<f64>)| row.chunks(dim).flat_map(|part| head(at, part)).collect();
            rows.into_iter().enumerate().map(row).collect()
        };
        let queries = heads(self.times(h, &part("attn_q")), Some(&norm), true);
        let own = self.find(&part("attn_k_norm")).map(|norm| {
            let keys = self.times(h, &part("attn_k"));
            let values = self.find(&part("attn_v")).map(|_| self.times(h, &part("attn_v")));
            let values = values.unwrap_or_else(|| keys.clone());
            (rounded(heads(keys, Some(&norm), true)), rounded(heads(values, None, false)))
        });
        kept.push(own);
        let first_shared = kept.iter().position(Option::is_none).unwrap_or(layer);
        let source = match layer {
            _ if first_shared == layer && kept[layer].is_some() => layer,
            _ if window == usize::MAX => first_shared - 1,
            _ => first_shared - 2,
        };
        let (keys, values) = kept[source].as_ref().expect("keys and values");
        let mix = |(at, queries): (usize, &Vec<f64>)| -> Vec<f64> {
            let group = queries.len() / keys[0].len();
            let head = |(head, query): (usize, &[f64])| {
                let of = |rows: &Rows, t: usize| rows[t][head / group * dim..][..dim].to_vec();
                let seen = (at + 1).saturating_sub(window)..at + 1;
                let score = |t| query.iter().zip(of(keys, t)).map(|(q, k)| q * k).sum::<f64>();
                let scores: Vec<f64> = seen.clone().map(score).collect();
                let most = scores.iter().copied().fold(f64::MIN, f64::max);
                let weights: Vec<f64> = scores.iter().map(|score| (score - most).exp()).collect();
                let sum: f64 = weights.iter().sum();
                let mut mixed = vec![0.0; dim];
                for (weight, t) in weights.iter().zip(seen) {
                    mixed.iter_mut().zip(of(values, t)).for_each(|(x, v)| *x += weight / sum * v);
                }
                mixed
            };
            queries.chunks(dim).enumerate().flat_map(head).collect()
        };
        queries.iter().enumerate().map(mix).collect()
    }
}

fn normed(row: &[f64], weights: Option<&[f64]>) -> Vec<f64> {
    let mean = row.iter().map(|x| x * x).sum::<f64>() / row.len() as f64;
    let scale = 1.0 / (mean + EPSILON).sqrt();
    row.iter().enumerate().map(|(at, x)| x * scale * weights.map_or(1.0, |weights| weights[at])).collect()
}

fn add(x: &mut Rows, more: &Rows) {
    x.iter_mut().flatten().zip(more.iter().flatten()).for_each(|(x, more)| *x += more);
}

/// gelu(gate) · up.
fn gated(mut gate: Rows, up: &Rows) -> Rows {
    for (x, up) in gate.iter_mut().flatten().zip(up.iter().flatten()) {
        let inner = (2.0 / std::f64::consts::PI).sqrt() * (*x + 0.044_715 * x.powi(3));
        *x = 0.5 * *x * (1.0 + inner.tanh()) * up;
    }
    gate
}

/// Rope in halves: all pairs in a window, elsewhere the first quarter of them.
fn turn(head: &mut [f64], at: usize, window: usize, linear: f64) {
    let pairs = head.len() / 2;
    let (base, turned, stretch) =
        if window == usize::MAX { (50_000f64, pairs / 4, linear) } else { (5_000f64, pairs, 1.0) };
    for pair in 0..turned {
        let angle = at as f64 / stretch * base.powf(-(pair as f64) / pairs as f64);
        let (x, y) = (head[pair], head[pair + pairs]);
        head[pair] = x * angle.cos() - y * angle.sin();
        head[pair + pairs] = x * angle.sin() + y * angle.cos();
    }
}

/// As they are kept.
fn rounded(mut rows: Rows) -> Rows {
    rows.iter_mut().flatten().for_each(|x| *x = half::f16::from_f64(*x).to_f64());
    rows
}

#[test]
fn gemma4_is_what_it_is_said_to_be() {
    let known = models().into_iter().filter(|(name, tiny)| {
        let float = tiny.matrices == wick::gguf::TensorType::F32;
        // Experts: `llama_cpp.rs` alone.
        tiny.architecture == "gemma4" && float && tiny.experts.0 == 0 && !name.contains("unused")
    });
    let mut compared = 0;
    for (name, tiny) in known {
        let linear = if name.contains("linear") { 4.0 } else { 1.0 };
        let wanted = Naive(tiny.open()).logits(&tokens(&tiny), linear);
        let found = computed(&tiny);
        let apart = apart(&wanted, &found);
        assert!(apart < 0.004, "{name}: {apart} apart");
        compared += 1;
    }
    assert!(compared >= 5, "{compared} models");
}

fn computed(tiny: &Tiny) -> Vec<f32> {
    let mut driver = Driver::over(tiny.open(), 1);
    let sequence = driver.sequence();
    driver.extend(sequence, &tokens(tiny))
}
