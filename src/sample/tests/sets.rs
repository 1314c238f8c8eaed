//! Which tokens stay, exactly, and that every instruction set keeps and draws the same.

use super::naive::Naive;
use crate::kernel::Kernels;
use crate::sample::candidates::All;
use crate::sample::truncate::Left;
use crate::sample::{Sampler, SamplerOptions};
use proptest::prelude::*;

/// The ids that the truncations of `options` keep, by the reference.
fn expected(options: &SamplerOptions, logits: &[f32]) -> Vec<u32> {
    let naive = Naive { options, said: &[], limit: 0.0 };
    let logits: Vec<f64> = logits.iter().map(|logit| f64::from(*logit)).collect();
    let mut kept: Vec<usize> = (0..logits.len()).collect();
    kept.sort_by(|&a, &b| logits[b].partial_cmp(&logits[a]).unwrap());
    naive.truncate(&logits, &mut kept);
    let mut ids: Vec<u32> = kept.into_iter().map(|id| id as u32).collect();
    ids.sort_unstable();
    ids
}

/// What one truncation keeps of all, or of a list of all.
fn kept(logits: &[f32], listed: bool, cut: impl Fn(&mut Left, &All<'_>)) -> Vec<u32> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut logits = logits.to_vec();
    let all = All { kernels: Kernels::best(), logits: &mut logits, highest };
    let mut left = Left::default();
    left.begin();
    if listed {
        left.top_n_sigma(&all, 1e6).unwrap();
        assert_eq!(left.list.len(), all.logits.len());
    }
    cut(&mut left, &all);
    let mut ids: Vec<u32> = left.list.iter().map(|one| one.id).collect();
    ids.sort_unstable();
    ids
}

/// Whether the reference keeps the same with a little more and a little less: then rounding decides nothing.
fn is_clear(less: &SamplerOptions, more: &SamplerOptions, logits: &[f32]) -> bool {
    expected(less, logits) == expected(more, logits)
}

proptest! {
    #[test]
    fn truncations_keep_what_the_reference_keeps(
        logits in prop::collection::vec(-20f32..8.0, 1..2500), p in 0.01f32..0.99, n in 0.1f32..3.0, listed in any::<bool>(),
    ) {
        type Case = (&'static str, fn(f32) -> SamplerOptions, fn(&mut Left, &All<'_>, f32));
        let cases: [Case; 4] = [
            ("top_p", |p| SamplerOptions { top_p: p, ..Default::default() }, |left, all, p| left.top_p(all, p).unwrap()),
            ("min_p", |p| SamplerOptions { min_p: p, ..Default::default() }, |left, all, p| left.min_p(all, p).unwrap()),
            ("typical_p", |p| SamplerOptions { typical_p: p, ..Default::default() }, |left, all, p| left.typical_p(all, p).unwrap()),
            ("top_n_sigma", |n| SamplerOptions { top_n_sigma: n, ..Default::default() }, |left, all, n| left.top_n_sigma(all, n).unwrap()),
        ];
        for (name, options, cut) in cases {
            let value = if name == "top_n_sigma" { n } else { p };
            if is_clear(&options(value * 0.99999), &options(value * 1.00001), &logits) {
                let ours = kept(&logits, listed && name != "top_n_sigma", |left, all| cut(left, all, value));
                prop_assert_eq!(ours, expected(&options(value), &logits), "{}", name);
            }
        }
    }

    #[test]
    fn every_instruction_set_draws_the_same(
        logits in prop::collection::vec(prop_oneof![4 => -20f32..8.0, 1 => Just(1.0f32)], 1..4000),
        temperature in 0.1f32..3.0, top_k in prop_oneof![Just(0), 1i32..200], top_p in prop_oneof![Just(0.0), 0.01f32..1.0],
        typical_p in prop_oneof![Just(0.0), 0.01f32..1.0], xtc in prop_oneof![Just(0.0), Just(0.5f32)],
        range in prop_oneof![Just(0.0), 0.1f32..2.0], tau in prop_oneof![3 => Just(0.0), 1 => 0.5f32..6.0], seed in any::<u64>(),
    ) {
        let options = SamplerOptions {
            temperature, top_k, top_p, typical_p, xtc_probability: xtc, dynatemp_range: range, mirostat_tau: tau, seed,
            top_logprobs: 5, ..SamplerOptions::default()
        };
        let draws = |kernels| {
            let mut sampler = Sampler::with_kernels(options.clone(), logits.len(), kernels).unwrap();
            let one = || sampler.sample(&mut logits.clone()).unwrap();
            std::iter::repeat_with(one).take(8).collect::<Vec<_>>()
        };
        let plain = draws(Kernels::scalar());
        for kernels in Kernels::available() {
            prop_assert_eq!(&draws(kernels), &plain, "{:?}", kernels);
        }
    }
}
