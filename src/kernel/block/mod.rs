//! Blocks of quantised weights taken apart, one by one: what each type means, in its plainest form. Knows nothing of products.

pub(super) mod grids;
mod iq;
mod k;
mod small;

use super::float::{bf16_to_f32, f16_to_f32};
use super::types::{Form, Type};

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

/// Takes the first block in `bytes` apart. Float types have none, and leave `block` as it is.
///
/// Panics if `bytes` is shorter than a block.
pub fn unpack(ty: Type, bytes: &[u8], block: &mut Block) {
    match ty {
        Type::F32 | Type::F16 | Type::BF16 => {}
        Type::Q4_0 => small::q4_0(bytes, block),
        Type::Q4_1 => small::q4_1(bytes, block),
        Type::Q5_0 => small::q5_0(bytes, block),
        Type::Q5_1 => small::q5_1(bytes, block),
        Type::Q8_0 => small::q8_0(bytes, block),
        Type::IQ4_NL => small::iq4_nl(bytes, block),
        Type::MXFP4 => small::mxfp4(bytes, block),
        Type::Q2_K => k::q2_k(bytes, block),
        Type::Q3_K => k::q3_k(bytes, block),
        Type::Q4_K => k::q4_k(bytes, block),
        Type::Q5_K => k::q5_k(bytes, block),
        Type::Q6_K => k::q6_k(bytes, block),
        Type::IQ4_XS => k::iq4_xs(bytes, block),
        Type::IQ2_XXS => iq::iq2_xxs(bytes, block),
        Type::IQ2_XS => iq::iq2_xs(bytes, block),
        Type::IQ2_S => iq::iq2_s(bytes, block),
        Type::IQ3_XXS => iq::iq3_xxs(bytes, block),
        Type::IQ3_S => iq::iq3_s(bytes, block),
        Type::IQ1_S => iq::iq1_s(bytes, block),
        Type::IQ1_M => iq::iq1_m(bytes, block),
    }
}

/// Writes the values of a row, or of some whole blocks of it.
///
/// Panics if `bytes` holds fewer than `out.len()` elements or `out` ends within a block.
pub fn dequantise(ty: Type, bytes: &[u8], out: &mut [f32]) {
    assert!(ty.row_bytes(out.len()).is_some_and(|needed| needed <= bytes.len()), "{ty}: too few bytes");
    match ty.form() {
        Form::F32 => floats(ty, bytes, out),
        Form::Q32 => {
            let mut block = Block::default();
            for (bytes, out) in bytes.chunks_exact(ty.block_bytes()).zip(out.chunks_exact_mut(32)) {
                unpack(ty, bytes, &mut block);
                for (value, &code) in out.iter_mut().zip(&block.codes) {
                    *value = block.d * code as f32 + block.m;
                }
            }
        }
        Form::Q256 => {
            let mut block = Block::default();
            for (bytes, out) in bytes.chunks_exact(ty.block_bytes()).zip(out.chunks_exact_mut(256)) {
                unpack(ty, bytes, &mut block);
                for (k, value) in out.iter_mut().enumerate() {
                    let scaled = block.d * block.scales[k / 16] as f32 * block.codes[k] as f32;
                    *value = scaled - block.m * block.mins[k / 16] as f32;
                }
            }
        }
    }
}

fn floats(ty: Type, bytes: &[u8], out: &mut [f32]) {
    match ty {
        Type::F32 => {
            for (value, &bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
                *value = f32::from_le_bytes(bytes);
            }
        }
        Type::F16 => {
            for (value, &bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
                *value = f16_to_f32(u16::from_le_bytes(bytes));
            }
        }
        _ => {
            for (value, &bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
                *value = bf16_to_f32(u16::from_le_bytes(bytes));
            }
        }
    }
}

/// The f16 at byte `at`.
fn half(bytes: &[u8], at: usize) -> f32 {
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
