//! Recorded greedy ids: at how many steps with a margin each candidate has another id; knows no arithmetic.

use crate::candidates::{Candidate, Candle, Llama, Native, lead};
use peers::Result;
use peers::llama::Options;
use serde_json::Value;
use std::path::Path;
use wick::model::candle::Precision;

/// From this margin (best logit less the second) on, a step's best id is asked for.
const SURE: f64 = 0.1;

/// One recorded generation.
struct Case {
    name: String,
    prompt: Vec<u32>,
    ids: Vec<u32>,
    margins: Vec<f64>,
}

/// A candidate's outcome over all cases.
#[derive(Default)]
struct Tally {
    steps: usize,
    sure: usize,
    /// Case, step, margin of sure steps with another id.
    misses: Vec<(String, usize, f64)>,
    /// Another id, at any margin.
    others: usize,
    /// Sum of how far margins are from the recorded ones, where the id is the same.
    apart: f64,
}

/// Compares every candidate for `model` with the cases of `file` that begin with `prefix`.
pub fn compare(model: &Path, file: &Path, prefix: &str, threads: usize) -> Result<()> {
    let cases = read(file, prefix)?;
    println!("| | other id at sure steps | of | at any step | of | margins apart, mean | where |");
    println!("|---|---|---|---|---|---|---|");
    let show = |name: &str, candidate: Result<Box<dyn Candidate>>| {
        let tally = candidate.and_then(|mut candidate| tally(&mut *candidate, &cases));
        match tally {
            Ok(tally) => println!("{}", tally.line(name)),
            Err(failure) => println!("| {name} | {failure} |"),
        }
    };
    show("wick, native", Ok(Box::new(Native::open(model, threads))));
    for (name, options, whole) in settings(threads) {
        let llama = Llama::open(model, &options, whole);
        show(&format!("llama.cpp, {name}"), llama.map(|llama| Box::new(llama) as _));
    }
    // Last: candle's kernels of some types are scalar, and take minutes.
    for (name, precision) in
        [("wick, candle f32", Precision::F32), ("wick, candle quantised", Precision::Quantised)]
    {
        show(name, Candle::open(model, precision).map(|candle| Box::new(candle) as _));
    }
    Ok(())
}

/// llama.cpp's settings: as users get it, and one or more things else.
fn settings(threads: usize) -> Vec<(&'static str, Options, bool)> {
    let usual = Options { threads, ..Options::default() };
    let plain = Options { repack: false, flash: Some(false), kv_f32: true, ..usual };
    vec![
        ("as it comes", usual, false),
        ("repack off", Options { repack: false, ..usual }, false),
        ("flash attention on", Options { flash: Some(true), ..usual }, false),
        ("flash attention off", Options { flash: Some(false), ..usual }, false),
        ("f32 KV", Options { kv_f32: true, ..usual }, false),
        ("f32 KV, flash attention off", Options { kv_f32: true, flash: Some(false), ..usual }, false),
        ("f32 KV, flash attention and repack off", plain, false),
        ("the same, ubatch 1", Options { ubatch: 1, ..plain }, false),
        ("the same, 1 thread", Options { threads: 1, ..plain }, false),
        ("the same, all tokens in one pass", plain, true),
        ("ubatch 1", Options { ubatch: 1, ..usual }, false),
        ("1 thread", Options { threads: 1, ..usual }, false),
        ("all tokens in one pass", usual, true),
    ]
}

fn read(file: &Path, prefix: &str) -> Result<Vec<Case>> {
    let all: Value = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    let all = all.as_object().ok_or("no object of cases")?;
    let numbers = |case: &Value, key: &str| -> Result<Vec<f64>> {
        let list = case[key].as_array().ok_or_else(|| format!("a case without {key}"))?;
        Ok(list.iter().filter_map(Value::as_f64).collect())
    };
    let ids = |case: &Value, key: &str| -> Result<Vec<u32>> {
        Ok(numbers(case, key)?.into_iter().map(|id| id as u32).collect())
    };
    all.iter()
        .filter(|(name, _)| name.starts_with(prefix))
        .map(|(name, case)| {
            let (prompt, ids) = (ids(case, "prompt_ids")?, ids(case, "ids")?);
            Ok(Case { name: name.clone(), prompt, ids, margins: numbers(case, "margins")? })
        })
        .collect()
}

fn tally(candidate: &mut dyn Candidate, cases: &[Case]) -> Result<Tally> {
    let mut tally = Tally::default();
    for case in cases {
        let tokens = [&case.prompt[..], &case.ids[..case.ids.len() - 1]].concat();
        let rows = candidate.rows(&tokens, case.prompt.len() - 1)?;
        for (step, (row, (&id, &margin))) in rows.iter().zip(case.ids.iter().zip(&case.margins)).enumerate() {
            let (best, lead) = lead(row);
            tally.steps += 1;
            tally.sure += usize::from(margin >= SURE);
            if best == id {
                tally.apart += (f64::from(lead) - margin).abs();
            } else {
                tally.others += 1;
                if margin >= SURE {
                    tally.misses.push((case.name.clone(), step, margin));
                }
            }
        }
    }
    Ok(tally)
}

impl Tally {
    fn line(&self, name: &str) -> String {
        let at = |(case, step, margin): &(String, usize, f64)| format!("{case} {step} ({margin:.3})");
        let misses: Vec<String> = self.misses.iter().map(at).collect();
        let apart = self.apart / (self.steps - self.others).max(1) as f64;
        format!(
            "| {name} | {} | {} | {} | {} | {apart:.4} | {} |",
            self.misses.len(),
            self.sure,
            self.others,
            self.steps,
            misses.join(", ")
        )
    }
}
