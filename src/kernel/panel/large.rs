//! Unpacking blocks of 256; knows nothing of the others. Safety of each `unpack`: see [`Format`].
#![allow(clippy::needless_range_loop)] // Iterators over vectors are not always inlined.

use super::format::place::{D256, M256, PAIRS, SCALES};
use super::format::{Format, Sink, bits, iq4_table};
use crate::kernel::tiles::Tiles;
use crate::kernel::types::Type;

const LOW4: i32 = 0x0f0f_0f0f;
const LOW2: i32 = 0x0303_0303;
const LOW6: i32 = 0x3f3f_3f3f;

/// The four bytes of each lane, unsigned, as two vectors of pairs of 16 bits.
#[inline(always)]
fn pairs<S: Tiles>(s: S, x: S::I) -> [S::I; 2] {
    let high = |x| s.and(s.shl(x, 8), s.splat_i(0x00ff_0000));
    [
        s.or(bits(s, x, 0, 0xff), high(x)),
        s.or(bits(s, x, 16, 0xff), s.and(s.shr(x, 8), s.splat_i(0x00ff_0000))),
    ]
}

/// Signed bytes as pairs of 16 bits.
#[inline(always)]
fn signed_pairs<S: Tiles>(s: S, x: S::I) -> [S::I; 2] {
    let offset = s.splat_i(0x0080_0080);
    let [low, high] = pairs(s, s.xor(x, s.splat_i(0x8080_8080u32 as i32)));
    [s.sub_16(low, offset), s.sub_16(high, offset)]
}

/// Byte `j` of each lane, unsigned.
#[inline(always)]
fn byte<S: Tiles>(s: S, x: S::I, j: u32) -> S::I {
    bits(s, x, 8 * j, 0xff)
}

/// Byte `j` of each lane, signed.
#[inline(always)]
fn signed_byte<S: Tiles>(s: S, x: S::I, j: u32) -> S::I {
    s.sar(s.shl(x, 24 - 8 * j), 24)
}

/// Writes the scales of four words of bytes, one per 16 codes, and their pairs, all signed.
#[inline(always)]
unsafe fn put_signed_scales<S: Tiles>(s: S, to: &mut impl Sink<S>, scales: [S::I; 4]) {
    // SAFETY: a block has 16 scales and 8 pairs.
    unsafe {
        for i in 0..4 {
            for j in 0..4 {
                to.put(s, SCALES + 4 * i + j, signed_byte(s, scales[i], j as u32));
            }
            let [low, high] = signed_pairs(s, scales[i]);
            to.put(s, PAIRS + 2 * i, low);
            to.put(s, PAIRS + 2 * i + 1, high);
        }
    }
}

/// Writes unsigned scales and the pairs of unsigned minima, in as many words each.
#[inline(always)]
unsafe fn put_scales_and_mins<S: Tiles, const N: usize>(
    s: S,
    to: &mut impl Sink<S>,
    scales: [S::I; N],
    mins: [S::I; N],
) {
    // SAFETY: a block has 16 scales and 8 pairs; N is at most 4.
    unsafe {
        for i in 0..N {
            for j in 0..4 {
                to.put(s, SCALES + 4 * i + j, byte(s, scales[i], j as u32));
            }
            let [low, high] = pairs(s, mins[i]);
            to.put(s, PAIRS + 2 * i, low);
            to.put(s, PAIRS + 2 * i + 1, high);
        }
    }
}

/// The 16 bytes that Q4_K and Q5_K begin with: d and m, eight scales and eight minima of six bits.
#[inline(always)]
unsafe fn put_header<S: Tiles>(s: S, from: *const u8, stride: usize, to: &mut impl Sink<S>) {
    // SAFETY: within a block's first 16 bytes.
    unsafe {
        let [both, a, b, c] = s.words(from, stride);
        let high = |x| s.shl(bits(s, x, 6, LOW2), 4);
        let scales = [bits(s, a, 0, LOW6), s.or(bits(s, c, 0, LOW4), high(a))];
        let mins = [bits(s, b, 0, LOW6), s.or(bits(s, c, 4, LOW4), high(b))];
        put_scales_and_mins(s, to, scales, mins);
        to.put_r(s, D256, s.low_halves(both));
        to.put_r(s, M256, s.low_halves(s.shr(both, 16)));
    }
}

