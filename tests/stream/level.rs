//! The OS handle's level is set exactly while something can be read: an event, the rest of one, or a wake.
#![allow(clippy::disallowed_methods)]

use crate::support::stream::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use wick::stream::{Dispatched, End, EndReason, EventKind, Level, Next, Queue, QueueNext};

fn level() -> (Arc<Recorder>, Arc<dyn Level>) {
    let recorder = Arc::new(Recorder::default());
    (recorder.clone(), recorder)
}

#[test]
fn a_streams_level_follows_what_can_be_read() {
    let (producer, consumer) = open_starting();
    let (shown, level) = level();
    consumer.show_on(level);
    assert!(!shown.is_set());
    consumer.control().note("waits for the start".to_owned()).expect("open");
    producer.progress(1, 2);
    assert!(!shown.is_set(), "it cannot be read yet");
    producer.started();
    for _ in 0..3 {
        assert!(shown.is_set());
        assert!(matches!(consumer.try_next(), Next::Event(_)));
    }
    assert!(!shown.is_set());
    producer.text(text("ab"));
    let Next::Event(event) = consumer.try_next() else { panic!("text is there") };
    assert!(!shown.is_set());
    consumer.put_back(event.time, event.kind);
    assert!(shown.is_set(), "the rest of an event");
    assert!(matches!(consumer.try_next(), Next::Event(_)));
    assert!(!shown.is_set());
    producer.end(End::new(EndReason::Stop));
    assert!(shown.is_set());
    assert!(matches!(consumer.try_next(), Next::Event(_)));
    assert!(!shown.is_set());
    assert_eq!(consumer.try_next(), Next::Ended);
    assert!(!shown.is_set());
}

#[test]
fn a_level_that_comes_late_shows_what_is_there_and_goes_with_the_close() {
    let (producer, consumer) = open();
    producer.text(text("a"));
    let (first, shown_first) = level();
    consumer.show_on(shown_first);
    assert!(first.is_set());
    let (second, shown_second) = level();
    consumer.show_on(shown_second);
    assert!(second.is_set() && consumer.level().is_some());
    assert_eq!(Arc::strong_count(&first), 1, "replaced and released");
    let control = consumer.control();
    consumer.close();
    assert!(!second.is_set() && consumer.level().is_none());
    assert_eq!(Arc::strong_count(&second), 1, "a control that is kept keeps no OS handle");
    let (third, shown_third) = level();
    consumer.show_on(shown_third);
    assert_eq!((third.is_set(), Arc::strong_count(&third)), (false, 1));
    drop(control);
}

#[test]
fn a_queues_level_follows_events_rests_and_wakes() {
    let queue = Queue::new();
    let (shown, level) = level();
    queue.show_on(level);
    let (producer, consumer) = open_in(&queue, 1);
    let (pushed, _pushed_consumer) = open_pushed(&queue, 2, |_| {});
    assert!(!shown.is_set());
    queue.wake();
    assert!(shown.is_set());
    assert_eq!(queue.try_next(), QueueNext::Empty);
    assert!(!shown.is_set());
    producer.text(text("a"));
    assert!(shown.is_set());
    let QueueNext::Event(1, event) = queue.try_next() else { panic!("text is there") };
    assert!(!shown.is_set());
    queue.put_back(1, event.time, event.kind);
    assert!(shown.is_set());
    assert!(matches!(queue.try_next(), QueueNext::Event(1, _)));
    assert!(!shown.is_set());
    pushed.text(text("b"));
    assert!(shown.is_set());
    assert_eq!(queue.try_next(), QueueNext::Empty);
    assert!(shown.is_set(), "it waits for a dispatch");
    assert_eq!(queue.dispatch(9, None), Dispatched::Empty);
    assert!(!shown.is_set());
    producer.text(text("c"));
    consumer.close();
    assert!(!shown.is_set(), "the unread event went with its stream");
    pushed.text(text("d"));
    assert!(shown.is_set());
    queue.close();
    assert!(!shown.is_set());
    assert_eq!(Arc::strong_count(&shown), 1);
}

#[test]
fn a_queued_streams_own_level_follows_rests_too() {
    let queue = Queue::new();
    let (producer, consumer) = open_in(&queue, 1);
    let (shown, level) = level();
    consumer.show_on(level);
    producer.text(text("ab"));
    let QueueNext::Event(1, event) = queue.try_next() else { panic!("text is there") };
    assert!(!shown.is_set());
    queue.put_back(1, event.time, event.kind);
    assert!(shown.is_set(), "the rest of an event");
    assert!(matches!(queue.try_next(), QueueNext::Event(1, _)));
    assert!(!shown.is_set());
}

#[test]
fn a_streams_level_is_right_in_the_end_under_concurrent_writers_and_reader() {
    let _watchdog = watchdog();
    for round in 0..200 {
        let (producer, consumer) = open_starting();
        let (shown, level) = level();
        let read = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let control = producer.control();
            scope.spawn(|| {
                producer.started();
                for _ in 0..20 {
                    producer.text(text("x"));
                    producer.progress(1, 2);
                }
            });
            scope.spawn(move || {
                for _ in 0..10 {
                    control.note("n".to_owned()).expect("open");
                }
            });
            scope.spawn(|| {
                consumer.show_on(level);
                while read.load(Ordering::SeqCst) < 15 + round % 10 {
                    if let Next::Event(_) = consumer.try_next() {
                        read.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        });
        assert_eq!(shown.is_set(), consumer.is_readable());
        assert!(shown.is_set());
        let rest = poll_all(&consumer);
        assert!(!shown.is_set() && !consumer.is_readable());
        let text = |event: &&wick::stream::Event| matches!(event.kind, EventKind::Text(_));
        assert!(rest.iter().filter(text).count() <= 20);
        drop(producer);
        assert!(shown.is_set(), "the end can be read");
    }
}

#[test]
fn a_queues_level_is_right_in_the_end_under_concurrent_writers_and_readers() {
    let _watchdog = watchdog();
    for _ in 0..200 {
        let queue = Queue::new();
        let (shown, level) = level();
        queue.show_on(level);
        let (pulled, _one) = open_in(&queue, 1);
        let (pushed, _two) = open_pushed(&queue, 2, |_| {});
        std::thread::scope(|scope| {
            for producer in [&pulled, &pushed] {
                scope.spawn(move || (0..20).for_each(|_| producer.text(text("x"))));
            }
            scope.spawn(|| (0..15).for_each(|_| _ = queue.try_next()));
            scope.spawn(|| (0..5).for_each(|_| _ = queue.dispatch(3, None)));
            scope.spawn(|| queue.wake());
        });
        assert!(shown.is_set(), "five events at least are unread");
        while matches!(queue.try_next(), QueueNext::Event(..)) {}
        while queue.dispatch(100, None) == Dispatched::More {}
        assert_eq!(queue.try_next(), QueueNext::Empty);
        assert!(!shown.is_set());
    }
}
