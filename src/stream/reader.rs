//! The reading end's own state: merges channel, side events and the terminal into one order; knows no
//! waiting.

use super::event::{Event, EventKind, Text, Vector};
use super::shared::Shared;
use super::side::{Aside, Stamped};
use crate::sync::{Ordering, lock, yield_point};
use async_channel::Receiver;
use std::time::Duration;

/// What travels through the channel: lossless, in order, counted against the reader's credit.
#[derive(Debug)]
pub(super) enum Main {
    Started,
    Text(Text),
    ToolCall(String),
    Note(String),
    Vector(Vector),
}

/// What a read that does not wait came to.
#[allow(
    clippy::large_enum_variant,
    reason = "an event is moved once; a box would be an allocation per event"
)]
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// The next event.
    Event(Event),
    /// Nothing to read now.
    Empty,
    /// The end was delivered before.
    Ended,
    /// The stream was closed.
    Closed,
}

/// Read by one call at a time, under its lock.
#[derive(Debug)]
pub(super) struct Reader {
    events: Receiver<Stamped<Main>>,
    /// Received, and not delivered because a side event came before it.
    head: Option<Stamped<Main>>,
    /// The rest of an event that the caller could not take whole.
    rest: Option<(Duration, EventKind)>,
    seq: u64,
    time: Duration,
    started: bool,
    ended: bool,
}

impl Reader {
    pub(super) fn new(events: Receiver<Stamped<Main>>) -> Self {
        Self { events, head: None, rest: None, seq: 0, time: Duration::ZERO, started: false, ended: false }
    }

    /// The next event, in the order of production.
    pub(super) fn next(&mut self, shared: &Shared) -> Next {
        if let Some((time, kind)) = self.rest.take() {
            shared.unread.fetch_sub(1, Ordering::SeqCst);
            return self.deliver(shared, time, kind);
        }
        if self.ended {
            return Next::Ended;
        }
        // Before the emptiness checks: what was sent before the end is then seen below.
        let end = shared.terminal.get();
        self.fill();
        if self.side_is_due(shared, end.is_some())
            && let Some(aside) = self.take_side(shared)
        {
            return match aside {
                Aside::Note(note) => self.deliver(shared, note.time, EventKind::Note(note.what)),
                Aside::Progress(progress) => {
                    let (done, total) = progress.what;
                    self.deliver(shared, progress.time, EventKind::Progress { done, total })
                }
            };
        }
        if let Some(head) = self.head.take() {
            shared.unread.fetch_sub(1, Ordering::SeqCst);
            self.started = true;
            return match head.what {
                Main::Started => self.deliver(shared, head.time, EventKind::Started),
                Main::Text(text) => self.deliver(shared, head.time, EventKind::Text(text)),
                Main::ToolCall(call) => self.deliver(shared, head.time, EventKind::ToolCall(call)),
                Main::Note(note) => self.deliver(shared, head.time, EventKind::LibraryNote(note)),
                Main::Vector(vector) => self.deliver(shared, head.time, EventKind::Vector(vector)),
            };
        }
        match end {
            Some(end) => {
                self.ended = true;
                self.deliver(shared, end.time, EventKind::End(end.what.clone()))
            }
            None => Next::Empty,
        }
    }

    /// Whether [`Reader::next`] would give an event.
    pub(super) fn is_readable(&mut self, shared: &Shared) -> bool {
        if self.rest.is_some() {
            return true;
        }
        if self.ended {
            return false;
        }
        let ended = shared.terminal.is_set();
        self.fill();
        ended
            || self.head.is_some()
            || (self.side_is_due(shared, false) && lock(&shared.side).first().is_some())
    }

    /// Events that can be read now, the end included.
    pub(super) fn readable(&mut self, shared: &Shared) -> usize {
        let unread = shared.unread.load(Ordering::SeqCst);
        let end = usize::from(shared.terminal.is_set() && !self.ended);
        let begins = !shared.starts || self.started || unread + end > 0;
        let side = if begins { lock(&shared.side).len() } else { 0 };
        unread + side + end
    }

    /// Gives back what the caller could not take of the event it was just given.
    pub(super) fn put_back(&mut self, shared: &Shared, time: Duration, kind: EventKind) {
        if !shared.is_closed() {
            self.rest = Some((time, kind));
            shared.unread.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Whether the end was delivered, whole.
    pub(super) fn is_over(&self) -> bool {
        self.ended && self.rest.is_none()
    }

    /// Refuses further events and frees those that wait.
    pub(super) fn close(&mut self, shared: &Shared) {
        yield_point();
        self.events.close();
        self.fill();
        while self.head.take().is_some() {
            shared.unread.fetch_sub(1, Ordering::SeqCst);
            self.fill();
        }
        if self.rest.take().is_some() {
            shared.unread.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn fill(&mut self) {
        if self.head.is_none() {
            yield_point();
            self.head = self.events.try_recv().ok();
            yield_point();
        }
    }

    /// Whether side events may come now: not before `Started`, unless that never comes.
    fn side_is_due(&self, shared: &Shared, ended: bool) -> bool {
        let begun = !shared.starts || self.started || (ended && self.head.is_none());
        begun && shared.side_waiting.load(Ordering::SeqCst)
    }

    /// The earliest side event, if it comes before the head.
    fn take_side(&mut self, shared: &Shared) -> Option<Aside> {
        let mut side = lock(&shared.side);
        let first = side.first()?;
        // Again, now that the side's lock is held: what was sent before this side event is in the channel.
        self.fill();
        if self.head.as_ref().is_some_and(|head| head.stamp < first) {
            return None;
        }
        let aside = side.pop();
        shared.side_waiting.store(side.first().is_some(), Ordering::SeqCst);
        aside
    }

    fn deliver(&mut self, shared: &Shared, time: Duration, kind: EventKind) -> Next {
        let stats = match &kind {
            EventKind::End(end) => end.stats,
            _ => shared.stats(),
        };
        self.time = self.time.max(time);
        let seq = self.seq;
        self.seq += 1;
        Next::Event(Event { seq, time: self.time, stats, kind })
    }
}
