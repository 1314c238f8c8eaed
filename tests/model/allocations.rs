//! Decoding and sampling allocate nothing per token once the pass' memory and the sequence's blocks are
//! there.
#![cfg(feature = "native")]

use crate::support::counting::calls;
use crate::support::driver;
use crate::support::samplers;
use crate::support::tiny;
use crate::support::tiny::Tiny;
use std::time::{Duration, Instant};
use wick::gguf::TensorType;
use wick::model::{Chunk, NativeDecoder, Pace, Runner, Sequence, Step};
use wick::sample::Sampler;

/// Decodes `tokens` tokens in each of four sequences, together.
fn decode(decoder: &mut Runner<NativeDecoder>, sequences: &[Sequence; 4], tokens: u32) {
    for id in 0..tokens {
        let token = [id % 160];
        let chunks = sequences.map(|sequence| Chunk { sequence, tokens: &token, logits: 1 });
        decoder.begin(&chunks).expect("a pass");
        let pace = || Pace { until: Instant::now() + Duration::from_millis(1) };
        while decoder.run_slice(pace()).expect("a slice") == Step::More {}
        for index in 0..sequences.len() {
            assert!(decoder.logits(index, 0)[0].is_finite());
            decoder.commit(index, usize::MAX);
        }
        decoder.finish();
    }
}

#[test]
fn no_allocation_per_token() {
    for (architecture, kind) in [
        ("llama", TensorType::Q4_0),
        ("llama", TensorType::Q6_K),
        ("gemma3", TensorType::F32),
        ("gemma4", TensorType::Q8_0),
        ("qwen2moe", TensorType::Q8_0),
        ("qwen35", TensorType::Q8_0),
        ("granitehybrid", TensorType::Q8_0),
        ("gpt-oss", TensorType::Q8_0),
    ] {
        let gguf = Tiny::new(architecture).of(kind).open();
        let mut decoder = driver::load(gguf, 2).expect("a model");
        let sequences = [(); 4].map(|()| decoder.open(200).expect("a sequence"));
        decode(&mut decoder, &sequences, 150);
        for sequence in sequences {
            decoder.truncate(sequence, 0);
        }
        let before = calls();
        decode(&mut decoder, &sequences, 150);
        let after = calls();
        assert_eq!(after - before, 0, "allocations in 150 passes of {architecture}, {}", kind.name());
    }
}

/// Logits of `count` tokens, other ones each time.
fn fill(logits: &mut [f32], random: &mut tiny::Random) {
    logits.iter_mut().for_each(|logit| *logit = 8.0 * random.unit());
}

#[test]
fn no_allocation_per_token_in_any_sampler() {
    let allowed = vec![0x7fff_fff7u32; 1000usize.div_ceil(32)];
    for (name, options) in samplers::all(1000) {
        let mut sampler = Sampler::new(options, 1000).expect("a sampler");
        let (mut logits, mut random) = (vec![0.0; 1000], tiny::Random(3));
        let mut draw = |times: usize, sampler: &mut Sampler| {
            for turn in 0..times {
                fill(&mut logits, &mut random);
                let sampled = match turn % 2 {
                    0 => sampler.sample(&mut logits),
                    _ => sampler.sample_allowed(&mut logits, &allowed),
                };
                sampler.accept(sampled.expect("a token").token, || b"a");
            }
        };
        // The windows of penalties are full then.
        draw(100, &mut sampler);
        let before = calls();
        draw(500, &mut sampler);
        assert_eq!(calls() - before, 0, "allocations of 500 tokens by {name}");
    }
}
