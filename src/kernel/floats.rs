//! Products of float weights: lane = k mod 16, lanes added in one tree. Knows no quantised type.

use super::activations::Activations;
use super::generic::tree;
use super::simd::Simd;
use super::types::{Type, Weights};
use std::ops::Range;

/// As `Kernels::product`, for F32, F16 and BF16.
#[inline(always)]
pub(crate) fn product<S: Simd>(
    s: S,
    weights: &Weights<'_>,
    rows: Range<usize>,
    activations: &Activations,
    tokens: Range<usize>,
    tile: &mut [f32],
    stride: usize,
) {
    match weights.ty() {
        Type::F32 => typed::<S, 4>(s, F32, weights, rows, activations, tokens, tile, stride),
        Type::F16 => typed::<S, 2>(s, F16, weights, rows, activations, tokens, tile, stride),
        _ => typed::<S, 2>(s, Bf16, weights, rows, activations, tokens, tile, stride),
    }
}

/// A float type of `BYTES` bytes.
trait Float<const BYTES: usize>: Copy {
    /// 16 elements as f32.
    fn load<S: Simd>(self, s: S, from: &[[u8; BYTES]; 16]) -> S::F;
}

#[derive(Clone, Copy)]
struct F32;
#[derive(Clone, Copy)]
struct F16;
#[derive(Clone, Copy)]
struct Bf16;

impl Float<4> for F32 {
    #[inline(always)]
    fn load<S: Simd>(self, s: S, from: &[[u8; 4]; 16]) -> S::F {
        s.load(&from.map(f32::from_le_bytes))
    }
}

impl Float<2> for F16 {
    #[inline(always)]
    fn load<S: Simd>(self, s: S, from: &[[u8; 2]; 16]) -> S::F {
        s.load_f16(&from.map(u16::from_le_bytes))
    }
}

impl Float<2> for Bf16 {
    #[inline(always)]
    fn load<S: Simd>(self, s: S, from: &[[u8; 2]; 16]) -> S::F {
        s.load_bf16(&from.map(u16::from_le_bytes))
    }
}

/// Rows in a register tile.
const ROWS: usize = 2;

#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn typed<S: Simd, const BYTES: usize>(
    s: S,
    float: impl Float<BYTES>,
    weights: &Weights<'_>,
    rows: Range<usize>,
    activations: &Activations,
    tokens: Range<usize>,
    tile: &mut [f32],
    stride: usize,
) {
    let cols = weights.cols();
    let row = |r: usize| weights.row(r).unwrap_or(&[]).as_chunks::<BYTES>().0;
    let token = |t: usize| &activations.f32[t * cols..(t + 1) * cols];
    for r in (rows.start..rows.end).step_by(ROWS) {
        // The last row is done twice where rows are odd.
        let block: [&[[u8; BYTES]]; ROWS] = std::array::from_fn(|i| row((r + i).min(rows.end - 1)));
        let mut t = tokens.start;
        while t < tokens.end {
            let many = if S::WIDE { 8 } else { 4 };
            let place = (t - tokens.start) * stride + r - rows.start;
            let last = rows.end - r;
            let mut put = |i: usize, j: usize, x: f32| {
                if j < last {
                    tile[place + i * stride + j] = x;
                }
            };
            if tokens.end - t >= many && S::WIDE {
                dots::<S, BYTES, 8>(s, float, block, std::array::from_fn(|i| token(t + i)), &mut put);
                t += 8;
            } else if tokens.end - t >= 4 {
                dots::<S, BYTES, 4>(s, float, block, std::array::from_fn(|i| token(t + i)), &mut put);
                t += 4;
            } else {
                dots::<S, BYTES, 1>(s, float, block, [token(t)], &mut put);
                t += 1;
            }
        }
    }
}

/// The dot products of some rows and `N` tokens, given to `put(token, row, value)`.
#[inline(always)]
fn dots<S: Simd, const BYTES: usize, const N: usize>(
    s: S,
    float: impl Float<BYTES>,
    rows: [&[[u8; BYTES]]; ROWS],
    tokens: [&[f32]; N],
    put: &mut impl FnMut(usize, usize, f32),
) {
    let cols = tokens[0].len();
    let mut sums = [[s.splat(0.0); N]; ROWS];
    for k in 0..cols / 16 {
        let values =
            rows.map(|row| row.as_chunks::<16>().0.get(k).map_or(s.splat(0.0), |x| float.load(s, x)));
        for (i, token) in tokens.iter().enumerate() {
            let x = token.as_chunks::<16>().0.get(k).map_or(s.splat(0.0), |x| s.load(x));
            for (sums, &value) in sums.iter_mut().zip(&values) {
                sums[i] = s.fma(value, x, sums[i]);
            }
        }
    }
    for (j, sums) in sums.into_iter().enumerate() {
        for (i, sum) in sums.into_iter().enumerate() {
            let mut lanes = [0.0; 16];
            s.store(sum, &mut lanes);
            let done = cols / 16 * 16;
            let mut element = [[0u8; BYTES]; 16];
            for (lane, (&bytes, &x)) in rows[j][done..].iter().zip(&tokens[i][done..]).enumerate() {
                element[lane] = bytes;
                let mut value = [0.0; 16];
                s.store(float.load(s, &element), &mut value);
                lanes[lane] = value[lane].mul_add(x, lanes[lane]);
            }
            put(i, j, tree(lanes));
        }
    }
}
