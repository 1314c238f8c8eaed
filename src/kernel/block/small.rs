//! Types with blocks of 32 elements, or of some units of 32; knows nothing of the others.

use super::parts::{Block, FP4_CODES, IQ4_CODES, half, half_ue4m3};

/// 16 bytes of nibbles: elements 0 to 15 are the low ones, 16 to 31 the high ones.
fn nibbles(bytes: &[u8], block: &mut Block, code: impl Fn(u8, usize) -> i8) {
    for (k, &byte) in bytes[..16].iter().enumerate() {
        block.codes[k] = code(byte & 15, k);
        block.codes[k + 16] = code(byte >> 4, k + 16);
    }
}

/// A nibble with bit `k` of `high` as its fifth bit.
fn fifth(high: u32, nibble: u8, k: usize) -> i8 {
    (nibble | ((high >> k & 1) as u8) << 4) as i8
}

fn high_bits(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

pub(super) fn q4_0(bytes: &[u8], block: &mut Block) {
    (block.d, block.m) = (half(bytes, 0), 0.0);
    nibbles(&bytes[2..], block, |nibble, _| nibble as i8 - 8);
}

pub(super) fn q4_1(bytes: &[u8], block: &mut Block) {
    (block.d, block.m) = (half(bytes, 0), half(bytes, 2));
    nibbles(&bytes[4..], block, |nibble, _| nibble as i8);
}

pub(super) fn q5_0(bytes: &[u8], block: &mut Block) {
    (block.d, block.m) = (half(bytes, 0), 0.0);
    let high = high_bits(bytes, 2);
    nibbles(&bytes[6..], block, |nibble, k| fifth(high, nibble, k) - 16);
}

pub(super) fn q5_1(bytes: &[u8], block: &mut Block) {
    (block.d, block.m) = (half(bytes, 0), half(bytes, 2));
    let high = high_bits(bytes, 4);
    nibbles(&bytes[8..], block, |nibble, k| fifth(high, nibble, k));
}

pub(super) fn q8_0(bytes: &[u8], block: &mut Block) {
    (block.d, block.m) = (half(bytes, 0), 0.0);
    for (code, &byte) in block.codes.iter_mut().zip(&bytes[2..34]) {
        *code = byte as i8;
    }
}

pub(super) fn iq4_nl(bytes: &[u8], block: &mut Block) {
    (block.d, block.m) = (half(bytes, 0), 0.0);
    nibbles(&bytes[2..], block, |nibble, _| IQ4_CODES[nibble as usize]);
}

pub(super) fn mxfp4(bytes: &[u8], block: &mut Block) {
    // E8M0, halved because the codes are doubled.
    (block.d, block.m) = (super::parts::half_power(bytes[0]), 0.0);
    nibbles(&bytes[1..], block, |nibble, _| FP4_CODES[nibble as usize]);
}

/// Four scales, then 8 bytes for each 16 elements: 0 to 7 are the low nibbles, 8 to 15 the high ones.
pub(super) fn nvfp4(bytes: &[u8], unit: usize, block: &mut Block) {
    // UE4M3, halved because the codes are doubled.
    (block.d, block.high_d) = (half_ue4m3(bytes[2 * unit]), half_ue4m3(bytes[2 * unit + 1]));
    block.m = 0.0;
    for (k, code) in block.codes[..32].iter_mut().enumerate() {
        let byte = bytes[4 + 16 * unit + k / 16 * 8 + k % 8];
        *code = FP4_CODES[(byte >> (k / 8 % 2 * 4) & 15) as usize];
    }
}

/// One bit per element, the least significant first: set for d, else for -d.
pub(super) fn q1_0(bytes: &[u8], unit: usize, block: &mut Block) {
    (block.d, block.m) = (half(bytes, 0), 0.0);
    let bits = high_bits(bytes, 2 + 4 * unit);
    for (k, code) in block.codes[..32].iter_mut().enumerate() {
        *code = (bits >> k & 1) as i8 * 2 - 1;
    }
}

/// Two bits per element, the least significant first: 0 to 3 are worth -d, 0, d and 2d.
pub(super) fn q2_0(bytes: &[u8], unit: usize, block: &mut Block) {
    (block.d, block.m) = (half(bytes, 0), 0.0);
    for (k, code) in block.codes[..32].iter_mut().enumerate() {
        *code = (bytes[2 + 8 * unit + k / 4] >> (k % 4 * 2) & 3) as i8 - 1;
    }
}
