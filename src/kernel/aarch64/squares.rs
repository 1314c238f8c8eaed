//! Products of matrices of bytes (SMMLA), for [`super::neon::Neon`]: 2 rows of 8 codes times 2 tokens of 8
//! values give a square of 2 x 2 sums. Knows no kernel.
//!
//! Two words of 8 rows are four registers here, of two rows each. The sums of two tokens with 8 rows are four
//! squares: rows 0 to 3 of both where the first token's sums would be, rows 4 to 7 where the second's. The
//! last of an odd number of tokens keeps its sums in order.
#![allow(clippy::needless_range_loop)] // Iterators over vectors are not always inlined.

use super::words::Words;
use std::arch::aarch64::*;
use std::arch::asm;

/// Lanes of `a` and `b` in turn: their rows 0 to 3, then 4 to 7.
#[inline(always)]
pub(super) fn of_rows(a: Words, b: Words) -> [Words; 2] {
    // SAFETY: every aarch64 has NEON.
    let half = |a, b| unsafe { [vzip1q_u32(a, b), vzip2q_u32(a, b)] };
    [half(a[0], b[0]), half(a[1], b[1])]
}

/// The sums of each two tokens as squares.
#[inline(always)]
pub(super) fn mixed<const N: usize>(mut sums: [Words; N]) -> [Words; N] {
    for t in (0..N / 2 * 2).step_by(2) {
        [sums[t], sums[t + 1]] = of_rows(sums[t], sums[t + 1]);
    }
    sums
}

/// What [`mixed`] was given.
#[inline(always)]
pub(super) fn ordered<const N: usize>(mut sums: [Words; N]) -> [Words; N] {
    for t in (0..N / 2 * 2).step_by(2) {
        let (low, high) = (sums[t], sums[t + 1]);
        // SAFETY: every aarch64 has NEON.
        unsafe {
            sums[t] = [vuzp1q_u32(low[0], low[1]), vuzp1q_u32(high[0], high[1])];
            sums[t + 1] = [vuzp2q_u32(low[0], low[1]), vuzp2q_u32(high[0], high[1])];
        }
    }
    sums
}

/// As [`crate::kernel::tiles::Tiles::dots`].
///
/// # Safety
/// As there; the processor has FEAT_DotProd and FEAT_I8MM.
#[inline(always)]
pub(super) unsafe fn dots<const N: usize>(
    mut sums: [Words; N],
    codes: *const u8,
    values: *const i8,
    words: usize,
) -> [Words; N] {
    // SAFETY: as the caller promises; `words` is a multiple of 4.
    unsafe {
        // The last of an odd number of tokens: its even and odd words apart.
        let mut last = [[vdupq_n_u32(0); 2]; 2];
        for j in (0..words).step_by(4) {
            let mut four = [vdupq_n_u64(0); N];
            for t in 0..N {
                four[t] = vreinterpretq_u64_s8(vld1q_s8(values.add(32 * t + 4 * j)));
            }
            let codes = codes.add(j * 32).cast();
            (sums, last) = two_words::<false, N>(sums, last, codes, four);
            (sums, last) = two_words::<true, N>(sums, last, codes.add(16), four);
        }
        if N % 2 == 1 {
            let [low, high] = sums[N - 1];
            let both = |[a, b]: [uint32x4_t; 2]| vpaddq_u32(a, b);
            sums[N - 1] = [vaddq_u32(low, both(last[0])), vaddq_u32(high, both(last[1]))];
        }
    }
    sums
}

/// The words 2 and 3 (`LATER`), or 0 and 1, of four: those of 8 rows at `codes` times those of each token.
///
/// # Safety
/// `codes` has 16 words; the processor has FEAT_DotProd and FEAT_I8MM.
#[inline(always)]
unsafe fn two_words<const LATER: bool, const N: usize>(
    mut sums: [Words; N],
    mut last: [Words; 2],
    codes: *const u32,
    four: [uint64x2_t; N],
) -> ([Words; N], [Words; 2]) {
    // SAFETY: as the caller promises.
    unsafe {
        let codes = [
            [vld1q_u32(codes), vld1q_u32(codes.add(4))],
            [vld1q_u32(codes.add(8)), vld1q_u32(codes.add(12))],
        ];
        let two = |a, b| vreinterpretq_u32_u64(if LATER { vzip2q_u64(a, b) } else { vzip1q_u64(a, b) });
        for t in (0..N / 2 * 2).step_by(2) {
            let values = two(four[t], four[t + 1]);
            for half in 0..2 {
                for pair in 0..2 {
                    sums[t + half][pair] = smmla(sums[t + half][pair], codes[half][pair], values);
                }
            }
        }
        if N % 2 == 1 {
            let values = two(four[N - 1], four[N - 1]);
            for half in 0..2 {
                for pair in 0..2 {
                    last[half][pair] = sdot(last[half][pair], codes[half][pair], values);
                }
            }
        }
    }
    (sums, last)
}

/// `sums` of two rows with two tokens, plus `rows . tokens`, eight signed bytes of each.
///
/// # Safety
/// The processor has FEAT_I8MM.
#[inline(always)]
unsafe fn smmla(mut sums: uint32x4_t, rows: uint32x4_t, tokens: uint32x4_t) -> uint32x4_t {
    // SAFETY: registers only; the caller promises that the instruction exists.
    unsafe {
        asm!("smmla {0:v}.4s, {1:v}.16b, {2:v}.16b", inout(vreg) sums, in(vreg) rows, in(vreg) tokens,
            options(pure, nomem, nostack, preserves_flags));
    }
    sums
}

/// `sums + a . b`, four signed bytes per lane.
///
/// # Safety
/// The processor has FEAT_DotProd.
#[inline(always)]
unsafe fn sdot(mut sums: uint32x4_t, a: uint32x4_t, b: uint32x4_t) -> uint32x4_t {
    // SAFETY: registers only; the caller promises that the instruction exists.
    unsafe {
        asm!("sdot {0:v}.4s, {1:v}.16b, {2:v}.16b", inout(vreg) sums, in(vreg) a, in(vreg) b,
            options(pure, nomem, nostack, preserves_flags));
    }
    sums
}
