//! Explores scenarios of the stream floor: `cargo test --no-default-features --features shuttle --test
//! shuttle`.
//!
//! Each scenario runs `WICK_SCHEDULES` random schedules (10,000 unless set) from a printed seed, as many with
//! random priorities, which find what needs one thread to be late for long, and as many that seldom change
//! threads; `WICK_SEED` replays them. A schedule in which nobody can go on is a deadlock, and fails.
//! async-channel counts as atomic, with a yield around its calls.
#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    clippy::disallowed_methods,
    reason = "each test file uses its own part"
)]

pub mod engine;
mod lazy;

pub use super::stream::*;
pub use shuttle::rand::Rng;
pub use shuttle::thread;
pub use std::future::poll_fn;
pub use std::sync::Arc;
pub use std::sync::atomic::{AtomicUsize, Ordering};
pub use std::task::{Wake, Waker};
pub use wick::stream::{
    Consumer, Delivery, Dispatched, End, EndReason, Event, Level, Next, Queue, QueueNext, StreamOptions,
    stream,
};

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::sync::{Condvar, Mutex};
use std::io::Write;

pub fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} is {value:?}: give it a number")))
}

/// With stacks on which an engine runs.
fn config() -> shuttle::Config {
    let mut config = shuttle::Config::new();
    config.stack_size = 1 << 20;
    config
}

pub fn explore(name: &str, scenario: fn()) {
    explore_each(name, scenario, number("WICK_SCHEDULES").unwrap_or(10_000) as usize);
}

/// So many schedules of each kind.
pub fn explore_each(name: &str, scenario: fn(), schedules: usize) {
    let now = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos() as u64);
    let seed = number("WICK_SEED").unwrap_or(now);
    // Past the test harness's capture: a seed that is not seen replays nothing.
    let _ = writeln!(std::io::stderr(), "{name}: {schedules} schedules, WICK_SEED={seed}");
    let begun = std::time::Instant::now();
    let random = RandomScheduler::new_from_seed(seed, schedules);
    shuttle::Runner::new(random, config()).run(scenario);
    let with_priorities = PctScheduler::new_from_seed(seed, 3, schedules);
    shuttle::Runner::new(with_priorities, config()).run(scenario);
    let lazy = lazy::LazyScheduler::new_from_seed(seed, schedules);
    shuttle::Runner::new(lazy, config()).run(scenario);
    let seconds = begun.elapsed().as_secs_f64();
    let _ = writeln!(std::io::stderr(), "{name}: three times {schedules} schedules passed in {seconds:.1} s");
}

/// One test for each scenario.
macro_rules! scenarios {
    ($($(#[$doc:meta])* fn $name:ident() $body:block)*) => {
        $(#[test] $(#[$doc])* fn $name() {
            explore(stringify!($name), || $body);
        })*
    };
}
pub(crate) use scenarios;

/// What a producer waits on for attention.
#[derive(Default)]
pub struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    pub fn wait(&self) {
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

pub fn stop() -> End {
    End::new(EndReason::Stop)
}

/// Reads with waiting until there is nothing more to come.
pub fn wait_all(consumer: &Consumer) -> (Vec<Event>, Next) {
    let mut events = Vec::new();
    loop {
        match consumer.wait_next(None) {
            Next::Event(event) => events.push(event),
            other => return (events, other),
        }
    }
}

/// Reads a queue until it is over: the events by stream, the wakes taken, and what it said last.
pub fn wait_queue(queue: &Queue) -> (Vec<(u64, Event)>, usize, QueueNext) {
    let (mut events, mut wakes) = (Vec::new(), 0);
    loop {
        match queue.wait_next(None) {
            QueueNext::Event(key, event) => events.push((key, event)),
            QueueNext::Empty => wakes += 1,
            other => return (events, wakes, other),
        }
    }
}

pub fn of(events: &[(u64, Event)], key: u64) -> Vec<Event> {
    events.iter().filter(|(owner, _)| *owner == key).map(|(_, event)| event.clone()).collect()
}
