//! What is asked of an engine that is measured, and the figures of one process; knows no engine.

use crate::Result;
use serde_json::{Map, Value};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// Tokens of context that each engine is opened with.
pub const CONTEXT: u32 = 1024;

/// Nothing is asked for so long before decoding: answers are measured as they come once a host has been used
/// a little.
const REST: Duration = Duration::from_secs(2);
/// How many sequences are decoded together.
const TOGETHER: [usize; 3] = [8, 16, 32];
/// Tokens of context of each of them.
pub const CONTEXT_TOGETHER: u32 = 128;

/// Steps of the decode of one sequence, and of several together.
const STEPS: usize = 64;
const STEPS_TOGETHER: usize = 32;

/// A short measurement is repeated for as long, and as often at most; its median counts.
const PATIENCE: Duration = Duration::from_millis(700);
const REPEATS: usize = 5;

/// A loaded model that answers greedily, by token ids.
pub trait Engine {
    /// Entries of a row of logits.
    fn vocab(&self) -> usize;

    /// Reads `prompt` in a new sequence; the time until its first token is in the caller's hands, when
    /// `at_first` is called.
    fn first(&mut self, prompt: &[u32], at_first: &mut dyn FnMut() -> Result<()>) -> Result<Duration>;

    /// Reads `prompt` in a new sequence; the time until its logits are there.
    fn prefill(&mut self, prompt: &[u32]) -> Result<Duration>;

    /// Reads `prompt` in a new sequence and answers with `steps` tokens; the time from the first of them to
    /// the last.
    fn decode(&mut self, prompt: &[u32], steps: usize) -> Result<Duration>;

    /// Reads `prompt` in each of `count` new sequences, then decodes `steps` tokens of all in one pass each;
    /// the time of these passes. Called last: the engine may give up what the others need.
    fn together(&mut self, prompt: &[u32], count: usize, steps: usize) -> Result<Duration>;
}

/// Opens the model at a path with so many threads.
pub type Open = fn(&Path, usize) -> Result<Box<dyn Engine>>;

/// Measures in this process, which was started for it; says `first` at the first token, and at last its
/// figures as one line of JSON.
/// `together`: several sequences too.
pub fn measure(open: Open, model: &Path, threads: usize, together: bool) -> Result<()> {
    let mut figures = Map::new();
    let begun = Instant::now();
    let mut engine = open(model, threads)?;
    figures.insert("load_ms".into(), (begun.elapsed().as_secs_f64() * 1e3).into());
    let vocab = engine.vocab() as u32;
    engine.first(&prompt(vocab, 0, 128), &mut || say("first"))?;
    figures.insert("peak_cold_mib".into(), peak_mib()?.into());

    let warm = steady(|seed| engine.first(&prompt(vocab, seed, 128), &mut || Ok(())))?;
    figures.insert("ttft_warm_ms".into(), (warm * 1e3).into());
    for length in [32, 128, 512usize] {
        let seconds = steady(|seed| engine.prefill(&prompt(vocab, seed, length)))?;
        figures.insert(format!("pp{length}"), (length as f64 / seconds).into());
    }
    std::thread::sleep(REST);
    let seconds = steady(|seed| engine.decode(&prompt(vocab, seed, 8), STEPS))?;
    figures.insert("tg".into(), ((STEPS - 1) as f64 / seconds).into());
    figures.insert("peak_mib".into(), peak_mib()?.into());
    for count in TOGETHER.into_iter().filter(|_| together) {
        let seconds = engine.together(&prompt(vocab, 0, 4), count, STEPS_TOGETHER)?.as_secs_f64();
        figures.insert(format!("tg{count}"), ((STEPS_TOGETHER * count) as f64 / seconds).into());
    }
    say(&Value::from(figures).to_string())
}

/// Any `length` tokens; those of two seeds have no common beginning.
pub fn prompt(vocab: u32, seed: u32, length: usize) -> Vec<u32> {
    (0..length as u32).map(|i| (i * 7919 + seed * 101 + 313) % vocab).collect()
}

/// The greatest entry's index.
pub fn best(logits: &[f32]) -> u32 {
    crate::driver::argmax(logits)
}

/// The median of as many runs as patience allows, in seconds. Each run gets another number.
fn steady(mut run: impl FnMut(u32) -> Result<Duration>) -> Result<f64> {
    let begun = Instant::now();
    let mut times = Vec::new();
    while times.is_empty() || (times.len() < REPEATS && begun.elapsed() < PATIENCE) {
        times.push(run(times.len() as u32 + 1)?.as_secs_f64());
    }
    median(times).ok_or_else(|| "nothing was measured".into())
}

/// The middle value, or the mean of the two in the middle.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().checked_sub(1)? / 2, values.len() / 2);
    Some((values.get(low)? + values.get(high)?) / 2.0)
}

fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// The most memory that this process ever had in use, mapped weights included. Linux only.
fn peak_mib() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kib: f64 = peak.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}
