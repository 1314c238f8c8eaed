//! Notes and progress are merged into their own stream, in the order of production, bounded, and never in the
//! way of text or end.
#![allow(clippy::disallowed_methods)]

use crate::support::stream::*;
use wick::stream::{End, EndReason, EventKind, MAX_NOTE_BYTES, MAX_NOTES};

#[test]
fn notes_lie_where_they_were_written() {
    let (producer, consumer) = open_starting();
    let control = consumer.control();
    producer.started();
    control.note("a".to_owned()).expect("open");
    producer.text(text("1"));
    control.note("b".to_owned()).expect("open");
    producer.tool_call("{}".to_owned());
    control.note("c".to_owned()).expect("open");
    producer.end(End::new(EndReason::Stop));
    let expected = ["started", "note:a", "text:1", "note:b", "call:{}", "note:c", "end:Stop"];
    assert_eq!(words(&read_all(&consumer)), expected);
}

#[test]
fn a_note_never_overtakes_text_that_its_writer_sent_before_it() {
    let _watchdog = watchdog();
    let (producer, consumer) = open();
    let writer = std::thread::spawn(move || {
        let control = producer.control();
        for index in 0..20_000 {
            producer.text(text(&index.to_string()));
            control.note(index.to_string()).expect("open");
        }
        producer.end(End::new(EndReason::Stop));
    });
    let mut read = None;
    for event in read_all(&consumer) {
        match event.kind {
            EventKind::Text(text) => read = text.text.parse::<u32>().ok(),
            EventKind::Note(note) => {
                assert!(note.parse::<u32>().ok() <= read, "note {note} after text {read:?}")
            }
            _ => {}
        }
    }
    writer.join().expect("no panic");
}

#[test]
fn the_librarys_notes_are_never_dropped_and_lie_where_they_were_written() {
    let (producer, consumer) = open_starting();
    let control = consumer.control();
    producer.started();
    producer.note("1".to_owned());
    producer.text(text("a"));
    (0..2 * MAX_NOTES).for_each(|_| control.note("host".to_owned()).expect("open"));
    producer.note("2".to_owned());
    producer.end(End::new(EndReason::Stop));
    let words = words(&read_all(&consumer));
    assert_eq!(words[..4], ["started", "library:1", "text:a", "note:host"]);
    assert_eq!(words[words.len() - 3..], ["note:host", "library:2", "end:Stop"]);
}

#[test]
fn notes_and_progress_wait_for_started() {
    let (producer, consumer) = open_starting();
    consumer.control().note("early".to_owned()).expect("open");
    producer.progress(1, 2);
    assert_eq!(poll_all(&consumer), []);
    assert!(!consumer.is_readable());
    producer.started();
    assert_eq!(words(&poll_all(&consumer)), ["started", "note:early", "progress:1/2"]);
    producer.end(End::new(EndReason::Stop));
    assert_eq!(words(&poll_all(&consumer)), ["end:Stop"]);
}

#[test]
fn a_stream_that_ends_without_a_start_still_gives_its_notes() {
    let (producer, consumer) = open_starting();
    consumer.control().note("in the waiting line".to_owned()).expect("open");
    producer.end(End::new(EndReason::Cancelled));
    assert_eq!(words(&read_all(&consumer)), ["note:in the waiting line", "end:Cancelled"]);
}

#[test]
fn a_load_without_started_shows_progress_at_once() {
    let (producer, consumer) = open();
    producer.progress(1, 9);
    assert_eq!(words(&poll_all(&consumer)), ["progress:1/9"]);
    producer.progress(2, 9);
    producer.progress(3, 9);
    producer.progress(9, 9);
    assert_eq!(words(&poll_all(&consumer)), ["progress:9/9"], "only the newest unread one counts");
    producer.progress(1, 1);
    producer.end(End::new(EndReason::Ready));
    assert_eq!(words(&poll_all(&consumer)), ["progress:1/1", "end:Ready"]);
}

