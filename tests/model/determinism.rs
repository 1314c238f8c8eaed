//! One order of summation: logits are the same bits alone and batched, on any number of threads, however a
//! prompt is cut.
#![cfg(feature = "native")]

use crate::support::driver::{Driver, bits};
use crate::support::tiny::known::experts;
use crate::support::tiny::{Random, Tiny, decoders};
use std::time::Duration;
use wick::gguf::TensorType;
use wick::model::Chunk;

fn prompt(seed: u64, length: usize) -> Vec<u32> {
    let mut random = Random(seed);
    (0..length).map(|_| random.below(160) as u32).collect()
}

/// The logits after each of the last tokens of `tokens`, decoded one by one behind a prefill.
fn decode(driver: &mut Driver, tokens: &[u32], prefill: usize, most: usize) -> Vec<Vec<u32>> {
    let sequence = driver.sequence();
    let (head, tail) = tokens.split_at(prefill);
    let mut all = vec![bits(&driver.extend_by(sequence, head, most))];
    all.extend(tail.iter().map(|&id| bits(&driver.extend(sequence, &[id]))));
    driver.decoder.close(sequence);
    all
}

#[test]
fn threads_and_cuts_change_nothing_in_any_architecture() {
    let tokens = prompt(7, 150);
    for model in decoders().map(Tiny::new).chain([experts()]) {
        let architecture = model.architecture;
        let truth = decode(&mut Driver::over(model.open(), 1), &tokens, 147, usize::MAX);
        assert!(truth.iter().flatten().all(|&b| f32::from_bits(b).is_finite()), "{architecture}");
        for (threads, most) in [(2, usize::MAX), (3, 64), (2, 33), (1, 7)] {
            let mut driver = Driver::over(model.open(), threads);
            driver.slice = Duration::ZERO;
            assert!(
                decode(&mut driver, &tokens, 147, most) == truth,
                "{architecture}, {threads} threads, cuts of {most}"
            );
        }
        // Token by token: what a cache holds equals what a recomputation gives.
        let mut driver = Driver::over(model.open(), 2);
        assert!(decode(&mut driver, &tokens, 1, 1)[146..] == truth, "{architecture}, token by token");
    }
}

#[test]
fn threads_and_cuts_change_nothing_in_any_tensor_type() {
    use TensorType::*;
    let tokens = prompt(11, 70);
    for kind in
        [F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, IQ4_NL, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_XS, IQ2_XXS]
    {
        let model = Tiny::new("llama").of(kind);
        let truth = decode(&mut Driver::over(model.open(), 1), &tokens, 67, usize::MAX);
        assert!(truth.iter().flatten().all(|&b| f32::from_bits(b).is_finite()), "{}", kind.name());
        for (threads, most) in [(2, 19), (3, 1)] {
            let again = decode(&mut Driver::over(model.open(), threads), &tokens, 67, most);
            assert!(again == truth, "{}, {threads} threads, cuts of {most}", kind.name());
        }
    }
}

#[test]
fn a_batch_gives_each_sequence_what_it_gets_alone() {
    let architectures = ["llama", "gemma3", "gemma4", "qwen2moe", "gpt-oss", "lfm2", "lfm2moe"];
    let states = ["qwen35", "qwen35moe", "granitehybrid"];
    for model in architectures.into_iter().chain(states).map(Tiny::new).chain([experts()]) {
        let (architecture, model) = (model.architecture, model.of(TensorType::Q8_0));
        let prompts: Vec<Vec<u32>> = (0..9).map(|seed| prompt(seed, 3 + 9 * seed as usize)).collect();
        let mut alone = Driver::over(model.open(), 1);
        let truth: Vec<_> = prompts.iter().map(|p| decode(&mut alone, p, p.len() - 2, usize::MAX)).collect();

        let mut driver = Driver::over(model.open(), 2);
        let sequences: Vec<_> = prompts.iter().map(|_| driver.sequence()).collect();
        // A prefill of all, in which one sequence is a token ahead; then two decodes together.
        let parts = [
            |p: &[u32]| 0..p.len() - 2,
            |p: &[u32]| p.len() - 2..p.len() - 1,
            |p: &[u32]| p.len() - 1..p.len(),
        ];
        for (step, part) in parts.into_iter().enumerate() {
            let mut logits = Vec::new();
            for (sequences, prompts) in sequences.chunks(4).zip(prompts.chunks(4)) {
                let chunks: Vec<_> = sequences
                    .iter()
                    .zip(prompts)
                    .map(|(&sequence, p)| Chunk { sequence, tokens: &p[part(p)], logits: 1 })
                    .collect();
                logits.extend(driver.pass(&chunks));
            }
            for (index, logits) in logits.iter().enumerate() {
                assert!(bits(logits) == truth[index][step], "{architecture}, sequence {index}, step {step}");
            }
        }
    }
}

#[test]
fn logits_of_every_token_equal_those_of_a_prefill() {
    let model = Tiny::new("llama").of(TensorType::Q4_0);
    let tokens = prompt(5, 40);
    let mut driver = Driver::over(model.open(), 2);
    let stepwise = decode(&mut driver, &tokens, 1, 1);
    for length in [1, 2, 8, 31, 32, 33, 40] {
        let sequence = driver.sequence();
        assert!(bits(&driver.extend(sequence, &tokens[..length])) == stepwise[length - 1], "{length} tokens");
    }
}
