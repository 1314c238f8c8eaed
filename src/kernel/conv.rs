//! The short convolution of LFM2: causal, channel by channel, between two gates. Knows no model.
//!
//! Sums and products are rounded one by one, in ascending order of the taps: the same bits on every machine.

/// One sequence's rows of a short convolution.
#[derive(Debug, Clone, Copy)]
pub struct ShortConv<'a> {
    /// Channels.
    pub width: usize,
    /// (taps, width), the oldest tap first; at least one.
    pub kernel: &'a [f32],
    /// Gate, multiplied with `inputs`; gate of the result; inputs: (rows, 3, width).
    pub projected: &'a [f32],
    /// Gated inputs of the taps − 1 rows before the first: (taps − 1, width); empty: zeros.
    pub past: &'a [f32],
}

impl ShortConv<'_> {
    fn taps(&self) -> usize {
        self.kernel.len() / self.width
    }

    /// The gate, the gate of the result, and the inputs of a row.
    fn parts(&self, row: usize) -> [&[f32]; 3] {
        let width = self.width;
        [0, 1, 2].map(|part| &self.projected[(row * 3 + part) * width..][..width])
    }

    /// Result of row `row`: out = c ⊙ Σ kernel[tap] ⊙ z[row − taps + 1 + tap], with z = b ⊙ u the gated
    /// inputs.
    ///
    /// Panics if the lengths do not fit together.
    pub fn row(&self, row: usize, out: &mut [f32]) {
        let (taps, width) = (self.taps(), self.width);
        out.fill(0.0);
        for (tap, kernel) in self.kernel.chunks_exact(width).enumerate() {
            let from = row + tap + 1;
            if from >= taps {
                let [gate, _, inputs] = self.parts(from - taps);
                for (((out, kernel), gate), inputs) in out.iter_mut().zip(kernel).zip(gate).zip(inputs) {
                    *out += kernel * (gate * inputs);
                }
            } else {
                let past = self.past.get((from - 1) * width..from * width).unwrap_or(&[]);
                let past = past.iter().chain(std::iter::repeat(&0.0));
                for ((out, kernel), past) in out.iter_mut().zip(kernel).zip(past) {
                    *out += kernel * past;
                }
            }
        }
        let [_, gate, _] = self.parts(row);
        out.iter_mut().zip(gate).for_each(|(out, gate)| *out *= gate);
    }

    /// Gated inputs of the last taps − 1 of `rows` rows, older ones from the past: (taps − 1, width).
    ///
    /// Panics if the lengths do not fit together.
    pub fn last(&self, rows: usize, out: &mut [f32]) {
        let (before, width) = (self.taps() - 1, self.width);
        for (index, out) in out.chunks_exact_mut(width).enumerate().take(before) {
            let from = rows + index;
            if from >= before {
                let [gate, _, inputs] = self.parts(from - before);
                for ((out, gate), inputs) in out.iter_mut().zip(gate).zip(inputs) {
                    *out = gate * inputs;
                }
            } else if let Some(past) = self.past.get(from * width..(from + 1) * width) {
                out.copy_from_slice(past);
            } else {
                out.fill(0.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_changes_no_bit() {
        let (width, taps, rows) = (5, 4, 9);
        let value = |index: usize| ((index * 37 % 101) as f32 - 50.0) / 17.0;
        let kernel: Vec<f32> = (0..taps * width).map(value).collect();
        let projected: Vec<f32> = (0..rows * 3 * width).map(|index| value(index + 7)).collect();
        let whole = ShortConv { width, kernel: &kernel, projected: &projected, past: &[] };
        let mut expected = vec![vec![f32::NAN; width]; rows];
        (0..rows).for_each(|row| whole.row(row, &mut expected[row]));
        for cut in 1..rows {
            let (head, tail) = projected.split_at(cut * 3 * width);
            let mut past = vec![f32::NAN; (taps - 1) * width];
            ShortConv { projected: head, ..whole }.last(cut, &mut past);
            let rest = ShortConv { projected: tail, past: &past, ..whole };
            for (row, expected) in expected.iter().skip(cut).enumerate() {
                let mut out = vec![f32::NAN; width];
                rest.row(row, &mut out);
                assert_eq!(out, *expected, "row {row} behind {cut}");
            }
        }
    }

    #[test]
    fn a_row_is_what_the_formula_says() {
        // Two channels, three taps, three rows of (b, c, u).
        let kernel = [1.0, 10.0, 2.0, 20.0, 3.0, 30.0];
        let projected =
            [[2.0, 1.0, 1.0, 1.0, 5.0, 1.0], [1.0, 1.0, 1.0, 1.0, 7.0, 2.0], [1.0, 1.0, 4.0, 2.0, 1.0, 3.0]];
        let conv = ShortConv { width: 2, kernel: &kernel, projected: projected.as_flattened(), past: &[] };
        let mut out = [0.0; 2];
        conv.row(2, &mut out);
        // z: (10, 1), (7, 2), (1, 3).
        assert_eq!(out, [4.0 * (10.0 + 14.0 + 3.0), 2.0 * (10.0 + 40.0 + 90.0)]);
        conv.row(0, &mut out);
        assert_eq!(out, [30.0, 30.0]);
    }
}
