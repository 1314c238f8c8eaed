//! A stream ends exactly once, last, after its last text, whatever becomes of its producer and of who holds a
//! handle on it.
#![allow(clippy::disallowed_methods)]

use crate::support::stream::*;
use std::cell::RefCell;
use std::sync::Mutex;
use wick::error::{Error, ErrorKind};
use wick::stream::{Control, End, EndReason, EventKind, Next};

fn end_of(events: &[wick::stream::Event]) -> &End {
    match &events.last().expect("an end").kind {
        EventKind::End(end) => end,
        other => panic!("{other:?} is no end"),
    }
}

#[test]
fn text_arrives_whole_and_in_order_before_the_end() {
    let _watchdog = watchdog();
    let (producer, consumer) = open_starting();
    let writer = std::thread::spawn(move || {
        producer.started();
        for index in 0..10_000 {
            producer.text(text(&format!("{index} ")));
        }
        producer.end(End::new(EndReason::Stop));
    });
    let events = read_all(&consumer);
    writer.join().expect("the writer does not panic");
    let expected: String = (0..10_000).map(|index| format!("{index} ")).collect();
    assert_eq!(texts(&events), expected);
    assert_eq!(events[0].kind, EventKind::Started);
    assert_eq!(end_of(&events).reason, EndReason::Stop);
}

#[test]
fn the_end_is_seen_only_after_text_that_was_sent_before_it() {
    let _watchdog = watchdog();
    for _ in 0..2_000 {
        let (producer, consumer) = open();
        let writer = std::thread::spawn(move || {
            producer.text(text("last"));
            producer.end(End::new(EndReason::Length));
        });
        assert_eq!(words(&read_all(&consumer)), ["text:last", "end:Length"]);
        writer.join().expect("the writer does not panic");
    }
}

#[test]
fn every_reason_comes_through_with_what_belongs_to_it() {
    use EndReason::*;
    for reason in [Stop, StopString, Length, ContextFull, Ready, Cancelled, Deadline, Shutdown] {
        let (producer, consumer) = open();
        producer.update(|stats| stats.output_tokens = 3);
        let stop = (reason == StopString).then_some("###");
        producer.end(End { stop: stop.map(str::to_owned), ..End::new(reason) });
        let events = read_all(&consumer);
        let end = end_of(&events);
        assert_eq!((end.reason, end.stop.as_deref(), &end.error), (reason, stop, &None));
        assert_eq!((end.stats.output_tokens, events[0].stats.output_tokens), (3, 3));
        assert_eq!(events[0].end_reason(), Some(reason));
    }
}

#[test]
fn an_error_is_never_a_normal_end() {
    let (producer, consumer) = open();
    producer.text(text("half"));
    producer.end(End::failed(Error::new(ErrorKind::Numeric, "logits of token 5 are NaN")));
    let events = read_all(&consumer);
    let end = end_of(&events);
    assert_eq!(end.reason, EndReason::Error);
    let error = end.error.as_ref().expect("the error itself");
    assert_eq!((error.kind(), error.message()), (ErrorKind::Numeric, "logits of token 5 are NaN"));
    assert_eq!(texts(&events), "half");
}

#[test]
fn a_producer_that_is_dropped_ends_its_stream_with_an_error() {
    let _watchdog = watchdog();
    let (producer, consumer) = open();
    let writer = std::thread::spawn(move || {
        producer.text(text("so far"));
        drop(producer);
    });
    let events = read_all(&consumer);
    writer.join().expect("the writer does not panic");
    let error = end_of(&events).error.as_ref().expect("an error");
    assert_eq!((error.kind(), error.message().contains("dropped")), (ErrorKind::Internal, true), "{error}");
    assert_eq!(texts(&events), "so far");
}

#[test]
fn a_producer_that_panics_ends_its_stream_with_an_error() {
    let _watchdog = watchdog();
    let (producer, consumer) = open();
    let writer = std::thread::spawn(move || {
        producer.text(text("so far"));
        panic!("on purpose: the engine fails at token 5");
    });
    let events = read_all(&consumer);
    assert!(writer.join().is_err(), "the panic goes on");
    let error = end_of(&events).error.as_ref().expect("an error");
    assert_eq!((error.kind(), error.message().contains("panic")), (ErrorKind::Internal, true), "{error}");
    assert_eq!(texts(&events), "so far");
}

#[test]
fn a_panic_while_figures_are_changed_still_ends_the_stream() {
    let _watchdog = watchdog();
    let (producer, consumer) = open();
    let writer =
        std::thread::spawn(move || producer.update(|_| panic!("on purpose: inside the stats' lock")));
    assert_eq!(words(&read_all(&consumer)), ["end:Error"]);
    assert!(writer.join().is_err());
    assert_eq!(consumer.control().stats().output_tokens, 0);
}

