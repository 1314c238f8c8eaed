//! Types with blocks of 32 elements; knows nothing of the others.

use super::parts::{Block, FP4_CODES, IQ4_CODES, half};

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
