//! Products of float weights: lane = k mod 16, lanes added in one tree. Knows no quantised type.
#![allow(clippy::needless_range_loop)] // Iterators over vectors are not always inlined.

use super::activations::Activations;
use super::float::{bf16_to_f32, f16_to_f32};
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
    ///
    /// # Safety
    /// They are readable at `from`.
    unsafe fn load<S: Simd>(self, s: S, from: *const [u8; BYTES]) -> S::F;
    /// One element.
    fn one(self, bytes: [u8; BYTES]) -> f32;
}

#[derive(Clone, Copy)]
struct F32;
#[derive(Clone, Copy)]
struct F16;
#[derive(Clone, Copy)]
struct Bf16;

// Tensors are little-endian, as are the machines that instruction sets other than the plain one are for.
impl Float<4> for F32 {
    #[inline(always)]
    unsafe fn load<S: Simd>(self, s: S, from: *const [u8; 4]) -> S::F {
        // SAFETY: as the caller promises.
        s.load(&unsafe { from.cast::<[f32; 16]>().read_unaligned() })
    }

    #[inline(always)]
    fn one(self, bytes: [u8; 4]) -> f32 {
        f32::from_le_bytes(bytes)
    }
}

impl Float<2> for F16 {
    #[inline(always)]
    unsafe fn load<S: Simd>(self, s: S, from: *const [u8; 2]) -> S::F {
        // SAFETY: as the caller promises.
        s.load_f16(&unsafe { from.cast::<[u16; 16]>().read_unaligned() })
    }

    #[inline(always)]
    fn one(self, bytes: [u8; 2]) -> f32 {
        f16_to_f32(u16::from_le_bytes(bytes))
    }
}

impl Float<2> for Bf16 {
    #[inline(always)]
    unsafe fn load<S: Simd>(self, s: S, from: *const [u8; 2]) -> S::F {
        // SAFETY: as the caller promises.
        s.load_bf16(&unsafe { from.cast::<[u16; 16]>().read_unaligned() })
    }

    #[inline(always)]
    fn one(self, bytes: [u8; 2]) -> f32 {
        bf16_to_f32(u16::from_le_bytes(bytes))
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
    assert!(tokens.iter().all(|token| token.len() == cols) && rows.iter().all(|row| row.len() == cols));
    let mut sums = [[s.splat(0.0); N]; ROWS];
    for k in (0..cols / 16 * 16).step_by(16) {
        let mut values = [s.splat(0.0); ROWS];
        for j in 0..ROWS {
            // SAFETY: `k + 16` is at most the length of each row.
            values[j] = unsafe { float.load(s, rows[j].as_ptr().add(k)) };
        }
        for i in 0..N {
            // SAFETY: `k + 16` is at most the length of each token.
            let x = s.load(unsafe { &*tokens[i].as_ptr().add(k).cast() });
            for j in 0..ROWS {
                sums[j][i] = s.fma(values[j], x, sums[j][i]);
            }
        }
    }
    let done = cols / 16 * 16;
    for j in 0..ROWS {
        for i in 0..N {
            let mut lanes = [0.0; 16];
            s.store(sums[j][i], &mut lanes);
            for (lane, (&bytes, &x)) in lanes.iter_mut().zip(rows[j][done..].iter().zip(&tokens[i][done..])) {
                *lane = float.one(bytes).mul_add(x, *lane);
            }
            put(i, j, tree(lanes));
        }
    }
}
