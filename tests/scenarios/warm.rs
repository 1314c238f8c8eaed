//! What a decoder does to become quicker comes behind the first token, ends when it is done, and harms no
//! stream.
#![cfg(feature = "testing")]
#![allow(clippy::disallowed_methods)]

use crate::support::scenario::*;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use wick::error::{Error, ErrorKind, Result};
use wick::runtime::{EndReason, Mode, Reading};
use wick::testing::{Script, model};

/// A house whose decoder warms up by `piece`, which is told how many there are with this one, and the points
/// in the order in which they came.
fn warming_by(
    mode: Mode,
    script: &Script,
    piece: impl Fn(usize) -> Result<()> + Send + Sync + 'static,
) -> (House, Arc<Mutex<Vec<Point>>>) {
    let points = Arc::new(Mutex::new(Vec::new()));
    let seen = points.clone();
    let rig: Rig = Arc::new(move |point| {
        let count = {
            let mut seen = seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            seen.push(point);
            seen.iter().filter(|seen| **seen == Point::WarmUp).count()
        };
        if point == Point::WarmUp { piece(count) } else { Ok(()) }
    });
    let (loaded, gate) = rigged(script, rig);
    (house_of(options(mode), gate, Box::new(move |_| Ok(loaded))), points)
}

fn more() -> Result<()> {
    Err(Error::new(ErrorKind::Busy, "there is more"))
}

/// As [`warming_by`], in `pieces` pieces, the last one ended by `last`.
fn warming(mode: Mode, pieces: usize, last: fn()) -> (House, Arc<Mutex<Vec<Point>>>) {
    warming_by(mode, &Script::saying("one two three four five six"), move |count| {
        if count < pieces {
            return more();
        }
        last();
        Ok(())
    })
}

/// As [`warming`], once all pieces are done: answers pay for them. On a new house if it takes too many, for
/// a piece that the system interrupts counts as a long one.
fn warmed(mode: Mode, pieces: usize, last: fn()) -> (House, Arc<Mutex<Vec<Point>>>) {
    let limit = soon();
    loop {
        let (house, points) = warming(mode, pieces, last);
        for _ in 0..50 {
            assert_eq!(house.answer("Hi").said(), ("one two three four five six", EndReason::Stop));
            if count(&points) == pieces {
                return (house, points);
            }
        }
        assert!(Some(Instant::now()) < limit, "{} pieces of {pieces}", count(&points));
        house.close();
    }
}

fn count(points: &Mutex<Vec<Point>>) -> usize {
    points.lock().unwrap().iter().filter(|point| **point == Point::WarmUp).count()
}

#[test]
fn a_decoder_warms_up_behind_the_first_token_until_it_is_done() {
    both(|mode| {
        let (house, points) = warmed(mode, 3, || ());
        for _ in 0..10 {
            assert_eq!(house.answer("Hi").said(), ("one two three four five six", EndReason::Stop));
        }
        let first = |wanted| points.lock().unwrap().iter().position(|point| *point == wanted);
        assert!(first(Point::WarmUp) > first(Point::Logits), "{:?}", points.lock().unwrap());
        assert_eq!(count(&points), 3);
        house.close();
    });
}

#[test]
fn weights_that_are_to_stay_mapped_do() {
    both(|mode| {
        let (house, points) = warming(mode, 1000, || ());
        house.model.keep_mapped();
        for _ in 0..5 {
            assert_eq!(house.answer("Hi").end.reason, EndReason::Stop);
        }
        assert_eq!(count(&points), 0);
        house.close();
    });
}

#[test]
fn a_panic_while_it_warms_up_ends_that_and_no_stream() {
    both(|mode| {
        let (house, points) = warmed(mode, 2, || panic!("a fault"));
        for _ in 0..10 {
            assert_eq!(house.answer("Hi").said(), ("one two three four five six", EndReason::Stop));
        }
        assert_eq!(count(&points), 2);
        house.close();
    });
}

#[test]
fn pieces_that_take_long_go_on_with_threads_and_end_on_the_thread_of_the_host() {
    both(|mode| {
        let script = Script { delay_us: 5000, ..Script::saying("one two three four five six") };
        let (house, points) = warming_by(mode, &script, |_| {
            std::thread::sleep(Duration::from_millis(2));
            more()
        });
        let limit = soon();
        while count(&points) < 3 {
            assert!(Some(Instant::now()) < limit, "{} pieces", count(&points));
            assert_eq!(house.answer("Hi").end.reason, EndReason::Stop);
        }
        // Three answers earn a piece each at least.
        for _ in 0..3 {
            assert_eq!(house.answer("Hi").end.reason, EndReason::Stop);
        }
        match mode {
            Mode::HostStep => assert_eq!(count(&points), 3),
            Mode::Threads => assert!(count(&points) > 3),
        }
        house.close();
    });
}

#[test]
fn every_model_that_has_spoken_warms_up_whichever_spoke_last() {
    let pieces = 100;
    let (house, points) = warming_by(Mode::Threads, &Script::saying("one two"), move |count| {
        // So long that the other model speaks meanwhile.
        std::thread::sleep(Duration::from_millis(1));
        if count < pieces { more() } else { Ok(()) }
    });
    let (other, _gate) = model(&Script::saying("three"));
    let (other, mut load) = begin_load(&house.runtime, Box::new(move |_| Ok(other)));
    assert_eq!(read(&mut load).end.reason, EndReason::Ready);
    assert_eq!(house.answer("Hi").end.reason, EndReason::Stop);
    let session = other.session(None).unwrap();
    let mut stream = session.generate(asking("Hi"), Reading::default()).unwrap();
    assert_eq!(read(&mut stream).said(), ("three", EndReason::Stop));
    until(&house.runtime, "the first model to be warm", || count(&points) == pieces);
    house.close();
}
