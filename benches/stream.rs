//! What an event costs on each way to the host, through the C ABI, with a model that computes nothing; knows
//! no real model.
//!
//!     cargo bench --no-default-features --features native,testing,bench --bench stream
//!
//! read/…: the events wait already; taking one out. whole/…: from wick_generate to the last END, the engine's
//! share included, on two threads. model/…: what of that is the fake model's own. queue polls, queuewait
//! sleeps between events.
#![allow(unsafe_code, reason = "callbacks of the C ABI")]

#[path = "c_abi/mod.rs"]
mod c;

use criterion::{Criterion, Throughput};
use std::ffi::c_void;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use wick::budget::Budget;
use wick::ffi::event::{WICK_EVENT_END, wick_event};
use wick::ffi::model::wick_model;
use wick::ffi::queue::wick_queue;
use wick::ffi::runtime::wick_runtime;
use wick::ffi::session::wick_session;
use wick::ffi::status::WICK_FOREVER;
use wick::ffi::stream::wick_stream;
use wick::model::{Chunk, Pace, PrefixCache, Runner, Sequence};
use wick::testing::Script;

/// Tokens of an answer: few enough that the fake's own book-keeping does not count.
const TOKENS: u32 = 256;
/// STARTED, the tokens, END.
const EVENTS: u64 = TOKENS as u64 + 2;

/// One token of four bytes, over and over, to up to 64 at once.
const SCRIPT: &str = r#"{"reply":"word","endless":true,"max_batch":64}"#;

#[derive(Clone, Copy, Debug)]
enum Way {
    Poll,
    Wait,
    Queue,
    QueueWait,
    Dispatch,
    Callback,
}

/// ENDs that callbacks saw.
static ENDS: AtomicU64 = AtomicU64::new(0);

unsafe extern "C" fn on_event(_user: *mut c_void, event: *const wick_event) {
    // SAFETY: the library's event, good during the call.
    if unsafe { (*event).kind } == WICK_EVENT_END {
        ENDS.fetch_add(1, Ordering::SeqCst);
    }
}

struct Host {
    runtime: wick_runtime,
    model: wick_model,
    queue: wick_queue,
}

impl Host {
    fn reading(&self, way: Way) -> c::Reading {
        let queue = matches!(way, Way::Queue | Way::QueueWait | Way::Dispatch).then_some(self.queue);
        let on_event = matches!(way, Way::Dispatch | Way::Callback).then_some(on_event as _);
        c::Reading { queue, on_event, ..c::Reading::default() }
    }

    fn start(&self, way: Way, sessions: &[wick_session]) -> Vec<wick_stream> {
        ENDS.store(0, Ordering::SeqCst);
        sessions.iter().map(|&session| c::generate(session, "go", TOKENS, self.reading(way))).collect()
    }

    /// Reads every event of `streams`.
    fn read(&self, way: Way, streams: &[wick_stream], reader: &mut c::Reader) {
        let ended = || ENDS.load(Ordering::SeqCst) == streams.len() as u64;
        match way {
            Way::Poll => self.poll(streams, reader),
            Way::Wait => {
                for &stream in streams {
                    while !(reader.next(stream, WICK_FOREVER) && reader.is_end()) {}
                }
            }
            Way::Queue | Way::QueueWait => {
                let timeout = if matches!(way, Way::Queue) { c::POLL } else { WICK_FOREVER };
                let mut left = streams.len();
                while left > 0 {
                    left -= usize::from(reader.next_of(self.queue, timeout) && reader.is_end());
                }
            }
            Way::Dispatch => {
                while !ended() {
                    c::dispatch(self.queue);
                }
            }
            Way::Callback => {
                while !ended() {
                    std::thread::yield_now();
                }
            }
        }
    }

    /// As a frame loop does: each stream until it is empty, then the next.
    fn poll(&self, streams: &[wick_stream], reader: &mut c::Reader) {
        let mut live = streams.to_vec();
        while !live.is_empty() {
            live.retain(|&stream| {
                while reader.next(stream, c::POLL) {
                    if reader.is_end() {
                        return false;
                    }
                }
                true
            });
        }
    }

