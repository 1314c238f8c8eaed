//! Shared by the stream tests: how streams are made, what a lawful stream is, and a watchdog with a hard
//! kill.
#![allow(dead_code, clippy::disallowed_methods)]

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};
use wick::stream::{
    Channel, Consumer, Delivery, End, EndReason, Event, EventKind, Level, Next, Producer, Queue, QueueNext,
    StreamOptions, Text, stream,
};

/// Kills the whole test process when a test hangs; lives as long as its test.
pub struct Watchdog(Option<mpsc::Sender<()>>);

pub fn watchdog() -> Watchdog {
    let (alive, gone) = mpsc::channel::<()>();
    let name = std::thread::current().name().unwrap_or("?").to_owned();
    std::thread::spawn(move || {
        if gone.recv_timeout(patience()) == Err(mpsc::RecvTimeoutError::Timeout) {
            // Past the test harness's capture, which an abort would lose.
            let _ = writeln!(std::io::stderr(), "watchdog: {name} hangs");
            std::process::abort();
        }
    });
    Watchdog(Some(alive))
}

/// How long a test may take: `WICK_WATCHDOG` seconds, else five minutes, for machines that others use too.
pub fn patience() -> Duration {
    let seconds = std::env::var("WICK_WATCHDOG").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(300))
}

/// What should come at once comes long before this, which itself comes before the watchdog.
pub fn soon() -> Option<Instant> {
    Some(Instant::now() + patience() / 2)
}

pub fn options(key: u64) -> StreamOptions {
    StreamOptions {
        key,
        starts: false,
        on_change: Waker::noop().clone(),
        queue: None,
        delivery: Delivery::Pull(None),
    }
}

/// A stream that is read by itself, without `Started`.
pub fn open() -> (Producer, Consumer) {
    stream(options(1)).expect("no queue that could refuse it")
}

/// A stream that is read by itself, with `Started`.
pub fn open_starting() -> (Producer, Consumer) {
    stream(StreamOptions { starts: true, ..options(1) }).expect("no queue that could refuse it")
}

/// A stream that is pulled from `queue`.
pub fn open_in(queue: &Arc<Queue>, key: u64) -> (Producer, Consumer) {
    stream(StreamOptions { queue: Some(queue.clone()), ..options(key) }).expect("the queue is open")
}

/// A stream whose events `queue` hands to `on_event`.
pub fn open_pushed(
    queue: &Arc<Queue>,
    key: u64,
    on_event: impl FnMut(Event) + Send + 'static,
) -> (Producer, Consumer) {
    let delivery = Delivery::Push { on_event: Box::new(on_event), close_at_end: false };
    stream(StreamOptions { queue: Some(queue.clone()), delivery, ..options(key) }).expect("the queue is open")
}

pub fn text(text: &str) -> Text {
    Text::plain(text.into(), [7].into_iter().collect())
}

/// One event in one word: `text:Hi`, `end:Stop`.
pub fn word(event: &Event) -> String {
    match &event.kind {
        EventKind::Started => "started".to_owned(),
        EventKind::Progress { done, total } => format!("progress:{done}/{total}"),
        EventKind::Text(text) => format!("text:{}", text.text),
        EventKind::Note(note) => format!("note:{note}"),
        EventKind::LibraryNote(note) => format!("library:{note}"),
        EventKind::ToolCall(call) => format!("call:{call}"),
        EventKind::Vector(vector) => format!("vector:{}/{}", vector.index, vector.count),
        EventKind::End(end) => format!("end:{:?}", end.reason),
    }
}

pub fn words(events: &[Event]) -> Vec<String> {
    events.iter().map(word).collect()
}

pub fn texts(events: &[Event]) -> String {
    let text = |event: &Event| match &event.kind {
        EventKind::Text(text) => text.text.to_string(),
        _ => String::new(),
    };
    events.iter().map(text).collect()
}

/// What can be read now.
pub fn poll_all(consumer: &Consumer) -> Vec<Event> {
    let mut events = Vec::new();
    while let Next::Event(event) = consumer.try_next() {
        events.push(event);
    }
    events
}

/// Everything up to the end, waiting for it; the stream is lawful.
pub fn read_all(consumer: &Consumer) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        match consumer.wait_next(soon()) {
            Next::Event(event) => events.push(event),
            Next::Ended => break,
            other => panic!("{other:?} after {:?}", words(&events)),
        }
    }
    assert_lawful(&events);
    assert_eq!(consumer.try_next(), Next::Ended, "ended for ever");
    events
}

/// What the queue gives now.
pub fn poll_queue(queue: &Queue) -> Vec<(u64, String)> {
    let mut events = Vec::new();
    while let QueueNext::Event(key, event) = queue.try_next() {
        events.push((key, word(&event)));
    }
    events
}

/// The law of streams: `Started? (Progress | Text | Note | ToolCall)* End`, without a gap in seq, never back
/// in time; an error exactly where that is the reason, and a stop string likewise. The end.
pub fn assert_lawful(events: &[Event]) -> &End {
    let words = words(events);
    for (index, event) in events.iter().enumerate() {
        let last = index + 1 == events.len();
        assert_eq!(event.seq, index as u64, "a gap: {words:?}");
        assert_eq!(matches!(event.kind, EventKind::End(_)), last, "one end, and last: {words:?}");
        assert!(event.kind != EventKind::Started || index == 0, "started comes first: {words:?}");
        assert!(index == 0 || events[index - 1].time <= event.time, "time goes on: {words:?}");
    }
    let Some(EventKind::End(end)) = events.last().map(|event| &event.kind) else {
        panic!("an end at least: {words:?}");
    };
    assert_eq!(end.error.is_some(), end.reason == EndReason::Error, "{end:?}");
    assert_eq!(end.stop.is_some(), end.reason == EndReason::StopString, "{end:?}");
    end
}

/// A waker that counts.
#[derive(Default)]
pub struct Wakes(AtomicUsize);

impl Wakes {
    pub fn new() -> (Arc<Self>, Waker) {
        let wakes = Arc::new(Self::default());
        (wakes.clone(), Waker::from(wakes))
    }

    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A level that remembers what it shows.
#[derive(Default)]
pub struct Recorder(AtomicBool);

impl Recorder {
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Level for Recorder {
    fn set(&self, readable: bool) {
        self.0.store(readable, Ordering::SeqCst);
    }
}

/// Counts its drops, and notices one under a running callback.
#[derive(Clone, Default)]
pub struct Guest {
    pub drops: Arc<AtomicUsize>,
    pub running: Arc<AtomicBool>,
    pub under_callback: Arc<AtomicBool>,
}

impl Guest {
    /// What is dropped with the stream.
    pub fn token(&self) -> GuestToken {
        GuestToken(self.clone())
    }

    pub fn drops(&self) -> usize {
        self.drops.load(Ordering::SeqCst)
    }
}

pub struct GuestToken(Guest);

impl GuestToken {
    /// Runs `what` as a callback.
    pub fn run<T>(&self, what: impl FnOnce() -> T) -> T {
        assert!(!self.0.running.swap(true, Ordering::SeqCst), "callbacks of a stream never overlap");
        let result = what();
        self.0.running.store(false, Ordering::SeqCst);
        result
    }
}

impl Drop for GuestToken {
    fn drop(&mut self) {
        self.0.drops.fetch_add(1, Ordering::SeqCst);
        self.0.under_callback.fetch_or(self.0.running.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}
