//! The small models that are compared with llama.cpp: every architecture, what its files may have beside,
//! every type.

use super::{AHEAD, ARCHITECTURES, Tiny, qwen35};
use wick::gguf::write::MetaValue;
use wick::gguf::{TensorType, ValueType};

/// Tokens of a sequence: far beyond the windows of 40.
pub const TOKENS: usize = 200;

/// Logits of f32 weights may be this far apart, as a share of their own spread: keys and values are f16.
const FLOAT: f64 = 0.002;

/// The same with a gate of GELU, which llama.cpp takes from a table of f16 values.
const FLOAT_GELU: f64 = 0.006;

/// Those of quantised weights, where both round the activations, each in its way (llama.cpp for BF16 too):
/// errors of a wrong factor or order are ten times that.
const QUANTISED: f64 = 0.035;

/// Those of the newest types, of heads that are 128 wide, whose scores nothing scales, and of states that
/// carry the rounding of four bits on.
const FEW_BITS: f64 = 0.06;

/// Those of quantised weights with experts: of two that score nearly the same, either may be chosen.
const QUANTISED_EXPERTS: f64 = 0.1;

/// Those of quantised delta nets with heads 16 wide: what a head gives is normed however small it is, so that
/// roundings count for more. wick's are 0.06 to 0.22, and llama.cpp's 0.09, from those of the same values in
/// f32; of heads 64 wide both are 0.013 from them.
const QUANTISED_DELTA: f64 = 0.2;

/// The tokens that each model reads.
pub fn tokens(tiny: &Tiny) -> Vec<u32> {
    (0..TOKENS as u32).map(|at| (at * at * 7 + at * 3 + 1) % tiny.vocab as u32).collect()
}

