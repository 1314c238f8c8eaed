//! What a long prompt does to an answer that is under way, and the answer to the prompt: the answer's gaps
//! without and beside it, and the prompt's rate alone and beside the answer. Every prompt is computed whole.
//! About half a minute.
//!
//!     cargo bench --no-default-features --features native,testing,text --bench stutter
#![allow(clippy::print_stdout, reason = "a program prints")]

mod real_model;

use std::time::{Duration, Instant};
use wick::runtime::{EndReason, EventKind, Input, Model, Reading, Request, Runtime, RuntimeOptions, Stream};

/// Tokens of the answer that are timed before the prompt comes.
const BEFORE: usize = 200;
/// About 2,000 tokens of a prompt.
const SENTENCES: usize = 286;
const ROUNDS: usize = 5;
/// What a gap may be longer than twice the gap without the prompt: a slice.
const SLICE: Duration = Duration::from_millis(1);

fn main() {
    let Some(path) = real_model::path("an answer beside a long prompt") else { return };
    let runtime = Runtime::new(RuntimeOptions::default()).expect("a runtime");
    let (model, mut load) = runtime.load(real_model::options(&path), Reading::default()).expect("a load");
    while load.next_blocking().is_some() {}
    // Pages come in, estimates settle.
    prompt(&model, 1);
    let mut rounds: Vec<Round> = (0..ROUNDS).map(|_| Round::measure(&model)).collect();
    rounds.sort_by(|a, b| a.ratio().total_cmp(&b.ratio()));
    for round in &rounds {
        println!("{round}");
    }
    println!("median of {ROUNDS}: {}", rounds[ROUNDS / 2]);
    runtime.shutdown(None).expect("a shutdown");
}

struct Round {
    /// Between two tokens, the median and the 99th percentile.
    gap: [Duration; 2],
    beside: [Duration; 2],
    longest: Duration,
    /// How many gaps there were beside the prompt.
    gaps: usize,
    /// Tokens of a prompt per second.
    alone: f64,
    shared: f64,
}

impl Round {
    fn measure(model: &Model) -> Self {
        let (tokens, took) = prompt(model, 3);
        let alone = f64::from(tokens) / took.as_secs_f64();
        let talker = model.session(None).expect("a session");
        let mut answer =
            talker.generate(request("Once upon a time", 0), Reading::default()).expect("a stream");
        let before = gaps(&mut answer, |count| count >= BEFORE);
        let other = model.session(None).expect("a session");
        let mut newcomer = other.generate(request(&text(), 1), Reading::default()).expect("a stream");
        let beside = gaps(&mut answer, |_| newcomer.control().has_ended());
        let end = end(&mut newcomer);
        let shared = f64::from(end.prompt_tokens) / Duration::from_nanos(end.prefill_ns).as_secs_f64();
        let longest = beside.iter().max().copied().unwrap_or_default();
        let gaps = beside.len();
        Self { gap: percentiles(before), beside: percentiles(beside), longest, gaps, alone, shared }
    }

    /// The late gaps beside the prompt, as a part of twice those without it and a slice.
    fn ratio(&self) -> f64 {
        self.beside[1].as_secs_f64() / (self.gap[1] * 2 + SLICE).as_secs_f64()
    }
}

impl std::fmt::Display for Round {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = |gap: Duration| gap.as_secs_f64() * 1e3;
        write!(
            f,
            "gap p50 {:.2} ms, p99 {:.2}; beside the prompt p50 {:.2}, p99 {:.2} (x {:.2} of twice and a slice), longest {:.1}, {} gaps; prompt {:.0} tokens/s, beside the answer {:.0} (x {:.2})",
            ms(self.gap[0]),
            ms(self.gap[1]),
            ms(self.beside[0]),
            ms(self.beside[1]),
            self.ratio(),
            ms(self.longest),
            self.gaps,
            self.alone,
            self.shared,
            self.shared / self.alone
        )
    }
}

fn text() -> String {
    "The guard walks along the wall. ".repeat(SENTENCES)
}

fn request(text: &str, max_tokens: u32) -> Request {
    Request { input: Input::Text(text.into()), max_tokens, ignore_eos: true, ..Request::default() }
}

/// The long prompt alone: its tokens and how long they took.
fn prompt(model: &Model, max_tokens: u32) -> (u32, Duration) {
    let session = model.session(None).expect("a session");
    let mut stream = session.generate(request(&text(), max_tokens), Reading::default()).expect("a stream");
    let stats = end(&mut stream);
    (stats.prompt_tokens, Duration::from_nanos(stats.prefill_ns))
}

fn end(stream: &mut Stream) -> wick::runtime::Stats {
    while let Some(event) = stream.next_blocking() {
        if let EventKind::End(end) = event.kind {
            assert!(matches!(end.reason, EndReason::Length), "{end:?}");
            assert_eq!(end.stats.cached_tokens, 0, "every prompt is computed");
            return end.stats;
        }
    }
    panic!("no END");
}

/// The times between an answer's tokens until `over`.
fn gaps(stream: &mut Stream, over: impl Fn(usize) -> bool) -> Vec<Duration> {
    let (mut gaps, mut last) = (Vec::new(), None);
    while !over(gaps.len()) {
        let Some(event) = stream.next_blocking() else { break };
        if matches!(event.kind, EventKind::Text(_)) {
            let now = Instant::now();
            gaps.extend(last.replace(now).map(|last| now - last));
        }
    }
    gaps
}

/// The median and the 99th percentile.
fn percentiles(mut gaps: Vec<Duration>) -> [Duration; 2] {
    gaps.sort_unstable();
    [gaps.len() / 2, gaps.len() * 99 / 100].map(|index| gaps.get(index).copied().unwrap_or_default())
}
