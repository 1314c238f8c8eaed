//! Small models of Granite 4's hybrids: layers whose first half is Mamba-2, and some with attention.

use super::Tiny;
use wick::gguf::write::MetaValue;

/// Heads, and groups of them, of Mamba-2.
const HEADS: u64 = 4;
const GROUPS: u64 = 2;
/// Width of B and of C.
const STATES: u64 = 16;
/// Values of the past that a convolution sees, its own included.
const WINDOW: u32 = 4;

/// Whether `layer` attends; the others recur.
fn attends(layer: u64) -> bool {
    layer % 3 == 2
}

pub fn keys(tiny: &Tiny) -> Vec<(&'static str, MetaValue)> {
    let kv_heads = |layer| if attends(layer) { tiny.kv_heads as u32 } else { 0 };
    let kv_heads: Vec<u32> = (0..tiny.layers).map(kv_heads).collect();
    let mut keys: Vec<(&'static str, MetaValue)> = vec![
        ("attention.head_count_kv", kv_heads.as_slice().into()),
        ("embedding_scale", 3.0.into()),
        ("residual_scale", 0.7.into()),
        ("attention.scale", 0.125.into()),
        ("logit_scale", 8.0.into()),
        // llama.cpp computes with no other width.
        ("ssm.inner_size", (2 * tiny.width as u32).into()),
        ("ssm.state_size", (STATES as u32).into()),
        ("ssm.time_step_rank", (HEADS as u32).into()),
        ("ssm.group_count", (GROUPS as u32).into()),
        ("ssm.conv_kernel", WINDOW.into()),
    ];
    if tiny.experts.0 > 0 {
        keys.push(("expert_shared_feed_forward_length", (tiny.feed_forward as u32).into()));
    }
    keys
}

pub fn layer(tiny: &Tiny, layer: u64, put: &mut dyn FnMut(&str, &[u64])) {
    let (width, inner) = (tiny.width, 2 * tiny.width);
    if attends(layer) {
        tiny.attention_tensors(put);
    } else {
        let channels = inner + 2 * GROUPS * STATES;
        put("attn_norm.weight", &[width]);
        put("ssm_in.weight", &[width, inner + channels + HEADS]);
        put("ssm_conv1d.weight", &[WINDOW.into(), channels]);
        put("ssm_conv1d.bias", &[channels]);
        put("ssm_dt.bias", &[HEADS]);
        put("ssm_a", &[1, HEADS]);
        put("ssm_d", &[1, HEADS]);
        put("ssm_norm.weight", &[inner / GROUPS, GROUPS]);
        put("ssm_out.weight", &[inner, width]);
    }
    tiny.feed_forward_tensors(put);
    if tiny.experts.0 > 0 {
        put("ffn_gate_shexp.weight", &[width, tiny.feed_forward]);
        put("ffn_up_shexp.weight", &[width, tiny.feed_forward]);
        put("ffn_down_shexp.weight", &[tiny.feed_forward, width]);
    }
}
