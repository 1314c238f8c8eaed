//! Dispatching: callbacks on the caller's thread, for what was there at the call, under no lock, dropped
//! exactly once.
#![allow(clippy::disallowed_methods)]

use crate::support::stream::*;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use wick::stream::{
    Consumer, Control, Delivery, Dispatched, End, EndReason, Event, Level, Producer, Queue, QueueNext,
    StreamOptions, stream,
};

type Log = Arc<Mutex<Vec<String>>>;

/// A pushed stream that writes down what it gets.
fn logged(queue: &Arc<Queue>, key: u64, log: &Log) -> (Producer, Consumer) {
    let log = log.clone();
    open_pushed(queue, key, move |event| {
        log.lock().expect("not poisoned").push(format!("{key} {}", word(&event)));
    })
}

fn taken(log: &Log) -> Vec<String> {
    std::mem::take(&mut *log.lock().expect("not poisoned"))
}

#[test]
fn callbacks_run_on_the_dispatching_thread_in_turn() {
    let (queue, log) = (Queue::new(), Log::default());
    let (one, _first) = logged(&queue, 1, &log);
    let (two, _second) = logged(&queue, 2, &log);
    one.text(text("a"));
    one.text(text("b"));
    two.end(End::new(EndReason::Stop));
    assert_eq!(queue.try_next(), QueueNext::Empty, "pushed streams are not pulled");
    assert_eq!(taken(&log), [""; 0]);
    assert_eq!(queue.dispatch(100, None), Dispatched::Empty);
    assert_eq!(taken(&log), ["1 text:a", "2 end:Stop", "1 text:b"]);
}

#[test]
fn at_most_max_events_run_and_turns_go_on_over_calls() {
    let (queue, log) = (Queue::new(), Log::default());
    let (one, _first) = logged(&queue, 1, &log);
    let (two, _second) = logged(&queue, 2, &log);
    for producer in [&one, &two] {
        producer.text(text("a"));
        producer.text(text("b"));
    }
    assert_eq!(queue.dispatch(0, None), Dispatched::More);
    assert_eq!(queue.dispatch(1, None), Dispatched::More);
    assert_eq!(taken(&log), ["1 text:a"]);
    assert_eq!(queue.dispatch(2, None), Dispatched::More);
    assert_eq!(taken(&log), ["2 text:a", "1 text:b"]);
    assert_eq!(queue.dispatch(2, None), Dispatched::Empty);
    assert_eq!(taken(&log), ["2 text:b"]);
}

#[test]
fn a_spent_budget_stops_after_one_event() {
    let (queue, log) = (Queue::new(), Log::default());
    let (producer, _consumer) = logged(&queue, 1, &log);
    producer.text(text("a"));
    producer.text(text("b"));
    assert_eq!(queue.dispatch(100, Some(Duration::ZERO)), Dispatched::More);
    assert_eq!(taken(&log), ["1 text:a"]);
    assert_eq!(queue.dispatch(100, Some(Duration::MAX)), Dispatched::Empty);
    assert_eq!(taken(&log), ["1 text:b"]);
}

#[test]
fn a_callback_that_writes_notes_on_its_own_stream_does_not_keep_the_dispatch() {
    let _watchdog = watchdog();
    let queue = Queue::new();
    let own = Arc::new(OnceLock::<Control>::new());
    let runs = Log::default();
    let (control, log) = (own.clone(), runs.clone());
    let (producer, _consumer) = open_pushed(&queue, 1, move |event| {
        log.lock().expect("not poisoned").push(word(&event));
        let _ = control.get().expect("set").note("again".to_owned());
    });
    assert!(own.set(producer.control()).is_ok());
    producer.text(text("a"));
    assert_eq!(queue.dispatch(100, None), Dispatched::More);
    assert_eq!(taken(&runs), ["text:a"]);
    assert_eq!(queue.dispatch(100, None), Dispatched::More);
    assert_eq!(taken(&runs), ["note:again"]);
}

#[test]
fn events_that_come_during_a_dispatch_take_no_other_streams_place() {
    let queue = Queue::new();
    let own = Arc::new(OnceLock::<Control>::new());
    let (control, log) = (own.clone(), Log::default());
    let runs = log.clone();
    let (noisy, _first) = open_pushed(&queue, 1, move |event| {
        runs.lock().expect("not poisoned").push(format!("1 {}", word(&event)));
        let _ = control.get().expect("set").note("new".to_owned());
    });
    assert!(own.set(noisy.control()).is_ok());
    let (quiet, _second) = logged(&queue, 2, &log);
    noisy.text(text("a"));
    for index in 0..3 {
        quiet.text(text(&index.to_string()));
    }
    assert_eq!(queue.dispatch(100, None), Dispatched::More, "the new note");
    assert_eq!(taken(&log), ["1 text:a", "2 text:0", "2 text:1", "2 text:2"]);
}

