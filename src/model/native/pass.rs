//! One pass: which tokens of which sequences, and how far it has come. Knows rows and order; computes
//! nothing.

use crate::compute;
use crate::error::Result;
use crate::model::{Chunk, Sequence};
use std::ops::Range;

/// One sequence's rows in a pass.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) sequence: Sequence,
    /// Its first row in the pass.
    pub(super) row: usize,
    /// Its rows.
    pub(super) count: usize,
    /// Absolute position of its first token.
    pub(super) position: usize,
    /// Its row among the logits.
    pub(super) logits: Option<usize>,
}

/// What is computed next, in this order, layer by layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// Rope's angles of all positions.
    Angles,
    /// Token ids to rows of the residual stream.
    Embed,
    /// The norm before attention.
    AttentionNorm,
    /// Its result in the forms that q, k and v are multiplied with.
    QuantiseStream,
    /// Queries, keys and values.
    Qkv,
    /// Norms and rope of queries and keys.
    Rope,
    /// Keys and values into their blocks. In the last layer, only rows whose logits are wanted go on.
    Store,
    /// Softmax of queries times keys, times values.
    Attend,
    /// Its result in the form that comes next.
    QuantiseAttended,
    /// The output projection.
    AttentionOutput,
    /// The sum with the residual stream, and the norm before the feed-forward.
    FeedForwardNorm,
    /// Its result in the forms that come next.
    QuantiseHidden,
    /// Which experts each row runs through.
    Route,
    /// The rows of one expert.
    Gather,
    /// Gate and up, multiplied.
    GateUp,
    /// Their result in the form that comes next.
    QuantiseInner,
    /// The projection back.
    Down,
    /// One expert's results to the sums of their rows.
    Scatter,
    /// The sum with the residual stream.
    Add,
    /// The norm behind the last layer.
    OutputNorm,
    /// Its result in the form that the output matrix is multiplied with.
    QuantiseOutput,
    /// Rows of logits.
    Output,
    /// Scale and cap of the logits.
    Finish,
    /// Nothing.
    Done,
}

/// How far a pass has come: everything before is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) layer: usize,
    pub(super) operation: Operation,
    /// Which expert, where there are several; 0 elsewhere.
    pub(super) expert: usize,
    /// Units (rows of weights, or rows of tokens) of the operation that are computed.
    pub(super) unit: usize,
}

/// Rows that an operation on the driving thread takes at a time: tens of microseconds.
const ROWS: usize = 32;

impl Cursor {
    /// The rows that come next of `rows`.
    pub(super) fn block(&self, rows: usize) -> Range<usize> {
        self.unit..rows.min(self.unit + ROWS)
    }

    /// Moves behind that block; `Paused` while rows are left.
    pub(super) fn step(&mut self, rows: usize) -> compute::Step {
        self.unit = self.block(rows).end;
        if self.unit < rows { compute::Step::Paused } else { compute::Step::Done }
    }
}

/// The pass in progress, or none.
pub(super) struct Pass {
    pub(super) spans: Vec<Span>,
    /// Token ids, row by row.
    pub(super) tokens: Vec<u32>,
    /// Only rows whose logits are wanted are left.
    pub(super) narrowed: bool,
    /// `None`: no pass is in progress.
    pub(super) cursor: Option<Cursor>,
}

impl Pass {
    /// No pass; room for one of `batch` sequences and `tokens` tokens.
    pub(super) fn new(batch: usize, tokens: usize) -> Result<Self> {
        let mut pass = Self { spans: Vec::new(), tokens: Vec::new(), narrowed: false, cursor: None };
        pass.spans.try_reserve_exact(batch)?;
        pass.tokens.try_reserve_exact(tokens)?;
        Ok(pass)
    }

    /// No pass.
    pub(super) fn clear(&mut self) {
        self.spans.clear();
        self.tokens.clear();
        self.narrowed = false;
        self.cursor = None;
    }

    /// Adds the rows of a chunk, whose first token is at `position`.
    pub(super) fn push(&mut self, chunk: &Chunk<'_>, position: usize) {
        self.spans.push(Span {
            sequence: chunk.sequence,
            row: self.tokens.len(),
            count: chunk.tokens.len(),
            position,
            logits: chunk.logits.then(|| self.outputs()),
        });
        self.tokens.extend_from_slice(chunk.tokens);
    }

    /// Rows of logits that are wanted.
    pub(super) fn outputs(&self) -> usize {
        self.spans.iter().filter(|span| span.logits.is_some()).count()
    }

    /// The absolute position of row `row`'s token.
    pub(super) fn position(&self, row: usize) -> Option<usize> {
        let span = self.spans.iter().find(|span| (span.row..span.row + span.count).contains(&row))?;
        Some(span.position + row - span.row)
    }

    /// Sets the cursor to the beginning.
    pub(super) fn start(&mut self) {
        self.cursor = Some(Cursor { layer: 0, operation: Operation::Angles, expert: 0, unit: 0 });
    }

    /// Whether a pass is in progress.
    pub(super) fn is_active(&self) -> bool {
        self.cursor.is_some()
    }

    /// Whether its logits are there.
    pub(super) fn is_done(&self) -> bool {
        self.cursor.is_some_and(|cursor| cursor.operation == Operation::Done)
    }
}
