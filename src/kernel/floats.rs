//! Products of float weights: lane = k mod 16, lanes added in one tree. Knows no quantised type.
#![allow(clippy::needless_range_loop)] // Iterators over vectors are not always inlined.

use super::activations::Activations;
use super::float::{bf16_to_f32, f16_to_f32};
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

/// Bytes of rows that all tokens are taken over before the next rows: they stay in the cache.
const BLOCK: usize = 1 << 17;

/// Rows of a register tile.
const ROWS: usize = 4;

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
    let work = (weights, activations);
    let block = (BLOCK / weights.row_bytes().max(1) / ROWS * ROWS).max(ROWS);
    for first in rows.clone().step_by(block) {
        let part = first..rows.end.min(first + block);
        let mut t = tokens.start;
        while t < tokens.end {
            let left = tokens.end - t;
            let tile = &mut tile[(t - tokens.start) * stride + first - rows.start..];
            // As many tokens as registers suffice for.
            t += if S::WIDE && left >= 6 {
                over_rows::<S, BYTES, 6>(s, float, work, part.clone(), t, tile, stride)
            } else if S::WIDE && left >= 4 {
                over_rows::<S, BYTES, 4>(s, float, work, part.clone(), t, tile, stride)
            } else if left >= 2 {
                over_rows::<S, BYTES, 2>(s, float, work, part.clone(), t, tile, stride)
            } else {
                over_rows::<S, BYTES, 1>(s, float, work, part.clone(), t, tile, stride)
            };
        }
    }
}

/// `N` tokens from `t` on times `rows`, to `(token, stride)`, the first row first. Returns `N`.
#[inline(always)]
fn over_rows<S: Simd, const BYTES: usize, const N: usize>(
    s: S,
    float: impl Float<BYTES>,
    (weights, activations): (&Weights<'_>, &Activations),
    rows: Range<usize>,
    t: usize,
    tile: &mut [f32],
    stride: usize,
) -> usize {
    let cols = weights.cols();
    let row = |r: usize| weights.row(r).unwrap_or(&[]).as_chunks::<BYTES>().0;
    let tokens: [&[f32]; N] = std::array::from_fn(|i| &activations.f32[(t + i) * cols..(t + i + 1) * cols]);
    for r in rows.clone().step_by(ROWS) {
        // The last row is done again where there are fewer.
        let block: [&[[u8; BYTES]]; ROWS] = std::array::from_fn(|j| row((r + j).min(rows.end - 1)));
        let sums = dots::<S, BYTES, N>(s, float, block, tokens);
        let count = ROWS.min(rows.end - r);
        for i in 0..N {
            let place = i * stride + r - rows.start;
            tile[place..place + count].copy_from_slice(&sums[i][..count]);
        }
    }
    N
}

/// The dot products of `N` tokens and some rows.
#[inline(always)]
fn dots<S: Simd, const BYTES: usize, const N: usize>(
    s: S,
    float: impl Float<BYTES>,
    rows: [&[[u8; BYTES]]; ROWS],
    tokens: [&[f32]; N],
) -> [[f32; ROWS]; N] {
    let cols = tokens[0].len();
    assert!(tokens.iter().all(|token| token.len() == cols) && rows.iter().all(|row| row.len() == cols));
    let mut sums = [[s.splat(0.0); ROWS]; N];
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
                sums[i][j] = s.fma(values[j], x, sums[i][j]);
            }
        }
    }
    // What is left goes beside zeros.
    let done = cols / 16 * 16;
    if done < cols {
        let mut values = [s.splat(0.0); ROWS];
        for j in 0..ROWS {
            let mut rest = [0.0; 16];
            rest.iter_mut().zip(&rows[j][done..]).for_each(|(to, &bytes)| *to = float.one(bytes));
            values[j] = s.load(&rest);
        }
        for i in 0..N {
            let mut rest = [0.0; 16];
            rest[..cols - done].copy_from_slice(&tokens[i][done..]);
            let x = s.load(&rest);
            for j in 0..ROWS {
                sums[i][j] = s.fma(values[j], x, sums[i][j]);
            }
        }
    }
    let mut found = [[0.0; ROWS]; N];
    for i in 0..N {
        found[i] = s.trees(sums[i]);
    }
    found
}
