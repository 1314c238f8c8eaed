//! Mamba-2 as a layer's first half: from the normed stream to what its output projection takes.

use super::Slice;
use super::recurrent::{Net, Recurs, Rows};
use crate::compute::{Mamba2, Product, Step};
use crate::kernel::CausalConv;
use crate::model::description::{Mamba2Weights, MixerWeights};
use crate::model::native::scratch::Scratch;

impl<'a> Slice<'a> {
    fn mamba2(&self) -> Option<&'a Mamba2Weights> {
        match &self.layer.mixer {
            MixerWeights::Mamba2(net) => Some(net),
            MixerWeights::Attention(_) | MixerWeights::ShortConv(_) | MixerWeights::DeltaNet(_) => None,
        }
    }

    /// Gates, inputs of the convolution, and steps, in one sweep.
    pub(super) fn mamba_input(&mut self) -> Step {
        let Some(net) = self.mamba2() else { return Step::Done };
        let (rows, gguf) = (self.rows(), &self.model.gguf);
        let additions = self.additions([&net.gate, &net.input, &net.steps]);
        self.sweep(additions, |slice, additions, at| {
            let Scratch { conv_input, delta, activations, lowered, .. } = &mut *slice.scratch;
            let added = |index| additions.of(index, lowered);
            let mut products = [
                Product { added: added(0), ..Product::new(net.gate.of(gguf), delta.gate.first_mut(rows)) },
                Product { added: added(1), ..Product::new(net.input.of(gguf), conv_input.first_mut(rows)) },
                Product {
                    bias: Some(&net.step_bias),
                    added: added(2),
                    ..Product::new(net.steps.of(gguf), delta.alpha.first_mut(rows))
                },
            ];
            slice.compute.products(&mut products, activations, at, &slice.pace)
        })
    }

    /// The recurrence over each sequence.
    pub(super) fn mamba(&mut self) -> Step {
        self.mamba2().map_or(Step::Done, |weights| self.recur(weights))
    }
}

impl Recurs for Mamba2Weights {
    fn conv_state_len(&self) -> usize {
        self.numbers.conv_state_len()
    }

    fn over<'a>(&'a self, rows: Rows<'a>, epsilon: f32) -> Net<'a> {
        let numbers = &self.numbers;
        Net::Mamba2(Mamba2 {
            heads: numbers.heads,
            dim: numbers.dim(),
            states: numbers.states,
            groups: numbers.groups,
            conv: CausalConv {
                width: numbers.channels(),
                kernel: &self.kernel,
                bias: self.bias.as_deref().unwrap_or(&[]),
                inputs: rows.inputs,
                past: rows.past,
            },
            steps: rows.alpha,
            rates: &self.rates,
            skips: &self.skips,
            gate: rows.gate,
            norm: &self.norm,
            epsilon,
        })
    }
}
