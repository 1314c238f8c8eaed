//! A generation that gives its tokens at a rate: none comes before its time, nothing is computed meanwhile,
//! and nobody else is slowed.
#![cfg(feature = "testing")]
#![allow(clippy::disallowed_methods)]

use crate::support::scenario::*;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wick::engine::{Engine, EngineFacts, EngineLimits, Outcome, SessionOptions};
use wick::runtime::{EndReason, EventKind, Mode, Reading, Request, Stepped};
use wick::testing::{Gate, Script, model};

/// Ten tokens and an end.
fn script() -> Script {
    Script::saying("one two three four five six seven eight ")
}

fn at(rate: u32) -> Request {
    Request { max_tokens_per_second: rate, ..asking("Hi") }
}

#[test]
fn s46_no_token_comes_before_its_time_and_the_text_is_the_same() {
    both(|mode| {
        let house = house(mode, script());
        let free = house.answer("Hi");
        for rate in [200, 50] {
            let session = house.session();
            let told = read(&mut session.generate(at(rate), Reading::default()).unwrap());
            assert_eq!((told.said(), &told.tokens), (free.said(), &free.tokens));
            let texts = told.events.iter().filter(|event| matches!(event.kind, EventKind::Text(_)));
            let times: Vec<Duration> = texts.map(|event| event.time).collect();
            for (token, time) in times.iter().enumerate() {
                // Since the stream began: the first one's time may be taken long before its event's.
                let earliest = Duration::from_secs(1) * token as u32 / rate;
                assert!(*time >= earliest, "{token} of {rate}/s: {times:?}");
            }
        }
        house.close();
    });
}

#[test]
fn s46_nobody_else_is_slowed() {
    both(|mode| {
        let house = house(mode, Script { endless: true, ..script() });
        let (begun, session) = (Instant::now(), house.session());
        let mut slow = session.generate(at(1), Reading::default()).unwrap();
        let events = read_tokens(&mut slow, 1);
        let others: Vec<_> = (0..4)
            .map(|_| {
                let session = house.session();
                let request = Request { max_tokens: 500, ..asking("Hi") };
                let stream = session.generate(request, Reading::default()).unwrap();
                (session, stream)
            })
            .collect();
        for (_session, mut stream) in others {
            assert_eq!(read(&mut stream).end.reason, EndReason::Length);
        }
        let (before, most) = (slow.stats().output_tokens, 1 + begun.elapsed().as_secs());
        assert!(u64::from(before) <= most, "{before} tokens of the slow one, {most} were due");
        slow.cancel();
        assert_eq!(read_on(events, &mut slow).end.reason, EndReason::Cancelled);
        house.close();
    });
}

#[test]
fn s46_a_host_that_steps_hears_when_the_next_token_may_come() {
    let _watchdog = watchdog();
    let house = house(Mode::HostStep, script());
    let session = house.session();
    let (begun, second) = (Instant::now(), Duration::from_secs(1));
    let mut stream = session.generate(at(1), Reading::default()).unwrap();
    read_tokens(&mut stream, 1);
    let until = loop {
        if let Stepped::Idle(until) = house.runtime.step(Duration::ZERO).expect("a step") {
            break until.expect("a token is due");
        }
    };
    assert!(until >= begun + second && until <= Instant::now() + second);
    drop(stream);
    house.close();
}

/// An engine that is driven by hand, with the script's model.
fn engine(script: &Script) -> (Engine, Gate) {
    let limits = EngineLimits {
        max_sequences: 4,
        slice: Duration::from_millis(1),
        own_thread: false,
        inline_bytes: 4096,
        costs: None,
    };
    let mut engine = Engine::new(limits, Arc::default());
    let (loaded, gate) = model(script);
    engine.add_model(1);
    engine.finish_load(1, Ok(for_engine(loaded)));
    (engine, gate)
}

#[test]
fn s46_the_engine_says_until_when_it_is_idle() {
    let _watchdog = watchdog();
    let (mut engine, gate) = engine(&script());
    engine.add_session(1, 1, SessionOptions::default(), Arc::default());
    let (producer, consumer) = pulled(1);
    let place = EngineFacts::default().take_place(1).expect("a place");
    let begun = Instant::now();
    engine.submit(1, at(20), producer, place);
    let mut idle = 0;
    while !consumer.control().has_ended() {
        if let Outcome::Idle(until) = engine.step() {
            let until = until.expect("a token is due");
            let tokens = consumer.control().stats().output_tokens;
            assert_eq!(u64::from(tokens), gate.computed(), "nothing is computed before its time");
            assert!(until >= begun + Duration::from_millis(50) * tokens, "token {tokens}");
            idle += 1;
            std::thread::sleep(until.saturating_duration_since(Instant::now()));
        }
    }
    // The end-of-generation token waits for its time, too.
    assert!(idle > 0);
    assert!(begun.elapsed() >= Duration::from_millis(500));
}
