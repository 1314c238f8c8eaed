//! A block taken apart, and what types of blocks have in common; knows none of them.

use crate::kernel::float::f16_to_f32;

/// One block: element k is worth `d * scales[k / 16] * codes[k] - m * mins[k / 16]` for blocks of 256, and
/// `d * codes[k] + m` for blocks of 32.
#[derive(Clone)]
pub struct Block {
    /// Signed codes; the first 32 count for a block of 32.
    pub codes: [i8; 256],
    /// The block's scale.
    pub d: f32,
    /// The block's minimum, or the scale of its minima.
    pub m: f32,
    /// A whole scale for each 16 codes; only for blocks of 256.
    pub scales: [i16; 16],
    /// A whole minimum for each 16 codes; only for blocks of 256.
    pub mins: [i16; 16],
}

impl Default for Block {
    fn default() -> Self {
        Self { codes: [0; 256], d: 0.0, m: 0.0, scales: [0; 16], mins: [0; 16] }
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

/// The code book of the IQ4 types, ggml's `kvalues_iq4nl`.
pub(crate) const IQ4_CODES: [i8; 16] =
    [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// The code book of MXFP4 (OCP Microscaling Formats 1.0, FP4 E2M1), doubled to be whole.
pub(crate) const FP4_CODES: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];