#[test]
fn a_hundred_thousand_notes_cost_no_text_and_bounded_memory() {
    let _watchdog = watchdog();
    let (producer, consumer) = open_starting();
    let control = consumer.control();
    producer.started();
    for index in 0..100_000_u32 {
        control.note(format!("note {index}")).expect("open");
        if index % 100 == 0 {
            producer.text(text(&format!("{index} ")));
        }
    }
    assert_eq!(control.stats().notes_dropped, 100_000 - MAX_NOTES as u64);
    producer.end(End::new(EndReason::Stop));
    let events = read_all(&consumer);
    let expected: String = (0..1_000).map(|index| format!("{} ", index * 100)).collect();
    assert_eq!(texts(&events), expected);
    let notes: Vec<_> = words(&events).into_iter().filter(|word| word.starts_with("note:")).collect();
    let newest: Vec<_> = (100_000 - MAX_NOTES..100_000).map(|index| format!("note:note {index}")).collect();
    assert_eq!(notes, newest, "the oldest go first");
    let end = events.last().expect("an end");
    assert_eq!(end.stats.notes_dropped, 100_000 - MAX_NOTES as u64);
    assert_eq!(control.stats().notes_dropped, end.stats.notes_dropped);
}

#[test]
fn bytes_of_notes_are_bounded_too() {
    let (producer, consumer) = open();
    let control = consumer.control();
    let large = "x".repeat(MAX_NOTE_BYTES / 4);
    for index in 0..8 {
        control.note(format!("{index}{large}")).expect("open");
    }
    producer.end(End::new(EndReason::Stop));
    let events = read_all(&consumer);
    let kept = |event: &wick::stream::Event| match &event.kind {
        EventKind::Note(note) => note.len(),
        _ => 0,
    };
    assert!(events.iter().map(kept).sum::<usize>() <= MAX_NOTE_BYTES);
    assert_eq!(events.last().expect("an end").stats.notes_dropped, 8 - (events.len() as u64 - 1));
    assert!(word(&events[events.len() - 2]).starts_with("note:7"), "the newest stays");
}

#[test]
fn writers_on_many_threads_reach_only_their_own_stream_and_lie_before_its_end() {
    let _watchdog = watchdog();
    let (producers, consumers): (Vec<_>, Vec<_>) = (0..8).map(|_| open()).unzip();
    let writers: Vec<_> = producers
        .iter()
        .enumerate()
        .map(|(stream, producer)| {
            let control = producer.control();
            std::thread::spawn(move || {
                let mut written = 0_u64;
                while control.note(format!("{stream}")).is_ok() {
                    written += 1;
                }
                written
            })
        })
        .collect();
    for (index, producer) in producers.into_iter().enumerate() {
        producer.text(text(&index.to_string()));
        std::thread::sleep(std::time::Duration::from_millis(2));
        producer.end(End::new(EndReason::Stop));
    }
    for (index, (consumer, writer)) in consumers.iter().zip(writers).enumerate() {
        let written = writer.join().expect("no panic");
        let events = read_all(consumer);
        let notes: Vec<_> = words(&events).into_iter().filter(|word| word.starts_with("note:")).collect();
        assert!(notes.iter().all(|note| *note == format!("note:{index}")), "{notes:?}");
        let dropped = events.last().expect("an end").stats.notes_dropped;
        assert_eq!(notes.len() as u64 + dropped, written, "every accepted note is delivered or counted");
    }
}

#[test]
fn a_refused_note_is_handed_back() {
    let (producer, consumer) = open();
    let control = consumer.control();
    producer.end(End::new(EndReason::Stop));
    assert_eq!(control.note("late".to_owned()), Err("late".to_owned()));
    assert_eq!(words(&read_all(&consumer)), ["end:Stop"]);

    let (producer, consumer) = open();
    let control = consumer.control();
    consumer.close();
    assert_eq!(control.note("closed".to_owned()), Err("closed".to_owned()));
    drop(producer);
}
