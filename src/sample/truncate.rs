//! Which candidates stay: top-k, typical, nucleus and min-p; knows neither penalties nor the draw.

use std::cmp::Ordering;

use super::math::{exp_negative, ln};
use crate::error::Result;

/// A token that may still be drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub(super) id: u32,
    pub(super) logit: f32,
    /// exp(logit − highest logit): the probability, not normalized.
    pub(super) weight: f32,
    /// Distance from the expected information (typical sampling only).
    surprise: f32,
}

/// A candidate for every token that is not forbidden, in ascending order of ids.
///
/// # Errors
/// `OutOfMemory`.
pub(super) fn candidates(logits: &[f32], highest: f32, out: &mut Vec<Candidate>) -> Result<()> {
    out.clear();
    out.try_reserve_exact(logits.len())?;
    out.extend(
        logits.iter().zip(0..).filter(|(logit, _)| **logit > f32::NEG_INFINITY).map(|(&logit, id)| {
            Candidate { id, logit, weight: exp_negative(logit - highest), surprise: 0.0 }
        }),
    );
    Ok(())
}

/// Likeliest first; of equal ones the lowest id. A total order, so that sums do not depend on how the sort
/// works.
fn likeliest(a: &Candidate, b: &Candidate) -> Ordering {
    b.logit.total_cmp(&a.logit).then(a.id.cmp(&b.id))
}

/// Keeps the `k` likeliest, sorted; as it is if there are no more.
pub(super) fn top_k(candidates: &mut Vec<Candidate>, k: usize) {
    if k < candidates.len() {
        candidates.select_nth_unstable_by(k, likeliest);
        candidates.truncate(k);
        candidates.sort_unstable_by(likeliest);
    }
}

/// Keeps the likeliest whose probabilities add up to `p`, at least one, sorted.
pub(super) fn top_p(candidates: &mut Vec<Candidate>, p: f32) {
    keep_mass(candidates, p, likeliest);
}

/// Keeps the ones closest to the expected information whose probabilities add up to `p`, at least one,
/// likeliest first.
pub(super) fn typical_p(candidates: &mut Vec<Candidate>, p: f32) {
    let total = mass(candidates);
    let information = |weight: f32| -ln(f64::from(weight) / total);
    let entropy: f64 = candidates
        .iter()
        .filter(|candidate| candidate.weight > 0.0)
        .map(|candidate| f64::from(candidate.weight) / total * information(candidate.weight))
        .sum();
    for candidate in candidates.iter_mut() {
        let distance = information(candidate.weight.max(f32::MIN_POSITIVE)) - entropy;
        candidate.surprise = distance.abs() as f32;
    }
    keep_mass(candidates, p, |a, b| a.surprise.total_cmp(&b.surprise).then(likeliest(a, b)));
    candidates.sort_unstable_by(likeliest);
}

/// Keeps those at least `p` times as likely as the likeliest of all, in the order they are in.
pub(super) fn min_p(candidates: &mut Vec<Candidate>, p: f32) {
    let highest = candidates.iter().map(|candidate| candidate.weight).fold(0.0, f32::max);
    candidates.retain(|candidate| candidate.weight >= p * highest);
}

/// The sum of all weights, in the order they are in.
fn mass(candidates: &[Candidate]) -> f64 {
    candidates.iter().map(|candidate| f64::from(candidate.weight)).sum()
}

