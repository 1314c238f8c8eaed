//! Saves with keys and values: a restored session goes on without computing its past, bit for bit; what the
//! model cannot use is computed again; what is damaged gets nowhere.
#![cfg(feature = "testing")]

use crate::support::scenario::saves::{Storage, of, refused, restored, saved};
use crate::support::scenario::*;
use std::sync::mpsc;
use wick::error::{ErrorKind, Result};
use wick::runtime::{EndReason, Input, Mode, Reading, Request, RuntimeOptions, SavePlace, Session, WriteAt};
use wick::store::parts::take_apart;
use wick::testing::Script;

/// A model whose words depend on all that it sees, bit for bit.
fn script() -> Script {
    Script { random: Some(7), max_tokens: 64, context_length: 4096, ..Script::default() }
}

/// Models of every kind of memory.
fn kinds() -> [Script; 4] {
    [
        script(),
        Script { window: Some(40), ..script() },
        Script { recurrent: true, ..script() },
        Script { recurrent: true, window: Some(20), ..script() },
    ]
}

fn going_on(input: Input) -> Request {
    Request { input, max_tokens: 30, ignore_eos: true, ..Request::default() }
}

fn told(session: &Session, text: &str) -> Told {
    let input = if text.is_empty() { Input::Continue } else { Input::Text(text.to_owned()) };
    read(&mut session.generate(going_on(input), Reading::default()).expect("a stream"))
}

/// A session with a past of about 700 tokens.
fn with_past(house: &House) -> Session {
    let session = house.session();
    told(&session, &"You are a pirate. ".repeat(36));
    told(&session, "Who are you?");
    session
}

/// Nothing is left of what sessions held.
fn empty(house: &House) {
    house.runtime.trim();
    until(&house.runtime, "all is given back", || house.runtime.info().kv_and_scratch_bytes == 0);
}

#[test]
fn s50_a_restored_session_goes_on_without_computing_its_past() {
    both(|mode| {
        for script in kinds() {
            let first = house(mode, script.clone());
            let session = with_past(&first);
            let bytes = saved(&session, true);
            let without = saved(&session, false);
            assert!(bytes.len() > without.len(), "{} and {} bytes", bytes.len(), without.len());
            let expected = [told(&session, ""), told(&session, "And now?")];
            for bytes in [&bytes, &saved(&restored(&first, &bytes), true)] {
                let second = house(mode, script.clone());
                let back = restored(&second, bytes);
                let length = back.tokens().unwrap().len();
                let first = told(&back, "");
                let cached = first.end.stats.cached_tokens as usize;
                assert_eq!(cached, length - 1, "all but the last one, which was never fed");
                assert_eq!(second.gate.prefilled(), 0);
                let again = [first, told(&back, "And now?")];
                for (again, expected) in again.iter().zip(&expected) {
                    assert_eq!((&again.text, &again.tokens), (&expected.text, &expected.tokens));
                }
                drop(back);
                empty(&second);
                second.close();
            }
            drop(session);
            empty(&first);
            first.close();
        }
    });
}

#[test]
fn s50_a_save_has_what_the_session_had_at_the_call() {
    both(|mode| {
        for script in kinds() {
            let first = house(mode, script.clone());
            let session = with_past(&first);
            let storage = Storage::default();
            let mut save = session.save(storage.place(), true, Reading::default()).unwrap();
            // It goes on, is emptied, and its memory is taken, all while it is saved.
            told(&session, "And now?");
            session.clear().unwrap();
            first.runtime.trim();
            told(&session, "Somebody else");
            drop(session);
            first.runtime.trim();
            assert_eq!(read(&mut save).end.reason, EndReason::Ready);
            let second = house(mode, script.clone());
            let back = restored(&second, &storage.bytes());
            let again = told(&back, "And now?");
            assert_eq!(again.end.stats.cached_tokens as usize, again.end.stats.prompt_tokens as usize - 9);
            let other = with_past(&house(mode, script.clone()));
            assert_eq!(again.text, told(&other, "And now?").text);
            empty(&first);
            first.close();
            drop((other, back));
            second.close();
        }
    });
}

#[test]
fn s50_what_the_model_cannot_use_is_computed_again() {
    both(|mode| {
        let first = house(mode, script());
        let session = with_past(&first);
        let bytes = saved(&session, true);
        let other = house(mode, Script { window: Some(40), ..script() });
        let back = restored(&other, &bytes);
        let again = told(&back, "");
        assert_eq!(again.end.stats.cached_tokens, 0);
        assert_eq!(saved(&back, false).len(), saved(&session, false).len() + 30 * 4);
        // Nothing was left to save.
        let third = house(mode, script());
        let plain = restored(&third, &saved(&session, false));
        assert_eq!(saved(&plain, true), saved(&plain, false));
        assert_eq!(told(&plain, "").text, told(&session, "").text);
        for house in [first, other, third] {
            house.close();
        }
    });
}

