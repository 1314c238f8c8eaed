//! 8 rows in two registers of 32, for [`Neon`]. Knows no kernel.
//!
//! The dot products have no stable intrinsics: they are one instruction of assembly each.
#![allow(clippy::needless_range_loop)] // Iterators over vectors are not always inlined.

use super::neon::{Neon, from_halves};
use super::squares;
use super::words::{Floats, Words, one, two};
use crate::kernel::tiles::Tiles;
use std::arch::aarch64::*;
use std::arch::asm;

#[inline(always)]
fn signed(x: uint32x4_t) -> int32x4_t {
    // SAFETY: every aarch64 has NEON.
    unsafe { vreinterpretq_s32_u32(x) }
}

#[inline(always)]
fn bytes(x: uint32x4_t) -> uint8x16_t {
    // SAFETY: every aarch64 has NEON.
    unsafe { vreinterpretq_u8_u32(x) }
}

/// `sums + a . b`, four signed bytes per lane of `a`, all times word `LANE` of `b`.
///
/// # Safety
/// The processor has FEAT_DotProd.
#[inline(always)]
unsafe fn sdot<const LANE: u32>(sums: Words, a: Words, b: uint32x4_t) -> Words {
    let [mut low, mut high] = sums;
    // SAFETY: registers only; the caller promises that the instruction exists.
    unsafe {
        asm!("sdot {0:v}.4s, {1:v}.16b, {2:v}.4b[{3}]", inout(vreg) low, in(vreg) a[0], in(vreg) b,
            const LANE, options(pure, nomem, nostack, preserves_flags));
        asm!("sdot {0:v}.4s, {1:v}.16b, {2:v}.4b[{3}]", inout(vreg) high, in(vreg) a[1], in(vreg) b,
            const LANE, options(pure, nomem, nostack, preserves_flags));
    }
    [low, high]
}

/// [`sdot`] for each token: `values` has four words of each.
///
/// # Safety
/// The processor has FEAT_DotProd.
#[inline(always)]
unsafe fn word<const LANE: u32, const N: usize>(
    mut sums: [Words; N],
    codes: Words,
    values: [uint32x4_t; N],
) -> [Words; N] {
    for t in 0..N {
        // SAFETY: as the caller promises.
        sums[t] = unsafe { sdot::<LANE>(sums[t], codes, values[t]) };
    }
    sums
}

#[inline(always)]
fn from_lanes(lanes: [u32; 4]) -> uint32x4_t {
    // SAFETY: 4 values are readable.
    unsafe { vld1q_u32(lanes.as_ptr()) }
}

/// Word j of rows 0 to 3 from the 16 bytes of each.
#[inline(always)]
fn transpose(rows: [uint32x4_t; 4]) -> [uint32x4_t; 4] {
    // SAFETY: every aarch64 has NEON.
    unsafe {
        let [a, b, c, d] = rows;
        let (ab_even, ab_odd) = (vtrn1q_u32(a, b), vtrn2q_u32(a, b));
        let (cd_even, cd_odd) = (vtrn1q_u32(c, d), vtrn2q_u32(c, d));
        let low =
            |x, y| vreinterpretq_u32_u64(vtrn1q_u64(vreinterpretq_u64_u32(x), vreinterpretq_u64_u32(y)));
        let high =
            |x, y| vreinterpretq_u32_u64(vtrn2q_u64(vreinterpretq_u64_u32(x), vreinterpretq_u64_u32(y)));
        [low(ab_even, cd_even), low(ab_odd, cd_odd), high(ab_even, cd_even), high(ab_odd, cd_odd)]
    }
}

impl<const MM: bool> Tiles for Neon<MM> {
    const ROWS: usize = 8;
    const TOKENS: usize = 4;
    const PANELS: usize = 1;
    const DIRECT: usize = 1;
    const SIGNED: bool = true;
    const NARROW: bool = false;
    type I = Words;
    type R = Floats;

    #[inline(always)]
    unsafe fn load_i(self, from: *const u8) -> Words {
        let from = from.cast::<u32>();
        // SAFETY: the caller promises the bytes.
        unsafe { [vld1q_u32(from), vld1q_u32(from.add(4))] }
    }

