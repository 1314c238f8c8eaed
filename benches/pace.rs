//! Does a slice end when it should? HOST_STEP's overshoot of its budget, and from cancel to END; knows no C.
//!
//!     cargo bench --no-default-features --features native,text --bench pace [-- MODEL.gguf ...]
//!
//! A prompt of 4,096 tokens (or what the context takes) and 64 tokens of answer in steps of 2 ms on the
//! host's thread; then prompts and answers that are cancelled at any time, on two threads. Judges nothing.
#![allow(clippy::print_stdout, reason = "a program prints")]

#[path = "real_model/mod.rs"]
mod real_model;

use std::time::{Duration, Instant};
use wick::runtime::{
    EventKind, Input, Mode, Model, ModelOptions, Next, Reading, Request, Runtime, RuntimeOptions, Session,
    Stream,
};

/// What a game gives away of a frame.
const BUDGET: Duration = Duration::from_millis(2);
const PROMPT: usize = 4096;
const ANSWER: usize = 64;
const CANCELS: u32 = 200;

fn main() {
    let paths: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let paths = if paths.is_empty() {
        real_model::path("the pace of a real model").into_iter().collect()
    } else {
        paths
    };
    for path in paths {
        println!("{path}");
        // The first prompt of a runtime takes its memory; the second finds it.
        let runtime = Runtime::new(RuntimeOptions { mode: Mode::HostStep, ..RuntimeOptions::default() });
        let runtime = runtime.expect("a runtime");
        let model = load(&runtime, &path);
        for which in ["first", "second"] {
            steps(&runtime, &model, which);
        }
        runtime.shutdown(None).expect("a shutdown");
        cancels(&path);
    }
}

fn load(runtime: &Runtime, path: &str) -> Model {
    let (model, mut load) = runtime.load(ModelOptions::path(path), Reading::default()).expect("a load");
    load.collect_text().expect("a loaded model");
    model
}

/// Starts an answer to a prompt of `tokens` tokens, or of as many as leave room for it.
fn ask(model: &Model, tokens: usize, answer: usize) -> (Session, Stream, usize) {
    let context = model.info().expect("loaded")["context_length"].as_u64().unwrap_or(2048) as usize;
    let tokens = tokens.min(context.saturating_sub(answer));
    let input = Input::Tokens((0..tokens as u32).map(|id| 100 + id * 7919 % 20_000).collect());
    let request = Request { input, max_tokens: answer as u32, ignore_eos: true, ..Request::default() };
    let session = model.session(None).expect("a session");
    let stream = session.generate(request, Reading::default()).expect("a stream");
    (session, stream, tokens)
}

/// How much longer than the budget each step took, while the prompt is read and while the answer is written.
fn steps(runtime: &Runtime, model: &Model, which: &str) {
    let (_session, stream, tokens) = ask(model, PROMPT, ANSWER);
    let (mut reading, mut writing) = (Vec::new(), Vec::new());
    let mut ended = false;
    while !ended {
        let writes = stream.stats().output_tokens > 0;
        let begun = Instant::now();
        runtime.step(BUDGET).expect("a step");
        let over = begun.elapsed().saturating_sub(BUDGET);
        if writes {
            writing.push(over)
        } else {
            reading.push(over)
        }
        while let Next::Event(event) = stream.try_next() {
            ended |= matches!(event.kind, EventKind::End(_));
        }
    }
    row(&format!("{which} prompt of {tokens} tokens: step beyond 2 ms"), reading);
    row(&format!("{which} answer of {ANSWER} tokens: step beyond 2 ms"), writing);
}

/// From a cancel to the END that a waiting thread reads.
fn cancels(path: &str) {
    let runtime =
        Runtime::new(RuntimeOptions { threads: 2, ..RuntimeOptions::default() }).expect("a runtime");
    let model = load(&runtime, path);
    for (name, prompt, answer) in [("prompt", PROMPT, 1), ("answer", 8, 1000)] {
        let mut times = Vec::new();
        for round in 0..CANCELS {
            let (_session, stream, _) = ask(&model, prompt, answer);
            while stream.stats().prompt_tokens == 0 || (answer > 1 && stream.stats().output_tokens == 0) {
                std::thread::yield_now();
            }
            // At no particular time of the pass.
            std::thread::sleep(Duration::from_micros(u64::from(500 + round * 7919 % 10_000)));
            let begun = Instant::now();
            stream.cancel();
            while !matches!(stream.wait_next(None), Next::Event(event) if event.end_reason().is_some()) {}
            times.push(begun.elapsed());
        }
        row(&format!("cancel to END, during the {name}"), times);
    }
    runtime.shutdown(None).expect("a shutdown");
}

fn row(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: f64| {
        let index = (times.len() as f64 * share) as usize;
        times.get(index.min(times.len().saturating_sub(1))).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    };
    let (middle, late, worst) = (at(0.5), at(0.99), at(1.0));
    println!(
        "{what:<58} p50 {middle:6.3} ms  p99 {late:6.3} ms  max {worst:6.3} ms  ({} times)",
        times.len()
    );
}