    /// The time that `count` streams take, from wick_generate on (`whole`), or from when all their events
    /// wait.
    fn time(&self, way: Way, count: usize, whole: bool) -> Duration {
        let sessions: Vec<wick_session> = (0..count).map(|_| c::session(self.model)).collect();
        let mut reader = c::Reader::new();
        let mut begun = Instant::now();
        let streams = self.start(way, &sessions);
        if !whole {
            while streams.iter().any(|&stream| c::output_tokens(stream) < TOKENS) {
                std::thread::sleep(Duration::from_micros(200));
            }
            // END follows the last token at once.
            std::thread::sleep(Duration::from_millis(1));
            begun = Instant::now();
        }
        self.read(way, &streams, &mut reader);
        let time = begun.elapsed();
        streams.into_iter().for_each(c::close);
        sessions.into_iter().for_each(c::close_session);
        time
    }
}

/// The time that the fake model itself takes for `TOKENS` tokens of `count` sequences: what a runtime's
/// engine calls, and nothing else.
fn model_alone(count: usize) -> Duration {
    let ((decoder, _), _) = wick::testing::model(&Script::parse(SCRIPT).expect("a script"));
    let runner = Runner::new(decoder, &Budget::new(None), PrefixCache::Off);
    let mut decoder = runner.expect("memory");
    let sequences: Vec<Sequence> = (0..count).map(|_| decoder.open(4096).expect("a sequence")).collect();
    let mut next = vec![0; count];
    let mut begun = Instant::now();
    for token in 0..=TOKENS {
        if token == 1 {
            // The prompt is read.
            begun = Instant::now();
        }
        let chunks = sequences.iter().zip(next.chunks_exact(1));
        let chunks: Vec<Chunk<'_>> =
            chunks.map(|(&sequence, tokens)| Chunk { sequence, tokens, logits: 1 }).collect();
        decoder.begin(&chunks).expect("a pass");
        decoder.run_slice(Pace { until: begun }).expect("a slice");
        for (index, next) in next.iter_mut().enumerate() {
            // The token that the script says has the last id.
            *next = decoder.logits(index, 0).len() as u32 - 1;
            decoder.commit(index, usize::MAX);
        }
        decoder.finish();
    }
    begun.elapsed()
}

fn main() {
    let mut criterion = Criterion::default()
        .configure_from_args()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2));
    let runtime = c::runtime(1);
    let host = Host { runtime, model: c::fake(runtime, SCRIPT), queue: c::queue(runtime) };
    let reads = [Way::Poll, Way::Wait, Way::Queue, Way::Dispatch];
    let wholes = [Way::Poll, Way::Queue, Way::Wait, Way::QueueWait, Way::Dispatch, Way::Callback];
    for (kind, ways) in [("read", &reads[..]), ("whole", &wholes[..])] {
        let mut group = criterion.benchmark_group(kind);
        group.throughput(Throughput::Elements(1));
        for &way in ways {
            for count in [1, 64] {
                let name = format!("{way:?}/{count}").to_lowercase();
                group.bench_function(name, |bencher| {
                    // One iteration is one event.
                    bencher.iter_custom(|events| {
                        let rounds = events.div_ceil(EVENTS * count as u64);
                        let time: Duration =
                            (0..rounds).map(|_| host.time(way, count, kind == "whole")).sum();
                        time.mul_f64(events as f64 / (rounds * EVENTS * count as u64) as f64)
                    });
                });
            }
        }
        group.finish();
    }
    let mut group = criterion.benchmark_group("model");
    for count in [1, 64] {
        group.bench_function(count.to_string(), |bencher| {
            bencher.iter_custom(|tokens| {
                let each = u64::from(TOKENS) * count as u64;
                let rounds = tokens.div_ceil(each);
                let time: Duration = (0..rounds).map(|_| model_alone(count)).sum();
                time.mul_f64(tokens as f64 / (rounds * each) as f64)
            });
        });
    }
    group.finish();
    criterion.final_summary();
    c::shutdown(host.runtime);
}
