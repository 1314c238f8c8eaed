//! What a long context costs: a few tokens behind it, a prompt of its length, one token more, with keys and
//! values in f16 and in q8_0, and how far these two are apart. Everything by turns in one run, as ratios,
//! beside what a plain read of memory reaches meanwhile.
//!
//! cargo bench --no-default-features --features native,testing,text --bench context -- MODEL.gguf [--threads N] [--shape 1.1b] [--only ROWS|PROMPT|TOKEN|TYPES|EXACT]
#![allow(clippy::print_stdout)]

#[path = "../tests/support/divergence/mod.rs"]
mod divergence;
#[path = "../tests/support/driver/mod.rs"]
mod driver;
#[path = "../tests/support/tiny/mod.rs"]
mod tiny;

use driver::Driver;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;
use tiny::Tiny;
use wick::compute::{Pool, PoolOptions};
use wick::gguf::TensorType;
use wick::kv::Sequence;
use wick::model::{Chunk, KvType};

/// Rounds of each comparison; medians are printed.
const ROUNDS: usize = 7;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let after = |flag: &str| {
        let at = arguments.iter().position(|argument| argument == flag)?;
        arguments.get(at + 1)
    };
    let threads = after("--threads").and_then(|count| count.parse().ok()).unwrap_or(2);
    if let Some(model) = arguments.first().filter(|model| model.ends_with(".gguf")) {
        let (only, path) = (after("--only").map(|part| part.to_lowercase()), Path::new(model));
        let wants = |part: &str| only.as_ref().is_none_or(|only| only == part);
        let [mut halves, mut bytes] = [KvType::F16, KvType::Q8_0]
            .map(|kv_type| Driver::with_kv_type(driver::gguf(path), threads, kv_type));
        println!("{model}, {threads} threads");
        if wants("rows") {
            few_rows(&mut halves, 16, 2900);
        }
        if wants("prompt") {
            long_prompt(&mut halves, 8000);
        }
        if wants("token") {
            one_row(&mut halves, 8000, threads);
            print!("q8_0: ");
            one_row(&mut bytes, 8000, threads);
        }
        if wants("types") {
            types(&mut halves, &mut bytes, &divergence::tokens(path, 4000));
        }
        if wants("exact") {
            let gguf = divergence::in_f16(&driver::gguf(path));
            let [mut halves, mut bytes] = [KvType::F16, KvType::Q8_0]
                .map(|kv_type| Driver::with_kv_type(gguf.clone(), threads, kv_type));
            apart(", activations in f32", &mut halves, &mut bytes, &divergence::tokens(path, 4000));
        }
    }
    if arguments.iter().any(|argument| argument == "1.1b") {
        let mut driver = Driver::over(Tiny::billion().of(TensorType::Q4_0).open(), threads);
        println!("1.1B Q4_0, random weights, {threads} threads");
        few_rows(&mut driver, 16, 1500);
        one_row(&mut driver, 2000, threads);
    }
}

