//! Small models with random weights, written as GGUF: the right tensors and keys of each architecture, so
//! that tests need no files.

#![allow(dead_code, unused_imports)]

pub mod adapter;
mod bert;
#[cfg(feature = "folders")]
pub mod folder;
mod gemma4;
mod gpt_oss;
mod granite_hybrid;
pub mod known;
mod lfm2;
pub mod qwen35;
mod random;

pub use random::{Random, random_tensor};
use std::sync::Arc;
use wick::gguf::write::{MetaValue, Writer};
use wick::gguf::{Gguf, Limits, Source, TensorType, ValueType};

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
    /// Width of the embedding that each layer has of its own (gemma4); 0 for none.
    pub per_layer: u64,
    /// The last layers read the keys and values of others (gemma4).
    pub shared_kv: bool,
    /// Layers in front of them, with keys and values of their own.
    pub own_kv: u64,
    /// Whether a layer attends without a window or a convolution (gemma4, lfm2).
    pub attends: fn(u64) -> bool,
    /// Heads of keys, and of values, of a delta net, and their width; 0: that of the heads that attend
    /// (qwen35).
    pub delta: (u64, u64, u64),
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
    "llama",
    "qwen2",
    "qwen3",
    "qwen2moe",
    "qwen3moe",
    "qwen35",
    "qwen35moe",
    "gemma",
    "gemma2",
    "gemma3",
    "gemma4",
    "gemma-embedding",
    "bert",
    "nomic-bert",
    "phi3",
    "olmo2",
    "granite",
    "smollm3",
    "exaone",
    "mistral3",
    "hunyuan-dense",
    "exaone4",
    "ernie4_5",
    "minicpm",
    "granitemoe",
    "granite_swa",
    "granitehybrid",
    "nanbeige",
    "olmoe",
    "gpt-oss",
    "glm4",
    "lfm2",
    "lfm2moe",
];

/// Architectures that [`Tiny`] can write and the decoder does not know yet; their logits are recorded. One
/// that it learns moves to [`ARCHITECTURES`], and its models from [`known::ahead`] to [`known::models`].
pub const AHEAD: &[&str] = &[];

/// Those of [`ARCHITECTURES`] that give logits; the others are encoders.
pub fn decoders() -> impl Iterator<Item = &'static str> {
    ARCHITECTURES.iter().copied().filter(|architecture| !Tiny::new(architecture).embeds())
}

impl Tiny {
    /// A model of `architecture` that has all of its peculiarities.
    pub fn new(architecture: &'static str) -> Self {
        Self {
            architecture,
            width: 64,
            layers: match architecture {
                "gemma3" | "gemma-embedding" => 7,
                "gemma4" => 6,
                "qwen35" | "qwen35moe" => qwen35::INTERVAL,
                _ => 3,
            },
            heads: 4,
            kv_heads: if architecture == "olmoe" || bert::is(architecture) { 4 } else { 2 },
            head_dim: 16,
            feed_forward: 96,
            vocab: 160,
            context: 512,
            experts: if architecture.ends_with("moe") || architecture == "gpt-oss" { (6, 2) } else { (0, 0) },
            matrices: TensorType::F32,
            tied: false,
            fused: architecture == "phi3",
            per_layer: 32,
            shared_kv: true,
            own_kv: 3,
            attends: |layer| layer % 3 == 2,
            delta: (2, 4, 0),
            keys: Vec::new(),
            without: Vec::new(),
            more: Vec::new(),
            seed: 1,
        }
    }

    /// The shape of TinyLlama, 1.1 billion weights: for benchmarks.
    pub fn billion() -> Self {
        Self {
            width: 2048,
            layers: 22,
            heads: 32,
            kv_heads: 4,
            head_dim: 64,
            feed_forward: 5632,
            vocab: 32_000,
            context: 2048,
            ..Self::new("llama")
        }
    }

    /// The same with matrices of another type.
    pub fn of(mut self, matrices: TensorType) -> Self {
        if matrices.block_len() > 32 {
            (self.width, self.feed_forward, self.head_dim, self.per_layer) = (256, 512, 64, 128);
        }
        self.matrices = matrices;
        self
    }

