//! Does wick take the time that it is given? HOST_STEP's overshoot of its budget, from cancel to END, and the
//! processor's time at a share of it; knows no C.
//!
//!     cargo bench --no-default-features --features native,text --bench pace [-- MODEL.gguf ...]
//!
//! A prompt of 4,096 tokens (or what the context takes) and 64 tokens of answer in steps of 2 ms on the
//! host's thread, by the clock and by the processor's time, which other programs do not change; then prompts
//! and answers that are cancelled at any time, on two threads; then 5 seconds of an answer for each
//! `pace_percent`, with the time of all threads (Linux) and whether the ids are the same. Judges nothing.
#![allow(clippy::print_stdout, unsafe_code, reason = "a program prints; a thread's clock is the system's")]

#[path = "real_model/mod.rs"]
mod real_model;

use std::time::{Duration, Instant};
use wick::runtime::{
    EventKind, Input, Mode, Model, Next, Reading, Request, Runtime, RuntimeOptions, Session, Stream,
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
        shares(&path);
    }
}

fn load(runtime: &Runtime, path: &str) -> Model {
    let (model, mut load) = runtime.load(real_model::options(path), Reading::default()).expect("a load");
    load.collect_text().expect("a loaded model");
    model
}

/// Starts an answer to a prompt of `tokens` tokens, or of as many as leave room for it.
fn ask(model: &Model, tokens: usize, answer: usize) -> (Session, Stream, usize) {
    let context = model.info().expect("loaded").spec.context_length;
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
        let (begun, before) = (Instant::now(), thread_time());
        runtime.step(BUDGET).expect("a step");
        let (took, computed) = (begun.elapsed(), thread_time().saturating_sub(before));
        let over = (took.saturating_sub(BUDGET), computed.saturating_sub(BUDGET));
        if writes {
            writing.push(over)
        } else {
            reading.push(over)
        }
        while let Next::Event(event) = stream.try_next() {
            ended |= matches!(event.kind, EventKind::End(_));
        }
    }
    for (what, over) in
        [(format!("prompt of {tokens} tokens"), reading), (format!("answer of {ANSWER} tokens"), writing)]
    {
        let (took, computed) = over.into_iter().unzip();
        row(&format!("{which} {what}: step beyond 2 ms"), took);
        row("    of the processor's time", computed);
    }
}

/// The processor's time of this thread so far.
#[cfg(unix)]
fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a place for the answer.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) }, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Nobody says it here.
#[cfg(not(unix))]
fn thread_time() -> Duration {
    Duration::ZERO
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

/// The processor's time of an answer that goes on for 5 seconds, at shares of it: as a part of what the
/// threads could have computed, and of the time at 100. Beside other work the latter is too high: who
/// computes all the time is made to wait, and who rests is not.
fn shares(path: &str) {
    let threads = wick::compute::default_threads() as f64;
    let (mut whole, mut said): (f64, Vec<u32>) = (f64::NAN, Vec::new());
    for percent in [100, 75, 50, 25, 10] {
        let options = RuntimeOptions { pace_percent: percent, ..RuntimeOptions::default() };
        let runtime = Runtime::new(options).expect("a runtime");
        let model = load(&runtime, path);
        let (_session, mut stream, _) = ask(&model, 8, 1500);
        // The first tokens wait for pages of the file, and weights move.
        let mut ids = ids_until(&mut stream, Instant::now() + Duration::from_secs(3));
        let (begun, before, used) = (Instant::now(), ids.len(), cpu_seconds());
        ids.extend(ids_until(&mut stream, begun + Duration::from_secs(5)));
        let took = begun.elapsed().as_secs_f64();
        let Some(used) = cpu_seconds().zip(used).map(|(now, before)| now - before) else {
            return println!("left out: the processor's time (no /proc)");
        };
        let rate = used / took;
        whole = if percent == 100 { rate } else { whole };
        let same = ids.iter().zip(&said).all(|(one, other)| one == other);
        let tokens = (ids.len() - before) as f64 / took;
        let (own, share) = (rate / threads * 100.0, rate / whole * 100.0);
        let ids_are = if same { "the same" } else { "OTHERS" };
        println!(
            "pace {percent:>3} %: {own:5.1} % of {threads} threads' time, {share:5.1} % of that at 100, {tokens:6.1} tokens/s, ids {ids_are}"
        );
        if ids.len() > said.len() {
            said = ids;
        }
        stream.cancel();
        runtime.shutdown(None).expect("a shutdown");
    }
}

/// Ids that come until then.
fn ids_until(stream: &mut Stream, until: Instant) -> Vec<u32> {
    let mut ids = Vec::new();
    while let Next::Event(event) = stream.wait_next(Some(until)) {
        if let EventKind::Text(text) = event.kind {
            ids.extend_from_slice(&text.tokens);
        }
    }
    ids
}

/// Seconds that all threads of this process have computed, in hundredths; `None`: the system does not tell.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the name, which may hold anything: the fields 14 and 15 of `proc(5)`.
    let mut fields = stat.rsplit_once(')')?.1.split(' ').skip(12);
    let ticks = |field: Option<&str>| field?.parse::<f64>().ok();
    Some((ticks(fields.next())? + ticks(fields.next())?) / 100.0)
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
