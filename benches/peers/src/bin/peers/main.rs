//! wick and llama.cpp on the same file with as many threads, in turns: each sample a new process of this
//! program; shows medians and their ratios.
//!
//! cargo run --release --bin peers -- MODEL.gguf [--threads 2] [--rounds 5] [--alone] [--json]
//!
//! `--alone` leaves out sequences that decode together.

mod report;
mod targets;

use peers::args::Args;
use peers::engine::{Open, measure};
use peers::llama_engine::Llama;
use peers::wick_engine::Wick;
use peers::{Failure, Result};
use report::Report;
use serde_json::{Map, Value};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

/// What is measured, by name.
const ENGINES: [(&str, Open); 3] =
    [("wick", Wick::open), ("llama.cpp", Llama::open), ("llama.cpp, repack off", Llama::open_plain)];

/// What this program is called with to be a sample.
const CHILD: &str = "sample";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("peers: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut args = Args::of_process();
    let threads = args.value("--threads")?.unwrap_or(2);
    let rounds: usize = args.value("--rounds")?.unwrap_or(5);
    let (json, alone) = (args.flag("--json"), args.flag("--alone"));
    let mut model = args.word("a model file")?;
    if model == CHILD {
        let engine: usize = args.word("an engine's number")?.parse()?;
        model = args.word("a model file")?;
        let (_, open) = ENGINES.get(engine).ok_or("an engine's number")?;
        return measure(*open, Path::new(&model), threads, !alone);
    }
    args.words()?;
    let model = PathBuf::from(model);
    warm(&model)?;
    let mut report = Report::new(&model, threads, rounds, ENGINES.map(|(name, _)| name));
    for round in 0..rounds {
        // Forwards, then backwards: nobody always comes first.
        for place in 0..ENGINES.len() {
            let engine = if round % 2 == 0 { place } else { ENGINES.len() - 1 - place };
            report.add(engine, sample(engine, &model, threads, alone)?);
        }
    }
    println!("{}", if json { format!("{:#}", report.json()) } else { report.table() });
    Ok(())
}

/// Reads the file once, so that every sample finds it in the page cache.
fn warm(model: &Path) -> Result<()> {
    let mut file = std::fs::File::open(model).map_err(|e| format!("{}: {e}", model.display()))?;
    std::io::copy(&mut file, &mut std::io::sink())?;
    Ok(())
}

/// The figures of one new process.
fn sample(engine: usize, model: &Path, threads: usize, alone: bool) -> Result<Map<String, Value>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(CHILD).arg(engine.to_string()).arg(model).arg("--threads").arg(threads.to_string());
    command.args(alone.then_some("--alone"));
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let begun = Instant::now();
    let mut child = command.spawn()?;
    let mut output = BufReader::new(child.stdout.take().ok_or("a process without output")?);
    let mut first = String::new();
    output.read_line(&mut first)?;
    let cold = begun.elapsed();
    let mut rest = String::new();
    output.read_to_string(&mut rest)?;
    if !child.wait()?.success() {
        return Err(Failure::from("a sample failed; what it said is above"));
    }
    let mut figures: Map<String, Value> = serde_json::from_str(&rest)?;
    figures.insert("ttft_cold_ms".to_owned(), (cold.as_secs_f64() * 1e3).into());
    Ok(figures)
}
