//! Elementary functions built from IEEE additions, products, fused products, roots and bit moves only, so
//! that they give the same bits on every machine; knows nothing of tensors.
//!
//! f32 functions are free of branches (loops over them vectorise); f64 functions fill tables.

use std::f64::consts::{FRAC_2_PI, LN_2, LOG2_E, SQRT_2};

/// Adding and subtracting it rounds to an integer, ties to even; between the two the lowest bits are that
/// integer: 1.5 * 2^23.
pub(crate) const ROUND: f32 = 12_582_912.0;

/// e^x within 2 units in the last place; 0 below -104, infinite above 88.73, NaN for NaN.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // A comparison, not min/max: those lose a NaN.
    let x = if x < -104.0 { -104.0 } else { x };
    let x = if x > 89.0 { 89.0 } else { x };
    let n = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let i = n.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    let p = fraction(n - ROUND, x);
    // 2^i in two steps, so that neither leaves the normal range.
    let half = i >> 1;
    p * power_of_two(half) * power_of_two(i - half)
}

/// 2^x within 5e-7 relatively, for x up to 127; 1 for 0, 0 below -126.5, NaN for NaN.
#[inline(always)]
pub(crate) fn exp2(x: f32) -> f32 {
    const SHIFTED: f32 = ROUND + 127.0;
    let x = if x < -127.0 { -127.0 } else { x };
    let n = x + SHIFTED;
    let power = f32::from_bits(n.to_bits() << 23);
    // The polynomial that is nearest to 2^f relatively, for |f| up to 0.5, of those that give 1 for 0.
    let f = x - (n - SHIFTED);
    let p = 1.112_550_8e-3f32;
    let p = p.mul_add(f, 9.666_282e-3);
    let p = p.mul_add(f, 5.557_400_5e-2);
    let p = p.mul_add(f, 2.402_235e-1);
    let p = p.mul_add(f, 6.931_428e-1);
    p.mul_add(f, 1.0) * power
}

/// e^x for x ≤ 0, within 3e-7 relatively; 0 for -87 and below, where f32 soon has no normal result, and for
/// NaN. No step is fused: what is compiled for no instruction set computes it as quickly, with the same bits.
#[inline(always)]
pub fn exp_negative(x: f32) -> f32 {
    const SHIFTED: f32 = ROUND + 127.0;
    let within = if x > -87.0 { x } else { -87.0 };
    let n = within * std::f32::consts::LOG2_E + SHIFTED;
    let power = f32::from_bits(n.to_bits() << 23);
    let n = n - SHIFTED;
    // ln 2 in two parts: the product with the first is exact.
    let r = within - n * 0.693_359_4;
    let r = r + n * 2.121_944_4e-4;
    let p = 1.984_127e-4f32;
    let p = p * r + 1.388_888_9e-3;
    let p = p * r + 8.333_334e-3;
    let p = p * r + 4.166_666_8e-2;
    let p = p * r + 1.666_666_7e-1;
    let p = p * r + 0.5;
    let p = p * r + 1.0;
    let p = p * r + 1.0;
    if x > -87.0 { p * power } else { 0.0 }
}

/// e^x / 2^n, with `n` the integer next to x / ln 2.
#[inline(always)]
fn fraction(n: f32, x: f32) -> f32 {
    // ln 2 in two parts: the product with the first is exact.
    let r = n.mul_add(-0.693_359_4, x);
    let r = n.mul_add(2.121_944_4e-4, r);
    let p = 1.388_888_9e-3f32;
    let p = p.mul_add(r, 8.333_334e-3);
    let p = p.mul_add(r, 4.166_666_8e-2);
    let p = p.mul_add(r, 1.666_666_7e-1);
    let p = p.mul_add(r, 0.5);
    let p = p.mul_add(r, 1.0);
    p.mul_add(r, 1.0)
}

#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

/// The hyperbolic tangent, within 3e-7 of it relatively.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let square = x * x;
    let p = 8.863_236e-3f32;
    let p = p.mul_add(-square, 2.186_949e-2);
    let p = p.mul_add(-square, 5.396_825_4e-2);
    let p = p.mul_add(-square, 1.333_333_4e-1);
    let p = p.mul_add(-square, 3.333_333_4e-1);
    let near = (p * -square).mul_add(x, x);
    let magnitude = f32::from_bits(x.to_bits() & 0x7fff_ffff);
    let far = 1.0 - 2.0 / (exp(magnitude + magnitude) + 1.0);
    let far = f32::from_bits(far.to_bits() | x.to_bits() & 0x8000_0000);
    if magnitude < 0.4 { near } else { far }
}

