//! Where keys and values lie in a block of the KV cache; knows not who owns the block.

use crate::error::{Error, ErrorKind, Result};
use bytemuck::{cast_slice, cast_slice_mut};
use std::iter::{once, repeat_n};
use std::mem::take;
use std::ops::Range;

/// Tokens in a block.
pub const KV_BLOCK: usize = 32;

/// What keys and values are stored as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum KvType {
    /// Half precision floats: 2 bytes an element.
    #[default]
    F16,
    /// Blocks of 32 signed bytes with an f16 scale, ggml's Q8_0: 34 bytes for 32 elements. A row's last block
    /// ends with the row.
    Q8_0,
}

impl KvType {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::F16 => "f16",
            Self::Q8_0 => "q8_0",
        }
    }

    /// What a block is, as a word that saves keep: another shape, order or type is another word.
    pub fn layout(self) -> &'static str {
        match self {
            Self::F16 => "f16/32/1",
            Self::Q8_0 => "q8_0/32/1",
        }
    }
}

/// Elements that share a scale.
pub(super) const SCALED: usize = 32;

/// The shape of a block: keys and values of [`KV_BLOCK`] tokens, for all layers.
///
/// Layer after layer, head after head: keys as `(key_dim, 32)`, so that a vector holds one element of many
/// tokens, then values as `(32, value_dim rounded up to 16)`. In q8_0 keys are `(key_dim / 2 rounded up, 32,
/// 2)`, and behind the bytes of each are the f16 scales as `(dim / 32 rounded up, 32)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvLayout {
    pub(super) layers: usize,
    heads: usize,
    key_dim: usize,
    value_dim: usize,
    kv_type: KvType,
}

impl KvLayout {
    /// The greatest `key_dim` and `value_dim`.
    pub const MAX_DIM: usize = 512;

    /// A layout. `Unsupported` if a dimension is 0 or over [`KvLayout::MAX_DIM`], or if a block would take
    /// over 2^31 elements.
    pub fn new(
        kv_type: KvType,
        layers: usize,
        heads: usize,
        key_dim: usize,
        value_dim: usize,
    ) -> Result<Self> {
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
        Ok(Self { layers, heads, key_dim, value_dim, kv_type })
    }

    /// What elements are stored as.
    pub fn kv_type(&self) -> KvType {
        self.kv_type
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

    /// A key's place: in q8_0 whole pairs.
    pub(super) fn key_stride(&self) -> usize {
        match self.kv_type {
            KvType::F16 => self.key_dim,
            KvType::Q8_0 => self.key_dim.next_multiple_of(2),
        }
    }

    /// Elements that a query takes as attention wants it.
    pub(crate) fn query_len(&self) -> usize {
        match self.kv_type {
            KvType::F16 => self.key_dim.next_multiple_of(16),
            KvType::Q8_0 => self.key_dim.next_multiple_of(SCALED),
        }
    }

    /// Words of two bytes in a block.
    pub fn block_len(&self) -> usize {
        self.layers * self.layer_len()
    }

    fn layer_len(&self) -> usize {
        self.heads * self.head_len()
    }

    fn head_len(&self) -> usize {
        self.keys_len() + self.values_len()
    }

    /// Words of a head's keys, with their scales.
    pub(super) fn keys_len(&self) -> usize {
        self.elements(self.key_stride()) + self.scales(self.key_dim)
    }

    fn values_len(&self) -> usize {
        self.elements(self.value_stride()) + self.scales(self.value_dim)
    }

    /// Words that the elements of 32 rows of `dim` take.
    pub(super) fn elements(&self, dim: usize) -> usize {
        match self.kv_type {
            KvType::F16 => KV_BLOCK * dim,
            KvType::Q8_0 => KV_BLOCK * dim / 2,
        }
    }

    /// Scales of 32 rows of `dim`.
    fn scales(&self, dim: usize) -> usize {
        match self.kv_type {
            KvType::F16 => 0,
            KvType::Q8_0 => KV_BLOCK * dim.div_ceil(SCALED),
        }
    }

    /// Where the keys and values of one layer and head are.
    pub(crate) fn head(&self, layer: usize, head: usize) -> Range<usize> {
        self.keys(layer, head).start..self.values(layer, head).end
    }

    /// Where the keys of one layer and head are, with their scales.
    pub fn keys(&self, layer: usize, head: usize) -> Range<usize> {
        let start = layer * self.layer_len() + head * self.head_len();
        start..start + self.keys_len()
    }

    /// Where the values of one layer and head are, with their scales.
    pub fn values(&self, layer: usize, head: usize) -> Range<usize> {
        let start = self.keys(layer, head).end;
        start..start + self.values_len()
    }

    /// Where one layer is.
    pub fn layer(&self, layer: usize) -> Range<usize> {
        layer * self.layer_len()..(layer + 1) * self.layer_len()
    }

    /// Layers.
    pub fn layers(&self) -> usize {
        self.layers
    }

    /// The bytes of a token in each row of one head: a row has so many for each of its [`KV_BLOCK`] tokens.
    fn rows(&self) -> impl Iterator<Item = usize> {
        // Elements of a key in a row, and bytes of one.
        let (together, element) = match self.kv_type {
            KvType::F16 => (1, 2),
            KvType::Q8_0 => (2, 1),
        };
        let scales = |dim: usize| repeat_n(2, self.scales(dim) / KV_BLOCK);
        let keys = repeat_n(2, self.key_stride() / together).chain(scales(self.key_dim));
        keys.chain(once(element * self.value_stride())).chain(scales(self.value_dim))
    }

    /// Makes what lies behind the first `tokens` tokens of one layer, `bytes`, zero.
    pub fn blank(&self, mut bytes: &mut [u8], tokens: usize) {
        let tokens = tokens.min(KV_BLOCK);
        for each in (0..self.heads).flat_map(|_| self.rows()) {
            let Some((row, rest)) = take(&mut bytes).split_at_mut_checked(KV_BLOCK * each) else { return };
            row[tokens * each..].fill(0);
            bytes = rest;
        }
    }

    /// Copies the first `tokens` tokens of a block, all layers: a fork that writes its own last block.
    pub fn copy(&self, from: &[u16], to: &mut [u16], tokens: usize) {
        let tokens = tokens.min(KV_BLOCK);
        let (from, mut to): (&[u8], &mut [u8]) = (cast_slice(from), cast_slice_mut(to));
        let mut at = 0;
        for each in (0..self.layers * self.heads).flat_map(|_| self.rows()) {
            let Some((row, rest)) = take(&mut to).split_at_mut_checked(KV_BLOCK * each) else { return };
            row[..tokens * each].copy_from_slice(&from[at..at + tokens * each]);
            (to, at) = (rest, at + KV_BLOCK * each);
        }
    }
}
