//! A stream's handle in the runtime: reading that waits, also where the waiting thread does the work.

use super::core::Core;
use crate::error::{Error, ErrorKind, Result};
use crate::stream::{Consumer, Control, End, Event, EventKind, Level, Next, Stats};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// The events of one generation or load: blocking, polled, or as an async `Stream`. Dropping it cancels what
/// feeds it.
///
/// A stream outlives its runtime: after the shutdown it gives its end.
#[derive(Debug)]
pub struct Stream {
    consumer: Consumer,
    core: Weak<Core>,
}

impl Stream {
    pub(super) fn new(consumer: Consumer, core: &Arc<Core>) -> Self {
        Self { consumer, core: Arc::downgrade(core) }
    }

    /// The next event; `None` once the end was read. Waits as long as it takes.
    pub fn next_blocking(&mut self) -> Option<Event> {
        match self.wait_next(None) {
            Next::Event(event) => Some(event),
            Next::Empty | Next::Ended | Next::Closed => None,
        }
    }

    /// What can be read by `deadline` (`None`: for ever); `Empty` if that passes. Any thread.
    pub fn wait_next(&self, deadline: Option<Instant>) -> Next {
        // Only in HOST_STEP is the runtime needed for waiting.
        match self.core.upgrade().filter(|core| core.is_host_step()) {
            Some(core) => core
                .wait(deadline, |context| self.consumer.poll_next(context))
                .unwrap_or_else(|| self.consumer.try_next()),
            None => self.consumer.wait_next(deadline),
        }
    }

    /// What can be read now, without waiting. In HOST_STEP somebody has to step the runtime for there to be
    /// anything.
    pub fn try_next(&self) -> Next {
        self.consumer.try_next()
    }

    /// The next event, the end of reading, or the promise to wake `context`. In HOST_STEP somebody else has
    /// to step the runtime.
    pub fn poll_next(&self, context: &mut Context<'_>) -> Poll<Next> {
        self.consumer.poll_next(context)
    }

    /// Whether an event, or the rest of one, can be read now.
    pub fn is_readable(&self) -> bool {
        self.consumer.is_readable()
    }

    /// Shows from now on whether there is something to read; replaces a level that was shown before.
    pub fn show_on(&self, level: Arc<dyn Level>) {
        self.consumer.show_on(level);
    }

    /// Gives back the rest of the event that was just read: it comes next, with a seq of its own. For the
    /// only reader.
    pub(crate) fn put_back(&self, time: Duration, rest: EventKind) {
        self.consumer.put_back(time, rest);
    }

    /// The key of [`super::Reading::key`], or the runtime's choice.
    pub fn key(&self) -> u64 {
        self.consumer.key()
    }

    /// Whether the stream is read through a queue or by a callback: here it then reads as closed.
    pub fn is_queued(&self) -> bool {
        self.consumer.is_queued()
    }

    /// Whether the stream was closed.
    pub fn is_closed(&self) -> bool {
        self.consumer.is_closed()
    }

    /// Cancels and forgets the stream: a waiting read returns [`Next::Closed`], no callback starts any more.
    /// Idempotent; never waits.
    pub fn close(&self) {
        self.consumer.close();
    }

    /// Reads on to the end and gives it with all the text before it.
    ///
    /// # Errors
    /// The end's error; `StaleHandle` if the end was read before.
    pub fn collect_text(&mut self) -> Result<(String, End)> {
        let mut text = String::new();
        while let Some(event) = self.next_blocking() {
            match event.kind {
                EventKind::Text(part) => text.push_str(&part.text),
                EventKind::End(End { error: Some(error), .. }) => return Err(error),
                EventKind::End(end) => return Ok((text, end)),
                _ => {}
            }
        }
        Err(Error::new(ErrorKind::StaleHandle, "the stream's end was read before"))
    }

    /// Asks for the end: latched, idempotent; END (Cancelled) follows unless the end came first.
    pub fn cancel(&self) {
        self.consumer.control().cancel();
    }

    /// Ends a generation's thinking here, or keeps it from beginning: latched. Once the answer has begun it
    /// changes nothing.
    ///
    /// # Errors
    /// `InvalidArgument` if it is no generation.
    pub fn answer_now(&self) -> Result<()> {
        self.consumer.control().answer_now()
    }

    /// The figures as of now; final after the end.
    pub fn stats(&self) -> Stats {
        self.consumer.control().stats()
    }

    /// A handle to cancel, to write notes and to read figures elsewhere.
    pub fn control(&self) -> Control {
        self.consumer.control()
    }
}

impl smol::stream::Stream for Stream {
    type Item = Event;

    /// Needs somebody else to step the runtime in HOST_STEP.
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        smol::stream::Stream::poll_next(Pin::new(&mut self.consumer), context)
    }
}
