//! What adapters cost: eight sequences that decode together, with none, one (four of them have it) and two
//! (four each) in the batch, of rank 16 over all matrices of the layers. First as criterion's figures, then
//! by turns as ratios to none, which a machine that others load disturbs less. The aim: two at 0.8 of none.
//!
//!     cargo bench --no-default-features --features native,testing,bench --bench adapters [-- MODEL.gguf] [--threads N] [--shape 1.1b]
#![allow(clippy::print_stdout, reason = "a program prints")]

#[path = "../tests/support/driver/mod.rs"]
mod driver;
#[path = "real_model/mod.rs"]
#[allow(dead_code, reason = "no runtime loads it here")]
mod real_model;
#[path = "../tests/support/tiny/mod.rs"]
mod tiny;

use criterion::{Criterion, Throughput};
use driver::Driver;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tiny::Tiny;
use tiny::adapter::TinyAdapter;
use wick::budget::Budget;
use wick::gguf::{Gguf, TensorType};
use wick::model::{Adapted, Adapter, Chunk, Decoder};

const SEQUENCES: usize = 8;
const RANK: u64 = 16;
/// Tokens of each sequence in one measurement.
const STEPS: u32 = 16;
/// Rounds of the comparison by turns; medians are printed.
const ROUNDS: usize = 15;

const NAMES: [&str; 3] = ["none", "one", "two"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let after = |flag: &str| {
        let at = arguments.iter().position(|argument| argument == flag)?;
        arguments.get(at + 1)
    };
    let threads = after("--threads").and_then(|count| count.parse().ok()).unwrap_or(2);
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    let given = arguments.first().filter(|model| model.ends_with(".gguf")).cloned();
    if let Some(path) = given.or_else(|| real_model::path("adapters beside a real model")) {
        measure(&mut criterion, &path, driver::gguf(Path::new(&path)), threads);
    }
    if after("--shape").is_some_and(|shape| shape == "1.1b") {
        measure(
            &mut criterion,
            "1.1B Q4_0, random weights",
            Tiny::billion().of(TensorType::Q4_0).open(),
            threads,
        );
    }
    criterion.final_summary();
}

fn measure(criterion: &mut Criterion, name: &str, gguf: Arc<Gguf>, threads: usize) {
    let mut driver = Driver::over(gguf.clone(), threads);
    let [one, two] = [1, 2].map(|seed| adapter(&driver, &gguf, seed));
    let mb = one.adapter.about().bytes as f64 / 1e6;
    println!("{name}, {threads} threads; an adapter of rank {RANK} has {mb:.1} MB");
    let batches = [[None, None], [None, Some(one.clone())], [Some(two), Some(one)]];
    let mut group = criterion.benchmark_group(format!("{SEQUENCES} together/threads/{threads}"));
    group.throughput(Throughput::Elements(u64::from(STEPS) * SEQUENCES as u64));
    for (name, adapters) in NAMES.iter().zip(&batches) {
        group.bench_function(*name, |bencher| {
            bencher.iter_custom(|rounds| (0..rounds).map(|_| decode(&mut driver, adapters)).sum());
        });
    }
    group.finish();
    by_turns(&mut driver, &batches);
}

/// The same by turns, each round from another one on.
fn by_turns(driver: &mut Driver, batches: &[[Option<Adapted>; 2]; 3]) {
    let mut ratios: [Vec<f64>; 3] = Default::default();
    for round in 0..ROUNDS {
        let mut took = [0.0; 3];
        for turn in 0..batches.len() {
            let which = (round + turn) % batches.len();
            took[which] = decode(driver, &batches[which]).as_secs_f64();
        }
        ratios.iter_mut().zip(took).for_each(|(ratios, with)| ratios.push(took[0] / with));
    }
    for (name, mut ratios) in NAMES.iter().zip(ratios).skip(1) {
        ratios.sort_unstable_by(f64::total_cmp);
        let (low, high) = (ratios[ROUNDS / 4], ratios[ROUNDS - 1 - ROUNDS / 4]);
        println!("{name}: {:.2} of none (half of the rounds: {low:.2} to {high:.2})", ratios[ROUNDS / 2]);
    }
}

/// An adapter of random values for all matrices of the layers.
fn adapter(driver: &Driver, gguf: &Gguf, seed: u64) -> Adapted {
    let base = driver.decoder.decoder().adaptable().expect("the native decoder computes adapters");
    let matrices = base.names().filter(|name| name.starts_with("blk."));
    let shape = |name: &str| gguf.tensor(name).expect("a matrix of the file").shape().to_vec();
    let architecture: &str = gguf.metadata().require("general.architecture").expect("a model's");
    let adapter = TinyAdapter {
        // Two for the whole program.
        architecture: architecture.to_owned().leak(),
        rank: RANK,
        alpha: 2.0 * RANK as f32,
        kind: TensorType::F16,
        matrices: matrices.map(|name| (name.to_owned(), shape(name))).collect(),
        seed,
    };
    let adapter = Adapter::read(&adapter.open(), &base, &Budget::new(None)).expect("an adapter");
    Adapted { adapter, scale: 1.0 }
}

/// How long new sequences, of which each half has one of the two, take for their steps behind a few tokens.
fn decode(driver: &mut Driver, adapters: &[Option<Adapted>; 2]) -> Duration {
    let context = driver.decoder.spec().context_length;
    let open =
        |index: usize| driver.decoder.open_adapted(context, adapters[index % 2].clone()).expect("a sequence");
    let sequences: Vec<_> = (0..SEQUENCES).map(open).collect();
    for &sequence in &sequences {
        driver.extend(sequence, &[1, 2, 3, 4]);
    }
    let start = Instant::now();
    for id in 0..STEPS {
        let token = [id + 3];
        let chunk = |&sequence| Chunk { sequence, tokens: &token, logits: 1 };
        driver.pass(&sequences.iter().map(chunk).collect::<Vec<_>>());
    }
    let took = start.elapsed();
    sequences.into_iter().for_each(|sequence| driver.decoder.close(sequence));
    took
}
