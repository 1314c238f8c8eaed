//! A slice is all that lies between what the host wants and what it gets: a cancelled prompt, a spent budget.
#![cfg(all(feature = "native", feature = "testing"))]
#![allow(clippy::disallowed_methods)]

use crate::support::driver;
use crate::support::scenario::*;
use crate::support::tiny;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use wick::engine::{Engine, EngineFacts, EngineLimits, Outcome, SessionOptions};
use wick::gguf::TensorType;
use wick::model::{NativeDecoder, NativeOptions};
use wick::runtime::{EndReason, Input, Mode, Request};
use wick::stream::Consumer;
use wick::testing::Script;
use wick::text::Message;

const PROMPT: usize = 4096;

/// An engine that rests wherever it can, and how many slices it has computed.
fn engine() -> (Engine, Arc<AtomicUsize>) {
    let limits = EngineLimits {
        max_sequences: 4,
        slice: Duration::ZERO,
        own_thread: false,
        inline_bytes: 4096,
        costs: None,
    };
    let mut engine = Engine::new(limits, Arc::default());
    let slices = Arc::new(AtomicUsize::new(0));
    let file = tiny::Tiny { context: 5000, ..tiny::Tiny::new("llama") }.of(TensorType::Q8_0).open();
    let options = NativeOptions::new(driver::compute(1));
    let inner = NativeDecoder::load(file, options).expect("a model that loads");
    let counter = slices.clone();
    let count: Rig = Arc::new(move |point| {
        counter.fetch_add(usize::from(point == Point::Slice), Ordering::SeqCst);
        Ok(())
    });
    let ((_, vocab), _) = wick::testing::model(&Script::default());
    engine.add_model(1);
    engine.finish_load(1, Ok(for_engine((around(Box::new(inner), count), vocab))));
    (engine, slices)
}

/// Hands in a prompt of 4,096 tokens for a new session.
fn ask(engine: &mut Engine, session: u64) -> Consumer {
    give(engine, session, Input::Tokens((0..PROMPT as u32).map(|id| id * 31 % 160).collect()))
}

/// Hands in `input` for a new session.
fn give(engine: &mut Engine, session: u64, input: Input) -> Consumer {
    engine.add_session(session, 1, SessionOptions::default(), Arc::default());
    let (producer, consumer) = pulled(session);
    let place = EngineFacts::default().take_place(1).expect("a place");
    engine.submit(session, Request { input, ..Request::default() }, producer, place);
    consumer
}

#[test]
fn a_cancelled_prompt_of_4096_tokens_has_its_end_without_another_slice() {
    let _watchdog = watchdog();
    let (mut engine, slices) = engine();
    for (session, before) in [1, 2, 40, 333, 1000].into_iter().enumerate() {
        let consumer = ask(&mut engine, session as u64);
        let begun = slices.load(Ordering::SeqCst);
        while slices.load(Ordering::SeqCst) < begun + before {
            assert_eq!(engine.step(), Outcome::Worked);
        }
        assert_eq!(consumer.control().stats().output_tokens, 0, "the prompt is still being read");
        consumer.control().cancel();
        engine.check_streams();
        engine.step();
        assert_eq!(consumer.control().end_reason(), Some(EndReason::Cancelled), "after {before} slices");
        assert_eq!(slices.load(Ordering::SeqCst), begun + before, "the pass was given up");
    }
}

#[test]
fn the_cancel_of_one_prompt_lets_another_go_on() {
    let _watchdog = watchdog();
    let (mut engine, slices) = engine();
    let (cancelled, other) = (ask(&mut engine, 1), ask(&mut engine, 2));
    while slices.load(Ordering::SeqCst) < 50 {
        engine.step();
    }
    cancelled.control().cancel();
    engine.check_streams();
    engine.step();
    assert_eq!(cancelled.control().end_reason(), Some(EndReason::Cancelled));
    assert!(slices.load(Ordering::SeqCst) <= 51);
    assert!(!other.control().has_ended());
    while other.control().stats().output_tokens == 0 {
        assert_eq!(engine.step(), Outcome::Worked);
    }
}