    #[inline(always)]
    unsafe fn store_i(self, x: Words, to: *mut u8) {
        let to = to.cast::<u32>();
        // SAFETY: the caller promises the bytes.
        unsafe {
            vst1q_u32(to, x[0]);
            vst1q_u32(to.add(4), x[1]);
        }
    }

    #[inline(always)]
    unsafe fn store_word(self, codes: Words, panel: *mut u8, index: usize) {
        let at = |index: usize| panel.wrapping_add(index * 4 * Self::ROWS);
        // SAFETY: the caller promises room for the word, and that the one before an odd one is there.
        unsafe {
            if !MM || index.is_multiple_of(2) {
                return self.store_i(codes, at(index));
            }
            let [low, high] = squares::of_rows(self.load_i(at(index - 1)), codes);
            self.store_i(low, at(index - 1));
            self.store_i(high, at(index));
        }
    }

    #[inline(always)]
    unsafe fn load_r(self, from: *const f32) -> Floats {
        // SAFETY: the caller promises 8 values.
        unsafe { [vld1q_f32(from), vld1q_f32(from.add(4))] }
    }

    #[inline(always)]
    unsafe fn store_r(self, x: Floats, to: *mut f32) {
        // SAFETY: the caller promises 8 values.
        unsafe {
            vst1q_f32(to, x[0]);
            vst1q_f32(to.add(4), x[1]);
        }
    }

    #[inline(always)]
    unsafe fn words(self, from: *const u8, stride: usize) -> [Words; 4] {
        // SAFETY: the caller promises 16 bytes in each of 8 rows.
        let row = |r: usize| unsafe { vreinterpretq_u32_u8(vld1q_u8(from.add(r * stride))) };
        let [a, b, c, d] = transpose([row(0), row(1), row(2), row(3)]);
        let [e, f, g, h] = transpose([row(4), row(5), row(6), row(7)]);
        [[a, e], [b, f], [c, g], [d, h]]
    }

    #[inline(always)]
    unsafe fn word(self, from: *const u8, stride: usize) -> Words {
        // SAFETY: the caller promises 4 bytes in each of 8 rows.
        let row = |r: usize| unsafe { from.add(r * stride).cast::<u32>().read_unaligned() };
        [from_lanes([row(0), row(1), row(2), row(3)]), from_lanes([row(4), row(5), row(6), row(7)])]
    }

    #[inline(always)]
    fn splat_i(self, x: i32) -> Words {
        // SAFETY: every aarch64 has NEON.
        unsafe { [vdupq_n_u32(x as u32); 2] }
    }

    #[inline(always)]
    fn splat_r(self, x: f32) -> Floats {
        // SAFETY: every aarch64 has NEON.
        unsafe { [vdupq_n_f32(x); 2] }
    }

    #[inline(always)]
    fn and(self, a: Words, b: Words) -> Words {
        // SAFETY: every aarch64 has NEON.
        unsafe { two(a, b, |a, b| vandq_u32(a, b)) }
    }

    #[inline(always)]
    fn or(self, a: Words, b: Words) -> Words {
        // SAFETY: every aarch64 has NEON.
        unsafe { two(a, b, |a, b| vorrq_u32(a, b)) }
    }

    #[inline(always)]
    fn xor(self, a: Words, b: Words) -> Words {
        // SAFETY: every aarch64 has NEON.
        unsafe { two(a, b, |a, b| veorq_u32(a, b)) }
    }

    #[inline(always)]
    fn shl(self, x: Words, by: u32) -> Words {
        // SAFETY: every aarch64 has NEON.
        unsafe { one(x, |x| vshlq_u32(x, vdupq_n_s32(by as i32))) }
    }

    #[inline(always)]
    fn shr(self, x: Words, by: u32) -> Words {
        // SAFETY: every aarch64 has NEON.
        // It shifts right by shifting left by a negative number.
        unsafe { one(x, |x| vshlq_u32(x, vdupq_n_s32(-(by as i32)))) }
    }

