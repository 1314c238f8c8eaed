//! Row-wise operations in their one and only form, compiled once per instruction set; knows nothing of weights and threads.
//!
//! Sums run in 16 lanes (lane = index mod 16) that [`tree`] adds at the end, so that any vector width gives the same bits.

use super::activations::GROUP;
use super::math;

/// 16 lanes to one, pairwise: 8 apart, then 4, 2, 1.
#[inline(always)]
fn fold<T: Copy>(lanes: [T; 16], op: impl Fn(T, T) -> T) -> T {
    let eight: [T; 8] = std::array::from_fn(|i| op(lanes[i], lanes[i + 8]));
    let four: [T; 4] = std::array::from_fn(|i| op(eight[i], eight[i + 4]));
    op(op(four[0], four[2]), op(four[1], four[3]))
}

/// The sum of 16 lanes, added pairwise: 8 apart, then 4, 2, 1.
#[inline(always)]
pub(crate) fn tree(lanes: [f32; 16]) -> f32 {
    fold(lanes, |a, b| a + b)
}

/// The sum of `term(x[k])`-like terms in 16 lanes: `step` adds one value to a lane.
#[inline(always)]
fn lanes(x: &[f32], step: impl Fn(f32, f32) -> f32) -> f32 {
    let mut sums = [0.0; 16];
    let (chunks, rest) = x.as_chunks::<16>();
    for chunk in chunks {
        for lane in 0..16 {
            sums[lane] = step(sums[lane], chunk[lane]);
        }
    }
    for (sum, &value) in sums.iter_mut().zip(rest) {
        *sum = step(*sum, value);
    }
    tree(sums)
}

/// `out = x / sqrt(mean(x^2) + eps) * weight`; no weight counts as 1.
#[inline(always)]
pub(crate) fn rms_norm(x: &[f32], weight: Option<&[f32]>, eps: f32, out: &mut [f32]) {
    let mean = lanes(x, |sum, v| v.mul_add(v, sum)) / x.len() as f32;
    let scale = 1.0 / (mean + eps).sqrt();
    scale_by(x, scale, weight, out);
}

#[inline(always)]
fn scale_by(x: &[f32], scale: f32, weight: Option<&[f32]>, out: &mut [f32]) {
    match weight {
        Some(weight) => {
            for ((out, &v), &w) in out.iter_mut().zip(x).zip(weight) {
                *out = v * scale * w;
            }
        }
        None => {
            for (out, &v) in out.iter_mut().zip(x) {
                *out = v * scale;
            }
        }
    }
}

/// `rms_norm` onto its own input.
#[inline(always)]
pub(crate) fn rms_norm_in_place(x: &mut [f32], weight: Option<&[f32]>, eps: f32) {
    let mean = lanes(x, |sum, v| v.mul_add(v, sum)) / x.len() as f32;
    let scale = 1.0 / (mean + eps).sqrt();
    match weight {
        Some(weight) => {
            for (v, &w) in x.iter_mut().zip(weight) {
                *v = *v * scale * w;
            }
        }
        None => {
            for v in x {
                *v *= scale;
            }
        }
    }
}

/// `out = (x - mean) / sqrt(variance + eps) * weight + bias`.
#[inline(always)]
pub(crate) fn layer_norm(x: &[f32], weight: &[f32], bias: Option<&[f32]>, eps: f32, out: &mut [f32]) {
    let mean = lanes(x, |sum, v| sum + v) / x.len() as f32;
    let variance = lanes(x, |sum, v| (v - mean).mul_add(v - mean, sum)) / x.len() as f32;
    let scale = 1.0 / (variance + eps).sqrt();
    for ((out, &v), &w) in out.iter_mut().zip(x).zip(weight) {
        *out = (v - mean) * scale * w;
    }
    if let Some(bias) = bias {
        for (out, &b) in out.iter_mut().zip(bias) {
            *out += b;
        }
    }
}

