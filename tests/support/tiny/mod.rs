//! Small models with random weights, written as GGUF: the right tensors and keys of each architecture, so
//! that tests need no files.

#![allow(dead_code)]

pub mod known;

use std::sync::Arc;
use wick::gguf::write::{MetaValue, Writer};
use wick::gguf::{Gguf, Limits, Source, TensorType};

/// What to write; change fields before [`Tiny::writer`].
#[derive(Clone)]
pub struct Tiny {
    pub architecture: &'static str,
    pub width: u64,
    pub layers: u64,
    pub heads: u64,
    pub kv_heads: u64,
    pub head_dim: u64,
    pub feed_forward: u64,
    pub vocab: u64,
    pub context: u32,
    /// Experts, and how many a token runs through; 0: dense.
    pub experts: (u64, u64),
    /// The type of all matrices whose rows are whole blocks of it; others are F32.
    pub matrices: TensorType,
    pub tied: bool,
    /// One tensor holds queries, keys and values.
    pub fused: bool,
    /// Keys added behind the others, or in place of them.
    pub keys: Vec<(String, MetaValue)>,
    /// Tensors and keys left out.
    pub without: Vec<String>,
    /// Tensors added, with their shapes: biases, factors of rope.
    pub more: Vec<(String, Vec<u64>)>,
    pub seed: u64,
}

/// Architectures that [`Tiny`] can write.
pub const ARCHITECTURES: &[&str] = &[
    "llama", "qwen2", "qwen3", "qwen2moe", "qwen3moe", "gemma", "gemma2", "gemma3", "phi3", "olmo2",
    "granite", "smollm3", "exaone",
];

impl Tiny {
    /// A model of `architecture` that has all of its peculiarities.
    pub fn new(architecture: &'static str) -> Self {
        Self {
            architecture,
            width: 64,
            layers: if architecture == "gemma3" { 7 } else { 3 },
            heads: 4,
            kv_heads: 2,
            head_dim: 16,
            feed_forward: 96,
            vocab: 160,
            context: 512,
            experts: if architecture.ends_with("moe") { (6, 2) } else { (0, 0) },
            matrices: TensorType::F32,
            tied: false,
            fused: architecture == "phi3",
            keys: Vec::new(),
            without: Vec::new(),
            more: Vec::new(),
            seed: 1,
        }
    }

    /// The same with matrices of another type.
    pub fn of(mut self, matrices: TensorType) -> Self {
        if matrices.block_len() == 256 {
            (self.width, self.feed_forward, self.head_dim) = (256, 512, 64);
        }
        self.matrices = matrices;
        self
    }

    /// The same with `{architecture}.{key}` as `value`.
    pub fn with(mut self, key: &str, value: impl Into<MetaValue>) -> Self {
        self.keys.push((format!("{}.{key}", self.architecture), value.into()));
        self
    }

    /// The same with another tensor.
    pub fn with_tensor(mut self, name: impl Into<String>, shape: &[u64]) -> Self {
        self.more.push((name.into(), shape.to_vec()));
        self
    }

    /// The same with a vocabulary: three control tokens, a space, letters, and a word for each id beyond.
    pub fn speaking(mut self) -> Self {
        let letters = ["<unk>", "<s>", "</s>", "▁"].map(String::from).into_iter();
        let letters = letters.chain(('a'..='z').map(String::from));
        let words = letters.chain((30..).map(|id| format!("w{id}")));
        let tokens: Vec<String> = words.take(self.vocab as usize).collect();
        let scores: Vec<f32> = (0..tokens.len()).map(|id| -(id as f32)).collect();
        let kinds: Vec<i32> = (0..tokens.len()).map(|id| if id < 3 { 3 } else { 1 }).collect();
        let vocabulary: [(&str, MetaValue); 4] = [
            ("model", "llama".into()),
            ("tokens", tokens.iter().collect()),
            ("scores", scores.as_slice().into()),
            ("token_type", kinds.as_slice().into()),
        ];
        let keys = vocabulary.map(|(key, value)| (format!("tokenizer.ggml.{key}"), value));
        self.keys.extend(keys);
        self
    }

    /// The opened file.
    pub fn open(&self) -> Arc<Gguf> {
        open(self.writer().to_bytes())
    }

