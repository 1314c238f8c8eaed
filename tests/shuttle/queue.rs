//! Queues that are read: streams reach the reader whole, and it hears of wakes, of the close and of the
//! finish.
#![allow(clippy::disallowed_methods)]

use crate::support::shuttle::*;

scenarios! {
    fn two_streams_of_a_queue_reach_its_reader_whole() {
        let queue = Queue::new();
        let streams: Vec<_> = (0..2).map(|key| open_in(&queue, key)).collect();
        let (producers, _consumers): (Vec<_>, Vec<_>) = streams.into_iter().unzip();
        let writers: Vec<_> = producers.into_iter().map(|producer| thread::spawn(move || {
            producer.text(text("a"));
            producer.end(stop());
        })).collect();
        queue.finish();
        let (events, wakes, last) = wait_queue(&queue);
        assert_eq!((wakes, last), (0, QueueNext::Ended));
        for key in 0..2 {
            assert_lawful(&of(&events, key));
            assert_eq!(words(&of(&events, key)), ["text:a", "end:Stop"]);
        }
        for writer in writers {
            writer.join().expect("no panic");
        }
    }

    fn a_reader_that_polls_a_queue_misses_nothing() {
        let queue = Queue::new();
        let (producers, _consumers): (Vec<_>, Vec<_>) = (0..2).map(|key| open_in(&queue, key)).unzip();
        let writers: Vec<_> = producers.into_iter().map(|producer| thread::spawn(move || {
            producer.text(text("a"));
            producer.text(text("b"));
            producer.end(stop());
        })).collect();
        let mut events = Vec::new();
        while events.iter().filter(|(_, event): &&(u64, Event)| event.end_reason().is_some()).count() < 2 {
            match queue.try_next() {
                QueueNext::Event(key, event) => events.push((key, event)),
                _ => thread::yield_now(),
            }
        }
        for key in 0..2 {
            assert_eq!(words(&of(&events, key)), ["text:a", "text:b", "end:Stop"]);
        }
        queue.finish();
        assert_eq!(queue.try_next(), QueueNext::Ended);
        for writer in writers {
            writer.join().expect("no panic");
        }
    }

    fn a_reader_that_keeps_up_with_a_producer_misses_nothing() {
        let queue = Queue::new();
        let (producer, _consumer) = open_in(&queue, 1);
        let writer = thread::spawn(move || {
            (0..4).for_each(|_| producer.text(text("a")));
            producer.end(stop());
        });
        let (mut events, mut empty) = (Vec::new(), 0);
        while events.len() < 5 {
            match queue.try_next() {
                QueueNext::Event(_, event) => events.push(event),
                _ => {
                    empty += 1;
                    assert!(empty < 10_000, "events wait, and the queue does not say so: {:?}", events);
                    thread::yield_now();
                }
            }
        }
        assert_lawful(&events);
        writer.join().expect("no panic");
    }

    fn what_one_reader_leaves_is_told_to_another_that_waits() {
        let queue = Queue::new();
        let (producer, _consumer) = open_in(&queue, 1);
        let writer = thread::spawn(move || {
            producer.text(text("a"));
            producer.text(text("b"));
            producer.end(stop());
        });
        queue.finish();
        let once = { let queue = queue.clone(); thread::spawn(move || queue.try_next()) };
        let (events, wakes, last) = wait_queue(&queue);
        let elsewhere = matches!(once.join().expect("no panic"), QueueNext::Event(..));
        assert_eq!((events.len(), wakes, last), (3 - usize::from(elsewhere), 0, QueueNext::Ended));
        writer.join().expect("no panic");
    }

    fn a_dispatcher_takes_no_event_from_a_reader_nor_a_reader_from_it() {
        let queue = Queue::new();
        let heard = Arc::new(AtomicUsize::new(0));
        let counted = heard.clone();
        let (pulled, _one) = open_in(&queue, 1);
        let (pushed, _two) = open_pushed(&queue, 2, move |_| { counted.fetch_add(1, Ordering::SeqCst); });
        let writers: Vec<_> = [pulled, pushed].into_iter().map(|producer| thread::spawn(move || {
            producer.text(text("a"));
            producer.end(stop());
        })).collect();
        let reader = { let queue = queue.clone(); thread::spawn(move || {
            let mut read = 0;
            while read < 2 {
                match queue.try_next() {
                    QueueNext::Event(1, _) => read += 1,
                    QueueNext::Empty => thread::yield_now(),
                    other => panic!("{other:?}"),
                }
            }
        }) };
        while heard.load(Ordering::SeqCst) < 2 {
            if queue.dispatch(9, None) == Dispatched::Empty {
                thread::yield_now();
            }
        }
        reader.join().expect("no panic");
        for writer in writers {
            writer.join().expect("no panic");
        }
    }

    fn a_wake_of_a_queue_is_taken_once() {
        let queue = Queue::new();
        let (producer, _consumer) = open_in(&queue, 1);
        let reader = { let queue = queue.clone(); thread::spawn(move || wait_queue(&queue)) };
        let waker = { let queue = queue.clone(); thread::spawn(move || queue.wake()) };
        producer.end(stop());
        waker.join().expect("no panic");
        queue.finish();
        let (events, wakes, last) = reader.join().expect("no panic");
        assert_eq!((events.len(), wakes, last), (1, 1, QueueNext::Ended));
    }

    fn a_reader_that_waits_hears_of_the_queues_close() {
        let queue = Queue::new();
        let guest = Guest::default();
        let delivery = Delivery::Pull(Some(Box::new(guest.token())));
        let made = stream(StreamOptions { queue: Some(queue.clone()), delivery, ..options(1) });
        let (producer, consumer) = made.expect("the queue is open");
        let reader = { let queue = queue.clone(); thread::spawn(move || wait_queue(&queue)) };
        let writer = thread::spawn(move || producer.text(text("a")));
        queue.close();
        let (events, wakes, last) = reader.join().expect("no panic");
        assert!(["text:a", "end:Error"].starts_with(&words(&of(&events, 1)).iter().map(String::as_str).collect::<Vec<_>>()));
        assert_eq!((wakes, last, guest.drops()), (0, QueueNext::Closed, 1));
        assert!(consumer.is_closed());
        writer.join().expect("no panic");
    }

    fn a_reader_that_waits_hears_of_the_finish() {
        let queue = Queue::new();
        let (producer, consumer) = open_in(&queue, 1);
        let reader = { let queue = queue.clone(); thread::spawn(move || wait_queue(&queue)) };
        let closes = shuttle::rand::thread_rng().r#gen::<bool>();
        let finisher = { let queue = queue.clone(); thread::spawn(move || queue.finish()) };
        if closes {
            consumer.close();
        }
        drop(producer);
        let (events, wakes, last) = reader.join().expect("no panic");
        assert_eq!((wakes, last), (0, QueueNext::Ended));
        let ends: Vec<_> = events.iter().map(|(_, event)| word(event)).collect();
        assert!(closes && ends.is_empty() || ends == ["end:Error"], "{ends:?}");
        finisher.join().expect("no panic");
    }

    fn a_stream_that_is_made_while_its_queue_closes_is_refused_or_closed() {
        let queue = Queue::new();
        let closer = { let queue = queue.clone(); thread::spawn(move || queue.close()) };
        let guest = Guest::default();
        let delivery = Delivery::Pull(Some(Box::new(guest.token())));
        let made = stream(StreamOptions { queue: Some(queue.clone()), delivery, ..options(1) });
        closer.join().expect("no panic");
        assert!(made.is_err() || made.is_ok_and(|(producer, consumer)| {
            consumer.is_closed() && producer.is_cancelled()
        }));
        assert_eq!(guest.drops(), 1);
    }
}