/// How far logits of this model may be apart, by [`apart`].
pub fn allowed(tiny: &Tiny) -> f64 {
    match tiny.matrices {
        TensorType::F32 | TensorType::F16 if tiny.architecture.starts_with("gemma") => FLOAT_GELU,
        TensorType::F32 | TensorType::F16 => FLOAT,
        TensorType::Q4_0 | TensorType::Q8_0 if tiny.architecture.starts_with("qwen35") => QUANTISED_DELTA,
        _ if tiny.experts.0 > 0 => QUANTISED_EXPERTS,
        TensorType::Q4_K if tiny.architecture == "gemma4" => FEW_BITS,
        TensorType::Q4_0 if matches!(tiny.architecture, "lfm2" | "granitehybrid") => FEW_BITS,
        TensorType::NVFP4 | TensorType::Q1_0 | TensorType::Q2_0 => FEW_BITS,
        _ => QUANTISED,
    }
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
    put("gemma-embedding, dense layers behind", dense_behind(known("gemma-embedding")));
    put("gemma-embedding of Q8_0", known("gemma-embedding").of(TensorType::Q8_0));
    put("bert of Q8_0", known("bert").of(TensorType::Q8_0));
    put("nomic-bert of Q8_0", known("nomic-bert").of(TensorType::Q8_0));
    put("phi3, half of a head turned", known("phi3").with("rope.dimension_count", 8u32));
    put("phi3, not fused", Tiny { fused: false, ..known("phi3") });
    put("phi3, longrope", longrope(known("phi3"), 512, 128));
    put("phi3, longrope not stretched", longrope(known("phi3"), 512, 512));
    put("olmo2, windows", known("olmo2").with("attention.sliding_window", 40u32));
    put("olmo2, windows and yarn", yarn("olmo2").with("attention.sliding_window", 40u32));
    put("granite, without rope", known("granite").with("rope.scaling.finetuned", MetaValue::Bool(false)));
    let pattern = "granite_swa.attention.rope_pattern".to_owned();
    put("granite_swa, rope in all layers", Tiny { without: vec![pattern], ..known("granite_swa") });
    put("nanbeige, no norm between", known("nanbeige").with("skip_loop_final_norm", MetaValue::Bool(true)));
    put("nanbeige, thrice", Tiny { layers: 3, tied: true, ..known("nanbeige") }.with("num_loops", 3u32));
    let switch = "rope.scaling.finetuned";
    put("granitehybrid, without rope", known("granitehybrid").with(switch, MetaValue::Bool(false)));
    put("granitehybrid, attention last", Tiny { layers: 9, tied: true, ..known("granitehybrid") });
    put("granitehybrid, 6 experts", Tiny { experts: (6, 2), ..known("granitehybrid") });
    put("granitehybrid of Q4_0", known("granitehybrid").of(TensorType::Q4_0));
    put("granitehybrid of Q4_K", known("granitehybrid").of(TensorType::Q4_K));
    put("granite_swa of Q4_0", known("granite_swa").of(TensorType::Q4_0));
    put("exaone, rope by frequency", known("exaone").with_tensor("rope_freqs.weight", &[8]));
    put("mistral3, biases", biases("mistral3"));
    let multiplier = "mistral3.rope.scaling.yarn_log_multiplier".to_owned();
    put("mistral3, the whole magnitude", Tiny { without: vec![multiplier], ..known("mistral3") });
    put("mistral3, real corners", known("mistral3").with("rope.scaling.yarn_beta_fast", 32.0));
    put("hunyuan-dense, alpha", known("hunyuan-dense").with("rope.scaling.alpha", 50.0));
    put("hunyuan-dense, fused", Tiny { fused: true, ..known("hunyuan-dense") });
    put("exaone4, rope by frequency", known("exaone4").with_tensor("rope_freqs.weight", &[8]));
    let large = Tiny { layers: 64, ..known("exaone4") }.with("attention.sliding_window", 40u32);
    put("exaone4, the windows of 32B", large.clone());
    let pattern = MetaValue::Array(ValueType::Bool, (0..64).map(|n| MetaValue::Bool(n % 3 != 1)).collect());
    put("exaone4, windows by layer", large.with("attention.sliding_window_pattern", pattern));
    put("exaone4, a window that does not count", known("exaone4").with("attention.sliding_window", 40u32));
    put("ernie4_5, tied", Tiny { tied: true, ..known("ernie4_5") });
    put("minicpm, its own multipliers", multipliers(known("minicpm")));
    put("minicpm, longrope", longrope(known("minicpm"), 512, 128));
    put("minicpm, longrope not stretched", longrope(known("minicpm"), 512, 512));
    // GLM-4 has none behind attention.
    let without = (0..8).map(|layer| format!("blk.{layer}.attn_output.bias")).collect();
    put("gpt-oss of MXFP4", known("gpt-oss").of(TensorType::MXFP4));
    put("glm4, biases", Tiny { without, ..biases("glm4") });
    put("lfm2, tied", Tiny { tied: true, ..known("lfm2") });
    put("lfm2, attention last", Tiny { layers: 9, ..known("lfm2") });
    put("lfm2, windows", known("lfm2").with("attention.sliding_window", 40u32));
    put("lfm2 of Q4_0", known("lfm2").of(TensorType::Q4_0));
    put("lfm2 of Q4_K", known("lfm2").of(TensorType::Q4_K));
    put("lfm2moe, experts in all layers", known("lfm2moe").with("leading_dense_block_count", 0u32));
    put("lfm2moe of Q8_0", known("lfm2moe").of(TensorType::Q8_0));
    let quantised = [
        ("granitemoe", TensorType::Q4_0),
        ("olmoe", TensorType::Q4_K),
        ("glm4", TensorType::Q5_0),
        ("mistral3", TensorType::Q4_0),
        ("hunyuan-dense", TensorType::Q4_K),
        ("exaone4", TensorType::Q4_0),
        ("minicpm", TensorType::Q8_0),
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
        let not_recorded = ["NVFP4", "Q1_0", "Q2_0"];
        if !without_kernels.contains(&kind.name()) && !not_recorded.contains(&kind.name()) {
            models.push((format!("llama of {}", kind.name()), known("llama").of(kind)));
        }
    }
    models.extend(gemma4());
    models.extend(qwen35());
    models
}

/// What Qwen3.5's files may have and leave out.
fn qwen35() -> Vec<(String, Tiny)> {
    let mut models = Vec::new();
    let mut put = |name: &str, tiny: Tiny| models.push((name.to_owned(), tiny));
    put("qwen35, tied", Tiny { tied: true, ..known("qwen35") });
    put("qwen35, with a drafter", qwen35::with_drafter(known("qwen35")));
    let recurrent = (0..8).map(|layer| MetaValue::Bool((layer + 1) % 4 != 0)).collect();
    let interval = "qwen35.full_attention_interval".to_owned();
    put(
        "qwen35, layers by flag",
        Tiny { without: vec![interval.clone()], ..known("qwen35") }
            .with("attention.recurrent_layers", MetaValue::Array(ValueType::Bool, recurrent)),
    );
    put("qwen35, each fourth attends by default", Tiny { without: vec![interval], ..known("qwen35") });
    put("qwen35, yarn", yarn("qwen35"));
    put("qwen35moe of Q8_0", known("qwen35moe").of(TensorType::Q8_0));
    put("qwen35 of Q4_0", known("qwen35").of(TensorType::Q4_0));
    put("qwen35 of Q4_K", known("qwen35").of(TensorType::Q4_K));
    models
}

