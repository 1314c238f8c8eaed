//! Where there is no chance: exact values.

use super::naive::Naive;
use crate::sample::{Sampler, SamplerOptions};
use proptest::prelude::*;

fn sample(options: SamplerOptions, said: &[(u32, &'static str)], logits: &[f32]) -> (u32, Vec<f32>) {
    let mut sampler = Sampler::new(options, logits.len()).unwrap();
    said.iter().for_each(|(token, text)| sampler.accept(*token, || text.as_bytes()));
    let mut logits = logits.to_vec();
    (sampler.sample(&mut logits).unwrap().token, logits)
}

#[test]
fn dry_takes_the_multiplier_times_the_base_to_the_excess() {
    let options = SamplerOptions { dry_multiplier: 0.5, dry_base: 3.0, ..SamplerOptions::default() };
    // "a b c d … x b c … a b c": behind "a b c" stood d, behind "b c" x.
    let said = |tokens: &[u32]| tokens.iter().map(|token| (*token, "w")).collect::<Vec<_>>();
    let context = said(&[0, 1, 2, 3, 7, 1, 2, 4, 0, 1, 2]);
    let (token, logits) = sample(options.clone(), &context, &[0.0, 0.0, 0.0, 2.0, 1.0, 0.6, 0.0, 0.0]);
    assert_eq!(logits, [0.0, 0.0, 0.0, 2.0 - 0.5 * 3.0, 1.0 - 0.5, 0.6, 0.0, 0.0]);
    assert_eq!(token, 5);
    // A longer one counts from later on.
    let three = SamplerOptions { dry_allowed_length: 3, ..options.clone() };
    assert_eq!(sample(three, &context, &[0.0; 8]).1, [0.0, 0.0, 0.0, -0.5, 0.0, 0.0, 0.0, 0.0]);
    // What lies before the window is not there.
    let window = SamplerOptions { dry_last_n: 10, ..options.clone() };
    assert_eq!(sample(window, &context, &[0.0; 8]).1, [0.0, 0.0, 0.0, -0.5, -0.5, 0.0, 0.0, 0.0]);
    // A breaker ends it, as what is repeated, as what comes next, and as the last token.
    for breaker in ["\n", " \n\n", "so:", "\"", "**"] {
        let mut broken = context.clone();
        for at in [1, 5, 9] {
            broken[at].1 = breaker;
        }
        assert_eq!(sample(options.clone(), &broken, &[0.0; 8]).1, [0.0; 8], "{breaker:?}");
        let mut next = context.clone();
        next[3].1 = breaker;
        assert_eq!(sample(options.clone(), &next, &[0.0; 8]).1[3], 0.0, "{breaker:?}");
        let mut last = context.clone();
        for at in [2, 6, 10] {
            last[at].1 = breaker;
        }
        assert_eq!(sample(options.clone(), &last, &[0.0; 8]).1, [0.0; 8], "{breaker:?}");
    }
}

#[test]
fn dry_never_forbids_and_is_quick_whatever_repeats() {
    let options = SamplerOptions { dry_multiplier: 1.0, ..SamplerOptions::default() };
    let said = vec![(0, "a"); 100_000];
    let (token, logits) = sample(options, &said, &[0.0, -3.0]);
    assert_eq!((token, logits), (1, vec![-1e30, -3.0]));
}

#[test]
fn greedily_chance_does_nothing() {
    let logits = [1.0, 3.0, 2.0, 3.0];
    let options = SamplerOptions {
        xtc_probability: 1.0,
        xtc_threshold: 0.05,
        mirostat_tau: 5.0,
        dynatemp_range: 2.0,
        top_n_sigma: 1.0,
        ..SamplerOptions::default()
    };
    assert_eq!(sample(options, &[], &logits), (1, logits.to_vec()));
}

#[test]
fn xtc_leaves_the_least_likely_of_the_likely_ones() {
    let logits = [2.0f32, 2.2, 1.9, -3.0];
    let always = SamplerOptions { xtc_probability: 1.0, temperature: 0.01, ..SamplerOptions::default() };
    assert_eq!(sample(always.clone(), &[], &logits).0, 2);
    assert_eq!(sample(SamplerOptions { top_k: 2, ..always.clone() }, &[], &logits).0, 0);
    // Of equal ones the one with the highest id.
    assert_eq!(sample(always.clone(), &[], &[1.0, 1.0, 1.0]).0, 2);
    // One likely token alone stays.
    assert_eq!(sample(SamplerOptions { xtc_threshold: 0.36, ..always }, &[], &logits).0, 1);
}

#[test]
fn alternatives_are_the_likeliest_by_the_model_itself() {
    let logits = [0.5f32, 2.0, -1.0, 1.0];
    let total = logits.iter().map(|logit| f64::from(*logit).exp()).sum::<f64>().ln();
    let options = SamplerOptions {
        top_logprobs: 3,
        logit_bias: vec![(1, f32::NEG_INFINITY)],
        presence_penalty: 1.0,
        ..SamplerOptions::default()
    };
    for options in [
        options.clone(),
        SamplerOptions { temperature: 2.0, xtc_probability: 1.0, xtc_threshold: 0.01, ..options },
    ] {
        let mut sampler = Sampler::new(options, 4).unwrap();
        sampler.accept(3, || b"x");
        let sampled = sampler.sample_allowed(&mut logits.clone(), &[0b1101]).unwrap();
        let order: Vec<u32> = sampled.alternatives.iter().map(|one| one.token).collect();
        assert_eq!(order, [1, 3, 0]);
        for one in sampled.alternatives {
            assert!((f64::from(one.logprob) - f64::from(logits[one.token as usize]) + total).abs() < 1e-6);
        }
        assert!(
            (f64::from(sampled.logprob) - f64::from(logits[sampled.token as usize]) + total).abs() < 1e-6
        );
    }
    let many = SamplerOptions { top_logprobs: 20, ..SamplerOptions::default() };
    let sampled = Sampler::new(many, 4).unwrap().sample(&mut logits.clone()).unwrap();
    assert_eq!(sampled.alternatives.len(), 4);
}

proptest! {
    #[test]
    fn dry_is_the_reference_s(
        tokens in prop::collection::vec((0u32..4, prop_oneof![4 => Just("w"), 1 => Just("\n")]), 0..60),
        allowed in 0i32..4, last_n in -1i32..40,
    ) {
        // A token has one text.
        let said: Vec<(u32, &'static str)> =
            tokens.iter().map(|(token, text)| if *text == "w" { (*token, "w") } else { (4, "\n") }).collect();
        let options = SamplerOptions {
            dry_multiplier: 0.5, dry_allowed_length: allowed, dry_last_n: last_n, dry_base: 1.5, ..SamplerOptions::default()
        };
        let expected = Naive { options: &options, said: &said, limit: 0.0 }.changed(&[0.0; 5]);
        let (_, logits) = sample(options, &said, &[0.0; 5]);
        for (ours, exact) in logits.iter().zip(&expected) {
            prop_assert!((f64::from(*ours) - exact).abs() <= 1e-6 * exact.abs(), "{:?} {:?}", logits, expected);
        }
    }
}
