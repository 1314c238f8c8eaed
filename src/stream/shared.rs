//! What the handles of one stream share: terminal cell, channel, side events, figures, and who is to be
//! woken.

use super::event::{End, EndReason, Stats};
use super::level::Level;
use super::queue::Queue;
use super::reader::{Next, Reader};
use super::side::{Side, Stamped};
use super::sink::Sink;
use crate::error::{Error, ErrorKind};
use crate::sync::{
    Apart, AtomicBool, AtomicU64, AtomicUsize, Mutex, Ordering, SetOnce, WaitList, announce_point, lock,
};
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::Instant;

/// The state of one stream. Locks are taken in the order queue, calls, level, reader, side, stats; none is
/// held over a callback.
pub(super) struct Shared {
    pub(super) key: u64,
    pub(super) born: Instant,
    /// Whether `Started` comes first: side events then wait for it.
    pub(super) starts: bool,
    /// The end: out of band, so that no full buffer and no other sender can hold it back.
    pub(super) terminal: SetOnce<Stamped<End>>,
    pub(super) side: Mutex<Side>,
    pub(super) side_waiting: AtomicBool,
    pub(super) stamps: Apart<AtomicU64>,
    /// Events in the channel or held by the reader, the rest of one included.
    pub(super) unread: Apart<AtomicUsize>,
    /// The producer found no credit and waits to hear of some.
    pub(super) wants_credit: AtomicBool,
    /// Without the dropped notes, which are counted beside it.
    pub(super) stats: Apart<Mutex<Stats>>,
    pub(super) notes_dropped: AtomicU64,
    pub(super) cancelled: AtomicBool,
    /// The consumer wants the answer now.
    pub(super) wants_answer: AtomicBool,
    pub(super) closed: AtomicBool,
    /// Wakes the producer when the consumer wants something of it, or has given credit.
    pub(super) on_change: Waker,
    pub(super) reader: Apart<Mutex<Reader>>,
    pub(super) waiting: WaitList,
    pub(super) level: Mutex<Option<Arc<dyn Level>>>,
    /// Whether there is a level; written under its lock.
    pub(super) shows_level: AtomicBool,
    pub(super) queue: Option<Weak<Queue>>,
    /// The queue has this stream among those that are to be read, or among the calls for it.
    pub(super) has_turn: Apart<AtomicBool>,
    /// Delivers to a callback (through a queue's dispatch), or only keeps what is to be dropped at the close.
    pub(super) sink: Sink,
}

/// What is left of a stream's turn in its queue.
#[derive(Clone, Copy)]
pub(super) struct Turn {
    /// There is more to read.
    pub(super) more: bool,
    /// The end was delivered, whole.
    pub(super) over: bool,
}

impl Shared {
    /// Something that happens now.
    pub(super) fn stamp<T>(&self, what: T) -> Stamped<T> {
        self.stamp_at(what, Instant::now())
    }

    /// Something that happened at `now`, which just was.
    pub(super) fn stamp_at<T>(&self, what: T, now: Instant) -> Stamped<T> {
        let time = now.saturating_duration_since(self.born);
        Stamped { stamp: self.stamps.fetch_add(1, Ordering::SeqCst), time, what }
    }

    /// Sets the end unless there is one. Under the side's lock: a note is either before it or refused.
    pub(super) fn finish(&self, mut end: End) {
        {
            let _side = lock(&self.side);
            end.stats = *lock(&self.stats);
            end.stats.notes_dropped = self.notes_dropped.load(Ordering::SeqCst);
            self.terminal.set(self.stamp(end));
        }
        self.notify();
    }

    /// The figures as of now, or the final ones.
    pub(super) fn stats(&self) -> Stats {
        if let Some(end) = self.terminal.get() {
            return end.what.stats;
        }
        let stats = *lock(&self.stats);
        Stats { notes_dropped: self.notes_dropped.load(Ordering::SeqCst), ..stats }
    }