    /// The same with a factor beside each matrix that may have one, and with what is ignored beside it.
    pub fn with_factors(mut self) -> Self {
        for (name, shape, _) in self.tensors() {
            let Some(base) = name.strip_suffix(".weight").filter(|_| shape.len() > 1) else { continue };
            if base != "token_embd" && !base.ends_with("ffn_gate_inp") {
                let count = shape.get(2).copied().unwrap_or(1);
                self = self.with_tensor(format!("{base}.scale"), &[count]);
                self = self.with_tensor(format!("{base}.input_scale"), &[count]);
            }
        }
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

    /// Whether it makes one vector of all tokens, not logits of each.
    pub fn embeds(&self) -> bool {
        self.architecture == "gemma-embedding" || bert::is(self.architecture)
    }

    /// The opened file.
    pub fn open(&self) -> Arc<Gguf> {
        open(self.writer().to_bytes())
    }

    /// The file.
    pub fn writer(&self) -> Writer<'static> {
        let mut writer = self.writer_of_keys();
        for (name, shape, kind) in self.tensors() {
            if !self.without.contains(&name) {
                let data = self.data(&name, &shape, kind);
                writer = writer.tensor(&name, kind, &shape, data);
            }
        }
        writer
    }

    /// The bytes of the tensor `name`, as `kind`.
    pub fn data(&self, name: &str, shape: &[u64], kind: TensorType) -> Vec<u8> {
        match self.architecture {
            "gemma4" if name == "rope_freqs.weight" => gemma4::rope_factors(shape[0]),
            "gemma4" if name.ends_with("attn_q_norm.weight") => {
                gemma4::query_norm(&random_tensor(self.seed, name, shape, kind))
            }
            _ => random_tensor(self.seed, name, shape, kind),
        }
    }