#[test]
fn s50_what_finds_no_memory_is_computed_again() {
    both(|mode| {
        let first = house(mode, script());
        let session = with_past(&first);
        let bytes = saved(&session, true);
        // Room for one past of this length, which another session has.
        let blocks = session.tokens().unwrap().len().div_ceil(32) as u64 + 4;
        let small =
            house_with(RuntimeOptions { memory_budget: Some(blocks * 128), ..options(mode) }, script());
        let other = small.session();
        told(&other, &"Once upon a time. ".repeat(36));
        let back = restored(&small, &bytes);
        let again = told(&back, "");
        assert!(again.end.stats.cached_tokens < 300, "{:?}", again.end);
        assert_eq!(again.text, told(&session, "").text);
        drop((other, back));
        empty(&small);
        first.close();
        small.close();
    });
}

#[test]
fn s50_damaged_keys_and_values_are_refused_and_get_nowhere() {
    both(|mode| {
        for script in kinds() {
            let first = house(mode, script.clone());
            let session = with_past(&first);
            let bytes = saved(&session, true);
            let sections = take_apart(&bytes).unwrap();
            let records = sections.last().unwrap().2.len();
            let second = house(mode, script.clone());
            let start = bytes.len() - records;
            for at in (start..bytes.len()).step_by(records / 7).chain([bytes.len() - 9, bytes.len() - 1]) {
                let mut changed = bytes.clone();
                changed[at] ^= 1;
                let error = refused(&second, of(&changed));
                assert_eq!(error.kind(), ErrorKind::Io, "{error}");
                assert!(error.message().contains("blocks, at byte "), "{error}");
            }
            // What came before the damage is right, or it is not there.
            let whole = with_past(&second);
            assert_eq!(whole.tokens().unwrap(), session.tokens().unwrap());
            assert_eq!(told(&whole, "").text, told(&session, "").text);
            drop(whole);
            empty(&second);
            first.close();
            second.close();
        }
    });
}

#[test]
fn s52_a_prefix_pack_is_a_prefix_that_nobody_computed() {
    both(|mode| {
        for script in kinds() {
            let prompt = "You are a pirate who lives in a barrel. ".repeat(20);
            let fills = Request { prefill_only: true, ..going_on(Input::Text(prompt.clone())) };
            let first = house(mode, script.clone());
            let session = first.session();
            read(&mut session.generate(fills, Reading::default()).unwrap());
            let bytes = saved(&session, true);
            let second = house(mode, script.clone());
            for _ in 0..2 {
                let mut stream = second.model.warm(of(&bytes), Reading::default()).unwrap();
                assert_eq!(read(&mut stream).end.reason, EndReason::Ready);
            }
            let again = told(&second.session(), &format!("{prompt}Ahoy!"));
            assert_eq!(again.end.stats.cached_tokens as usize, prompt.len());
            assert_eq!(second.gate.prefilled(), 5);
            assert_eq!(again.text, told(&session, "Ahoy!").text);
            empty(&second);
            first.close();
            second.close();
        }
    });
}

#[test]
fn s52_what_is_no_prefix_pack_is_refused() {
    both(|mode| {
        let refused = |house: &House, bytes: &[u8], what: &str| {
            let error = read(&mut house.model.warm(of(bytes), Reading::default()).unwrap()).error().clone();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.message().contains(what), "{error}");
        };
        let first = house(mode, script());
        let session = with_past(&first);
        let (with, without) = (saved(&session, true), saved(&session, false));
        refused(&first, &without, "no keys and values");
        let other = house(mode, Script { window: Some(40), ..script() });
        refused(&other, &with, "another layout");
        let alone = house(mode, Script { rewinds: false, ..script() });
        refused(&alone, &with, "share no keys and values");
        for house in [first, other, alone] {
            house.close();
        }
    });
}

/// A storage that waits before each piece until it may take it.
struct Slow(mpsc::Receiver<()>);

impl WriteAt for Slow {
    fn write_at(&mut self, _offset: u64, _src: &[u8]) -> Result<()> {
        let _ = self.0.recv();
        Ok(())
    }
}

#[test]
fn s50_a_cancelled_save_lets_go_of_what_it_held() {
    let _watchdog = watchdog();
    let house = house(Mode::Threads, script());
    let session = with_past(&house);
    // Before its head and between that and the past: how many pieces that is written in depends on time.
    for reads in [0, 1] {
        let (go, slow) = mpsc::channel();
        let mut save =
            session.save(SavePlace::Storage(Box::new(Slow(slow))), true, Reading::default()).unwrap();
        (0..reads).for_each(|_| go.send(()).unwrap());
        told(&session, "Others go on.");
        save.cancel();
        drop(go);
        assert_eq!(read(&mut save).end.reason, EndReason::Cancelled);
    }
    drop(session);
    empty(&house);
    house.close();
}
