//! A model's numbers, read from its metadata and checked; knows no tensor.

use super::architecture::Architecture;
use crate::error::{Error, ErrorKind, Result};
use crate::gguf::{FromValue, Metadata, Value};

/// Ceilings: far over any real model, far under what makes a product of two overflow.
const MAX_BLOCKS: u32 = 1024;
const MAX_WIDTH: u32 = 1 << 18;
const MAX_HEADS: u32 = 1024;
const MAX_HEAD_DIM: u32 = 1024;
const MAX_CONTEXT: u32 = 1 << 24;

/// Keys that are read here, behind the architecture's name.
const READ: [&str; 19] = [
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.layer_norm_rms_epsilon",
    "attention.scale",
    "attention.sliding_window",
    "attention.sliding_window_pattern",
    "attention.value_length",
    "block_count",
    "context_length",
    "embedding_length",
    "expert_count",
    "feed_forward_length",
    "rope.dimension_count",
    "rope.freq_base",
    "rope.freq_base_swa",
    "rope.scale_linear",
    "rope.scaling.factor",
    "rope.scaling.type",
];

/// Keys that change nothing where all that is read is as it must be.
const SAYS_NOTHING: [&str; 5] = [
    "rope.scaling.finetuned",
    "rope.scaling.original_context_length",
    "expert_used_count",
    "expert_feed_forward_length",
    "vocab_size",
];

/// A model's numbers; every one is in range and fits the others.
#[derive(Debug, Clone)]
pub(super) struct Hyperparameters {
    pub(super) architecture: &'static Architecture,
    pub(super) block_count: usize,
    pub(super) context_length: usize,
    pub(super) embedding_length: usize,
    pub(super) feed_forward_length: usize,
    pub(super) head_count: usize,
    /// Divides `head_count`.
    pub(super) head_count_kv: usize,
    /// Of queries, keys and values alike; even.
    pub(super) head_dim: usize,
    pub(super) norm_epsilon: f64,
    pub(super) rope: Rope,
    pub(super) attention_scale: f64,
    pub(super) window: Option<Window>,
}

/// Rotary embedding of layers that attend globally.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rope {
    pub(super) freq_base: f64,
    /// Positions are divided by this (linear scaling); 1 without.
    pub(super) scaling_factor: f64,
}

/// Sliding-window attention.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// Tokens that a query sees, its own included; at least 1.
    pub(super) size: usize,
    /// Layers `pattern - 1`, `2 pattern - 1`, … attend globally.
    pub(super) pattern: usize,
    /// Base of the rotary embedding in the layers with a window.
    pub(super) freq_base: f64,
}

impl Hyperparameters {
    /// Reads and checks the numbers of the architecture that `general.architecture` names.
    ///
    /// # Errors
    /// `Unsupported` for an architecture or a variant of one that is not here; `ModelInvalid`, naming the
    /// key, for the rest.
    pub(super) fn read(metadata: &Metadata) -> Result<Self> {
        let architecture = Architecture::find(metadata.require("general.architecture")?)?;
        let keys = Keys { metadata, prefix: architecture.name };
        keys.refuse_experts()?;
        keys.refuse_strangers()?;
        let embedding_length = keys.count("embedding_length", MAX_WIDTH)?;
        let head_count = keys.count("attention.head_count", MAX_HEADS)?;
        let head_count_kv = keys.count_or("attention.head_count_kv", MAX_HEADS, head_count)?;
        if head_count % head_count_kv != 0 {
            let message =
                format!("{head_count} heads do not divide among {head_count_kv} of keys and values");
            return Err(keys.invalid("attention.head_count_kv", &message));
        }
        let head_dim = keys.head_dim(embedding_length, head_count)?;
        let block_count = keys.count("block_count", MAX_BLOCKS)?;
        Ok(Self {
            architecture,
            block_count,
            context_length: keys.context_length(architecture)?,
            embedding_length,
            feed_forward_length: keys.count("feed_forward_length", MAX_WIDTH)?,
            head_count,
            head_count_kv,
            head_dim,
            norm_epsilon: keys.positive_or("attention.layer_norm_rms_epsilon", None)?,
            rope: keys.rope(architecture)?,
            attention_scale: keys.attention_scale(
                architecture,
                block_count,
                embedding_length / head_count,
                head_dim,
            )?,
            window: keys.window(architecture)?,
        })
    }

    /// The window of layer `layer`, if it has one.
    pub(super) fn window_of(&self, layer: usize) -> Option<Window> {
        self.window.filter(|window| !(layer + 1).is_multiple_of(window.pattern))
    }
}

/// The keys of one architecture.
struct Keys<'a> {
    metadata: &'a Metadata,
    prefix: &'static str,
}

impl<'a> Keys<'a> {
    fn name(&self, key: &str) -> String {
        format!("{}.{key}", self.prefix)
    }

