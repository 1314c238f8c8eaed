//! A long prompt beside running answers: they go on, it comes through, and priorities have their way; with
//! fixed costs of rows, so that no clock decides.
#![cfg(feature = "testing")]

use crate::support::scenario::*;
use std::sync::Arc;
use std::time::Duration;
use wick::engine::{Costs, Engine, EngineFacts, EngineLimits, SessionOptions};
use wick::runtime::{Input, Reading, Request};
use wick::stream::Consumer;
use wick::testing::{Gate, Script};

/// 20 ms for a pass that decodes one row, 1 ms for each row of a prompt: 17 rows add a little less than such
/// a pass.
const COSTS: Costs = Costs { decode: Some(20e6), decoding: 1, row: Some(1e6), draft: [None; 4] };
const BESIDE: u64 = 17;
const PROMPT: usize = 1000;

struct Hand {
    engine: Engine,
    gate: Gate,
    sessions: u64,
}

impl Hand {
    fn new(script: Script) -> Self {
        let limits = EngineLimits {
            max_sequences: 8,
            slice: Duration::from_secs(60),
            own_thread: false,
            inline_bytes: 4096,
            costs: Some(COSTS),
        };
        let mut engine = Engine::new(limits, Arc::default());
        let (loaded, gate) = wick::testing::model(&script);
        engine.add_model(1);
        engine.finish_load(1, Ok(for_engine(loaded)));
        Self { engine, gate, sessions: 0 }
    }

    fn ask(&mut self, input: Input, priority: i32) -> Consumer {
        self.sessions += 1;
        self.engine.add_session(self.sessions, 1, SessionOptions::default(), Arc::default());
        let (producer, consumer) = pulled(self.sessions);
        let place = EngineFacts::default().take_place(1).expect("a place");
        let request = Request { input, priority, ..Request::default() };
        self.engine.submit(self.sessions, request, producer, place);
        consumer
    }

    /// Computes one pass, which a step does whole: how many rows of prompts were in it.
    fn pass(&mut self) -> u64 {
        let (prefilled, slices) = (self.gate.prefilled(), self.gate.slices());
        while self.gate.slices() == slices {
            self.engine.step();
        }
        self.gate.prefilled() - prefilled
    }

    /// An answer that does not end, begun, and a long prompt beside it.
    fn both(&mut self, speaker: i32, newcomer: i32) -> (Consumer, Consumer) {
        let first = self.ask(Input::Text("Hi".into()), speaker);
        for _ in 0..3 {
            self.pass();
        }
        assert_eq!(output(&first), 3);
        (first, self.ask(Input::Tokens(vec![65; PROMPT]), newcomer))
    }
}

fn output(stream: &Consumer) -> u32 {
    stream.control().stats().output_tokens
}

#[test]
fn s37_an_answer_has_a_token_in_every_pass_and_the_prompt_as_many_rows_as_that_takes() {
    let _watchdog = watchdog();
    let mut hand = Hand::new(endless());
    let (first, second) = hand.both(0, 0);
    let mut left = PROMPT as u64;
    while output(&second) == 0 {
        let before = output(&first);
        assert_eq!(hand.pass(), left.min(BESIDE));
        left = left.saturating_sub(BESIDE);
        assert_eq!(output(&first), before + 1);
    }
    assert_eq!(left, 0);
    // Alone a prompt fills its passes.
    first.control().cancel();
    second.control().cancel();
    hand.engine.check_streams();
    let _third = hand.ask(Input::Tokens(vec![65; PROMPT]), 0);
    assert_eq!([hand.pass(), hand.pass()], [512, 488]);
}

#[test]
fn s37b_a_higher_prompt_fills_its_passes_and_answers_come_along() {
    let _watchdog = watchdog();
    let mut hand = Hand::new(endless());
    let (first, second) = hand.both(0, 1);
    assert_eq!([hand.pass(), hand.pass()], [511, 489]);
    assert_eq!((output(&first), output(&second)), (5, 1));
}

#[test]
fn s37b_a_higher_answer_has_its_passes_to_itself_but_the_prompt_comes_through() {
    let _watchdog = watchdog();
    let mut hand = Hand::new(endless());
    let (first, second) = hand.both(1, 0);
    let rows: Vec<u64> = (0..50).map(|_| hand.pass()).collect();
    assert_eq!(output(&first), 53);
    let taken: Vec<usize> = (0..50).filter(|pass| rows[*pass] > 0).collect();
    assert!(taken.iter().all(|pass| rows[*pass] == BESIDE), "{rows:?}");
    assert!((2..=4).contains(&taken.len()), "{rows:?}");
    // The answer ends: the prompt has all of them.
    first.control().cancel();
    hand.engine.check_streams();
    assert_eq!(hand.pass(), 512);
    while output(&second) == 0 {
        hand.pass();
    }
}

#[test]
fn s31_answers_are_the_same_however_a_prompt_was_cut() {
    both(|mode| {
        let house = house(mode, Script { random: Some(5), max_tokens: 256, ..Script::default() });
        let long: String = (0..900).map(|i| char::from(b'a' + (i % 26) as u8)).collect();
        let request = || Request { max_tokens: 12, ignore_eos: true, ..asking(&long) };
        let session = house.session();
        let alone = read(&mut session.generate(request(), Reading::default()).unwrap());
        let others: Vec<_> = (0..3).map(|n| house.ask(&format!("other {n}"))).collect();
        let session = house.session();
        let beside = read(&mut session.generate(request(), Reading::default()).unwrap());
        assert_eq!((alone.text, alone.tokens), (beside.text, beside.tokens));
        drop(others);
        house.close();
    });
}
