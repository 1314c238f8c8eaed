//! Where keys and values lie in a block of the KV cache; knows not who owns the block.

use crate::error::{Error, ErrorKind, Result};
use std::ops::Range;

/// Tokens in a block.
pub const KV_BLOCK: usize = 32;

/// The shape of a block: f16 keys and values of [`KV_BLOCK`] tokens, for all layers.
///
/// Layer after layer, head after head: keys as `(key_dim, 32)`, so that a vector holds one element of many
/// tokens, then values as `(32, value_dim rounded up to 16)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvLayout {
    pub(super) layers: usize,
    heads: usize,
    key_dim: usize,
    value_dim: usize,
}

impl KvLayout {
    /// The greatest `key_dim` and `value_dim`.
    pub const MAX_DIM: usize = 512;

    /// A layout. `Unsupported` if a dimension is 0 or over [`KvLayout::MAX_DIM`], or if a block would take
    /// over 2^31 elements.
    pub fn new(layers: usize, heads: usize, key_dim: usize, value_dim: usize) -> Result<Self> {
        let in_range = |dim: usize| (1..=Self::MAX_DIM).contains(&dim);
        let per_head = KV_BLOCK * (key_dim.min(1 << 20) + value_dim.min(1 << 20));
        let total = layers.saturating_mul(heads).saturating_mul(per_head);
        if !in_range(key_dim) || !in_range(value_dim) || total == 0 || total > 1 << 31 {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "a KV cache of {layers} layers, {heads} heads, {key_dim} and {value_dim} dimensions; dimensions go to {}",
                    Self::MAX_DIM
                ),
            ));
        }
        Ok(Self { layers, heads, key_dim, value_dim })
    }

    /// Heads of keys and values.
    pub fn heads(&self) -> usize {
        self.heads
    }

    /// Elements of a key.
    pub fn key_dim(&self) -> usize {
        self.key_dim
    }

    /// Elements of a value.
    pub fn value_dim(&self) -> usize {
        self.value_dim
    }

    /// A value's place: `value_dim` rounded up to whole vectors.
    pub(crate) fn value_stride(&self) -> usize {
        self.value_dim.next_multiple_of(16)
    }

    /// Elements (of two bytes) in a block.
    pub fn block_len(&self) -> usize {
        self.layers * self.layer_len()
    }

    fn layer_len(&self) -> usize {
        self.heads * KV_BLOCK * (self.key_dim + self.value_stride())
    }

    /// Where the keys of one layer and head are: `(key_dim, 32)`.
    pub fn keys(&self, layer: usize, head: usize) -> Range<usize> {
        let start = layer * self.layer_len() + head * KV_BLOCK * (self.key_dim + self.value_stride());
        start..start + KV_BLOCK * self.key_dim
    }

    /// Where the values of one layer and head are: `(32, value_stride)`.
    pub fn values(&self, layer: usize, head: usize) -> Range<usize> {
        let start = self.keys(layer, head).end;
        start..start + KV_BLOCK * self.value_stride()
    }

    /// Copies the first `tokens` tokens of a block, all layers: a fork that writes its own last block.
    pub fn copy(&self, from: &[u16], to: &mut [u16], tokens: usize) {
        let tokens = tokens.min(KV_BLOCK);
        for layer in 0..self.layers {
            for head in 0..self.heads {
                let keys = self.keys(layer, head);
                for (to, from) in
                    to[keys.clone()].chunks_exact_mut(KV_BLOCK).zip(from[keys].chunks_exact(KV_BLOCK))
                {
                    to[..tokens].copy_from_slice(&from[..tokens]);
                }
                let values = self.values(layer, head);
                let len = tokens * self.value_stride();
                to[values.clone()][..len].copy_from_slice(&from[values][..len]);
            }
        }
    }
}
