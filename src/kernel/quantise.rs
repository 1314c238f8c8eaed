//! Rows of activations to int8 with scales and sums, once for all instruction sets. Knows nothing of weights.

use super::activations::GROUP;
use super::simd::Simd;

/// Below it a block of activations counts as zero: its inverse scale would overflow.
const TINY: f32 = 1e-30;

/// One group of tokens of an `Activations`, to be written.
pub(crate) struct Group32<'a> {
    /// `(cols / 32, width, 32)`.
    pub(crate) values: &'a mut [i8],
    /// `(cols / 32, width)`, as the next two.
    pub(crate) scales: &'a mut [f32],
    pub(crate) scaled_sums: &'a mut [f32],
    pub(crate) sums: &'a mut [i32],
    /// `(cols / 32, width, 2)`.
    pub(crate) sums16: &'a mut [i16],
}

/// One group of tokens of an `Activations`, to be written.
pub(crate) struct Group256<'a> {
    /// `(cols / 32, width, 32)`.
    pub(crate) values: &'a mut [i8],
    /// `(cols / 256, width)`.
    pub(crate) scales: &'a mut [f32],
    /// `(cols / 256, width, 16)`.
    pub(crate) sums16: &'a mut [i16],
    /// `(cols / 256, width, 8)`.
    pub(crate) sums32: &'a mut [i16],
}

/// The scale of `x` (NaN if a value is not finite) and the sums of each 16 int8 values, which go to the first
/// 32 of `values` and of each `stride` further.
#[inline(always)]
fn block<S: Simd, const N: usize>(
    s: S,
    x: &[[f32; 16]; N],
    values: &mut [i8],
    stride: usize,
) -> (f32, [i32; N]) {
    let (mut max, mut sums) = (s.splat(0.0), [0; N]);
    for x in x {
        max = s.magnitude(max, s.load(x));
    }
    let max = s.greatest(max);
    if max < TINY || !max.is_finite() {
        for values in values.chunks_mut(stride) {
            values[..32].fill(0);
        }
        return (if max < TINY { 0.0 } else { f32::NAN }, sums);
    }
    let by = s.splat(127.0 / max);
    for (i, (x, sum)) in x.iter().zip(&mut sums).enumerate() {
        if let Some(values) = values[i / 2 * stride + i % 2 * 16..].first_chunk_mut() {
            *sum = s.round(s.load(x), by, values);
        }
    }
    (max / 127.0, sums)
}

/// Quantises `width` rows in blocks of 32; `x` is `(width, cols)`.
#[inline(always)]
pub(crate) fn quantise_32<S: Simd>(s: S, x: &[f32], width: usize, out: Group32<'_>) {
    let cols = x.len() / width.clamp(1, GROUP);
    for (token, row) in x.chunks_exact(cols.max(1)).enumerate() {
        for (b, x) in row.as_chunks::<16>().0.as_chunks::<2>().0.iter().enumerate() {
            let at = b * width + token;
            let (scale, sums) = block(s, x, &mut out.values[at * 32..at * 32 + 32], 32);
            let sum = sums[0] + sums[1];
            (out.scales[at], out.scaled_sums[at], out.sums[at]) = (scale, scale * sum as f32, sum);
            out.sums16[2 * at..2 * at + 2].copy_from_slice(&sums.map(|sum| sum as i16));
        }
    }
}

/// Quantises `width` rows in blocks of 256; `x` is `(width, cols)`.
#[inline(always)]
pub(crate) fn quantise_256<S: Simd>(s: S, x: &[f32], width: usize, out: Group256<'_>) {
    let cols = x.len() / width.clamp(1, GROUP);
    for (token, row) in x.chunks_exact(cols.max(1)).enumerate() {
        for (b, x) in row.as_chunks::<16>().0.as_chunks::<16>().0.iter().enumerate() {
            let values = &mut out.values[(b * 8 * width + token) * 32..(b + 1) * 256 * width];
            let (scale, sums) = block(s, x, values, 32 * width);
            let at = b * width + token;
            out.scales[at] = scale;
            for (to, sum) in out.sums16[at * 16..at * 16 + 16].iter_mut().zip(sums) {
                *to = sum as i16;
            }
            for (to, [low, high]) in out.sums32[at * 8..at * 8 + 8].iter_mut().zip(sums.as_chunks().0) {
                *to = (low + high) as i16;
            }
        }
    }
}
