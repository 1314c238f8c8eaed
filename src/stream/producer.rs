//! The writing end: the only way to feed a stream, and the guard whose `Drop` ends it.

use super::consumer::Consumer;
use super::event::{End, Stats, Text, Vector};
use super::queue::Queue;
use super::reader::{Main, Reader};
use super::shared::{Control, Shared};
use super::side::{Side, Stamped};
use super::sink::{Delivery, Sink};
use crate::error::{Error, ErrorKind};
use crate::sync::{
    Apart, AtomicBool, AtomicU64, AtomicUsize, Mutex, Ordering, SetOnce, WaitList, lock, yield_point,
};
use async_channel::Sender;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

/// What a stream is made of.
pub struct StreamOptions {
    /// The stream's name among those of its queue; the caller keeps it unique.
    pub key: u64,
    /// Whether the first event is `Started`; notes and progress then wait for it.
    pub starts: bool,
    /// Woken when the consumer cancels, closes, or gives credit that [`Producer::has_credit`] missed.
    pub on_change: Waker,
    /// Where the stream is read, unless by itself. Pushed streams need one.
    pub queue: Option<Arc<Queue>>,
    /// How it is read.
    pub delivery: Delivery,
}

/// Makes a stream. With a queue, the queue delivers it from here on.
///
/// # Errors
/// `StaleHandle` if the queue is closed, `InvalidArgument` if it has a stream with this key; the delivery is
/// dropped then.
pub fn stream(options: StreamOptions) -> Result<(Producer, Consumer), Error> {
    let (sender, receiver) = async_channel::unbounded();
    let shared = Arc::new(Shared {
        key: options.key,
        born: Instant::now(),
        starts: options.starts,
        terminal: SetOnce::default(),
        side: Mutex::new(Side::default()),
        side_waiting: AtomicBool::new(false),
        stamps: Apart(AtomicU64::new(0)),
        unread: Apart(AtomicUsize::new(0)),
        wants_credit: AtomicBool::new(false),
        stats: Apart(Mutex::new(Stats::default())),
        notes_dropped: AtomicU64::new(0),
        cancelled: AtomicBool::new(false),
        wants_answer: AtomicBool::new(false),
        closed: AtomicBool::new(false),
        on_change: options.on_change,
        reader: Apart(Mutex::new(Reader::new(receiver))),
        waiting: WaitList::default(),
        level: Mutex::new(None),
        shows_level: AtomicBool::new(false),
        has_turn: Apart(AtomicBool::new(false)),
        queue: options.queue.as_ref().map(Arc::downgrade),
        sink: Sink::new(options.delivery),
    });
    if let Some(queue) = &options.queue {
        queue.adopt(&shared)?;
    }
    let consumer = Consumer::new(shared.clone());
    Ok((Producer { shared, events: sender }, consumer))
}

/// Feeds one stream, from one place. Dropped without an [`Producer::end`], also by a panic, it ends the
/// stream with an error: a forgotten path is an END, not silence.
pub struct Producer {
    shared: Arc<Shared>,
    events: Sender<Stamped<Main>>,
}

impl Producer {
    /// The request left the waiting line.
    pub fn started(&self) {
        self.send(Main::Started, Instant::now());
    }

    /// Text, or ids without a text of their own.
    pub fn text(&self, text: Text) {
        self.text_at(text, Instant::now());
    }

    /// As [`Producer::text`], for whoever has just looked at the clock.
    pub fn text_at(&self, text: Text, now: Instant) {
        self.send(Main::Text(text), now);
    }

    /// One call of a tool, as JSON.
    pub fn tool_call(&self, call: String) {
        self.send(Main::ToolCall(call), Instant::now());
    }

    /// What a model makes of one text.
    pub fn vector(&self, vector: Vector) {
        self.send(Main::Vector(vector), Instant::now());
    }

    /// The library's own note, as JSON: it has its place between the texts, and is never dropped.
    pub fn note(&self, note: String) {
        self.send(Main::Note(note), Instant::now());
    }

    /// `done` of `total` bytes or tokens; replaces a progress that was not read yet.
    pub fn progress(&self, done: u64, total: u64) {
        {
            let mut side = lock(&self.shared.side);
            side.set_progress(self.shared.stamp((done, total)));
            self.shared.side_waiting.store(true, Ordering::SeqCst);
        }
        self.shared.notify();
    }

    /// Ends the stream.
    pub fn end(self, end: End) {
        self.shared.finish(end);
    }

    /// Whether fewer than `limit` events wait to be read (0: no limit). If not, the consumer's next read
    /// draws the producer's attention.
    pub fn has_credit(&self, limit: usize) -> bool {
        if limit == 0 || self.shared.unread.load(Ordering::SeqCst) < limit {
            return true;
        }
        self.shared.wants_credit.store(true, Ordering::SeqCst);
        self.shared.unread.load(Ordering::SeqCst) < limit
    }

    /// Whether the consumer cancelled or closed the stream.
    pub fn is_cancelled(&self) -> bool {
        self.shared.cancelled.load(Ordering::SeqCst)
    }

    /// Whether the consumer wants the answer without further thinking.
    pub fn wants_answer(&self) -> bool {
        self.shared.wants_answer.load(Ordering::SeqCst)
    }

    /// Whether the consumer closed the stream.
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Brings the figures up to date.
    pub fn update(&self, change: impl FnOnce(&mut Stats)) {
        change(&mut lock(&self.shared.stats));
    }

    /// The figures as of now.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// The time since the stream was made.
    pub fn age(&self) -> Duration {
        self.shared.born.elapsed()
    }

    /// A handle for notes: merged into this stream, wherever it is kept; it never keeps the stream open.
    pub fn control(&self) -> Control {
        Control { shared: self.shared.clone() }
    }

    fn send(&self, what: Main, now: Instant) {
        self.shared.unread.fetch_add(1, Ordering::SeqCst);
        yield_point();
        // Refused only when the consumer closed the stream: then nobody waits for it.
        let sent = self.events.try_send(self.shared.stamp_at(what, now));
        if sent.is_err() {
            self.shared.unread.fetch_sub(1, Ordering::SeqCst);
        }
        yield_point();
        self.shared.notify();
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        if !self.shared.terminal.is_set() {
            let why = if std::thread::panicking() {
                "a panic in wick ended this stream; the runtime goes on"
            } else {
                "the producer of this stream was dropped before its end; the runtime goes on"
            };
            self.shared.finish(End::failed(Error::new(ErrorKind::Internal, why)));
        }
        yield_point();
        self.events.close();
        yield_point();
    }
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer").field("key", &self.shared.key).finish_non_exhaustive()
    }
}
