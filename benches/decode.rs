//! How fast a real model reads prompts and writes answers, through the whole runtime, on one thread and on
//! two; knows no C.
//!
//!     cargo bench --no-default-features --features native,text,bench --bench decode
#![allow(clippy::print_stdout, reason = "a program prints")]

#[path = "real_model/mod.rs"]
mod real_model;

use criterion::{BenchmarkId, Criterion, Throughput};
use std::time::Duration;
use wick::runtime::{Input, Model, Reading, Request, Runtime, RuntimeOptions, Stats};

const TEXT: &str =
    "The harbour was quiet that morning. Two boats lay at the pier, and an old man was mending a net. ";
/// Steps of decoding: one fewer than tokens, the first of which is the prefill's.
const STEPS: u32 = 64;

fn main() {
    let mut criterion = Criterion::default()
        .configure_from_args()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(5));
    if let Some(path) = real_model::path("prefill and decode of a real model") {
        for threads in [1, 2] {
            bench(&mut criterion, &path, threads);
        }
    }
    criterion.final_summary();
}

fn bench(criterion: &mut Criterion, path: &str, threads: usize) {
    let runtime = Runtime::new(RuntimeOptions { threads, ..RuntimeOptions::default() }).expect("a runtime");
    let (model, mut loading) = runtime.load(real_model::options(path), Reading::default()).expect("a load");
    loading.collect_text().expect("a loaded model");
    let words = model.tokenize(TEXT, false, false).expect("ids");
    let prompt = |tokens: usize| words.iter().copied().cycle().take(tokens).collect::<Vec<u32>>();

    let mut group = criterion.benchmark_group(format!("threads/{threads}"));
    for tokens in [32, 128, 512] {
        group.throughput(Throughput::Elements(tokens as u64));
        group.bench_function(BenchmarkId::new("prefill", tokens), |bencher| {
            bencher.iter_custom(|rounds| {
                (0..rounds).map(|_| nanoseconds(answer(&model, prompt(tokens), 1).prefill_ns)).sum()
            });
        });
    }
    group.throughput(Throughput::Elements(u64::from(STEPS)));
    group.bench_function(BenchmarkId::new("decode", STEPS), |bencher| {
        bencher.iter_custom(|rounds| {
            (0..rounds).map(|_| nanoseconds(answer(&model, prompt(8), STEPS + 1).decode_ns)).sum()
        });
    });
    group.finish();
    runtime.shutdown(None).expect("a shutdown");
}

fn nanoseconds(count: u64) -> Duration {
    Duration::from_nanos(count)
}

/// The final figures of an answer in a session of its own.
fn answer(model: &Model, prompt: Vec<u32>, max_tokens: u32) -> Stats {
    let request =
        Request { input: Input::Tokens(prompt), max_tokens, ignore_eos: true, ..Request::default() };
    let session = model.session(None).expect("a session");
    let mut stream = session.generate(request, Reading::default()).expect("a stream");
    let (_, end) = stream.collect_text().expect("an answer");
    assert_eq!(end.stats.output_tokens, max_tokens, "{:?}", end.reason);
    end.stats
}
