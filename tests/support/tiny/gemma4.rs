//! Small models of Gemma 4: heads by layer, keys and values that layers share, embeddings by layer.

use super::Tiny;
use wick::gguf::ValueType;
use wick::gguf::write::MetaValue;

/// Whether `layer` reads the keys and values of another.
fn shares(tiny: &Tiny, layer: u64) -> bool {
    tiny.shared_kv && layer >= tiny.own_kv
}

/// Width of a head, and how many there are of keys and of values.
fn heads(tiny: &Tiny, layer: u64) -> (u64, u64) {
    if (tiny.attends)(layer) {
        (2 * tiny.head_dim, tiny.kv_heads.div_ceil(2))
    } else {
        (tiny.head_dim, tiny.kv_heads)
    }
}

fn feed_forward(tiny: &Tiny, layer: u64) -> u64 {
    if shares(tiny, layer) { 2 * tiny.feed_forward } else { tiny.feed_forward }
}

pub fn keys(tiny: &Tiny) -> Vec<(&'static str, MetaValue)> {
    let dim = tiny.head_dim as u32;
    let each = |of: &dyn Fn(u64) -> u64| -> MetaValue {
        let values: Vec<u32> = (0..tiny.layers).map(|layer| of(layer) as u32).collect();
        values.as_slice().into()
    };
    let shared = (0..tiny.layers).filter(|&layer| shares(tiny, layer)).count();
    let windows = (0..tiny.layers).map(|layer| MetaValue::Bool(!(tiny.attends)(layer))).collect();
    vec![
        ("attention.key_length", (2 * dim).into()),
        ("attention.value_length", (2 * dim).into()),
        ("attention.key_length_swa", dim.into()),
        ("attention.value_length_swa", dim.into()),
        ("attention.head_count_kv", each(&|layer| heads(tiny, layer).1)),
        ("feed_forward_length", each(&|layer| feed_forward(tiny, layer))),
        ("attention.sliding_window", 40u32.into()),
        ("attention.sliding_window_pattern", MetaValue::Array(ValueType::Bool, windows)),
        ("attention.shared_kv_layers", (shared as u32).into()),
        ("rope.freq_base", 50_000.0.into()),
        ("rope.freq_base_swa", 5_000.0.into()),
        ("rope.dimension_count", (2 * dim).into()),
        ("rope.dimension_count_swa", dim.into()),
        ("embedding_length_per_layer_input", (tiny.per_layer as u32).into()),
        ("final_logit_softcapping", 30.0.into()),
    ]
}

/// What stands in front of the layers.
pub fn tensors(tiny: &Tiny, put: &mut dyn FnMut(&str, &[u64])) {
    let all = tiny.per_layer * tiny.layers;
    if (0..tiny.layers).any(tiny.attends) {
        put("rope_freqs.weight", &[tiny.head_dim]);
    }
    if all > 0 {
        put("per_layer_token_embd.weight", &[all, tiny.vocab]);
        put("per_layer_model_proj.weight", &[tiny.width, all]);
        put("per_layer_proj_norm.weight", &[tiny.per_layer]);
    }
}

pub fn layer(tiny: &Tiny, layer: u64, put: &mut dyn FnMut(&str, &[u64])) {
    let (width, (dim, kv_heads)) = (tiny.width, heads(tiny, layer));
    put("attn_norm.weight", &[width]);
    put("attn_q.weight", &[width, tiny.heads * dim]);
    put("attn_q_norm.weight", &[dim]);
    if !shares(tiny, layer) {
        put("attn_k.weight", &[width, kv_heads * dim]);
        put("attn_k_norm.weight", &[dim]);
        put("attn_v.weight", &[width, kv_heads * dim]);
    }
    put("attn_output.weight", &[tiny.heads * dim, width]);
    for norm in ["post_attention_norm", "ffn_norm", "post_ffw_norm"] {
        put(&format!("{norm}.weight"), &[width]);
    }
    let inner = feed_forward(tiny, layer);
    put("ffn_gate.weight", &[width, inner]);
    put("ffn_up.weight", &[width, inner]);
    put("ffn_down.weight", &[inner, width]);
    if tiny.experts.0 > 0 {
        let (experts, inner) = (tiny.experts.0, tiny.feed_forward);
        put("ffn_gate_inp.weight", &[width, experts]);
        put("ffn_gate_inp.scale", &[width]);
        put("ffn_gate_up_exps.weight", &[width, 2 * inner, experts]);
        put("ffn_down_exps.weight", &[inner, width, experts]);
        put("ffn_down_exps.scale", &[experts]);
        for norm in ["pre_ffw_norm_2", "post_ffw_norm_1", "post_ffw_norm_2"] {
            put(&format!("{norm}.weight"), &[width]);
        }
    }
    if tiny.per_layer > 0 {
        put("inp_gate.weight", &[width, tiny.per_layer]);
        put("proj.weight", &[tiny.per_layer, width]);
        put("post_norm.weight", &[width]);
    }
    put("layer_output_scale.weight", &[1]);
}

/// Dividers of angles that turn the first quarter of `pairs` only, as real files have them.
pub fn rope_factors(pairs: u64) -> Vec<u8> {
    (0..pairs).flat_map(|pair| if pair < pairs / 4 { 1f32 } else { 1e30 }.to_le_bytes()).collect()
}

/// Weights of the norm of queries. Nothing else scales scores, so these do, as they have learned to in real
/// files: without, random keys would be hard choices, and what rounds them would decide.
pub fn query_norm(weights: &[u8]) -> Vec<u8> {
    let (weights, _) = weights.as_chunks::<4>();
    let root = (weights.len() as f32).sqrt();
    weights.iter().flat_map(|weight| (f32::from_le_bytes(*weight) / root).to_le_bytes()).collect()
}