#[test]
fn a_side_channel_that_is_never_written_nor_closed_holds_nothing_back() {
    let _watchdog = watchdog();
    let (producer, consumer) = open_starting();
    let side = producer.control();
    producer.started();
    producer.text(text("first"));
    assert_eq!(words(&poll_all(&consumer)), ["started", "text:first"]);
    producer.end(End::new(EndReason::Stop));
    assert!(
        matches!(consumer.wait_next(soon()), Next::Event(end) if end.end_reason() == Some(EndReason::Stop))
    );
    assert_eq!(consumer.wait_next(soon()), Next::Ended);
    drop(side);
}

static GLOBAL: Mutex<Vec<Control>> = Mutex::new(Vec::new());
thread_local!(static LOCAL: RefCell<Vec<Control>> = const { RefCell::new(Vec::new()) });

#[test]
fn a_side_sender_in_a_thread_local_and_in_a_global_keeps_no_stream_open() {
    let _watchdog = watchdog();
    let (producer, consumer) = open_starting();
    let control = producer.control();
    LOCAL.with_borrow_mut(|kept| kept.push(control.clone()));
    GLOBAL.lock().expect("not poisoned").push(control);
    let writer = std::thread::spawn(move || {
        let inner = producer.control();
        LOCAL.with_borrow_mut(|kept| kept.push(inner));
        producer.started();
        producer.text(text("heard"));
        producer.end(End::new(EndReason::Stop));
        LOCAL.with_borrow(|kept| kept[0].note("late".to_owned()))
    });
    assert_eq!(words(&read_all(&consumer)), ["started", "text:heard", "end:Stop"]);
    assert_eq!(writer.join().expect("no panic"), Err("late".to_owned()));
    LOCAL.with_borrow(|kept| assert_eq!(kept[0].note("later".to_owned()), Err("later".to_owned())));
    let kept = GLOBAL.lock().expect("not poisoned");
    assert_eq!(kept[0].note("latest".to_owned()), Err("latest".to_owned()));
    assert_eq!(consumer.try_next(), Next::Ended);
}

#[test]
fn cancel_is_latched_idempotent_and_leaves_an_end_alone() {
    let (wakes, on_change) = Wakes::new();
    let made = wick::stream::stream(wick::stream::StreamOptions { on_change, ..options(1) });
    let (producer, consumer) = made.expect("no queue");
    let control = consumer.control();
    control.cancel();
    control.cancel();
    assert!(producer.is_cancelled() && control.is_cancelled() && !control.has_ended());
    assert_eq!(wakes.count(), 1, "the producer hears of it once");
    assert_eq!(consumer.try_next(), Next::Empty, "the producer decides when it stops");
    producer.end(End::new(EndReason::Stop));
    control.cancel();
    assert_eq!(words(&read_all(&consumer)), ["end:Stop"]);
    assert_eq!(control.end_reason(), Some(EndReason::Stop));
}

#[test]
fn a_thousand_streams_read_in_reverse_order_end_once_each_without_cross_talk() {
    let _watchdog = watchdog();
    let (producers, consumers): (Vec<_>, Vec<_>) = (0..1_000).map(|_| open()).unzip();
    let writer = std::thread::spawn(move || {
        for (index, producer) in producers.into_iter().enumerate() {
            producer.text(text(&format!("marker {index}")));
            producer.end(End::new(EndReason::Stop));
        }
    });
    for (index, consumer) in consumers.iter().enumerate().rev() {
        assert_eq!(words(&read_all(consumer)), [format!("text:marker {index}"), "end:Stop".to_owned()]);
    }
    writer.join().expect("no panic");
}

#[test]
fn an_async_reader_gets_the_same_events_and_then_none() {
    use smol::stream::StreamExt;
    let _watchdog = watchdog();
    let (producer, consumer) = open();
    let writer = std::thread::spawn(move || {
        for index in 0..100 {
            producer.text(text(&index.to_string()));
            std::thread::yield_now();
        }
        producer.end(End::new(EndReason::Stop));
    });
    let mut consumer = consumer;
    let events: Vec<_> = smol::future::block_on(async {
        let mut events = Vec::new();
        while let Some(event) = consumer.next().await {
            events.push(event);
        }
        events
    });
    assert_lawful(&events);
    assert_eq!(texts(&events), (0..100).map(|index| index.to_string()).collect::<String>());
    writer.join().expect("no panic");
}

#[test]
fn two_waiting_readers_both_see_the_end() {
    let _watchdog = watchdog();
    let (producer, consumer) = open();
    let consumer = std::sync::Arc::new(consumer);
    let readers: Vec<_> = (0..12)
        .map(|_| {
            let consumer = consumer.clone();
            std::thread::spawn(move || {
                let mut read = Vec::new();
                while let Next::Event(event) = consumer.wait_next(soon()) {
                    read.push(event.seq);
                }
                (read, consumer.try_next())
            })
        })
        .collect();
    for _ in 0..100 {
        producer.text(text("x"));
        std::thread::yield_now();
    }
    producer.end(End::new(EndReason::Stop));
    let mut all = Vec::new();
    for reader in readers {
        let (read, then) = reader.join().expect("no panic");
        assert_eq!(then, Next::Ended);
        all.extend(read);
    }
    all.sort_unstable();
    assert_eq!(all, (0..=100).collect::<Vec<u64>>(), "each event went to one reader");
}
