//! Whether the runtime keeps within its limits: an event's cost and the first token's delay, beside what
//! waking a thread costs on this machine in this run. Prints medians; knows no real model.
//!
//!     cargo bench --no-default-features --features native,testing --bench wakeup
#![allow(
    clippy::print_stdout,
    unsafe_code,
    reason = "a program prints; a raw eventfd is what wick is compared with"
)]

#[path = "c_abi/mod.rs"]
mod c;

use std::sync::mpsc;
use std::time::{Duration, Instant};
use wick::ffi::event::WICK_EVENT_STARTED;
use wick::ffi::model::wick_model;
use wick::ffi::queue::wick_queue;
use wick::ffi::session::wick_session;
use wick::ffi::status::WICK_FOREVER;
use wick::ffi::stream::wick_stream;

/// Wake-ups of each kind.
const WAKES: usize = 2000;
/// Between two wake-ups: the woken thread sleeps again by then.
const REST: Duration = Duration::from_micros(200);
/// Answers of a fake model.
const ANSWERS: usize = 1000;
/// Tokens whose events are read at once.
const TOKENS: u32 = 256;

fn main() {
    // cargo bench hands over --bench; cargo test runs this as well, with --test, and shall not wait for figures.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = c::runtime(1);
    let model = c::fake(runtime, r#"{"reply":"word","endless":true}"#);
    let gated = c::fake(runtime, r#"{"reply":"word","gated":true}"#);

    let poll = read_cost(|| c::session(model), None);
    let queue = c::queue(runtime);
    let queued = read_cost(|| c::session(model), Some(queue));
    let first = first_token(model);
    let waiting = started(gated, c::Reading::default(), |stream, reader| reader.next(stream, WICK_FOREVER));
    let in_queue = c::Reading { queue: Some(queue), ..c::Reading::default() };
    let queue_waiting = started(gated, in_queue, |_, reader| reader.next_of(queue, WICK_FOREVER));
    // The engine sleeps: only the notes of this thread are left.
    c::pause(runtime);
    let wait = woken(&|| c::note(waiting, "wake"), &|reader| while !reader.next(waiting, WICK_FOREVER) {});
    let wait_queue =
        woken(&|| c::note(queue_waiting, "wake"), &|reader| while !reader.next_of(queue, WICK_FOREVER) {});
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let raw = eventfd::wake_up();
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let raw = Duration::ZERO;

    let us = |time: Duration| time.as_nanos() as f64 / 1e3;
    let line = |what: &str, value: Duration, limit: Duration| {
        let (value, limit) = (us(value), us(limit));
        println!("{what:56} {value:8.2} us   limit {limit:8.2} us   {:5.2} of it", value / limit);
    };
    println!("{:56} {:8.2} us", "raw eventfd: write to the woken thread's return", us(raw));
    let event = Duration::from_micros(1);
    line("an event by wick_stream_next, polled", poll, event);
    line("an event by wick_queue_next, polled", queued, event);
    line("a note to a thread in wick_stream_next", wait, raw + Duration::from_micros(5));
    line("a note to a thread in wick_queue_next", wait_queue, raw + Duration::from_micros(5));
    line("wick_generate to the first token, waiting", first, 2 * raw + Duration::from_micros(20));
    c::shutdown(runtime);
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The cost of one event that waits to be read: the median over answers of the mean over their events.
fn read_cost(session: impl Fn() -> wick_session, queue: Option<wick_queue>) -> Duration {
    let mut reader = c::Reader::new();
    let costs = (0..ANSWERS / 10).map(|_| {
        let session = session();
        let stream = c::generate(session, "go", TOKENS, c::Reading { queue, ..c::Reading::default() });
        while c::output_tokens(stream) < TOKENS {
            std::thread::sleep(REST);
        }
        // END follows the last token at once.
        std::thread::sleep(Duration::from_millis(1));
        let (begun, mut events) = (Instant::now(), 0);
        loop {
            let there = match queue {
                Some(queue) => reader.next_of(queue, c::POLL),
                None => reader.next(stream, c::POLL),
            };
            events += u32::from(there);
            if there && reader.is_end() {
                break;
            }
        }
        let cost = begun.elapsed() / events;
        c::close(stream);
        c::close_session(session);
        cost
    });
    median(costs.collect())
}

/// A generation of the gated model that has read its STARTED by `next`: nothing comes any more but notes.
fn started(
    gated: wick_model,
    reading: c::Reading,
    next: impl Fn(wick_stream, &mut c::Reader) -> bool,
) -> wick_stream {
    let stream = c::generate(c::session(gated), "go", 1, reading);
    let mut reader = c::Reader::new();
    while reader.event.kind != WICK_EVENT_STARTED {
        next(stream, &mut reader);
    }
    stream
}

/// The median time from `signal` on this thread to the return of `wait` on another.
fn woken(signal: &dyn Fn(), wait: &(dyn Fn(&mut c::Reader) + Sync)) -> Duration {
    let (send, returned) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut reader = c::Reader::new();
            for _ in 0..WAKES {
                wait(&mut reader);
                let _ = send.send(Instant::now());
            }
        });
        let mut times = Vec::new();
        for _ in 0..WAKES {
            std::thread::sleep(REST);
            let begun = Instant::now();
            signal();
            times.extend(returned.recv().map(|now| now - begun));
        }
        median(times)
    })
}

/// From wick_generate to the first TEXT in the hands of the thread that waits for it. Every answer has a
/// session of its own.
fn first_token(model: wick_model) -> Duration {
    let mut reader = c::Reader::new();
    let times = (0..ANSWERS).map(|_| {
        let session = c::session(model);
        std::thread::sleep(REST);
        let begun = Instant::now();
        let stream = c::generate(session, "go", 1, c::Reading::default());
        while !(reader.next(stream, WICK_FOREVER) && reader.is_text()) {}
        let time = begun.elapsed();
        c::close(stream);
        c::close_session(session);
        time
    });
    median(times.collect())
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod eventfd {
    use std::fs::File;
    use std::io::{Read, Write};
    use std::os::fd::FromRawFd;
    use std::time::Duration;

    /// The median time from the write to the return of the thread that reads.
    pub fn wake_up() -> Duration {
        // SAFETY: no memory is concerned.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
        assert!(fd >= 0, "{}", std::io::Error::last_os_error());
        // SAFETY: a new descriptor that nobody else owns.
        let file = unsafe { File::from_raw_fd(fd) };
        let signal = || (&file).write_all(&1u64.to_ne_bytes()).expect("an eventfd takes a count");
        let wait = |_: &mut super::c::Reader| {
            (&file).read_exact(&mut [0; 8]).expect("an eventfd gives its count");
        };
        super::woken(&signal, &wait)
    }
}
