//! How streams look on a terminal: text to standard output, progress and figures to standard error; knows no
//! arguments.

use super::output::{self, Tone};
use async_signal::{Signal, Signals};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use smol::future::{or, pending};
use smol::stream::StreamExt;
use wick::{Channel, End, EndReason, Error, ErrorKind, Event, EventKind, Result, Stream};

/// Ctrl-C, as an event among others.
pub struct Interrupts(Signals);

impl Interrupts {
    /// From here on Ctrl-C does not end the process.
    ///
    /// # Errors
    /// `Io` if the system refuses.
    pub fn new() -> Result<Self> {
        let refused = |error| Error::new(ErrorKind::Io, format!("Ctrl-C cannot be seen: {error}"));
        Signals::new([Signal::Int]).map(Self).map_err(refused)
    }

    /// What `work` comes to; `None`: Ctrl-C came before it.
    pub async fn before<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let interrupt = async {
            match self.0.next().await {
                Some(_) => None,
                None => pending().await,
            }
        };
        or(async { Some(work.await) }, interrupt).await
    }

    /// The next event. Ctrl-C cancels the stream; its end then comes as an event like any other.
    async fn next(&mut self, stream: &mut Stream) -> Option<Event> {
        loop {
            match self.before(stream.next()).await {
                Some(event) => return event,
                None => stream.cancel(),
            }
        }
    }
}

/// Reads a load to its end, with a bar on a terminal.
///
/// # Errors
/// The load's.
pub async fn load(mut stream: Stream, interrupts: &mut Interrupts) -> Result<End> {
    let bar = bar("loading {wide_bar} {bytes}/{total_bytes}");
    while let Some(event) = interrupts.next(&mut stream).await {
        match event.kind {
            EventKind::Progress { done, total } => advance(&bar, done, total),
            EventKind::End(mut end) => {
                bar.finish_and_clear();
                return end.error.take().map_or(Ok(end), Err);
            }
            _ => {}
        }
    }
    Err(no_end())
}

/// Shows an answer as it comes, with a bar for a long prompt before it. `None`: nobody reads it any more, so
/// it was cancelled.
///
/// # Errors
/// The answer's; `Io` of standard output.
pub async fn answer(mut stream: Stream, interrupts: &mut Interrupts) -> Result<Option<End>> {
    let mut is_read = true;
    let coloured = output::colours(&std::io::stdout());
    let mut prompt = None;
    while let Some(event) = interrupts.next(&mut stream).await {
        match event.kind {
            EventKind::Progress { done, total } => {
                advance(
                    prompt.get_or_insert_with(|| bar("reading the prompt {wide_bar} {percent} %")),
                    done,
                    total,
                );
            }
            EventKind::Text(part) if is_read => {
                clear(&mut prompt);
                let thinks = coloured && part.channel == Channel::Reasoning;
                is_read = output::write(&output::painted(&part.text, Tone::Aside, thinks))?;
                if !is_read {
                    stream.cancel();
                }
            }
            EventKind::End(mut end) => {
                clear(&mut prompt);
                if let Some(error) = end.error.take() {
                    return Err(error);
                }
                if !is_read {
                    return Ok(None);
                }
                output::line("")?;
                return Ok(Some(end));
            }
            _ => {}
        }
    }
    Err(no_end())
}

/// Reads an answer to its end and shows it with its figures, as one JSON object on standard output.
///
/// # Errors
/// As [`answer`].
pub async fn as_json(mut stream: Stream, interrupts: &mut Interrupts) -> Result<End> {
    let (mut text, mut thinking) = (String::new(), String::new());
    let mut calls: Vec<Value> = Vec::new();
    while let Some(event) = interrupts.next(&mut stream).await {
        match event.kind {
            EventKind::Text(part) => match part.channel {
                Channel::Answer => text.push_str(&part.text),
                Channel::Reasoning => thinking.push_str(&part.text),
                // The call itself comes whole.
                Channel::Tool => {}
            },
            EventKind::ToolCall(call) => calls.extend(serde_json::from_str(&call)),
            EventKind::End(mut end) => {
                if let Some(error) = end.error.take() {
                    return Err(error);
                }
                let stats = &end.stats;
                let told = json!({
                    "text": text,
                    "reasoning": thinking,
                    "tool_calls": calls,
                    "end": name(end.reason),
                    "stop": end.stop,
                    "prompt_tokens": stats.prompt_tokens,
                    "cached_tokens": stats.cached_tokens,
                    "output_tokens": stats.output_tokens,
                    "ttft_ms": stats.ttft_ns as f64 / 1e6,
                    "decode_ms": stats.decode_ns as f64 / 1e6,
                    "seed": stats.seed,
                });
                output::line(&format!("{told:#}"))?;
                return Ok(end);
            }
            _ => {}
        }
    }
    Err(no_end())
}

/// A reason as JSON has it.
fn name(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Stop => "stop",
        EndReason::StopString => "stop_string",
        EndReason::Length => "length",
        EndReason::ContextFull => "context_full",
        EndReason::Cancelled => "cancelled",
        EndReason::Deadline => "deadline",
        EndReason::Shutdown => "shutdown",
        _ => "error",
    }
}

/// On standard error, if that is a terminal.
fn bar(template: &str) -> ProgressBar {
    let bar = ProgressBar::new(0);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn advance(bar: &ProgressBar, done: u64, total: u64) {
    bar.set_length(total);
    bar.set_position(done);
}

fn clear(bar: &mut Option<ProgressBar>) {
    if let Some(bar) = bar.take() {
        bar.finish_and_clear();
    }
}

/// Why an answer ended, in the command's words.
pub fn reason(end: &End) -> String {
    match end.reason {
        EndReason::Stop => "ended".to_owned(),
        EndReason::StopString => format!("stop string {:?}", end.stop.as_deref().unwrap_or_default()),
        EndReason::Length => "cut at --max-tokens".to_owned(),
        EndReason::ContextFull => "the context is full".to_owned(),
        EndReason::Cancelled => "cancelled".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// An answer's figures; the seed where it had any influence.
pub fn figures(end: &End, drawn: bool) -> String {
    let stats = &end.stats;
    let steps = stats.output_tokens.saturating_sub(1);
    let decode = match stats.decode_ns {
        0 => String::new(),
        decode => format!(", {:.1} tokens/s", f64::from(steps) / (decode as f64 / 1e9)),
    };
    let seed =
        if drawn && stats.output_tokens > 0 { format!(", seed {}", stats.seed) } else { String::new() };
    format!(
        "{}: {} tokens in, {} out, first text after {:.0} ms{decode}{seed}",
        reason(end),
        stats.prompt_tokens,
        stats.output_tokens,
        stats.ttft_ns as f64 / 1e6,
    )
}

fn no_end() -> Error {
    Error::new(ErrorKind::Internal, "the stream ended without its END; please report this")
}
