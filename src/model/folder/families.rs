//! The families of folders, one row each: fields, names and defaults that differ. Knows no file.

use super::config::{Config, invalid, unsupported};
use super::encoders::{BERT, NOMIC_BERT};
use super::keys::Keys;
use super::names::EXPERT;
use super::row::Row;
use crate::error::Result;
use crate::gguf::ValueType;
use crate::gguf::write::MetaValue;

/// The plain one; every other is written as what differs.
const LLAMA: Row = Row {
    names: &["llama", "mistral"],
    architecture: "llama",
    gates: &["silu", "swish"],
    rotate_half: true,
    layers: "layers.",
    encodes: false,
    fields: &[],
    norms_from_one: false,
    defaults: &[],
    epsilon: "rms_norm_eps",
    parts: &[],
    experts: ("mlp.experts.", EXPERT),
    bare: &[],
    whole: &[],
    own: bounded,
};

/// `gemma3_text` with `use_bidirectional_attention`.
pub(super) const EMBEDDING_GEMMA: &str = "gemma3_text (use_bidirectional_attention)";

/// Queries and keys in GGUF's order, or in an order that GGUF keeps.
const PLAIN: Row = Row { rotate_half: false, own: nothing, ..LLAMA };

const GEMMA: Row = Row {
    names: &["gemma"],
    architecture: "gemma",
    gates: &["gelu_pytorch_tanh", "gelu"],
    norms_from_one: true,
    defaults: &[("rms_norm_eps", 1e-6), ("head_dim", 256.0)],
    ..PLAIN
};

const AROUND: &[(&str, &str)] = &[
    ("post_attention_layernorm", "post_attention_norm"),
    ("pre_feedforward_layernorm", "ffn_norm"),
    ("post_feedforward_layernorm", "post_ffw_norm"),
];

const GEMMA2: Row = Row {
    names: &["gemma2"],
    architecture: "gemma2",
    defaults: &[
        ("rms_norm_eps", 1e-6),
        ("head_dim", 256.0),
        ("query_pre_attn_scalar", 256.0),
        ("sliding_window", 4096.0),
        ("attn_logit_softcapping", 50.0),
        ("final_logit_softcapping", 30.0),
        ("max_position_embeddings", 8192.0),
    ],
    parts: AROUND,
    own: gemma2,
    ..GEMMA
};

const GEMMA3: Row = Row {
    names: &["gemma3_text", "gemma3"],
    architecture: "gemma3",
    defaults: &[
        ("rms_norm_eps", 1e-6),
        ("head_dim", 256.0),
        ("num_attention_heads", 8.0),
        ("num_key_value_heads", 4.0),
        ("query_pre_attn_scalar", 256.0),
        ("sliding_window", 4096.0),
        ("rope_theta", 1e6),
        ("rope_local_base_freq", 1e4),
        ("max_position_embeddings", 131_072.0),
    ],
    ..GEMMA2
};

const OLMO2: Row = Row {
    names: &["olmo2", "olmo3"],
    architecture: "olmo2",
    defaults: &[("rms_norm_eps", 1e-5)],
    parts: AROUND,
    own: windows,
    ..PLAIN
};

const GRANITE: Row = Row { names: &["granite"], architecture: "granite", own: granite, ..LLAMA };

const LFM2: Row = Row {
    names: &["lfm2"],
    architecture: "lfm2",
    defaults: &[("norm_eps", 1e-5), ("conv_L_cache", 3.0), ("rope_theta", 1e6)],
    epsilon: "norm_eps",
    parts: &[
        ("operator_norm", "attn_norm"),
        ("ffn_norm", "ffn_norm"),
        ("self_attn.out_proj", "attn_output"),
        ("self_attn.q_layernorm", "attn_q_norm"),
        ("self_attn.k_layernorm", "attn_k_norm"),
        ("conv.conv", "shortconv.conv"),
        ("conv.in_proj", "shortconv.in_proj"),
        ("conv.out_proj", "shortconv.out_proj"),
        ("feed_forward.gate", "ffn_gate_inp"),
        ("feed_forward.w1", "ffn_gate"),
        ("feed_forward.w3", "ffn_up"),
        ("feed_forward.w2", "ffn_down"),
    ],
    experts: ("feed_forward.experts.", &[("w1", "ffn_gate"), ("w3", "ffn_up"), ("w2", "ffn_down")]),
    bare: &[("feed_forward.expert_bias", "exp_probs_b.bias")],
    whole: &[("embedding_norm.weight", "token_embd_norm.weight")],
    own: lfm2,
    ..PLAIN
};

