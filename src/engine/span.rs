//! One generation's part of a pass; knows not who plans it and who runs it.

use crate::model::Sequence;

/// One generation's part of a pass.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) generation: u64,
    pub(super) session: u64,
    pub(super) sequence: Sequence,
    /// Tokens that the sequence holds before this pass.
    pub(super) from: usize,
    /// How many tokens of the session are fed, from there on.
    pub(super) tokens: usize,
    /// How many drafted ones behind them, and where in the pass' drafts its tokens and they stand.
    pub(super) drafts: usize,
    pub(super) fed: usize,
    /// Whether it reaches the session's last token.
    pub(super) last: bool,
    /// Whether the next token is to be sampled behind it.
    pub(super) logits: bool,
    /// Whether the answer has begun.
    pub(super) answers: bool,
    /// Whether somebody still wants it.
    pub(super) live: bool,
}

impl Span {
    /// The next token of an answer, or the first behind a prompt's last row. An answer may have more than one
    /// row without a draft: those that were computed beside a wrong one, where nothing could be committed.
    pub(super) fn decodes(&self) -> bool {
        self.answers || self.tokens == 1 && self.last
    }

    /// Rows of the pass.
    pub(super) fn rows(&self) -> usize {
        self.tokens + self.drafts
    }

    /// Of how many of its last rows the logits are wanted: of all of an answer's.
    pub(super) fn outputs(&self) -> usize {
        match self.logits {
            true if self.answers => self.rows(),
            wanted => usize::from(wanted),
        }
    }

    /// The same with at most `tokens` tokens; no draft is there yet.
    pub(super) fn cut(self, tokens: usize) -> Self {
        let whole = tokens >= self.tokens;
        let tokens = tokens.min(self.tokens);
        Self { tokens, last: self.last && whole, logits: self.logits && whole, ..self }
    }
}
