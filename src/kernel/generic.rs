//! Row-wise operations in their one and only form, compiled once per instruction set; knows nothing of
//! weights and threads.
//!
//! Sums run in 16 lanes (lane = index mod 16) that [`tree`] adds at the end, so that any vector width gives
//! the same bits.

use super::float::f32_to_f16;
use super::math;

/// 16 lanes to one, pairwise: 8 apart, then 4, 2, 1.
#[inline(always)]
pub(crate) fn fold<T: Copy>(lanes: [T; 16], op: impl Fn(T, T) -> T) -> T {
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

/// `x = (x - mean(x)) / sqrt(variance(x) + eps) * weight + bias`.
#[inline(always)]
pub(crate) fn layer_norm_in_place(x: &mut [f32], weight: &[f32], bias: &[f32], eps: f32) {
    let count = x.len() as f32;
    let mean = lanes(x, |sum, v| sum + v) / count;
    let variance = lanes(x, |sum, v| (v - mean).mul_add(v - mean, sum)) / count;
    let scale = 1.0 / (variance + eps).sqrt();
    for ((v, &w), &b) in x.iter_mut().zip(weight).zip(bias) {
        *v = ((*v - mean) * scale).mul_add(w, b);
    }
}

/// x, rounded to f16.
#[inline(always)]
pub(crate) fn to_f16(x: &[f32], out: &mut [u16]) {
    for (out, &x) in out.iter_mut().zip(x) {
        *out = f32_to_f16(x);
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

/// `x += scales[0] * row 0 + scales[1] * row 1 + …`, in this order, each step rounded once; row k begins at
/// `rows[k * stride]` and is as long as x.
#[inline(always)]
pub(crate) fn add_rows(x: &mut [f32], scales: &[f32], rows: &[f32], stride: usize) {
    const LANES: usize = 32;
    let done = x.len() / LANES * LANES;
    let (blocks, rest) = x.as_chunks_mut::<LANES>();
    for (index, block) in blocks.iter_mut().enumerate() {
        // Sums stay in registers over all rows.
        let mut sums = *block;
        for (k, &scale) in scales.iter().enumerate() {
            let start = k * stride + index * LANES;
            for (sum, &y) in sums.iter_mut().zip(&rows[start..start + LANES]) {
                *sum = y.mul_add(scale, *sum);
            }
        }
        *block = sums;
    }
    for (k, &scale) in scales.iter().enumerate() {
        let start = k * stride + done;
        add_scaled(rest, &rows[start..start + rest.len()], scale);
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

/// `x = gelu_erf(x)`.
#[inline(always)]
pub(crate) fn gelu_erf(x: &mut [f32]) {
    for x in x {
        *x = math::gelu_erf(*x);
    }
}

/// `gate = clamped_swish(gate) * (up + 1)`, with up within 7 of 0; NaN where one is infinite.
#[inline(always)]
pub(crate) fn clamped_swiglu(gate: &mut [f32], up: &[f32]) {
    for (gate, &up) in gate.iter_mut().zip(up) {
        let low = if up > 7.0 { 7.0 } else { up };
        let within = if low < -7.0 { -7.0 } else { low };
        *gate = math::clamped_swish(*gate) * (within + 1.0) + up * 0.0;
    }
}

/// `x = x * sigmoid(gate)`.
#[inline(always)]
pub(crate) fn sigmoid_mul(x: &mut [f32], gate: &[f32]) {
    for (x, &gate) in x.iter_mut().zip(gate) {
        *x *= math::sigmoid(gate);
    }
}

/// Turns the pairs (2i, 2i + 1) of one head by the angles of one token; `cos` and `sin` have one value per
/// pair.
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
