//! A queue: streams take turns, a wake is sticky and not counted, every waiting reader hears of the close and
//! of the finish.
#![allow(clippy::disallowed_methods)]

use crate::support::stream::*;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wick::error::ErrorKind;
use wick::stream::{
    Delivery, End, EndReason, EventKind, Next, Queue, QueueNext, StreamOptions, Text, stream,
};

fn keys(events: &[(u64, String)]) -> Vec<u64> {
    events.iter().map(|(key, _)| *key).collect()
}

#[test]
fn streams_take_turns() {
    let queue = Queue::new();
    let streams: Vec<_> = (1..=3).map(|key| open_in(&queue, key)).collect();
    for (producer, _) in &streams {
        for index in 0..3 {
            producer.text(text(&index.to_string()));
        }
    }
    let events = poll_queue(&queue);
    assert_eq!(keys(&events), [1, 2, 3, 1, 2, 3, 1, 2, 3]);
    assert_eq!(events[8], (3, "text:2".to_owned()));
}

#[test]
fn a_chatty_stream_does_not_starve_a_late_one() {
    let queue = Queue::new();
    let (chatty, _first) = open_in(&queue, 1);
    for _ in 0..1_000 {
        chatty.text(text("x"));
    }
    assert!(matches!(queue.try_next(), QueueNext::Event(1, _)));
    let (late, _second) = open_in(&queue, 2);
    late.text(text("y"));
    let next: Vec<_> = (0..2)
        .map(|_| match queue.try_next() {
            QueueNext::Event(key, _) => key,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(next.contains(&2), "{next:?}");
}

#[test]
fn each_stream_of_a_queue_is_lawful_by_itself() {
    let _watchdog = watchdog();
    let queue = Queue::new();
    let (producers, _consumers): (Vec<_>, Vec<_>) = (0..16).map(|key| open_in(&queue, key)).unzip();
    let writers: Vec<_> = producers
        .into_iter()
        .map(|producer| {
            std::thread::spawn(move || {
                for index in 0..200 {
                    producer.text(text(&format!("{index} ")));
                    let _ = producer.control().note("n".to_owned());
                }
                producer.end(End::new(EndReason::Stop));
            })
        })
        .collect();
    let mut read = vec![Vec::new(); 16];
    queue.finish();
    loop {
        match queue.wait_next(soon()) {
            QueueNext::Event(key, event) => read[key as usize].push(event),
            QueueNext::Ended => break,
            other => panic!("{other:?}"),
        }
    }
    for events in &read {
        assert_lawful(events);
        assert_eq!(texts(events), (0..200).map(|index| format!("{index} ")).collect::<String>());
    }
    for writer in writers {
        writer.join().expect("no panic");
    }
    assert_eq!(queue.try_next(), QueueNext::Ended, "ended for ever");
}

#[test]
fn a_wake_is_sticky_not_counted_and_comes_after_events() {
    let _watchdog = watchdog();
    let queue = Queue::new();
    let (producer, _consumer) = open_in(&queue, 1);
    queue.wake();
    queue.wake();
    producer.text(text("x"));
    assert!(matches!(queue.wait_next(soon()), QueueNext::Event(1, _)));
    let begun = Instant::now();
    assert_eq!(queue.wait_next(soon()), QueueNext::Empty, "the wake, at once");
    assert!(begun.elapsed() < patience() / 2);
    let begun = Instant::now();
    assert_eq!(queue.wait_next(Some(begun + Duration::from_millis(20))), QueueNext::Empty);
    assert!(begun.elapsed() >= Duration::from_millis(20), "there was one wake, not two");
}

#[test]
fn a_wake_reaches_a_reader_that_waits() {
    let _watchdog = watchdog();
    let queue = Queue::new();
    let reader = {
        let queue = queue.clone();
        std::thread::spawn(move || queue.wait_next(None))
    };
    std::thread::sleep(Duration::from_millis(20));
    queue.wake();
    assert_eq!(reader.join().expect("no panic"), QueueNext::Empty);
}

#[test]
fn a_waiting_reader_hears_of_the_close_and_every_stream_is_closed() {
    let _watchdog = watchdog();
    let queue = Queue::new();
    let guest = Guest::default();
    let delivery = Delivery::Pull(Some(Box::new(guest.token())));
    let options = StreamOptions { queue: Some(queue.clone()), delivery, ..options(1) };
    let (producer, consumer) = stream(options).expect("the queue is open");
    let (ended, _ended_consumer) = open_in(&queue, 2);
    ended.end(End::new(EndReason::Stop));
    assert!(matches!(queue.try_next(), QueueNext::Event(2, _)));
    let reader = {
        let queue = queue.clone();
        std::thread::spawn(move || queue.wait_next(None))
    };
    std::thread::sleep(Duration::from_millis(20));
    queue.close();
    assert_eq!(reader.join().expect("no panic"), QueueNext::Closed);
    assert!(producer.is_cancelled() && consumer.is_closed() && queue.is_closed() && queue.is_empty());
    assert_eq!(guest.drops(), 1);
    queue.close();
    assert_eq!(queue.try_next(), QueueNext::Closed);
}

#[test]
fn a_finished_queue_gives_what_is_left_and_then_ends_also_for_a_waiting_reader() {
    let _watchdog = watchdog();
    let queue = Queue::new();
    let (producer, _consumer) = open_in(&queue, 1);
    let reader = {
        let queue = queue.clone();
        std::thread::spawn(move || {
            let mut events = Vec::new();
            loop {
                match queue.wait_next(None) {
                    QueueNext::Event(_, event) => events.push(word(&event)),
                    other => return (events, other),
                }
            }
        })
    };
    std::thread::sleep(Duration::from_millis(10));
    queue.finish();
    std::thread::sleep(Duration::from_millis(10));
    producer.end(End::new(EndReason::Shutdown));
    assert_eq!(reader.join().expect("no panic"), (vec!["end:Shutdown".to_owned()], QueueNext::Ended));
}

#[test]
fn a_finished_queue_ends_when_its_last_open_stream_is_closed() {
    let _watchdog = watchdog();
    let queue = Queue::new();
    let (_producer, consumer) = open_in(&queue, 1);
    queue.finish();
    assert_eq!(queue.try_next(), QueueNext::Empty);
    let reader = {
        let queue = queue.clone();
        std::thread::spawn(move || queue.wait_next(None))
    };
    std::thread::sleep(Duration::from_millis(10));
    consumer.close();
    assert_eq!(reader.join().expect("no panic"), QueueNext::Ended);
}

#[test]
fn a_rest_goes_back_through_the_queue_also_of_an_end() {
    let queue = Queue::new();
    let (producer, _consumer) = open_in(&queue, 5);
    producer.text(text("abc"));
    producer.end(End::new(EndReason::Stop));
    queue.finish();
    let QueueNext::Event(5, first) = queue.try_next() else { panic!("text is there") };
    let EventKind::Text(whole) = &first.kind else { panic!("{first:?}") };
    queue.put_back(5, first.time, EventKind::Text(Text { text: "c".into(), ..whole.clone() }));
    let QueueNext::Event(5, rest) = queue.try_next() else { panic!("the rest is there") };
    let QueueNext::Event(5, end) = queue.try_next() else { panic!("the end is there") };
    assert_eq!(queue.try_next(), QueueNext::Ended);
    queue.put_back(5, end.time, end.kind.clone());
    assert_ne!(queue.try_next(), QueueNext::Ended, "its end is not delivered whole");
    assert_eq!((first.seq, rest.seq, end.seq), (0, 1, 2));
    assert_eq!(word(&rest), "text:c");
    assert_eq!(queue.try_next(), QueueNext::Ended);
    queue.put_back(77, end.time, end.kind);
    assert_eq!(queue.try_next(), QueueNext::Ended, "of an unknown stream: nothing");
}

#[test]
fn a_closed_stream_is_forgotten_and_the_others_go_on() {
    let queue = Queue::new();
    let (one, first) = open_in(&queue, 1);
    let (two, _second) = open_in(&queue, 2);
    one.text(text("never read"));
    two.text(text("read"));
    first.close();
    assert_eq!(queue.len(), 1);
    assert_eq!(poll_queue(&queue), [(2, "text:read".to_owned())]);
    one.text(text("to nobody"));
    assert_eq!(queue.try_next(), QueueNext::Empty);
}

#[test]
fn a_queue_that_is_closed_finished_or_has_the_key_takes_no_stream_and_drops_the_guest() {
    let refused = |queue: &Arc<Queue>| {
        let guest = Guest::default();
        let delivery = Delivery::Pull(Some(Box::new(guest.token())));
        let made = stream(StreamOptions { queue: Some(queue.clone()), delivery, ..options(1) });
        let error = made.expect_err("refused");
        assert_eq!(guest.drops(), 1);
        error.kind()
    };
    let queue = Queue::new();
    let (producer, _consumer) = open_in(&queue, 1);
    assert_eq!(refused(&queue), ErrorKind::InvalidArgument);
    producer.text(text("still here"));
    assert_eq!(poll_queue(&queue), [(1, "text:still here".to_owned())]);
    queue.finish();
    assert_eq!(refused(&queue), ErrorKind::StaleHandle);
    let queue = Queue::new();
    queue.close();
    assert_eq!(refused(&queue), ErrorKind::StaleHandle);
}

#[test]
fn the_handle_of_a_queued_stream_reads_nothing_away() {
    let queue = Queue::new();
    let (producer, consumer) = open_in(&queue, 1);
    producer.end(End::new(EndReason::Stop));
    queue.finish();
    assert_eq!(consumer.try_next(), Next::Closed);
    assert_eq!(consumer.wait_next(None), Next::Closed);
    assert_eq!(poll_queue(&queue), [(1, "end:Stop".to_owned())]);
    assert_eq!(queue.try_next(), QueueNext::Ended);
}

#[test]
fn a_queue_that_is_dropped_closes_its_streams() {
    let queue = Queue::new();
    let (producer, consumer) = open_in(&queue, 1);
    drop(queue);
    assert!(producer.is_cancelled() && consumer.is_closed());
    producer.end(End::new(EndReason::Cancelled));
}
