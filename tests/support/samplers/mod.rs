//! Options for every sampler there is, for tests that go through all of them.

use wick::sample::SamplerOptions;

/// Every sampler there is, alone and all together, over a vocabulary of `vocab` tokens.
pub fn all(vocab: u32) -> Vec<(&'static str, SamplerOptions)> {
    let drawn = SamplerOptions { temperature: 0.8, seed: 7, ..SamplerOptions::default() };
    let penalties = SamplerOptions {
        repeat_penalty: 1.1,
        presence_penalty: 0.2,
        frequency_penalty: 0.1,
        penalty_last_n: 32,
        ..drawn.clone()
    };
    let all = SamplerOptions {
        top_k: 40,
        top_p: 0.9,
        min_p: 0.01,
        typical_p: 0.95,
        logit_bias: vec![(3, 1.5), (4, f32::NEG_INFINITY)],
        logprobs: true,
        dry_multiplier: 0.8,
        dry_last_n: 32,
        top_n_sigma: 3.0,
        xtc_probability: 0.5,
        dynatemp_range: 0.3,
        dynatemp_exponent: 1.5,
        ..penalties.clone()
    };
    vec![
        ("greedy", SamplerOptions::default()),
        ("temperature", drawn.clone()),
        ("top_k", SamplerOptions { top_k: 40, ..drawn.clone() }),
        ("top_p", SamplerOptions { top_p: 0.9, ..drawn.clone() }),
        ("min_p", SamplerOptions { min_p: 0.05, ..drawn.clone() }),
        ("typical_p", SamplerOptions { typical_p: 0.9, ..drawn.clone() }),
        ("logit_bias", SamplerOptions { logit_bias: vec![(5, 2.0), (vocab - 1, -3.0)], ..drawn.clone() }),
        ("logprobs", SamplerOptions { logprobs: true, ..drawn.clone() }),
        ("dry", SamplerOptions { dry_multiplier: 0.8, dry_last_n: 32, ..drawn.clone() }),
        ("top_n_sigma", SamplerOptions { top_n_sigma: 1.5, ..drawn.clone() }),
        ("xtc", SamplerOptions { xtc_probability: 0.5, min_p: 0.02, ..drawn.clone() }),
        ("mirostat", SamplerOptions { mirostat_tau: 5.0, ..drawn.clone() }),
        ("dynatemp", SamplerOptions { dynatemp_range: 0.5, dynatemp_exponent: 2.0, ..drawn.clone() }),
        ("penalties", penalties),
        ("all of them", all),
    ]
}
