//! One reader of one stream: everything, once, in order, and it hears of the end.
#![allow(clippy::disallowed_methods)]

use crate::support::shuttle::*;

scenarios! {
    fn a_waiting_reader_gets_everything_in_order() {
        let (producer, consumer) = open_starting();
        let writer = thread::spawn(move || {
            producer.started();
            producer.text(text("a"));
            producer.progress(1, 2);
            producer.text(text("b"));
            producer.end(stop());
        });
        let events = read_all(&consumer);
        let main: Vec<_> = words(&events).into_iter().filter(|word| !word.starts_with("progress")).collect();
        assert_eq!(main, ["started", "text:a", "text:b", "end:Stop"]);
        writer.join().expect("no panic");
    }

    fn a_polling_task_is_woken_for_everything() {
        let (producer, consumer) = open();
        let writer = thread::spawn(move || {
            producer.text(text("a"));
            producer.text(text("b"));
            producer.end(stop());
        });
        let events = shuttle::future::block_on(async {
            let mut events = Vec::new();
            while let Next::Event(event) = poll_fn(|context| consumer.poll_next(context)).await {
                events.push(event);
            }
            events
        });
        assert_lawful(&events);
        assert_eq!(words(&events), ["text:a", "text:b", "end:Stop"]);
        writer.join().expect("no panic");
    }

    fn a_reader_that_polls_misses_nothing() {
        let (producer, consumer) = open();
        let control = consumer.control();
        let writer = thread::spawn(move || {
            producer.text(text("a"));
            producer.text(text("b"));
            producer.end(stop());
        });
        let noter = thread::spawn(move || control.note("n".to_owned()).is_ok());
        let mut events = Vec::new();
        while events.last().and_then(Event::end_reason).is_none() {
            match consumer.try_next() {
                Next::Event(event) => events.push(event),
                _ => thread::yield_now(),
            }
        }
        assert_lawful(&events);
        assert_eq!(texts(&events), "ab");
        let notes = words(&events).iter().filter(|word| *word == "note:n").count();
        assert_eq!(notes, usize::from(noter.join().expect("no panic")));
        writer.join().expect("no panic");
    }

    fn accepted_notes_lie_before_the_end_and_refused_ones_nowhere() {
        let (producer, consumer) = open();
        let writers: Vec<_> = (0..2).map(|writer| {
            let control = consumer.control();
            thread::spawn(move || {
                let note = |index| control.note(format!("{writer}{index}")).is_ok();
                (0..2).take_while(|index| note(*index)).count()
            })
        }).collect();
        let ender = thread::spawn(move || {
            producer.text(text("a"));
            producer.end(stop());
        });
        let events = read_all(&consumer);
        for (writer, accepted) in writers.into_iter().enumerate() {
            let accepted = accepted.join().expect("no panic");
            let begins = format!("note:{writer}");
            let read: Vec<_> = words(&events).into_iter().filter(|word| word.starts_with(&begins)).collect();
            let wanted: Vec<_> = (0..accepted).map(|index| format!("note:{writer}{index}")).collect();
            assert_eq!(read, wanted);
        }
        assert_eq!(texts(&events), "a");
        ender.join().expect("no panic");
    }

    fn a_note_never_overtakes_text_of_its_writer() {
        let (producer, consumer) = open();
        let writer = thread::spawn(move || {
            let control = producer.control();
            producer.text(text("a"));
            control.note("b".to_owned()).expect("open");
            producer.text(text("c"));
            control.note("d".to_owned()).expect("open");
            producer.end(stop());
        });
        assert_eq!(words(&read_all(&consumer)), ["text:a", "note:b", "text:c", "note:d", "end:Stop"]);
        writer.join().expect("no panic");
    }

    fn notes_wait_for_started_or_for_an_end_without_one() {
        let (producer, consumer) = open_starting();
        let control = consumer.control();
        let noter = thread::spawn(move || control.note("n".to_owned()).is_ok());
        let starts = shuttle::rand::thread_rng().r#gen::<bool>();
        let writer = thread::spawn(move || {
            if starts {
                producer.started();
            }
            producer.end(stop());
        });
        let events = words(&read_all(&consumer));
        let mut wanted = vec!["end:Stop".to_owned()];
        if noter.join().expect("no panic") {
            wanted.insert(0, "note:n".to_owned());
        }
        if starts {
            wanted.insert(0, "started".to_owned());
        }
        assert_eq!(events, wanted);
        writer.join().expect("no panic");
    }

    fn two_readers_that_wait_both_see_the_end() {
        let (producer, consumer) = open();
        let consumer = Arc::new(consumer);
        let readers: Vec<_> = (0..2).map(|_| {
            let consumer = consumer.clone();
            thread::spawn(move || wait_all(&consumer))
        }).collect();
        producer.text(text("a"));
        producer.end(stop());
        let mut seqs = Vec::new();
        for reader in readers {
            let (events, last) = reader.join().expect("no panic");
            assert_eq!(last, Next::Ended);
            seqs.extend(events.iter().map(|event| event.seq));
        }
        seqs.sort_unstable();
        assert_eq!(seqs, [0, 1]);
    }
}
