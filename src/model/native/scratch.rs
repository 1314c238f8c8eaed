//! The memory that a pass works in: taken once for the largest pass so far, kept for the next. Knows widths;
//! not what is computed.

use super::config::Config;
use super::weights::{FeedForwardKind, Matrix, ModelWeights};
use crate::compute::Zeroed;
use crate::error::Result;
use crate::kernel::{Activations, Form, Forms, RopeTable};
use std::ops::Range;

/// Rows of one width: (rows, width).
#[derive(Default)]
pub(super) struct Rows {
    data: Zeroed<f32>,
    pub(super) width: usize,
}

impl Rows {
    fn new(width: usize) -> Self {
        Self { data: Zeroed::default(), width }
    }

    fn reserve(&mut self, rows: usize) -> Result<()> {
        let len = rows.saturating_mul(self.width);
        if len > self.data.len() {
            self.data = Zeroed::new(len)?;
        }
        Ok(())
    }

    /// The first `rows` rows.
    pub(super) fn first(&self, rows: usize) -> &[f32] {
        self.data.get(..rows * self.width).unwrap_or(&[])
    }

    /// The first `rows` rows, to be written.
    pub(super) fn first_mut(&mut self, rows: usize) -> &mut [f32] {
        self.data.get_mut(..rows * self.width).unwrap_or(&mut [])
    }

    /// Some rows, to be written.
    pub(super) fn range_mut(&mut self, rows: Range<usize>) -> &mut [f32] {
        self.data.get_mut(rows.start * self.width..rows.end * self.width).unwrap_or(&mut [])
    }

    /// Row `row`.
    pub(super) fn row(&self, row: usize) -> &[f32] {
        self.data.get(row * self.width..(row + 1) * self.width).unwrap_or(&[])
    }

    /// Row `row`, to be written.
    pub(super) fn row_mut(&mut self, row: usize) -> &mut [f32] {
        self.data.get_mut(row * self.width..(row + 1) * self.width).unwrap_or(&mut [])
    }

    /// Moves row `from` to row `to`.
    pub(super) fn move_row(&mut self, from: usize, to: usize) {
        if from != to && (from.max(to) + 1) * self.width <= self.data.len() {
            self.data.copy_within(from * self.width..(from + 1) * self.width, to * self.width);
        }
    }
}

/// All buffers of a pass; rows are the pass' tokens unless said otherwise.
pub(super) struct Scratch {
    /// Rows and rows of logits that the buffers hold.
    rows: usize,
    outputs: usize,
    /// Widths that activations have, and the forms that all matrices together need.
    widest: usize,
    forms: Forms,
    /// The residual stream: (width).
    pub(super) stream: Rows,
    /// What a half of a layer begins with (the normed stream) and, where that is normed again, what it adds:
    /// (width).
    pub(super) branch: Rows,
    /// Whether `branch` holds the normed stream; else the stream itself comes next.
    pub(super) normed: bool,
    /// (query width), (kv width), (kv width).
    pub(super) queries: Rows,
    pub(super) keys: Rows,
    pub(super) values: Rows,
    /// Attention's result: (query width).
    pub(super) attended: Rows,
    /// gate · up: (inner width).
    pub(super) inner: Rows,
    /// The right-hand side of the next product.
    pub(super) activations: Activations,
    /// Rope's angles, of layers without and with a window.
    pub(super) angles: RopeTable,
    pub(super) local_angles: RopeTable,
    pub(super) experts: ExpertScratch,
    /// Rows are outputs: (vocabulary).
    pub(super) logits: Rows,
}

/// What a feed-forward of experts needs beside.
#[derive(Default)]
pub(super) struct ExpertScratch {
    /// Scores, then weights of experts: (experts).
    pub(super) scores: Rows,
    /// Score, then weight, of the expert that always runs: (1).
    pub(super) shared: Rows,
    /// Expert, row and weight, ordered by expert, then row.
    pub(super) choices: Vec<Choice>,
    /// The rows of one expert: (width).
    pub(super) gathered: Rows,
    /// The sum of all experts' results: (width).
    pub(super) sum: Rows,
}

/// A row that runs through an expert.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Choice {
    pub(super) expert: usize,
    pub(super) row: usize,
    pub(super) weight: f32,
}