/// Every family.
pub(super) const ROWS: &[Row] = &[
    LLAMA,
    Row { names: &["ministral3", "mistral3"], architecture: "mistral3", own: nothing, ..LLAMA },
    Row { names: &["qwen2"], architecture: "qwen2", own: qwen, ..PLAIN },
    Row { names: &["qwen3"], architecture: "qwen3", own: qwen, ..PLAIN },
    Row {
        names: &["qwen2_moe"],
        architecture: "qwen2moe",
        parts: &[
            ("mlp.gate", "ffn_gate_inp"),
            ("mlp.shared_expert_gate", "ffn_gate_inp_shexp"),
            ("mlp.shared_expert.gate_proj", "ffn_gate_shexp"),
            ("mlp.shared_expert.up_proj", "ffn_up_shexp"),
            ("mlp.shared_expert.down_proj", "ffn_down_shexp"),
        ],
        own: qwen2_moe,
        ..PLAIN
    },
    Row {
        names: &["qwen3_moe"],
        architecture: "qwen3moe",
        parts: &[("mlp.gate", "ffn_gate_inp")],
        own: qwen3_moe,
        ..PLAIN
    },
    GEMMA,
    GEMMA2,
    GEMMA3,
    Row {
        names: &[EMBEDDING_GEMMA],
        architecture: "gemma-embedding",
        encodes: true,
        own: gemma_embedding,
        ..GEMMA3
    },
    Row {
        names: &["phi3"],
        architecture: "phi3",
        defaults: &[("rms_norm_eps", 1e-5)],
        parts: &[("mlp.gate_up_proj", "ffn_up")],
        own: windows,
        ..PLAIN
    },
    GRANITE,
    Row { names: &["smollm3"], architecture: "smollm3", own: smollm3, ..LLAMA },
    OLMO2,
    Row {
        names: &["olmoe"],
        architecture: "olmoe",
        defaults: &[("rms_norm_eps", 1e-5)],
        parts: &[("mlp.gate", "ffn_gate_inp")],
        own: olmoe,
        ..PLAIN
    },
    Row { names: &["exaone4"], architecture: "exaone4", own: exaone4, ..OLMO2 },
    Row { names: &["ernie4_5"], architecture: "ernie4_5", defaults: &[("rms_norm_eps", 1e-5)], ..PLAIN },
    Row {
        names: &["hunyuan_v1_dense"],
        architecture: "hunyuan-dense",
        defaults: &[("rms_norm_eps", 1e-5)],
        parts: &[("self_attn.query_layernorm", "attn_q_norm"), ("self_attn.key_layernorm", "attn_k_norm")],
        ..PLAIN
    },
    Row { names: &["minicpm"], architecture: "minicpm", own: minicpm, ..GRANITE },
    Row {
        names: &["glm4"],
        architecture: "glm4",
        parts: &[
            ("post_self_attn_layernorm", "post_attention_norm"),
            ("post_mlp_layernorm", "post_ffw_norm"),
            ("mlp.gate_up_proj", "ffn_up"),
        ],
        defaults: &[("partial_rotary_factor", 0.5)],
        ..PLAIN
    },
    BERT,
    NOMIC_BERT,
    LFM2,
    Row { names: &["lfm2_moe"], architecture: "lfm2moe", own: lfm2_moe, ..LFM2 },
];

fn nothing(_: &Config<'_>, _: &mut Keys) -> Result<()> {
    Ok(())
}

/// Where all layers have a window, which the architecture has not, the context ends with the first: up to
/// there it is the same.
fn bounded(config: &Config<'_>, keys: &mut Keys) -> Result<()> {
    let (window, length) = (config.count("sliding_window")?, config.require("max_position_embeddings")?);
    if let Some(window) = window.filter(|window| *window < length) {
        keys.put_count("context_length", Some(window));
    }
    Ok(())
}

fn qwen(config: &Config<'_>, keys: &mut Keys) -> Result<()> {
    if config.flag("use_sliding_window")? == Some(true) { bounded(config, keys) } else { Ok(()) }
}

fn qwen2_moe(config: &Config<'_>, keys: &mut Keys) -> Result<()> {
    qwen(config, keys)?;
    of_all_scores(config)?;
    in_all_layers(config)?;
    experts(config, keys, "moe_intermediate_size")?;
    let shared = config.require("shared_expert_intermediate_size")?;
    keys.put_count("expert_shared_feed_forward_length", Some(shared));
    Ok(())
}

