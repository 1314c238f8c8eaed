//! Medians of the samples, ratios to the better of llama.cpp's two, and what becomes of the targets; measures
//! nothing.

use crate::targets::{FIGURES, Figure, target};
use peers::engine::median;
use serde_json::{Map, Value, json};
use std::path::Path;

/// Samples of each engine; the first is wick's.
pub struct Report<const N: usize> {
    file: String,
    threads: usize,
    rounds: usize,
    engines: [&'static str; N],
    samples: [Vec<Map<String, Value>>; N],
}

/// One figure of all engines.
struct Row<const N: usize> {
    medians: [Option<f64>; N],
    /// wick's median to the better of the others'.
    ratio: Option<f64>,
    target: Option<f64>,
}

impl<const N: usize> Row<N> {
    /// How far the target is missed, as a share of it; nothing or less is met.
    fn missed(&self, figure: &Figure) -> Option<f64> {
        let (ratio, target) = (self.ratio?, self.target?);
        Some(if figure.more { 1.0 - ratio / target } else { ratio / target - 1.0 })
    }
}

impl<const N: usize> Report<N> {
    pub fn new(file: &Path, threads: usize, rounds: usize, engines: [&'static str; N]) -> Self {
        let file = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self { file, threads, rounds, engines, samples: [const { Vec::new() }; N] }
    }

    pub fn add(&mut self, engine: usize, figures: Map<String, Value>) {
        self.samples[engine].push(figures);
    }

    fn row(&self, figure: &Figure) -> Row<N> {
        let medians = std::array::from_fn(|engine| {
            let values = self.samples[engine].iter().filter_map(|sample| sample.get(figure.key)?.as_f64());
            median(values.collect())
        });
        let others = medians.iter().skip(1).flatten().copied();
        let better = others.reduce(if figure.more { f64::max } else { f64::min });
        let ratio = medians.first().copied().flatten().zip(better).map(|(own, better)| own / better);
        let target = target(&self.file, figure.key);
        Row { medians, ratio, target }
    }

    pub fn table(&self) -> String {
        let mut text =
            format!("{}, {} threads, medians of {} rounds\n\n", self.file, self.threads, self.rounds);
        text += &format!("| | {} | ratio to the better | target | |\n", self.engines.join(" | "));
        text += &format!("|{}\n", "---|".repeat(N + 4));
        for figure in &FIGURES {
            let row = self.row(figure);
            let cells = row.medians.map(|value| value.map_or("-".to_owned(), |value| format!("{value:.1}")));
            let sign = if figure.more { "≥" } else { "≤" };
            let target = row.target.map_or("-".to_owned(), |target| format!("{sign} {target}"));
            let verdict = match row.missed(figure) {
                None => String::new(),
                Some(missed) if missed <= 0.0 => "met".to_owned(),
                Some(missed) => format!("missed by {:.0} %", missed * 100.0),
            };
            let ratio = row.ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
            text +=
                &format!("| {} | {} | {ratio} | {target} | {verdict} |\n", figure.what, cells.join(" | "));
        }
        text
    }

    pub fn json(&self) -> Value {
        let figures: Map<String, Value> = FIGURES
            .iter()
            .map(|figure| {
                let row = self.row(figure);
                let medians: Map<String, Value> =
                    self.engines.iter().zip(row.medians).map(|(name, value)| ((*name).into(), value.into())).collect();
                let missed = row.missed(figure);
                let value = json!({
                    "medians": medians, "ratio": row.ratio, "target": row.target, "met": missed.map(|missed| missed <= 0.0),
                });
                (figure.key.to_owned(), value)
            })
            .collect();
        json!({ "file": self.file, "threads": self.threads, "rounds": self.rounds, "figures": figures, "samples": self.samples.as_slice() })
    }
}
