//! Types with blocks of 256 elements and whole scales within; knows nothing of the others.

use super::parts::{Block, IQ4_CODES, half};

/// Scale and minimum `j` of 8, six bits each, as Q4_K and Q5_K pack them (ggml's `get_scale_min_k4`).
pub(crate) fn scale_min(packed: &[u8], j: usize) -> (u8, u8) {
    if j < 4 {
        (packed[j] & 63, packed[j + 4] & 63)
    } else {
        (packed[j + 4] & 15 | (packed[j - 4] >> 6) << 4, packed[j + 4] >> 4 | (packed[j] >> 6) << 4)
    }
}

/// Scale `j` of 16 in Q3_K: six bits less 32.
pub(crate) fn q3_scale(packed: &[u8], j: usize) -> i16 {
    let low = packed[j % 8] >> (4 * (j / 8)) & 15;
    let high = packed[8 + j % 4] >> (2 * (j / 4)) & 3;
    (low | high << 4) as i16 - 32
}

/// Scale `j` of 8 in IQ4_XS: six bits less 32.
pub(crate) fn iq4_scale(bytes: &[u8], j: usize) -> i16 {
    let low = bytes[4 + j / 2] >> (4 * (j % 2)) & 15;
    let high = u16::from_le_bytes([bytes[2], bytes[3]]) >> (2 * j) & 3;
    (low as u16 | high << 4) as i16 - 32
}

pub(super) fn q2_k(bytes: &[u8], block: &mut Block) {
    (block.d, block.m) = (half(bytes, 80), half(bytes, 82));
    for (j, &byte) in bytes[..16].iter().enumerate() {
        block.scales[j] = (byte & 15) as i16;
        block.mins[j] = (byte >> 4) as i16;
    }
    for (k, code) in block.codes.iter_mut().enumerate() {
        let (half, quarter, l) = (k / 128, k % 128 / 32, k % 32);
        *code = (bytes[16 + half * 32 + l] >> (2 * quarter) & 3) as i8;
    }
}

pub(super) fn q3_k(bytes: &[u8], block: &mut Block) {
    (block.d, block.m) = (half(bytes, 108), 0.0);
    block.mins = [0; 16];
    for (j, scale) in block.scales.iter_mut().enumerate() {
        *scale = q3_scale(&bytes[96..108], j);
    }
    for (k, code) in block.codes.iter_mut().enumerate() {
        let (half, quarter, l) = (k / 128, k % 128 / 32, k % 32);
        let low = bytes[32 + half * 32 + l] >> (2 * quarter) & 3;
        let high = bytes[l] >> (4 * half + quarter) & 1;
        *code = (low | high << 2) as i8 - 4;
    }
}

/// Scales and minima of Q4_K and Q5_K, each for 32 elements.
fn scales_and_mins(bytes: &[u8], block: &mut Block) {
    (block.d, block.m) = (half(bytes, 0), half(bytes, 2));
    for j in 0..16 {
        let (scale, min) = scale_min(&bytes[4..16], j / 2);
        (block.scales[j], block.mins[j]) = (scale as i16, min as i16);
    }
}

pub(super) fn q4_k(bytes: &[u8], block: &mut Block) {
    scales_and_mins(bytes, block);
    for (k, code) in block.codes.iter_mut().enumerate() {
        let byte = bytes[16 + k / 64 * 32 + k % 32];
        *code = (byte >> (4 * (k / 32 % 2)) & 15) as i8;
    }
}

pub(super) fn q5_k(bytes: &[u8], block: &mut Block) {
    scales_and_mins(bytes, block);
    for (k, code) in block.codes.iter_mut().enumerate() {
        let nibble = bytes[48 + k / 64 * 32 + k % 32] >> (4 * (k / 32 % 2)) & 15;
        let fifth = bytes[16 + k % 32] >> (k / 32) & 1;
        *code = (nibble | fifth << 4) as i8;
    }
}

pub(super) fn q6_k(bytes: &[u8], block: &mut Block) {
    (block.d, block.m) = (half(bytes, 208), 0.0);
    block.mins = [0; 16];
    for (scale, &byte) in block.scales.iter_mut().zip(&bytes[192..208]) {
        *scale = byte as i8 as i16;
    }
    for (k, code) in block.codes.iter_mut().enumerate() {
        let (half, quarter, l) = (k / 128, k % 128 / 32, k % 32);
        let nibble = bytes[half * 64 + quarter % 2 * 32 + l] >> (4 * (quarter / 2)) & 15;
        let high = bytes[128 + half * 32 + l] >> (2 * quarter) & 3;
        *code = (nibble | high << 4) as i8 - 32;
    }
}

pub(super) fn iq4_xs(bytes: &[u8], block: &mut Block) {
    (block.d, block.m) = (half(bytes, 0), 0.0);
    block.mins = [0; 16];
    for (j, scale) in block.scales.iter_mut().enumerate() {
        *scale = iq4_scale(bytes, j / 2);
    }
    for (k, code) in block.codes.iter_mut().enumerate() {
        let byte = bytes[8 + k / 32 * 16 + k % 16];
        *code = IQ4_CODES[(byte >> (4 * (k / 16 % 2)) & 15) as usize];
    }
}
