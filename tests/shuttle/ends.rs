//! Cancels, closes and dropped producers beside whatever else goes on: one end, and everybody hears of it.
#![allow(clippy::disallowed_methods)]

use crate::support::shuttle::*;

scenarios! {
    fn a_cancel_reaches_a_producer_that_sleeps_and_there_is_one_end() {
        let bell = Arc::new(Bell::default());
        let on_change = Waker::from(bell.clone());
        let (producer, consumer) = stream(StreamOptions { on_change, ..options(1) }).expect("no queue");
        let control = consumer.control();
        let canceller = thread::spawn(move || {
            control.cancel();
            control.cancel();
        });
        let writer = thread::spawn(move || {
            producer.text(text("a"));
            while !producer.is_cancelled() {
                bell.wait();
            }
            producer.end(End::new(EndReason::Cancelled));
        });
        assert_eq!(words(&read_all(&consumer)), ["text:a", "end:Cancelled"]);
        canceller.join().expect("no panic");
        writer.join().expect("no panic");
    }

    fn a_cancel_beside_an_end_changes_nothing() {
        let (producer, consumer) = open();
        let control = consumer.control();
        let canceller = thread::spawn(move || control.cancel());
        let writer = thread::spawn(move || {
            let reason = if producer.is_cancelled() { EndReason::Cancelled } else { EndReason::Stop };
            producer.end(End::new(reason));
            reason
        });
        let events = read_all(&consumer);
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].end_reason(), Some(writer.join().expect("no panic")));
        canceller.join().expect("no panic");
    }

    fn a_reader_that_waits_hears_of_the_close() {
        let (producer, consumer) = open();
        let consumer = Arc::new(consumer);
        let reader = { let consumer = consumer.clone(); thread::spawn(move || wait_all(&consumer)) };
        let writer = thread::spawn(move || {
            producer.text(text("a"));
            producer
        });
        let producer = if shuttle::rand::thread_rng().r#gen::<bool>() {
            let producer = writer.join().expect("no panic");
            consumer.close();
            producer
        } else {
            consumer.close();
            writer.join().expect("no panic")
        };
        let (events, last) = reader.join().expect("no panic");
        assert!(events.len() <= 1);
        assert_eq!(last, Next::Closed);
        assert_eq!((consumer.try_next(), consumer.is_readable()), (Next::Closed, false));
        assert!(producer.is_cancelled() && producer.has_credit(1));
    }

    fn a_close_beside_a_read_gives_no_end_without_the_text_before_it() {
        let (producer, consumer) = open();
        let consumer = Arc::new(consumer);
        let reader = { let consumer = consumer.clone(); thread::spawn(move || wait_all(&consumer)) };
        let writer = thread::spawn(move || {
            producer.text(text("a"));
            producer.end(stop());
        });
        consumer.close();
        let (events, last) = reader.join().expect("no panic");
        let read = words(&events);
        assert!(read.is_empty() || read == ["text:a"] || read == ["text:a", "end:Stop"], "{read:?}");
        assert!(matches!(last, Next::Closed | Next::Ended));
        writer.join().expect("no panic");
    }

    fn a_dropped_producer_ends_the_stream_after_its_text() {
        let (producer, consumer) = open();
        let control = producer.control();
        let writer = thread::spawn(move || {
            producer.text(text("a"));
            drop(producer);
        });
        assert_eq!(words(&read_all(&consumer)), ["text:a", "end:Error"]);
        writer.join().expect("no panic");
        drop(control);
    }

    fn a_producer_that_waits_for_room_hears_of_it() {
        let bell = Arc::new(Bell::default());
        let on_change = Waker::from(bell.clone());
        let (producer, consumer) = stream(StreamOptions { on_change, ..options(1) }).expect("no queue");
        let writer = thread::spawn(move || {
            for index in 0..3 {
                while !producer.has_credit(1) {
                    bell.wait();
                }
                producer.text(text(&index.to_string()));
            }
            producer.end(stop());
        });
        assert_eq!(words(&read_all(&consumer)), ["text:0", "text:1", "text:2", "end:Stop"]);
        writer.join().expect("no panic");
    }
}
