//! How partial results add up, and what comes out in the end; knows no keys.

use super::section::PARTIAL_TAIL;
use crate::kernel::math::exp2;

/// Adds the partial result of later keys to `total`; both are `value_stride + 2` long.
#[inline(always)]
pub(crate) fn merge(total: &mut [f32], part: &[f32]) {
    let Some(tail) = total.len().checked_sub(PARTIAL_TAIL) else { return };
    let (max, sum, keep, gain) = joined([total[tail], total[tail + 1]], [part[tail], part[tail + 1]]);
    for (total, &part) in total[..tail].iter_mut().zip(part) {
        *total = part.mul_add(gain, *total * keep);
    }
    (total[tail], total[tail + 1]) = (max, sum);
}

/// What two maxima and sums of weights come to, the earlier first: maximum, sum, and what the sums of values
/// are multiplied with.
#[inline(always)]
pub(super) fn joined(total: [f32; 2], part: [f32; 2]) -> (f32, f32, f32, f32) {
    let max = if part[0] > total[0] { part[0] } else { total[0] };
    let (keep, gain) = (exp2(total[0] - max), exp2(part[0] - max));
    (max, part[1].mul_add(gain, total[1] * keep), keep, gain)
}

/// The attention's output: sums over the sum of weights.
#[inline(always)]
pub(crate) fn finish(total: &[f32], value_stride: usize, out: &mut [f32]) {
    let sum = total[value_stride + 1];
    for (out, &value) in out.iter_mut().zip(&total[..value_stride]) {
        *out = value / sum;
    }
}