/// Keeps the first candidates by `order` whose probabilities add up to `share`. Sorts only as far as needed:
/// a growing prefix, since a few hundred of 262,144 tokens usually hold the mass.
fn keep_mass(
    candidates: &mut Vec<Candidate>,
    share: f32,
    order: impl Fn(&Candidate, &Candidate) -> Ordering + Copy,
) {
    let wanted = mass(candidates) * f64::from(share);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(logits: &[f32]) -> Vec<Candidate> {
        let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut out = Vec::new();
        candidates(logits, highest, &mut out).unwrap();
        out
    }

    fn ids(candidates: &[Candidate]) -> Vec<u32> {
        candidates.iter().map(|candidate| candidate.id).collect()
    }

    /// The ids, likeliest first, by a plain full sort.
    fn naive_order(logits: &[f32]) -> Vec<u32> {
        let mut order: Vec<u32> = (0..logits.len() as u32).collect();
        order.sort_by(|&a, &b| logits[b as usize].partial_cmp(&logits[a as usize]).unwrap());
        order
    }

    fn naive_probabilities(logits: &[f32]) -> Vec<f64> {
        let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weights: Vec<f64> = logits.iter().map(|l| f64::from(l - highest).exp()).collect();
        let total: f64 = weights.iter().sum();
        weights.iter().map(|w| w / total).collect()
    }

    /// The smallest prefix of `order` with at least `share`; None where rounding could decide.
    fn naive_prefix(order: &[u32], probabilities: &[f64], share: f64) -> Option<usize> {
        let mut sum = 0.0;
        for (index, &id) in order.iter().enumerate() {
            sum += probabilities[id as usize];
            if (sum - share).abs() < 1e-5 {
                return None;
            }
            if sum > share {
                return Some(index + 1);
            }
        }
        Some(order.len())
    }

    proptest! {
        #[test]
        fn top_k_is_the_head_of_a_full_sort(logits in prop::collection::vec(-8i8..8, 1..600), k in 1usize..700) {
            let logits: Vec<f32> = logits.into_iter().map(f32::from).collect();
            let mut own = all(&logits);
            let mut expected = ids(&own);
            if k < expected.len() {
                expected = naive_order(&logits);
                expected.truncate(k);
            }
            top_k(&mut own, k);
            prop_assert_eq!(ids(&own), expected);
        }

        #[test]
        fn top_p_is_the_shortest_head_with_the_mass(logits in prop::collection::vec(-4f32..4.0, 1..2000), p in 0.01f32..0.999) {
            let mut own = all(&logits);
            top_p(&mut own, p);
            let order = naive_order(&logits);
            if let Some(kept) = naive_prefix(&order, &naive_probabilities(&logits), f64::from(p)) {
                prop_assert_eq!(ids(&own), &order[..kept]);
            }
        }

        #[test]
        fn typical_p_keeps_the_least_surprising(logits in prop::collection::vec(-4f32..4.0, 1..600), p in 0.01f32..0.999) {
            let mut own = all(&logits);
            typical_p(&mut own, p);
            let probabilities = naive_probabilities(&logits);
            let entropy: f64 = probabilities.iter().map(|q| -q * q.ln()).sum();
            let distance = |id: u32| (-probabilities[id as usize].ln() - entropy).abs();
            let mut order = naive_order(&logits);
            order.sort_by(|&a, &b| distance(a).partial_cmp(&distance(b)).unwrap());
            if let Some(kept) = naive_prefix(&order, &probabilities, f64::from(p)) {
                let clear = kept == order.len() || distance(order[kept]) - distance(order[kept - 1]) > 1e-5;
                if clear {
                    let mut expected = order[..kept].to_vec();
                    let mut got = ids(&own);
                    expected.sort_unstable();
                    got.sort_unstable();
                    prop_assert_eq!(got, expected);
                }
            }
        }

        #[test]
        fn min_p_compares_with_the_likeliest(logits in prop::collection::vec(-4f32..4.0, 1..300), p in 0.01f32..1.0) {
            let mut own = all(&logits);
            min_p(&mut own, p);
            let probabilities = naive_probabilities(&logits);
            let highest = probabilities.iter().copied().fold(0.0, f64::max);
            for (id, &probability) in probabilities.iter().enumerate() {
                let margin = probability / highest - f64::from(p);
                if margin.abs() > 1e-5 {
                    prop_assert_eq!(own.iter().any(|c| c.id as usize == id), margin > 0.0);
                }
            }
        }
    }
}
