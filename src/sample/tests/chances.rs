//! How often tokens are drawn: chi-squared tests with fixed seeds against the reference.

use super::naive::Naive;
use crate::sample::{Sampler, SamplerOptions};

/// Tokens 0 to 39 with logits between −3 and 3, no two alike.
fn logits() -> Vec<f32> {
    (0..40).map(|id| ((id * 17 % 40) as f32 - 19.5) * 0.15).collect()
}

fn text(token: u32) -> &'static str {
    match token % 10 {
        3 => "\n\n",
        7 => "he said:",
        _ => "word",
    }
}

/// Fails where the counts are less likely than about one in 100,000; those of which few are expected count
/// together.
fn check(name: &str, counts: &[usize], expected: &[f64]) {
    let (mut statistic, mut cells, mut few) = (0.0, 0.0, (0.0, 0.0));
    for (token, (&count, &expected)) in counts.iter().zip(expected).enumerate() {
        assert!(expected > 0.0 || count == 0, "{name}: token {token} was drawn {count} times");
        if expected < 5.0 {
            few = (few.0 + count as f64, few.1 + expected);
            continue;
        }
        cells += 1.0;
        statistic += (count as f64 - expected).powi(2) / expected;
    }
    if few.1 >= 1.0 {
        cells += 1.0;
        statistic += (few.0 - few.1).powi(2) / few.1;
    }
    // The quantile of the chi-squared distribution, by Wilson and Hilferty.
    let freedom: f64 = cells - 1.0;
    let cut = 2.0 / (9.0 * freedom);
    let most = if freedom < 1.0 { 1e-6 } else { freedom * (1.0 - cut + 4.3 * cut.sqrt()).powi(3) };
    assert!(
        statistic <= most,
        "{name}: {statistic} with {freedom} degrees of freedom: {counts:?} {expected:?}"
    );
}

