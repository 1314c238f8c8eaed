//! The reading end of a stream that is read by itself: poll, async, or with a waker; its drop closes the
//! stream.

use super::event::{EndReason, Event, EventKind};
use super::level::Level;
use super::reader::Next;
use super::shared::{Control, Shared};
use crate::sync::{WaitingRoom, lock};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Reads one stream. Dropping it cancels the stream and forgets it.
///
/// All methods take `&self`, so that a stream can be closed while another thread reads; two reads at once are
/// each given other events. A stream with a queue is read through the queue: here it is only controlled, and
/// reads as closed.
pub struct Consumer {
    shared: Arc<Shared>,
    waiting: WaitingRoom,
}

impl Consumer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, waiting: WaitingRoom::default() }
    }

    /// The key that the stream was made with.
    pub fn key(&self) -> u64 {
        self.shared.key
    }

    /// The next event, without waiting.
    pub fn try_next(&self) -> Next {
        if self.is_queued() {
            return Next::Closed;
        }
        self.shared.next()
    }

    /// The next event, the end of reading, or the promise to wake `context`.
    pub fn poll_next(&self, context: &mut Context<'_>) -> Poll<Next> {
        let next = self.try_next();
        if !matches!(next, Next::Empty) {
            return Poll::Ready(next);
        }
        self.shared.waiting.add(context.waker());
        match self.try_next() {
            Next::Empty => Poll::Pending,
            next => Poll::Ready(next),
        }
    }

    /// Waits for the next event until `deadline` (none: for ever): `Empty` when that passes.
    pub fn wait_next(&self, deadline: Option<Instant>) -> Next {
        match self.try_next() {
            Next::Empty => {
                let next = self.waiting.wait(deadline, |context| self.poll_next(context));
                next.unwrap_or_else(|| self.try_next())
            }
            next => next,
        }
    }

    /// Whether an event, or the rest of one, can be read now.
    pub fn is_readable(&self) -> bool {
        self.shared.is_readable()
    }

    /// Gives back the rest of the event that was just read: it comes next, with a seq of its own. For the
    /// only reader.
    pub fn put_back(&self, time: Duration, rest: EventKind) {
        lock(&self.shared.reader).put_back(&self.shared, time, rest);
        self.shared.notify();
    }

    /// Shows from now on whether there is something to read; replaces a level that was shown before.
    pub fn show_on(&self, level: Arc<dyn Level>) {
        self.shared.show_on(level);
    }

    /// The level that shows this stream's readiness, if one does.
    pub fn level(&self) -> Option<Arc<dyn Level>> {
        lock(&self.shared.level).clone()
    }

    /// A handle to cancel, to write notes, to read figures.
    pub fn control(&self) -> Control {
        Control { shared: self.shared.clone() }
    }

    /// Whether the stream was closed.
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Whether the stream is read through a queue or by a callback.
    pub fn is_queued(&self) -> bool {
        self.shared.queue.is_some()
    }

    /// Cancels and forgets the stream: a waiting read returns `Closed`, no callback starts any more.
    /// Idempotent; never waits.
    pub fn close(&self) {
        self.shared.close();
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer").field("key", &self.shared.key).finish_non_exhaustive()
    }
}

impl smol::stream::Stream for Consumer {
    type Item = Event;

    fn poll_next(self: std::pin::Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        Consumer::poll_next(&self, context).map(|next| match next {
            Next::Event(event) => Some(event),
            Next::Empty | Next::Ended | Next::Closed => None,
        })
    }
}

impl Event {
    /// Why the stream ended, if this is its end.
    pub fn end_reason(&self) -> Option<EndReason> {
        match &self.kind {
            EventKind::End(end) => Some(end.reason),
            _ => None,
        }
    }
}
