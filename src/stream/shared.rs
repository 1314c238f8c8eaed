//! What the handles of one stream share: terminal cell, channel, side events, figures, and who is to be woken.

use super::event::{End, EndReason, Stats};
use super::level::Level;
use super::queue::Queue;
use super::reader::{Next, Reader};
use super::side::{Side, Stamped};
use super::sink::Sink;
use crate::sync::{AtomicBool, AtomicU64, AtomicUsize, Mutex, Ordering, SetOnce, Waiters, lock};
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::Instant;

/// The state of one stream. Locks are taken in the order queue, level, reader, side, stats; none is held over a callback.
pub(super) struct Shared {
    pub(super) key: u64,
    pub(super) born: Instant,
    /// Whether `Started` comes first: side events then wait for it.
    pub(super) starts: bool,
    /// The end: out of band, so that no full buffer and no other sender can hold it back.
    pub(super) terminal: SetOnce<Stamped<End>>,
    pub(super) side: Mutex<Side>,
    pub(super) side_waiting: AtomicBool,
    pub(super) stamps: AtomicU64,
    /// Events in the channel or held by the reader.
    pub(super) unread: AtomicUsize,
    /// The producer found no room and waits to hear of some.
    pub(super) wants_room: AtomicBool,
    pub(super) stats: Mutex<Stats>,
    pub(super) cancelled: AtomicBool,
    pub(super) closed: AtomicBool,
    /// Wakes the producer when the consumer wants something of it, or has made room.
    pub(super) attention: Waker,
    pub(super) reader: Mutex<Reader>,
    pub(super) waiting: Mutex<Waiters>,
    pub(super) level: Mutex<Option<Arc<dyn Level>>>,
    pub(super) queue: Option<Weak<Queue>>,
    /// Delivers to a callback (through a queue's dispatch), or only keeps what is to be dropped at the close.
    pub(super) sink: Sink,
}

impl Shared {
    /// Something that happens now.
    pub(super) fn stamp<T>(&self, what: T) -> Stamped<T> {
        Stamped { stamp: self.stamps.fetch_add(1, Ordering::SeqCst), time: self.born.elapsed(), what }
    }

    /// Sets the end unless there is one. Under the side's lock: a note is either before it or refused.
    pub(super) fn finish(&self, mut end: End) {
        {
            let side = lock(&self.side);
            end.stats = *lock(&self.stats);
            end.stats.notes_dropped = side.dropped;
            self.terminal.set(self.stamp(end));
        }
        self.notify();
    }

    /// The figures as of now, or the final ones.
    pub(super) fn stats(&self) -> Stats {
        if let Some(end) = self.terminal.get() {
            return end.what.stats;
        }
        let dropped = lock(&self.side).dropped;
        Stats { notes_dropped: dropped, ..*lock(&self.stats) }
    }

    /// Tells the consumer, however it reads, that there may be something to read.
    pub(super) fn notify(&self) {
        if let Some(queue) = self.queue() {
            queue.attend(self);
        }
        self.wake_reader();
        self.show_level();
    }

    /// The next event, without waiting.
    pub(super) fn next(&self) -> Next {
        let next = self.take();
        if matches!(next, Next::Event(_)) {
            self.after_read();
        }
        next
    }

    /// The next event; [`Shared::after_read`] is due after it, once no lock is held.
    pub(super) fn take(&self) -> Next {
        if self.is_closed() {
            return Next::Closed;
        }
        lock(&self.reader).next(self)
    }

    /// Shows what a read has changed, and tells a producer that waits for room.
    pub(super) fn after_read(&self) {
        self.show_level();
        if self.wants_room.swap(false, Ordering::SeqCst) {
            self.attention.wake_by_ref();
        }
    }

    /// Whether [`Shared::next`] would give an event.
    pub(super) fn is_readable(&self) -> bool {
        !self.is_closed() && lock(&self.reader).is_readable(self)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Shows readiness on `level` from here on, unless the stream is closed.
    pub(super) fn show_on(&self, level: Arc<dyn Level>) {
        let before = {
            let mut shown = lock(&self.level);
            if self.is_closed() {
                return;
            }
            shown.replace(level)
        };
        drop(before);
        self.show_level();
    }

    /// Puts the OS handle's level right. Under its lock, so that the last to look decides.
    pub(super) fn show_level(&self) {
        if let Some(level) = &*lock(&self.level) {
            level.set(self.is_readable());
        }
    }

    pub(super) fn wake_reader(&self) {
        let waiters = std::mem::take(&mut *lock(&self.waiting));
        waiters.wake();
    }

    pub(super) fn cancel(&self) {
        if !self.cancelled.swap(true, Ordering::SeqCst) {
            self.attention.wake_by_ref();
        }
    }

    /// Cancels and forgets: nothing is delivered from here on. Idempotent.
    pub(super) fn close(&self) {
        if self.closed.swap(true, Ordering::SeqCst) {
            return;
        }
        self.cancelled.store(true, Ordering::SeqCst);
        if let Some(queue) = self.queue() {
            queue.forget(self.key);
        }
        lock(&self.reader).close(self);
        lock(&self.side).clear();
        self.wake_reader();
        let level = {
            let mut shown = lock(&self.level);
            shown.take().inspect(|level| level.set(false))
        };
        drop(level);
        self.attention.wake_by_ref();
        self.sink.close();
    }

    pub(super) fn queue(&self) -> Option<Arc<Queue>> {
        self.queue.as_ref().and_then(Weak::upgrade)
    }
}

/// A handle on a stream that neither produces nor consumes: cancel, notes, figures. Any thread; never waits.
#[derive(Clone)]
pub struct Control {
    pub(super) shared: Arc<Shared>,
}

impl Control {
    /// Asks for the end: latched, idempotent; an end that came first stays.
    pub fn cancel(&self) {
        self.shared.cancel();
    }

    /// Whether the stream was cancelled or closed.
    pub fn is_cancelled(&self) -> bool {
        self.shared.cancelled.load(Ordering::SeqCst)
    }

    /// Whether the end can be read, or was.
    pub fn has_ended(&self) -> bool {
        self.shared.terminal.is_set()
    }

    /// Why the stream ended, once it has.
    pub fn end_reason(&self) -> Option<EndReason> {
        self.shared.terminal.get().map(|end| end.what.reason)
    }

    /// The figures: final after the end, else as of now.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// Merges a note into the stream. Of the unread ones, the oldest beyond [`super::MAX_NOTES`] or
    /// [`super::MAX_NOTE_BYTES`] are dropped and counted.
    ///
    /// # Errors
    /// Hands the note back once the stream has ended or was closed.
    pub fn note(&self, text: String) -> Result<(), String> {
        let shared = &*self.shared;
        {
            let mut side = lock(&shared.side);
            if shared.terminal.is_set() || shared.is_closed() {
                return Err(text);
            }
            side.push_note(shared.stamp(text));
            shared.side_waiting.store(true, Ordering::SeqCst);
        }
        shared.notify();
        Ok(())
    }
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").field("key", &self.shared.key).field("ended", &self.has_ended()).finish()
    }
}
