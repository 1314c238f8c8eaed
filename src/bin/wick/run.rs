//! `wick run`: one prompt, its answer as it comes. Text goes to standard output, everything else to standard error.

use super::model::Computing;
use super::output;
use async_signal::{Signal, Signals};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use smol::future::{or, pending};
use smol::stream::StreamExt;
use std::io::{IsTerminal, Read};
use std::path::PathBuf;
use std::process::ExitCode;
use wick::{
    End, EndReason, Error, ErrorKind, Event, EventKind, Input, Message, Model, ModelOptions, Reading,
    Request, Result, Runtime, SamplerOptions, Stream,
};

/// What a shell gives for a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

#[derive(Args)]
pub struct Run {
    /// A .gguf file
    model: PathBuf,
    /// What to answer; from standard input if left out or "-"
    prompt: Option<String>,
    /// A system message before the prompt
    #[arg(long, value_name = "TEXT", conflicts_with = "raw")]
    system: Option<String>,
    /// Continue the prompt as it stands, without the model's chat template
    #[arg(long)]
    raw: bool,
    /// The most tokens to generate; 0: until the context is full
    #[arg(long, default_value_t = 512, value_name = "N", allow_negative_numbers = true)]
    max_tokens: u32,
    /// 0: the likeliest token each time
    #[arg(long, default_value_t = 0.0, value_name = "T", allow_negative_numbers = true)]
    temperature: f32,
    /// Draw from the likeliest tokens whose probabilities add up to this; 0 or 1: off
    #[arg(long, default_value_t = 0.0, value_name = "P", allow_negative_numbers = true)]
    top_p: f32,
    /// Draw from the K likeliest tokens; 0: off
    #[arg(long, default_value_t = 0, value_name = "K", allow_negative_numbers = true)]
    top_k: i32,
    /// Draw from tokens at least this fraction as likely as the likeliest; 0: off
    #[arg(long, default_value_t = 0.0, value_name = "P", allow_negative_numbers = true)]
    min_p: f32,
    /// Begins the random numbers; 0: a random seed
    #[arg(long, default_value_t = 0, value_name = "N", allow_negative_numbers = true)]
    seed: u64,
    /// End the answer before this text; may be given more than once
    #[arg(long, value_name = "TEXT")]
    stop: Vec<String>,
    /// The most tokens of prompt and answer; 0: the model's own
    #[arg(long, default_value_t = 0, value_name = "N", allow_negative_numbers = true)]
    context: usize,
    #[command(flatten)]
    computing: Computing,
}

impl Run {
    pub fn run(self) -> Result<ExitCode> {
        let prompt = self.prompt()?;
        let runtime = self.computing.runtime()?;
        let code = smol::future::block_on(self.answer(&runtime, prompt));
        runtime.shutdown(None)?;
        code
    }

    fn prompt(&self) -> Result<String> {
        match self.prompt.as_deref() {
            Some(prompt) if prompt != "-" => Ok(prompt.to_owned()),
            _ => {
                if std::io::stdin().is_terminal() {
                    output::tell("wick: type the prompt; Ctrl-D on a line of its own ends it");
                }
                let mut prompt = String::new();
                let read = std::io::stdin().read_to_string(&mut prompt);
                read.map_err(|error| Error::new(ErrorKind::Io, format!("standard input: {error}")))?;
                Ok(prompt)
            }
        }
    }

    async fn answer(&self, runtime: &Runtime, prompt: String) -> Result<ExitCode> {
        let mut interrupts = Signals::new([Signal::Int])
            .map_err(|error| Error::new(ErrorKind::Io, format!("Ctrl-C cannot be seen: {error}")))?;
        let context_length = (self.context != 0).then_some(self.context);
        let options = ModelOptions { context_length, ..self.computing.model(&self.model) };
        let (model, loading) = runtime.load(options, Reading::default())?;
        if load(loading, &mut interrupts).await?.reason == EndReason::Cancelled {
            return Ok(ExitCode::from(INTERRUPTED));
        }
        let session = model.session(None)?;
        let stream = session.generate(self.request(&model, prompt)?, Reading::default())?;
        show(stream, &mut interrupts).await
    }

