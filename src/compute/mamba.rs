//! Mamba-2 over rows of tokens, split over threads by rows, then by heads; knows no layer.

use super::disjoint::Disjoint;
use super::recurrence::{Before, WORK};
use super::{Compute, SCRATCH};
use crate::kernel::{CausalConv, Gate, ScanHead, exp, softplus};

/// One sequence's rows of a Mamba-2 mixer.
#[derive(Clone, Copy)]
pub struct Mamba2<'a> {
    pub heads: usize,
    /// Width of a head's input and result.
    pub dim: usize,
    /// Width of B and of C.
    pub states: usize,
    /// Heads of a group, which follow each other, have B and C in common; results are normed by group.
    pub groups: usize,
    /// Of inputs, B and C behind each other: its width is heads · dim + 2 · groups · states.
    pub conv: CausalConv<'a>,
    /// Steps before their softplus: (rows, heads).
    pub steps: &'a [f32],
    /// ln of a head's decay, by which its step is multiplied: (heads).
    pub rates: &'a [f32],
    /// How much of a head's input is added to its result: (heads).
    pub skips: &'a [f32],
    /// Results are multiplied with its SiLU, before their norm: (rows, heads · dim).
    pub gate: &'a [f32],
    /// (heads · dim).
    pub norm: &'a [f32],
    /// Added to the mean square in the norm.
    pub epsilon: f32,
}

impl Mamba2<'_> {
    /// Rows that are computed at once at most, so that a slice ends in time and a head of them fits a
    /// thread's scratch memory: 1 at least.
    pub fn rows_at_once(&self, threads: usize) -> usize {
        let elements = self.heads * self.dim * self.states;
        (WORK * threads / elements.max(1)).min(SCRATCH / (self.dim + 2)).max(1)
    }
}

