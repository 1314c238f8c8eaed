//! A model as its header describes it: what would be computed, and the memory that it takes. Reads no tensor.

use super::kv::KvMemory;
use super::scratch::Scratch;
use crate::error::Result;
use crate::gguf::Header;
use crate::kernel::{KV_BLOCK, KvType};
use crate::kv::CacheSpec;
use crate::model::description::{Config, ModelWeights};

/// Sequences that one pass computes together at most.
pub(super) const MAX_BATCH: usize = 64;

/// Tokens that one pass takes at most: enough that reading the weights costs little beside the arithmetic,
/// few enough that operations that do not rest take a fraction of a millisecond.
const MAX_TOKENS: usize = 256;

/// A model of which nothing but the header is known.
pub struct NativeOutline {
    weight_bytes: u64,
    context_length: usize,
    max_tokens: usize,
    read_by_row: Option<&'static str>,
    memory: KvMemory,
    /// None taken.
    scratch: Scratch,
}

impl NativeOutline {
    /// Checks all that a header says of a model to be loaded with such a context length (`None`: its own) and
    /// such keys and values.
    ///
    /// # Errors
    /// As [`NativeDecoder::load`](super::NativeDecoder::load)'s, but for the budget.
    pub fn new(header: &Header, wanted: Option<usize>, kv_type: KvType) -> Result<Self> {
        let config = Config::read(header.metadata())?;
        let context_length = config.capped(wanted);
        let weights = ModelWeights::outline(header, &config, context_length)?;
        let memory = KvMemory::new(&config.layers, kv_type, weights.rope_word())?;
        let scratch = Scratch::new(&config, &weights);
        let max_tokens = max_tokens(&config, context_length);
        let (weight_bytes, read_by_row) = (header.held_bytes(), config.read_by_row());
        Ok(Self { weight_bytes, context_length, max_tokens, read_by_row, memory, scratch })
    }

    /// Bytes of tensors, mapped or read, and of the header's metadata.
    pub fn weight_bytes(&self) -> u64 {
        self.weight_bytes
    }

    /// The tensor that is to be [read by row](crate::gguf::Gguf::read_by_row).
    pub fn read_by_row(&self) -> Option<&'static str> {
        self.read_by_row
    }

    /// Tokens that a sequence may hold at most.
    pub fn context_length(&self) -> usize {
        self.context_length
    }

    /// What is kept of a token's past.
    pub fn cache_spec(&self) -> CacheSpec {
        self.memory.spec()
    }

    /// Bytes of a token's keys and values in all layers.
    pub fn kv_bytes_per_token(&self) -> u64 {
        self.memory.block_bytes() / KV_BLOCK as u64
    }

    /// Tokens that a pass takes at most.
    pub fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// Bytes that passes work in, of up to `tokens` tokens, which give a token to up to `sequences`
    /// sequences.
    pub fn scratch_bytes(&self, tokens: usize, sequences: usize) -> u64 {
        self.scratch.bytes_for(tokens.min(self.max_tokens()), sequences.min(MAX_BATCH), 0)
    }
}

/// Tokens that a pass takes at most, of sequences of up to `context_length`: all of an encoder's.
pub(super) fn max_tokens(config: &Config, context_length: usize) -> usize {
    if config.encoder.is_some() { context_length } else { MAX_TOKENS.min(context_length) }
}
