//! Unpacking blocks of 32, or of some units of 32; knows nothing of the others. Safety of each `unpack`: see
//! [`Format`].
#![allow(clippy::needless_range_loop)] // Iterators over vectors are not always inlined.

use super::format::place::{D32, HIGH_D32, M32};
use super::format::{Format, Sink, bits, first_word, iq4_table};
use crate::kernel::block::{FP4_CODES, half_power};
use crate::kernel::tiles::Tiles;
use crate::kernel::types::Type;

/// Splits four words of nibbles: low ones are codes 0 to 15, high ones 16 to 31.
#[inline(always)]
fn nibbles<S: Tiles>(s: S, words: [S::I; 4]) -> [S::I; 8] {
    let mask = s.splat_i(0x0f0f_0f0f);
    let [a, b, c, d] = words;
    let low = |x| s.and(x, mask);
    let high = |x| s.and(s.shr(x, 4), mask);
    [low(a), low(b), low(c), low(d), high(a), high(b), high(c), high(d)]
}

#[inline(always)]
unsafe fn put_codes<S: Tiles>(s: S, to: &mut impl Sink<S>, codes: [S::I; 8]) {
    for j in 0..8 {
        // SAFETY: a block has 8 words of codes.
        unsafe { to.code(s, j, codes[j]) };
    }
}

#[derive(Clone, Copy)]
pub(super) struct Q40;

impl Format for Q40 {
    const TYPE: Type = Type::Q4_0;

    #[inline(always)]
    unsafe fn unpack<S: Tiles>(self, s: S, from: *const u8, stride: usize, to: &mut impl Sink<S>) {
        // SAFETY: within a block of 18 bytes.
        unsafe {
            put_codes(s, to, nibbles(s, s.words(from.add(2), stride)));
            to.put_r(s, D32, s.low_halves(to.head(s, from, stride)));
        }
    }
}

/// d and m of a block that begins with them.
#[inline(always)]
unsafe fn put_scale_and_min<S: Tiles>(s: S, from: *const u8, stride: usize, to: &mut impl Sink<S>) {
    // SAFETY: within a block of at least 16 bytes.
    unsafe {
        let both = to.head(s, from, stride);
        to.put_r(s, D32, s.low_halves(both));
        to.put_r(s, M32, s.low_halves(s.shr(both, 16)));
    }
}

#[derive(Clone, Copy)]
pub(super) struct Q41;

impl Format for Q41 {
    const TYPE: Type = Type::Q4_1;

    #[inline(always)]
    unsafe fn unpack<S: Tiles>(self, s: S, from: *const u8, stride: usize, to: &mut impl Sink<S>) {
        // SAFETY: within a block of 20 bytes.
        unsafe {
            put_codes(s, to, nibbles(s, s.words(from.add(4), stride)));
            put_scale_and_min(s, from, stride, to);
        }
    }
}

/// Nibbles with their fifth bits.
#[inline(always)]
fn fifths<S: Tiles>(s: S, mut codes: [S::I; 8], bits: S::I) -> [S::I; 8] {
    for j in 0..8 {
        codes[j] = s.or(codes[j], s.spread(bits, 4 * j as u32, 16));
    }
    codes
}

#[derive(Clone, Copy)]
pub(super) struct Q50;

impl Format for Q50 {
    const TYPE: Type = Type::Q5_0;