/// A pushed stream with a guest in its callback, which may do what it wants.
fn guarded(
    queue: &Arc<Queue>,
    key: u64,
    mut then: impl FnMut(&Event) + Send + 'static,
) -> (Guest, Producer, Consumer) {
    let guest = Guest::default();
    let token = guest.token();
    let (producer, consumer) = open_pushed(queue, key, move |event| token.run(|| then(&event)));
    (guest, producer, consumer)
}

#[test]
fn a_callback_may_close_its_own_stream() {
    let _watchdog = watchdog();
    let queue = Queue::new();
    let own = Arc::new(OnceLock::<Arc<Consumer>>::new());
    let closing = own.clone();
    let (guest, producer, consumer) = guarded(&queue, 1, move |_| closing.get().expect("set").close());
    assert!(own.set(Arc::new(consumer)).is_ok());
    producer.text(text("a"));
    producer.text(text("never delivered"));
    assert_eq!(queue.dispatch(100, None), Dispatched::Empty);
    assert_eq!((guest.drops(), guest.under_callback.load(std::sync::atomic::Ordering::SeqCst)), (1, false));
    assert!(queue.is_empty() && producer.is_cancelled());
}

#[test]
fn a_callback_may_close_its_queue() {
    let _watchdog = watchdog();
    let queue = Queue::new();
    let closing = queue.clone();
    let (guest, producer, _first) = guarded(&queue, 1, move |_| drop(closing.close()));
    let (other, unused, _second) = guarded(&queue, 2, |_| {});
    producer.text(text("a"));
    unused.text(text("never delivered"));
    assert_eq!(queue.dispatch(100, None), Dispatched::Closed);
    assert_eq!((guest.drops(), guest.under_callback.load(std::sync::atomic::Ordering::SeqCst)), (1, false));
    assert_eq!(other.drops(), 1);
    assert_eq!(queue.dispatch(1, None), Dispatched::Closed);
}

#[test]
fn a_callback_may_use_everything_of_its_queue() {
    let _watchdog = watchdog();
    let (queue, log) = (Queue::new(), Log::default());
    let (inner, runs) = (queue.clone(), log.clone());
    let (producer, _consumer) = open_pushed(&queue, 1, move |event| {
        let nested = inner.dispatch(100, None);
        let (waking, fresh) = (inner.clone(), open_in(&inner, 100 + event.seq));
        waking.wake();
        let _ = (waking.try_next(), waking.len(), waking.level());
        waking.show_on(Arc::new(Recorder::default()));
        drop(fresh);
        runs.lock().expect("not poisoned").push(format!("{} {nested:?}", word(&event)));
    });
    producer.text(text("a"));
    producer.text(text("b"));
    assert_eq!(queue.dispatch(100, None), Dispatched::Empty);
    assert_eq!(taken(&log), ["text:a Empty", "text:b Empty"], "a nested dispatch takes nothing");
}

#[test]
fn two_threads_that_dispatch_lose_nothing_and_never_overlap() {
    let _watchdog = watchdog();
    let (queue, log) = (Queue::new(), Log::default());
    let runs = log.clone();
    let (guest, producer, consumer) = guarded(&queue, 1, move |event| {
        runs.lock().expect("not poisoned").push(word(event));
        std::thread::yield_now();
    });
    let dispatchers: Vec<_> = (0..2)
        .map(|_| {
            let queue = queue.clone();
            std::thread::spawn(move || while queue.dispatch(3, None) != Dispatched::Ended {})
        })
        .collect();
    for index in 0..500 {
        producer.text(text(&index.to_string()));
    }
    producer.end(End::new(EndReason::Stop));
    queue.finish();
    for dispatcher in dispatchers {
        dispatcher.join().expect("no panic");
    }
    let mut expected: Vec<_> = (0..500).map(|index| format!("text:{index}")).collect();
    expected.push("end:Stop".to_owned());
    assert_eq!(taken(&log), expected);
    assert_eq!(guest.drops(), 1, "after its END callback");
    drop(consumer);
    assert_eq!(guest.drops(), 1);
}

