//! Attention over KV blocks, split over threads by tokens and heads; knows no cache and no layer but its
//! number.

use super::disjoint::Disjoint;
use super::pace::{Pace, Step};
use super::product::finish;
use super::{Compute, SCRATCH};
use crate::kernel::{KV_BLOCK, Kernels, KvLayout, PARTIAL_TAIL, UNIT, UNIT_BLOCKS, Unit, Visible};
use std::ops::Range;

/// Queries of a chunk at most.
const QUERIES: usize = 24;

/// Consecutive tokens of one sequence within a pass.
pub struct Span<'a, B> {
    /// The sequence's blocks from position 0 on; the keys and values of this pass' own tokens are stored
    /// already.
    pub blocks: &'a [B],
    /// The position of the span's first token.
    pub position: usize,
    /// Tokens in the span; its rows follow those of the span before it.
    pub tokens: usize,
}

/// One layer's attention.
pub struct Attention<'a, B> {
    /// The shape of the blocks.
    pub layout: &'a KvLayout,
    /// Which layer of them.
    pub layer: usize,
    /// Query heads: a multiple of the layout's heads.
    pub heads: usize,
    /// Scores are multiplied by it: 1 / sqrt(key_dim) usually.
    pub scale: f32,
    /// A token sees itself and the `window - 1` tokens before it.
    pub window: Option<usize>,
    /// Scores become `cap * tanh(score / cap)`.
    pub soft_cap: Option<f32>,
    /// `(tokens, heads, key_dim)`, turned by their rope.
    pub queries: &'a [f32],
    /// The sequences of the pass, in the order of their rows.
    pub spans: &'a [Span<'a, B>],
}

impl Compute {
    /// The attention's output into `out`, `(tokens, heads, value_dim)`.
    ///
    /// Call again with the same arguments and cursor `at` after [`Step::Paused`].
    ///
    /// Panics if a shape does not fit, or if a span has fewer blocks than positions.
    pub fn attention<B: AsRef<[u16]> + Sync>(
        &mut self,
        attention: &Attention<'_, B>,
        out: &mut [f32],
        at: &mut usize,
        pace: &Pace,
    ) -> Step {
        attention.check(out.len());
        let chunks = attention.spans.iter().map(|span| attention.chunks(span)).sum();
        let kernels = self.kernels;
        let (scratch, out) = (Disjoint::new(&mut self.scratch), Disjoint::new(out));
        *at = self.pool.run_from(*at, chunks, pace, &|chunk, thread| {
            // SAFETY: each thread has its own scratch memory.
            let scratch = unsafe { scratch.slice(thread * SCRATCH..(thread + 1) * SCRATCH) };
            if let Some(tile) = attention.find(chunk) {
                attention.tile(kernels, &tile, scratch, &out);
            }
        });
        finish(at, chunks)
    }
}

/// The work of a chunk: some tokens of a span, some query heads of one KV head.
struct Tile<'a, B> {
    span: &'a Span<'a, B>,
    /// The pass' row of the span's first token.
    first_row: usize,
    /// Tokens within the span.
    tokens: Range<usize>,
    kv_head: usize,
    /// Query heads.
    heads: Range<usize>,
}