/// 1 / (1 + e^-x); NaN where x is infinite, so that broken weights do not look sound.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x)) + x * 0.0
}

/// ln(1 + e^x), within 2e-7 relatively down to -15; NaN where x is infinite.
pub fn softplus(x: f32) -> f32 {
    let small = exp(-x.abs());
    x.max(0.0) + ln64(1.0 + f64::from(small)) as f32 + x * 0.0
}

/// x * sigmoid(x).
#[inline(always)]
pub fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

/// The tanh form of GELU (Hendrycks and Gimpel, 2016), as ggml's `ggml_gelu`.
#[inline(always)]
pub fn gelu(x: f32) -> f32 {
    let inner = 0.797_884_6 * (x * x * x).mul_add(0.044_715, x);
    0.5 * x * (1.0 + tanh(inner))
}

/// GELU itself, x times the part of the normal distribution below it (Hendrycks and Gimpel, 2016), within
/// 1e-7 · |x|; the error function by Abramowitz and Stegun, 7.1.26. An infinite x becomes NaN, not the limit.
#[inline(always)]
pub fn gelu_erf(x: f32) -> f32 {
    let magnitude = f32::from_bits(x.to_bits() & 0x7fff_ffff);
    let z = magnitude * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / z.mul_add(0.327_591_1, 1.0);
    let p = 1.061_405_4f32;
    let p = p.mul_add(t, -1.453_152);
    let p = p.mul_add(t, 1.421_413_8);
    let p = p.mul_add(t, -0.284_496_72);
    let p = p.mul_add(t, 0.254_829_6);
    // What lies beyond |x| on one side.
    let beyond = 0.5 * p * t * exp(-z * z);
    let part = x * beyond;
    if x < 0.0 { part } else { x - part }
}

/// x times the sigmoid of 1.702 x, where x is at most 7: the gate of gpt-oss' experts (its published model
/// code). An infinite x becomes NaN, not the limit.
#[inline(always)]
pub fn clamped_swish(x: f32) -> f32 {
    let low = if x > 7.0 { 7.0 } else { x };
    low / (1.0 + exp(-1.702 * low)) + x * 0.0
}

/// e^x in f64 within 1e-15 relatively, for |x| < 700.
pub fn exp64(x: f64) -> f64 {
    let n = (x * LOG2_E).round_ties_even();
    let r = (x - n * 0.693_147_180_369_123_8) - n * 1.908_214_929_270_587_7e-10;
    let series = (1..=14).rev().fold(1.0, |sum, k| 1.0 + sum * r / k as f64);
    series * f64::from_bits(((n as i64 + 1023) as u64) << 52)
}

/// The natural logarithm in f64 within 1e-15, for positive normal `x`.
pub fn ln64(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) & 0x7ff) as i64 - 1023;
    let mut mantissa = f64::from_bits(bits & 0x000f_ffff_ffff_ffff | 1023 << 52);
    if mantissa > SQRT_2 {
        mantissa *= 0.5;
        exponent += 1;
    }
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let series = (0..12).rev().fold(0.0, |sum, k| 1.0 / (2 * k + 1) as f64 + sum * (s * s));
    exponent as f64 * LN_2 + 2.0 * s * series
}

