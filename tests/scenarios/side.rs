//! Scenarios S1 to S6: notes and other side channels never hold a stream up, whoever keeps them.
#![cfg(feature = "testing")]

use crate::support::scenario::*;
use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use wick::runtime::{Control, EndReason, EventKind, Mode, Reading, SessionState};
use wick::testing::Script;

thread_local! {
    static KEPT_HERE: RefCell<Vec<Control>> = const { RefCell::new(Vec::new()) };
}
static KEPT_FOR_EVER: Mutex<Vec<Control>> = Mutex::new(Vec::new());

#[test]
fn s1_a_side_channel_that_is_never_written_nor_closed_holds_nothing_up() {
    both(|mode| {
        let house = house(mode, Script::saying("All the same."));
        let (_session, mut stream) = house.ask("Hi");
        let side = stream.control();
        let told = read(&mut stream);
        assert_eq!(told.said(), ("All the same.", EndReason::Stop));
        assert!(side.has_ended());
        house.close();
    });
}

#[test]
fn s2_a_sender_in_a_thread_local_and_in_a_global_keeps_no_stream_open() {
    both(|mode| {
        let house = house(mode, Script::saying("It ends."));
        let (_session, mut stream) = house.ask("Hi");
        KEPT_HERE.with_borrow_mut(|kept| kept.push(stream.control()));
        KEPT_FOR_EVER.lock().unwrap().push(stream.control());
        let told = read(&mut stream);
        assert_eq!(told.said(), ("It ends.", EndReason::Stop));
        let late = KEPT_FOR_EVER.lock().unwrap().last().unwrap().note("late".into());
        assert_eq!(late, Err("late".to_owned()));
        KEPT_HERE
            .with_borrow(|kept| assert_eq!(kept.last().unwrap().note("late".into()), Err("late".into())));
        drop(stream);
        house.close();
    });
}

#[test]
fn s3_notes_from_the_engines_thread_lie_on_their_own_stream_before_its_end() {
    both(|mode| {
        let slot: Arc<Mutex<Option<Control>>> = Arc::default();
        let seen = slot.clone();
        let rig: Rig = Arc::new(move |point| {
            if let (Point::Slice, Some(control)) = (point, &*seen.lock().unwrap()) {
                let _ = control.note("computing".into());
            }
            Ok(())
        });
        let (loaded, gate) = rigged(&Script { gated: true, ..Script::saying("abcdefgh") }, rig);
        let house = house_of(options(mode), gate, Box::new(move |_| Ok(loaded)));
        let (_one, mut noted) = house.ask("one");
        *slot.lock().unwrap() = Some(noted.control());
        let (_two, mut silent) = house.ask("two");
        house.gate.release(100);
        let (noted, silent) = (read(&mut noted), read(&mut silent));
        assert!(!noted.notes.is_empty() && noted.notes.iter().all(|note| note == "computing"));
        assert_eq!(silent.notes, Vec::<String>::new());
        assert_eq!((noted.text, silent.text), ("abcdefgh".into(), "abcdefgh".into()));
        house.close();
    });
}

#[test]
fn s4_one_request_to_an_idle_runtime_completes_without_another_push() {
    both(|mode| {
        let house = house(mode, Script::saying("On my own."));
        run_a_while(&house.runtime);
        assert_eq!(house.answer("Hi").said(), ("On my own.", EndReason::Stop));
        run_a_while(&house.runtime);
        assert_eq!(house.answer("Hi again").said(), ("On my own.", EndReason::Stop));
        house.close();
    });
}

#[test]
fn s5_a_hundred_thousand_notes_are_bounded_and_counted_and_lose_no_text() {
    both(|mode| {
        let answer = "0123456789".repeat(30);
        let house = house(mode, Script { gated: true, ..Script::saying(&answer) });
        let (_session, mut stream) = house.ask("Hi");
        let side = stream.control();
        for number in 0..100_000 {
            side.note(number.to_string()).unwrap();
        }
        house.gate.release(1000);
        let told = read(&mut stream);
        assert_eq!(told.said(), (answer.as_str(), EndReason::Stop));
        assert_eq!(told.notes.len() as u64 + told.end.stats.notes_dropped, 100_000);
        assert!(told.notes.len() <= 1024, "{} notes", told.notes.len());
        assert_eq!(told.notes.last().unwrap(), "99999");
        house.close();
    });
}

#[test]
fn s6_a_token_that_waits_for_the_one_before_to_be_seen_comes() {
    both(|mode| {
        let house = house(mode, Script { gated: true, ..Script::saying("one two three four five") });
        let (_session, mut stream) = house.ask("Hi");
        let mut events = Vec::new();
        loop {
            house.gate.release(1);
            let event = loop {
                let event = stream.next_blocking().unwrap();
                let decisive = matches!(event.kind, EventKind::Text(_) | EventKind::End(_));
                events.push(event.clone());
                if decisive {
                    break event;
                }
            };
            if event.end_reason().is_some() {
                break;
            }
        }
        let told = Told::from(events);
        assert_eq!(told.said(), ("one two three four five", EndReason::Stop));
        house.close();
    });
}

#[test]
fn s33_questions_during_compute_are_answered_at_once() {
    both(|mode| {
        let (compute, slices) = (Arc::new(Mutex::new(())), Arc::new(AtomicUsize::new(0)));
        let (computes, begun) = (compute.clone(), slices.clone());
        let rig: Rig = Arc::new(move |point| {
            // The first token comes, the third slice lasts.
            if point == Point::Slice && begun.fetch_add(1, Ordering::SeqCst) >= 2 {
                drop(computes.lock().unwrap());
            }
            Ok(())
        });
        let (loaded, gate) = rigged(&Script { endless: true, ..Script::saying("busy") }, rig);
        let house = house_of(options(mode), gate, Box::new(move |_| Ok(loaded)));
        // A slice is under way as long as this is held; in HOST_STEP there is none between two steps.
        let computing = (mode == Mode::Threads).then(|| compute.lock().unwrap());
        let (session, mut stream) = house.ask("Hi");
        read_tokens(&mut stream, 1);
        if computing.is_some() {
            until(&house.runtime, "a slice", || slices.load(Ordering::SeqCst) > 2);
        }
        for _ in 0..20 {
            assert_eq!(house.runtime.info().running, 1);
            assert_eq!(session.info().state, SessionState::Generating);
            assert_eq!(house.model.info().unwrap().spec.backend, "fake");
            assert!(stream.stats().output_tokens >= 1);
        }
        drop(computing);
        stream.cancel();
        while stream.next_blocking().is_some() {}
        house.close();
    });
}

#[test]
fn s33_a_session_says_what_it_does() {
    let _watchdog = watchdog();
    let house = house(Mode::HostStep, Script::saying("word"));
    let session = house.session();
    assert_eq!(session.info().state, SessionState::Idle);
    let mut stream = session.generate(asking("Hi"), Reading::default()).unwrap();
    assert_eq!(session.info().state, SessionState::Generating);
    stream.cancel();
    assert_eq!(session.info().state, SessionState::Stopping);
    assert_eq!(read(&mut stream).end.reason, EndReason::Cancelled);
    assert_eq!((session.info().state, session.info().tokens), (SessionState::Idle, 0));
    house.close();
}
