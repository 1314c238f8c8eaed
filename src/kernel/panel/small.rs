//! Unpacking blocks of 32; knows nothing of the others. Safety of each function: see [`super::unpack`].
#![allow(clippy::needless_range_loop)] // Iterators over vectors are not always inlined.

use super::place::{D32, M32};
use super::{iq4_table, put, put_r};
use crate::kernel::block::{FP4_CODES, half_power};
use crate::kernel::tiles::Tiles;

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
unsafe fn put_codes<S: Tiles>(s: S, to: *mut u8, codes: [S::I; 8]) {
    for j in 0..8 {
        // SAFETY: a panel has 8 words of codes.
        unsafe { put(s, to, j, codes[j]) };
    }
}

#[inline(always)]
pub(super) unsafe fn q4_0<S: Tiles>(s: S, from: *const u8, stride: usize, to: *mut u8) {
    // SAFETY: within a block of 18 bytes.
    unsafe {
        put_codes(s, to, nibbles(s, s.words(from.add(2), stride)));
        put_r(s, to, D32, s.halves(from, stride));
    }
}

#[inline(always)]
pub(super) unsafe fn q4_1<S: Tiles>(s: S, from: *const u8, stride: usize, to: *mut u8) {
    // SAFETY: within a block of 20 bytes.
    unsafe {
        let [scales, a, b, c] = s.words(from, stride);
        let d = s.word(from.add(16), stride);
        put_codes(s, to, nibbles(s, [a, b, c, d]));
        put_r(s, to, D32, s.low_halves(scales));
        put_r(s, to, M32, s.low_halves(s.shr(scales, 16)));
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

#[inline(always)]
pub(super) unsafe fn q5_0<S: Tiles>(s: S, from: *const u8, stride: usize, to: *mut u8) {
    // SAFETY: within a block of 22 bytes.
    unsafe {
        let codes = nibbles(s, s.words(from.add(6), stride));
        put_codes(s, to, fifths(s, codes, s.word(from.add(2), stride)));
        put_r(s, to, D32, s.halves(from, stride));
    }
}

#[inline(always)]
pub(super) unsafe fn q5_1<S: Tiles>(s: S, from: *const u8, stride: usize, to: *mut u8) {
    // SAFETY: within a block of 24 bytes.
    unsafe {
        let codes = nibbles(s, s.words(from.add(8), stride));
        put_codes(s, to, fifths(s, codes, s.word(from.add(4), stride)));
        let scales = s.word(from, stride);
        put_r(s, to, D32, s.low_halves(scales));
        put_r(s, to, M32, s.low_halves(s.shr(scales, 16)));
    }
}

#[inline(always)]
pub(super) unsafe fn q8_0<S: Tiles>(s: S, from: *const u8, stride: usize, to: *mut u8) {
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
        put_r(s, to, D32, s.halves(from, stride));
    }
}

#[inline(always)]
fn look_up<S: Tiles>(s: S, table: &[u8; 16], mut codes: [S::I; 8]) -> [S::I; 8] {
    for j in 0..8 {
        codes[j] = s.look_up(table, codes[j]);
    }
    codes
}

#[inline(always)]
pub(super) unsafe fn iq4_nl<S: Tiles>(s: S, from: *const u8, stride: usize, to: *mut u8) {
    let table = iq4_table::<S>();
    // SAFETY: within a block of 18 bytes.
    unsafe {
        let codes = nibbles(s, s.words(from.add(2), stride));
        put_codes(s, to, look_up(s, &table, codes));
        put_r(s, to, D32, s.halves(from, stride));
    }
}

#[inline(always)]
pub(super) unsafe fn mxfp4<S: Tiles>(s: S, from: *const u8, stride: usize, to: *mut u8) {
    let table = FP4_CODES.map(|code| (code + 16) as u8);
    // SAFETY: within a block of 17 bytes; the panel's d has one lane per row.
    unsafe {
        let codes = nibbles(s, s.words(from.add(1), stride));
        put_codes(s, to, look_up(s, &table, codes));
        let d = to.add(D32 * 4 * S::ROWS).cast::<f32>();
        for r in 0..S::ROWS {
            d.add(r).write(half_power(from.add(r * stride).read()));
        }
    }
}