/// Sine and cosine in f64 within 1e-15, for |x| < 10^6; reduced by pi/2 in three parts (Cody and Waite).
pub fn sin_cos64(x: f64) -> (f64, f64) {
    let n = (x * FRAC_2_PI).round_ties_even();
    let r = x - n * 1.570_796_326_734_125_6;
    let r = r - n * 6.077_100_506_303_966e-11;
    let r = r - n * 2.022_266_248_795_950_6e-21;
    let square = r * r;
    let sin = r * (1..=9).rev().fold(1.0, |sum, k| 1.0 - sum * square / ((2 * k) * (2 * k + 1)) as f64);
    let cos = (1..=9).rev().fold(1.0, |sum, k| 1.0 - sum * square / ((2 * k - 1) * (2 * k)) as f64);
    match n as i64 & 3 {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(ours: f64, truth: f64, tolerance: f64) {
        assert!((ours - truth).abs() <= tolerance * truth.abs().max(1e-30), "{ours:e} {truth:e}");
    }

    #[test]
    fn exp_is_within_two_units_in_the_last_place() {
        for step in -87_000..88_700 {
            let x = step as f32 * 0.001;
            close(exp(x) as f64, (x as f64).exp(), 2.4e-7);
        }
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(-200.0), 0.0);
        assert_eq!(exp(f32::INFINITY), f32::INFINITY);
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn exp_of_what_is_not_positive_is_within_3e_7() {
        for step in 0..87_000 {
            let x = step as f32 * -0.001;
            close(exp_negative(x) as f64, (x as f64).exp(), 3e-7);
        }
        assert_eq!((exp_negative(0.0), exp_negative(-0.0)), (1.0, 1.0));
        for nothing in [-87.0, -1e30, f32::NEG_INFINITY, f32::NAN] {
            assert_eq!(exp_negative(nothing), 0.0, "{nothing}");
        }
    }

    #[test]
    fn powers_of_two_are_within_5e_7() {
        for step in -126_000..127_000 {
            let x = step as f32 * 0.001;
            close(exp2(x) as f64, (x as f64).exp2(), 5e-7);
        }
        assert_eq!((exp2(0.0), exp2(-3.0), exp2(-126.6)), (1.0, 0.125, 0.0));
        assert_eq!((exp2(-1e30), exp2(f32::NEG_INFINITY)), (0.0, 0.0));
        assert!(exp2(f32::NAN).is_nan());
    }

    #[test]
    fn tanh_and_its_users() {
        for step in -20_000..20_000 {
            let x = step as f32 * 0.0007;
            close(tanh(x) as f64, (x as f64).tanh(), 3e-7);
        }
        assert_eq!((tanh(50.0), tanh(f32::NEG_INFINITY)), (1.0, -1.0));
        assert!(tanh(f32::NAN).is_nan() && silu(f32::NAN).is_nan() && gelu(f32::NAN).is_nan());
        assert_eq!(silu(-200.0), 0.0);
        close(silu(1.5) as f64, 1.5 / (1.0 + (-1.5f64).exp()), 3e-7);
        close(gelu(1.0) as f64, 0.841_191_99, 3e-7);
    }

    #[test]
    fn gelu_is_x_times_the_normal_distribution_below_it() {
        // The integral of the density, by Simpson's rule.
        let density = |x: f64| (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
        for step in -600..=600 {
            let x = f64::from(step) * 0.01;
            let h = x / 400.0;
            let inner: f64 =
                (1..400).map(|k| density(f64::from(k) * h) * if k % 2 == 1 { 4.0 } else { 2.0 }).sum();
            let below = 0.5 + h / 3.0 * (density(0.0) + inner + density(x));
            let ours = f64::from(gelu_erf(x as f32));
            assert!((ours - x * below).abs() <= 2e-7 * x.abs().max(1.0), "{x}: {ours} {}", x * below);
        }
        assert!([f32::NAN, f32::INFINITY, f32::NEG_INFINITY].iter().all(|x| gelu_erf(*x).is_nan()));
    }

    #[test]
    fn sigmoid_and_softplus_keep_what_is_no_number() {
        for step in -15_000..40_000 {
            let x = step as f32 * 0.001;
            close(sigmoid(x) as f64, 1.0 / (1.0 + (-x as f64).exp()), 4e-7);
            close(softplus(x) as f64, (x as f64).exp().ln_1p(), 4e-7);
        }
        assert_eq!((softplus(-200.0), softplus(200.0), sigmoid(-200.0)), (0.0, 200.0, 0.0));
        for broken in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(sigmoid(broken).is_nan() && softplus(broken).is_nan(), "{broken}");
        }
    }

    #[test]
    fn tables_in_double_precision() {
        for step in 1..20_000 {
            let x = step as f64 * 0.013;
            close(exp64(-x), (-x).exp(), 1e-14);
            close(ln64(x), x.ln(), 1e-13);
            let angle = x * 997.0;
            let (sin, cos) = sin_cos64(angle);
            assert!((sin - angle.sin()).abs() < 1e-14 && (cos - angle.cos()).abs() < 1e-14, "{angle}");
        }
    }
}