    /// The file without its tensors.
    pub fn writer_of_keys(&self) -> Writer<'static> {
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
        writer
    }

    fn standard_keys(&self) -> Vec<(String, MetaValue)> {
        let mut keys: Vec<(String, MetaValue)> = Vec::new();
        let mut put = |key: &str, value: MetaValue| {
            let key = format!("{}.{key}", self.architecture);
            keys.retain(|(other, _)| *other != key);
            keys.push((key, value));
        };
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
            "gemma-embedding" => {
                put("attention.sliding_window", 40.into());
                put("attention.causal", false.into());
                // The mean over all tokens.
                put("pooling_type", 1.into());
            }
            "glm4" => put("rope.dimension_count", (self.head_dim as u32 / 2).max(2).into()),
            "granite" | "granitemoe" | "granite_swa" => {
                put("embedding_scale", 3.0.into());
                put("residual_scale", 0.7.into());
                put("attention.scale", 0.125.into());
                put("logit_scale", 8.0.into());
            }
            "mistral3" => {
                put("rope.scaling.type", "yarn".into());
                put("rope.scaling.factor", 8.0.into());
                put("rope.scaling.original_context_length", 64u32.into());
                put("rope.scaling.yarn_beta_fast", 2.0.into());
                put("rope.scaling.yarn_beta_slow", 0.25.into());
                put("rope.scaling.yarn_log_multiplier", 0.7.into());
                put("attention.temperature_scale", 0.1.into());
            }
            "nanbeige" => put("num_loops", 2u32.into()),
            _ => {}
        }
        if self.architecture == "granite_swa" {
            let layers = |flag: &dyn Fn(u64) -> bool| {
                let flags = (0..self.layers).map(|layer| MetaValue::Bool(flag(layer))).collect();
                MetaValue::Array(ValueType::Bool, flags)
            };
            put("attention.sliding_window", 40u32.into());
            put("attention.sliding_window_pattern", layers(&|layer| layer % 3 != 2));
            put("attention.rope_pattern", layers(&|layer| layer % 4 != 1));
        }
        let own = match self.architecture {
            "lfm2" | "lfm2moe" => lfm2::keys(self),
            "bert" | "nomic-bert" => bert::keys(self),
            "gemma4" => gemma4::keys(self),
            "gpt-oss" => gpt_oss::keys(self),
            "granitehybrid" => granite_hybrid::keys(self),
            "qwen35" | "qwen35moe" => qwen35::keys(self),
            _ => Vec::new(),
        };
        own.into_iter().for_each(|(key, value)| put(key, value));
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
            // Convolutions and biases stay as they are in all files.
            let matrix = shape.len() > 1
                && whole
                && !name.ends_with("bias")
                && !name.contains("conv.weight")
                && !name.contains("conv1d")
                && !name.contains("ssm_norm")
                && !name.starts_with("position_embd")
                && !name.starts_with("token_types");
            let kind = if matrix { self.matrices } else { TensorType::F32 };
            tensors.push((name, shape.to_vec(), kind));
        };
        put("token_embd.weight".into(), &[self.width, self.vocab]);
        if bert::is(self.architecture) {
            bert::tensors(self, &mut |name, shape| put(name.into(), shape));
            for layer in 0..self.layers {
                bert::layer(self, &mut |part, shape| put(format!("blk.{layer}.{part}"), shape));
            }
            self.more.iter().for_each(|(name, shape)| put(name.clone(), shape));
            return tensors;
        }
        let lfm2 = self.architecture.starts_with("lfm2");
        put(if lfm2 { "token_embd_norm.weight" } else { "output_norm.weight" }.into(), &[self.width]);
        if !self.tied {
            put("output.weight".into(), &[self.width, self.vocab]);
        }
        if self.architecture == "gemma4" {
            gemma4::tensors(self, &mut |name, shape| put(name.into(), shape));
        }
        for layer in 0..self.layers {
            self.layer_tensors(layer, &mut |part, shape| put(format!("blk.{layer}.{part}"), shape));
        }
        self.more.iter().for_each(|(name, shape)| put(name.clone(), shape));
        tensors
    }

    /// Whether layers norm behind their halves only.
    fn norms_after(&self) -> bool {
        matches!(self.architecture, "olmo2" | "exaone4")
    }

    fn layer_tensors(&self, layer: u64, put: &mut dyn FnMut(&str, &[u64])) {
        match self.architecture {
            "lfm2" | "lfm2moe" => lfm2::layer(self, layer, put),
            "gemma4" => gemma4::layer(self, layer, put),
            "gpt-oss" => gpt_oss::layer(self, put),
            "granitehybrid" => granite_hybrid::layer(self, layer, put),
            "qwen35" | "qwen35moe" => qwen35::layer(self, (layer + 1).is_multiple_of(qwen35::INTERVAL), put),
            _ => {
                self.attention_tensors(put);
                if self.architecture == "granite_swa" {
                    put("attn_sinks.weight", &[self.heads]);
                }
                self.feed_forward_tensors(put);
            }
        }
    }

    fn attention_tensors(&self, put: &mut dyn FnMut(&str, &[u64])) {
        let (queries, kv, width) = (self.heads * self.head_dim, self.kv_heads * self.head_dim, self.width);
        if !self.norms_after() {
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
            "qwen3" | "qwen3moe" | "gemma3" | "gemma-embedding" | "lfm2" | "lfm2moe" | "hunyuan-dense"
            | "exaone4" => {
                put("attn_q_norm.weight", &[self.head_dim]);
                put("attn_k_norm.weight", &[self.head_dim]);
            }
            "olmo2" | "olmoe" => {
                put("attn_q_norm.weight", &[queries]);
                put("attn_k_norm.weight", &[kv]);
            }
            _ => {}
        }
        put("attn_output.weight", &[queries, width]);
        if self.norms_after() || matches!(self.architecture, "gemma2" | "gemma3" | "gemma-embedding" | "glm4")
        {
            put("post_attention_norm.weight", &[width]);
            put("post_ffw_norm.weight", &[width]);
        }
    }

    fn feed_forward_tensors(&self, put: &mut dyn FnMut(&str, &[u64])) {
        let (width, inner, experts) = (self.width, self.feed_forward, self.experts.0);
        // Qwen3.5's stands under another name.
        if !self.norms_after() && !self.architecture.starts_with("qwen35") && self.architecture != "gpt-oss" {
            put("ffn_norm.weight", &[width]);
        }
        if experts > 0 {
            put("ffn_gate_inp.weight", &[width, experts]);
            put("ffn_gate_exps.weight", &[width, inner, experts]);
            put("ffn_up_exps.weight", &[width, inner, experts]);
            put("ffn_down_exps.weight", &[inner, width, experts]);
            if matches!(self.architecture, "qwen2moe" | "qwen35moe") {
                put("ffn_gate_inp_shexp.weight", &[width]);
                put("ffn_gate_shexp.weight", &[width, inner]);
                put("ffn_up_shexp.weight", &[width, inner]);
                put("ffn_down_shexp.weight", &[inner, width]);
            }
        } else if matches!(self.architecture, "phi3" | "glm4") {
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