impl Compute {
    /// Results of rows of `net` from row `first` on, into `out`, `(rows, heads * dim)`; `state`,
    /// `(heads, ScanHead::state_len)`, is written: the one behind them. `mixed`, `(rows, conv.width)`, is
    /// memory to work in.
    ///
    /// Panics if the lengths do not fit together, or a head of all rows exceeds a thread's scratch memory.
    pub fn mamba2(
        &mut self,
        net: &Mamba2<'_>,
        first: usize,
        mixed: &mut [f32],
        (before, state): (Before<'_>, &mut [f32]),
        out: &mut [f32],
    ) {
        let Mamba2 { heads, dim, states, groups, .. } = *net;
        let (width, stride) = (heads * dim, net.conv.width);
        let rows = out.len() / width;
        assert!(stride == width + 2 * groups * states && mixed.len() == rows * stride, "channels");
        assert!(rows * (dim + 2) <= SCRATCH, "{rows} rows of {dim}");
        let kernels = self.kernels;
        self.rows(mixed, stride, |at, mixed| {
            for (index, row) in mixed.chunks_exact_mut(stride).enumerate() {
                kernels.convolve(&net.conv, first + at + index, row);
            }
        });
        let (scratch, shared) = (Disjoint::new(&mut self.scratch), Disjoint::new(&mut *out));
        let (mixed, state, len) = (&*mixed, Disjoint::new(state), ScanHead::state_len(dim, states));
        self.pool.run(heads, &|head, thread| {
            // SAFETY: each thread has its own scratch memory.
            let scratch = unsafe { scratch.slice(thread * SCRATCH..thread * SCRATCH + rows * (dim + 2)) };
            let (results, rest) = scratch.split_at_mut(rows * dim);
            let (decay, step) = rest.split_at_mut(rows);
            for (row, (decay, step)) in decay.iter_mut().zip(&mut *step).enumerate() {
                *step = softplus(net.steps[(first + row) * heads + head]);
                let power = net.rates[head] * *step;
                // Infinity would make a decay like any other.
                *decay = exp(power) + power * 0.0;
            }
            // SAFETY: each head is in one chunk only.
            let state = unsafe { state.slice(head * len..(head + 1) * len) };
            before.begin(head, state);
            let group = head / (heads / groups);
            let places = [head * dim, width + group * states, width + (groups + group) * states];
            kernels.scan(&ScanHead { dim, states, rows: mixed, stride, places, decay, step }, state, results);
            for (row, result) in results.chunks_exact_mut(dim).enumerate() {
                let input = &mixed[row * stride + head * dim..][..dim];
                kernels.add_scaled(result, input, net.skips[head]);
                let place = row * width + head * dim;
                // SAFETY: each head of each row is in one chunk only.
                let out = unsafe { shared.slice(place..place + dim) };
                out.copy_from_slice(&net.gate[first * width + place..][..dim]);
                kernels.gate(Gate::Silu, out, result);
            }
        });
        let group = width / groups;
        self.rows(out, width, |_, out| {
            for (index, result) in out.chunks_exact_mut(group).enumerate() {
                let weights = &net.norm[index % groups * group..][..group];
                kernels.rms_norm_in_place(result, Some(weights), net.epsilon);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::tests::recurrence::{near, no_bit_changes, values};

    /// Numbers of a small net, and all that it computes with.
    struct Case {
        heads: usize,
        dim: usize,
        states: usize,
        groups: usize,
        rows: usize,
        kernel: Vec<f32>,
        bias: Vec<f32>,
        inputs: Vec<f32>,
        steps: Vec<f32>,
        rates: Vec<f32>,
        skips: Vec<f32>,
        gate: Vec<f32>,
        norm: Vec<f32>,
    }

    const TAPS: usize = 4;
    const EPSILON: f32 = 1e-3;

    impl Case {
        fn new((heads, groups): (usize, usize), dim: usize, states: usize, rows: usize) -> Self {
            let (width, channels) = (heads * dim, heads * dim + 2 * groups * states);
            Self {
                heads,
                dim,
                states,
                groups,
                rows,
                kernel: values(1, TAPS * channels),
                bias: values(2, channels),
                inputs: values(3, rows * channels),
                steps: values(4, rows * heads).iter().map(|x| x * 3.0).collect(),
                rates: values(5, heads).iter().map(|x| -1.1 - x).collect(),
                skips: values(6, heads),
                gate: values(7, rows * width),
                norm: values(8, width),
            }
        }

        fn channels(&self) -> usize {
            self.heads * self.dim + 2 * self.groups * self.states
        }

        /// The net over rows from `first` on, behind those inputs.
        fn net<'a>(&'a self, first: usize, past: &'a [f32]) -> Mamba2<'a> {
            let Self { heads, dim, states, groups, .. } = *self;
            let (width, results) = (self.channels(), heads * dim);
            let inputs = &self.inputs[first * width..];
            Mamba2 {
                heads,
                dim,
                states,
                groups,
                conv: CausalConv { width, kernel: &self.kernel, bias: &self.bias, inputs, past },
                steps: &self.steps[first * heads..],
                rates: &self.rates,
                skips: &self.skips,
                gate: &self.gate[first * results..],
                norm: &self.norm,
                epsilon: EPSILON,
            }
        }

        /// Results and the last state of passes that end behind those rows, each of parts of `part` rows.
        fn passes(&self, compute: &mut Compute, ends: &[usize], part: usize) -> (Vec<f32>, Vec<f32>) {
            let (width, results_width) = (self.channels(), self.heads * self.dim);
            let mut results = vec![f32::NAN; self.rows * results_width];
            let len = self.heads * ScanHead::state_len(self.dim, self.states);
            let (mut state, mut past, mut start) = (Vec::new(), Vec::new(), 0);
            for &end in ends {
                let mut next = vec![f32::NAN; len];
                let net = self.net(start, &past);
                for first in (start..end).step_by(part.min(self.rows)) {
                    let last = end.min(first + part.min(self.rows));
                    let before = match (first == start, state.is_empty()) {
                        (true, true) => Before::Nothing,
                        (true, false) => Before::Other(&state),
                        (false, _) => Before::Own,
                    };
                    let mut mixed = vec![f32::NAN; (last - first) * width];
                    let out = &mut results[first * results_width..last * results_width];
                    compute.mamba2(&net, first - start, &mut mixed, (before, &mut next), out);
                }
                let mut last = vec![f32::NAN; (TAPS - 1) * width];
                net.conv.last(end - start, &mut last);
                (state, past, start) = (next, last, end);
            }
            (results, state)
        }

        /// The results by the formulas, in f64.
        fn exact(&self) -> Vec<f64> {
            let Self { heads, dim, states, groups, rows, .. } = *self;
            let (width, channels) = (heads * dim, self.channels());
            let silu = |x: f64| x / (1.0 + (-x).exp());
            let mut state = vec![0.0; width * states];
            let mut results = Vec::new();
            for row in 0..rows {
                let mixed: Vec<f64> = (0..channels)
                    .map(|channel| {
                        let tap = |tap: usize| -> f64 {
                            let from = (row + tap).checked_sub(TAPS - 1);
                            let input =
                                from.map_or(0.0, |at| f64::from(self.inputs[at * channels + channel]));
                            f64::from(self.kernel[tap * channels + channel]) * input
                        };
                        silu((0..TAPS).map(tap).sum::<f64>() + f64::from(self.bias[channel]))
                    })
                    .collect();
                let mut y = vec![0.0; width];
                for head in 0..heads {
                    let step = f64::from(self.steps[row * heads + head]).exp().ln_1p();
                    let decay = (f64::from(self.rates[head]) * step).exp();
                    let group = head * groups / heads;
                    let b = &mixed[width + group * states..][..states];
                    let c = &mixed[width + (groups + group) * states..][..states];
                    for at in head * dim..(head + 1) * dim {
                        for n in 0..states {
                            let s = &mut state[at * states + n];
                            *s = decay * *s + step * mixed[at] * b[n];
                            y[at] += *s * c[n];
                        }
                        y[at] += f64::from(self.skips[head]) * mixed[at];
                        y[at] *= silu(f64::from(self.gate[row * width + at]));
                    }
                }
                for (index, part) in y.chunks(width / groups).enumerate() {
                    let mean = part.iter().map(|y| y * y).sum::<f64>() / part.len() as f64;
                    let scale = 1.0 / (mean + f64::from(EPSILON)).sqrt();
                    let weight = |at: usize| f64::from(self.norm[index * width / groups + at]);
                    results.extend(part.iter().enumerate().map(|(at, y)| y * scale * weight(at)));
                }
            }
            results
        }
    }

    /// Heads of one tile, of some, of a part of one; states of an odd number; groups.
    fn cases() -> [Case; 4] {
        [
            Case::new((4, 1), 16, 16, 40),
            Case::new((4, 2), 32, 8, 20),
            Case::new((3, 3), 5, 7, 30),
            Case::new((6, 2), 19, 33, 9),
        ]
    }

    #[test]
    fn it_is_what_the_formulas_say() {
        let mut compute = Compute::alone().expect("memory");
        for case in cases() {
            let (found, _) = case.passes(&mut compute, &[case.rows], case.rows);
            near(&found, &case.exact());
        }
    }

    #[test]
    fn threads_cuts_parts_and_instruction_sets_change_no_bit() {
        for case in cases() {
            no_bit_changes(case.rows, &|compute, ends, part| case.passes(compute, ends, part));
        }
    }
}