impl<B: AsRef<[u16]> + Sync> Attention<'_, B> {
    fn check(&self, out: usize) {
        let tokens: usize = self.spans.iter().map(|span| span.tokens).sum();
        assert!(self.heads > 0 && self.heads.is_multiple_of(self.layout.heads()), "{} heads", self.heads);
        assert_eq!(self.queries.len(), tokens * self.heads * self.layout.key_dim(), "queries");
        assert_eq!(out, tokens * self.heads * self.layout.value_dim(), "attention's output");
        assert!(self.window != Some(0), "a window of 0 tokens");
        for span in self.spans {
            let needed = (span.position + span.tokens).div_ceil(KV_BLOCK);
            assert!(span.blocks.len() >= needed, "{} blocks for {needed}", span.blocks.len());
        }
    }

    /// Query heads of a KV head.
    fn group(&self) -> usize {
        self.heads / self.layout.heads()
    }

    /// Queries of a tile at most: scratch memory takes them with a total and a part of each.
    fn most(&self) -> usize {
        let each =
            self.layout.key_dim().next_multiple_of(16) + 2 * (self.layout.value_stride() + PARTIAL_TAIL);
        (SCRATCH / each).clamp(1, QUERIES)
    }

    /// Tokens of a tile: as many queries as it takes, fewer where there are many keys.
    fn tile_tokens(&self, span: &Span<'_, B>) -> usize {
        let keys = (span.position + span.tokens).min(self.window()).max(1);
        let bound = (1 << 22) / (keys * self.layout.key_dim());
        (self.most().min(bound) / self.group().min(self.most())).max(1)
    }

    fn chunks(&self, span: &Span<'_, B>) -> usize {
        span.tokens.div_ceil(self.tile_tokens(span))
            * self.layout.heads()
            * self.group().div_ceil(self.most())
    }

    fn find(&self, mut chunk: usize) -> Option<Tile<'_, B>> {
        let mut first_row = 0;
        for span in self.spans {
            let chunks = self.chunks(span);
            if chunk >= chunks {
                chunk -= chunks;
                first_row += span.tokens;
                continue;
            }
            let parts = self.group().div_ceil(self.most());
            let (part, chunk) = (chunk % parts, chunk / parts);
            let (kv_head, block) = (chunk % self.layout.heads(), chunk / self.layout.heads());
            let per_tile = self.tile_tokens(span);
            let tokens = block * per_tile..span.tokens.min((block + 1) * per_tile);
            let (first, end) = (kv_head * self.group(), (kv_head + 1) * self.group());
            let heads = first + part * self.most()..end.min(first + (part + 1) * self.most());
            return Some(Tile { span, first_row, tokens, kv_head, heads });
        }
        None
    }

    fn window(&self) -> usize {
        self.window.unwrap_or(usize::MAX)
    }

    /// The positions that the token at `position` sees.
    fn visible(&self, position: usize) -> Range<usize> {
        (position + 1).saturating_sub(self.window())..position + 1
    }

    fn tile(&self, kernels: &Kernels, tile: &Tile<'_, B>, scratch: &mut [f32], out: &Disjoint<'_, f32>) {
        let (key_dim, stride) = (self.layout.key_dim(), self.layout.value_stride() + PARTIAL_TAIL);
        let heads = tile.heads.len();
        let count = tile.tokens.len() * heads;
        let (queries, rest) = scratch.split_at_mut(count * key_dim.next_multiple_of(16));
        let queries = queries.as_chunks_mut::<16>().0;
        let (totals, parts) = rest.split_at_mut(count * stride);
        self.gather(tile, queries);
        let first = tile.span.position + tile.tokens.start;
        let units = self.visible(first).start / UNIT..(first + tile.tokens.len()).div_ceil(UNIT);
        for unit in units {
            // Tokens that see some of the unit go together, apart from those that see nothing before it.
            let sees = |token: usize| {
                let part = Visible::of(first + token, self.window(), unit * UNIT);
                (!part.is_empty()).then(|| self.visible(first + token).start / UNIT == unit)
            };
            let mut token = 0;
            while token < tile.tokens.len() {
                let fresh = sees(token);
                let range =
                    token..token + (token..tile.tokens.len()).take_while(|&t| sees(t) == fresh).count();
                token = range.end;
                let Some(fresh) = fresh else { continue };
                let work = Unit {
                    count: range.len() * heads,
                    queries: &queries[range.start * heads..],
                    query_stride: count,
                    ..self.unit(tile, unit, first + range.start)
                };
                let totals = &mut totals[range.start * heads * stride..range.end * heads * stride];
                if fresh {
                    kernels.attend(&work, totals);
                } else {
                    kernels.attend(&work, parts);
                    for (total, part) in totals.chunks_exact_mut(stride).zip(parts.chunks_exact(stride)) {
                        kernels.merge(total, part);
                    }
                }
            }
        }
        self.scatter(kernels, tile, totals, out);
    }

    /// The tile's queries, scaled: `(key_dim / 16 rounded up, tokens, heads, 16)`.
    fn gather(&self, tile: &Tile<'_, B>, queries: &mut [[f32; 16]]) {
        let (key_dim, heads) = (self.layout.key_dim(), tile.heads.len());
        let count = tile.tokens.len() * heads;
        for query in 0..count {
            let row = tile.first_row + tile.tokens.start + query / heads;
            let from = &self.queries[(row * self.heads + tile.heads.start + query % heads) * key_dim..];
            for (part, from) in from[..key_dim].chunks(16).enumerate() {
                for (to, &from) in queries[part * count + query].iter_mut().zip(from) {
                    *to = from * self.scale;
                }
            }
        }
    }

    /// The unit `unit` for tokens from `position` on, yet without queries.
    fn unit<'a>(&'a self, tile: &Tile<'a, B>, unit: usize, position: usize) -> Unit<'a> {
        let block = |b: usize| tile.span.blocks.get(unit * UNIT_BLOCKS + b).map_or(&[][..], |b| b.as_ref());
        let part = |b: usize, range: Range<usize>| block(b).get(range).unwrap_or(&[]);
        Unit {
            keys: std::array::from_fn(|b| part(b, self.layout.keys(self.layer, tile.kv_head))),
            values: std::array::from_fn(|b| part(b, self.layout.values(self.layer, tile.kv_head))),
            visible: Visible { start: unit * UNIT, position, heads: tile.heads.len(), window: self.window() },
            count: 0,
            queries: &[],
            query_stride: 0,
            key_dim: self.layout.key_dim(),
            value_stride: self.layout.value_stride(),
            soft_cap: self.soft_cap,
        }
    }

    fn scatter(&self, kernels: &Kernels, tile: &Tile<'_, B>, totals: &[f32], out: &Disjoint<'_, f32>) {
        let (dim, stride) = (self.layout.value_dim(), self.layout.value_stride());
        for (index, total) in totals.chunks_exact(stride + PARTIAL_TAIL).enumerate() {
            let row = tile.first_row + tile.tokens.start + index / tile.heads.len();
            let place = (row * self.heads + tile.heads.start + index % tile.heads.len()) * dim;
            // SAFETY: each head of each token is in one chunk only.
            kernels.finish(total, stride, unsafe { out.slice(place..place + dim) });
        }
    }
}
