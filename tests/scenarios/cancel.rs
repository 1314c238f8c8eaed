//! Scenarios S7 to S10, S21, S23 and S25b: cancel, close, deadlines, and a player who interrupts.
#![cfg(feature = "testing")]

use crate::support::scenario::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use wick::error::ErrorKind;
use wick::runtime::{
    Control, Delivery, EndReason, EventKind, Input, Mode, Next, Reading, Request, RuntimeOptions, Session,
};
use wick::testing::{Script, loader};

/// A house, and how many slices its decoder has begun.
fn counted(mode: Mode, script: &Script) -> (House, Arc<AtomicUsize>) {
    let slices = Arc::<AtomicUsize>::default();
    let begun = slices.clone();
    let rig: Rig = Arc::new(move |point| {
        begun.fetch_add(usize::from(point == Point::Slice), Ordering::SeqCst);
        Ok(())
    });
    let (loaded, gate) = rigged(script, rig);
    (house_of(options(mode), gate, Box::new(move |_| Ok(loaded))), slices)
}

/// Asserts that `stop` ends what runs in `house` before a second slice begins, and that none begins
/// afterwards.
fn assert_stops(house: &House, slices: &AtomicUsize, control: &Control, stop: impl FnOnce()) {
    stop();
    let before = slices.load(Ordering::SeqCst);
    until(&house.runtime, "its end", || control.has_ended());
    let after = slices.load(Ordering::SeqCst);
    assert!(after <= before + 1, "{} slices behind the cancel", after - before);
    house.gate.release(100);
    run_a_while(&house.runtime);
    assert_eq!(slices.load(Ordering::SeqCst), after, "computed on after its end");
    assert_eq!(control.end_reason(), Some(EndReason::Cancelled));
}

#[test]
fn s7_a_stream_closed_before_its_first_read_is_never_prefilled() {
    both(|mode| {
        let options = RuntimeOptions { max_sequences: 1, ..options(mode) };
        let house = house_with(options, Script { gated: true, ..Script::saying("word") });
        let (_one, mut first) = house.ask("12345");
        until(&house.runtime, "the prefill", || house.gate.prefilled() == 5);
        let (_two, waiting) = house.ask("a prompt that nobody wants");
        let control = waiting.control();
        drop(waiting);
        until(&house.runtime, "its end", || control.has_ended());
        house.gate.release(100);
        assert_eq!(read(&mut first).said(), ("word", EndReason::Stop));
        assert_eq!(house.gate.prefilled(), 5);
        assert_eq!(house.answer("abc").said(), ("word", EndReason::Stop));
        assert_eq!(house.gate.prefilled(), 8);
        house.close();
    });
}

#[test]
fn s8_a_stream_closed_after_three_tokens_stops_within_a_slice_also_while_text_is_held_back() {
    both(|mode| {
        for stop in [vec![], vec!["wordword never said".to_owned()]] {
            let script = Script { gated: true, endless: true, ..Script::saying("word") };
            let (house, slices) = counted(mode, &script);
            let session = house.session();
            let request = Request { stop, ..asking("Hi") };
            let stream = session.generate(request, Reading::default()).unwrap();
            house.gate.release(3);
            until(&house.runtime, "three tokens", || stream.stats().output_tokens == 3);
            let control = stream.control();
            assert_stops(&house, &slices, &control, || drop(stream));
            assert_eq!(control.stats().output_tokens, 3);
            house.close();
        }
    });
}

#[test]
fn s9_cancel_during_a_long_prefill_a_load_and_a_decode() {
    both(|mode| {
        // Slices of 2 ms, for longer than any test.
        let script = Script { prefill_delay_us: 1_000_000, slices: 250_000, ..Script::saying("never") };
        let (house, slices) = counted(mode, &script);
        let (_session, mut stream) = house.ask(&"x".repeat(500));
        until(&house.runtime, "some prefill", || slices.load(Ordering::SeqCst) > 2);
        assert_stops(&house, &slices, &stream.control(), || stream.cancel());
        assert_eq!(read(&mut stream).said(), ("", EndReason::Cancelled));
        house.close();

        let runtime = wick::runtime::Runtime::new(options(mode)).unwrap();
        let (load, _go) = held(Script::default());
        let (model, mut loading) = begin_load(&runtime, load);
        let waiting = model.session(None).unwrap();
        let mut stream = waiting.generate(asking("Hi"), Reading::default()).unwrap();
        loading.cancel();
        assert_eq!(read(&mut loading).end.reason, EndReason::Cancelled);
        assert_eq!(read(&mut stream).error().kind(), ErrorKind::StaleHandle);
        runtime.shutdown(None).unwrap();

        let (house, slices) = counted(mode, &endless());
        let (_session, mut stream) = house.ask("Hi");
        let events = read_tokens(&mut stream, 5);
        assert_stops(&house, &slices, &stream.control(), || stream.cancel());
        let told = read_on(events, &mut stream);
        assert_eq!(told.end.reason, EndReason::Cancelled);
        assert_eq!(told.text, "word".repeat(told.tokens.len()));
        house.close();
    });
}

