//! Small encoders of BERT's kinds: norms with biases behind the sums, and behind the embeddings.

use super::Tiny;
use wick::gguf::write::MetaValue;

/// Whether it is one of them.
pub fn is(architecture: &str) -> bool {
    matches!(architecture, "bert" | "nomic-bert")
}

/// Keys; those of decoders that have no use here are beside.
pub fn keys(tiny: &Tiny) -> Vec<(&'static str, MetaValue)> {
    let mut keys = vec![
        ("attention.layer_norm_epsilon", 1e-5.into()),
        ("attention.causal", false.into()),
        // The mean over all tokens.
        ("pooling_type", 1u32.into()),
    ];
    if tiny.architecture == "nomic-bert" {
        keys.push(("rope.freq_base", 1000.0.into()));
    }
    keys
}

fn norm(name: &str, width: u64, put: &mut dyn FnMut(&str, &[u64])) {
    put(&format!("{name}.weight"), &[width]);
    put(&format!("{name}.bias"), &[width]);
}

pub fn tensors(tiny: &Tiny, put: &mut dyn FnMut(&str, &[u64])) {
    put("token_types.weight", &[tiny.width, 2]);
    norm("token_embd_norm", tiny.width, put);
    if tiny.architecture == "bert" {
        put("position_embd.weight", &[tiny.width, tiny.context.into()]);
    }
}

pub fn layer(tiny: &Tiny, put: &mut dyn FnMut(&str, &[u64])) {
    let (width, inner) = (tiny.width, tiny.feed_forward);
    let mut matrix = |name: &str, from: u64, to: u64, has_bias: bool| {
        put(&format!("{name}.weight"), &[from, to]);
        if has_bias {
            put(&format!("{name}.bias"), &[to]);
        }
    };
    let is_bert = tiny.architecture == "bert";
    if is_bert {
        for part in ["attn_q", "attn_k", "attn_v"] {
            matrix(part, width, width, true);
        }
    } else {
        matrix("attn_qkv", width, 3 * width, false);
        matrix("ffn_gate", width, inner, false);
    }
    matrix("attn_output", width, width, is_bert);
    matrix("ffn_up", width, inner, is_bert);
    matrix("ffn_down", inner, width, is_bert);
    norm("attn_output_norm", width, put);
    norm("layer_output_norm", width, put);
}
