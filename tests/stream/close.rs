//! Closing cancels and forgets at once: a waiting reader hears of it, nothing comes any more, guests are
//! dropped exactly once.
#![allow(clippy::disallowed_methods)]

use crate::support::stream::*;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use wick::stream::{Delivery, End, EndReason, EventKind, Next, Producer, StreamOptions, Text, stream};

#[test]
fn a_waiting_reader_hears_of_the_close() {
    let _watchdog = watchdog();
    let (producer, consumer) = open();
    let consumer = Arc::new(consumer);
    let (waits, waiting) = mpsc::channel();
    let reader = {
        let consumer = consumer.clone();
        std::thread::spawn(move || {
            waits.send(()).expect("the test listens");
            consumer.wait_next(None)
        })
    };
    waiting.recv().expect("the reader runs");
    std::thread::sleep(Duration::from_millis(20));
    consumer.close();
    assert_eq!(reader.join().expect("no panic"), Next::Closed);
    assert!(producer.is_cancelled());
    producer.text(text("to nobody"));
    producer.end(End::new(EndReason::Cancelled));
    assert_eq!(consumer.try_next(), Next::Closed);
    assert!(!consumer.is_readable());
}

#[test]
fn a_wait_gives_up_at_its_deadline_and_loses_nothing() {
    let _watchdog = watchdog();
    let (producer, consumer) = open();
    let begun = Instant::now();
    assert_eq!(consumer.wait_next(Some(begun + Duration::from_millis(30))), Next::Empty);
    assert!(begun.elapsed() >= Duration::from_millis(30));
    assert_eq!(consumer.wait_next(Some(begun)), Next::Empty, "a deadline that has passed polls");
    producer.text(text("after"));
    assert!(matches!(consumer.wait_next(Some(begun)), Next::Event(event) if word(&event) == "text:after"));
}

#[test]
fn dropping_the_consumer_closes_and_draws_the_producers_attention() {
    let (wakes, on_change) = Wakes::new();
    let (producer, consumer) = stream(StreamOptions { on_change, ..options(1) }).expect("no queue");
    assert!(!producer.is_cancelled());
    drop(consumer);
    assert!(producer.is_cancelled());
    assert_eq!(wakes.count(), 1);
    assert!(producer.has_credit(1), "a closed stream holds no unread events");
    producer.text(text("to nobody"));
    assert!(producer.has_credit(1));
    assert!(!producer.control().has_ended());
    let control = producer.control();
    drop(producer);
    assert_eq!(control.end_reason(), Some(EndReason::Error));
}

#[test]
fn unread_text_is_freed_at_the_close_though_handles_stay() {
    let (producer, consumer) = open();
    let control = producer.control();
    for _ in 0..100 {
        producer.text(text("unread"));
    }
    assert!(!producer.has_credit(100));
    consumer.close();
    assert!(producer.has_credit(1));
    assert!(control.is_cancelled());
}

fn held() -> (Guest, Producer, wick::stream::Consumer) {
    let guest = Guest::default();
    let delivery = Delivery::Pull(Some(Box::new(guest.token())));
    let (producer, consumer) = stream(StreamOptions { delivery, ..options(1) }).expect("no queue");
    (guest, producer, consumer)
}

#[test]
fn a_guest_is_dropped_once_when_its_stream_is_closed() {
    let (guest, producer, consumer) = held();
    producer.end(End::new(EndReason::Stop));
    read_all(&consumer);
    assert_eq!(guest.drops(), 0, "a stream without a callback keeps its guest until the close");
    consumer.close();
    assert_eq!(guest.drops(), 1);
    consumer.close();
    drop(consumer);
    assert_eq!(guest.drops(), 1);
}

#[test]
fn a_guest_goes_at_the_close_though_producer_and_controls_stay() {
    let (guest, producer, consumer) = held();
    let control = consumer.control();
    drop(consumer);
    assert_eq!(guest.drops(), 1);
    drop((producer, control));
    assert_eq!(guest.drops(), 1);
}

#[test]
fn closing_from_many_threads_drops_the_guest_once() {
    let _watchdog = watchdog();
    for _ in 0..200 {
        let (guest, producer, consumer) = held();
        let consumer = Arc::new(consumer);
        let closers: Vec<_> = (0..3)
            .map(|_| {
                let consumer = consumer.clone();
                std::thread::spawn(move || consumer.close())
            })
            .collect();
        producer.text(text("x"));
        for closer in closers {
            closer.join().expect("no panic");
        }
        assert_eq!(guest.drops(), 1);
        drop(producer);
    }
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("on purpose: a guest that panics in its drop");
    }
}

#[test]
fn a_guest_that_panics_in_its_drop_harms_nobody() {
    let delivery = Delivery::Pull(Some(Box::new(Bomb)));
    let (producer, consumer) = stream(StreamOptions { delivery, ..options(1) }).expect("no queue");
    consumer.close();
    assert!(producer.is_cancelled() && consumer.is_closed());
}

fn part(of: &Text, text: &str) -> EventKind {
    EventKind::Text(Text { text: text.into(), ..of.clone() })
}

#[test]
fn the_rest_of_an_event_comes_next_with_a_seq_of_its_own() {
    let (producer, consumer) = open();
    producer.text(text("abc"));
    consumer.control().note("between".to_owned()).expect("open");
    producer.end(End::new(EndReason::Stop));
    let mut read = Vec::new();
    let Next::Event(first) = consumer.try_next() else { panic!("text is there") };
    let EventKind::Text(whole) = &first.kind else { panic!("{first:?}") };
    consumer.put_back(first.time, part(whole, "bc"));
    assert!(consumer.is_readable());
    let Next::Event(second) = consumer.try_next() else { panic!("the rest is there") };
    consumer.put_back(second.time, part(whole, "c"));
    assert_eq!(second.time, first.time);
    read.extend([first, second]);
    read.extend(poll_all(&consumer));
    assert_lawful(&read);
    assert_eq!(words(&read), ["text:abc", "text:bc", "text:c", "note:between", "end:Stop"]);
}

#[test]
fn a_rest_that_is_given_back_after_the_close_is_forgotten() {
    let (producer, consumer) = open();
    producer.text(text("abc"));
    let Next::Event(first) = consumer.try_next() else { panic!("text is there") };
    consumer.close();
    consumer.put_back(first.time, first.kind);
    assert_eq!((consumer.try_next(), consumer.is_readable()), (Next::Closed, false));
}