/// The 32 bytes at `from` as eight words.
#[inline(always)]
pub(super) unsafe fn eight<S: Tiles>(s: S, from: *const u8, stride: usize) -> [S::I; 8] {
    // SAFETY: the caller's 32 bytes.
    unsafe {
        let [a, b, c, d] = s.words(from, stride);
        let [e, f, g, h] = s.words(from.add(16), stride);
        [a, b, c, d, e, f, g, h]
    }
}

#[derive(Clone, Copy)]
pub(super) struct Q2K;

impl Format for Q2K {
    const TYPE: Type = Type::Q2_K;

    #[inline(always)]
    unsafe fn unpack<S: Tiles>(self, s: S, from: *const u8, stride: usize, to: &mut impl Sink<S>) {
        // SAFETY: within a block of 84 bytes.
        unsafe {
            for half in 0..2 {
                let words = eight(s, from.add(16 + 32 * half), stride);
                for quarter in 0..4 {
                    for i in 0..8 {
                        to.code(s, 32 * half + 8 * quarter + i, bits(s, words[i], 2 * quarter as u32, LOW2));
                    }
                }
            }
            let both = s.words(from, stride);
            let [a, b, c, d] = both;
            let (low, high) = (|x| bits(s, x, 0, LOW4), |x| bits(s, x, 4, LOW4));
            put_scales_and_mins(
                s,
                to,
                [low(a), low(b), low(c), low(d)],
                [high(a), high(b), high(c), high(d)],
            );
            let both = s.word(from.add(80), stride);
            to.put_r(s, D256, s.low_halves(both));
            to.put_r(s, M256, s.low_halves(s.shr(both, 16)));
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Q3K;

impl Format for Q3K {
    const TYPE: Type = Type::Q3_K;

    #[inline(always)]
    unsafe fn unpack<S: Tiles>(self, s: S, from: *const u8, stride: usize, to: &mut impl Sink<S>) {
        // SAFETY: within a block of 110 bytes.
        unsafe {
            let high = eight(s, from, stride);
            for half in 0..2 {
                let words = eight(s, from.add(32 + 32 * half), stride);
                for quarter in 0..4 {
                    let bit = (4 * half + quarter) as u32;
                    for i in 0..8 {
                        let third = s.shl(bits(s, high[i], bit, 0x0101_0101), 2);
                        let code = s.or(bits(s, words[i], 2 * quarter as u32, LOW2), third);
                        to.code(s, 32 * half + 8 * quarter + i, code);
                    }
                }
            }
            let a = s.word(from.add(96), stride);
            let b = s.word(from.add(100), stride);
            let c = s.word(from.add(104), stride);
            let high = |by| s.shl(bits(s, c, by, LOW2), 4);
            let scales = [
                s.or(bits(s, a, 0, LOW4), high(0)),
                s.or(bits(s, b, 0, LOW4), high(2)),
                s.or(bits(s, a, 4, LOW4), high(4)),
                s.or(bits(s, b, 4, LOW4), high(6)),
            ];
            let less_32 = s.splat_i(0xe0e0_e0e0u32 as i32);
            let [a, b, c, d] = scales;
            let less = |x| s.add_8(x, less_32);
            put_signed_scales(s, to, [less(a), less(b), less(c), less(d)]);
            let [.., last] = s.words(from.add(94), stride);
            to.put_r(s, D256, s.low_halves(s.shr(last, 16)));
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Q4K;

impl Format for Q4K {
    const TYPE: Type = Type::Q4_K;

    #[inline(always)]
    unsafe fn unpack<S: Tiles>(self, s: S, from: *const u8, stride: usize, to: &mut impl Sink<S>) {
        // SAFETY: within a block of 144 bytes.
        unsafe {
            for j in 0..4 {
                let words = eight(s, from.add(16 + 32 * j), stride);
                for i in 0..8 {
                    to.code(s, 16 * j + i, bits(s, words[i], 0, LOW4));
                    to.code(s, 16 * j + 8 + i, bits(s, words[i], 4, LOW4));
                }
            }
            put_header(s, from, stride, to);
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Q5K;

impl Format for Q5K {
    const TYPE: Type = Type::Q5_K;

    #[inline(always)]
    unsafe fn unpack<S: Tiles>(self, s: S, from: *const u8, stride: usize, to: &mut impl Sink<S>) {
        // SAFETY: within a block of 176 bytes.
        unsafe {
            let high = eight(s, from.add(16), stride);
            for j in 0..4 {
                let words = eight(s, from.add(48 + 32 * j), stride);
                for i in 0..8 {
                    let fifth = |bit| s.shl(bits(s, high[i], bit, 0x0101_0101), 4);
                    to.code(s, 16 * j + i, s.or(bits(s, words[i], 0, LOW4), fifth(2 * j as u32)));
                    to.code(s, 16 * j + 8 + i, s.or(bits(s, words[i], 4, LOW4), fifth(2 * j as u32 + 1)));
                }
            }
            put_header(s, from, stride, to);
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Q6K;

impl Format for Q6K {
    const TYPE: Type = Type::Q6_K;

    #[inline(always)]
    unsafe fn unpack<S: Tiles>(self, s: S, from: *const u8, stride: usize, to: &mut impl Sink<S>) {
        // SAFETY: within a block of 210 bytes.
        unsafe {
            for half in 0..2 {
                let high = eight(s, from.add(128 + 32 * half), stride);
                for part in 0..2 {
                    let low = eight(s, from.add(64 * half + 32 * part), stride);
                    for i in 0..8 {
                        let top = |by| s.shl(bits(s, high[i], by, LOW2), 4);
                        let first = s.or(bits(s, low[i], 0, LOW4), top(2 * part as u32));
                        let second = s.or(bits(s, low[i], 4, LOW4), top(2 * part as u32 + 4));
                        to.code(s, 32 * half + 8 * part + i, first);
                        to.code(s, 32 * half + 8 * part + 16 + i, second);
                    }
                }
            }
            put_signed_scales(s, to, s.words(from.add(192), stride));
            let [.., last] = s.words(from.add(194), stride);
            to.put_r(s, D256, s.low_halves(s.shr(last, 16)));
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Iq4Xs;

impl Format for Iq4Xs {
    const TYPE: Type = Type::IQ4_XS;

    #[inline(always)]
    unsafe fn unpack<S: Tiles>(self, s: S, from: *const u8, stride: usize, to: &mut impl Sink<S>) {
        let table = iq4_table::<S>();
        // SAFETY: within a block of 136 bytes.
        unsafe {
            for j in 0..8 {
                let words = s.words(from.add(8 + 16 * j), stride);
                for i in 0..4 {
                    to.code(s, 8 * j + i, s.look_up(&table, bits(s, words[i], 0, LOW4)));
                    to.code(s, 8 * j + 4 + i, s.look_up(&table, bits(s, words[i], 4, LOW4)));
                }
            }
            let [both, low, _, _] = s.words(from, stride);
            for j in 0..8 {
                to.put(s, SCALES + j, iq4_scale(s, both, low, j as u32));
            }
            for p in 0..4 {
                let (even, odd) = (iq4_scale(s, both, low, 2 * p), iq4_scale(s, both, low, 2 * p + 1));
                to.put(s, PAIRS + p as usize, s.or(s.and(even, s.splat_i(0xffff)), s.shl(odd, 16)));
            }
            to.put_r(s, D256, s.low_halves(both));
        }
    }
}

/// Scale `j` of IQ4_XS: four low bits, two high ones behind d, less 32.
#[inline(always)]
fn iq4_scale<S: Tiles>(s: S, both: S::I, low: S::I, j: u32) -> S::I {
    let scale = s.or(bits(s, low, 4 * j, 15), s.shl(bits(s, both, 16 + 2 * j, 3), 4));
    s.add_i(scale, s.splat_i(-32))
}