/// Draws with one sampler, each time behind the same past.
fn drawn(name: &str, draws: usize, options: &SamplerOptions, logits: &[f32], said: &[(u32, &'static str)]) {
    let naive = Naive { options, said, limit: 0.0 };
    let expected: Vec<f64> = naive.probabilities(logits).iter().map(|p| p * draws as f64).collect();
    let mut sampler = Sampler::new(options.clone(), logits.len()).unwrap();
    said.iter().for_each(|(token, text)| sampler.accept(*token, || text.as_bytes()));
    let mut counts = vec![0; logits.len()];
    for _ in 0..draws {
        counts[sampler.sample(&mut logits.to_vec()).unwrap().token as usize] += 1;
    }
    check(name, &counts, &expected);
}

fn options(seed: u64) -> SamplerOptions {
    SamplerOptions { temperature: 1.0, seed, ..SamplerOptions::default() }
}

#[test]
fn each_sampler_draws_as_the_reference_says() {
    let base = options(7);
    let cases = [
        ("temperature 0.6", SamplerOptions { temperature: 0.6, ..base.clone() }),
        ("temperature 1.8", SamplerOptions { temperature: 1.8, ..base.clone() }),
        ("top_k", SamplerOptions { top_k: 5, ..base.clone() }),
        ("top_p", SamplerOptions { top_p: 0.8, ..base.clone() }),
        ("min_p", SamplerOptions { min_p: 0.2, temperature: 1.5, ..base.clone() }),
        ("typical_p", SamplerOptions { typical_p: 0.6, ..base.clone() }),
        ("top_n_sigma", SamplerOptions { top_n_sigma: 1.1, temperature: 1.5, ..base.clone() }),
        ("xtc", SamplerOptions { xtc_probability: 0.4, xtc_threshold: 0.07, ..base.clone() }),
        ("xtc always", SamplerOptions { xtc_probability: 1.0, xtc_threshold: 0.05, ..base.clone() }),
        ("xtc of none", SamplerOptions { xtc_probability: 1.0, xtc_threshold: 0.5, ..base.clone() }),
        ("xtc of few", SamplerOptions { xtc_probability: 0.5, top_k: 6, ..base.clone() }),
        ("dynatemp", SamplerOptions { dynatemp_range: 0.5, ..base.clone() }),
        ("dynatemp to 0", SamplerOptions { dynatemp_range: 1.2, top_k: 8, ..base.clone() }),
        (
            "dynatemp with an exponent",
            SamplerOptions { dynatemp_range: 0.7, dynatemp_exponent: 2.5, min_p: 0.05, ..base.clone() },
        ),
        (
            "bias",
            SamplerOptions { logit_bias: vec![(39, -2.0), (0, f32::NEG_INFINITY), (5, 3.0)], ..base.clone() },
        ),
        (
            "all",
            SamplerOptions {
                temperature: 1.2,
                top_n_sigma: 2.0,
                top_k: 20,
                typical_p: 0.95,
                top_p: 0.9,
                min_p: 0.02,
                xtc_probability: 0.3,
                xtc_threshold: 0.08,
                dynatemp_range: 0.4,
                dynatemp_exponent: 0.8,
                ..base
            },
        ),
    ];
    for (name, options) in cases {
        drawn(name, 20_000, &options, &logits(), &[]);
    }
}

#[test]
fn all_tokens_of_a_large_vocabulary_have_their_chance() {
    // Over several blocks of sums, most of it in the second.
    let logits: Vec<f32> =
        (0..3000).map(|id| if id % 97 == 0 || id == 2047 { 4.0 - (id % 7) as f32 } else { -6.0 }).collect();
    for (name, options) in [
        ("temperature", SamplerOptions { temperature: 0.9, ..options(3) }),
        ("xtc", SamplerOptions { xtc_probability: 0.5, xtc_threshold: 0.05, ..options(4) }),
        ("dynatemp", SamplerOptions { dynatemp_range: 0.6, ..options(5) }),
        ("top_p", SamplerOptions { top_p: 0.7, ..options(6) }),
    ] {
        drawn(name, 3000, &options, &logits, &[]);
    }
}

#[test]
fn what_was_said_changes_the_chances_as_the_reference_says() {
    let said: Vec<(u32, &'static str)> = [1, 2, 3, 4, 5, 6, 1, 2, 30, 5, 6, 8, 9, 4, 5, 6, 1, 2, 5, 6]
        .map(|token| (token, text(token)))
        .into();
    let base = SamplerOptions { penalty_last_n: -1, ..options(9) };
    for (name, options) in [
        ("repeat_penalty", SamplerOptions { repeat_penalty: 1.6, ..base.clone() }),
        (
            "presence and frequency",
            SamplerOptions { presence_penalty: 0.6, frequency_penalty: 0.3, ..base.clone() },
        ),
        ("dry", SamplerOptions { dry_multiplier: 0.8, ..base.clone() }),
        (
            "dry of one token",
            SamplerOptions { dry_multiplier: 0.4, dry_allowed_length: 1, dry_base: 2.5, ..base.clone() },
        ),
        ("dry in a window", SamplerOptions { dry_multiplier: 1.5, dry_last_n: 9, ..base }),
    ] {
        drawn(name, 20_000, &options, &logits(), &said);
    }
}

/// Tokens that depend on those before them: the counts beside the sum of each step's probabilities.
#[test]
fn mirostat_and_dry_follow_what_is_drawn() {
    let base = options(13);
    for (name, options) in [
        ("mirostat", SamplerOptions { mirostat_tau: 2.5, ..base.clone() }),
        // Left out with mirostat.
        (
            "mirostat and all",
            SamplerOptions {
                mirostat_tau: 2.0,
                mirostat_eta: 0.3,
                top_k: 1,
                xtc_probability: 1.0,
                ..base.clone()
            },
        ),
        (
            "hot mirostat",
            SamplerOptions { mirostat_tau: 4.0, temperature: 1.6, dynatemp_range: 0.3, ..base.clone() },
        ),
        ("dry", SamplerOptions { dry_multiplier: 2.0, dry_last_n: 60, temperature: 0.4, ..base }),
    ] {
        let logits = logits();
        let mut sampler = Sampler::new(options.clone(), logits.len()).unwrap();
        let (mut counts, mut expected) = (vec![0; logits.len()], vec![0.0; logits.len()]);
        let (mut said, mut limit) = (Vec::new(), 2.0 * f64::from(options.mirostat_tau));
        for _ in 0..4000 {
            let naive = Naive { options: &options, said: &said, limit };
            let probabilities = naive.probabilities(&logits);
            expected.iter_mut().zip(&probabilities).for_each(|(sum, p)| *sum += p);
            let token = sampler.sample(&mut logits.clone()).unwrap().token;
            assert!(probabilities[token as usize] > 0.0, "{name}: {token} of {probabilities:?}");
            counts[token as usize] += 1;
            sampler.accept(token, || text(token).as_bytes());
            said.push((token, text(token)));
            let eta = if options.mirostat_eta == 0.0 { 0.1 } else { f64::from(options.mirostat_eta) };
            limit -= eta * (-probabilities[token as usize].log2() - f64::from(options.mirostat_tau));
            if said.len() > 200 {
                said.drain(..100);
            }
        }
        check(name, &counts, &expected);
    }
}
