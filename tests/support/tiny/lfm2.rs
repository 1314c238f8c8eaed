//! Small models of LFM2: layers whose first half is a short convolution, and some with attention.

use super::Tiny;
use wick::gguf::write::MetaValue;

/// Values of the past that a convolution sees, its own included.
const WINDOW: u32 = 3;

/// Layers in front of those with experts.
fn dense(tiny: &Tiny) -> u32 {
    let given = tiny.keys.iter().find(|(key, _)| key.ends_with("leading_dense_block_count"));
    match given {
        Some((_, MetaValue::U32(layers))) => *layers,
        _ => 1,
    }
}

pub fn keys(tiny: &Tiny) -> Vec<(&'static str, MetaValue)> {
    let kv_heads = |layer| if (tiny.attends)(layer) { tiny.kv_heads as u32 } else { 0 };
    let kv_heads: Vec<u32> = (0..tiny.layers).map(kv_heads).collect();
    let mut keys =
        vec![("attention.head_count_kv", kv_heads.as_slice().into()), ("shortconv.l_cache", WINDOW.into())];
    if tiny.experts.0 > 0 {
        keys.push(("leading_dense_block_count", dense(tiny).into()));
        // A sigmoid.
        keys.push(("expert_gating_func", 2u32.into()));
    }
    keys
}

pub fn layer(tiny: &Tiny, layer: u64, put: &mut dyn FnMut(&str, &[u64])) {
    let width = tiny.width;
    if (tiny.attends)(layer) {
        tiny.attention_tensors(put);
    } else {
        put("attn_norm.weight", &[width]);
        put("shortconv.conv.weight", &[WINDOW.into(), width]);
        put("shortconv.in_proj.weight", &[width, 3 * width]);
        put("shortconv.out_proj.weight", &[width, width]);
    }
    if tiny.experts.0 > 0 && layer < dense(tiny).into() {
        return Tiny { experts: (0, 0), ..tiny.clone() }.feed_forward_tensors(put);
    }
    tiny.feed_forward_tensors(put);
    if tiny.experts.0 > 0 {
        put("exp_probs_b.bias", &[tiny.experts.0]);
    }
}
