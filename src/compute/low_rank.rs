//! Additions of low rank to products: y += up · (scale · down · x) for some of the tokens. Knows no adapter.

use super::disjoint::Disjoint;
use super::pace::{Pace, Step, finish};
use super::{Compute, SCRATCH};
use crate::kernel::{Activations, Kernels, Weights};
use std::ops::Range;

/// What is added to some tokens' results of a product.
#[derive(Debug, Clone)]
pub struct LowRank<'a> {
    /// Whose results.
    pub tokens: Range<usize>,
    /// `(rank, cols)`, of floats.
    pub down: Weights<'a>,
    /// What its products are multiplied by.
    pub scale: f32,
    /// Row k, from `k * stride` on, is what element k of the rank gives to each of the product's rows.
    pub up: &'a [f32],
    /// Elements between two of them.
    pub stride: usize,
    /// Where in the memory between the two its own part, `(tokens, rank)`, begins.
    pub place: usize,
}

/// Additions to the results of one product, and what they were lowered to ([`Compute::lower`]).
#[derive(Clone, Copy, Default)]
pub struct Added<'a> {
    /// Of each token at most one.
    pub parts: &'a [LowRank<'a>],
    /// The memory that their places are in.
    pub lowered: &'a [f32],
}

/// Tokens and rows of a chunk: its work is over in time at any width.
const TOKENS: usize = 32;
const ROWS: usize = 16;

impl LowRank<'_> {
    fn rank(&self) -> usize {
        self.down.rows()
    }

    /// Units of [`Compute::lower`]'s cursor.
    pub fn chunks(&self) -> usize {
        self.tokens.len().div_ceil(TOKENS) * self.rank().div_ceil(ROWS)
    }

    /// Rows and tokens of chunk `chunk`.
    fn part(&self, chunk: usize) -> (Range<usize>, Range<usize>) {
        let down = self.rank().div_ceil(ROWS).max(1);
        let (row, token) = (chunk % down * ROWS, self.tokens.start + chunk / down * TOKENS);
        (row..self.rank().min(row + ROWS), token..self.tokens.end.min(token + TOKENS))
    }
}

impl Compute {
    /// `scale * down . activations` of all `parts`, each into its place of `lowered`.
    ///
    /// Call again with the same arguments and cursor `at` after [`Step::Paused`].
    ///
    /// Panics if a shape does not fit, if two places overlap, or if the activations lack the f32 form.
    pub fn lower(
        &mut self,
        parts: &[LowRank<'_>],
        activations: &Activations,
        lowered: &mut [f32],
        at: &mut usize,
        pace: &Pace,
    ) -> Step {
        let chunks = parts.iter().map(LowRank::chunks).sum();
        let mut end = 0;
        for part in parts {
            assert!(part.place >= end, "places overlap");
            end = part.place + part.tokens.len() * part.rank();
        }
        let (kernels, scratch) = (self.kernels, Disjoint::new(&mut self.scratch));
        let lowered = Disjoint::new(lowered);
        *at = self.pool.run_from(*at, chunks, pace, &|chunk, thread| {
            // SAFETY: each thread has its own scratch memory.
            let tile = unsafe { scratch.slice(thread * SCRATCH..thread * SCRATCH + TOKENS * ROWS) };
            let Some((part, chunk)) = find(parts, chunk) else { return };
            let (rows, tokens) = part.part(chunk);
            kernels.product(&part.down, rows.clone(), activations, tokens.clone(), tile, rows.len());
            for (token, results) in tokens.zip(tile.chunks_exact_mut(rows.len().max(1))) {
                kernels.scale(results, part.scale);
                let first = part.place + (token - part.tokens.start) * part.rank();
                // SAFETY: places do not overlap, and each row of each token is in one chunk only.
                unsafe { lowered.slice(first + rows.start..first + rows.end) }.copy_from_slice(results);
            }
        });
        finish(at, chunks)
    }
}

/// The part that chunk `chunk` of all belongs to, and which of its chunks that is.
fn find<'a, 'b>(parts: &'b [LowRank<'a>], mut chunk: usize) -> Option<(&'b LowRank<'a>, usize)> {
    for part in parts {
        if chunk < part.chunks() {
            return Some((part, chunk));
        }
        chunk -= part.chunks();
    }
    None
}

impl Added<'_> {
    /// Adds to `tile`, `(tokens, rows)`: the order of a sum is that of the rank, whatever the tile.
    pub(super) fn to(&self, kernels: &Kernels, rows: &Range<usize>, tokens: &Range<usize>, tile: &mut [f32]) {
        for part in self.parts {
            let (first, end) = (tokens.start.max(part.tokens.start), tokens.end.min(part.tokens.end));
            for token in first..end {
                let at = part.place + (token - part.tokens.start) * part.rank();
                let scales = &self.lowered[at..at + part.rank()];
                let results = (token - tokens.start) * rows.len();
                let results = &mut tile[results..results + rows.len()];
                kernels.add_rows(results, scales, &part.up[rows.start..], part.stride);
            }
        }
    }
}
