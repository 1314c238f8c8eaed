//! One layer's attention as a model asks for it; computes nothing.

use crate::kernel::{KV_BLOCK, KvLayout, SECTION, Sight};
use std::ops::Range;

/// What holds blocks of keys and values, by number.
pub trait BlockMemory: Sync {
    /// A block's elements as its layout has them; empty if there is none.
    fn block(&self, id: u32) -> &[u16];
}

impl BlockMemory for [Vec<u16>] {
    fn block(&self, id: u32) -> &[u16] {
        self.get(id as usize).map_or(&[], |block| block)
    }
}

/// Consecutive tokens of one sequence within a pass.
pub struct Span<'a> {
    /// The numbers of the sequence's blocks from position 0 on; the keys and values of this pass' own tokens
    /// are stored already. What lies before every token's window is not read.
    pub blocks: &'a [u32],
    /// The position of the span's first token.
    pub position: usize,
    /// Tokens in the span; its rows follow those of the span before it.
    pub tokens: usize,
}

/// One layer's attention.
pub struct Attention<'a, M: ?Sized> {
    /// The shape of the blocks.
    pub layout: &'a KvLayout,
    /// Where the blocks are.
    pub memory: &'a M,
    /// Which layer of them.
    pub layer: usize,
    /// Query heads: a multiple of the layout's heads.
    pub heads: usize,
    /// Scores are multiplied by it: 1 / sqrt(key_dim) usually.
    pub scale: f32,
    /// A token sees itself and the `window - 1` tokens before it.
    pub window: Option<usize>,
    /// It sees as far behind itself too: the spans are whole sequences, of an encoder.
    pub both_ways: bool,
    /// A score of each query head, `(heads)`, that takes a share of the weights and has no value; empty for
    /// none.
    pub sinks: &'a [f32],
    /// Scores become `cap * tanh(score / cap)`.
    pub soft_cap: Option<f32>,
    /// `(tokens, heads, key_dim)`, turned by their rope.
    pub queries: &'a [f32],
    /// The sequences of the pass, in the order of their rows.
    pub spans: &'a [Span<'a>],
}

impl<M: ?Sized> Attention<'_, M> {
    /// Panics unless all shapes fit.
    pub(super) fn check(&self, out: usize) {
        let rows = self.rows();
        assert!(self.heads > 0 && self.heads.is_multiple_of(self.layout.heads()), "{} heads", self.heads);
        assert_eq!(self.queries.len(), rows * self.heads * self.layout.key_dim(), "queries");
        assert_eq!(out, rows * self.heads * self.layout.value_dim(), "attention's output");
        assert!(self.window != Some(0), "a window of 0 tokens");
        assert!(self.sinks.is_empty() || self.sinks.len() == self.heads, "sinks");
        for span in self.spans {
            let needed = (span.position + span.tokens).div_ceil(KV_BLOCK);
            assert!(span.blocks.len() >= needed, "{} blocks for {needed}", span.blocks.len());
        }
    }

    /// Tokens of the pass.
    pub(super) fn rows(&self) -> usize {
        self.spans.iter().map(|span| span.tokens).sum()
    }

    /// Query heads of a KV head.
    pub(super) fn group(&self) -> usize {
        self.heads / self.layout.heads()
    }

    /// How far the tokens of a span see.
    pub(super) fn sight(&self, span: &Span<'_>) -> Sight {
        let window = self.window.unwrap_or(usize::MAX);
        let ahead = if self.both_ways { window - 1 } else { 0 };
        Sight { window, ahead, end: span.position + span.tokens }
    }

    /// The sections that token `token` of a span sees some of.
    pub(super) fn sections(&self, span: &Span<'_>, token: usize) -> Range<usize> {
        let seen = self.sight(span).of(span.position + token);
        seen.start / SECTION..seen.end.div_ceil(SECTION)
    }

    /// The sections that the tokens of a span see some of.
    pub(super) fn sections_of(&self, span: &Span<'_>) -> Range<usize> {
        match span.tokens.checked_sub(1) {
            Some(last) => self.sections(span, 0).start..self.sections(span, last).end,
            None => 0..0,
        }
    }
}
