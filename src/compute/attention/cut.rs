//! How attention is cut into rounds and chunks: numbers only.
//!
//! A chunk is a tile of queries (some tokens times the query heads of one KV head) and some sections of keys;
//! a round is as many sections of every span as their chunks can leave behind. Results do not depend on it.

use super::job::{Attention, Span};
use crate::compute::SCRATCH;
use crate::kernel::{PARTIAL_TAIL, SECTION};
use std::ops::Range;

/// Queries of a tile at most: two register tiles.
const QUERIES: usize = 24;
/// Queries times keys times elements of a chunk, if it has several sections: about 200 µs.
const WORK: usize = 1 << 22;
/// Chunks for each thread from which on a tile's keys need not be split for threads to be busy.
const FAIR: usize = 4;
/// Merges of a chunk of the second stage.
const MERGES: usize = 512;
/// Elements for the results of sections of few queries.
const SLOTS: usize = 64 * 1024;

/// Elements of memory that attention of `rows` tokens with so many query heads makes use of.
pub fn attention_work(rows: usize, heads: usize) -> usize {
    rows * heads * PARTIAL_TAIL + SLOTS
}

/// What is computed together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Stage {
    /// The chunks of a round.
    Sections { round: usize },
    /// The results that they left, merged in ascending order.
    Merge { round: usize },
}

/// How one layer's attention is cut: the same at every call, so that a cursor is a number of chunks.
#[derive(Debug)]
pub(super) struct Cut {
    /// Query heads of a tile.
    heads: usize,
    /// Tokens of a tile.
    tokens: usize,
    /// Sections of a chunk.
    per_chunk: usize,
    /// Sections of a round.
    pub(super) per_round: usize,
    /// Chunks leave a result for each section, which a second stage merges: there are too few tiles for all
    /// threads. Else a tile has one chunk in a round, which goes on with what the tile had come to.
    pub(super) split: bool,
    rounds: usize,
    /// Lines (tokens times query heads) of a chunk of the second stage, and in all.
    merged: usize,
    pub(super) lines: usize,
}

/// The work of a chunk.
pub(super) struct Chunk<'a> {
    pub(super) span: &'a Span<'a>,
    /// The pass' row of the span's first token.
    pub(super) first_row: usize,
    /// Tokens within the span.
    pub(super) tokens: Range<usize>,
    pub(super) kv_head: usize,
    /// Query heads.
    pub(super) heads: Range<usize>,
    /// Sections by their absolute number.
    pub(super) sections: Range<usize>,
    /// Which of the round's sections comes first.
    pub(super) slot: usize,
}

impl Cut {
    /// For `threads` threads and `work` elements of memory.
    pub(super) fn new<M: ?Sized>(attention: &Attention<'_, M>, threads: usize, work: usize) -> Self {
        let (layout, group) = (attention.layout, attention.group());
        let stride = layout.value_stride() + PARTIAL_TAIL;
        // Scratch memory takes queries with a total and a part of each.
        let most = (SCRATCH / (layout.query_len() + 2 * stride)).clamp(1, QUERIES);
        let heads = group.min(most);
        let lines = attention.rows() * attention.heads;
        let mut cut = Self {
            heads,
            tokens: most / heads,
            per_chunk: 1,
            per_round: 1,
            split: false,
            rounds: 0,
            merged: 1,
            lines,
        };
        let (mut tiles, mut chunks, mut longest, mut tokens) = (0, 0, 1, 1);
        for span in attention.spans {
            let (across, sections) = (cut.tiles(attention, span), attention.sections_of(span).len());
            tiles += across;
            chunks += across * sections;
            longest = longest.max(sections);
            tokens = tokens.max(span.tokens.min(cut.tokens));
        }
        let in_time = (WORK / (tokens * heads * SECTION * layout.key_dim())).max(1);
        let slots = work.saturating_sub(lines * PARTIAL_TAIL) / (lines * stride).max(1);
        cut.split = longest > 1 && slots > 0 && tiles < threads * FAIR && threads > 1;
        if cut.split {
            cut.per_chunk = (chunks / (threads * FAIR)).clamp(1, in_time.min(slots).min(longest));
            cut.per_round = longest.min(slots);
            cut.merged = (MERGES / cut.per_round).max(1);
        } else {
            // What a round comes to needs memory until the next.
            let whole = lines * PARTIAL_TAIL > work;
            cut.per_chunk = if whole { longest } else { in_time.min(longest) };
            cut.per_round = cut.per_chunk;
        }
        cut.rounds = longest.div_ceil(cut.per_round);
        cut
    }

