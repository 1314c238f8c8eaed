//! How fast a real model makes vectors of texts, through the whole runtime, on one thread and on two: short
//! ones many at a time, long ones, and the nearest of many vectors; knows no C.
//!
//!     cargo bench --no-default-features --features native,text,folders,bench --bench embed
//!
//! The model is that of WICK_EMBED_MODEL, a GGUF or a folder, else the real model that other benchmarks have.
//! With WICK_EMBED_TEXTS, a file with a text a line, it says instead what all of them take, as
//! `scripts/embed-peers.py` does of others.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program prints, and reads its variables"
)]

#[path = "real_model/mod.rs"]
mod real_model;

use criterion::{BenchmarkId, Criterion, Throughput};
use std::hint::black_box;
use std::time::{Duration, Instant};
use wick::runtime::{Runtime, RuntimeOptions};

const WORDS: [&str; 8] = ["harbour", "quiet", "morning", "two", "boats", "lay", "at", "pier"];

/// Vectors that the nearest are looked for among, and their elements.
const VECTORS: usize = 100_000;
const DIM: usize = 384;

fn main() {
    let own = std::env::var("WICK_EMBED_MODEL").ok();
    if let (Some(path), Ok(texts)) = (&own, std::env::var("WICK_EMBED_TEXTS")) {
        return all(path, &texts);
    }
    let mut criterion = Criterion::default()
        .configure_from_args()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(5));
    nearest(&mut criterion);
    if let Some(path) = own.or_else(|| real_model::path("vectors of texts")) {
        for threads in [1, 2] {
            bench(&mut criterion, &path, threads);
        }
    }
    criterion.final_summary();
}

/// The texts of the file `texts`, all in one call, some times over.
fn all(path: &str, texts: &str) {
    let texts: Vec<String> =
        std::fs::read_to_string(texts).expect("texts").lines().map(str::to_owned).collect();
    for threads in [2, 1] {
        let runtime =
            Runtime::new(RuntimeOptions { threads, ..RuntimeOptions::default() }).expect("a runtime");
        let (model, mut loading) =
            runtime.load(real_model::options(path), Default::default()).expect("a load");
        loading.collect_text().expect("a loaded model");
        for _ in 0..4 {
            let begun = Instant::now();
            model.embed_blocking(texts.clone(), None).expect("vectors");
            println!("wick, {threads} threads {:.3} s", begun.elapsed().as_secs_f64());
        }
        runtime.shutdown(None).expect("a shutdown");
    }
}

/// `count` texts of so many words, no two alike.
fn texts(count: usize, words: usize) -> Vec<String> {
    let text = |index: usize| (0..words).map(move |at| WORDS[(index * 7 + at * at + at) % WORDS.len()]);
    (0..count).map(|index| format!("{index} {}", text(index).collect::<Vec<_>>().join(" "))).collect()
}

fn bench(criterion: &mut Criterion, path: &str, threads: usize) {
    let runtime = Runtime::new(RuntimeOptions { threads, ..RuntimeOptions::default() }).expect("a runtime");
    let (model, mut loading) = runtime.load(real_model::options(path), Default::default()).expect("a load");
    loading.collect_text().expect("a loaded model");
    let mut group = criterion.benchmark_group(format!("threads/{threads}"));
    for (count, words) in [(1, 12), (100, 12), (10, 200)] {
        let texts = texts(count, words);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(
            BenchmarkId::new(format!("{count} texts"), format!("{words} words")),
            |bencher| {
                bencher.iter(|| model.embed_blocking(texts.clone(), None).expect("vectors"));
            },
        );
    }
    group.finish();
    runtime.shutdown(None).expect("a shutdown");
}

fn nearest(criterion: &mut Criterion) {
    let value = |at: usize| ((at as u32).wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 23) as f32 - 1.0;
    let vectors: Vec<f32> = (0..VECTORS * DIM).map(value).collect();
    let query: Vec<f32> = (0..DIM).map(|at| value(at + 7)).collect();
    let mut group = criterion.benchmark_group("nearest");
    group.throughput(Throughput::Bytes(size_of_val(vectors.as_slice()) as u64));
    group.bench_function(BenchmarkId::new(format!("{VECTORS} of {DIM}"), 10), |bencher| {
        bencher.iter(|| wick::nearest(black_box(&query), &vectors, 10).expect("vectors"));
    });
    group.finish();
}
