//! The gated delta net as a layer's first half: from the normed stream to what its output projection takes,
//! and the states that it leaves behind.

use super::Slice;
use crate::compute::{Before, DeltaNet, Product, Step};
use crate::kernel::CausalConv;
use crate::model::description::{DeltaNetWeights, MixerWeights};
use crate::model::native::pass::States;
use crate::model::native::scratch::{ROWS, Scratch};
use std::ops::Range;

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

    /// The net over each sequence, some rows at a time; what is paused goes on from the state that it wrote.
    pub(super) fn delta(&mut self) -> Step {
        let Some(weights) = self.delta_net() else { return Step::Done };
        let (_, layer) = self.place();
        self.recur(|slice, all, states, row| slice.delta_rows((weights, layer), all, states, row))
    }

    /// Calls `rows` with a sequence and the next of its rows, and goes on behind those that it has computed.
    pub(super) fn recur(&mut self, rows: impl Fn(&mut Self, Range<usize>, States, usize) -> usize) -> Step {
        let total = self.pass.tokens.len();
        loop {
            let row = self.cursor.unit;
            let Some(span) = self.pass.spans.iter().find(|span| row < span.row + span.count) else { break };
            let (all, states) = (span.row..span.row + span.count, span.state);
            self.cursor.unit = rows(self, all, states, row);
            if self.cursor.unit >= total || self.pace.is_over() {
                break;
            }
        }
        if self.cursor.unit < total { Step::Paused } else { Step::Done }
    }

    /// Some of a sequence's rows `all`, from `row` on, and the state that they leave, beside the one that the
    /// pass began with; returns the row behind them.
    fn delta_rows(
        &mut self,
        (weights, layer): (&DeltaNetWeights, usize),
        all: Range<usize>,
        states: States,
        row: usize,
    ) -> usize {
        let (Some((before, behind)), Some(states)) = (states, self.memory.states_mut()) else {
            return all.end;
        };
        let (past, state) = states.step(before, behind, layer);
        let conv_len = weights.numbers.conv_state_len();
        let (past_inputs, past_state) = past.split_at_checked(conv_len).unwrap_or_default();
        let Some((inputs, state)) = state.split_at_mut_checked(conv_len) else { return all.end };
        let Scratch { conv_input, delta, attended, .. } = &mut *self.scratch;
        let (numbers, rows) = (&weights.numbers, all.clone());
        let net = DeltaNet {
            key_heads: numbers.key_heads,
            value_heads: numbers.value_heads,
            dim: numbers.dim,
            conv: CausalConv {
                width: numbers.channels(),
                kernel: &weights.kernel,
                bias: &[],
                inputs: conv_input.range(rows.clone()),
                past: past_inputs,
            },
            rates: &weights.rates,
            alpha: delta.alpha.range(rows.clone()),
            beta: delta.beta.range(rows.clone()),
            norm: &weights.norm,
            gate: delta.gate.range(rows),
            epsilon: self.model.config.epsilon,
        };
        let most = net.rows_at_once(self.compute.threads()).min(ROWS);
        let some: Range<usize> = row..all.end.min(row + most);
        let before = Before::of(row == all.start, past_state);
        let mixed = delta.mixed.first_mut(some.len());
        let out = attended.range_mut(some.clone());
        self.compute.delta_net(&net, row - all.start, mixed, (before, state), out);
        if some.end == all.end {
            net.conv.last(all.len(), inputs);
        }
        some.end
    }
}
