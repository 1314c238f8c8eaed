//! From the model's step to the C consumer's buffer: at most one allocation in 16 events, on all threads
//! together.
#![cfg(all(feature = "testing", not(feature = "shuttle")))]
#![allow(unsafe_code, clippy::disallowed_methods, clippy::print_stdout)]

#[path = "../support/mod.rs"]
mod support;

use support::c_abi::*;
use support::counting::{Counting, all_calls};

#[global_allocator]
static COUNTING: Counting = Counting;

#[derive(Clone, Copy, Debug)]
enum Way {
    Poll,
    Wait,
    QueuePoll,
    Queue,
}

/// Allocations from wick_generate to the last END of `streams` streams of `tokens` tokens each.
fn allocations(model: wick_model, queue: wick_queue, way: Way, streams: usize, tokens: u32) -> usize {
    let queued = matches!(way, Way::QueuePoll | Way::Queue);
    let sessions: Vec<_> = (0..streams).map(|_| session_of(model)).collect();
    let mut options = prompt("go");
    (options.max_tokens, options.ignore_eos, options.queue) =
        (tokens, 1, if queued { queue } else { NO_QUEUE });
    let (mut buf, mut event) = ([0u8; 1024], sized::<wick_event>());
    let mut open = Vec::with_capacity(streams);
    let before = all_calls();
    open.extend(sessions.iter().map(|session| generate(*session, &options)));
    let (mut ended, mut turn) = (0, 0);
    while ended < streams {
        let (at, cap) = (buf.as_mut_ptr().cast(), buf.len());
        // SAFETY: all pointers are good.
        let status = unsafe {
            match way {
                Way::Poll => wick_stream_next(open[turn % streams], &mut event, at, cap, 0),
                Way::Wait => wick_stream_next(open[turn % streams], &mut event, at, cap, LONG),
                Way::QueuePoll => wick_queue_next(queue, &mut event, at, cap, 0),
                Way::Queue => wick_queue_next(queue, &mut event, at, cap, LONG),
            }
        };
        turn += 1;
        assert!(matches!(status, WICK_OK | WICK_EMPTY | WICK_ENDED), "{}", name(status));
        ended += usize::from(status == WICK_OK && event.kind == WICK_EVENT_END);
    }
    let counted = all_calls() - before;
    open.into_iter().for_each(|stream| is(wick_stream_close(stream), WICK_OK));
    sessions.into_iter().for_each(|session| is(wick_session_close(session), WICK_OK));
    counted
}

#[test]
fn an_event_costs_at_most_a_sixteenth_of_an_allocation() {
    let runtime = runtime();
    let queue = queue(runtime);
    let model = model(runtime, r#"{"reply":"word","endless":true,"max_batch":8}"#);
    // Blocks of the past are the model's: taken once, found again by those who come later.
    allocations(model, queue, Way::Poll, 8, 1088);
    for way in [Way::Poll, Way::Wait, Way::QueuePoll, Way::Queue] {
        for streams in [1, 8] {
            let (few, many) = (64, 1088);
            // What a stream costs once is in both.
            let once = allocations(model, queue, way, streams, few);
            let all = allocations(model, queue, way, streams, many);
            let events = streams * (many - few) as usize;
            let each = all.saturating_sub(once) as f64 / events as f64;
            println!("{way:?}, {streams} streams: {each:.3} allocations per event, {once} for {few} tokens");
            assert!(each <= 1.0 / 16.0, "{way:?}, {streams} streams: {each}");
        }
    }
    shut(runtime);
    is(wick_queue_close(queue), WICK_OK);
}