fn qwen3_moe(config: &Config<'_>, keys: &mut Keys) -> Result<()> {
    qwen(config, keys)?;
    if config.flag("norm_topk_prob")? != Some(true) {
        return Err(config.refuse("norm_topk_prob", "the weights of experts always add up to one"));
    }
    in_all_layers(config)?;
    experts(config, keys, "moe_intermediate_size")
}

fn olmoe(config: &Config<'_>, keys: &mut Keys) -> Result<()> {
    of_all_scores(config)?;
    if config.has("clip_qkv") {
        return Err(config.refuse("clip_qkv", "queries, keys and values are not clipped"));
    }
    experts(config, keys, "intermediate_size")
}

/// Experts, each of the width that the field `width` says.
fn experts(config: &Config<'_>, keys: &mut Keys, width: &str) -> Result<()> {
    // Newer files have another name for it.
    let count = if config.has("num_experts") { "num_experts" } else { "num_local_experts" };
    keys.put_count("expert_count", Some(config.require(count)?));
    keys.put_count("expert_used_count", Some(config.require("num_experts_per_tok")?));
    keys.put_count("expert_feed_forward_length", Some(config.require(width)?));
    Ok(())
}

/// Refuses weights of experts that are made to add up to one.
fn of_all_scores(config: &Config<'_>) -> Result<()> {
    match config.flag("norm_topk_prob")? {
        Some(true) => Err(config.refuse("norm_topk_prob", "the weights of experts are their part of all")),
        _ => Ok(()),
    }
}

/// Refuses layers without experts among the others.
fn in_all_layers(config: &Config<'_>) -> Result<()> {
    if config.count("decoder_sparse_step")?.unwrap_or(1) != 1 {
        return Err(config.refuse("decoder_sparse_step", "all layers have experts"));
    }
    if config.list("mlp_only_layers")?.is_some_and(|layers| !layers.is_empty()) {
        return Err(config.refuse("mlp_only_layers", "all layers have experts"));
    }
    Ok(())
}

/// Windows, and which layers have one.
fn windows(config: &Config<'_>, keys: &mut Keys) -> Result<()> {
    keys.put_count("attention.sliding_window", config.count("sliding_window")?);
    if let Some(types) = config.layer_types()? {
        let flags = types.into_iter().map(|name| match name {
            "sliding_attention" => Ok(MetaValue::Bool(true)),
            "full_attention" => Ok(MetaValue::Bool(false)),
            _ => Err(config.refuse("layer_types", "there are sliding_attention and full_attention")),
        });
        let flags = flags.collect::<Result<_>>()?;
        keys.put("attention.sliding_window_pattern", MetaValue::Array(ValueType::Bool, flags));
    } else if let Some(each) = match config.count("sliding_window_pattern")? {
        None => config.count("_sliding_window_pattern")?,
        some => some,
    } {
        keys.put_count("attention.sliding_window_pattern", Some(each));
    }
    Ok(())
}

/// And Gemma 3's.
fn gemma2(config: &Config<'_>, keys: &mut Keys) -> Result<()> {
    if config.flag("use_bidirectional_attention")? == Some(true) {
        return Err(config.refuse("use_bidirectional_attention", "every token would see those behind it"));
    }
    gemma_embedding(config, keys)
}

fn gemma_embedding(config: &Config<'_>, keys: &mut Keys) -> Result<()> {
    windows(config, keys)?;
    if let Some(scalar) = config.number("query_pre_attn_scalar")? {
        keys.put_number("attention.scale", Some(1.0 / scalar.sqrt()));
    }
    if !config.has("rope_parameters") {
        keys.put_number("rope.freq_base_swa", config.number("rope_local_base_freq")?);
    }
    keys.put_number("attn_logit_softcapping", config.number("attn_logit_softcapping")?);
    keys.put_number("final_logit_softcapping", config.number("final_logit_softcapping")?);
    Ok(())
}

fn granite(config: &Config<'_>, keys: &mut Keys) -> Result<()> {
    keys.put_number("embedding_scale", config.number("embedding_multiplier")?);
    keys.put_number("residual_scale", config.number("residual_multiplier")?);
    keys.put_number("attention.scale", config.number("attention_multiplier")?);
    keys.put_number("logit_scale", config.number("logits_scaling")?);
    Ok(())
}

fn minicpm(config: &Config<'_>, keys: &mut Keys) -> Result<()> {
    let (layers, width) = (config.layers()? as f64, config.require("hidden_size")? as f64);
    keys.put_number("embedding_scale", config.number("scale_emb")?);
    let depth = config.number("scale_depth")?.map(|depth| depth / layers.sqrt());
    keys.put_number("residual_scale", depth);
    keys.put_number("logit_scale", config.number("dim_model_base")?.map(|base| width / base));
    Ok(())
}