    fn find<T: FromValue<'a>>(&self, key: &str) -> Result<Option<T>> {
        self.metadata.find(&self.name(key))
    }

    fn invalid(&self, key: &str, message: &str) -> Error {
        Error::new(ErrorKind::ModelInvalid, format!("{}: {message}", self.name(key)))
    }

    fn unsupported(&self, key: &str, message: &str) -> Error {
        Error::new(ErrorKind::Unsupported, format!("{}: {message}", self.name(key)))
    }

    /// An integer from 1 to `max`.
    fn count(&self, key: &str, max: u32) -> Result<usize> {
        if let Some(Value::Array(_)) = self.metadata.get(&self.name(key)) {
            return Err(self.unsupported(key, "a value per layer is not supported by the candle backend"));
        }
        match self.metadata.require::<u32>(&self.name(key))? {
            value if (1..=max).contains(&value) => Ok(value as usize),
            value => Err(self.invalid(key, &format!("{value} is not from 1 to {max}"))),
        }
    }

    fn count_or(&self, key: &str, max: u32, default: usize) -> Result<usize> {
        match self.metadata.get(&self.name(key)) {
            Some(_) => self.count(key, max),
            None => Ok(default),
        }
    }

    /// A finite number over 0.
    fn positive_or(&self, key: &str, default: Option<f64>) -> Result<f64> {
        let value = match self.find::<f64>(key)?.or(default) {
            Some(value) => value,
            None => self.metadata.require(&self.name(key))?,
        };
        // In f32 too, where the arithmetic is.
        if value.is_finite() && (value as f32).is_normal() && value > 0.0 {
            return Ok(value);
        }
        Err(self.invalid(key, &format!("{value} is not a finite number over 0")))
    }

    fn refuse_experts(&self) -> Result<()> {
        match self.find::<u32>("expert_count")? {
            Some(experts) if experts > 0 => {
                let message =
                    format!("a mixture of {experts} experts is not supported by the candle backend");
                Err(self.unsupported("expert_count", &message))
            }
            _ => Ok(()),
        }
    }

    /// Refuses keys that nothing here looks at: computing without them may be wrong.
    fn refuse_strangers(&self) -> Result<()> {
        for (name, value) in self.metadata.iter() {
            let key = name.strip_prefix(self.prefix).and_then(|rest| rest.strip_prefix('.'));
            let Some(key) = key.filter(|key| !READ.contains(key) && !SAYS_NOTHING.contains(key)) else {
                continue;
            };
            let neutral = match value {
                Value::Bool(flag) => flag == (key == "attention.causal"),
                // Off, as files have it.
                _ => value.as_float().or(value.as_integer().map(|number| number as f64)) == Some(0.0),
            };
            if !neutral {
                let shown: String = key.chars().take(64).collect();
                return Err(
                    self.unsupported(&shown, &format!("{value} is not supported by the candle backend"))
                );
            }
        }
        Ok(())
    }

    fn head_dim(&self, embedding_length: usize, head_count: usize) -> Result<usize> {
        let head_dim = match self.metadata.get(&self.name("attention.key_length")) {
            Some(_) => self.count("attention.key_length", MAX_HEAD_DIM)?,
            None if embedding_length.is_multiple_of(head_count) => embedding_length / head_count,
            None => {
                let message =
                    format!("embeddings of {embedding_length} do not divide among {head_count} heads");
                return Err(self.invalid("attention.head_count", &message));
            }
        };
        if head_dim % 2 != 0 || head_dim > MAX_HEAD_DIM as usize {
            let message =
                format!("a head of {head_dim} dimensions; even, and at most {MAX_HEAD_DIM}, is possible");
            return Err(self.invalid("attention.head_count", &message));
        }
        for key in ["attention.value_length", "rope.dimension_count"] {
            let other = self.count_or(key, MAX_HEAD_DIM, head_dim)?;
            if other != head_dim {
                let message = format!(
                    "{other}, and heads of {head_dim}: only equal ones are supported by the candle backend"
                );
                return Err(self.unsupported(key, &message));
            }
        }
        Ok(head_dim)
    }

    /// Without windowed layers a window caps the context instead: up to there nobody sees it.
    fn context_length(&self, architecture: &Architecture) -> Result<usize> {
        let context_length = self.count("context_length", MAX_CONTEXT)?;
        let window = self.find::<u32>("attention.sliding_window")?.unwrap_or(0) as usize;
        let capped = window > 0 && architecture.window_pattern.is_none();
        Ok(if capped { context_length.min(window) } else { context_length })
    }

    fn rope(&self, architecture: &Architecture) -> Result<Rope> {
        let default = if architecture.window_pattern.is_some() { 1e6 } else { 1e4 };
        let freq_base = self.positive_or("rope.freq_base", Some(default))?;
        let factor = self.positive_or("rope.scaling.factor", Some(1.0))?;
        let legacy = self.positive_or("rope.scale_linear", Some(factor))?;
        let scaling_factor = match self.find::<&str>("rope.scaling.type")? {
            Some("none") => 1.0,
            Some("linear") | None => legacy,
            Some(other) => {
                let other: String = other.chars().take(32).collect();
                let message =
                    format!("{other:?} is not supported by the candle backend; none and linear are");
                return Err(self.unsupported("rope.scaling.type", &message));
            }
        };
        Ok(Rope { freq_base, scaling_factor })
    }

    /// 1/√head_dim; gemma3's 27B model divides by the width of its embeddings per head instead (llama.cpp:
    /// `LLM_TYPE_27B`).
    fn attention_scale(
        &self,
        architecture: &Architecture,
        block_count: usize,
        embedding_per_head: usize,
        head_dim: usize,
    ) -> Result<f64> {
        let is_27b = architecture.name == "gemma3" && block_count == 62;
        let default = 1.0 / (if is_27b { embedding_per_head.max(1) } else { head_dim } as f64).sqrt();
        self.positive_or("attention.scale", Some(default))
    }

    fn window(&self, architecture: &Architecture) -> Result<Option<Window>> {
        let Some(pattern) = architecture.window_pattern else { return Ok(None) };
        let size = self.count("attention.sliding_window", MAX_CONTEXT)?;
        if self.metadata.get(&self.name("attention.sliding_window_pattern")).is_some() {
            let found = self.count("attention.sliding_window_pattern", MAX_BLOCKS)?;
            if found != pattern as usize {
                let message = format!("{found} is not supported by the candle backend; {pattern} is");
                return Err(self.unsupported("attention.sliding_window_pattern", &message));
            }
        }
        let freq_base = self.positive_or("rope.freq_base_swa", Some(1e4))?;
        Ok(Some(Window { size, pattern: pattern as usize, freq_base }))
    }
}
