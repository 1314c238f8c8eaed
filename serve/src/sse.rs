//! An answer on its way to a client as server-sent events (WHATWG HTML, 9.2). What the client does not take
//! waits here, then in the stream's credit, and then the generation pauses.

use crate::answer::Answer;
use crate::jobs::Reading;
use crate::openai::Chunks;
use async_io::Timer;
use hyper::body::Bytes;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Bytes after which what is written goes to the connection, whatever else there is.
const ENOUGH: usize = 8 * 1024;

/// A comment: readers skip it.
const HEARTBEAT: &str = ": wick\n\n";

/// A body of events.
pub struct Events {
    /// Gone once its end is written: then the client may be slow, the engine is not concerned.
    answer: Option<Answer>,
    chunks: Chunks,
    heartbeat: Duration,
    /// Runs since something was last written.
    silence: Timer,
    /// The job that it is the stream of.
    _job: Option<Reading>,
}

impl Events {
    /// What `answer` says, told as `chunks`, with a comment after each silence of `heartbeat`.
    pub fn new(answer: Answer, chunks: Chunks, heartbeat: Duration, job: Option<Reading>) -> Self {
        Self { answer: Some(answer), chunks, heartbeat, silence: Timer::after(heartbeat), _job: job }
    }

    /// Whether all of it was given.
    pub fn is_over(&self) -> bool {
        self.answer.is_none()
    }

    /// The next bytes; `None` behind the last.
    pub fn poll_bytes(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(answer) = &mut self.answer else { return Poll::Ready(None) };
        let mut out = String::new();
        while out.len() < ENOUGH {
            let Poll::Ready(event) = answer.poll_next(context) else { break };
            if self.chunks.event(&mut out, &event) {
                self.answer = None;
                break;
            }
        }
        if out.is_empty() && self.answer.is_some() {
            match Future::poll(Pin::new(&mut self.silence), context) {
                Poll::Ready(_) => out.push_str(HEARTBEAT),
                Poll::Pending => return Poll::Pending,
            }
        }
        self.silence.set_after(self.heartbeat);
        Poll::Ready(Some(out.into()))
    }
}
