//! A section of keys and values with the queries that see some of it; computes nothing.

use crate::kernel::kv::{KV_BLOCK, KvLayout};
use std::ops::Range;

/// KV blocks in a unit.
pub(super) const UNIT_BLOCKS: usize = 4;
/// Tokens in a unit.
pub(super) const UNIT: usize = UNIT_BLOCKS * KV_BLOCK;
/// Units in a section.
pub(super) const SECTION_UNITS: usize = 4;
/// KV blocks in a section.
pub(crate) const SECTION_BLOCKS: usize = SECTION_UNITS * UNIT_BLOCKS;
/// Tokens in a section.
pub(crate) const SECTION: usize = SECTION_UNITS * UNIT;

/// Extra elements of a partial result behind its `value_stride` sums: the maximum score, the sum of weights.
pub(crate) const PARTIAL_TAIL: usize = 2;

/// What each query sees: its own token, what is before it as far as its window goes, and, in an encoder, what
/// is behind it.
#[derive(Debug, Clone)]
pub(crate) struct Visible {
    /// The position of the first query's token; each token has `heads` queries, one token follows the other.
    pub(crate) position: usize,
    pub(crate) heads: usize,
    pub(crate) sight: Sight,
}

/// How far each token of a sequence sees.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sight {
    /// A token sees itself and the `window - 1` tokens before it,
    pub(crate) window: usize,
    /// and so many behind it,
    pub(crate) ahead: usize,
    /// of so many tokens that there are.
    pub(crate) end: usize,
}

impl Sight {
    /// The positions that the token at `position` sees.
    #[inline(always)]
    pub(crate) fn of(&self, position: usize) -> Range<usize> {
        (position + 1).saturating_sub(self.window)..self.end.min((position + 1).saturating_add(self.ahead))
    }
}

impl Visible {
    /// The positions that query `query` sees.
    #[inline(always)]
    pub(super) fn query(&self, query: usize) -> Range<usize> {
        self.sight.of(self.position + query / self.heads)
    }

    /// The queries, of `count`, that see some of the `length` positions from `start` on: each other's
    /// neighbours.
    #[inline(always)]
    pub(super) fn seeing(&self, count: usize, start: usize, length: usize) -> Range<usize> {
        let Sight { window, ahead, end } = self.sight;
        if start >= end {
            return count..count;
        }
        let first = start.saturating_sub(ahead).saturating_sub(self.position).saturating_mul(self.heads);
        let tokens = (start + length - 1).saturating_add(window).saturating_sub(self.position);
        first.min(count)..tokens.saturating_mul(self.heads).min(count)
    }
}

/// The keys and values of one head in one section, and queries of which each sees some of it.
pub(crate) struct Section<'a> {
    pub(crate) layout: &'a KvLayout,
    /// The head's part of each block, keys and values (`KvLayout::head`), and of the blocks of the unit that
    /// is computed next; empty beyond the sequence's last block.
    pub(crate) blocks: [&'a [u16]; SECTION_BLOCKS + UNIT_BLOCKS],
    /// The section's first position.
    pub(crate) start: usize,
    pub(crate) visible: Visible,
    /// How many queries there are.
    pub(crate) count: usize,
    /// As `KvLayout::place_query` lays them, `query_stride` apart: a tile's elements lie at distances that
    /// the compiler knows. Already scaled, and by log2 e, so that weights are powers of two.
    pub(crate) queries: &'a [[f32; 16]],
    pub(crate) query_stride: usize,
    /// Scores become `cap * tanh(score / cap)`: a cap times log2 e.
    pub(crate) soft_cap: Option<f32>,
}

impl Section<'_> {
    /// Elements of a query's partial result.
    #[inline(always)]
    pub(super) fn stride(&self) -> usize {
        self.layout.value_stride() + PARTIAL_TAIL
    }
}
