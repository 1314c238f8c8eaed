//! Small models of random weights, in four architectures that candle-transformers or others know too, to be
//! changed one key at a time.

use wick::gguf::TensorType;
use wick::gguf::write::{MetaValue, Writer};

/// A model file in parts, so that a test can change one of them.
#[derive(Clone)]
pub struct Small {
    pub keys: Vec<(String, MetaValue)>,
    pub tensors: Vec<(String, Vec<u64>)>,
}

pub const VOCABULARY: u64 = 48;
const WIDTH: u64 = 32;
const HIDDEN: u64 = 40;
const HEADS: u64 = 4;
const KV_HEADS: u64 = 2;
const LAYERS: u64 = 7;

/// 7 layers (gemma3's sixth attends globally), 4 heads on 2 of keys and values, heads of 8.
pub fn small(architecture: &str) -> Small {
    let head = WIDTH / HEADS;
    let number = |value: u64| MetaValue::U32(value as u32);
    let mut keys = vec![("general.architecture".to_owned(), MetaValue::Str(architecture.to_owned()))];
    let mut key = |name: &str, value: MetaValue| keys.push((format!("{architecture}.{name}"), value));
    key("block_count", number(LAYERS));
    key("context_length", number(128));
    key("embedding_length", number(WIDTH));
    key("feed_forward_length", number(HIDDEN));
    key("attention.head_count", number(HEADS));
    key("attention.head_count_kv", number(KV_HEADS));
    key("attention.key_length", number(head));
    key("attention.value_length", number(head));
    key("rope.dimension_count", number(head));
    key("rope.freq_base", MetaValue::F32(10_000.0));
    key("attention.layer_norm_rms_epsilon", MetaValue::F32(1e-5));
    if architecture == "gemma3" {
        key("attention.sliding_window", number(5));
    }
    let mut tensors = vec![
        ("token_embd.weight".to_owned(), vec![WIDTH, VOCABULARY]),
        ("output_norm.weight".to_owned(), vec![WIDTH]),
        ("output.weight".to_owned(), vec![WIDTH, VOCABULARY]),
    ];
    for layer in 0..LAYERS {
        let mut tensor =
            |name: &str, shape: &[u64]| tensors.push((format!("blk.{layer}.{name}"), shape.to_vec()));
        tensor("attn_norm.weight", &[WIDTH]);
        tensor("attn_q.weight", &[WIDTH, HEADS * head]);
        tensor("attn_k.weight", &[WIDTH, KV_HEADS * head]);
        tensor("attn_v.weight", &[WIDTH, KV_HEADS * head]);
        tensor("attn_output.weight", &[HEADS * head, WIDTH]);
        tensor("ffn_norm.weight", &[WIDTH]);
        tensor("ffn_gate.weight", &[WIDTH, HIDDEN]);
        tensor("ffn_up.weight", &[WIDTH, HIDDEN]);
        tensor("ffn_down.weight", &[HIDDEN, WIDTH]);
        if architecture == "qwen2" {
            tensor("attn_q.bias", &[HEADS * head]);
            tensor("attn_k.bias", &[KV_HEADS * head]);
            tensor("attn_v.bias", &[KV_HEADS * head]);
        }
        if matches!(architecture, "qwen3" | "gemma3") {
            tensor("attn_q_norm.weight", &[head]);
            tensor("attn_k_norm.weight", &[head]);
        }
        if architecture == "gemma3" {
            tensor("post_attention_norm.weight", &[WIDTH]);
            tensor("post_ffw_norm.weight", &[WIDTH]);
        }
    }
    Small { keys, tensors }
}

impl Small {
    /// With `key` set, or taken away.
    pub fn with(mut self, key: &str, value: Option<MetaValue>) -> Self {
        self.keys.retain(|(name, _)| name != key);
        self.keys.extend(value.map(|value| (key.to_owned(), value)));
        self
    }

    /// With tensor `name` of another shape, or taken away, or new.
    pub fn with_tensor(mut self, name: &str, shape: Option<&[u64]>) -> Self {
        self.tensors.retain(|(other, _)| other != name);
        self.tensors.extend(shape.map(|shape| (name.to_owned(), shape.to_vec())));
        self
    }

    /// The file, in F32: norms around 1, everything else around 0, always the same.
    pub fn bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        for (key, value) in &self.keys {
            writer = writer.meta(key, value.clone());
        }
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        for (name, shape) in &self.tensors {
            let middle = if name.contains("norm") { 1.0 } else { 0.0 };
            let values = (0..shape.iter().product()).flat_map(|_| {
                // xorshift64 (Marsaglia, 2003).
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                (middle + (seed >> 40) as f32 / 2f32.powi(24) * 0.8 - 0.4).to_le_bytes()
            });
            writer = writer.tensor(name, TensorType::F32, shape, values.collect::<Vec<u8>>());
        }
        writer.to_bytes()
    }
}
