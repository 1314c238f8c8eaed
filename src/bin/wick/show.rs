//! How streams look on a terminal: text to standard output, progress and figures to standard error; knows no
//! arguments.

use super::output;
use async_signal::{Signal, Signals};
use indicatif::{ProgressBar, ProgressStyle};
use smol::future::{or, pending};
use smol::stream::StreamExt;
use wick::{End, EndReason, Error, ErrorKind, Event, EventKind, Result, Stream};

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
                is_read = output::write(&part.text)?;
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
