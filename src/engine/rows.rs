//! A pass under way and its rows; knows not who plans it and who runs it.

use crate::stream::End;
use std::time::Duration;

/// A pass under way.
pub(super) struct Pass {
    pub(super) model: u64,
    pub(super) rows: Vec<Row>,
    /// Computed: what is left is to take over its rows, from this one on.
    pub(super) committed: Option<usize>,
    /// How generations end that are known to, once the pass is over.
    pub(super) ends: Vec<(u64, End)>,
    /// How long its slices took, and not what lay between them.
    pub(super) took: Duration,
}

/// One generation's part of a pass.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) generation: u64,
    pub(super) session: u64,
    /// How many tokens of the session are fed, from the decoder's length on.
    pub(super) tokens: usize,
    /// Tokens that the session's sequence holds before this pass.
    pub(super) from: usize,
    /// Whether the row reaches the session's last token, so that the next one can be sampled.
    pub(super) last: bool,
    /// Whether somebody still wants it.
    pub(super) live: bool,
}

impl Row {
    /// One token, and the next is wanted.
    pub(super) fn decodes(&self) -> bool {
        self.tokens == 1 && self.last
    }
}