    #[inline(always)]
    fn sar(self, x: Words, by: u32) -> Words {
        // SAFETY: every aarch64 has NEON.
        unsafe { one(x, |x| vreinterpretq_u32_s32(vshlq_s32(signed(x), vdupq_n_s32(-(by as i32))))) }
    }

    #[inline(always)]
    fn add_i(self, a: Words, b: Words) -> Words {
        // SAFETY: every aarch64 has NEON.
        unsafe { two(a, b, |a, b| vaddq_u32(a, b)) }
    }

    #[inline(always)]
    fn mul_i(self, a: Words, b: Words) -> Words {
        // SAFETY: every aarch64 has NEON.
        unsafe { two(a, b, |a, b| vmulq_u32(a, b)) }
    }

    #[inline(always)]
    fn sub_16(self, a: Words, b: Words) -> Words {
        // SAFETY: every aarch64 has NEON.
        unsafe {
            two(a, b, |a, b| {
                vreinterpretq_u32_u16(vsubq_u16(vreinterpretq_u16_u32(a), vreinterpretq_u16_u32(b)))
            })
        }
    }

    #[inline(always)]
    fn add_8(self, a: Words, b: Words) -> Words {
        // SAFETY: every aarch64 has NEON.
        unsafe { two(a, b, |a, b| vreinterpretq_u32_u8(vaddq_u8(bytes(a), bytes(b)))) }
    }

    #[inline(always)]
    fn look_up(self, table: &[u8; 16], x: Words) -> Words {
        // SAFETY: the table has 16 bytes.
        unsafe {
            let table = vld1q_u8(table.as_ptr());
            one(x, |x| vreinterpretq_u32_u8(vqtbl1q_u8(table, bytes(x))))
        }
    }

    #[inline(always)]
    fn spread(self, bits: Words, first: u32, value: u8) -> Words {
        // SAFETY: every aarch64 has NEON.
        unsafe {
            // Each lane's byte with the four bits, four times; then each byte's own bit.
            let byte = from_lanes([0, 0x0404_0404, 0x0808_0808, 0x0c0c_0c0c]);
            let byte = vaddq_u8(bytes(byte), vdupq_n_u8((first / 8) as u8));
            let own = bytes(vdupq_n_u32(0x0804_0201 << (first % 8)));
            one(bits, |bits| {
                let set = vtstq_u8(vqtbl1q_u8(bytes(bits), byte), own);
                vreinterpretq_u32_u8(vandq_u8(set, vdupq_n_u8(value)))
            })
        }
    }

    #[inline(always)]
    unsafe fn fours(self, book: *const u32, indices: *const u16) -> Words {
        // SAFETY: the caller promises the indices and what they stand for.
        let found = |row: usize| unsafe { book.add(indices.add(2 * row).read() as usize).read() };
        [from_lanes([0, 1, 2, 3].map(found)), from_lanes([4, 5, 6, 7].map(found))]
    }

    #[inline(always)]
    unsafe fn eights(self, book: *const u64, indices: *const u16) -> [Words; 2] {
        // SAFETY: the caller promises the indices and what they stand for.
        unsafe {
            let found = |row: usize| vld1_u64(book.add(indices.add(2 * row).read() as usize));
            let both = |row: usize| vreinterpretq_u32_u64(vcombine_u64(found(row), found(row + 1)));
            let (a, b, c, d) = (both(0), both(2), both(4), both(6));
            [[vuzp1q_u32(a, b), vuzp1q_u32(c, d)], [vuzp2q_u32(a, b), vuzp2q_u32(c, d)]]
        }
    }

    #[inline(always)]
    fn low_halves(self, x: Words) -> Floats {
        // SAFETY: every aarch64 has NEON.
        unsafe { from_halves(vmovn_high_u32(vmovn_u32(x[0]), x[1])) }
    }

