//! Many at once: each stream has its end, and memory stays where it is.

use super::support::{Server, Told, ready, said, with};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Streams at once.
const STREAMS: usize = 200;

/// Bytes that a server may grow by once it has seen as many streams as it will see at once.
const GROWTH: u64 = 16 << 20;

/// Each of the clients reads `rounds` streams, one after the other, or as many as `seconds` allow.
fn storm(server: &Server, rounds: usize, until: Option<Instant>) -> usize {
    let ended = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for client in 0..STREAMS {
            let ended = &ended;
            let work = move || {
                let mut round = 0;
                while round < rounds || until.is_some_and(|until| Instant::now() < until) {
                    let asked = with(said("Hi"), json!({"max_tokens": 5 + client % 20}));
                    let told = server.chat(asked).events();
                    assert_eq!(told.text, "word".repeat(5 + client % 20));
                    assert_eq!(told.finish.as_deref(), Some("length"));
                    ended.fetch_add(1, Ordering::Relaxed);
                    round += 1;
                }
            };
            std::thread::Builder::new().stack_size(256 * 1024).spawn_scoped(scope, work).expect("a thread");
        }
    });
    ended.into_inner()
}

/// WICK_LOAD_SECONDS: how long, in place of two rounds.
#[test]
fn h9_two_hundred_streams_end_and_memory_is_flat() {
    let script = json!({"reply": "word", "endless": true, "context_length": 4096, "max_batch": 16});
    let server = ready(&script, &[]);
    storm(&server, 1, None);
    let before = server.memory();
    let seconds = std::env::var("WICK_LOAD_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let until = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let ended = storm(&server, 2, until);
    let after = server.memory();
    println!("{ended} streams, {} KiB before, {} KiB after", before / 1024, after / 1024);
    assert!(ended >= 2 * STREAMS);
    assert!(after < before + GROWTH, "{before} bytes before {ended} streams, {after} after");
    let all = server.metric("wick_generations_total{end=\"length\"}");
    assert_eq!(all, (STREAMS + ended) as f64);
    server.until("nothing runs", || server.metric("wick_generations_running") == 0.0);
}

/// How much later than the library's first text a client has its first byte is shown, and judged by nobody:
/// what else the machine does is in it.
#[test]
fn the_first_byte_comes_behind_the_first_text() {
    let server = ready(&json!({"reply": "word", "endless": true, "delay_us": 2000}), &[]);
    let mut later: Vec<f64> = (0..100)
        .map(|_| {
            let asked = Instant::now();
            let mut stream = server.chat(with(said("Hi"), json!({"max_tokens": 3})));
            let first = stream.some(1);
            let seen = asked.elapsed().as_secs_f64() * 1e3;
            let told = Told::of(&(first + &stream.whole().body));
            let ttft = told.figures()["ttft_ms"].as_f64().expect("a time");
            assert!(ttft > 0.0 && ttft <= seen, "{ttft} ms by the library, {seen} ms by the client");
            seen - ttft
        })
        .collect();
    later.sort_by(f64::total_cmp);
    println!("first byte behind first text: median {:.3} ms, 95 % {:.3} ms", later[50], later[95]);
}