#[test]
fn s9_a_model_that_is_dropped_while_it_loads_is_not_loaded_on() {
    both(|mode| {
        let runtime = wick::runtime::Runtime::new(options(mode)).unwrap();
        let (load, _go) = held(Script::default());
        let (model, mut loading) = begin_load(&runtime, load);
        drop(model);
        assert_eq!(read(&mut loading).end.reason, EndReason::Cancelled);
        runtime.shutdown(None).unwrap();
    });
}

/// Which of eight streams is cancelled, the tokens of each, and the slices in which each of them is computed.
const CUT: usize = 3;
const TOKENS: u32 = 8;
const SLICES: usize = 2;

/// What eight streams with a random model say; one of them is cancelled while the slice `cancelled_in` is
/// computed.
fn eight(mode: Mode, cancelled_in: Option<usize>) -> Vec<Told> {
    let slices = SLICES as u32;
    let script = Script { random: Some(7), ends: false, slices, ..Script::saying("abcdefgh") };
    let (begun, cut) = (AtomicUsize::new(0), Arc::<OnceLock<Control>>::default());
    let own = cut.clone();
    let rig: Rig = Arc::new(move |point| {
        if point == Point::Slice && Some(begun.fetch_add(1, Ordering::SeqCst)) == cancelled_in {
            own.get().expect("all were there before the first slice").cancel();
        }
        Ok(())
    });
    let (loaded, gate) = rigged(&script, rig);
    let house = house_of(options(mode), gate, Box::new(move |_| Ok(loaded)));
    house.runtime.pause();
    let mut streams: Vec<_> = (0..8)
        .map(|number| {
            let session = house.session();
            let request = Request { max_tokens: TOKENS, ..asking(&format!("prompt {number}")) };
            let stream = session.generate(request, Reading::default()).unwrap();
            (session, stream)
        })
        .collect();
    assert!(cut.set(streams[CUT].1.control()).is_ok());
    house.runtime.resume();
    let told = streams.iter_mut().map(|(_, stream)| read(stream)).collect();
    house.close();
    told
}

#[test]
fn s9b_one_of_eight_is_cancelled_between_every_two_slices() {
    both(|mode| {
        let whole = eight(mode, None);
        for told in &whole {
            assert_eq!((told.tokens.len(), told.end.reason), (TOKENS as usize, EndReason::Length));
        }
        // The last slice gives the last token, and with it another end.
        for slice in 0..SLICES * TOKENS as usize - 1 {
            let cut = eight(mode, Some(slice));
            for (number, (whole, cut)) in whole.iter().zip(&cut).enumerate() {
                let what = format!("stream {number}, slice {slice}");
                if number == CUT {
                    let passes = (slice + 1) / SLICES;
                    assert_eq!(cut.end.reason, EndReason::Cancelled, "{what}");
                    // In a pass's last slice: before its row is taken over where the slice was long, else
                    // behind it.
                    let fewest = slice / SLICES;
                    assert!((fewest..=passes).contains(&cut.tokens.len()), "{what}: {:?}", cut.tokens);
                    assert!(whole.tokens.starts_with(&cut.tokens), "{what}");
                    assert!(whole.text.starts_with(&cut.text), "{what}: {:?}, {:?}", whole.text, cut.text);
                } else {
                    assert_eq!((&whole.text, &whole.tokens), (&cut.text, &cut.tokens), "{what}");
                    assert_eq!(whole.end.reason, cut.end.reason, "{what}");
                }
            }
        }
    });
}