/// `x += y`.
#[inline(always)]
pub(crate) fn add(x: &mut [f32], y: &[f32]) {
    for (x, &y) in x.iter_mut().zip(y) {
        *x += y;
    }
}

/// `x += scale * y`, rounded once.
#[inline(always)]
pub(crate) fn add_scaled(x: &mut [f32], y: &[f32], scale: f32) {
    for (x, &y) in x.iter_mut().zip(y) {
        *x = y.mul_add(scale, *x);
    }
}

/// `x *= scale`.
#[inline(always)]
pub(crate) fn scale(x: &mut [f32], scale: f32) {
    for x in x {
        *x *= scale;
    }
}

/// `x = cap * tanh(x / cap)`; NaN where x is infinite, so that broken weights do not look sound.
#[inline(always)]
pub(crate) fn soft_cap(x: &mut [f32], cap: f32) {
    for x in x {
        *x = cap * math::tanh(*x / cap) + *x * 0.0;
    }
}

/// `gate = silu(gate) * up`.
#[inline(always)]
pub(crate) fn silu_mul(gate: &mut [f32], up: &[f32]) {
    for (gate, &up) in gate.iter_mut().zip(up) {
        *gate = math::silu(*gate) * up;
    }
}

/// `gate = gelu(gate) * up`.
#[inline(always)]
pub(crate) fn gelu_mul(gate: &mut [f32], up: &[f32]) {
    for (gate, &up) in gate.iter_mut().zip(up) {
        *gate = math::gelu(*gate) * up;
    }
}

/// Turns the pairs (2i, 2i + 1) of one head by the angles of one token; `cos` and `sin` have one value per pair.
#[inline(always)]
pub(crate) fn rope_interleaved(head: &mut [f32], cos: &[f32], sin: &[f32]) {
    for ((pair, &c), &s) in head.as_chunks_mut::<2>().0.iter_mut().zip(cos).zip(sin) {
        let [a, b] = *pair;
        *pair = [a * c - b * s, a * s + b * c];
    }
}

/// Turns the pairs (i, i + n) of one head, n = `cos.len()`, by the angles of one token.
#[inline(always)]
pub(crate) fn rope_halves(head: &mut [f32], cos: &[f32], sin: &[f32]) {
    let Some((low, high)) = head.split_at_mut_checked(cos.len()) else { return };
    for (((a, b), &c), &s) in low.iter_mut().zip(high).zip(cos).zip(sin) {
        (*a, *b) = (*a * c - *b * s, *a * s + *b * c);
    }
}

/// x to probabilities, in place.
#[inline(always)]
pub(crate) fn softmax(x: &mut [f32]) {
    let max = x.iter().fold(f32::NEG_INFINITY, |max, &v| if v > max { v } else { max });
    for v in x.iter_mut() {
        *v = math::exp(*v - max);
    }
    let sum = lanes(x, |sum, v| sum + v);
    for v in x {
        *v /= sum;
    }
}

/// Below it a block of activations counts as zero: its inverse scale would overflow.
const TINY: f32 = 1e-30;

/// The int8 values of `x` under one scale, that scale (NaN if a value is not finite), and the sums of each 16.
#[inline(always)]
fn quantise_block<const N: usize, const SUMS: usize>(x: &[f32; N]) -> ([i8; N], f32, [i16; SUMS]) {
    let mut bits = [0u32; 16];
    for chunk in x.as_chunks::<16>().0 {
        for lane in 0..16 {
            bits[lane] = bits[lane].max(chunk[lane].to_bits() & 0x7fff_ffff);
        }
    }
    // As integers, so that a NaN is the greatest.
    let max = f32::from_bits(fold(bits, u32::max));
    let (mut values, mut sums) = ([0i8; N], [0i16; SUMS]);
    if max < TINY {
        return (values, 0.0, sums);
    }
    if !max.is_finite() {
        return (values, f32::NAN, sums);
    }
    let inverse = 127.0 / max;
    for (value, &x) in values.iter_mut().zip(x) {
        // The bits of a float near 1.5 * 2^23 end in the rounded integer.
        *value = (x * inverse + 12_582_912.0).to_bits() as i8;
    }
    for (sum, values) in sums.iter_mut().zip(values.as_chunks::<16>().0) {
        *sum = values.iter().map(|&v| v as i16).sum();
    }
    (values, max / 127.0, sums)
}

