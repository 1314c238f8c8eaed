//! A running text: how far each candidate's distributions are from an f32 computation of the same weights;
//! knows no arithmetic of theirs.

use crate::candidates::{Candidate, Candle, Llama, Native, lead};
use peers::Result;
use peers::llama::Options;
use std::path::Path;
use wick::model::candle::Precision;
use wick::runtime::{ModelOptions, Reading, Runtime, RuntimeOptions};

/// The text that is read unless another is given.
const TEXT: &str = include_str!("../../../text.txt");

/// Tokens of one window: each begins anew, so that early positions count too and f32 attention stays cheap.
const WINDOW: usize = 250;

/// From this margin of the f32 computation on, a step's best id is asked for.
const SURE: f32 = 0.1;

/// wick's mean divergence may be this many times llama.cpp's.
const ALLOWED: f64 = 1.2;

/// A candidate's outcome over all windows.
struct Tally {
    name: &'static str,
    candidate: Box<dyn Candidate>,
    divergences: Vec<f64>,
    /// Steps with another best id, and those among them that were sure.
    others: (usize, usize),
}

/// Compares wick and llama.cpp on `model` with candle's f32 computation of `oracle`, over the first `count`
/// tokens of the text.
pub fn compare(model: &Path, text: Option<&Path>, oracle: &Path, count: usize, threads: usize) -> Result<()> {
    let text = text.map_or(Ok(TEXT.to_owned()), std::fs::read_to_string)?;
    let windows = windows(model, &text, count)?;
    let mut exact = Candle::open(oracle, Precision::F32)?;
    let usual = Options { threads, ..Options::default() };
    let plain = Options { repack: false, ..usual };
    let mut tallies = [
        Tally::new("wick", Box::new(Native::open(model, threads))),
        Tally::new("llama.cpp", Box::new(Llama::open(model, &usual, true)?)),
        Tally::new("llama.cpp, repack off", Box::new(Llama::open(model, &plain, true)?)),
        Tally::new("llama.cpp, token by token", Box::new(Llama::open(model, &usual, false)?)),
    ];
    let (mut steps, mut sure) = (0, 0);
    for window in &windows {
        let wanted = exact.rows(window, 0)?;
        steps += wanted.len();
        sure += wanted.iter().filter(|row| lead(row).1 >= SURE).count();
        for tally in &mut tallies {
            tally.add(&wanted, window)?;
        }
        eprintln!("{steps} tokens");
    }
    println!(
        "| | KL divergence, mean | median | 99th of 100 | other id at sure steps | of | at any step | of |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    tallies.iter_mut().for_each(|tally| println!("{}", tally.line(sure, steps)));
    let [wick, llama, plain, _] = tallies.map(|tally| mean(&tally.divergences));
    let ratio = wick / llama.min(plain);
    let verdict = if ratio <= ALLOWED { "met" } else { "missed" };
    println!("\nwick's mean is {ratio:.2} of the better of llama.cpp's two; at most {ALLOWED}: {verdict}");
    Ok(())
}

/// The text's first `count` tokens in windows, each behind the tokens that the model's file puts before a
/// text.
fn windows(model: &Path, text: &str, count: usize) -> Result<Vec<Vec<u32>>> {
    let runtime = Runtime::new(RuntimeOptions { threads: 1, ..RuntimeOptions::default() })?;
    let options = ModelOptions { vocab_only: true, ..ModelOptions::path(model) };
    let (model, mut loading) = runtime.load(options, Reading::default())?;
    while loading.next_blocking().is_some() {}
    let tokens = model.tokenize(text, false, false)?;
    let before = model.tokenize("", true, false)?;
    runtime.shutdown(None)?;
    if tokens.len() < count {
        return Err(format!("the text has {} tokens, {count} are asked for", tokens.len()).into());
    }
    Ok(tokens[..count].chunks(WINDOW).map(|chunk| [&before[..], chunk].concat()).collect())
}

impl Tally {
    fn new(name: &'static str, candidate: Box<dyn Candidate>) -> Self {
        Self { name, candidate, divergences: Vec::new(), others: (0, 0) }
    }

    fn add(&mut self, wanted: &[Vec<f32>], window: &[u32]) -> Result<()> {
        for (found, wanted) in self.candidate.rows(window, 0)?.iter().zip(wanted) {
            self.divergences.push(divergence(wanted, found));
            let (best, margin) = lead(wanted);
            if lead(found).0 != best {
                self.others.0 += 1;
                self.others.1 += usize::from(margin >= SURE);
            }
        }
        Ok(())
    }

    fn line(&mut self, sure: usize, steps: usize) -> String {
        let mean = mean(&self.divergences);
        self.divergences.sort_by(f64::total_cmp);
        let at = |share: f64| self.divergences[(share * (self.divergences.len() - 1) as f64) as usize];
        let (others, unlike) = self.others;
        format!(
            "| {} | {mean:.6} | {:.6} | {:.6} | {unlike} | {sure} | {others} | {steps} |",
            self.name,
            at(0.5),
            at(0.99)
        )
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Kullback-Leibler divergence of the distribution of `found` from that of `wanted`, in nats.
fn divergence(wanted: &[f32], found: &[f32]) -> f64 {
    let (wanted_total, found_total) = (log_total(wanted), log_total(found));
    let terms = wanted.iter().zip(found).map(|(&wanted, &found)| {
        let (p, q) = (f64::from(wanted) - wanted_total, f64::from(found) - found_total);
        p.exp() * (p - q)
    });
    terms.sum()
}

/// The logarithm of the sum of exponentials.
fn log_total(logits: &[f32]) -> f64 {
    let most = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    most + logits.iter().map(|&logit| (f64::from(logit) - most).exp()).sum::<f64>().ln()
}
