//! What choosing a token costs over 262,144 logits, by sampler; knows no model.
//!
//!     cargo bench --no-default-features --features native,testing,bench --bench samplers

use criterion::{Criterion, Throughput};
use std::hint::black_box;
use std::time::{Duration, Instant};
use wick::kernel::Kernels;
use wick::sample::{Sampler, SamplerOptions};

const VOCAB: usize = 262_144;

/// Logits as models give them: about normal, and a few that stand out. `(VOCAB)`
fn logits() -> Vec<f32> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut unit = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    let mut logits: Vec<f32> = (0..VOCAB).map(|_| 3.0 * (unit() + unit() + unit() + unit() - 2.0)).collect();
    for rank in 0..60 {
        let token = (unit() * VOCAB as f32) as usize % VOCAB;
        logits[token] = 18.0 - 0.25 * rank as f32;
    }
    logits
}

fn main() {
    let logits = logits();
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .configure_from_args();
    let mut group = criterion.benchmark_group("samplers");
    group.throughput(Throughput::Elements(VOCAB as u64));
    let drawn = SamplerOptions { temperature: 0.8, seed: 7, ..SamplerOptions::default() };
    let cases = [
        ("greedy", SamplerOptions::default()),
        ("temperature", drawn.clone()),
        ("top_k 40, top_p 0.95", SamplerOptions { top_k: 40, top_p: 0.95, ..drawn.clone() }),
        ("top_p 0.95", SamplerOptions { top_p: 0.95, ..drawn.clone() }),
        ("min_p 0.05", SamplerOptions { min_p: 0.05, ..drawn.clone() }),
        ("typical_p 0.9", SamplerOptions { typical_p: 0.9, ..drawn.clone() }),
        ("top_n_sigma 1", SamplerOptions { top_n_sigma: 1.0, ..drawn.clone() }),
        ("xtc, min_p", SamplerOptions { xtc_probability: 0.5, min_p: 0.02, ..drawn.clone() }),
        ("mirostat", SamplerOptions { mirostat_tau: 5.0, ..drawn.clone() }),
        ("dynatemp", SamplerOptions { dynatemp_range: 0.5, ..drawn.clone() }),
        ("top_logprobs 20", SamplerOptions { top_logprobs: 20, top_k: 40, ..drawn.clone() }),
        ("dry of 8,000 tokens", SamplerOptions { dry_multiplier: 0.8, top_k: 40, ..drawn }),
    ];
    for (name, options) in cases {
        for kernels in [Kernels::scalar(), Kernels::best()] {
            let mut sampler = Sampler::with_kernels(options.clone(), VOCAB, kernels).expect("a sampler");
            (0..8000u32).for_each(|at| sampler.accept(at * at % 977, || b"word"));
            let mut scratch = logits.clone();
            group.bench_function(format!("{name}, {kernels:?}"), |bench| {
                bench.iter_custom(|times| {
                    let mut took = Duration::ZERO;
                    for _ in 0..times {
                        // A sampler may change them.
                        scratch.copy_from_slice(&logits);
                        let begun = Instant::now();
                        black_box(sampler.sample(black_box(&mut scratch)).expect("a token"));
                        took += begun.elapsed();
                    }
                    took
                });
            });
        }
    }
    group.finish();
    criterion.final_summary();
}