/// Where one token's values go: every `width`-th word of four.
#[inline(always)]
fn interleave(values: &[i8], token: usize, width: usize, out: &mut [i8]) {
    if width == 1 {
        return out.copy_from_slice(values);
    }
    let (values, words) = (values.as_chunks::<4>().0, out.as_chunks_mut::<4>().0);
    if width == GROUP {
        // The same with a constant width: what most rows of a prompt are.
        for (group, values) in words.as_chunks_mut::<GROUP>().0.iter_mut().zip(values) {
            group[token % GROUP] = *values;
        }
        return;
    }
    for (group, values) in words.chunks_exact_mut(width).zip(values) {
        group[token] = *values;
    }
}

/// One group of tokens of an `Activations`, to be written.
pub(crate) struct Group32<'a> {
    /// `(cols / 4, width, 4)`.
    pub(crate) values: &'a mut [i8],
    /// `(cols / 32, width)`, as the next two.
    pub(crate) scales: &'a mut [f32],
    pub(crate) scaled_sums: &'a mut [f32],
    pub(crate) sums: &'a mut [i32],
}

/// One group of tokens of an `Activations`, to be written.
pub(crate) struct Group256<'a> {
    /// `(cols / 4, width, 4)`.
    pub(crate) values: &'a mut [i8],
    /// `(cols / 256, width)`.
    pub(crate) scales: &'a mut [f32],
    /// `(cols / 256, width, 16)`.
    pub(crate) sums16: &'a mut [i16],
    /// `(cols / 256, width, 8)`.
    pub(crate) sums32: &'a mut [i16],
}

/// Quantises `width` rows in blocks of 32; `x` is `(width, cols)`.
#[inline(always)]
pub(crate) fn quantise_32(x: &[f32], width: usize, out: Group32<'_>) {
    let cols = x.len() / width.clamp(1, GROUP);
    for (token, row) in x.chunks_exact(cols.max(1)).enumerate() {
        for (b, block) in row.as_chunks::<32>().0.iter().enumerate() {
            let (values, scale, sums) = quantise_block::<32, 2>(block);
            interleave(&values, token, width, &mut out.values[b * 32 * width..(b + 1) * 32 * width]);
            let sum = sums[0] as i32 + sums[1] as i32;
            let at = b * width + token;
            (out.scales[at], out.scaled_sums[at], out.sums[at]) = (scale, scale * sum as f32, sum);
        }
    }
}

/// Quantises `width` rows in blocks of 256; `x` is `(width, cols)`.
#[inline(always)]
pub(crate) fn quantise_256(x: &[f32], width: usize, out: Group256<'_>) {
    let cols = x.len() / width.clamp(1, GROUP);
    for (token, row) in x.chunks_exact(cols.max(1)).enumerate() {
        for (b, block) in row.as_chunks::<256>().0.iter().enumerate() {
            let (values, scale, sums) = quantise_block::<256, 16>(block);
            interleave(&values, token, width, &mut out.values[b * 256 * width..(b + 1) * 256 * width]);
            let at = b * width + token;
            out.scales[at] = scale;
            out.sums16[at * 16..at * 16 + 16].copy_from_slice(&sums);
            for (sum, [low, high]) in out.sums32[at * 8..at * 8 + 8].iter_mut().zip(sums.as_chunks().0) {
                *sum = low + high;
            }
        }
    }
}
