//! How fast the native decoder is on a file: prefill of 32, 128 and 512 tokens, decode of 64, eight sequences
//! together.
//!
//! cargo bench --no-default-features --features native --bench native -- models/SmolLM2-135M-Instruct.Q4_1.gguf [threads ...]
#![allow(clippy::print_stdout)]

#[path = "../tests/support/driver/mod.rs"]
mod driver;

use driver::Driver;
use std::path::Path;
use std::time::Instant;
use wick::model::Chunk;

/// Runs of each measurement; the median is printed.
const RUNS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let Some((model, threads)) = arguments.split_first() else {
        println!("left out: the native decoder's speed (no model given: -- <file.gguf> [threads ...])");
        return;
    };
    let threads: Vec<usize> = threads.iter().filter_map(|count| count.parse().ok()).collect();
    for count in if threads.is_empty() { vec![1, 2] } else { threads } {
        measure(Path::new(model), count);
    }
}

fn measure(model: &Path, threads: usize) {
    let start = Instant::now();
    let mut driver = Driver::open(model, threads);
    println!("{threads} threads: load {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    let vocab = driver.decoder.spec().vocab_size as u32;
    let most = driver.decoder.spec().context_length;
    for length in [32, 128, 512usize] {
        let tokens: Vec<u32> = (0..length as u32).map(|i| (i * 7919 + 13) % vocab).collect();
        if length < most {
            let rate = median(|| prefill(&mut driver, &tokens));
            println!("{threads} threads: prefill of {length}: {rate:.1} tokens/s");
        }
    }
    println!("{threads} threads: decode of 64: {:.1} tokens/s", median(|| decode(&mut driver, 1)));
    println!(
        "{threads} threads: decode of 64, 8 together: {:.1} tokens/s",
        median(|| decode(&mut driver, 8))
    );
}

fn median(mut run: impl FnMut() -> f64) -> f64 {
    let mut rates: Vec<f64> = (0..RUNS).map(|_| run()).collect();
    rates.sort_unstable_by(f64::total_cmp);
    rates[RUNS / 2]
}

fn prefill(driver: &mut Driver, tokens: &[u32]) -> f64 {
    let sequence = driver.sequence();
    let start = Instant::now();
    driver.extend(sequence, tokens);
    let rate = tokens.len() as f64 / start.elapsed().as_secs_f64();
    driver.decoder.close(sequence);
    rate
}

fn decode(driver: &mut Driver, count: usize) -> f64 {
    let sequences: Vec<_> = (0..count).map(|_| driver.sequence()).collect();
    for &sequence in &sequences {
        driver.extend(sequence, &[1, 2, 3, 4]);
    }
    let start = Instant::now();
    for id in 0..64u32 {
        let token = [id + 3];
        let chunks: Vec<_> =
            sequences.iter().map(|&sequence| Chunk { sequence, tokens: &token, logits: 1 }).collect();
        driver.pass(&chunks);
    }
    let rate = 64.0 * count as f64 / start.elapsed().as_secs_f64();
    sequences.into_iter().for_each(|sequence| driver.decoder.close(sequence));
    rate
}
