//! Types with code books: groups of four or eight elements are looked up together. Knows nothing of the
//! others.

use super::grids::{IQ1, IQ2_S, IQ2_XS, IQ2_XXS, IQ3_S, IQ3_XXS};
use super::parts::{Block, half};
use crate::kernel::float::f16_to_f32;

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn double(bytes: &[u8], at: usize) -> u32 {
    word(bytes, at) as u32 | (word(bytes, at + 2) as u32) << 16
}

/// Eight signs from seven bits: the eighth makes their number even.
fn even_signs(seven: u32) -> u8 {
    let seven = seven as u8 & 127;
    seven | (seven.count_ones() as u8 & 1) << 7
}

/// Eight elements, none of them 0, with the signs of a byte's bits.
fn signed(codes: [i8; 8], signs: u8) -> [i8; 8] {
    // All eight in one word: bit i to byte i, there to 0 or 1, then a negation of the bytes with 1. None
    // carries into the next.
    let bits = (signs as u64).wrapping_mul(0x0101_0101_0101_0101) & 0x8040_2010_0804_0201;
    let ones = (bits + 0x7f7f_7f7f_7f7f_7f7f) >> 7 & 0x0101_0101_0101_0101;
    let codes = u64::from_le_bytes(codes.map(|code| code as u8));
    ((codes ^ (ones * 255)) + ones).to_le_bytes().map(|code| code as i8)
}

/// Two entries of four elements.
fn joined(low: [i8; 4], high: [i8; 4]) -> [i8; 8] {
    let ([a, b, c, d], [e, f, g, h]) = (low, high);
    [a, b, c, d, e, f, g, h]
}

/// The codes in groups of eight.
fn eights(block: &mut Block) -> &mut [[i8; 8]] {
    block.codes.as_chunks_mut().0
}

/// The scale, what it is divided by, and no minima.
fn start(block: &mut Block, d: f32, divisor: f32) {
    (block.d, block.m, block.mins) = (d / divisor, 0.0, [0; 16]);
}

/// An odd scale for 16 elements.
fn odd(nibble: u32) -> i16 {
    2 * nibble as i16 + 1
}

pub(super) fn iq2_xxs(bytes: &[u8], block: &mut Block) {
    start(block, half(bytes, 0), 8.0);
    for ib in 0..8 {
        let (at, signs) = (2 + 8 * ib, double(bytes, 6 + 8 * ib));
        block.scales[2 * ib..2 * ib + 2].fill(odd(signs >> 28));
        for l in 0..4 {
            let codes = IQ2_XXS.get(bytes[at + l] as usize);
            eights(block)[4 * ib + l] = signed(codes, even_signs(signs >> (7 * l)));
        }
    }
}

/// Scales of IQ2_XS and IQ2_S: a nibble for each 16 elements.
fn nibble_scales(bytes: &[u8], block: &mut Block) {
    for (j, scale) in block.scales.iter_mut().enumerate() {
        *scale = odd((bytes[j / 2] >> (4 * (j % 2)) & 15) as u32);
    }
}

pub(super) fn iq2_xs(bytes: &[u8], block: &mut Block) {
    start(block, half(bytes, 0), 8.0);
    nibble_scales(&bytes[66..], block);
    for i in 0..32 {
        let code = word(bytes, 2 + 2 * i);
        eights(block)[i] = signed(IQ2_XS.get((code & 511) as usize), even_signs(code as u32 >> 9));
    }
}

pub(super) fn iq2_s(bytes: &[u8], block: &mut Block) {
    start(block, half(bytes, 0), 8.0);
    nibble_scales(&bytes[74..], block);
    for i in 0..32 {
        let high = (bytes[66 + i / 4] as usize >> (2 * (i % 4)) & 3) << 8;
        eights(block)[i] = signed(IQ2_S.get(bytes[2 + i] as usize | high), bytes[34 + i]);
    }
}

pub(super) fn iq3_xxs(bytes: &[u8], block: &mut Block) {
    start(block, half(bytes, 0), 4.0);
    for ib in 0..8 {
        let signs = double(bytes, 66 + 4 * ib);
        block.scales[2 * ib..2 * ib + 2].fill(odd(signs >> 28));
        for l in 0..4 {
            let at = 2 + 8 * ib + 2 * l;
            let codes = joined(IQ3_XXS.get(bytes[at] as usize), IQ3_XXS.get(bytes[at + 1] as usize));
            eights(block)[4 * ib + l] = signed(codes, even_signs(signs >> (7 * l)));
        }
    }
}

pub(super) fn iq3_s(bytes: &[u8], block: &mut Block) {
    start(block, half(bytes, 0), 1.0);
    for (j, scale) in block.scales.iter_mut().enumerate() {
        *scale = odd((bytes[106 + j / 4] >> (4 * (j / 2 % 2)) & 15) as u32);
    }
    for i in 0..32 {
        let high = |bit: usize| (bytes[66 + i / 4] as usize >> (2 * (i % 4) + bit) & 1) << 8;
        let codes = joined(
            IQ3_S.get(bytes[2 + 2 * i] as usize | high(0)),
            IQ3_S.get(bytes[3 + 2 * i] as usize | high(1)),
        );
        eights(block)[i] = signed(codes, bytes[74 + i]);
    }
}

/// Eight elements of an IQ1 type: an eighth up or down from a whole number, so they are counted in eighths.
fn eighths(codes: [i8; 8], down: bool) -> [i8; 8] {
    codes.map(|code| 8 * code + if down { -1 } else { 1 })
}

pub(super) fn iq1_s(bytes: &[u8], block: &mut Block) {
    start(block, half(bytes, 0), 8.0);
    for ib in 0..8 {
        let high = word(bytes, 34 + 2 * ib);
        block.scales[2 * ib..2 * ib + 2].fill(odd((high >> 12 & 7) as u32));
        for l in 0..4 {
            let index = bytes[2 + 4 * ib + l] as usize | (high as usize >> (3 * l) & 7) << 8;
            eights(block)[4 * ib + l] = eighths(IQ1.get(index), high & 0x8000 != 0);
        }
    }
}

pub(super) fn iq1_m(bytes: &[u8], block: &mut Block) {
    let scales: [u16; 4] = std::array::from_fn(|i| word(bytes, 48 + 2 * i));
    let d = scales[0] >> 12 | scales[1] >> 8 & 0xf0 | scales[2] >> 4 & 0xf00 | scales[3] & 0xf000;
    start(block, f16_to_f32(d), 8.0);
    for (j, scale) in block.scales.iter_mut().enumerate() {
        *scale = odd((scales[j / 4] >> (3 * (j % 4)) & 7) as u32);
    }
    for i in 0..32 {
        let high = bytes[32 + i / 2] >> (4 * (i % 2));
        let index = bytes[i] as usize | (high as usize & 7) << 8;
        eights(block)[i] = eighths(IQ1.get(index), high & 8 != 0);
    }
}
