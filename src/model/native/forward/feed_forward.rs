//! The second half of a layer: from the residual stream to what the feed-forward adds to it.

use super::Slice;
use crate::compute::{GatedProduct, Step};
use crate::error::Result;
use crate::model::description::{Gated, Matrix};
use crate::model::native::adapted::Additions;
use crate::model::native::scratch::Scratch;
use crate::model::program::Stage;

impl<'a> Slice<'a> {
    /// The normed stream as the right-hand side of what comes.
    pub(super) fn quantise_hidden(&mut self) -> Result<Step> {
        if let Some(ungated) = self.ungated() {
            return self.quantise_stream(self.forms([&ungated.up]));
        }
        match (self.dense(), self.experts()) {
            (Some(gated), _) => self.quantise_stream(self.forms([&gated.gate, &gated.up])),
            (None, Some(experts)) => {
                self.quantise_stream(self.forms([&experts.router].into_iter().chain(experts.shared_gate())))
            }
            (None, None) => Ok(Step::Done),
        }
    }

    /// gate · up of this expert, or of the only feed-forward.
    pub(super) fn gate_up(&mut self) -> Step {
        let Some((gated, rows)) = self.gated() else { return Step::Done };
        let (gate, up) = (gated.gate.of(&self.model.gguf), gated.up.of(&self.model.gguf));
        let biases = gated.biases.as_ref().map(|[gate, up, _]| [&**gate, &**up]);
        let (act, additions) =
            (self.model.config.family.gate, self.gated_additions([&gated.gate, &gated.up]));
        self.sweep(additions, |slice, additions, at| {
            let Scratch { inner, activations, lowered, .. } = &mut *slice.scratch;
            let Some(out) = inner.first_mut(rows).get_mut(..rows * gate.rows()) else { return Step::Done };
            let added = [0, 1].map(|index| additions.of(index, lowered));
            let mut product = GatedProduct { gate, up, biases, added, act, out };
            slice.compute.gated(&mut product, activations, at, &slice.pace)
        })
    }

    /// What adapters add to products of the rows that run through the feed-forward in progress.
    fn gated_additions(&mut self, matrices: impl IntoIterator<Item = &'a Matrix>) -> Additions<'a> {
        match self.dense() {
            Some(_) => self.additions(matrices),
            None => self.additions_to(matrices, self.expert_rows(), |slice| slice.expert_runs()),
        }
    }

    /// Its result as the right-hand side of the projection back.
    pub(super) fn quantise_inner(&mut self) -> Result<Step> {
        let (down, rows) = match (self.ungated(), self.gated()) {
            (Some(ungated), _) => (&ungated.down, self.rows()),
            (None, Some((gated, rows))) => (&gated.down, rows),
            (None, None) => return Ok(Step::Done),
        };
        let forms = self.forms([down]);
        let Scratch { inner, activations, .. } = &mut *self.scratch;
        let width = down.cols;
        let right = inner.first(rows).get(..rows * width).unwrap_or(&[]);
        let (at, pace) = (&mut self.cursor.unit, &self.pace);
        self.compute.activations_from(right, width, forms, activations, at, pace)
    }

    /// The projection back.
    pub(super) fn down(&mut self) -> Step {
        if let Some(ungated) = self.ungated() {
            return self.project(&ungated.down, ungated.biases[1].as_deref());
        }
        let Some((gated, rows)) = self.gated() else { return Step::Done };
        let bias = gated.biases.as_ref().map(|[_, _, down]| &**down);
        match self.dense() {
            Some(_) => self.project(&gated.down, bias),
            None => {
                let additions = self.gated_additions([&gated.down]);
                self.project_gathered(&gated.down, bias, additions, rows)
            }
        }
    }

    /// Adds what was written beside the stream.
    pub(super) fn add_feed(&mut self) {
        let norm = self.layer.post_feed_norm.as_deref();
        match self.experts() {
            Some(_) => self.add_experts(norm),
            None => self.add_branch(norm),
        }
    }

    /// Adds what the dense feed-forward and the experts beside it have come to, each normed, and their sum
    /// once more.
    pub(super) fn add_both(&mut self) {
        let Some(both) = self.layer.feed.both() else { return };
        let (rows, epsilon) = (self.rows(), self.model.config.epsilon);
        let Scratch { branch, experts, .. } = &mut *self.scratch;
        self.compute.rms_norm_in_place(branch.first_mut(rows), &both.post_dense_norm, epsilon);
        self.compute.add(branch.first_mut(rows), experts.sum.first(rows));
        self.add_branch(self.layer.post_feed_norm.as_deref());
    }

    /// The feed-forward that every token runs through, while it is in progress.
    fn dense(&self) -> Option<&'a Gated> {
        self.layer.feed.dense().filter(|_| matches!(self.cursor.stage, Stage::Dense(_)))
    }

    /// The feed-forward in progress, and how many rows run through it.
    fn gated(&self) -> Option<(&'a Gated, usize)> {
        match self.dense() {
            Some(gated) => Some((gated, self.rows())),
            None => Some((self.expert()?, self.expert_rows())),
        }
    }
}
