//! What a sampler asks of all logits at once, compiled once per instruction set; knows no sampler.
//!
//! Comparisons are exact. Sums run in 16 lanes of f32 (lane = index mod 16) over a block of 1,024 logits,
//! which [`tree`] adds, and in f64 from block to block: the same bits for any vector width.

use super::generic::{fold, tree};
use super::math::exp_negative;

/// Logits whose sums are one of [`moments`].
pub const MOMENT_BLOCK: usize = 1024;

/// Logits that [`next_above`] tells apart.
pub const LOOK: usize = 64;

/// Of a block of logits: the sum of w = e^d, and that of w·d, with d = (logit − highest) / temperature.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Moments {
    /// The sum of w.
    pub mass: f64,
    /// The sum of w·d; not above 0.
    pub energy: f64,
}

/// The highest of `x`, −∞ if there is none; NaN where one of them is not finite.
#[inline(always)]
pub(crate) fn finite_highest(x: &[f32]) -> f32 {
    let (mut most, mut zeros) = ([f32::NEG_INFINITY; 16], [0.0f32; 16]);
    let (chunks, rest) = x.as_chunks::<16>();
    for chunk in chunks {
        for lane in 0..16 {
            most[lane] = higher(most[lane], chunk[lane]);
            // Of what is not finite, NaN for good.
            zeros[lane] += chunk[lane] * 0.0;
        }
    }
    for (lane, &value) in rest.iter().enumerate() {
        most[lane] = higher(most[lane], value);
        zeros[lane] += value * 0.0;
    }
    if tree(zeros) == 0.0 { fold(most, higher) } else { f32::NAN }
}

/// The highest of `x`, −∞ if there is none; a NaN is none.
#[inline(always)]
pub(crate) fn highest(x: &[f32]) -> f32 {
    let mut most = [f32::NEG_INFINITY; 16];
    let (chunks, rest) = x.as_chunks::<16>();
    for chunk in chunks {
        for lane in 0..16 {
            most[lane] = higher(most[lane], chunk[lane]);
        }
    }
    for (lane, &value) in rest.iter().enumerate() {
        most[lane] = higher(most[lane], value);
    }
    fold(most, higher)
}

/// The higher of two; `one` where `other` is NaN.
#[inline(always)]
fn higher(one: f32, other: f32) -> f32 {
    if other > one { other } else { one }
}

/// Where the first group of [`LOOK`] values begins that has one above `limit`: `x.len()` if there is none.
/// Groups begin at `x`'s beginning.
#[inline(always)]
pub(crate) fn next_above(x: &[f32], limit: f32) -> usize {
    let (groups, rest) = x.as_chunks::<LOOK>();
    let mut at = 0;
    for group in groups {
        let mut any = 0u32;
        for &value in group {
            any |= u32::from(value > limit);
        }
        if any != 0 {
            return at;
        }
        at += LOOK;
    }
    if rest.iter().any(|&value| value > limit) { at } else { x.len() }
}

/// The moments of each block of `x`, `(x.len() / MOMENT_BLOCK, rounded up)`; those beyond the shorter are
/// left out. No value is above `highest`.
#[inline(always)]
pub(crate) fn moments(x: &[f32], highest: f32, temperature: f32, out: &mut [Moments]) {
    for (block, out) in x.chunks(MOMENT_BLOCK).zip(out) {
        let (mut mass, mut energy) = ([0.0f32; 16], [0.0f32; 16]);
        let (chunks, rest) = block.as_chunks::<16>();
        for chunk in chunks {
            for lane in 0..16 {
                let (w, wd) = term(chunk[lane], highest, temperature);
                mass[lane] += w;
                energy[lane] += wd;
            }
        }
        for (lane, &value) in rest.iter().enumerate() {
            let (w, wd) = term(value, highest, temperature);
            mass[lane] += w;
            energy[lane] += wd;
        }
        *out = Moments { mass: tree(mass).into(), energy: tree(energy).into() };
    }
}

#[inline(always)]
fn term(x: f32, highest: f32, temperature: f32) -> (f32, f32) {
    let d = (x - highest) / temperature;
    // What is forbidden is −∞ below, and counts nothing.
    let d = if d > -88.0 { d } else { -88.0 };
    let w = exp_negative(d);
    (w, w * d)
}
