//! Mixers that recur, over each sequence of a pass: some rows at a time, from the states that the pass began
//! with or that earlier rows left. Knows no weight of theirs.

use super::Slice;
use crate::compute::{Before, Compute, DeltaNet, Mamba2, Step};
use crate::kernel::CausalConv;
use crate::model::native::pass::States;
use crate::model::native::scratch::{ROWS, Scratch};
use std::ops::Range;

/// What a sequence's rows bring along, as a mixer's projections gave it.
pub(super) struct Rows<'a> {
    /// Of the convolution: (rows, its width).
    pub(super) inputs: &'a [f32],
    /// Those before them, where there are any.
    pub(super) past: &'a [f32],
    /// (rows, width of results).
    pub(super) gate: &'a [f32],
    /// What decays hang on: (rows, heads).
    pub(super) alpha: &'a [f32],
    /// What strengths hang on: (rows, heads), or nothing.
    pub(super) beta: &'a [f32],
}

/// A net over a sequence's rows.
pub(super) enum Net<'a> {
    Delta(DeltaNet<'a>),
    Mamba2(Mamba2<'a>),
}

/// The weights of a mixer that recurs.
pub(super) trait Recurs {
    /// f32 elements of its convolution's state, behind which its own lies.
    fn conv_state_len(&self) -> usize;

    /// The net over a sequence's rows; `epsilon` is the model's.
    fn over<'a>(&'a self, rows: Rows<'a>, epsilon: f32) -> Net<'a>;
}

impl Net<'_> {
    fn conv(&self) -> &CausalConv<'_> {
        match self {
            Self::Delta(net) => &net.conv,
            Self::Mamba2(net) => &net.conv,
        }
    }

    fn rows_at_once(&self, threads: usize) -> usize {
        match self {
            Self::Delta(net) => net.rows_at_once(threads),
            Self::Mamba2(net) => net.rows_at_once(threads),
        }
    }

    /// Rows from `first` on, as [`Compute::delta_net`] and [`Compute::mamba2`] say.
    fn run(
        &self,
        compute: &mut Compute,
        first: usize,
        mixed: &mut [f32],
        state: (Before<'_>, &mut [f32]),
        out: &mut [f32],
    ) {
        match self {
            Self::Delta(net) => compute.delta_net(net, first, mixed, state, out),
            Self::Mamba2(net) => compute.mamba2(net, first, mixed, state, out),
        }
    }
}

impl Slice<'_> {
    /// The mixer over each sequence, some rows at a time; what is paused goes on from the state that it
    /// wrote.
    pub(super) fn recur(&mut self, weights: &impl Recurs) -> Step {
        let total = self.pass.tokens.len();
        loop {
            let row = self.cursor.unit;
            let Some(span) = self.pass.spans.iter().find(|span| row < span.row + span.count) else { break };
            let (all, states) = (span.row..span.row + span.count, span.state);
            self.cursor.unit = self.recur_rows(weights, all, states, row);
            if self.cursor.unit >= total || self.pace.is_over() {
                break;
            }
        }
        if self.cursor.unit < total { Step::Paused } else { Step::Done }
    }

    /// Some of a sequence's rows `all`, from `row` on, and the state that they leave, beside the one that the
    /// pass began with; returns the row behind them.
    fn recur_rows(&mut self, weights: &impl Recurs, all: Range<usize>, states: States, row: usize) -> usize {
        let (_, layer) = self.place();
        let (Some((before, behind)), Some(states)) = (states, self.memory.states_mut()) else {
            return all.end;
        };
        let (past, state) = states.step(before, behind, layer);
        let conv_len = weights.conv_state_len();
        let (past_inputs, past_state) = past.split_at_checked(conv_len).unwrap_or_default();
        let Some((inputs, state)) = state.split_at_mut_checked(conv_len) else { return all.end };
        let Scratch { conv_input, delta, attended, .. } = &mut *self.scratch;
        let rows = Rows {
            inputs: conv_input.range(all.clone()),
            past: past_inputs,
            gate: delta.gate.range(all.clone()),
            alpha: delta.alpha.range(all.clone()),
            beta: delta.beta.range(all.clone()),
        };
        let net = weights.over(rows, self.model.config.epsilon);
        let most = net.rows_at_once(self.compute.threads()).min(ROWS);
        let some: Range<usize> = row..all.end.min(row + most);
        let before = Before::of(row == all.start, past_state);
        let mixed = delta.mixed.first_mut(some.len());
        let out = attended.range_mut(some.clone());
        net.run(self.compute, row - all.start, mixed, (before, state), out);
        if some.end == all.end {
            net.conv().last(all.len(), inputs);
        }
        some.end
    }
}
