//! From the residual stream behind the last layer to one vector of each sequence.

use super::Slice;
use crate::compute::{Product, Step};
use crate::error::Result;
use crate::model::Pooling;
use crate::model::native::scratch::{Scratch, forms};

impl Slice<'_> {
    /// The normed rows of each sequence to one, in front of all others; some rows at a time.
    pub(super) fn pool(&mut self) -> Step {
        let Some(pooling) = self.pass.pooling else { return Step::Done };
        let has_dense = self.model.weights.dense.is_some();
        let total = self.pass.tokens.len();
        let rows = self.cursor.block(total);
        let Scratch { stream, branch, normed, logits, .. } = &mut *self.scratch;
        // Where the last layer has normed, that is the stream.
        let branch = if *normed { branch } else { stream };
        if self.pass.narrowed {
            // The last tokens' rows are in front already, of a model that is no encoder.
            let outputs = self.pass.outputs();
            logits.first_mut(outputs).copy_from_slice(branch.first(outputs));
            return Step::Done;
        }
        let wanted = || self.pass.spans.iter().filter_map(|span| Some((span, span.outputs.clone().next()?)));
        // A sequence's row lies in front of its own rows, or is the first of them.
        for (span, to) in wanted() {
            let end = span.row + span.count;
            for row in rows.start.max(span.row)..rows.end.min(end) {
                match pooling {
                    Pooling::Mean if row > span.row => branch.add_row(row, to),
                    Pooling::Last if row + 1 < end => {}
                    Pooling::First if row > span.row => {}
                    Pooling::Mean | Pooling::First | Pooling::Last => branch.move_row(row, to),
                }
            }
        }
        let step = self.cursor.step(total);
        if step == Step::Done {
            for (span, to) in wanted().filter(|_| pooling == Pooling::Mean) {
                self.compute.scale(branch.row_mut(to), 1.0 / span.count as f32);
            }
            self.pass.narrowed = true;
            if !has_dense {
                let outputs = self.pass.outputs();
                logits.first_mut(outputs).copy_from_slice(branch.first(outputs));
            }
        }
        step
    }

    /// The vectors as the right-hand side of the first matrix behind.
    pub(super) fn quantise_pooled(&mut self) -> Result<Step> {
        let Some([first, _]) = &self.model.weights.dense else { return Ok(Step::Done) };
        self.quantise_stream(forms([&first.matrix]))
    }

    /// The first matrix.
    pub(super) fn widen(&mut self) -> Step {
        let Some([first, _]) = &self.model.weights.dense else { return Step::Done };
        let rows = self.rows();
        let Scratch { widened, activations, .. } = &mut *self.scratch;
        let product = Product::new(first.matrix.of(&self.model.gguf), widened.first_mut(rows));
        let mut products = [Product { bias: first.bias.as_deref(), ..product }];
        self.compute.products(&mut products, activations, &mut self.cursor.unit, &self.pace)
    }

    /// Its tanh, in front of a classifier.
    pub(super) fn squash(&mut self) {
        let rows = self.rows();
        self.compute.soft_cap(self.scratch.widened.first_mut(rows), 1.0);
    }

    /// Its result as the right-hand side of the second one.
    pub(super) fn quantise_widened(&mut self) -> Result<Step> {
        let Some([_, second]) = &self.model.weights.dense else { return Ok(Step::Done) };
        let rows = self.rows();
        let Scratch { widened, activations, .. } = &mut *self.scratch;
        let (at, pace) = (&mut self.cursor.unit, &self.pace);
        let forms = forms([&second.matrix]);
        self.compute.activations_from(widened.first(rows), widened.width, forms, activations, at, pace)
    }

    /// The second matrix.
    pub(super) fn vector(&mut self) -> Step {
        let Some([_, second]) = &self.model.weights.dense else { return Step::Done };
        let rows = self.rows();
        let Scratch { logits, activations, .. } = &mut *self.scratch;
        let product = Product::new(second.matrix.of(&self.model.gguf), logits.first_mut(rows));
        let mut products = [Product { bias: second.bias.as_deref(), ..product }];
        self.compute.products(&mut products, activations, &mut self.cursor.unit, &self.pace)
    }
}
