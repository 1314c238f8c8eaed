//! Small models of gpt-oss: sinks, biases everywhere, windows in every second layer.

use super::Tiny;
use wick::gguf::write::MetaValue;

pub fn keys(tiny: &Tiny) -> Vec<(&'static str, MetaValue)> {
    vec![
        ("attention.sliding_window", 40u32.into()),
        ("rope.dimension_count", (tiny.head_dim as u32).into()),
        ("rope.scaling.type", "yarn".into()),
        ("rope.scaling.factor", 4.0.into()),
        ("rope.scaling.original_context_length", 128u32.into()),
    ]
}

pub fn layer(tiny: &Tiny, put: &mut dyn FnMut(&str, &[u64])) {
    let (queries, kv) = (tiny.heads * tiny.head_dim, tiny.kv_heads * tiny.head_dim);
    tiny.attention_tensors(put);
    put("attn_sinks.weight", &[tiny.heads]);
    put("post_attention_norm.weight", &[tiny.width]);
    for (part, len) in [("q", queries), ("k", kv), ("v", kv), ("output", tiny.width)] {
        put(&format!("attn_{part}.bias"), &[len]);
    }
    tiny.feed_forward_tensors(put);
    let experts = tiny.experts.0;
    put("ffn_gate_inp.bias", &[experts]);
    put("ffn_gate_exps.bias", &[tiny.feed_forward, experts]);
    put("ffn_up_exps.bias", &[tiny.feed_forward, experts]);
    put("ffn_down_exps.bias", &[tiny.width, experts]);
}
