//! The stream floor under explored schedules: `cargo test --no-default-features --features shuttle --test shuttle`.
//!
//! Each scenario runs `WICK_SCHEDULES` random schedules (10,000 unless set) from a printed seed, and as many with random
//! priorities, which find what needs one thread to be late for long; `WICK_SEED` replays them. A schedule
//! in which nobody can go on is a deadlock, and fails. async-channel counts as atomic, with a yield around its calls.
#![cfg(feature = "shuttle")]
#![allow(clippy::disallowed_methods)]

mod stream_common;

use shuttle::rand::Rng;
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::sync::{Condvar, Mutex};
use shuttle::thread;
use std::future::poll_fn;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use stream_common::*;
use wick::stream::{
    Consumer, Delivery, Dispatched, End, EndReason, Event, Level, Next, Queue, QueueNext, StreamOptions,
    stream,
};

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} is {value:?}: give it a number")))
}

fn explore(name: &str, scenario: fn()) {
    let schedules = number("WICK_SCHEDULES").unwrap_or(10_000) as usize;
    let now = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos() as u64);
    let seed = number("WICK_SEED").unwrap_or(now);
    // Past the test harness's capture: a seed that is not seen replays nothing.
    let _ = writeln!(std::io::stderr(), "{name}: {schedules} schedules, WICK_SEED={seed}");
    let random = RandomScheduler::new_from_seed(seed, schedules);
    shuttle::Runner::new(random, shuttle::Config::new()).run(scenario);
    let with_priorities = PctScheduler::new_from_seed(seed, 3, schedules);
    shuttle::Runner::new(with_priorities, shuttle::Config::new()).run(scenario);
}

macro_rules! scenarios {
    ($($(#[$doc:meta])* fn $name:ident() $body:block)*) => {
        $(#[test] $(#[$doc])* fn $name() {
            explore(stringify!($name), || $body);
        })*
    };
}

/// What a producer waits on for attention.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    fn wait(&self) {
        let mut rung = self.rung.lock().expect("not poisoned");
        while !*rung {
            rung = self.changed.wait(rung).expect("not poisoned");
        }
        *rung = false;
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        *self.rung.lock().expect("not poisoned") = true;
        self.changed.notify_all();
    }
}

fn stop() -> End {
    End::new(EndReason::Stop)
}

/// Reads with waiting until there is nothing more to come.
fn wait_all(consumer: &Consumer) -> (Vec<Event>, Next) {
    let mut events = Vec::new();
    loop {
        match consumer.wait_next(None) {
            Next::Event(event) => events.push(event),
            other => return (events, other),
        }
    }
}

/// Reads a queue until it is over: the events by stream, the wakes taken, and what it said last.
fn wait_queue(queue: &Queue) -> (Vec<(u64, Event)>, usize, QueueNext) {
    let (mut events, mut wakes) = (Vec::new(), 0);
    loop {
        match queue.wait_next(None) {
            QueueNext::Event(key, event) => events.push((key, event)),
            QueueNext::Empty => wakes += 1,
            other => return (events, wakes, other),
        }
    }
}

