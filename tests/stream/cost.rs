//! The event path allocates less than once in 16 events; what an event costs is printed, never judged.
#![allow(clippy::disallowed_methods, clippy::print_stdout)]

use crate::support::counting::calls;
use crate::support::stream::*;
use std::time::Instant;
use wick::stream::{End, EndReason, Next, Queue, QueueNext};

const EVENTS: usize = 16 * 1024;

/// Runs `one` for each event, and gives allocations and nanoseconds per event.
fn measure(name: &str, mut one: impl FnMut()) -> f64 {
    (0..64).for_each(|_| one());
    let (allocations, begun) = (calls(), Instant::now());
    (0..EVENTS).for_each(|_| one());
    let nanos = begun.elapsed().as_nanos() as f64 / EVENTS as f64;
    let allocations = (calls() - allocations) as f64 / EVENTS as f64;
    println!("{name}: {nanos:.0} ns and {allocations:.3} allocations per event");
    allocations
}

const WORD: &str = "exactly 24 bytes of text";

#[test]
fn an_event_that_is_polled_costs_no_allocation_of_its_own() {
    let (producer, consumer) = open();
    let each = measure("producer to try_next", || {
        producer.text(text(WORD));
        assert!(matches!(consumer.try_next(), Next::Event(_)));
    });
    assert!(each <= 1.0 / 16.0, "{each}");
    let each = measure("producer to wait_next, readable", || {
        producer.text(text(WORD));
        assert!(matches!(consumer.wait_next(None), Next::Event(_)));
    });
    assert!(each <= 1.0 / 16.0, "{each}");
    producer.end(End::new(EndReason::Stop));
}

#[test]
fn sleeping_for_an_event_costs_no_allocation_of_its_own() {
    let (_producer, consumer) = open();
    let queue = Queue::new();
    let each = measure("a wait that times out", || {
        let now = Some(Instant::now());
        assert_eq!(consumer.wait_next(now), Next::Empty);
        assert_eq!(queue.wait_next(now), QueueNext::Empty);
    });
    assert!(each <= 1.0 / 16.0, "{each}");
}

#[test]
fn an_event_through_a_queue_costs_no_allocation_of_its_own() {
    let queue = Queue::new();
    let (pulled, _one) = open_in(&queue, 1);
    let each = measure("producer to queue", || {
        pulled.text(text(WORD));
        assert!(matches!(queue.try_next(), QueueNext::Event(1, _)));
    });
    assert!(each <= 1.0 / 16.0, "{each}");
    let (pushed, _two) = open_pushed(&queue, 2, |_| {});
    let each = measure("producer to dispatch", || {
        pushed.text(text(WORD));
        queue.dispatch(1, None);
    });
    assert!(each <= 1.0 / 16.0, "{each}");
}