    fn request(&self, model: &Model, prompt: String) -> Result<Request> {
        let templated = model.info()?.get("chat_template").and_then(|has| has.as_bool()).unwrap_or(false);
        let input = if templated && !self.raw {
            let system = self.system.iter().map(|text| message("system", text));
            Input::Messages(system.chain([message("user", &prompt)]).collect())
        } else if self.system.is_some() {
            let why = "--system needs a chat template, and this model has none; put the text into the prompt";
            return Err(Error::new(ErrorKind::InvalidArgument, why));
        } else {
            Input::Text(prompt)
        };
        let sampling = SamplerOptions {
            temperature: self.temperature,
            top_p: self.top_p,
            top_k: self.top_k,
            min_p: self.min_p,
            seed: self.seed,
            ..SamplerOptions::default()
        };
        let (max_tokens, stop) = (self.max_tokens, self.stop.clone());
        Ok(Request { input, max_tokens, sampling, stop, ..Request::default() })
    }
}

fn message(role: &str, content: &str) -> Message {
    Message { role: role.to_owned(), content: content.to_owned(), extra: None }
}

/// The next event. Ctrl-C cancels the stream; its end then comes as an event like any other.
async fn next(stream: &mut Stream, interrupts: &mut Signals) -> Option<Event> {
    loop {
        let event = async { Some(stream.next().await) };
        let interrupt = async {
            match interrupts.next().await {
                Some(_) => None,
                None => pending().await,
            }
        };
        match or(event, interrupt).await {
            Some(event) => return event,
            None => stream.cancel(),
        }
    }
}

/// Reads a load to its end, with a bar on a terminal.
async fn load(mut stream: Stream, interrupts: &mut Signals) -> Result<End> {
    let bar = ProgressBar::new(0).with_message("loading");
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes}") {
        bar.set_style(style);
    }
    while let Some(event) = next(&mut stream, interrupts).await {
        match event.kind {
            EventKind::Progress { done, total } => {
                bar.set_length(total);
                bar.set_position(done);
            }
            EventKind::End(mut end) => {
                bar.finish_and_clear();
                return end.error.take().map_or(Ok(end), Err);
            }
            _ => {}
        }
    }
    Err(no_end())
}

/// Shows an answer as it comes, and its figures after it. If nobody reads it any more, it is cancelled.
async fn show(mut stream: Stream, interrupts: &mut Signals) -> Result<ExitCode> {
    let mut is_read = true;
    while let Some(event) = next(&mut stream, interrupts).await {
        match event.kind {
            EventKind::Text(part) if is_read => {
                is_read = output::write(&part.text)?;
                if !is_read {
                    stream.cancel();
                }
            }
            EventKind::End(mut end) => {
                if let Some(error) = end.error.take() {
                    return Err(error);
                }
                if !is_read {
                    return Ok(ExitCode::SUCCESS);
                }
                output::line("")?;
                output::tell(&format!("\n{}", figures(&end)));
                let cancelled = end.reason == EndReason::Cancelled;
                return Ok(if cancelled { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS });
            }
            _ => {}
        }
    }
    Err(no_end())
}

fn figures(end: &End) -> String {
    let stats = &end.stats;
    let milliseconds = |nanoseconds: u64| nanoseconds as f64 / 1e6;
    let steps = stats.output_tokens.saturating_sub(1);
    let decode = match stats.decode_ns {
        0 => String::new(),
        decode => format!(", {:.1} tokens/s", f64::from(steps) / (decode as f64 / 1e9)),
    };
    format!(
        "{:?}: {} tokens in, {} out, first text after {:.0} ms{decode}, seed {}",
        end.reason,
        stats.prompt_tokens,
        stats.output_tokens,
        milliseconds(stats.ttft_ns),
        stats.seed
    )
}

fn no_end() -> Error {
    Error::new(ErrorKind::Internal, "the stream ended without its END; please report this")
}
