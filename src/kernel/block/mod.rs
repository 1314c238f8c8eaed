//! Blocks of quantised weights taken apart, one by one: what each type means, in its plainest form. Knows
//! nothing of products.

pub(super) mod grids;
mod iq;
mod k;
mod parts;
mod small;

pub use parts::Block;
#[cfg(all(feature = "native", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(crate) use parts::{FP4_CODES, IQ4_CODES, half_power};

use super::float::{bf16_to_f32, f16_to_f32};
use super::types::{Form, Type};

/// Takes the first block in `bytes` apart, or of one with several units of 32 the one numbered `unit`. Float
/// types have none, and leave `block` as it is.
///
/// Panics if `bytes` is shorter than a block, or the block has no such unit.
pub fn unpack(ty: Type, bytes: &[u8], unit: usize, block: &mut Block) {
    assert!(unit < ty.units(), "{ty} has no unit {unit}");
    match ty {
        Type::F32 | Type::F16 | Type::BF16 => {}
        Type::Q4_0 => small::q4_0(bytes, block),
        Type::Q4_1 => small::q4_1(bytes, block),
        Type::Q5_0 => small::q5_0(bytes, block),
        Type::Q5_1 => small::q5_1(bytes, block),
        Type::Q8_0 => small::q8_0(bytes, block),
        Type::IQ4_NL => small::iq4_nl(bytes, block),
        Type::MXFP4 => small::mxfp4(bytes, block),
        Type::NVFP4 => small::nvfp4(bytes, unit, block),
        Type::Q1_0 => small::q1_0(bytes, unit, block),
        Type::Q2_0 => small::q2_0(bytes, unit, block),
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
            for (bytes, out) in bytes.chunks_exact(ty.block_bytes()).zip(out.chunks_exact_mut(ty.block_len()))
            {
                for (unit, out) in out.chunks_exact_mut(32).enumerate() {
                    unpack(ty, bytes, unit, &mut block);
                    for (k, value) in out.iter_mut().enumerate() {
                        let d = if ty.has_halves() && k >= 16 { block.high_d } else { block.d };
                        *value = d * block.codes[k] as f32 + block.m;
                    }
                }
            }
        }
        Form::Q256 => {
            let mut block = Block::default();
            for (bytes, out) in bytes.chunks_exact(ty.block_bytes()).zip(out.chunks_exact_mut(256)) {
                unpack(ty, bytes, 0, &mut block);
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
