//! What sessions share of their pasts: a second one computes only what is new, and says the same.
#![cfg(feature = "testing")]

use crate::support::scenario::*;
use wick::runtime::{EndReason, Mode, ModelOptions, ModelSource, PrefixCache, Reading, Request, Runtime};
use wick::testing::{Script, loader};

/// A model whose words depend on all that it sees, bit for bit.
fn script() -> Script {
    Script { random: Some(11), max_tokens: 64, context_length: 4096, ..Script::default() }
}

/// Models of every kind of memory.
fn kinds() -> [Script; 5] {
    [
        script(),
        Script { window: Some(40), ..script() },
        Script { recurrent: true, ..script() },
        Script { recurrent: true, echo: true, ..script() },
        Script { recurrent: true, window: Some(20), ..script() },
    ]
}

fn asking_for(text: &str, max_tokens: u32) -> Request {
    Request { max_tokens, ignore_eos: true, ..asking(text) }
}

fn told(session: &wick::Session, text: &str) -> Told {
    read(&mut session.generate(asking_for(text, 12), Reading::default()).unwrap())
}

/// What a runtime says that has never computed anything before.
fn alone(script: &Script, turns: &[&str]) -> Vec<(String, Vec<u32>)> {
    let house = house(Mode::HostStep, script.clone());
    let session = house.session();
    let said = turns.iter().map(|text| told(&session, text)).map(|told| (told.text, told.tokens)).collect();
    house.close();
    said
}

/// A model that keeps nothing of what no session uses.
fn without_prefix_cache(mode: Mode, script: Script) -> House {
    let runtime = Runtime::new(options(mode)).expect("a runtime");
    let (load, gate) = loader(script);
    let options = ModelOptions::from_source(ModelSource::Custom(load));
    let options = ModelOptions { prefix_cache: PrefixCache::Off, ..options };
    let (model, mut loading) = runtime.load(options, Reading::default()).expect("a load begins");
    assert_eq!(read(&mut loading).end.reason, EndReason::Ready);
    House { runtime, model, gate }
}

#[test]
fn a_second_session_computes_only_what_is_new_and_says_the_same() {
    both(|mode| {
        for script in kinds() {
            let prompt = "You are a pirate. ".repeat(70);
            let house = house(mode, script.clone());
            let first = house.session();
            told(&first, &prompt);
            let computed = house.gate.prefilled();
            for (session, text) in [(house.session(), "Ahoy!"), (house.session(), "Who are you?")] {
                let whole = format!("{prompt}{text}");
                let second = told(&session, &whole);
                assert_eq!((second.text, second.tokens), alone(&script, &[&whole])[0]);
                let cached = second.end.stats.cached_tokens as usize;
                let fewest = if script.recurrent { 512 } else { prompt.len() };
                assert!(cached >= fewest && cached <= prompt.len() + 1, "{cached} of {}", prompt.len());
            }
            let more = (house.gate.prefilled() - computed) as usize;
            let most = if script.recurrent { 2 * (prompt.len() - 512) + 40 } else { 40 };
            assert!(more <= most, "{more} tokens were computed again");
            house.close();
        }
    });
}

#[test]
fn a_prefix_outlives_its_session_unless_there_is_no_prefix_cache() {
    both(|mode| {
        let prompt = "Once upon a time ".repeat(30);
        for kept in [true, false] {
            let house = match kept {
                true => house(mode, script()),
                false => without_prefix_cache(mode, script()),
            };
            drop({
                let session = house.session();
                told(&session, &prompt);
                session
            });
            let again = told(&house.session(), &prompt);
            assert_eq!((again.text, again.tokens), alone(&script(), &[&prompt])[0]);
            let cached = again.end.stats.cached_tokens as usize;
            assert_eq!(cached, if kept { prompt.len() - 1 } else { 0 });
            house.close();
        }
    });
}

#[test]
fn sessions_that_begin_alike_at_the_same_time_compute_it_once_between_them() {
    both(|mode| {
        let house = house(mode, Script { max_batch: 16, ..script() });
        let prompt = "A tavern by the sea. ".repeat(50);
        house.runtime.pause();
        let asked: Vec<_> = (0..10)
            .map(|index| {
                let session = house.session();
                let request = asking_for(&format!("{prompt}{index}"), 8);
                let stream = session.generate(request, Reading::default()).unwrap();
                (session, stream)
            })
            .collect();
        house.runtime.resume();
        for (index, (_session, mut stream)) in asked.into_iter().enumerate() {
            let told = read(&mut stream);
            let expected = &alone(&script(), &[&format!("{prompt}{index}")])[0];
            assert_eq!(told.tokens, expected.1[..8]);
        }
        let computed = house.gate.prefilled() as usize;
        assert!(computed < 3 * prompt.len(), "{computed} tokens for {} in common", prompt.len());
        house.close();
    });
}

#[test]
fn two_warm_ups_of_the_same_prompt_at_the_same_time_both_end() {
    both(|mode| {
        let house = house(mode, script());
        let prompt = "x".repeat(100);
        house.runtime.pause();
        let warm = |house: &House| {
            let session = house.session();
            let request = Request { prefill_only: true, ..asking(&prompt) };
            let stream = session.generate(request, Reading::default()).unwrap();
            (session, stream)
        };
        let asked: Vec<_> = (0..3).map(|_| warm(&house)).collect();
        house.runtime.resume();
        for (_session, mut stream) in asked {
            assert_eq!(read(&mut stream).end.reason, EndReason::Ready);
        }
        house.close();
    });
}