#[test]
fn what_a_pass_computed_is_sampled_with_a_rest_behind_each_row() {
    let _watchdog = watchdog();
    let limits = EngineLimits {
        max_sequences: 4,
        slice: Duration::ZERO,
        own_thread: false,
        inline_bytes: 4096,
        costs: None,
    };
    let mut engine = Engine::new(limits, Arc::default());
    let sampled = Arc::new(AtomicUsize::new(0));
    let counter = sampled.clone();
    let count: Rig = Arc::new(move |point| {
        counter.fetch_add(usize::from(point == Point::Logits), Ordering::SeqCst);
        Ok(())
    });
    let (loaded, _) = rigged(&Script::saying("word"), count);
    engine.add_model(1);
    engine.finish_load(1, Ok(for_engine(loaded)));
    let streams: Vec<_> =
        (0..4).map(|session| give(&mut engine, session, Input::Text("go".into()))).collect();
    // Of the four that end together one is cancelled between the rows: the others are not concerned.
    let (mut most, mut cancelled) = (0, false);
    while streams.iter().any(|stream| !stream.control().has_ended()) {
        let before = sampled.load(Ordering::SeqCst);
        assert_eq!(engine.step(), Outcome::Worked);
        most = most.max(sampled.load(Ordering::SeqCst) - before);
        if sampled.load(Ordering::SeqCst) == 6 && !cancelled {
            cancelled = true;
            streams[0].control().cancel();
            engine.check_streams();
        }
    }
    assert_eq!((most, cancelled), (1, true), "rows sampled in a slice");
    let ends: Vec<_> = streams.iter().map(|stream| stream.control().end_reason()).collect();
    let [first, rest @ ..] = &ends[..] else { panic!("four streams") };
    assert_eq!(*first, Some(EndReason::Cancelled));
    assert!(rest.iter().all(|end| *end == Some(EndReason::Stop)), "{ends:?}");
}

#[test]
fn a_conversation_is_never_rendered_between_two_slices() {
    let (mut engine, _) = engine();
    let hi = Message { role: "user".into(), content: "Hi".into(), extra: None };
    let consumer = give(&mut engine, 1, Input::Messages(vec![hi]));
    engine.step();
    let job = engine.take_job().expect("the template is the model file's, and may take its time");
    // Cancelled meanwhile it has its end, however long the template takes.
    consumer.control().cancel();
    engine.check_streams();
    engine.step();
    assert_eq!(consumer.control().end_reason(), Some(EndReason::Cancelled));
    engine.finish_text(job.run());
    assert_eq!(engine.step(), Outcome::Idle(None));
    // A short text is no such job.
    give(&mut engine, 2, Input::Text("Hi".into()));
    engine.step();
    assert!(engine.take_job().is_none());
}

#[test]
fn a_step_begins_no_slice_after_its_budget_but_one() {
    let _watchdog = watchdog();
    // A slice sleeps for 150 us at least: a budget of 2 ms is over after 14.
    let script = Script { slices: 10_000, delay_us: 1_500_000, ..Script::saying("word") };
    let house = house(Mode::HostStep, script);
    let (_session, stream) = house.ask("go");
    for (budget, most) in
        [(Duration::ZERO, 1), (Duration::from_micros(150), 2), (Duration::from_millis(2), 15)]
    {
        for _ in 0..20 {
            let before = house.gate.slices();
            house.runtime.step(budget).expect("a step");
            let ran = house.gate.slices() - before;
            assert!(ran <= most, "{ran} slices in a budget of {budget:?}");
        }
    }
    assert!(house.gate.slices() >= 40, "every step but the first few computes");
    drop(stream);
    house.close();
}