#[test]
fn close_during_a_running_callback_drops_the_guest_when_that_returns() {
    let _watchdog = watchdog();
    let queue = Queue::new();
    let (entered, enters) = mpsc::channel();
    let (leave, leaves) = mpsc::channel::<()>();
    let (guest, producer, consumer) = guarded(&queue, 1, move |_| {
        entered.send(()).expect("the test listens");
        leaves.recv().expect("the test lets go");
    });
    producer.text(text("a"));
    producer.text(text("never delivered"));
    let dispatcher = {
        let queue = queue.clone();
        std::thread::spawn(move || queue.dispatch(100, None))
    };
    enters.recv().expect("the callback runs");
    consumer.close();
    assert_eq!(guest.drops(), 0, "never under it");
    leave.send(()).expect("the callback waits");
    assert_eq!(dispatcher.join().expect("no panic"), Dispatched::Empty);
    assert_eq!((guest.drops(), guest.under_callback.load(std::sync::atomic::Ordering::SeqCst)), (1, false));
}

#[test]
fn the_callback_is_dropped_after_the_end_and_a_stream_may_close_itself_then() {
    for close_at_end in [false, true] {
        let queue = Queue::new();
        let guest = Guest::default();
        let token = guest.token();
        let delivery = Delivery::Push { on_event: Box::new(move |_| token.run(|| {})), close_at_end };
        let options = StreamOptions { queue: Some(queue.clone()), delivery, ..options(1) };
        let (producer, consumer) = stream(options).expect("the queue is open");
        producer.end(End::new(EndReason::Stop));
        assert_eq!(guest.drops(), 0);
        queue.finish();
        assert_eq!(queue.dispatch(100, None), Dispatched::Ended);
        assert_eq!(guest.drops(), 1);
        assert_eq!(consumer.is_closed(), close_at_end);
        drop(consumer);
        assert_eq!(guest.drops(), 1);
    }
}

#[test]
fn a_callback_that_panics_closes_its_stream_and_no_other() {
    let (queue, log) = (Queue::new(), Log::default());
    let (guest, producer, consumer) = guarded(&queue, 1, |_| panic!("on purpose: in a callback"));
    let (other, _second) = logged(&queue, 2, &log);
    producer.text(text("a"));
    other.text(text("b"));
    assert_eq!(queue.dispatch(100, None), Dispatched::Empty);
    assert!(consumer.is_closed() && producer.is_cancelled());
    assert_eq!(guest.drops(), 1);
    assert_eq!(taken(&log), ["2 text:b"]);
}

#[test]
fn a_wake_waits_for_a_dispatch_that_finds_no_event() {
    let (queue, log) = (Queue::new(), Log::default());
    let level = Arc::new(Recorder::default());
    queue.show_on(level.clone() as Arc<dyn Level>);
    let (producer, _consumer) = logged(&queue, 1, &log);
    queue.wake();
    assert!(level.is_set());
    assert_eq!(queue.dispatch(10, None), Dispatched::Empty);
    assert!(!level.is_set());
    queue.wake();
    producer.text(text("a"));
    producer.text(text("b"));
    assert_eq!(queue.dispatch(1, None), Dispatched::More);
    assert_eq!(queue.dispatch(1, None), Dispatched::Empty);
    assert!(level.is_set(), "that dispatch found an event");
    assert_eq!(queue.dispatch(1, None), Dispatched::Empty);
    assert!(!level.is_set());
    assert_eq!(queue.try_next(), QueueNext::Empty);
}

#[test]
fn whoever_dispatches_later_waits_for_something_to_dispatch() {
    let _watchdog = watchdog();
    let (queue, log) = (Queue::new(), Log::default());
    let (producer, _consumer) = logged(&queue, 1, &log);
    let dispatcher = {
        let queue = queue.clone();
        std::thread::spawn(move || {
            loop {
                let ready =
                    smol::future::block_on(std::future::poll_fn(|context| queue.poll_dispatchable(context)));
                match ready {
                    Dispatched::Ended | Dispatched::Closed => return ready,
                    Dispatched::Empty | Dispatched::More => _ = queue.dispatch(2, None),
                }
            }
        })
    };
    for index in 0..50 {
        producer.text(text(&index.to_string()));
        std::thread::yield_now();
    }
    producer.end(End::new(EndReason::Stop));
    std::thread::sleep(Duration::from_millis(5));
    queue.finish();
    assert_eq!(dispatcher.join().expect("no panic"), Dispatched::Ended);
    assert_eq!(taken(&log).len(), 51);
    queue.close();
}