    /// Tiles of a span.
    fn tiles<M: ?Sized>(&self, attention: &Attention<'_, M>, span: &Span<'_>) -> usize {
        let parts = attention.group().div_ceil(self.heads);
        span.tokens.div_ceil(self.tokens) * attention.layout.heads() * parts
    }

    /// The stages, one after the other.
    pub(super) fn stages(&self) -> impl Iterator<Item = Stage> {
        let split = self.split;
        (0..self.rounds).flat_map(move |round| {
            let merge = split.then_some(Stage::Merge { round });
            [Some(Stage::Sections { round }), merge].into_iter().flatten()
        })
    }

    /// The sections of a round that a token or a span sees which sees `sections` in all, where its span sees
    /// `first` first.
    pub(super) fn in_round(&self, sections: Range<usize>, first: usize, round: usize) -> Range<usize> {
        let begin = first + round * self.per_round;
        let start = sections.start.max(begin);
        start..sections.end.min(begin + self.per_round).max(start)
    }

    /// Chunks of a stage.
    pub(super) fn chunks<M: ?Sized>(&self, attention: &Attention<'_, M>, stage: Stage) -> usize {
        match stage {
            Stage::Sections { round } => {
                attention.spans.iter().map(|span| self.chunks_of(attention, span, round)).sum()
            }
            Stage::Merge { .. } => self.lines.div_ceil(self.merged),
        }
    }

    fn chunks_of<M: ?Sized>(&self, attention: &Attention<'_, M>, span: &Span<'_>, round: usize) -> usize {
        let sections = attention.sections_of(span);
        let first = sections.start;
        self.in_round(sections, first, round).len().div_ceil(self.per_chunk) * self.tiles(attention, span)
    }

    /// Chunk `chunk` of a round. Tiles of the same keys follow each other.
    pub(super) fn find<'a, M: ?Sized>(
        &self,
        attention: &'a Attention<'_, M>,
        round: usize,
        mut chunk: usize,
    ) -> Option<Chunk<'a>> {
        let mut first_row = 0;
        for span in attention.spans {
            let chunks = self.chunks_of(attention, span, round);
            if chunk >= chunks {
                chunk -= chunks;
                first_row += span.tokens;
                continue;
            }
            let (across, parts) = (span.tokens.div_ceil(self.tokens), attention.group().div_ceil(self.heads));
            let (tile, chunk) = (chunk % across, chunk / across);
            let (part, chunk) = (chunk % parts, chunk / parts);
            let (kv_head, step) = (chunk % attention.layout.heads(), chunk / attention.layout.heads());
            let tokens = tile * self.tokens..span.tokens.min((tile + 1) * self.tokens);
            let (first, end) = (kv_head * attention.group(), (kv_head + 1) * attention.group());
            let heads = first + part * self.heads..end.min(first + (part + 1) * self.heads);
            let all = attention.sections_of(span);
            let round = self.in_round(all.clone(), all.start, round);
            let slot = step * self.per_chunk;
            let sections = round.start + slot..round.end.min(round.start + slot + self.per_chunk);
            return Some(Chunk { span, first_row, tokens, kv_head, heads, sections, slot });
        }
        None
    }

    /// The lines of a chunk of the second stage.
    pub(super) fn lines_of(&self, chunk: usize) -> Range<usize> {
        chunk * self.merged..self.lines.min((chunk + 1) * self.merged)
    }
}
