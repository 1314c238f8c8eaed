//! A block taken apart, and what types of blocks have in common; knows none of them.

use crate::kernel::float::f16_to_f32;

/// One block of 256, element k of which is worth `d * scales[k / 16] * codes[k] - m * mins[k / 16]`; or a
/// unit of 32, all of a block or a part, where it is worth `d * codes[k] + m`.
#[derive(Clone)]
pub struct Block {
    /// Signed codes; the first 32 count for a unit of 32.
    pub codes: [i8; 256],
    /// The scale.
    pub d: f32,
    /// The scale of codes 16 to 31 of a type whose halves have their own; others leave it as it is.
    pub high_d: f32,
    /// The block's minimum, or the scale of its minima.
    pub m: f32,
    /// A whole scale for each 16 codes; only for blocks of 256.
    pub scales: [i16; 16],
    /// A whole minimum for each 16 codes; only for blocks of 256.
    pub mins: [i16; 16],
}

impl Default for Block {
    fn default() -> Self {
        Self { codes: [0; 256], d: 0.0, high_d: 0.0, m: 0.0, scales: [0; 16], mins: [0; 16] }
    }
}

/// The f16 at byte `at`.
pub(super) fn half(bytes: &[u8], at: usize) -> f32 {
    f16_to_f32(u16::from_le_bytes([bytes[at], bytes[at + 1]]))
}

/// 2^(exponent - 128): an E8M0 scale (OCP Microscaling Formats 1.0), halved.
pub(crate) fn half_power(exponent: u8) -> f32 {
    match exponent {
        0 | 1 => f32::from_bits(0x0020_0000 << exponent),
        _ => f32::from_bits((exponent as u32 - 1) << 23),
    }
}

/// A UE4M3 scale, halved: four bits of exponent, three of mantissa, as in OCP's FP8 E4M3 without the sign,
/// whose bit does not count. What E4M3 calls NaN is zero, as in ggml.
pub(crate) fn half_ue4m3(byte: u8) -> f32 {
    match byte & 0x7f {
        0x7f => 0.0,
        // The same number as f16, whose exponents are eight smaller.
        bits => f16_to_f32((bits as u16) << 7) * 128.0,
    }
}

/// The code book of the IQ4 types, ggml's `kvalues_iq4nl`.
pub(crate) const IQ4_CODES: [i8; 16] =
    [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// The code book of MXFP4 and NVFP4 (OCP Microscaling Formats 1.0, FP4 E2M1), doubled to be whole.
pub(crate) const FP4_CODES: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];