#[test]
fn s10_cancelled_twice_before_its_start_and_after_its_end() {
    both(|mode| {
        let options = RuntimeOptions { max_sequences: 1, ..options(mode) };
        let house = house_with(options, Script { gated: true, ..Script::saying("word") });
        let (_session, mut only) = house.ask("12345");
        until(&house.runtime, "the only place to be taken", || house.gate.prefilled() == 5);
        let (_session, mut stream) = house.ask("Hi");
        stream.cancel();
        stream.cancel();
        let told = read(&mut stream);
        assert_eq!((told.said(), told.started()), (("", EndReason::Cancelled), false));
        house.gate.release(100);
        assert_eq!(read(&mut only).said(), ("word", EndReason::Stop));
        assert_eq!(house.gate.prefilled(), 5);
        let (_session, mut stream) = house.ask("Hi");
        let told = read(&mut stream);
        stream.cancel();
        assert_eq!(told.said(), ("word", EndReason::Stop));
        assert_eq!(stream.control().end_reason(), Some(EndReason::Stop));
        assert_eq!(stream.wait_next(None), Next::Ended);
        house.close();
    });
}

#[test]
fn s21_who_neither_reads_nor_closes_gets_all_or_the_deadline() {
    both(|mode| {
        let house = house(mode, Script::saying("all of it"));
        let (_session, mut stream) = house.ask("Hi");
        until(&house.runtime, "its end", || stream.control().has_ended());
        assert_eq!(read(&mut stream).said(), ("all of it", EndReason::Stop));

        let session = house.session();
        let deadline = Instant::now() + Duration::from_millis(50);
        let request = Request { buffer_events: 1, deadline: Some(deadline), ..asking("Hi") };
        let mut stream = session.generate(request, Reading::default()).unwrap();
        until(&house.runtime, "the deadline", || stream.control().has_ended());
        assert!(Instant::now() >= deadline);
        let told = read(&mut stream);
        assert_eq!(told.end.reason, EndReason::Deadline);
        let ended = told.events.last().unwrap().time;
        assert!(ended < Duration::from_millis(50) + patience() / 4, "{ended:?} for a deadline of 50 ms");
        assert!("all of it".starts_with(&told.text), "{told:?}");
        house.close();
    });
}

#[test]
fn s21_a_deadline_passes_while_the_model_loads_and_while_the_runtime_is_paused() {
    both(|mode| {
        let runtime = wick::runtime::Runtime::new(options(mode)).unwrap();
        runtime.pause();
        let (model, mut loading) = begin_load(&runtime, loader(Script::saying("word")).0);
        let session = model.session(None).unwrap();
        let soon = Some(Instant::now() + Duration::from_millis(20));
        let request = Request { deadline: soon, ..asking("Hi") };
        let mut stream = session.generate(request, Reading::default()).unwrap();
        assert_eq!(read(&mut stream).said(), ("", EndReason::Deadline));
        assert_eq!(read(&mut loading).end.reason, EndReason::Ready);
        runtime.resume();
        let mut stream = session.generate(asking("Hi"), Reading::default()).unwrap();
        assert_eq!(read(&mut stream).said(), ("word", EndReason::Stop));
        runtime.shutdown(None).unwrap();
    });
}

#[test]
fn s23_more_waiting_than_allowed_is_refused_at_once() {
    both(|mode| {
        let options = RuntimeOptions { max_sequences: 1, max_waiting: 2, ..options(mode) };
        let house = house_with(options, Script::saying("word"));
        house.runtime.pause();
        let mut three: Vec<_> = (0..3).map(|_| house.ask("Hi")).collect();
        let session = house.session();
        let refused = session.generate(asking("Hi"), Reading::default()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::QueueFull);
        assert!(refused.message().contains("max_waiting"), "{refused}");
        house.runtime.resume();
        for (_, stream) in &mut three {
            assert_eq!(read(stream).said(), ("word", EndReason::Stop));
        }
        let mut stream = session.generate(asking("Hi"), Reading::default()).unwrap();
        assert_eq!(read(&mut stream).said(), ("word", EndReason::Stop));
        house.close();
    });
}

