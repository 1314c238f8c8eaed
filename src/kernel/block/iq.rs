//! Types with code books: groups of four or eight elements are looked up together. Knows nothing of the others.

use super::grids::{
    IQ1, IQ1_VALUES, IQ2_S, IQ2_VALUES, IQ2_XS, IQ2_XXS, IQ3_S, IQ3_S_VALUES, IQ3_XXS, IQ3_XXS_VALUES,
};
use super::{Block, half};
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

/// Eight elements of two bits.
fn eight(codes: &mut [i8], packed: u16, values: [i8; 4]) {
    for (i, code) in codes[..8].iter_mut().enumerate() {
        *code = values[(packed >> (2 * i) & 3) as usize];
    }
}

/// Four elements of three bits.
fn four(codes: &mut [i8], packed: u16, values: [i8; 8]) {
    for (i, code) in codes[..4].iter_mut().enumerate() {
        *code = values[(packed >> (3 * i) & 7) as usize];
    }
}

fn negate(codes: &mut [i8], signs: u8) {
    for (i, code) in codes[..8].iter_mut().enumerate() {
        *code = if signs >> i & 1 == 1 { -*code } else { *code };
    }
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
            let codes = &mut block.codes[32 * ib + 8 * l..];
            eight(codes, IQ2_XXS[bytes[at + l] as usize], IQ2_VALUES);
            negate(codes, even_signs(signs >> (7 * l)));
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
        let (code, codes) = (word(bytes, 2 + 2 * i), &mut block.codes[8 * i..]);
        eight(codes, IQ2_XS[(code & 511) as usize], IQ2_VALUES);
        negate(codes, even_signs(code as u32 >> 9));
    }
}

pub(super) fn iq2_s(bytes: &[u8], block: &mut Block) {
    start(block, half(bytes, 0), 8.0);
    nibble_scales(&bytes[74..], block);
    for i in 0..32 {
        let high = (bytes[66 + i / 4] as usize >> (2 * (i % 4)) & 3) << 8;
        let codes = &mut block.codes[8 * i..];
        eight(codes, IQ2_S[bytes[2 + i] as usize | high], IQ2_VALUES);
        negate(codes, bytes[34 + i]);
    }
}

pub(super) fn iq3_xxs(bytes: &[u8], block: &mut Block) {
    start(block, half(bytes, 0), 4.0);
    for ib in 0..8 {
        let signs = double(bytes, 66 + 4 * ib);
        block.scales[2 * ib..2 * ib + 2].fill(odd(signs >> 28));
        for l in 0..4 {
            let (at, codes) = (2 + 8 * ib + 2 * l, &mut block.codes[32 * ib + 8 * l..]);
            four(codes, IQ3_XXS[bytes[at] as usize], IQ3_XXS_VALUES);
            four(&mut codes[4..], IQ3_XXS[bytes[at + 1] as usize], IQ3_XXS_VALUES);
            negate(codes, even_signs(signs >> (7 * l)));
        }
    }
}

pub(super) fn iq3_s(bytes: &[u8], block: &mut Block) {
    start(block, half(bytes, 0), 1.0);
    for (j, scale) in block.scales.iter_mut().enumerate() {
        *scale = odd((bytes[106 + j / 4] >> (4 * (j / 2 % 2)) & 15) as u32);
    }
    for i in 0..64 {
        let high = (bytes[66 + i / 8] as usize >> (i % 8) & 1) << 8;
        four(&mut block.codes[4 * i..], IQ3_S[bytes[2 + i] as usize | high], IQ3_S_VALUES);
    }
    for i in 0..32 {
        negate(&mut block.codes[8 * i..], bytes[74 + i]);
    }
}

/// Eight elements of an IQ1 type: an eighth up or down from a whole number, so they are counted in eighths.
fn eighths(codes: &mut [i8], packed: u16, down: bool) {
    eight(codes, packed, IQ1_VALUES);
    for code in &mut codes[..8] {
        *code = 8 * *code + if down { -1 } else { 1 };
    }
}

pub(super) fn iq1_s(bytes: &[u8], block: &mut Block) {
    start(block, half(bytes, 0), 8.0);
    for ib in 0..8 {
        let high = word(bytes, 34 + 2 * ib);
        block.scales[2 * ib..2 * ib + 2].fill(odd((high >> 12 & 7) as u32));
        for l in 0..4 {
            let index = bytes[2 + 4 * ib + l] as usize | (high as usize >> (3 * l) & 7) << 8;
            eighths(&mut block.codes[32 * ib + 8 * l..], IQ1[index], high & 0x8000 != 0);
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
        eighths(&mut block.codes[8 * i..], IQ1[index], high & 8 != 0);
    }
}
