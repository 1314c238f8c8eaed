//! Scenarios S11, S12, S15 and S16: what fails ends with an error that says so, and everything else goes on.
#![cfg(feature = "testing")]

use crate::support::scenario::*;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use wick::compute::{Pool, PoolOptions};
use wick::error::{Error, ErrorKind};
use wick::runtime::{EndReason, Input, ModelOptions, Reading, Request, Runtime, RuntimeOptions};
use wick::testing::Script;

fn one_at_a_time(mode: wick::runtime::Mode) -> RuntimeOptions {
    RuntimeOptions { max_sequences: 1, ..options(mode) }
}

#[test]
fn s11_a_step_that_fails_is_an_error_not_a_normal_end() {
    both(|mode| {
        for (at, text) in [(0, ""), (5, "abcde")] {
            let parts = Script::parse(&format!(r#"{{"reply":"abcdefgh","token_bytes":1,"fail_at":{at}}}"#));
            let house = house(mode, parts.unwrap());
            let told = house.answer("Hi");
            assert_eq!(told.said(), (text, EndReason::Error));
            assert_eq!(told.error().kind(), ErrorKind::Io);
            assert_eq!(told.error().message(), "the script says that this pass fails");
            assert!(told.started());
            house.close();
        }
    });
}

#[test]
fn s11_logits_that_are_no_numbers_are_an_error() {
    both(|mode| {
        let script = Script { nan_at: Some(1), ..Script::saying("goodbad!") };
        let house = house(mode, script);
        let told = house.answer("Hi");
        assert_eq!(told.said(), ("good", EndReason::Error));
        assert_eq!(told.error().kind(), ErrorKind::Numeric);
        house.close();
    });
}

#[test]
fn s11_a_session_goes_on_after_a_step_that_failed() {
    both(|mode| {
        let rig = once(Point::Slice, 2, || Err(Error::new(ErrorKind::Io, "a fault")));
        let (loaded, gate) = rigged(&Script::saying("goodbetter!!"), rig);
        let house = house_of(options(mode), gate, Box::new(move |_| Ok(loaded)));
        let session = house.session();
        let mut stream = session.generate(asking("Hi"), Reading::default()).unwrap();
        assert_eq!(read(&mut stream).said(), ("goodbett", EndReason::Error));
        let again = Request { input: Input::Continue, ..Request::default() };
        let mut stream = session.generate(again, Reading::default()).unwrap();
        assert_eq!(read(&mut stream).said(), ("er!!", EndReason::Stop));
        house.close();
    });
}

#[test]
fn s12_a_panic_at_token_five_with_three_waiting() {
    both(|mode| {
        let rig = once(Point::Slice, 5, || panic!("at token five"));
        let (loaded, gate) = rigged(&Script::parse(r#"{"reply":"abcdefgh","token_bytes":1}"#).unwrap(), rig);
        let house = house_of(one_at_a_time(mode), gate, Box::new(move |_| Ok(loaded)));
        house.runtime.pause();
        let mut four: Vec<_> = (0..4).map(|_| house.ask("Hi")).collect();
        house.runtime.resume();
        let told: Vec<Told> = four.iter_mut().map(|(_, stream)| read(stream)).collect();
        assert_eq!(told[0].said(), ("abcde", EndReason::Error));
        assert_eq!(told[0].error().kind(), ErrorKind::Internal);
        for told in &told[1..] {
            assert_eq!(told.said(), ("abcdefgh", EndReason::Stop));
        }
        assert_eq!(house.answer("later").said(), ("abcdefgh", EndReason::Stop));
        house.close();
    });
}

#[test]
fn s12_a_panic_of_the_scripts_model_ends_its_own_pass() {
    both(|mode| {
        let house = house(mode, Script { panic_at: Some(1), ..Script::saying("goodbad!") });
        for _ in 0..3 {
            let told = house.answer("Hi");
            assert_eq!(told.said(), ("good", EndReason::Error));
            assert_eq!(told.error().kind(), ErrorKind::Internal);
        }
        house.close();
    });
}

#[test]
fn s12_a_panic_wherever_the_decoder_is_called_ends_what_it_concerns() {
    both(|mode| {
        for point in [Point::Storage, Point::Begin, Point::Slice, Point::Logits] {
            let rig = once(point, 0, || panic!("a fault"));
            let (loaded, gate) = rigged(&Script::saying("word"), rig);
            let house = house_of(one_at_a_time(mode), gate, Box::new(move |_| Ok(loaded)));
            let session = house.session();
            let ask = || session.generate(asking("Hi"), Reading::default()).unwrap();
            let reasons: Vec<_> = (0..3).map(|_| read(&mut ask())).map(|told| told.end.reason).collect();
            let errors = reasons.iter().filter(|reason| **reason == EndReason::Error).count();
            assert_eq!(errors, 1, "{point:?}: {reasons:?}");
            assert_eq!(reasons[2], EndReason::Stop, "{point:?}");
            house.close();
        }
    });
}

#[test]
fn s12_a_panic_in_the_engine_itself_ends_its_generations_and_no_later_ones() {
    both(|mode| {
        let rig = once(Point::Limit, 0, || panic!("outside of every pass"));
        let (loaded, gate) = rigged(&Script::saying("word"), rig);
        let house = house_of(options(mode), gate, Box::new(move |_| Ok(loaded)));
        let told = house.answer("Hi");
        assert_eq!(told.end.reason, EndReason::Error, "{told:?}");
        assert_eq!(told.error().kind(), ErrorKind::Internal);
        assert_eq!(house.answer("Hi").said(), ("word", EndReason::Stop));
        house.close();
    });
}

#[test]
fn s12_a_panic_ends_those_in_the_pass_and_nobody_else() {
    both(|mode| {
        let rig = once(Point::Slice, 2, || panic!("in the third slice"));
        let (loaded, gate) = rigged(&Script::parse(r#"{"reply":"abcdefgh","token_bytes":1}"#).unwrap(), rig);
        let options = RuntimeOptions { max_sequences: 3, ..options(mode) };
        let house = house_of(options, gate, Box::new(move |_| Ok(loaded)));
        house.runtime.pause();
        let mut five: Vec<_> = (0..5).map(|_| house.ask("Hi")).collect();
        house.runtime.resume();
        let told: Vec<Told> = five.iter_mut().map(|(_, stream)| read(stream)).collect();
        for told in &told[..3] {
            assert_eq!(told.said(), ("ab", EndReason::Error));
            assert_eq!(told.error().kind(), ErrorKind::Internal);
        }
        for told in &told[3..] {
            assert_eq!(told.said(), ("abcdefgh", EndReason::Stop));
        }
        house.close();
    });
}

#[test]
fn s12_a_compute_worker_panics_between_two_barriers() {
    both(|mode| {
        let pool = Pool::new(&PoolOptions { threads: 3, ..PoolOptions::default() }).unwrap();
        let (pool, slices) = (Mutex::new(pool), AtomicUsize::new(0));
        let panics = Arc::<AtomicUsize>::default();
        let panicked = panics.clone();
        let rig: Rig = Arc::new(move |point| {
            if point == Point::Slice {
                let sixth = slices.fetch_add(1, Ordering::SeqCst) == 5;
                let mut pool = pool.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                pool.run(64, &|_, _| ());
                pool.run(64, &|_, thread| {
                    if sixth && thread != 0 {
                        panicked.fetch_add(1, Ordering::SeqCst);
                        panic!("in a worker");
                    }
                    // The engine's own thread stays inside until a worker is, too.
                    let limit = soon();
                    while sixth && panicked.load(Ordering::SeqCst) == 0 {
                        assert!(Some(Instant::now()) < limit, "no worker came");
                        std::thread::yield_now();
                    }
                });
                pool.run(64, &|_, _| ());
            }
            Ok(())
        });
        let (loaded, gate) = rigged(&Script::parse(r#"{"reply":"abcdefgh","token_bytes":1}"#).unwrap(), rig);
        let house = house_of(one_at_a_time(mode), gate, Box::new(move |_| Ok(loaded)));
        let told = house.answer("Hi");
        assert!(panics.load(Ordering::SeqCst) > 0);
        assert_eq!(told.said(), ("abcde", EndReason::Error));
        assert_eq!(told.error().kind(), ErrorKind::Internal);
        assert_eq!(house.answer("later").said(), ("abcdefgh", EndReason::Stop));
        house.close();
    });
}

#[test]
fn s15_a_load_that_fails_or_panics_ends_with_a_code_and_so_does_who_waited() {
    both(|mode| {
        let failing = Script { load_error: Some("not a model".into()), ..Script::default() };
        let panicking = Script { load_panics: true, ..Script::default() };
        for (script, kind) in [(failing, ErrorKind::ModelInvalid), (panicking, ErrorKind::Internal)] {
            let runtime = Runtime::new(options(mode)).unwrap();
            let (load, go) = held(script);
            let (model, mut loading) = begin_load(&runtime, load);
            let session = model.session(None).unwrap();
            let mut waiting = session.generate(asking("Hi"), Reading::default()).unwrap();
            go.store(true, Ordering::SeqCst);
            assert_eq!(read(&mut loading).error().kind(), kind);
            let told = read(&mut waiting);
            assert_eq!((told.error().kind(), told.started()), (kind, false));
            assert_eq!(session.generate(asking("Hi"), Reading::default()).unwrap_err().kind(), kind);
            assert_eq!(model.session(None).unwrap_err().kind(), kind);
            assert_eq!(model.spec().unwrap_err().kind(), kind);
            runtime.shutdown(None).unwrap();
        }
    });
}

#[test]
fn s15_a_file_that_is_missing_is_an_error_that_names_it() {
    both(|mode| {
        let runtime = Runtime::new(options(mode)).unwrap();
        let missing = ModelOptions::path("no/such/model.gguf");
        let (_model, mut loading) = runtime.load(missing, Reading::default()).unwrap();
        let told = read(&mut loading);
        if cfg!(feature = "text") {
            assert_eq!(told.error().kind(), ErrorKind::Io);
            assert!(told.error().message().contains("no/such/model.gguf"), "{:?}", told.error());
        } else {
            assert_eq!(told.error().kind(), ErrorKind::Unsupported);
        }
        runtime.shutdown(None).unwrap();
    });
}

#[test]
fn s16_a_generation_waits_for_its_model() {
    both(|mode| {
        let runtime = Runtime::new(options(mode)).unwrap();
        let (load, go) = held(Script::saying("at last"));
        let (model, mut loading) = begin_load(&runtime, load);
        let session = model.session(None).unwrap();
        let mut stream = session.generate(asking("Hi"), Reading::default()).unwrap();
        assert_eq!(model.spec().unwrap_err().kind(), ErrorKind::Busy);
        assert!(!stream.control().has_ended());
        go.store(true, Ordering::SeqCst);
        assert_eq!(read(&mut stream).said(), ("at last", EndReason::Stop));
        assert_eq!(read(&mut loading).end.reason, EndReason::Ready);
        assert!(model.spec().is_ok());
        runtime.shutdown(None).unwrap();
    });
}
