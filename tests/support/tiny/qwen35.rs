//! Small models of Qwen3.5: layers whose first half is a gated delta net, and each fourth with attention
//! behind a gate.

use super::Tiny;
use wick::gguf::write::MetaValue;

/// Values of the past that a delta net's convolution sees, its own included.
const WINDOW: u32 = 4;

/// Each how-manieth layer attends.
pub const INTERVAL: u64 = 4;

/// Heads of keys, and of values, of a delta net, and their width.
fn delta(tiny: &Tiny) -> (u64, u64, u64) {
    match tiny.delta {
        (keys, values, 0) => (keys, values, tiny.head_dim),
        given => given,
    }
}

pub fn keys(tiny: &Tiny) -> Vec<(&'static str, MetaValue)> {
    let (head, (key_heads, heads, state)) = (tiny.head_dim as u32, delta(tiny));
    // Pairs that are turned by a token's first position; one each by the second and third.
    let first = (head / 4).saturating_sub(2).max(1);
    let third = u32::from(head >= 16);
    vec![
        // Half of a head is turned. Where that is more than four pairs, some take the fourth position.
        ("rope.dimension_count", (head / 2).into()),
        ("rope.dimension_sections", (&[first, 1, third, 0][..]).into()),
        ("full_attention_interval", (INTERVAL as u32).into()),
        ("ssm.conv_kernel", WINDOW.into()),
        ("ssm.state_size", (state as u32).into()),
        ("ssm.group_count", (key_heads as u32).into()),
        ("ssm.time_step_rank", (heads as u32).into()),
        ("ssm.inner_size", ((heads * state) as u32).into()),
    ]
}

/// The tensors of layer `layer`; `attends`: its first half is attention.
pub fn layer(tiny: &Tiny, attends: bool, put: &mut dyn FnMut(&str, &[u64])) {
    let (width, dim) = (tiny.width, tiny.head_dim);
    put("attn_norm.weight", &[width]);
    put("post_attention_norm.weight", &[width]);
    if attends {
        let (queries, kv) = (tiny.heads * dim, tiny.kv_heads * dim);
        // Of each head a query, and behind it a gate.
        put("attn_q.weight", &[width, 2 * queries]);
        put("attn_k.weight", &[width, kv]);
        put("attn_v.weight", &[width, kv]);
        put("attn_q_norm.weight", &[dim]);
        put("attn_k_norm.weight", &[dim]);
        put("attn_output.weight", &[queries, width]);
    } else {
        let (key_heads, heads, dim) = delta(tiny);
        let (keys, values) = (key_heads * dim, heads * dim);
        put("attn_qkv.weight", &[width, 2 * keys + values]);
        put("attn_gate.weight", &[width, values]);
        put("ssm_conv1d.weight", &[WINDOW.into(), 2 * keys + values]);
        put("ssm_dt.bias", &[heads]);
        put("ssm_a", &[heads]);
        put("ssm_beta.weight", &[width, heads]);
        put("ssm_alpha.weight", &[width, heads]);
        put("ssm_norm.weight", &[dim]);
        put("ssm_out.weight", &[values, width]);
    }
    tiny.feed_forward_tensors(put);
}

/// The same model with a block behind its layers that drafts (multi-token prediction).
pub fn with_drafter(mut tiny: Tiny) -> Tiny {
    let (width, last) = (tiny.width, tiny.layers);
    let mut tensors = Vec::new();
    layer(&tiny, true, &mut |part, shape| tensors.push((format!("blk.{last}.{part}"), shape.to_vec())));
    let own = [("eh_proj", &[2 * width, width][..]), ("enorm", &[width]), ("hnorm", &[width])];
    for (part, shape) in own.into_iter().chain([("shared_head_norm", &[width][..])]) {
        tensors.push((format!("blk.{last}.nextn.{part}.weight"), shape.to_vec()));
    }
    tiny.more.extend(tensors);
    tiny.with("block_count", last as u32 + 1).with("nextn_predict_layers", 1u32)
}