fn smollm3(config: &Config<'_>, keys: &mut Keys) -> Result<()> {
    if config.flag("use_sliding_window")? == Some(true) {
        bounded(config, keys)?;
    }
    let regular = |(layer, with): (usize, &serde_json::Value)| {
        with.as_u64() == Some(u64::from(!(layer + 1).is_multiple_of(4)))
    };
    match config.list("no_rope_layers")? {
        Some(list) if !list.iter().enumerate().all(regular) => {
            Err(config.refuse("no_rope_layers", "each fourth layer has no rope"))
        }
        None if config.count("no_rope_layer_interval")?.unwrap_or(4) != 4 => {
            Err(config.refuse("no_rope_layer_interval", "each fourth layer has no rope"))
        }
        _ => Ok(()),
    }
}

fn exaone4(config: &Config<'_>, keys: &mut Keys) -> Result<()> {
    let Some(window) = config.count("sliding_window")? else { return Ok(()) };
    let full = config.layer_types()?.is_some_and(|types| types.iter().all(|name| *name == "full_attention"));
    if full {
        return Ok(());
    }
    if config.layers()? != 64 || config.text("sliding_window_pattern")?.unwrap_or("LLLG") != "LLLG" {
        return Err(config.refuse("sliding_window", "models of 64 layers have windows, in three of four"));
    }
    keys.put_count("attention.sliding_window", Some(window));
    Ok(())
}

/// Which layers attend, and the convolutions of the others.
fn convolutions(config: &Config<'_>, keys: &mut Keys) -> Result<()> {
    if config.flag("conv_bias")? == Some(true) {
        return Err(config.refuse("conv_bias", "convolutions have no bias"));
    }
    let layers = config.layers()?;
    let kv_heads = config.require("num_key_value_heads")?;
    let attends: Vec<bool> = match (config.layer_types()?, config.list("full_attn_idxs")?) {
        (Some(types), _) => types.into_iter().map(|name| name == "full_attention").collect(),
        (None, Some(list)) => {
            (0..layers).map(|layer| list.iter().any(|at| at.as_u64() == Some(layer))).collect()
        }
        (None, None) => {
            return Err(invalid(
                "config.json: \"layer_types\" is missing, and so is \"full_attn_idxs\"".into(),
            ));
        }
    };
    let heads = attends.into_iter().map(|attends| MetaValue::U64(if attends { kv_heads } else { 0 }));
    keys.put("attention.head_count_kv", MetaValue::Array(ValueType::U64, heads.collect()));
    keys.put_count("shortconv.l_cache", config.count("conv_L_cache")?);
    Ok(())
}

fn lfm2(config: &Config<'_>, keys: &mut Keys) -> Result<()> {
    convolutions(config, keys)?;
    // The width that the class makes of it.
    let given = if config.has("block_ff_dim") { "block_ff_dim" } else { "intermediate_size" };
    let mut inner = config.require(given)?;
    if config.flag("block_auto_adjust_ff_dim")?.unwrap_or(true) {
        let factor = config.number("block_ffn_dim_multiplier")?.unwrap_or(1.0);
        let multiple = config.count("block_multiple_of")?.unwrap_or(256).max(1);
        inner = ((inner / 3 * 2 + inner % 3 * 2 / 3) as f64 * factor) as u64;
        let whole = inner.checked_next_multiple_of(multiple);
        inner = whole.ok_or_else(|| unsupported(format!("config.json: {given:?} is beyond any width")))?;
    }
    keys.put_count("feed_forward_length", Some(inner));
    Ok(())
}

fn lfm2_moe(config: &Config<'_>, keys: &mut Keys) -> Result<()> {
    convolutions(config, keys)?;
    if config.flag("norm_topk_prob")? == Some(false) {
        return Err(config.refuse("norm_topk_prob", "the weights of experts always add up to one"));
    }
    if config.flag("use_expert_bias")? == Some(false) {
        return Err(config.refuse("use_expert_bias", "a bias helps to choose the experts"));
    }
    if config.number("routed_scaling_factor")?.unwrap_or(1.0) != 1.0 {
        return Err(
            config.refuse("routed_scaling_factor", "the weights of experts are multiplied by nothing")
        );
    }
    experts(config, keys, "moe_intermediate_size")?;
    keys.put_count("leading_dense_block_count", Some(config.count("num_dense_layers")?.unwrap_or(2)));
    // Sigmoids.
    keys.put_count("expert_gating_func", Some(2));
    Ok(())
}
