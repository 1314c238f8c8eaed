//! f16 and bf16 to and from f32, exact and rounded to nearest even; knows nothing of tensors.

/// The value of an IEEE binary16.
#[inline(always)]
pub fn f16_to_f32(half: u16) -> f32 {
    // Shift exponent and mantissa into place; the multiplication repairs the exponent's bias, subnormals
    // included.
    let magnitude = f32::from_bits(((half & 0x7fff) as u32) << 13) * f32::from_bits(0x7780_0000);
    let special = if half & 0x7c00 == 0x7c00 { 0x7f80_0000 } else { 0 };
    f32::from_bits(magnitude.to_bits() | special | ((half & 0x8000) as u32) << 16)
}

/// The nearest IEEE binary16, ties to even; beyond its range infinite, a NaN stays one. Free of branches:
/// loops over it vectorise.
#[inline(always)]
pub fn f32_to_f16(value: f32) -> u16 {
    let bits = value.to_bits();
    let magnitude = bits & 0x7fff_ffff;
    let rebiased = magnitude.wrapping_sub(112 << 23);
    let normal = rebiased.wrapping_add(0xfff + (rebiased >> 13 & 1)) >> 13;
    // Adding 0.5 lets the f32 adder round at a subnormal's last place.
    let subnormal = (f32::from_bits(magnitude) + 0.5).to_bits().wrapping_sub(0.5f32.to_bits());
    let nan = 0x7e00 | (magnitude >> 13 & 0x3ff);
    let half = if magnitude < 0x3880_0000 { subnormal } else { normal };
    let half = if magnitude >= 0x477f_f000 { 0x7c00 } else { half };
    let half = if magnitude > 0x7f80_0000 { nan } else { half };
    (bits >> 16 & 0x8000 | half) as u16
}

/// The value of a bfloat16.
#[inline(always)]
pub fn bf16_to_f32(half: u16) -> f32 {
    f32::from_bits((half as u32) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_there_and_back() {
        for bits in 0..=u16::MAX {
            let ours = f16_to_f32(bits);
            let theirs = half::f16::from_bits(bits).to_f32();
            if theirs.is_nan() {
                assert!(ours.is_nan() && f16_to_f32(f32_to_f16(ours)).is_nan());
            } else {
                assert_eq!(ours.to_bits(), theirs.to_bits(), "{bits:#x}");
                assert_eq!(f32_to_f16(ours), bits);
            }
        }
    }

    #[test]
    fn rounding_agrees_with_the_half_crate() {
        for step in 0..4_000_000u32 {
            let value = f32::from_bits(step.wrapping_mul(1073) ^ step << 20);
            if !value.is_nan() {
                assert_eq!(f32_to_f16(value), half::f16::from_f32(value).to_bits(), "{value:e}");
            }
        }
    }
}