    /// The file.
    pub fn writer(&self) -> Writer<'static> {
        let mut writer =
            Writer::new().meta("general.architecture", self.architecture).meta("general.name", "tiny");
        let mut keys = self.standard_keys();
        for (key, value) in &self.keys {
            keys.retain(|(other, _)| other != key);
            keys.push((key.clone(), value.clone()));
        }
        keys.retain(|(key, _)| !self.without.contains(key));
        for (key, value) in keys {
            writer = writer.meta(&key, value);
        }
        for (name, shape, kind) in self.tensors() {
            if !self.without.contains(&name) {
                let data = random_tensor(self.seed, &name, &shape, kind);
                writer = writer.tensor(&name, kind, &shape, data);
            }
        }
        writer
    }

    fn standard_keys(&self) -> Vec<(String, MetaValue)> {
        let mut keys: Vec<(String, MetaValue)> = Vec::new();
        let mut put =
            |key: &str, value: MetaValue| keys.push((format!("{}.{key}", self.architecture), value));
        put("context_length", self.context.into());
        put("embedding_length", (self.width as u32).into());
        put("block_count", (self.layers as u32).into());
        put("feed_forward_length", (self.feed_forward as u32).into());
        put("attention.head_count", (self.heads as u32).into());
        put("attention.head_count_kv", (self.kv_heads as u32).into());
        put("attention.key_length", (self.head_dim as u32).into());
        put("attention.value_length", (self.head_dim as u32).into());
        put("attention.layer_norm_rms_epsilon", 1e-5.into());
        put("rope.freq_base", 10_000.0.into());
        match self.architecture {
            "gemma2" => {
                put("attention.sliding_window", 40.into());
                put("attn_logit_softcapping", 50.0.into());
                put("final_logit_softcapping", 30.0.into());
            }
            "gemma3" | "phi3" => put("attention.sliding_window", 40.into()),
            "granite" => {
                put("embedding_scale", 3.0.into());
                put("residual_scale", 0.7.into());
                put("attention.scale", 0.125.into());
                put("logit_scale", 8.0.into());
            }
            _ => {}
        }
        if self.experts.0 > 0 {
            put("expert_count", (self.experts.0 as u32).into());
            put("expert_used_count", (self.experts.1 as u32).into());
            put("expert_feed_forward_length", (self.feed_forward as u32).into());
        }
        keys
    }

    /// Name, shape and type of every tensor.
    pub fn tensors(&self) -> Vec<(String, Vec<u64>, TensorType)> {
        let mut tensors = Vec::new();
        let mut put = |name: String, shape: &[u64]| {
            let whole = shape[0].is_multiple_of(self.matrices.block_len());
            let kind = if shape.len() > 1 && whole { self.matrices } else { TensorType::F32 };
            tensors.push((name, shape.to_vec(), kind));
        };
        put("token_embd.weight".into(), &[self.width, self.vocab]);
        put("output_norm.weight".into(), &[self.width]);
        if !self.tied {
            put("output.weight".into(), &[self.width, self.vocab]);
        }
        for layer in 0..self.layers {
            self.attention_tensors(&mut |part, shape| put(format!("blk.{layer}.{part}"), shape));
            self.feed_forward_tensors(&mut |part, shape| put(format!("blk.{layer}.{part}"), shape));
        }
        self.more.iter().for_each(|(name, shape)| put(name.clone(), shape));
        tensors
    }

    fn attention_tensors(&self, put: &mut dyn FnMut(&str, &[u64])) {
        let (queries, kv, width) = (self.heads * self.head_dim, self.kv_heads * self.head_dim, self.width);
        if self.architecture != "olmo2" {
            put("attn_norm.weight", &[width]);
        }
        if self.fused {
            put("attn_qkv.weight", &[width, queries + 2 * kv]);
        } else {
            put("attn_q.weight", &[width, queries]);
            put("attn_k.weight", &[width, kv]);
            put("attn_v.weight", &[width, kv]);
        }
        if self.architecture.starts_with("qwen2") {
            put("attn_q.bias", &[queries]);
            put("attn_k.bias", &[kv]);
            put("attn_v.bias", &[kv]);
        }
        match self.architecture {
            "qwen3" | "qwen3moe" | "gemma3" => {
                put("attn_q_norm.weight", &[self.head_dim]);
                put("attn_k_norm.weight", &[self.head_dim]);
            }
            "olmo2" => {
                put("attn_q_norm.weight", &[queries]);
                put("attn_k_norm.weight", &[kv]);
            }
            _ => {}
        }
        put("attn_output.weight", &[queries, width]);
        if matches!(self.architecture, "gemma2" | "gemma3" | "olmo2") {
            put("post_attention_norm.weight", &[width]);
            put("post_ffw_norm.weight", &[width]);
        }
    }

    fn feed_forward_tensors(&self, put: &mut dyn FnMut(&str, &[u64])) {
        let (width, inner, experts) = (self.width, self.feed_forward, self.experts.0);
        if self.architecture != "olmo2" {
            put("ffn_norm.weight", &[width]);
        }
        if experts > 0 {
            put("ffn_gate_inp.weight", &[width, experts]);
            put("ffn_gate_exps.weight", &[width, inner, experts]);
            put("ffn_up_exps.weight", &[width, inner, experts]);
            put("ffn_down_exps.weight", &[inner, width, experts]);
            if self.architecture == "qwen2moe" {
                put("ffn_gate_inp_shexp.weight", &[width]);
                put("ffn_gate_shexp.weight", &[width, inner]);
                put("ffn_up_shexp.weight", &[width, inner]);
                put("ffn_down_shexp.weight", &[inner, width]);
            }
        } else if self.architecture == "phi3" {
            put("ffn_up.weight", &[width, 2 * inner]);
            put("ffn_down.weight", &[inner, width]);
        } else {
            put("ffn_gate.weight", &[width, inner]);
            put("ffn_up.weight", &[width, inner]);
            put("ffn_down.weight", &[inner, width]);
        }
    }
}

