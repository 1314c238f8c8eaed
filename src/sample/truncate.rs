//! Which tokens stay: top-n-sigma, top-k, typical, nucleus, min-p and XTC; knows neither penalties nor the
//! draw.
//!
//! What stays is all tokens until the first of them makes a list, which holds only what it needs: of 262,144
//! tokens a few hundred usually have nearly all the probability.

use super::candidates::{All, Candidate, likeliest, sums};
use super::rng::Rng;
use crate::error::Result;
use crate::kernel::{Moments, ln64};
use std::cmp::Ordering;

/// What is left of all tokens, and the memory for it.
#[derive(Debug, Clone, Default)]
pub(super) struct Left {
    /// The moments of the logits, where they are wanted.
    pub(super) blocks: Vec<Moments>,
    /// What is left, if `listed`.
    pub(super) list: Vec<Candidate>,
    /// Otherwise all tokens are.
    pub(super) listed: bool,
}

impl Left {
    /// All tokens are left again.
    pub(super) fn begin(&mut self) {
        self.list.clear();
        self.listed = false;
    }

    /// The moments of what is left, at temperature 1, beside the highest logit of `all`.
    ///
    /// # Errors
    /// `OutOfMemory`, as for all that follow.
    pub(super) fn moments(&mut self, all: &All<'_>) -> Result<Moments> {
        match self.listed {
            true => Ok(sums(&self.list, all.highest)),
            false => all.moments(1.0, &mut self.blocks),
        }
    }

    /// Keeps the tokens whose logit is no more than `n` standard deviations of all logits below the highest.
    pub(super) fn top_n_sigma(&mut self, all: &All<'_>, n: f32) -> Result<()> {
        let limit = f64::from(all.highest) - f64::from(n) * deviation(all.logits);
        all.above((limit as f32).next_down(), &mut self.list)?;
        self.listed = true;
        Ok(())
    }

    /// Keeps the `k` likeliest, sorted; as it is if there are no more.
    pub(super) fn top_k(&mut self, all: &All<'_>, k: usize) -> Result<()> {
        if self.listed {
            if k < self.list.len() {
                self.list.select_nth_unstable_by(k, likeliest);
                self.list.truncate(k);
                self.list.sort_unstable_by(likeliest);
            }
        } else if k < all.logits.len() {
            all.top_k(k, &mut self.list)?;
            self.listed = true;
        }
        Ok(())
    }

    /// Keeps the likeliest whose probabilities add up to `p`, at least one, sorted.
    pub(super) fn top_p(&mut self, all: &All<'_>, p: f32) -> Result<()> {
        let wanted = self.moments(all)?.mass * f64::from(p);
        if !self.listed {
            for width in [6.0, 12.0, 24.0, f32::INFINITY] {
                all.above(all.highest - width, &mut self.list)?;
                if sums(&self.list, all.highest).mass >= wanted {
                    break;
                }
            }
            self.listed = true;
        }
        keep_mass(&mut self.list, wanted, likeliest);
        Ok(())
    }

    /// Keeps the ones closest to the expected information whose probabilities add up to `p`, at least one,
    /// likeliest first.
    pub(super) fn typical_p(&mut self, all: &All<'_>, p: f32) -> Result<()> {
        // With d = logit − highest, information is ln mass − d, and the expected one ln mass − energy / mass.
        let Moments { mass, energy } = self.moments(all)?;
        let center = energy / mass;
        let wanted = mass * f64::from(p);
        let surprise = |candidate: &mut Candidate| {
            candidate.surprise = (f64::from(candidate.logit - all.highest) - center).abs() as f32;
        };
        if self.listed {
            self.list.iter_mut().for_each(surprise);
        } else {
            for width in [1.0, 4.0, 16.0, f32::INFINITY] {
                // A little more, and then exactly.
                let limit = f64::from(all.highest) + center - f64::from(width) - 1e-3;
                all.above(limit as f32, &mut self.list)?;
                self.list.iter_mut().for_each(surprise);
                self.list.retain(|candidate| candidate.surprise < width);
                if sums(&self.list, all.highest).mass >= wanted {
                    break;
                }
            }
            self.listed = true;
        }
        keep_mass(&mut self.list, wanted, |a, b| a.surprise.total_cmp(&b.surprise).then(likeliest(a, b)));
        self.list.sort_unstable_by(likeliest);
        Ok(())
    }