    #[inline(always)]
    unsafe fn unpack<S: Tiles>(self, s: S, from: *const u8, stride: usize, to: &mut impl Sink<S>) {
        // SAFETY: within a block of 22 bytes.
        unsafe {
            let codes = nibbles(s, s.words(from.add(6), stride));
            put_codes(s, to, fifths(s, codes, first_word(s, from.add(2), stride)));
            to.put_r(s, D32, s.low_halves(to.head(s, from, stride)));
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Q51;

impl Format for Q51 {
    const TYPE: Type = Type::Q5_1;

    #[inline(always)]
    unsafe fn unpack<S: Tiles>(self, s: S, from: *const u8, stride: usize, to: &mut impl Sink<S>) {
        // SAFETY: within a block of 24 bytes.
        unsafe {
            let codes = nibbles(s, s.words(from.add(8), stride));
            put_codes(s, to, fifths(s, codes, first_word(s, from.add(4), stride)));
            put_scale_and_min(s, from, stride, to);
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Q80;

impl Format for Q80 {
    const TYPE: Type = Type::Q8_0;

    #[inline(always)]
    unsafe fn unpack<S: Tiles>(self, s: S, from: *const u8, stride: usize, to: &mut impl Sink<S>) {
        // SAFETY: within a block of 34 bytes.
        unsafe {
            let flip = s.splat_i(if S::SIGNED { 0 } else { 0x8080_8080u32 as i32 });
            let [a, b, c, d] = s.words(from.add(2), stride);
            let [e, f, g, h] = s.words(from.add(18), stride);
            let mut codes = [a, b, c, d, e, f, g, h];
            for j in 0..8 {
                codes[j] = s.xor(codes[j], flip);
            }
            put_codes(s, to, codes);
            to.put_r(s, D32, s.low_halves(to.head(s, from, stride)));
        }
    }
}

#[inline(always)]
fn look_up<S: Tiles>(s: S, table: &[u8; 16], mut codes: [S::I; 8]) -> [S::I; 8] {
    for j in 0..8 {
        codes[j] = s.look_up(table, codes[j]);
    }
    codes
}

#[derive(Clone, Copy)]
pub(super) struct Iq4Nl;

impl Format for Iq4Nl {
    const TYPE: Type = Type::IQ4_NL;

    #[inline(always)]
    unsafe fn unpack<S: Tiles>(self, s: S, from: *const u8, stride: usize, to: &mut impl Sink<S>) {
        let table = iq4_table::<S>();
        // SAFETY: within a block of 18 bytes.
        unsafe {
            let codes = nibbles(s, s.words(from.add(2), stride));
            put_codes(s, to, look_up(s, &table, codes));
            to.put_r(s, D32, s.low_halves(to.head(s, from, stride)));
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Mxfp4;

impl Format for Mxfp4 {
    const TYPE: Type = Type::MXFP4;

    #[inline(always)]
    unsafe fn unpack<S: Tiles>(self, s: S, from: *const u8, stride: usize, to: &mut impl Sink<S>) {
        let table = FP4_CODES.map(|code| (code + 16) as u8);
        let mut scales = [0.0; 16];
        // SAFETY: within a block of 17 bytes; a vector has at most 16 rows.
        unsafe {
            let codes = nibbles(s, s.words(from.add(1), stride));
            put_codes(s, to, look_up(s, &table, codes));
            for r in 0..S::ROWS {
                scales[r] = half_power(from.add(r * stride).read());
            }
            to.put_r(s, D32, s.load_r(scales.as_ptr()));
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Nvfp4;

impl Format for Nvfp4 {
    const TYPE: Type = Type::NVFP4;

    #[inline(always)]
    unsafe fn unpack<S: Tiles>(self, s: S, from: *const u8, stride: usize, to: &mut impl Sink<S>) {
        let table = FP4_CODES.map(|code| (code + 16) as u8);
        // SAFETY: within a block of 36 bytes.
        unsafe {
            let scales = without_nan(s, to.head(s, from, stride));
            for unit in 0..2 {
                if unit > 0 {
                    to.next(s);
                }
                let words = s.words(from.add(4 + 16 * unit), stride);
                for half in 0..2 {
                    // Eight bytes: their low nibbles are codes 0 to 7, their high ones 8 to 15.
                    let (a, b) = (words[2 * half], words[2 * half + 1]);
                    let codes =
                        [bits(s, a, 0, LOW4), bits(s, b, 0, LOW4), bits(s, a, 4, LOW4), bits(s, b, 4, LOW4)];
                    for j in 0..4 {
                        to.code(s, 4 * half + j, s.look_up(&table, codes[j]));
                    }
                    let place = if half == 0 { D32 } else { HIGH_D32 };
                    to.put_r(s, place, half_ue4m3(s, scales, 8 * (2 * unit + half) as u32));
                }
            }
        }
    }
}

const LOW4: i32 = 0x0f0f_0f0f;

/// Four UE4M3 scales a lane: seven bits each, a NaN's as zero.
#[inline(always)]
fn without_nan<S: Tiles>(s: S, scales: S::I) -> S::I {
    let seven = bits(s, scales, 0, 0x7f7f_7f7f);
    // Of all seven bits, only 0x7f plus 1 reaches the eighth.
    let nan = bits(s, s.add_i(seven, s.splat_i(0x0101_0101)), 7, 0x0101_0101);
    s.and(seven, s.add_8(nan, s.splat_i(-1)))
}

/// The scale at bit `at`, halved: it is an f16 with exponents eight greater, moved by seven bits.
#[inline(always)]
fn half_ue4m3<S: Tiles>(s: S, scales: S::I, at: u32) -> S::R {
    s.mul_r(s.low_halves(s.shl(bits(s, scales, at, 0x7f), 7)), s.splat_r(128.0))
}

#[derive(Clone, Copy)]
pub(super) struct Q10;

impl Format for Q10 {
    const TYPE: Type = Type::Q1_0;

    #[inline(always)]
    unsafe fn unpack<S: Tiles>(self, s: S, from: *const u8, stride: usize, to: &mut impl Sink<S>) {
        // SAFETY: within a block of 18 bytes.
        unsafe {
            let d = s.low_halves(to.head(s, from, stride));
            let words = s.words(from.add(2), stride);
            for unit in 0..4 {
                if unit > 0 {
                    to.next(s);
                }
                for j in 0..8 {
                    to.code(s, j, s.spread(words[unit], 4 * j as u32, 2));
                }
                to.put_r(s, D32, d);
            }
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Q20;

impl Format for Q20 {
    const TYPE: Type = Type::Q2_0;

    #[inline(always)]
    unsafe fn unpack<S: Tiles>(self, s: S, from: *const u8, stride: usize, to: &mut impl Sink<S>) {
        // SAFETY: within a block of 18 bytes.
        unsafe {
            let d = s.low_halves(to.head(s, from, stride));
            let words = s.words(from.add(2), stride);
            for unit in 0..2 {
                if unit > 0 {
                    to.next(s);
                }
                for j in 0..8 {
                    to.code(s, j, s.quarters(words[2 * unit + j / 4], j as u32 % 4));
                }
                to.put_r(s, D32, d);
            }
        }
    }
}
