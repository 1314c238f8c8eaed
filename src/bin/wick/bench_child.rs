//! One process of `wick bench`: loads, answers, and prints its figures; knows neither runs nor medians.

use super::model::{Computing, named};
use super::output;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use wick::{
    Error, ErrorKind, EventKind, Input, Model, ModelOptions, PrefixCache, Reading, Request, Result, Stats,
};

/// What prompts are cut from.
const TEXT: &str = "The harbour was quiet that morning. Two boats lay at the pier, and an old man was mending a net \
    while gulls walked around his feet. He had done this for forty years, in every weather, and he still counted the knots aloud. ";

#[derive(Args)]
pub struct BenchChild {
    model: PathBuf,
    /// Tokens that are decoded.
    #[arg(long)]
    tokens: u32,
    #[command(flatten)]
    computing: Computing,
}

impl BenchChild {
    pub fn run(self) -> Result<ExitCode> {
        let runtime = self.computing.runtime()?;
        // What a prompt leaves to others is no part of the figures, nor is what a text repeats.
        let options = self.computing.model(&self.model);
        let options = ModelOptions { prefix_cache: PrefixCache::Off, drafts: false, ..options };
        let (model, mut loading) = runtime.load(options, Reading::default())?;
        let mut load = Duration::ZERO;
        while let Some(event) = loading.next_blocking() {
            load = event.time;
            if let EventKind::End(end) = event.kind
                && let Some(error) = end.error
            {
                return Err(named(error, &self.model));
            }
        }
        let words = model.tokenize(TEXT, false, false)?;
        let measure = Measure { model: &model, words };
        measure.answer(128, 0, 8, || output::line("first"))?;
        let (warm, _) = measure.answer(128, 1, 8, || Ok(()))?;
        let figures = json!({
            "load_ms": load.as_secs_f64() * 1e3,
            "ttft_warm_ms": warm.as_secs_f64() * 1e3,
            "pp32": measure.prefill(32)?,
            "pp128": measure.prefill(128)?,
            "pp512": measure.prefill(512)?,
            "tg": measure.decode(self.tokens)?,
            "peak_mib": peak_mib(),
        });
        output::line(&figures.to_string())?;
        runtime.shutdown(None)?;
        Ok(ExitCode::SUCCESS)
    }
}

struct Measure<'a> {
    model: &'a Model,
    words: Vec<u32>,
}

impl Measure<'_> {
    /// Answers a prompt of `tokens` tokens in a new session; prompts of different `start` have no common
    /// beginning. The time to the first token, at which `at_first` is called, and the final figures.
    fn answer(
        &self,
        tokens: usize,
        start: usize,
        max_tokens: u32,
        at_first: impl FnOnce() -> Result<()>,
    ) -> Result<(Duration, Stats)> {
        let input = Input::Tokens(self.words.iter().copied().cycle().skip(start).take(tokens).collect());
        let request = Request { input, max_tokens, ignore_eos: true, ..Request::default() };
        let session = self.model.session(None)?;
        let mut stream = session.generate(request, Reading::default())?;
        let (mut at_first, mut first) = (Some(at_first), Duration::ZERO);
        while let Some(event) = stream.next_blocking() {
            match event.kind {
                EventKind::Text(_) => {
                    if let Some(at_first) = at_first.take() {
                        at_first()?;
                        first = event.time;
                    }
                }
                EventKind::End(end) => return end.error.map_or(Ok((first, end.stats)), Err),
                _ => {}
            }
        }
        Err(Error::new(ErrorKind::Internal, "a stream without END; please report this"))
    }

    /// Tokens per second while a prompt of `tokens` tokens is read; `None` if it is longer than the context.
    fn prefill(&self, tokens: usize) -> Result<Option<f64>> {
        match self.answer(tokens, tokens, 1, || Ok(())) {
            Ok((_, stats)) => Ok(per_second(tokens, stats.prefill_ns)),
            Err(error) if error.kind() == ErrorKind::ContextFull => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Tokens per second while so many tokens are generated after a short prompt; the first of them is the
    /// prefill's.
    fn decode(&self, tokens: u32) -> Result<Option<f64>> {
        let (_, stats) = self.answer(8, 3, tokens, || Ok(()))?;
        Ok(per_second(stats.output_tokens.saturating_sub(1) as usize, stats.decode_ns))
    }
}

fn per_second(tokens: usize, nanoseconds: u64) -> Option<f64> {
    (nanoseconds > 0).then(|| tokens as f64 / (nanoseconds as f64 / 1e9))
}

/// The most memory that this process ever had in use, mapped weights included; Linux says it.
fn peak_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = peak.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib / 1024.0)
}