    /// Keeps those at least `p` times as likely as the likeliest of what is left, in the order they are in.
    pub(super) fn min_p(&mut self, all: &All<'_>, p: f32) -> Result<()> {
        if !self.listed {
            let limit = f64::from(all.highest) + ln64(f64::from(p)) - 1e-3;
            all.above(limit as f32, &mut self.list)?;
            self.listed = true;
        }
        let highest = self.list.iter().map(|candidate| candidate.weight).fold(0.0, f32::max);
        self.list.retain(|candidate| candidate.weight >= p * highest);
        Ok(())
    }

    /// With `probability`, and if at least two of what is left have a probability of `threshold` or more,
    /// only the least likely of these stays of them; of equal ones the one with the highest id.
    pub(super) fn xtc(
        &mut self,
        all: &mut All<'_>,
        probability: f32,
        threshold: f32,
        rng: &mut Rng,
    ) -> Result<()> {
        if rng.unit() >= f64::from(probability) {
            return Ok(());
        }
        let wanted = self.moments(all)?.mass * f64::from(threshold);
        if !self.listed {
            let limit = f64::from(all.highest) + ln64(wanted) - 1e-3;
            all.above(limit as f32, &mut self.list)?;
        }
        let is_top = |candidate: &Candidate| f64::from(candidate.weight) >= wanted;
        let Some(least) = self.list.iter().filter(|one| is_top(one)).max_by(|a, b| likeliest(a, b)).copied()
        else {
            return Ok(());
        };
        if self.listed {
            self.list.retain(|candidate| candidate.id == least.id || !is_top(candidate));
            return Ok(());
        }
        for candidate in self.list.iter().filter(|one| one.id != least.id && is_top(one)) {
            all.logits[candidate.id as usize] = f32::NEG_INFINITY;
        }
        all.highest = least.logit;
        Ok(())
    }
}

/// The standard deviation of those above −∞, as of a sample: divided by one less than they are. 0 of a single
/// one.
fn deviation(logits: &[f32]) -> f64 {
    const LANES: usize = 8;
    let sum = |term: &dyn Fn(f64) -> f64| -> f64 {
        let mut lanes = [0.0; LANES];
        for (index, &logit) in logits.iter().enumerate() {
            if logit > f32::NEG_INFINITY {
                lanes[index % LANES] += term(f64::from(logit));
            }
        }
        lanes.iter().sum()
    };
    let count = sum(&|_| 1.0);
    if count < 2.0 {
        return 0.0;
    }
    let mean = sum(&|logit| logit) / count;
    (sum(&|logit| (logit - mean) * (logit - mean)) / (count - 1.0)).sqrt()
}

/// Keeps the first candidates by `order` whose weights add up to `wanted`. Sorts only as far as needed: a
/// growing prefix.
fn keep_mass(
    candidates: &mut Vec<Candidate>,
    wanted: f64,
    order: impl Fn(&Candidate, &Candidate) -> Ordering + Copy,
) {
    let (mut sorted, mut kept, mut sum, mut step) = (0, 0, 0.0, 256);
    while kept < candidates.len() {
        if kept == sorted {
            let rest = &mut candidates[sorted..];
            if step < rest.len() {
                rest.select_nth_unstable_by(step, order);
            }
            let next = step.min(rest.len());
            rest[..next].sort_unstable_by(order);
            sorted += next;
            step *= 4;
        }
        sum += f64::from(candidates[kept].weight);
        kept += 1;
        if sum >= wanted {
            break;
        }
    }
    candidates.truncate(kept);
}
