//! The gated delta net as a layer's first half: from the normed stream to what its output projection takes.

use super::Slice;
use super::recurrent::{Net, Recurs, Rows};
use crate::compute::{DeltaNet, Product, Step};
use crate::kernel::CausalConv;
use crate::model::description::{DeltaNetWeights, MixerWeights};
use crate::model::native::scratch::Scratch;

impl<'a> Slice<'a> {
    fn delta_net(&self) -> Option<&'a DeltaNetWeights> {
        match &self.layer.mixer {
            MixerWeights::DeltaNet(net) => Some(net),
            MixerWeights::Attention(_) | MixerWeights::ShortConv(_) | MixerWeights::Mamba2(_) => None,
        }
    }

    /// Inputs of the convolution, gates, and what decays and strengths hang on, in one sweep.
    pub(super) fn delta_input(&mut self) -> Step {
        let Some(net) = self.delta_net() else { return Step::Done };
        let (rows, gguf) = (self.rows(), &self.model.gguf);
        let additions = self.additions([&net.input, &net.gate, &net.alpha, &net.beta]);
        self.sweep(additions, |slice, additions, at| {
            let Scratch { conv_input, delta, activations, lowered, .. } = &mut *slice.scratch;
            let added = |index| additions.of(index, lowered);
            let mut products = [
                Product { added: added(0), ..Product::new(net.input.of(gguf), conv_input.first_mut(rows)) },
                Product { added: added(1), ..Product::new(net.gate.of(gguf), delta.gate.first_mut(rows)) },
                Product {
                    bias: Some(&net.alpha_bias),
                    added: added(2),
                    ..Product::new(net.alpha.of(gguf), delta.alpha.first_mut(rows))
                },
                Product { added: added(3), ..Product::new(net.beta.of(gguf), delta.beta.first_mut(rows)) },
            ];
            slice.compute.products(&mut products, activations, at, &slice.pace)
        })
    }

    /// The net over each sequence.
    pub(super) fn delta(&mut self) -> Step {
        self.delta_net().map_or(Step::Done, |weights| self.recur(weights))
    }
}

impl Recurs for DeltaNetWeights {
    fn conv_state_len(&self) -> usize {
        self.numbers.conv_state_len()
    }

    fn over<'a>(&'a self, rows: Rows<'a>, epsilon: f32) -> Net<'a> {
        let numbers = &self.numbers;
        Net::Delta(DeltaNet {
            key_heads: numbers.key_heads,
            value_heads: numbers.value_heads,
            dim: numbers.dim,
            conv: CausalConv {
                width: numbers.channels(),
                kernel: &self.kernel,
                bias: &[],
                inputs: rows.inputs,
                past: rows.past,
            },
            rates: &self.rates,
            alpha: rows.alpha,
            beta: rows.beta,
            norm: &self.norm,
            gate: rows.gate,
            epsilon,
        })
    }
}
