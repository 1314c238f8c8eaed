//! From the residual stream behind the last layer to logits.

use super::Slice;
use crate::compute::{Product, Step};
use crate::error::Result;
use crate::model::native::scratch::Scratch;

impl<'a> Slice<'a> {
    /// The norm of the stream between two times that the layers run.
    pub(super) fn norm_end(&mut self) {
        let Some(norm) = &self.model.weights.output_norm else { return };
        let stream = self.scratch.stream.first_mut(self.rows());
        self.compute.rms_norm_in_place(stream, norm, self.model.config.epsilon);
    }

    /// The normed stream as the right-hand side of the output matrix.
    pub(super) fn quantise_output(&mut self) -> Result<Step> {
        self.quantise_stream(self.forms([&self.model.weights.output]))
    }

    /// Rows of logits.
    pub(super) fn output(&mut self) -> Step {
        let (rows, model) = (self.rows(), self.model);
        let additions = self.additions([&model.weights.output]);
        self.sweep(additions, |slice, additions, at| {
            let Scratch { logits, activations, lowered, .. } = &mut *slice.scratch;
            let mut products = [Product {
                bias: model.weights.output_bias.as_deref(),
                added: additions.of(0, lowered),
                ..Product::new(model.weights.output.of(&model.gguf), logits.first_mut(rows))
            }];
            slice.compute.products(&mut products, activations, at, &slice.pace)
        })
    }

    /// Scale and cap of the logits.
    pub(super) fn finish(&mut self) {
        let (rows, config) = (self.rows(), &self.model.config);
        let logits = self.scratch.logits.first_mut(rows);
        if config.logit_scale != 1.0 {
            self.compute.scale(logits, config.logit_scale);
        }
        if let Some(cap) = config.logit_cap {
            // A cap would make infinity an honest number.
            logits.iter_mut().filter(|logit| logit.is_infinite()).for_each(|logit| *logit = f32::NAN);
            self.compute.soft_cap(logits, cap);
        }
    }
}
