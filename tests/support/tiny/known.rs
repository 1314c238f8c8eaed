//! The small models that are compared with llama.cpp: every architecture, what its files may have beside,
//! every type.

use super::{ARCHITECTURES, Tiny};
use wick::gguf::write::MetaValue;
use wick::gguf::{TensorType, ValueType};

/// Tokens of a sequence: far beyond the windows of 40.
pub const TOKENS: usize = 200;

/// Logits of f32 weights may be this far apart, as a share of their own spread: keys and values are f16.
const FLOAT: f64 = 0.004;

/// Those of quantised weights, where both round the activations, each in its way (llama.cpp for BF16 too):
/// errors of a wrong factor or order are ten times that.
const QUANTISED: f64 = 0.05;

/// The tokens that each model reads.
pub fn tokens(tiny: &Tiny) -> Vec<u32> {
    (0..TOKENS as u32).map(|at| (at * at * 7 + at * 3 + 1) % tiny.vocab as u32).collect()
}

/// How far logits of this model may be apart, by [`apart`].
pub fn allowed(tiny: &Tiny) -> f64 {
    if matches!(tiny.matrices, TensorType::F32 | TensorType::F16) { FLOAT } else { QUANTISED }
}

/// The root of the mean square of differences, as a share of that of the deviations of `wanted` from its
/// mean.
pub fn apart(wanted: &[f32], found: &[f32]) -> f64 {
    assert_eq!(wanted.len(), found.len());
    let mean = wanted.iter().sum::<f32>() / wanted.len() as f32;
    let squares = |pairs: &mut dyn Iterator<Item = f32>| pairs.map(|x| f64::from(x).powi(2)).sum::<f64>();
    let apart = squares(&mut wanted.iter().zip(found).map(|(wanted, found)| wanted - found));
    (apart / squares(&mut wanted.iter().map(|wanted| wanted - mean))).sqrt()
}

/// Every architecture; what files of it may have beside; every type.
pub fn models() -> Vec<(String, Tiny)> {
    let mut models: Vec<(String, Tiny)> =
        ARCHITECTURES.iter().map(|&name| (name.to_owned(), known(name))).collect();
    let mut put = |name: &str, tiny: Tiny| models.push((name.to_owned(), tiny));
    put("llama, tied", Tiny { tied: true, ..known("llama") });
    put("llama, fused", Tiny { fused: true, ..known("llama") });
    put("llama, 6 experts", Tiny { experts: (6, 2), ..known("llama") });
    put("llama, linear rope", known("llama").with("rope.scaling.factor", 4.0));
    put("llama, yarn", yarn("llama"));
    put("llama, rope by frequency", known("llama").with_tensor("rope_freqs.weight", &[8]));
    put("llama, biases", biases("llama"));
    let shared = "qwen2moe.expert_shared_feed_forward_length".to_owned();
    put(
        "qwen2moe, its shared expert as wide as feed_forward_length",
        Tiny { without: vec![shared], ..known("qwen2moe") },
    );
    put("qwen2, tied", Tiny { tied: true, ..known("qwen2") });
    put("qwen2, yarn", yarn("qwen2"));
    put("qwen3, yarn", yarn("qwen3"));
    let pattern = [true, true, false, true, false, false, true, false].map(MetaValue::Bool).to_vec();
    put(
        "gemma3, windows by layer",
        known("gemma3").with("attention.sliding_window_pattern", MetaValue::Array(ValueType::Bool, pattern)),
    );
    put(
        "gemma3, windows in all but each third",
        known("gemma3").with("attention.sliding_window_pattern", 3u32),
    );
    put("gemma3, linear rope", known("gemma3").with("rope.scaling.factor", 8.0));
    let wide = |layers, architecture| Tiny { layers, head_dim: 32, ..known(architecture) };
    let window = "gemma3.attention.sliding_window".to_owned();
    put("gemma3, without windows", Tiny { without: vec![window], ..known("gemma3") });
    put("gemma2, heads wider than the model", wide(8, "gemma2"));
    put("gemma2, the scale of 27B", wide(46, "gemma2"));
    put("gemma3, the scale of 27B", wide(62, "gemma3"));
    put("phi3, half of a head turned", known("phi3").with("rope.dimension_count", 8u32));
    put("phi3, not fused", Tiny { fused: false, ..known("phi3") });
    put("phi3, longrope", longrope(512, 128));
    put("phi3, longrope not stretched", longrope(512, 512));
    put("olmo2, windows", known("olmo2").with("attention.sliding_window", 40u32));
    put("olmo2, windows and yarn", yarn("olmo2").with("attention.sliding_window", 40u32));
    put("granite, without rope", known("granite").with("rope.scaling.finetuned", MetaValue::Bool(false)));
    put("exaone, rope by frequency", known("exaone").with_tensor("rope_freqs.weight", &[8]));
    let quantised = [
        ("qwen3moe", TensorType::Q4_K),
        ("qwen2moe", TensorType::Q8_0),
        ("gemma3", TensorType::Q6_K),
        ("phi3", TensorType::Q4_0),
    ];
    for (architecture, kind) in quantised {
        put(&format!("{architecture} of {}", kind.name()), known(architecture).of(kind));
    }
    for kind in TensorType::ALL {
        let without_kernels = ["Q8_1", "Q8_K", "I8", "I16", "I32", "I64", "F64", "TQ1_0", "TQ2_0"];
        if !without_kernels.contains(&kind.name()) {
            models.push((format!("llama of {}", kind.name()), known("llama").of(kind)));
        }
    }
    models
}

/// A model of `architecture` without a tokenizer, in a way that llama.cpp takes.
fn known(architecture: &'static str) -> Tiny {
    let mut tiny = Tiny::new(architecture);
    // More layers, so that smollm3 has one without rope, and windows of each period come twice.
    tiny.layers = tiny.layers.max(8);
    if architecture == "qwen2moe" {
        tiny = tiny.with("expert_shared_feed_forward_length", 96u32);
    }
    if architecture == "phi3" {
        // llama.cpp computes phi3 without its window.
        tiny = tiny.with("attention.sliding_window", 0u32);
    }
    if architecture.starts_with("gemma") {
        // llama.cpp ties them always.
        tiny.tied = true;
    }
    let vocab = tiny.vocab as u32;
    tiny = tiny.with("vocab_size", vocab);
    tiny.keys.push(("tokenizer.ggml.model".into(), "no_vocab".into()));
    tiny
}

/// Stretched fourfold.
fn yarn(architecture: &'static str) -> Tiny {
    known(architecture)
        .with("rope.scaling.type", "yarn")
        .with("rope.scaling.factor", 4.0)
        .with("rope.scaling.original_context_length", 128u32)
}

/// Two sets of factors, for contexts up to `original` and beyond.
pub fn longrope(context: u32, original: u32) -> Tiny {
    Tiny { context, ..known("phi3") }
        .with("rope.scaling.type", "longrope")
        .with("rope.scaling.original_context_length", original)
        .with("rope.scaling.attn_factor", MetaValue::F32(1.19))
        .with_tensor("rope_factors_long.weight", &[8])
        .with_tensor("rope_factors_short.weight", &[8])
}

/// Biases that a file of this architecture may have.
fn biases(architecture: &'static str) -> Tiny {
    let mut tiny = known(architecture);
    for layer in 0..tiny.layers {
        for (part, len) in [("attn_q", 64), ("attn_k", 32), ("attn_v", 32), ("attn_output", 64)] {
            tiny = tiny.with_tensor(format!("blk.{layer}.{part}.bias"), &[len]);
        }
    }
    tiny
}