/// Opens a file in memory.
pub fn open(file: Vec<u8>) -> Arc<Gguf> {
    let gguf = Gguf::open(Source::Memory(Box::new(file)), &Limits::default(), &mut |_, _| Ok(()));
    Arc::new(gguf.expect("a file that the writer wrote"))
}

/// SplitMix64: the same numbers everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Within [-1, 1).
    pub fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// Random values of a size that keeps a forward pass tame: norms about 1, matrices about 1 / sqrt(row).
fn random_tensor(seed: u64, name: &str, shape: &[u64], kind: TensorType) -> Vec<u8> {
    let mut random =
        Random(name.bytes().fold(seed, |hash, byte| hash.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte)));
    let count: u64 = shape.iter().product();
    let row = shape.first().copied().unwrap_or(1) as f32;
    let size = 1.7 / row.sqrt();
    let mut value = || match shape.len() {
        _ if name.ends_with("norm.weight") => 1.0 + 0.3 * random.unit(),
        _ if name.starts_with("rope_") => 2.5 + 1.5 * random.unit(),
        1 => 0.3 * random.unit(),
        _ => size * random.unit(),
    };
    match kind {
        TensorType::F32 => (0..count).flat_map(|_| value().to_le_bytes()).collect(),
        TensorType::F16 => (0..count).flat_map(|_| half::f16::from_f32(value()).to_le_bytes()).collect(),
        TensorType::BF16 => (0..count).flat_map(|_| half::bf16::from_f32(value()).to_le_bytes()).collect(),
        _ => random_blocks(&mut random, count / kind.block_len(), kind, size),
    }
}

/// Random codes under scales that give values of about `size`.
fn random_blocks(random: &mut Random, blocks: u64, kind: TensorType, size: f32) -> Vec<u8> {
    // Where the f16 scale lies, the greatest code times inner scale; where the f16 minimum lies, which makes
    // the mean zero.
    let (at, codes, minimum) = match kind {
        TensorType::Q4_0 => (0, 8.0, None),
        TensorType::IQ4_NL => (0, 127.0, None),
        TensorType::Q4_1 => (0, 8.0, Some((2, -size))),
        TensorType::Q5_0 => (0, 16.0, None),
        TensorType::Q5_1 => (0, 16.0, Some((2, -size))),
        TensorType::Q8_0 => (0, 127.0, None),
        TensorType::Q2_K => (80, 3.0 * 15.0, Some((82, size / 30.0))),
        TensorType::Q3_K => (108, 4.0 * 32.0, None),
        TensorType::Q4_K => (0, 15.0 * 63.0, Some((2, size / 126.0))),
        TensorType::Q5_K => (0, 31.0 * 63.0, Some((2, size / 126.0))),
        TensorType::Q6_K => (208, 32.0 * 127.0, None),
        TensorType::IQ4_XS => (0, 127.0 * 32.0, None),
        TensorType::IQ2_XXS | TensorType::IQ2_XS | TensorType::IQ2_S => (0, 43.0 * 4.0, None),
        TensorType::IQ3_XXS => (0, 62.0 * 8.0, None),
        TensorType::IQ3_S => (0, 15.0 * 31.0, None),
        TensorType::IQ1_S | TensorType::IQ1_M => (0, 15.0, None),
        TensorType::MXFP4 => (0, 12.0, None),
        other => panic!("no random blocks of {}", other.name()),
    };
    let mut bytes = Vec::new();
    for _ in 0..blocks {
        let mut block: Vec<u8> = (0..kind.block_bytes()).map(|_| random.next() as u8).collect();
        let mut put = |at: usize, value: f32| {
            let [low, high] = half::f16::from_f32(value).to_le_bytes();
            match kind {
                // A power of two, by its exponent.
                TensorType::MXFP4 => block[0] = (value.to_bits() >> 23) as u8,
                // A nibble atop each of the four words of scales.
                TensorType::IQ1_M => {
                    for (word, nibble) in [low & 15, low >> 4, high & 15, high >> 4].into_iter().enumerate() {
                        let byte = &mut block[49 + 2 * word];
                        *byte = *byte & 15 | nibble << 4;
                    }
                }
                _ => block[at..at + 2].copy_from_slice(&[low, high]),
            }
        };
        put(at, size / codes);
        if let Some((at, value)) = minimum {
            put(at, value);
        }
        bytes.extend(block);
    }
    bytes
}
