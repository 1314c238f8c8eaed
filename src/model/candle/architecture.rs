//! What sets one architecture apart from the next, as data; knows no tensor and no file.

use crate::error::{Error, ErrorKind, Result};

/// Which dimensions of a head rotary embedding turns together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RopeStyle {
    /// (2i, 2i + 1): llama.cpp's NORM.
    Interleaved,
    /// (i, i + half): llama.cpp's NEOX.
    Halves,
}

/// The function on the gate of the feed-forward network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activation {
    Silu,
    /// The tanh approximation of GELU.
    Gelu,
}

/// One architecture: everything that its name alone decides.
#[derive(Debug)]
pub(super) struct Architecture {
    /// As in `general.architecture`, and the prefix of its keys.
    pub(super) name: &'static str,
    pub(super) rope: RopeStyle,
    pub(super) activation: Activation,
    /// Biases on the projections to queries, keys and values.
    pub(super) qkv_bias: bool,
    /// RMS norms over each head of queries and keys, before the rotary embedding.
    pub(super) qk_norm: bool,
    /// RMS norms over what attention and feed-forward add to the residual stream.
    pub(super) post_norms: bool,
    /// Embeddings are multiplied by √embedding_length.
    pub(super) scaled_embeddings: bool,
    /// Of so many layers, the last attends globally, the others through a sliding window.
    pub(super) window_pattern: Option<u32>,
}

const LLAMA: Architecture = Architecture {
    name: "llama",
    rope: RopeStyle::Interleaved,
    activation: Activation::Silu,
    qkv_bias: false,
    qk_norm: false,
    post_norms: false,
    scaled_embeddings: false,
    window_pattern: None,
};

/// What this backend computes. Sources: llama.cpp's graphs of the same names.
static ARCHITECTURES: [Architecture; 4] = [
    LLAMA,
    Architecture { name: "qwen2", rope: RopeStyle::Halves, qkv_bias: true, ..LLAMA },
    Architecture { name: "qwen3", rope: RopeStyle::Halves, qk_norm: true, ..LLAMA },
    Architecture {
        name: "gemma3",
        rope: RopeStyle::Halves,
        activation: Activation::Gelu,
        qk_norm: true,
        post_norms: true,
        scaled_embeddings: true,
        window_pattern: Some(6),
        ..LLAMA
    },
];

impl Architecture {
    /// The architecture called `name`.
    ///
    /// # Errors
    /// `Unsupported`, naming it and those that there are.
    pub(super) fn find(name: &str) -> Result<&'static Self> {
        ARCHITECTURES.iter().find(|known| known.name == name).ok_or_else(|| {
            let known: Vec<_> = ARCHITECTURES.iter().map(|known| known.name).collect();
            let shown: String = name.chars().take(64).collect();
            let message = format!(
                "architecture {shown:?} is not supported; the candle backend has {}",
                known.join(", ")
            );
            Error::new(ErrorKind::Unsupported, message)
        })
    }
}