fn tokens(driver: &Driver, count: usize, seed: usize) -> Vec<u32> {
    let vocab = driver.decoder.spec().vocab_size;
    (0..count).map(|i| ((i * 7919 + seed * 104_729 + 13) % vocab) as u32).collect()
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Seconds that `work` takes.
fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

/// `count` tokens behind `past` and at the beginning of a sequence.
fn few_rows(driver: &mut Driver, count: usize, past: usize) {
    let (old, new) = (tokens(driver, past, 0), tokens(driver, count, 1));
    let (long, short) = (driver.sequence(), driver.sequence());
    driver.extend(long, &old);
    let (mut behind, mut alone, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..3 * ROUNDS {
        let a = seconds(|| drop(driver.extend(long, &new)));
        driver.decoder.truncate(long, past);
        let b = seconds(|| drop(driver.extend(short, &new)));
        driver.decoder.truncate(short, 0);
        behind.push(a);
        alone.push(b);
        ratios.push(a / b);
    }
    println!(
        "{count} tokens behind {past}: {:.1} ms; behind none {:.1} ms; ratio {:.2}",
        median(behind) * 1e3,
        median(alone) * 1e3,
        median(ratios)
    );
    driver.decoder.close(long);
    driver.decoder.close(short);
}

/// Prompts of `long` and of 512 tokens.
fn long_prompt(driver: &mut Driver, long: usize) {
    let tokens = tokens(driver, long, 0);
    let sequence = driver.sequence();
    let mut ratios = Vec::new();
    let (mut many, mut few) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let a = long as f64 / seconds(|| drop(driver.extend(sequence, &tokens)));
        driver.decoder.truncate(sequence, 0);
        let b = median(
            (0..5)
                .map(|_| {
                    let rate = 512.0 / seconds(|| drop(driver.extend(sequence, &tokens[..512])));
                    driver.decoder.truncate(sequence, 0);
                    rate
                })
                .collect(),
        );
        many.push(a);
        few.push(b);
        ratios.push(a / b);
    }
    println!(
        "prefill of {long}: {:.0} tokens/s; of 512: {:.0}; ratio {:.2}",
        median(many),
        median(few),
        median(ratios)
    );
    driver.decoder.close(sequence);
}

/// A token behind `past` and behind 100: what the difference reads, beside a plain read.
fn one_row(driver: &mut Driver, past: usize, threads: usize) {
    let mut reader = Reader::new(threads);
    let old = tokens(driver, past, 0);
    let (long, short) = (driver.sequence(), driver.sequence());
    driver.extend(long, &old);
    driver.extend(short, &old[..100]);
    let bytes = driver.decoder.spec().kv_bytes_per_token as f64 * (past - 100) as f64;
    let (mut behind, mut alone, mut reads, mut shares) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let a = decode(driver, long, past);
        let b = decode(driver, short, 100);
        let read = reader.rate();
        behind.push(a);
        alone.push(b);
        reads.push(read);
        shares.push(bytes / (a - b) / read);
    }
    let (a, b) = (median(behind), median(alone));
    println!(
        "a token behind {past}: {:.2} ms; behind 100: {:.2} ms ({:.2} of its speed); {:.1} MB of keys and values \
         at {:.1} GB/s, {:.0} % of a plain read's {:.1}",
        a * 1e3,
        b * 1e3,
        b / a,
        bytes / 1e6,
        bytes / (a - b) / 1e9,
        100.0 * median(shares),
        median(reads) / 1e9
    );
    driver.decoder.close(long);
    driver.decoder.close(short);
}

/// A token behind `text` with keys and values in f16 and in q8_0, and how far both are apart on the text.
fn types(halves: &mut Driver, bytes: &mut Driver, text: &[u32]) {
    let [old, new] = [&*halves, &*bytes].map(|driver| driver.decoder.spec().kv_bytes_per_token as f64);
    let (first, second) = (halves.sequence(), bytes.sequence());
    halves.extend(first, text);
    bytes.extend(second, text);
    let (mut before, mut after, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..2 * ROUNDS {
        let (a, b) = (decode(halves, first, text.len()), decode(bytes, second, text.len()));
        before.push(a);
        after.push(b);
        ratios.push(a / b);
    }
    println!(
        "a token behind {}: {:.2} ms with f16, {:.2} ms with q8_0, {:.2} x its speed in {:.3} of its bytes",
        text.len(),
        median(before) * 1e3,
        median(after) * 1e3,
        median(ratios),
        new / old
    );
    halves.decoder.close(first);
    bytes.decoder.close(second);
    apart("", halves, bytes, text);
}

/// How far both are apart on `text`.
fn apart(which: &str, halves: &mut Driver, bytes: &mut Driver, text: &[u32]) {
    let found = divergence::between(halves, bytes, text);
    println!(
        "KL of q8_0 to f16 on {} tokens{which}: {:.6} on the average, {:.4} at most; the same first token for {:.1} %",
        text.len(),
        found.mean,
        found.most,
        100.0 * found.same
    );
}

/// Seconds for a token behind `past`: the median of some.
fn decode(driver: &mut Driver, sequence: Sequence, past: usize) -> f64 {
    let token = [7];
    let times = (0..8)
        .map(|_| seconds(|| drop(driver.pass(&[Chunk { sequence, tokens: &token, logits: 1 }]))))
        .collect();
    driver.decoder.truncate(sequence, past);
    median(times)
}

/// A plain read of much memory.
struct Reader {
    pool: Pool,
    data: Vec<u64>,
}

impl Reader {
    fn new(threads: usize) -> Self {
        let pool = Pool::new(&PoolOptions { threads, ..PoolOptions::default() }).expect("threads");
        Self { pool, data: vec![1; (256 << 20) / 8] }
    }

    /// Bytes a second: the best of a few.
    fn rate(&mut self) -> f64 {
        let (data, part) = (&self.data, self.data.len() / 256);
        let times = (0..4).map(|_| {
            seconds(|| {
                self.pool.run(256, &|chunk, _| {
                    black_box(data[chunk * part..(chunk + 1) * part].iter().fold(0, |sum, x| sum ^ x));
                });
            })
        });
        (256 << 20) as f64 / times.fold(f64::INFINITY, f64::min)
    }
}
