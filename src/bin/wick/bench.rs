//! `wick bench`: runs itself anew for each sample, so that every one begins cold, and shows medians; measures
//! only what needs two processes.

use super::bench_event;
use super::model::Computing;
use super::output;
use clap::Args;
use serde_json::{Map, Value};
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;
use wick::{Error, ErrorKind, Result};

/// A figure's key, and what it is.
const FIGURES: [(&str, &str); 9] = [
    ("load_ms", "load, to READY (ms)"),
    ("ttft_cold_ms", "first token of a new process, 128-token prompt (ms)"),
    ("ttft_warm_ms", "first token of a loaded model, 128-token prompt (ms)"),
    ("pp32", "prefill of 32 tokens (tokens/s)"),
    ("pp128", "prefill of 128 tokens (tokens/s)"),
    ("pp512", "prefill of 512 tokens (tokens/s)"),
    ("tg", "decode (tokens/s)"),
    ("peak_mib", "peak memory (MiB)"),
    ("event_ns", "one event of a model that computes nothing (ns)"),
];

#[derive(Args)]
pub struct Bench {
    /// A .gguf file, or a folder with config.json, tokenizer.json and safetensors
    model: PathBuf,
    /// Processes that are measured; shown are medians
    #[arg(short, long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), allow_negative_numbers = true)]
    runs: u32,
    /// Tokens that are decoded
    #[arg(short = 'n', long, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u32).range(2..), allow_negative_numbers = true)]
    tokens: u32,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    computing: Computing,
}

impl Bench {
    pub fn run(self) -> Result<ExitCode> {
        let mut samples = Vec::new();
        for _ in 0..self.runs {
            let Some(mut sample) = self.sample()? else { return Ok(ExitCode::FAILURE) };
            sample.insert("event_ns".to_owned(), bench_event::nanoseconds()?.into());
            samples.push(sample);
        }
        let medians: Map<String, Value> = FIGURES
            .iter()
            .map(|(key, _)| {
                let values = samples.iter().filter_map(|sample| sample.get(*key)?.as_f64()).collect();
                ((*key).to_owned(), median(values).map(rounded).into())
            })
            .collect();
        let text = if self.json { format!("{:#}", Value::from(medians)) } else { table(&medians) };
        output::line(text.trim_end())?;
        Ok(ExitCode::SUCCESS)
    }

    /// The figures of one new process. It says `first` when it has the first token, and at last its own
    /// figures as JSON. `None`: it failed, and has said why.
    fn sample(&self) -> Result<Option<Map<String, Value>>> {
        let failed = |error: std::io::Error| {
            Error::new(ErrorKind::Io, format!("the measured process cannot be run: {error}"))
        };
        let program = std::env::current_exe().map_err(failed)?;
        let mut command = Command::new(program);
        command.arg("bench-child").arg(&self.model).stdin(Stdio::null()).stdout(Stdio::piped());
        command.arg("--tokens").arg(self.tokens.to_string());
        command.arg("--threads").arg(self.computing.threads.to_string());
        command.arg("--backend").arg(self.computing.backend.name());
        let begun = Instant::now();
        let mut child = command.spawn().map_err(failed)?;
        let mut output = BufReader::new(child.stdout.take().ok_or_else(no_figures)?);
        let mut first = String::new();
        output.read_line(&mut first).map_err(failed)?;
        let cold = begun.elapsed();
        let mut rest = String::new();
        output.read_to_string(&mut rest).map_err(failed)?;
        let status = child.wait().map_err(failed)?;
        if !status.success() {
            return if matches!(status.code(), Some(1 | 2)) { Ok(None) } else { Err(no_figures()) };
        }
        let mut sample: Map<String, Value> = serde_json::from_str(&rest).map_err(|_| no_figures())?;
        sample.insert("ttft_cold_ms".to_owned(), (cold.as_secs_f64() * 1e3).into());
        Ok(Some(sample))
    }
}

fn no_figures() -> Error {
    Error::new(ErrorKind::Io, "the measured process gave no figures")
}

/// The middle value, or the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().checked_sub(1)? / 2, values.len() / 2);
    Some((values.get(low)? + values.get(high)?) / 2.0)
}

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn table(medians: &Map<String, Value>) -> String {
    let mut text = String::new();
    for (key, what) in FIGURES {
        let value = medians.get(key).and_then(Value::as_f64);
        // None: a prompt that does not fit the context, or a system that does not say.
        let value = value.map_or("-".to_owned(), |value| format!("{value:.1}"));
        text += &format!("{value:>10}  {what}\n");
    }
    text
}
