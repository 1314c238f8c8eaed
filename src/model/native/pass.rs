//! One pass: which tokens of which sequences, and how far it has come. Knows rows and order; computes
//! nothing.

use super::adapted::{Adapters, Run, Runs};
use super::scratch::ROWS;
use crate::compute;
use crate::error::Result;
use crate::model::program::Stage;
use crate::model::{self, Pooling};
use smallvec::SmallVec;
use std::ops::Range;

/// The state that a sequence begins with (none at position 0), and the one that it leaves.
pub(super) type States = Option<(Option<u32>, u32)>;

/// One sequence's rows in a pass.
#[derive(Debug, Clone)]
pub(super) struct Span {
    /// Its first row in the pass.
    pub(super) row: usize,
    /// Its rows.
    pub(super) count: usize,
    /// Absolute position of its first token.
    pub(super) position: usize,
    /// The rows of logits of its last tokens.
    pub(super) outputs: Range<usize>,
    /// Its states, where the model has any.
    pub(super) state: States,
    /// Where in the pass' list its blocks are, group by group.
    blocks: SmallVec<[Range<usize>; 2]>,
}

/// How far a pass has come: everything before is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) stage: Stage,
    /// Which of the stage's operations comes next.
    pub(super) index: usize,
    /// Which expert, where there are several; 0 elsewhere.
    pub(super) expert: usize,
    /// Units (rows of weights, or rows of tokens) of the operation that are computed.
    pub(super) unit: usize,
}

impl Cursor {
    /// Before everything.
    pub(super) const BEGIN: Self = Self { stage: Stage::Begin, index: 0, expert: 0, unit: 0 };

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
    /// Numbers of the spans' blocks.
    blocks: Vec<u32>,
    pub(super) adapters: Adapters,
    /// Only rows whose logits are wanted are left.
    pub(super) narrowed: bool,
    /// It gives vectors of texts, made so, in place of logits.
    pub(super) pooling: Option<Pooling>,
    /// `None`: no pass is in progress.
    pub(super) cursor: Option<Cursor>,
    /// All is computed.
    pub(super) done: bool,
}

impl Pass {
    /// No pass; room for one of `batch` sequences and `rows` tokens.
    pub(super) fn new(batch: usize, rows: usize) -> Result<Self> {
        let (spans, tokens, blocks) = (Vec::new(), Vec::new(), Vec::new());
        let adapters = Adapters::default();
        let mut pass = Self {
            spans,
            tokens,
            blocks,
            adapters,
            narrowed: false,
            pooling: None,
            cursor: None,
            done: false,
        };
        pass.spans.try_reserve_exact(batch)?;
        pass.tokens.try_reserve_exact(rows)?;
        Ok(pass)
    }

    /// No pass.
    pub(super) fn clear(&mut self) {
        self.spans.clear();
        self.tokens.clear();
        self.blocks.clear();
        self.adapters.clear();
        self.narrowed = false;
        self.pooling = None;
        self.cursor = None;
        self.done = false;
    }

    /// Adds the rows of a span, whose past lies in `groups` groups of blocks, and, where `states`, in states
    /// behind them.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(super) fn push(&mut self, span: &model::Span<'_>, groups: usize, states: bool) -> Result<()> {
        let mut lists = SmallVec::new();
        for blocks in (0..groups).map(|group| span.past.blocks(group)) {
            self.blocks.try_reserve(blocks.len())?;
            let first = self.blocks.len();
            self.blocks.extend_from_slice(blocks);
            lists.push(first..self.blocks.len());
        }
        let outputs = self.outputs();
        self.spans.push(Span {
            row: self.tokens.len(),
            count: span.tokens.len(),
            position: span.past.position(),
            outputs: outputs..outputs + span.logits,
            state: if states { span.past.state(groups) } else { None },
            blocks: lists,
        });
        self.tokens.extend_from_slice(span.tokens);
        self.adapters.push(span.adapter);
        Ok(())
    }

    /// A span's blocks in a group of layers, from position 0 on.
    pub(super) fn blocks(&self, span: &Span, group: usize) -> &[u32] {
        span.blocks.get(group).and_then(|range| self.blocks.get(range.clone())).unwrap_or(&[])
    }

    /// Rows of logits that are wanted.
    pub(super) fn outputs(&self) -> usize {
        self.spans.last().map_or(0, |span| span.outputs.end)
    }

    /// The absolute position of row `row`'s token.
    pub(super) fn position(&self, row: usize) -> Option<usize> {
        let span = self.spans.iter().find(|span| (span.row..span.row + span.count).contains(&row))?;
        Some(span.position + row - span.row)
    }

    /// Whether row `row` is in the second part of its text: behind the first token that is as the last one,
    /// which ends each part.
    pub(super) fn is_behind(&self, row: usize) -> bool {
        let Some(span) = self.spans.iter().rfind(|span| span.row <= row) else { return false };
        let end = self.tokens.get(span.row + span.count - 1);
        let before = self.tokens.get(span.row..row).unwrap_or(&[]);
        end.is_some_and(|end| before.contains(end))
    }

    /// The rows of each span that are still computed.
    pub(super) fn runs(&self) -> Runs {
        let runs = self.spans.iter().enumerate().map(|(span, of)| {
            let rows = if self.narrowed { of.outputs.clone() } else { of.row..of.row + of.count };
            Run { span, rows }
        });
        runs.filter(|run| !run.rows.is_empty()).collect()
    }

    /// The span of row `row` of those that are still computed.
    pub(super) fn span_of(&self, row: usize) -> Option<usize> {
        let end = |span: &Span| if self.narrowed { span.outputs.end } else { span.row + span.count };
        Some(self.spans.partition_point(|span| end(span) <= row)).filter(|span| *span < self.spans.len())
    }

    /// Sets the cursor to the beginning.
    pub(super) fn start(&mut self) {
        self.cursor = Some(Cursor::BEGIN);
    }

    /// Whether a pass is in progress.
    pub(super) fn is_active(&self) -> bool {
        self.cursor.is_some()
    }
}
