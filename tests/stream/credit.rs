//! A slow consumer pauses its own producer, and only it: credit is counted in unread events, and credit is
//! announced.
#![allow(clippy::disallowed_methods)]

use crate::support::stream::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use std::thread::Thread;
use wick::stream::{End, EndReason, EventKind, Next, StreamOptions, stream};

#[test]
fn credit_is_counted_in_events_that_were_not_read() {
    let (wakes, on_change) = Wakes::new();
    let (producer, consumer) = stream(StreamOptions { on_change, ..options(1) }).expect("no queue");
    assert!(producer.has_credit(0) && producer.has_credit(1));
    producer.text(text("a"));
    assert!(producer.has_credit(0), "0 is no limit");
    assert!(producer.has_credit(2));
    assert_eq!(wakes.count(), 0);
    assert!(!producer.has_credit(1));
    consumer.control().note("does not count".to_owned()).expect("open");
    assert!(producer.has_credit(2));
    assert!(consumer.is_readable(), "looking is not reading");
    assert!(!producer.has_credit(1));
    assert_eq!(words(&poll_all(&consumer)), ["text:a", "note:does not count"]);
    assert_eq!(wakes.count(), 1, "the read announces the credit that was missed");
    assert!(producer.has_credit(1));
    producer.text(text("b"));
    poll_all(&consumer);
    assert_eq!(wakes.count(), 1, "nobody asked");
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[test]
fn with_a_buffer_of_one_event_all_text_comes_in_order_and_memory_stays_flat() {
    let _watchdog = watchdog();
    let (send, receive) = std::sync::mpsc::channel();
    let most = Arc::new(AtomicUsize::new(0));
    let unread = Arc::new(AtomicUsize::new(0));
    let counted = (most.clone(), unread.clone());
    let writer = std::thread::spawn(move || {
        let on_change = Waker::from(Arc::new(Unpark(std::thread::current())));
        let (producer, consumer) = stream(StreamOptions { on_change, ..options(1) }).expect("no queue");
        send.send(consumer).expect("the test listens");
        for index in 0..5_000 {
            while !producer.has_credit(1) {
                std::thread::park();
            }
            let now = counted.1.fetch_add(1, Ordering::SeqCst) + 1;
            counted.0.fetch_max(now, Ordering::SeqCst);
            producer.text(text(&format!("{index} ")));
        }
        producer.end(End::new(EndReason::Stop));
    });
    let consumer = receive.recv().expect("a stream");
    let mut all = String::new();
    while let Next::Event(event) = consumer.wait_next(soon()) {
        if let EventKind::Text(text) = event.kind {
            all.push_str(&text.text);
            unread.fetch_sub(1, Ordering::SeqCst);
        }
    }
    writer.join().expect("no panic");
    assert_eq!(all, (0..5_000).map(|index| format!("{index} ")).collect::<String>());
    // One unread in the stream, and one that this thread has taken and not counted yet.
    assert!(most.load(Ordering::SeqCst) <= 2, "{most:?}");
}

#[test]
fn an_end_needs_no_credit() {
    let (producer, consumer) = open();
    producer.text(text("fills it"));
    assert!(!producer.has_credit(1));
    producer.end(End::new(EndReason::Deadline));
    assert_eq!(words(&read_all(&consumer)), ["text:fills it", "end:Deadline"]);
}

#[test]
fn one_full_stream_holds_no_other() {
    let (full, _unread) = open();
    full.text(text("x"));
    assert!(!full.has_credit(1));
    let (free, consumer) = open();
    for index in 0..100 {
        assert!(free.has_credit(1));
        free.text(text(&index.to_string()));
        assert_eq!(words(&poll_all(&consumer)), [format!("text:{index}")]);
    }
}
