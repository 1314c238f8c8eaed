//! Mamba-2 as a layer's first half: from the normed stream to what its output projection takes, and the
//! states that it leaves behind.

use super::Slice;
use crate::compute::{Before, Mamba2, Product, Step};
use crate::kernel::CausalConv;
use crate::model::description::{Mamba2Weights, MixerWeights};
use crate::model::native::pass::States;
use crate::model::native::scratch::{ROWS, Scratch};
use std::ops::Range;

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

    /// The recurrence over each sequence, some rows at a time.
    pub(super) fn mamba(&mut self) -> Step {
        let Some(weights) = self.mamba2() else { return Step::Done };
        let (_, layer) = self.place();
        self.recur(|slice, all, states, row| slice.mamba_rows((weights, layer), all, states, row))
    }

    /// Some of a sequence's rows `all`, from `row` on, and the state that they leave, beside the one that the
    /// pass began with; returns the row behind them.
    fn mamba_rows(
        &mut self,
        (weights, layer): (&Mamba2Weights, usize),
        all: Range<usize>,
        states: States,
        row: usize,
    ) -> usize {
        let (Some((before, behind)), Some(states)) = (states, self.memory.states_mut()) else {
            return all.end;
        };
        let (past, state) = states.step(before, behind, layer);
        let (numbers, rows) = (&weights.numbers, all.clone());
        let conv_len = numbers.conv_state_len();
        let (past_inputs, past_state) = past.split_at_checked(conv_len).unwrap_or_default();
        let Some((inputs, state)) = state.split_at_mut_checked(conv_len) else { return all.end };
        let Scratch { conv_input, delta, attended, .. } = &mut *self.scratch;
        let net = Mamba2 {
            heads: numbers.heads,
            dim: numbers.dim(),
            states: numbers.states,
            groups: numbers.groups,
            conv: CausalConv {
                width: numbers.channels(),
                kernel: &weights.kernel,
                bias: weights.bias.as_deref().unwrap_or(&[]),
                inputs: conv_input.range(rows.clone()),
                past: past_inputs,
            },
            steps: delta.alpha.range(rows.clone()),
            rates: &weights.rates,
            skips: &weights.skips,
            gate: delta.gate.range(rows),
            norm: &weights.norm,
            epsilon: self.model.config.epsilon,
        };
        let most = net.rows_at_once(self.compute.threads()).min(ROWS);
        let some: Range<usize> = row..all.end.min(row + most);
        let before = Before::of(row == all.start, past_state);
        let mixed = delta.mixed.first_mut(some.len());
        let out = attended.range_mut(some.clone());
        self.compute.mamba2(&net, row - all.start, mixed, (before, state), out);
        if some.end == all.end {
            net.conv.last(all.len(), inputs);
        }
        some.end
    }
}