    #[inline(always)]
    unsafe fn dot<const WIDE: bool>(self, sum: Words, codes: Words, values: *const i8) -> Words {
        // SAFETY: `self` proves the instruction; the caller promises 4 bytes.
        unsafe { sdot::<0>(sum, codes, vdupq_n_u32(values.cast::<u32>().read_unaligned())) }
    }

    #[inline(always)]
    unsafe fn dots<const WIDE: bool, const N: usize>(
        self,
        mut sums: [Words; N],
        codes: *const u8,
        values: *const i8,
        words: usize,
    ) -> [Words; N] {
        if MM {
            // SAFETY: `self` proves the instructions; the rest is the caller's promise.
            return unsafe { squares::dots(sums, codes, values, words) };
        }
        for j in (0..words).step_by(4) {
            // SAFETY: `self` proves the instruction; the caller promises the words, a multiple of 4.
            unsafe {
                // One load for four words: the instruction takes any word of its last operand.
                let mut four = [vdupq_n_u32(0); N];
                for t in 0..N {
                    four[t] = vreinterpretq_u32_s8(vld1q_s8(values.add(32 * t + 4 * j)));
                }
                let codes = codes.add(j * 4 * Self::ROWS);
                sums = word::<0, N>(sums, self.load_i(codes), four);
                sums = word::<1, N>(sums, self.load_i(codes.add(4 * Self::ROWS)), four);
                sums = word::<2, N>(sums, self.load_i(codes.add(8 * Self::ROWS)), four);
                sums = word::<3, N>(sums, self.load_i(codes.add(12 * Self::ROWS)), four);
            }
        }
        sums
    }

    #[inline(always)]
    fn mixed<const N: usize>(self, sums: [Words; N]) -> [Words; N] {
        if MM { squares::mixed(sums) } else { sums }
    }

    #[inline(always)]
    fn ordered<const N: usize>(self, sums: [Words; N]) -> [Words; N] {
        if MM { squares::ordered(sums) } else { sums }
    }

    #[inline(always)]
    fn add_scaled<const N: usize>(self, mut sums: [Words; N], parts: [Words; N], scale: Words) -> [Words; N] {
        let pair = squares::of_rows(scale, scale);
        for t in 0..N {
            // The last of an odd number of tokens is alone, and in order.
            let scale = if MM && t < N / 2 * 2 { pair[t % 2] } else { scale };
            sums[t] = self.add_i(sums[t], self.mul_i(parts[t], scale));
        }
        sums
    }

    #[inline(always)]
    unsafe fn dot_16(self, sum: Words, a: Words, b: *const i16) -> Words {
        // SAFETY: the caller promises two values.
        unsafe {
            let b = vreinterpretq_s16_u32(vdupq_n_u32(b.cast::<u32>().read_unaligned()));
            two(sum, a, |sum, a| {
                let a = vreinterpretq_s16_u32(a);
                let (low, high) = (vmull_s16(vget_low_s16(a), vget_low_s16(b)), vmull_high_s16(a, b));
                vaddq_u32(sum, vreinterpretq_u32_s32(vpaddq_s32(low, high)))
            })
        }
    }

    #[inline(always)]
    fn to_float(self, x: Words) -> Floats {
        // SAFETY: every aarch64 has NEON.
        unsafe { one(x, |x| vcvtq_f32_s32(signed(x))) }
    }

    #[inline(always)]
    fn mul_r(self, a: Floats, b: Floats) -> Floats {
        // SAFETY: every aarch64 has NEON.
        unsafe { two(a, b, |a, b| vmulq_f32(a, b)) }
    }

    #[inline(always)]
    fn fma_r(self, a: Floats, b: Floats, c: Floats) -> Floats {
        // SAFETY: every aarch64 has NEON.
        unsafe { [vfmaq_f32(c[0], a[0], b[0]), vfmaq_f32(c[1], a[1], b[1])] }
    }

    #[inline(always)]
    fn fnma_r(self, a: Floats, b: Floats, c: Floats) -> Floats {
        // SAFETY: every aarch64 has NEON.
        unsafe { [vfmsq_f32(c[0], a[0], b[0]), vfmsq_f32(c[1], a[1], b[1])] }
    }
}