impl Scratch {
    /// Nothing taken yet.
    pub(super) fn new(config: &Config, weights: &ModelWeights) -> Self {
        let attention = &config.attention;
        let (queries, kv) = (attention.query_width(), attention.kv_width());
        let inner = match config.experts {
            Some(experts) => experts.feed_forward.max(experts.shared_feed_forward),
            None => config.feed_forward,
        };
        let experts = match config.experts {
            Some(experts) => ExpertScratch {
                scores: Rows::new(experts.count),
                shared: Rows::new(1),
                choices: Vec::new(),
                gathered: Rows::new(config.width),
                sum: Rows::new(config.width),
            },
            None => ExpertScratch::default(),
        };
        Self {
            rows: 0,
            outputs: 0,
            widest: config.width.max(queries).max(inner),
            forms: all_forms(weights),
            stream: Rows::new(config.width),
            branch: Rows::new(config.width),
            normed: false,
            queries: Rows::new(queries),
            keys: Rows::new(kv),
            values: Rows::new(kv),
            attended: Rows::new(queries),
            inner: Rows::new(inner),
            activations: Activations::default(),
            angles: RopeTable::default(),
            local_angles: RopeTable::default(),
            experts,
            logits: Rows::new(weights.output.rows),
        }
    }

    fn buffers(&mut self) -> [&mut Rows; 11] {
        [
            &mut self.stream,
            &mut self.branch,
            &mut self.queries,
            &mut self.keys,
            &mut self.values,
            &mut self.attended,
            &mut self.inner,
            &mut self.experts.scores,
            &mut self.experts.shared,
            &mut self.experts.gathered,
            &mut self.experts.sum,
        ]
    }

    /// Bytes that a pass of `rows` tokens and `outputs` rows of logits works in.
    pub(super) fn bytes_for(&self, rows: usize, outputs: usize) -> u64 {
        let experts = &self.experts;
        let floats = self.stream.width * 2
            + self.queries.width * 2
            + self.keys.width * 2
            + self.inner.width
            + experts.scores.width * 4
            + experts.gathered.width * 2;
        // Quantised activations take 11 bytes for 8 values at most.
        let mut per_value = 0;
        for (form, bytes) in [(Form::F32, 32), (Form::Q32, 11), (Form::Q256, 10)] {
            per_value += if self.forms.contains(form) { bytes } else { 0 };
        }
        let angles = self.queries.width.min(1024) * 2;
        let row = floats * 4 + self.widest * per_value / 8 + angles * 4;
        rows as u64 * row as u64 + outputs as u64 * self.logits.width as u64 * 4
    }

    /// Bytes taken.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes_for(self.rows, self.outputs)
    }

    /// Takes memory for a pass of `rows` tokens and `outputs` rows of logits, unless it is there.
    pub(super) fn reserve(&mut self, rows: usize, outputs: usize) -> Result<()> {
        if outputs > self.outputs {
            self.logits.reserve(outputs)?;
            self.outputs = outputs;
        }
        if rows <= self.rows {
            return Ok(());
        }
        for buffer in self.buffers() {
            buffer.reserve(rows)?;
        }
        self.activations.reserve(rows, self.widest, self.forms)?;
        self.experts.choices.try_reserve(rows * self.experts.scores.width)?;
        self.rows = rows;
        Ok(())
    }

    /// Gives the memory back.
    pub(super) fn trim(&mut self) {
        for buffer in self.buffers() {
            buffer.data = Zeroed::default();
        }
        self.logits.data = Zeroed::default();
        self.activations = Activations::default();
        (self.angles, self.local_angles) = (RopeTable::default(), RopeTable::default());
        self.experts.choices = Vec::new();
        (self.rows, self.outputs) = (0, 0);
    }
}

/// The forms that `matrices` are multiplied with.
pub(super) fn forms<'a>(matrices: impl IntoIterator<Item = &'a Matrix>) -> Forms {
    matrices.into_iter().fold(Forms::NONE, |forms, matrix| forms.with(matrix.ty.form()))
}

fn all_forms(weights: &ModelWeights) -> Forms {
    let mut all = forms([&weights.output]);
    let mut add = |matrices: &[&Matrix]| {
        for matrix in matrices {
            all = all.with(matrix.ty.form());
        }
    };
    for layer in &weights.layers {
        let [q, k, v] = &layer.attention.qkv;
        add(&[q, k, v, &layer.attention.output]);
        match &layer.feed_forward.kind {
            FeedForwardKind::Dense(gated) => add(&[&gated.gate, &gated.up, &gated.down]),
            FeedForwardKind::Experts { router, experts, shared } => {
                add(&[router]);
                for gated in experts.iter().take(1).chain(shared.iter().map(|(gated, _)| gated)) {
                    add(&[&gated.gate, &gated.up, &gated.down]);
                }
                shared.iter().for_each(|(_, gate)| add(&[gate]));
            }
        }
    }
    all
}