fn of(events: &[(u64, Event)], key: u64) -> Vec<Event> {
    events.iter().filter(|(owner, _)| *owner == key).map(|(_, event)| event.clone()).collect()
}

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

    fn a_cancel_reaches_a_producer_that_sleeps_and_there_is_one_end() {
        let bell = Arc::new(Bell::default());
        let attention = Waker::from(bell.clone());
        let (producer, consumer) = stream(StreamOptions { attention, ..options(1) }).expect("no queue");
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
        assert!(producer.is_cancelled() && producer.has_room(1));
    }

    fn a_close_beside_a_dispatch_drops_the_callback_once_and_never_under_it() {
        let queue = Queue::new();
        let guest = Guest::default();
        let token = guest.token();
        let (producer, consumer) = open_pushed(&queue, 1, move |_| token.run(thread::yield_now));
        producer.text(text("a"));
        let dispatcher = { let queue = queue.clone(); thread::spawn(move || queue.dispatch(9, None)) };
        let writer = thread::spawn(move || producer.end(stop()));
        consumer.close();
        dispatcher.join().expect("no panic");
        writer.join().expect("no panic");
        assert_eq!((guest.drops(), guest.under_callback.load(Ordering::SeqCst)), (1, false));
        assert!(queue.is_empty());
    }

    fn a_queue_close_beside_a_dispatch_drops_every_callback_once() {
        let queue = Queue::new();
        let guests: Vec<_> = (0..2).map(|_| Guest::default()).collect();
        let streams: Vec<_> = guests.iter().enumerate().map(|(key, guest)| {
            let token = guest.token();
            open_pushed(&queue, key as u64, move |_| token.run(thread::yield_now))
        }).collect();
        streams.iter().for_each(|(producer, _)| producer.text(text("a")));
        let dispatcher = { let queue = queue.clone(); thread::spawn(move || queue.dispatch(9, None)) };
        queue.close();
        dispatcher.join().expect("no panic");
        for guest in &guests {
            assert_eq!((guest.drops(), guest.under_callback.load(Ordering::SeqCst)), (1, false));
        }
        assert_eq!(queue.dispatch(9, None), Dispatched::Closed);
    }

    fn two_dispatchers_lose_nothing_and_never_overlap() {
        let queue = Queue::new();
        let guest = Guest::default();
        let (token, count) = (guest.token(), Arc::new(AtomicUsize::new(0)));
        let counted = count.clone();
        let (producer, _consumer) = open_pushed(&queue, 1, move |event| token.run(|| {
            assert_eq!(counted.fetch_add(1, Ordering::SeqCst) as u64, event.seq);
            thread::yield_now();
        }));
        let dispatchers: Vec<_> = (0..2).map(|_| {
            let queue = queue.clone();
            thread::spawn(move || while queue.dispatch(1, None) != Dispatched::Ended {
                thread::yield_now();
            })
        }).collect();
        producer.text(text("a"));
        producer.end(stop());
        queue.finish();
        for dispatcher in dispatchers {
            dispatcher.join().expect("no panic");
        }
        assert_eq!((count.load(Ordering::SeqCst), guest.drops()), (2, 1));
    }

    fn a_dispatcher_that_waits_runs_everything_and_hears_of_the_finish() {
        let queue = Queue::new();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        let (producer, _consumer) = open_pushed(&queue, 1, move |_| { counted.fetch_add(1, Ordering::SeqCst); });
        let writer = thread::spawn(move || {
            producer.text(text("a"));
            producer.end(stop());
        });
        let finisher = { let queue = queue.clone(); thread::spawn(move || queue.finish()) };
        let last = shuttle::future::block_on(async {
            loop {
                match poll_fn(|context| queue.poll_dispatchable(context)).await {
                    Dispatched::More | Dispatched::Empty => _ = queue.dispatch(1, None),
                    last => return last,
                }
            }
        });
        assert_eq!((last, count.load(Ordering::SeqCst)), (Dispatched::Ended, 2));
        writer.join().expect("no panic");
        finisher.join().expect("no panic");
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
        let attention = Waker::from(bell.clone());
        let (producer, consumer) = stream(StreamOptions { attention, ..options(1) }).expect("no queue");
        let writer = thread::spawn(move || {
            for index in 0..3 {
                while !producer.has_room(1) {
                    bell.wait();
                }
                producer.text(text(&index.to_string()));
            }
            producer.end(stop());
        });
        assert_eq!(words(&read_all(&consumer)), ["text:0", "text:1", "text:2", "end:Stop"]);
        writer.join().expect("no panic");
    }

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

    fn a_streams_level_is_right_whenever_nothing_moves() {
        let (producer, consumer) = open_starting();
        let shown = Arc::new(Recorder::default());
        let level: Arc<dyn Level> = shown.clone();
        let (consumer, control) = (Arc::new(consumer), producer.control());
        let noter = thread::spawn(move || control.note("n".to_owned()));
        let writer = thread::spawn(move || {
            producer.started();
            producer.text(text("a"));
            producer
        });
        let waits = shuttle::rand::thread_rng().r#gen::<bool>();
        let reader = { let consumer = consumer.clone(); thread::spawn(move || {
            let read = || if waits { consumer.wait_next(None) } else { consumer.try_next() };
            (0..3).filter(|_| matches!(read(), Next::Event(_))).count()
        }) };
        consumer.show_on(level);
        noter.join().expect("no panic").expect("the stream is open");
        let producer = writer.join().expect("no panic");
        let read = reader.join().expect("no panic");
        assert_eq!(shown.is_set(), read < 3, "{read} of 3 read");
        assert_eq!(poll_all(&consumer).len(), 3 - read);
        assert!(!shown.is_set());
        let ender = thread::spawn(move || producer.end(stop()));
        let ends = usize::from(matches!(consumer.try_next(), Next::Event(_)));
        ender.join().expect("no panic");
        assert_eq!(shown.is_set(), ends == 0);
    }

    fn a_level_that_comes_beside_the_close_is_released() {
        let (producer, consumer) = open();
        producer.text(text("a"));
        let shown = Arc::new(Recorder::default());
        let level: Arc<dyn Level> = shown.clone();
        let consumer = Arc::new(consumer);
        let closer = { let consumer = consumer.clone(); thread::spawn(move || consumer.close()) };
        consumer.show_on(level);
        closer.join().expect("no panic");
        assert_eq!((shown.is_set(), Arc::strong_count(&shown)), (false, 1));
    }

    fn a_queues_level_is_right_whenever_nothing_moves() {
        let queue = Queue::new();
        let shown = Arc::new(Recorder::default());
        queue.show_on(shown.clone());
        let (pulled, _one) = open_in(&queue, 1);
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        let (pushed, _two) = open_pushed(&queue, 2, move |_| { counted.fetch_add(1, Ordering::SeqCst); });
        let (pull, push) = (queue.clone(), queue.clone());
        let writer = thread::spawn(move || {
            pulled.text(text("a"));
            pulled
        });
        let reader = thread::spawn(move || matches!(pull.try_next(), QueueNext::Event(..)));
        let dispatcher = thread::spawn(move || push.dispatch(1, None));
        pushed.text(text("b"));
        let read = reader.join().expect("no panic");
        dispatcher.join().expect("no panic");
        let _pulled = writer.join().expect("no panic");
        let dispatched = count.load(Ordering::SeqCst) == 1;
        assert_eq!(shown.is_set(), !read || !dispatched);
        assert_eq!(poll_queue(&queue).len(), usize::from(!read));
        assert_eq!(shown.is_set(), !dispatched);
        assert_eq!(queue.dispatch(9, None), Dispatched::Empty);
        assert!(!shown.is_set());
        pushed.end(stop());
        assert!(shown.is_set());
    }
}
