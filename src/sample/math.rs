//! exp and ln in plain IEEE arithmetic, so that every machine gets the same bits; knows nothing of sampling.
//!
//! libm differs between systems in the last bit, and one bit can change a drawn token. Only `+ - * /`,
//! comparisons and bit casts are used here; none of them is fused or reordered.

/// e^x for x ≤ 0, relative error below 3e-7; 0 below −87 and for −∞, where f32 has no normal result.
pub(super) fn exp_negative(x: f32) -> f32 {
    if x < -87.0 {
        return 0.0;
    }
    // x = n·ln 2 + r with |r| ≤ ln 2 / 2; ln 2 in two parts so that n·ln 2 is subtracted nearly exactly.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let n = (x * std::f32::consts::LOG2_E - 0.5) as i32;
    let r = x - n as f32 * LN2_HIGH - n as f32 * LN2_LOW;
    // Taylor's series; the first term left out is r^8/40320 < 6e-9.
    let mut sum = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = sum * r + coefficient;
    }
    sum * f32::from_bits(((127 + n) as u32) << 23)
}

/// ln x for finite normal x > 0, absolute error below 1e-12.
pub(super) fn ln(x: f64) -> f64 {
    // x = m·2^n with m in [√½, √2): then s = (m−1)/(m+1) is at most 0.1716 and ln m = 2·artanh s converges
    // fast.
    let bits = x.to_bits();
    let mut n = ((bits >> 52) & 0x7FF) as i64 - 1023;
    let mut m = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    if m > std::f64::consts::SQRT_2 {
        m *= 0.5;
        n += 1;
    }
    let s = (m - 1.0) / (m + 1.0);
    let square = s * s;
    let mut series = 0.0;
    for odd in [17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        series = series * square + 1.0 / odd;
    }
    2.0 * s * series + n as f64 * std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_close_to_the_system_s() {
        for step in 0..87_000 {
            let x = -(step as f32) / 1000.0;
            let (own, system) = (exp_negative(x), x.exp());
            assert!((own - system).abs() <= 3e-7 * system, "exp({x}): {own} and {system}");
        }
        assert_eq!(exp_negative(0.0), 1.0);
        assert_eq!(exp_negative(f32::NEG_INFINITY), 0.0);
    }

    #[test]
    fn ln_is_close_to_the_system_s() {
        for step in 1..100_000 {
            let x = step as f64 * 0.37e-3;
            assert!((ln(x) - x.ln()).abs() < 1e-12, "ln({x})");
        }
        assert!((ln(1e-300) - 1e-300_f64.ln()).abs() < 1e-11);
    }
}
