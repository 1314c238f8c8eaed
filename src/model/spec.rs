//! What a decoder says of itself, and what a file's header says of any model; knows no decoder.

use crate::error::{Error, ErrorKind, Result};
use crate::gguf::{Header, TensorInfo};
use std::collections::BTreeMap;

/// Which rows behind a model's last norm its vector of a text is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// All: their mean.
    Mean,
    /// That of the first token.
    First,
    /// That of the last token.
    Last,
}

/// What a model makes of a text as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VectorSpec {
    /// f32 elements of one vector.
    pub width: usize,
    /// What it is made of.
    pub pooling: Pooling,
    /// It is no vector but one score: how well a text goes with a query in front of it (a cross-encoder).
    pub ranks: bool,
    /// How many separators stand between the query and the text then.
    pub separators: usize,
}

impl VectorSpec {
    /// Whether a model of `architecture` makes scores (`ranks`), or vectors.
    ///
    /// # Errors
    /// `Unsupported`: it makes the other.
    pub(crate) fn check(&self, ranks: bool, architecture: &str) -> Result<()> {
        let why = match (self.ranks, ranks) {
            (true, false) => {
                "is a cross-encoder: it scores texts for a query (wick_rerank), and makes no vectors"
            }
            (false, true) => {
                "is no cross-encoder: it makes vectors (wick_embed), and no scores (wick_rerank)"
            }
            _ => return Ok(()),
        };
        Err(Error::new(ErrorKind::Unsupported, format!("this model of {architecture} {why}")))
    }
}

/// What a decoder says of itself; fixed once it is loaded.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// The architecture's name, as in `general.architecture`: "llama".
    pub architecture: String,
    /// The model's own name, or an empty string.
    pub name: String,
    /// The tensor type that holds most weights: "Q4_1".
    pub quantisation: String,
    /// Which backend computes: "native", "candle", "fake".
    pub backend: &'static str,
    /// Entries of one row of logits.
    pub vocab_size: usize,
    /// Tokens that a sequence may hold at most.
    pub context_length: usize,
    /// Width of a hidden state.
    pub embedding_length: usize,
    /// Weights in all.
    pub parameters: u64,
    /// Bytes of weights, mapped or owned.
    pub weight_bytes: u64,
    /// Bytes of keys and values for one token.
    pub kv_bytes_per_token: u64,
    /// Sequences that one pass may compute together; at least 1.
    pub max_batch: usize,
    /// Tokens that one pass may take in all; at least 1.
    pub max_tokens: usize,
    /// It is an encoder: a pass takes a text whole and gives one vector of it, in place of logits.
    pub encodes: bool,
}

#[cfg_attr(
    not(any(feature = "native", feature = "candle", feature = "text")),
    allow(dead_code, reason = "only model files need it")
)]
impl Spec {
    /// What the header says of a model, whatever computes it. The sizes that depend on the decoder are 0, and
    /// a pass takes one token.
    ///
    /// # Errors
    /// `ModelInvalid` without an architecture, or where a key has another type.
    pub(crate) fn from_header(header: &Header) -> Result<Self> {
        let metadata = header.metadata();
        let architecture: &str = metadata.require("general.architecture")?;
        let number = |key: &str| -> Result<usize> {
            let found: Option<u64> = metadata.find(&format!("{architecture}.{key}"))?;
            Ok(found.and_then(|number| usize::try_from(number).ok()).unwrap_or(0))
        };
        Ok(Self {
            architecture: architecture.to_owned(),
            name: metadata.find::<&str>("general.name")?.unwrap_or_default().to_owned(),
            quantisation: prevailing_type(header.tensors()).to_owned(),
            backend: "none",
            vocab_size: 0,
            context_length: number("context_length")?,
            embedding_length: number("embedding_length")?,
            parameters: header.tensors().iter().map(TensorInfo::elements).fold(0, u64::saturating_add),
            weight_bytes: 0,
            kv_bytes_per_token: 0,
            max_batch: 1,
            max_tokens: 1,
            encodes: false,
        })
    }
}

/// The name of the tensor type that holds most elements; empty without tensors.
#[cfg_attr(
    not(any(feature = "native", feature = "candle", feature = "text")),
    allow(dead_code, reason = "only model files need it")
)]
fn prevailing_type(tensors: &[TensorInfo]) -> &'static str {
    let mut elements: BTreeMap<&str, u64> = BTreeMap::new();
    for tensor in tensors {
        let sum = elements.entry(tensor.kind().name()).or_default();
        *sum = sum.saturating_add(tensor.elements());
    }
    elements.into_iter().max_by_key(|&(_, sum)| sum).map_or("", |(name, _)| name)
}
