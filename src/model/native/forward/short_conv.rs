//! The short convolution as a layer's first half: from the normed stream to what its output projection takes,
//! and the states that it leaves behind.

use super::Slice;
use crate::compute::{Product, Step};
use crate::kernel::ShortConv;
use crate::model::description::{MixerWeights, ShortConvWeights};
use crate::model::native::pass::Span;
use crate::model::native::scratch::{Rows, Scratch};

impl<'a> Slice<'a> {
    fn short_conv(&self) -> Option<&'a ShortConvWeights> {
        match &self.layer.mixer {
            MixerWeights::ShortConv(conv) => Some(conv),
            MixerWeights::Attention(_) | MixerWeights::DeltaNet(_) | MixerWeights::Mamba2(_) => None,
        }
    }

    /// Gates and inputs in one sweep.
    pub(super) fn conv_input(&mut self) -> Step {
        let Some(conv) = self.short_conv() else { return Step::Done };
        let (rows, gguf) = (self.rows(), &self.model.gguf);
        let additions = self.additions([&conv.input]);
        self.sweep(additions, |slice, additions, at| {
            let Scratch { conv_input, activations, lowered, .. } = &mut *slice.scratch;
            let added = additions.of(0, lowered);
            let product = Product::new(conv.input.of(gguf), conv_input.first_mut(rows));
            slice.compute.products(&mut [Product { added, ..product }], activations, at, &slice.pace)
        })
    }

    /// The convolution of each sequence, some rows at a time; behind the last of them, what it leaves.
    pub(super) fn convolve(&mut self) -> Step {
        let Some(weights) = self.short_conv() else { return Step::Done };
        let (_, layer) = self.place();
        let total = self.pass.tokens.len();
        loop {
            let rows = self.cursor.block(total);
            let Scratch { conv_input, attended, .. } = &mut *self.scratch;
            for span in &self.pass.spans {
                let (first, end) = (rows.start.max(span.row), rows.end.min(span.row + span.count));
                if first >= end {
                    continue;
                }
                let before = span.state.and_then(|(before, _)| before);
                let past = self.memory.states().map_or(&[][..], |states| states.state(before, layer));
                let conv = conv_of(weights, conv_input, span, past);
                self.compute.short_conv(&conv, first - span.row, attended.range_mut(first..end));
            }
            let step = self.cursor.step(total);
            if step == Step::Done {
                self.leave_states(weights, layer);
            }
            if step == Step::Done || self.pace.is_over() {
                return step;
            }
        }
    }

    /// The states behind the pass, beside those that it began with: a pass that fails has changed none.
    fn leave_states(&mut self, weights: &ShortConvWeights, layer: usize) {
        let Some(states) = self.memory.states_mut() else { return };
        for span in &self.pass.spans {
            let Some((before, behind)) = span.state else { continue };
            let (past, out) = states.step(before, behind, layer);
            conv_of(weights, &self.scratch.conv_input, span, past).last(span.count, out);
        }
    }
}

/// The rows of one span.
fn conv_of<'a>(
    weights: &'a ShortConvWeights,
    input: &'a Rows,
    span: &Span,
    past: &'a [f32],
) -> ShortConv<'a> {
    let width = weights.numbers.width;
    let projected = input.range(span.row..span.row + span.count);
    ShortConv { width, kernel: &weights.kernel, projected, past }
}
