//! The draw of a token from what the truncations leave: their order, the temperature, mirostat. Knows neither
//! penalties nor how a truncation works.

use super::candidates::{All, Candidate};
use super::options::SamplerOptions;
use super::rng::Rng;
use super::truncate::Left;
use crate::error::Result;
use crate::kernel::{Moments, exp_negative, exp64, ln64};
use std::f64::consts::LN_2;

/// Mirostat 2 (Basu et al., 2021): tokens more surprising than a limit are left out, and the limit follows
/// the surprise of what was drawn, so that it stays near a target.
#[derive(Debug, Clone)]
pub(super) struct Mirostat {
    /// The wanted surprise, in bits.
    tau: f64,
    /// How fast the limit follows.
    eta: f64,
    /// The limit, in bits; twice the target at first.
    limit: f64,
}

impl Mirostat {
    /// `None` if it is off.
    pub(super) fn new(options: &SamplerOptions) -> Option<Self> {
        let (tau, eta) = (f64::from(options.mirostat_tau), or(options.mirostat_eta, 0.1));
        (tau > 0.0 && options.temperature > 0.0).then_some(Self { tau, eta: eta.into(), limit: 2.0 * tau })
    }

    /// Draws of all tokens at `temperature`.
    fn draw(&mut self, all: &All<'_>, temperature: f32, left: &mut Left, rng: &mut Rng) -> Result<u32> {
        let mass = all.moments(temperature, &mut left.blocks)?.mass;
        let lowest = ln64(mass) - self.limit * LN_2;
        let (highest, range) = (f64::from(all.highest), f64::from(temperature) * lowest);
        // A little more, and then exactly.
        let limit = highest + range - (highest.abs() + range.abs()) * 1e-6 - 1e-6;
        all.above(limit as f32, &mut left.list)?;
        let scaled = |logit: f32| (logit - all.highest) / temperature;
        left.list.retain(|candidate| f64::from(scaled(candidate.logit)) >= lowest);
        if left.list.is_empty() {
            all.top_k(1, &mut left.list)?;
        }
        left.list.iter_mut().for_each(|candidate| candidate.weight = exp_negative(scaled(candidate.logit)));
        let (token, probability) = pick(&left.list, rng);
        self.limit -= self.eta * (-ln64(probability) / LN_2 - self.tau);
        Ok(token)
    }
}

/// The value of a field, or what 0 stands for.
pub(super) fn or(value: f32, default: f32) -> f32 {
    if value == 0.0 { default } else { value }
}

/// Draws a token; the temperature is above 0.
///
/// # Errors
/// `OutOfMemory`.
pub(super) fn draw(
    options: &SamplerOptions,
    all: &mut All<'_>,
    left: &mut Left,
    mirostat: Option<&mut Mirostat>,
    rng: &mut Rng,
) -> Result<u32> {
    left.begin();
    if let Some(mirostat) = mirostat {
        let temperature = temperature(options, all, left)?;
        return mirostat.draw(all, temperature, left, rng);
    }
    if options.top_n_sigma > 0.0 {
        left.top_n_sigma(all, options.top_n_sigma)?;
    }
    if options.top_k > 0 {
        left.top_k(all, options.top_k as usize)?;
    }
    if options.typical_p > 0.0 && options.typical_p < 1.0 {
        left.typical_p(all, options.typical_p)?;
    }
    if options.top_p > 0.0 && options.top_p < 1.0 {
        left.top_p(all, options.top_p)?;
    }
    if options.min_p > 0.0 {
        left.min_p(all, options.min_p)?;
    }
    if options.xtc_probability > 0.0 {
        left.xtc(all, options.xtc_probability, or(options.xtc_threshold, 0.1), rng)?;
    }
    let temperature = temperature(options, all, left)?;
    if !left.listed {
        let mass = all.moments(temperature, &mut left.blocks)?.mass;
        return Ok(all.draw(temperature, &left.blocks, mass, rng));
    }
    // What is likeliest of all may be gone.
    let highest = left.list.iter().map(|candidate| candidate.logit).fold(f32::NEG_INFINITY, f32::max);
    for candidate in &mut left.list {
        candidate.weight = exp_negative((candidate.logit - highest) / temperature);
    }
    Ok(pick(&left.list, rng).0)
}

/// The temperature for what is left. A dynamic one lies between the lowest and the highest by how flat the
/// distribution is: its entropy as a fraction of the most that so many tokens can have.
fn temperature(options: &SamplerOptions, all: &All<'_>, left: &mut Left) -> Result<f32> {
    let SamplerOptions { temperature, dynatemp_range: range, .. } = *options;
    if range == 0.0 {
        return Ok(temperature);
    }
    let count = if left.listed { left.list.len() } else { all.allowed() };
    if count < 2 {
        return Ok(temperature);
    }
    let Moments { mass, energy } = left.moments(all)?;
    let flat = ((ln64(mass) - energy / mass) / ln64(count as f64)).clamp(0.0, 1.0);
    let exponent = f64::from(or(options.dynatemp_exponent, 1.0));
    let flat = if flat < f64::MIN_POSITIVE { 0.0 } else { exp64((exponent * ln64(flat)).max(-690.0)) };
    let (low, high) = ((temperature - range).max(0.0), temperature + range);
    // Nearly 0: the likeliest is drawn.
    Ok((f64::from(low) + (f64::from(high) - f64::from(low)) * flat).clamp(1e-30, 1e30) as f32)
}

/// Draws by the weights, of which one is above 0: the token and its probability.
fn pick(candidates: &[Candidate], rng: &mut Rng) -> (u32, f64) {
    let total: f64 = candidates.iter().map(|candidate| f64::from(candidate.weight)).sum();
    let mut left = rng.unit() * total;
    let (mut chosen, mut weight) = (0, total);
    for candidate in candidates.iter().filter(|candidate| candidate.weight > 0.0) {
        (chosen, weight) = (candidate.id, f64::from(candidate.weight));
        left -= weight;
        if left < 0.0 {
            break;
        }
    }
    (chosen, weight / total)
}
