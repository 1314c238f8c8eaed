//! A gated delta net over rows of tokens, split over threads by rows, then by heads; knows no layer.

use super::disjoint::Disjoint;
use super::recurrence::{Before, WORK};
use super::{Compute, SCRATCH};
use crate::kernel::{CausalConv, DeltaHead, Gate, exp, sigmoid, softplus};

/// One sequence's rows of a gated delta net.
#[derive(Clone, Copy)]
pub struct DeltaNet<'a> {
    /// Heads of queries and keys; value head h has those of h mod `key_heads`.
    pub key_heads: usize,
    pub value_heads: usize,
    /// Width of a head.
    pub dim: usize,
    /// Of queries, keys and values behind each other: its width is (2 · key_heads + value_heads) · dim.
    pub conv: CausalConv<'a>,
    /// ln of a head's decay by which softplus(alpha) is multiplied: (value_heads).
    pub rates: &'a [f32],
    /// (rows, value_heads).
    pub alpha: &'a [f32],
    /// The strength of a write before its sigmoid: (rows, value_heads).
    pub beta: &'a [f32],
    /// Of each head's result: (dim).
    pub norm: &'a [f32],
    /// Results are multiplied with its SiLU: (rows, value_heads · dim).
    pub gate: &'a [f32],
    /// Added to sums of squares, and to the mean in the norm of results.
    pub epsilon: f32,
}

impl DeltaNet<'_> {
    /// Rows that are computed at once at most, so that a slice ends in time: 1 at least.
    pub fn rows_at_once(&self, threads: usize) -> usize {
        let elements = self.value_heads * self.dim * self.dim;
        (WORK * threads / elements.max(1)).max(1)
    }
}

