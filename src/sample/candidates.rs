//! All logits of a position, the tokens of them that may still be drawn, and how these are found without
//! looking at each; knows no sampler's rule.

use super::rng::Rng;
use crate::error::Result;
use crate::kernel::{Kernels, LOOK, MOMENT_BLOCK, Moments, exp_negative};
use std::cmp::Ordering;

/// A token that may still be drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub(super) id: u32,
    pub(super) logit: f32,
    /// exp(logit − highest of all logits): the probability, not normalized.
    pub(super) weight: f32,
    /// Distance from the expected information (typical sampling only).
    pub(super) surprise: f32,
}

/// Likeliest first; of equal ones the lowest id. A total order, so that sums do not depend on how the sort
/// works.
pub(super) fn likeliest(a: &Candidate, b: &Candidate) -> Ordering {
    b.logit.total_cmp(&a.logit).then(a.id.cmp(&b.id))
}

/// The logits of all tokens; −∞ is a forbidden one.
pub(super) struct All<'a> {
    pub(super) kernels: &'static Kernels,
    /// `(vocab_len)`
    pub(super) logits: &'a mut [f32],
    /// Of `logits`; above −∞.
    pub(super) highest: f32,
}

impl All<'_> {
    fn candidate(&self, id: usize) -> Candidate {
        let logit = self.logits[id];
        Candidate { id: id as u32, logit, weight: exp_negative(logit - self.highest), surprise: 0.0 }
    }

    /// The first token with the highest logit.
    pub(super) fn likeliest(&self) -> u32 {
        let from = self.kernels.next_above(self.logits, self.highest.next_down());
        let found = self.logits[from..].iter().position(|logit| *logit == self.highest);
        (from + found.unwrap_or_default()) as u32
    }

    /// The tokens above `limit`, in ascending order of ids.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(super) fn above(&self, limit: f32, out: &mut Vec<Candidate>) -> Result<()> {
        out.clear();
        out.try_reserve_exact(self.logits.len())?;
        self.each_above(limit, |id, _| {
            out.push(self.candidate(id));
            Ok(limit)
        })
    }

    /// The `k` likeliest tokens, sorted; all that are not forbidden if there are no more.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(super) fn top_k(&self, k: usize, out: &mut Vec<Candidate>) -> Result<()> {
        out.clear();
        let (k, mut limit) = (k.clamp(1, self.logits.len()), f32::NEG_INFINITY);
        // A few more than k are kept, so that a choice among them is seldom.
        let full = (2 * k).max(LOOK);
        out.try_reserve(full.min(self.logits.len()))?;
        self.each_above(limit, |id, _| {
            out.push(self.candidate(id));
            if out.len() == full {
                out.select_nth_unstable_by(k - 1, likeliest);
                out.truncate(k);
                // One that comes later and is equal has a higher id.
                limit = out[k - 1].logit;
            }
            Ok(limit)
        })?;
        if k < out.len() {
            out.select_nth_unstable_by(k - 1, likeliest);
            out.truncate(k);
        }
        out.sort_unstable_by(likeliest);
        Ok(())
    }

    /// Calls `take` with the tokens above the limit, which is what it returned last.
    fn each_above(&self, mut limit: f32, mut take: impl FnMut(usize, f32) -> Result<f32>) -> Result<()> {
        let mut at = 0;
        loop {
            at += self.kernels.next_above(&self.logits[at..], limit);
            let end = (at + LOOK).min(self.logits.len());
            if at == end {
                return Ok(());
            }
            for id in at..end {
                if self.logits[id] > limit {
                    limit = take(id, limit)?;
                }
            }
            at = end;
        }
    }

    /// The sums over all tokens at `temperature`, and those of each block in `blocks`.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(super) fn moments(&self, temperature: f32, blocks: &mut Vec<Moments>) -> Result<Moments> {
        let count = self.logits.len().div_ceil(MOMENT_BLOCK);
        blocks.clear();
        blocks.try_reserve(count)?;
        blocks.resize(count, Moments::default());
        self.kernels.moments(self.logits, self.highest, temperature, blocks);
        Ok(blocks.iter().fold(Moments::default(), |sum, block| Moments {
            mass: sum.mass + block.mass,
            energy: sum.energy + block.energy,
        }))
    }

    /// Draws of all tokens at `temperature`, whose moments `blocks` are.
    pub(super) fn draw(&self, temperature: f32, blocks: &[Moments], mass: f64, rng: &mut Rng) -> u32 {
        let mut left = rng.unit() * mass;
        let mut chosen = 0;
        for (block, moments) in blocks.iter().enumerate().filter(|(_, moments)| moments.mass > 0.0) {
            chosen = block;
            if left < moments.mass {
                break;
            }
            left -= moments.mass;
        }
        let mut token = 0;
        let start = chosen * MOMENT_BLOCK;
        let end = (start + MOMENT_BLOCK).min(self.logits.len());
        for (id, logit) in (start..end).zip(&self.logits[start..end]) {
            let weight = exp_negative((logit - self.highest) / temperature);
            if weight > 0.0 {
                token = id as u32;
                left -= f64::from(weight);
                if left < 0.0 {
                    break;
                }
            }
        }
        token
    }

    /// How many tokens are not forbidden.
    pub(super) fn allowed(&self) -> usize {
        self.logits.iter().filter(|logit| **logit > f32::NEG_INFINITY).count()
    }
}

/// Sums over candidates: of the weights w, and of w·(logit − `highest`), in the order that they are in.
pub(super) fn sums(candidates: &[Candidate], highest: f32) -> Moments {
    candidates.iter().filter(|candidate| candidate.weight > 0.0).fold(Moments::default(), |sum, candidate| {
        let weight = f64::from(candidate.weight);
        Moments {
            mass: sum.mass + weight,
            energy: sum.energy + weight * f64::from(candidate.logit - highest),
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Few values, so that many are equal, and −∞ among them.
        #[test]
        fn top_k_is_the_head_of_a_full_sort(
            logits in prop::collection::vec(prop_oneof![Just(f32::NEG_INFINITY), (-8i8..8).prop_map(f32::from)], 1..600),
            k in 1usize..700,
        ) {
            let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            prop_assume!(highest > f32::NEG_INFINITY);
            let mut order: Vec<u32> = (0..logits.len() as u32).filter(|id| logits[*id as usize] > f32::NEG_INFINITY).collect();
            order.sort_by(|&a, &b| logits[b as usize].partial_cmp(&logits[a as usize]).unwrap());
            order.truncate(k);
            for &kernels in Kernels::available() {
                let all = All { kernels, logits: &mut logits.clone(), highest };
                let mut own = Vec::new();
                all.top_k(k, &mut own).unwrap();
                prop_assert_eq!(own.iter().map(|c| c.id).collect::<Vec<_>>(), order.clone());
                prop_assert_eq!(all.likeliest(), order[0]);
            }
        }

        #[test]
        fn above_is_a_filter(logits in prop::collection::vec(-4f32..4.0, 1..600), limit in -5f32..5.0) {
            let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let all = All { kernels: Kernels::best(), logits: &mut logits.clone(), highest };
            let mut own = Vec::new();
            all.above(limit, &mut own).unwrap();
            let expected: Vec<u32> = (0..logits.len() as u32).filter(|id| logits[*id as usize] > limit).collect();
            prop_assert_eq!(own.iter().map(|c| c.id).collect::<Vec<_>>(), expected);
        }
    }
}
