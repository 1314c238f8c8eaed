//! Families of encoders of BERT's kinds, one row each. Knows no file.

use super::config::Config;
use super::keys::Keys;
use super::row::Row;
use crate::error::Result;

pub(super) const BERT: Row = Row {
    names: &["bert"],
    architecture: "bert",
    gates: &["gelu"],
    layers: "encoder.layer.",
    encodes: true,
    defaults: &[("layer_norm_eps", 1e-12), ("max_position_embeddings", 512.0)],
    epsilon: "layer_norm_eps",
    parts: &[
        ("attention.self.query", "attn_q"),
        ("attention.self.key", "attn_k"),
        ("attention.self.value", "attn_v"),
        ("attention.output.dense", "attn_output"),
        ("attention.output.LayerNorm", "attn_output_norm"),
        ("intermediate.dense", "ffn_up"),
        ("output.dense", "ffn_down"),
        ("output.LayerNorm", "layer_output_norm"),
    ],
    whole: &[
        ("embeddings.word_embeddings.weight", "token_embd.weight"),
        ("embeddings.position_embeddings.weight", "position_embd.weight"),
        ("embeddings.token_type_embeddings.weight", "token_types.weight"),
        ("embeddings.LayerNorm.weight", "token_embd_norm.weight"),
        ("embeddings.LayerNorm.bias", "token_embd_norm.bias"),
        // A cross-encoder's.
        ("pooler.dense.weight", "cls.weight"),
        ("pooler.dense.bias", "cls.bias"),
        ("classifier.weight", "cls.output.weight"),
        ("classifier.bias", "cls.output.bias"),
    ],
    own: bert,
    fields: &[],
    rotate_half: false,
    norms_from_one: false,
    // None; names of other tensors begin otherwise.
    experts: ("mlp.experts.", &[]),
    bare: &[],
};

pub(super) const NOMIC_BERT: Row = Row {
    names: &["nomic_bert"],
    architecture: "nomic-bert",
    gates: &["swiglu"],
    layers: "encoder.layers.",
    encodes: true,
    fields: &[
        ("hidden_size", "n_embd"),
        ("num_hidden_layers", "n_layer"),
        ("num_attention_heads", "n_head"),
        ("intermediate_size", "n_inner"),
        ("max_position_embeddings", "n_positions"),
        ("hidden_act", "activation_function"),
        ("rope_theta", "rotary_emb_base"),
        ("partial_rotary_factor", "rotary_emb_fraction"),
    ],
    defaults: &[("layer_norm_epsilon", 1e-12)],
    epsilon: "layer_norm_epsilon",
    parts: &[
        ("attn.Wqkv", "attn_qkv"),
        ("attn.out_proj", "attn_output"),
        ("norm1", "attn_output_norm"),
        ("norm2", "layer_output_norm"),
        ("mlp.fc11", "ffn_up"),
        ("mlp.fc12", "ffn_gate"),
        ("mlp.fc2", "ffn_down"),
    ],
    whole: &[
        ("embeddings.word_embeddings.weight", "token_embd.weight"),
        ("embeddings.token_type_embeddings.weight", "token_types.weight"),
        ("emb_ln.weight", "token_embd_norm.weight"),
        ("emb_ln.bias", "token_embd_norm.bias"),
    ],
    own: nomic_bert,
    rotate_half: false,
    norms_from_one: false,
    // None; names of other tensors begin otherwise.
    experts: ("mlp.experts.", &[]),
    bare: &[],
};

/// Refuses a BERT that places its tokens otherwise, or that is no encoder.
fn bert(config: &Config<'_>, _: &mut Keys) -> Result<()> {
    if config.text("position_embedding_type")?.unwrap_or("absolute") != "absolute" {
        return Err(config.refuse("position_embedding_type", "positions are absolute"));
    }
    match config.flag("is_decoder")? {
        Some(true) => Err(config.refuse("is_decoder", "every token sees those behind it")),
        _ => Ok(()),
    }
}

/// Refuses a nomic-bert that is arranged otherwise; its context ends where it was trained, without the rope
/// that it stretches behind.
fn nomic_bert(config: &Config<'_>, keys: &mut Keys) -> Result<()> {
    let others = ["prenorm", "causal", "parallel_block", "use_rms_norm", "rotary_emb_interleaved"];
    for field in others {
        if config.flag(field)? == Some(true) {
            return Err(config.refuse(field, "this is false here"));
        }
    }
    if config.has("rotary_emb_scale_base") {
        return Err(config.refuse("rotary_emb_scale_base", "rope has no scale by position"));
    }
    if config.count("moe_every_n_layers")?.unwrap_or(0) > 0 {
        return Err(config.refuse("moe_every_n_layers", "no layer has experts"));
    }
    let length = config.require("max_position_embeddings")?;
    let trained = config.count("max_trained_positions")?.unwrap_or(length);
    keys.put_count("context_length", Some(trained.min(length)));
    Ok(())
}