impl Compute {
    /// Results of rows of `net` from row `first` on, into `out`, `(rows, value_heads * dim)`; `state`,
    /// `(value_heads, DeltaHead::state_len)`, is written: the one behind them. `mixed`, `(rows, conv.width)`,
    /// is memory to work in.
    ///
    /// Queries and keys have length 1 (x / √(Σx² + ε)), queries then 1 / √dim.
    ///
    /// Panics if the lengths do not fit together, or a head of all rows exceeds a thread's scratch memory.
    pub fn delta_net(
        &mut self,
        net: &DeltaNet<'_>,
        first: usize,
        mixed: &mut [f32],
        (before, state): (Before<'_>, &mut [f32]),
        out: &mut [f32],
    ) {
        let DeltaNet { dim, key_heads, value_heads, .. } = *net;
        let (values, stride) = (value_heads * dim, net.conv.width);
        let rows = out.len() / values;
        assert!(stride == (2 * key_heads + value_heads) * dim && mixed.len() == rows * stride, "channels");
        self.delta_inputs(net, first, mixed);
        let (kernels, scratch, out) = (self.kernels, Disjoint::new(&mut self.scratch), Disjoint::new(out));
        let (mixed, state, len) = (&*mixed, Disjoint::new(state), DeltaHead::state_len(dim));
        assert!(rows * (dim + 2) <= SCRATCH, "{rows} rows of {dim}");
        self.pool.run(value_heads, &|head, thread| {
            // SAFETY: each thread has its own scratch memory.
            let scratch = unsafe { scratch.slice(thread * SCRATCH..thread * SCRATCH + rows * (dim + 2)) };
            let (results, rest) = scratch.split_at_mut(rows * dim);
            let (decay, strength) = rest.split_at_mut(rows);
            for (row, (decay, strength)) in decay.iter_mut().zip(&mut *strength).enumerate() {
                let at = (first + row) * value_heads + head;
                *decay = exp(net.rates[head] * softplus(net.alpha[at]));
                *strength = sigmoid(net.beta[at]);
            }
            // SAFETY: each head is in one chunk only.
            let state = unsafe { state.slice(head * len..(head + 1) * len) };
            before.begin(head, state);
            let key = head % key_heads;
            let places = [key * dim, (key_heads + key) * dim, (2 * key_heads + head) * dim];
            let tokens = DeltaHead { dim, rows: mixed, stride, places, decay, strength };
            kernels.delta(&tokens, state, results);
            for (row, result) in results.chunks_exact_mut(dim).enumerate() {
                kernels.rms_norm_in_place(result, Some(net.norm), net.epsilon);
                let place = row * values + head * dim;
                // SAFETY: each head of each row is in one chunk only.
                let out = unsafe { out.slice(place..place + dim) };
                out.copy_from_slice(&net.gate[first * values + place..][..dim]);
                kernels.gate(Gate::Silu, out, result);
            }
        });
    }

    /// Queries, keys and values of rows from `first` on, ready for the rule.
    fn delta_inputs(&mut self, net: &DeltaNet<'_>, first: usize, mixed: &mut [f32]) {
        let (kernels, dim) = (self.kernels, net.dim);
        // The norm is of the mean: a length of √dim.
        let epsilon = net.epsilon / dim as f32;
        let key = 1.0 / (dim as f32).sqrt();
        self.rows(mixed, net.conv.width, |at, mixed| {
            for (index, row) in mixed.chunks_exact_mut(net.conv.width).enumerate() {
                kernels.convolve(&net.conv, first + at + index, row);
                for (head, x) in row.chunks_exact_mut(dim).take(2 * net.key_heads).enumerate() {
                    kernels.rms_norm_in_place(x, None, epsilon);
                    kernels.scale(x, if head < net.key_heads { 1.0 / dim as f32 } else { key });
                }
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
        key_heads: usize,
        value_heads: usize,
        dim: usize,
        rows: usize,
        kernel: Vec<f32>,
        inputs: Vec<f32>,
        rates: Vec<f32>,
        alpha: Vec<f32>,
        beta: Vec<f32>,
        norm: Vec<f32>,
        gate: Vec<f32>,
    }

    const TAPS: usize = 4;
    const EPSILON: f32 = 1e-3;

    impl Case {
        fn new(key_heads: usize, value_heads: usize, dim: usize, rows: usize) -> Self {
            let channels = (2 * key_heads + value_heads) * dim;
            Self {
                key_heads,
                value_heads,
                dim,
                rows,
                kernel: values(1, TAPS * channels),
                inputs: values(2, rows * channels),
                rates: values(3, value_heads).iter().map(|x| -1.1 - x).collect(),
                alpha: values(4, rows * value_heads),
                beta: values(5, rows * value_heads).iter().map(|x| x * 3.0).collect(),
                norm: values(6, dim),
                gate: values(7, rows * value_heads * dim),
            }
        }

        fn channels(&self) -> usize {
            (2 * self.key_heads + self.value_heads) * self.dim
        }

        /// The net over rows from `first` on, behind those inputs.
        fn net<'a>(&'a self, first: usize, past: &'a [f32]) -> DeltaNet<'a> {
            let Self { key_heads, value_heads, dim, .. } = *self;
            let (width, values) = (self.channels(), value_heads * dim);
            let inputs = &self.inputs[first * width..];
            DeltaNet {
                key_heads,
                value_heads,
                dim,
                conv: CausalConv { width, kernel: &self.kernel, bias: &[], inputs, past },
                rates: &self.rates,
                alpha: &self.alpha[first * value_heads..],
                beta: &self.beta[first * value_heads..],
                norm: &self.norm,
                gate: &self.gate[first * values..],
                epsilon: EPSILON,
            }
        }

        /// Results and the last state of passes that end behind those rows, each of parts of `part` rows.
        fn passes(&self, compute: &mut Compute, ends: &[usize], part: usize) -> (Vec<f32>, Vec<f32>) {
            let (width, values) = (self.channels(), self.value_heads * self.dim);
            let mut results = vec![f32::NAN; self.rows * values];
            let (mut first, mut past, mut state) = (0, Vec::new(), Vec::new());
            for &end in ends {
                let net = self.net(first, &past);
                let mut behind = vec![f32::NAN; self.value_heads * DeltaHead::state_len(self.dim)];
                let mut row = first;
                while row < end {
                    let next = end.min(row.saturating_add(part));
                    let before = match row == first {
                        true if state.is_empty() => Before::Nothing,
                        true => Before::Other(&state),
                        false => Before::Own,
                    };
                    let mut mixed = vec![f32::NAN; (next - row) * width];
                    let out = &mut results[row * values..next * values];
                    compute.delta_net(&net, row - first, &mut mixed, (before, &mut behind), out);
                    row = next;
                }
                let mut last = vec![f32::NAN; (TAPS - 1) * width];
                net.conv.last(end - first, &mut last);
                (first, past, state) = (end, last, behind);
            }
            (results, state)
        }

        /// Results by the formulas, in f64.
        fn exact(&self) -> Vec<f64> {
            let Self { key_heads, value_heads, dim, rows, .. } = *self;
            let (width, sigmoid) = (self.channels(), |x: f64| 1.0 / (1.0 + (-x).exp()));
            let number = |x: f32| f64::from(x);
            let mut states = vec![vec![vec![0.0; dim]; dim]; value_heads];
            let mut results = Vec::new();
            for row in 0..rows {
                let convolved = |channel: usize| {
                    let tap = |tap: usize| {
                        let from = (row + tap + 1).checked_sub(TAPS)?;
                        Some(
                            number(self.kernel[tap * width + channel])
                                * number(self.inputs[from * width + channel]),
                        )
                    };
                    let sum: f64 = (0..TAPS).filter_map(tap).sum();
                    sum * sigmoid(sum)
                };
                let head =
                    |head: usize| -> Vec<f64> { (0..dim).map(|at| convolved(head * dim + at)).collect() };
                let unit = |head: Vec<f64>| -> Vec<f64> {
                    let length = (head.iter().map(|x| x * x).sum::<f64>() + number(EPSILON)).sqrt();
                    head.iter().map(|x| x / length).collect()
                };
                for (h, state) in states.iter_mut().enumerate() {
                    let (query, key) = (unit(head(h % key_heads)), unit(head(key_heads + h % key_heads)));
                    let value = head(2 * key_heads + h);
                    let at = row * value_heads + h;
                    let decay = (number(self.rates[h]) * number(self.alpha[at]).exp().ln_1p()).exp();
                    let strength = sigmoid(number(self.beta[at]));
                    state.iter_mut().flatten().for_each(|x| *x *= decay);
                    let mut result = vec![0.0; dim];
                    for column in 0..dim {
                        let known: f64 = (0..dim).map(|k| state[k][column] * key[k]).sum();
                        let change = strength * (value[column] - known);
                        (0..dim).for_each(|k| state[k][column] += key[k] * change);
                        let read: f64 = (0..dim).map(|k| state[k][column] * query[k]).sum();
                        result[column] = read / (dim as f64).sqrt();
                    }
                    let mean = result.iter().map(|x| x * x).sum::<f64>() / dim as f64;
                    let scale = 1.0 / (mean + number(EPSILON)).sqrt();
                    for (column, x) in result.iter().enumerate() {
                        let gate = number(self.gate[at * dim + column]);
                        results.push(x * scale * number(self.norm[column]) * gate * sigmoid(gate));
                    }
                }
            }
            results
        }
    }

    /// Heads of one tile, of some, of a part of one, and odd ones.
    fn cases() -> [Case; 4] {
        [Case::new(2, 4, 16, 40), Case::new(1, 3, 32, 20), Case::new(3, 3, 5, 30), Case::new(1, 2, 19, 9)]
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