/// What Gemma 4's files may have and leave out.
fn gemma4() -> Vec<(String, Tiny)> {
    let mut models = Vec::new();
    let mut put = |name: &str, tiny: Tiny| models.push((name.to_owned(), tiny));
    put("gemma4, keys and values of its own in all layers", Tiny { shared_kv: false, ..known("gemma4") });
    put("gemma4, no embeddings by layer", Tiny { per_layer: 0, ..known("gemma4") });
    put(
        "gemma4, values that are keys",
        without_values(Tiny { shared_kv: false, per_layer: 0, ..known("gemma4") }),
    );
    put("gemma4, unused keys and values", unused(known("gemma4")));
    put("gemma4, 6 experts", experts());
    put("gemma4, 6 experts of Q4_0", experts().of(TensorType::Q4_0));
    put("gemma4, linear rope", known("gemma4").with("rope.scaling.factor", 4.0));
    put("gemma4 of Q4_0", known("gemma4").of(TensorType::Q4_0));
    put("gemma4 of Q4_K", known("gemma4").of(TensorType::Q4_K));
    // With factors in other architectures llama.cpp gives other logits (docs/models.md).
    models.extend(newer_types().into_iter().filter(|(_, tiny)| tiny.architecture == "llama"));
    models
}

/// Models of the newest types, and with factors beside their matrices.
pub fn newer_types() -> Vec<(String, Tiny)> {
    let of = |architecture: &'static str, kind| (architecture, known(architecture).of(kind));
    let plain = [TensorType::NVFP4, TensorType::Q1_0, TensorType::Q2_0].map(|kind| of("llama", kind));
    let factors = [
        of("llama", TensorType::NVFP4),
        of("phi3", TensorType::NVFP4),
        ("qwen2moe", of("qwen2moe", TensorType::NVFP4).1.with("expert_shared_feed_forward_length", 512u32)),
        of("gemma3", TensorType::F32),
    ];
    let plain = plain.map(|(name, tiny)| (format!("{name} of {}", tiny.matrices.name()), tiny));
    let factors = factors.map(|(name, tiny)| {
        (format!("{name} of {}, with factors", tiny.matrices.name()), tiny.with_factors())
    });
    plain.into_iter().chain(factors).collect()
}

/// The same of architectures that the decoder does not know yet.
pub fn ahead() -> Vec<(String, Tiny)> {
    AHEAD.iter().map(|&name| (name.to_owned(), known(name))).collect()
}

/// An embedding of two more matrices.
pub fn dense_behind(tiny: Tiny) -> Tiny {
    let (width, inner) = (tiny.width, 3 * tiny.width);
    tiny.with("dense_2_feat_in", width as u32)
        .with("dense_2_feat_out", inner as u32)
        .with("dense_3_feat_in", inner as u32)
        .with("dense_3_feat_out", width as u32)
        .with_tensor("dense_2.weight", &[width, inner])
        .with_tensor("dense_3.weight", &[inner, width])
}

/// Gemma 4 with experts beside its dense feed-forward.
pub fn experts() -> Tiny {
    Tiny { experts: (6, 2), shared_kv: false, per_layer: 0, ..known("gemma4") }
}

/// Gemma 4 whose full layers take their keys, before they are normed, for values.
fn without_values(mut tiny: Tiny) -> Tiny {
    tiny.without
        .extend((0..tiny.layers).filter(|layer| layer % 3 == 2).map(|n| format!("blk.{n}.attn_v.weight")));
    tiny
}

/// Gemma 4 with keys and values in layers that read those of others.
fn unused(tiny: Tiny) -> Tiny {
    let all = Tiny { shared_kv: false, ..tiny.clone() }.tensors();
    let mine: Vec<String> = tiny.tensors().into_iter().map(|(name, ..)| name).collect();
    let more = all.into_iter().filter(|(name, ..)| !mine.contains(name));
    more.fold(tiny, |tiny, (name, shape, _)| tiny.with_tensor(name, &shape))
}

/// A model of `architecture` without a tokenizer, in a way that llama.cpp takes.
pub fn known(architecture: &'static str) -> Tiny {
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
    if architecture.starts_with("gemma") && architecture != "gemma4" {
        // llama.cpp ties them always.
        tiny.tied = true;
    }
    if architecture == "olmoe" {
        // Of the first seed two experts score the same for one token, and either may be chosen.
        tiny.seed = 2;
    }
    if architecture.ends_with("bert") {
        // Of its texts' parts.
        tiny.keys.push(("tokenizer.ggml.token_type_count".into(), 2u32.into()));
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
pub fn longrope(tiny: Tiny, context: u32, original: u32) -> Tiny {
    Tiny { context, ..tiny }
        .with("rope.scaling.type", "longrope")
        .with("rope.scaling.original_context_length", original)
        .with("rope.scaling.attn_factor", MetaValue::F32(1.19))
        .with_tensor("rope_factors_long.weight", &[8])
        .with_tensor("rope_factors_short.weight", &[8])
}

/// What embeddings, residual streams and logits are multiplied by.
fn multipliers(tiny: Tiny) -> Tiny {
    tiny.with("embedding_scale", 3.0).with("residual_scale", 0.7).with("logit_scale", 8.0)
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