#[test]
fn s25b_a_player_interrupts_and_the_session_goes_on_at_once() {
    both(|mode| {
        let house = house(mode, Script { echo: true, gated: true, ..Script::default() });
        let session = house.session();
        let mut old = session.generate(asking(&"long".repeat(50)), Reading::default()).unwrap();
        house.gate.release(2);
        read_tokens(&mut old, 2);
        let busy = session.generate(asking("no"), Reading::default()).unwrap_err();
        assert_eq!(busy.kind(), ErrorKind::Busy);
        old.cancel();
        let mut new = session.generate(asking("new"), Reading::default()).unwrap();
        house.gate.release(1000);
        assert_eq!(read(&mut new).end.reason, EndReason::Stop);
        while old.next_blocking().is_some() {}
        assert_eq!(old.control().end_reason(), Some(EndReason::Cancelled));
        drop(session.generate(asking("closed"), Reading::default()).unwrap());
        let mut last = session.generate(asking("last"), Reading::default()).unwrap();
        assert_eq!(read(&mut last).end.reason, EndReason::Stop);
        house.close();
    });
}

#[test]
fn s25b_generate_inside_the_callback_of_the_end() {
    both(|mode| {
        let house = house(mode, Script::saying("word"));
        let session: Arc<Mutex<Option<Session>>> = Arc::new(Mutex::new(Some(house.session())));
        let (next, inside) = (Arc::new(Mutex::new(None)), session.clone());
        let slot = next.clone();
        let on_event = Box::new(move |event: wick::runtime::Event| {
            if let EventKind::End(_) = event.kind {
                let session = inside.lock().unwrap().take().unwrap();
                *slot.lock().unwrap() = Some(session.generate(asking("more"), Reading::default()).unwrap());
                *inside.lock().unwrap() = Some(session);
            }
        });
        let delivery = Some(Delivery::Push { on_event, close_at_end: false });
        let first = session.lock().unwrap().as_ref().unwrap().clone();
        let _kept = first.generate(asking("Hi"), Reading { delivery, ..Reading::default() }).unwrap();
        until(&house.runtime, "the next stream", || next.lock().unwrap().is_some());
        let mut stream = next.lock().unwrap().take().unwrap();
        assert_eq!(read(&mut stream).said(), ("word", EndReason::Stop));
        assert_eq!(first.info().tokens, "Hi".len() + "more".len() + 2);
        session.lock().unwrap().take();
        house.close();
    });
}

#[test]
fn s9_only_cancel_is_heard_while_the_runtime_is_paused() {
    both(|mode| {
        let house = house(mode, endless());
        let (_session, mut stream) = house.ask("Hi");
        let events = read_tokens(&mut stream, 1);
        house.runtime.pause();
        run_a_while(&house.runtime);
        let slices = house.gate.slices();
        run_a_while(&house.runtime);
        assert_eq!(house.gate.slices(), slices);
        stream.cancel();
        assert_eq!(read_on(events, &mut stream).end.reason, EndReason::Cancelled);
        let fresh = house.session();
        let request = Request { input: Input::Continue, ..Request::default() };
        assert_eq!(
            fresh.generate(request, Reading::default()).unwrap_err().kind(),
            ErrorKind::InvalidArgument
        );
        house.close();
    });
}

#[test]
fn s9_a_prefill_that_is_cancelled_in_its_last_slice_leaves_nothing_in_the_session() {
    both(|mode| {
        let own = Arc::<OnceLock<Control>>::default();
        let control = own.clone();
        let rig: Rig = Arc::new(move |point| {
            if point == Point::Slice {
                // It was set before the first slice; later generations end as they like.
                control.get().expect("a control").cancel();
            }
            Ok(())
        });
        let (loaded, gate) = rigged(&Script::saying("word"), rig);
        let house = house_of(options(mode), gate, Box::new(move |_| Ok(loaded)));
        house.runtime.pause();
        let session = house.session();
        let request = Request { prefill_only: true, ..asking("123456") };
        let mut stream = session.generate(request, Reading::default()).unwrap();
        assert!(own.set(stream.control()).is_ok());
        house.runtime.resume();
        let told = read(&mut stream);
        assert_eq!(told.said(), ("", EndReason::Cancelled));
        assert_eq!((house.gate.prefilled(), told.end.stats.session_tokens), (6, 0));
        // The same text again is not behind itself.
        let told = read(&mut session.generate(asking("123456"), Reading::default()).unwrap());
        assert_eq!((told.said(), told.end.stats.prompt_tokens), (("word", EndReason::Stop), 6));
        house.close();
    });
}