    /// Tells the consumer, however it reads, that there may be something to read.
    pub(super) fn notify(&self) {
        announce_point();
        if !self.has_turn.load(Ordering::SeqCst)
            && let Some(queue) = self.queue()
        {
            queue.attend(self);
        }
        self.waiting.wake();
        self.show_level();
    }

    /// The next event, without waiting.
    pub(super) fn next(&self) -> Next {
        if self.looks_empty() {
            return Next::Empty;
        }
        let next = self.take();
        if matches!(next, Next::Event(_)) {
            self.after_read();
        }
        next
    }

    /// Whether there is nothing to read, seen without the reader's lock. In the order in which
    /// [`Reader::next`] looks.
    fn looks_empty(&self) -> bool {
        !self.is_closed()
            && !self.terminal.is_set()
            && self.unread.load(Ordering::SeqCst) == 0
            && !self.side_waiting.load(Ordering::SeqCst)
    }

    /// The next event; [`Shared::after_read`] is due after it, once no lock is held.
    pub(super) fn take(&self) -> Next {
        let mut reader = lock(&self.reader);
        // Under the lock: a close that came first has dropped what comes before the end.
        if self.is_closed() {
            return Next::Closed;
        }
        reader.next(self)
    }

    /// The next event for a reader of the queue, and whether the stream keeps its turn. Under the queue's
    /// lock.
    pub(super) fn take_turn(&self) -> (Next, Turn) {
        let mut reader = lock(&self.reader);
        // As above.
        if self.is_closed() {
            return (Next::Closed, Turn { more: false, over: false });
        }
        let next = reader.next(self);
        let more = self.keeps(&mut reader);
        (next, Turn { more, over: reader.is_over() })
    }

    /// Whether the stream, which has a turn, has something to read; if not, its turn is over. Under the
    /// queue's lock.
    pub(super) fn keeps_turn(&self) -> bool {
        !self.is_closed() && self.keeps(&mut lock(&self.reader))
    }

    fn keeps(&self, reader: &mut Reader) -> bool {
        if reader.is_readable(self) {
            return true;
        }
        // Given up before the last look: who adds something meanwhile sees that and calls, or is seen.
        self.has_turn.store(false, Ordering::SeqCst);
        announce_point();
        reader.is_readable(self) && !self.has_turn.swap(true, Ordering::SeqCst)
    }

    /// Shows what a read has changed, and tells a producer that waits for credit.
    pub(super) fn after_read(&self) {
        self.show_level();
        if self.wants_credit.load(Ordering::SeqCst) && self.wants_credit.swap(false, Ordering::SeqCst) {
            self.on_change.wake_by_ref();
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
            self.shows_level.store(true, Ordering::SeqCst);
            shown.replace(level)
        };
        drop(before);
        announce_point();
        self.show_level();
    }

    /// Puts the OS handle's level right. Under its lock, so that the last to look decides.
    pub(super) fn show_level(&self) {
        if !self.shows_level.load(Ordering::SeqCst) {
            return;
        }
        if let Some(level) = &*lock(&self.level) {
            level.set(self.is_readable());
        }
    }

    pub(super) fn cancel(&self) {
        if !self.cancelled.swap(true, Ordering::SeqCst) {
            self.on_change.wake_by_ref();
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
        announce_point();
        self.waiting.wake();
        let level = {
            let mut shown = lock(&self.level);
            shown.take().inspect(|level| level.set(false))
        };
        drop(level);
        self.on_change.wake_by_ref();
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

    /// Asks a generation to end its thinking: latched, idempotent. Once the answer has begun it changes
    /// nothing.
    ///
    /// # Errors
    /// `InvalidArgument` if it is no generation.
    pub fn answer_now(&self) -> Result<(), Error> {
        if !self.shared.starts {
            let why = "only a generation thinks; this stream is of something else";
            return Err(Error::new(ErrorKind::InvalidArgument, why));
        }
        if !self.shared.wants_answer.swap(true, Ordering::SeqCst) {
            self.shared.on_change.wake_by_ref();
        }
        Ok(())
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
            let dropped = side.push_note(shared.stamp(text));
            shared.notes_dropped.fetch_add(dropped, Ordering::SeqCst);
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
