//! Scenarios S12, S17, S20 and S25: nobody's reader, load, cancel or panic stands in another's way.
#![cfg(feature = "testing")]

use crate::support::scenario::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;
use wick::error::{Error, ErrorKind};
use wick::runtime::{EndReason, Input, Mode, Reading, Request, Runtime, RuntimeOptions};
use wick::testing::{Script, model};

#[test]
fn s20_streams_that_nobody_reads_leave_their_places_to_others() {
    both(|mode| {
        let options = RuntimeOptions { max_sequences: 2, ..options(mode) };
        let house = house_with(options, Script::saying("some words, and some more"));
        let unread = |_| {
            let session = house.session();
            let request = Request { buffer_events: 1, ..asking("Hi") };
            let mut stream = session.generate(request, Reading::default()).unwrap();
            let started = stream.next_blocking().unwrap();
            (session, stream, vec![started])
        };
        let unread: Vec<_> = (0..5).map(unread).collect();
        until(&house.runtime, "all to wait for their readers", || {
            unread.iter().all(|(_, stream, _)| stream.stats().output_tokens > 0)
        });
        for _ in 0..3 {
            assert_eq!(house.answer("quick").said(), ("some words, and some more", EndReason::Stop));
        }
        for (_session, mut stream, events) in unread.into_iter().rev() {
            let told = read_on(events, &mut stream);
            assert_eq!(told.said(), ("some words, and some more", EndReason::Stop));
        }
        house.close();
    });
}

/// A load that goes on when it is told to, and then fails.
fn blocked(runtime: &Runtime) -> (mpsc::Sender<()>, (wick::runtime::Model, wick::runtime::Stream)) {
    let (go, wait) = mpsc::channel::<()>();
    let (entered, inside) = mpsc::channel::<()>();
    let load = begin_load(
        runtime,
        Box::new(move |_| {
            let _ = entered.send(());
            let _ = wait.recv();
            Err(Error::new(ErrorKind::Io, "the host's reader failed"))
        }),
    );
    inside.recv().expect("the load has begun");
    (go, load)
}

#[test]
fn s25_a_reader_that_blocks_holds_up_neither_long_text_nor_other_loads() {
    let _watchdog = watchdog();
    let script = Script { context_length: 20_000, ..Script::saying("in time") };
    let house = house_with(options(Mode::Threads), script.clone());
    let (go, (_blocked, mut loading)) = blocked(&house.runtime);
    assert_eq!(house.answer(&"x".repeat(9_000)).said(), ("in time", EndReason::Stop));
    let (loaded, _) = model(&script);
    let (other, mut stream) = begin_load(&house.runtime, Box::new(move |_| Ok(loaded)));
    assert_eq!(read(&mut stream).end.reason, EndReason::Ready);
    let session = other.session(None).unwrap();
    let mut stream = session.generate(asking("Hi"), Reading::default()).unwrap();
    assert_eq!(read(&mut stream).said(), ("in time", EndReason::Stop));
    go.send(()).unwrap();
    assert_eq!(read(&mut loading).error().kind(), ErrorKind::Io);
    house.close();
}

#[test]
fn s9_a_cancelled_load_ends_while_another_blocks() {
    let _watchdog = watchdog();
    let house = house(Mode::Threads, Script::saying("word"));
    let (go, (_blocked, mut loading)) = blocked(&house.runtime);
    let (begun, (_second, mut second)) = blocked(&house.runtime);
    let (loaded, _) = model(&Script::default());
    let (_third, mut third) = begin_load(
        &house.runtime,
        Box::new(move |progress| {
            let _kept = loaded;
            loop {
                progress(1, 2)?;
                std::thread::yield_now();
            }
        }),
    );
    third.control().cancel();
    assert_eq!(read(&mut third).end.reason, EndReason::Cancelled);
    drop(begun);
    assert_eq!(read(&mut second).error().kind(), ErrorKind::Io);
    assert!(!loading.control().has_ended());
    go.send(()).unwrap();
    assert_eq!(read(&mut loading).error().kind(), ErrorKind::Io);
    house.close();
}

#[test]
fn s17_who_cancelled_before_the_shutdown_is_told_so() {
    both(|mode| {
        let house = house(mode, Script { gated: true, ..Script::saying("never") });
        let (_kept, mut cancelled) = house.ask("Hi");
        let (_also, mut other) = house.ask("Hi");
        house.runtime.pause();
        cancelled.control().cancel();
        assert!(house.runtime.shutdown(None).is_ok());
        assert_eq!(read(&mut cancelled).end.reason, EndReason::Cancelled);
        assert_eq!(read(&mut other).end.reason, EndReason::Shutdown);
    });
}

#[test]
fn s12_a_panic_while_the_past_is_cut_leaves_the_conversation_as_it_was() {
    both(|mode| {
        let armed = Arc::new(AtomicBool::new(false));
        let panics = armed.clone();
        let rig = move |point| {
            // Before a pass: the past is cut first.
            if point == Point::Storage && panics.swap(false, Ordering::SeqCst) {
                panic!("while the past is cut");
            }
            Ok(())
        };
        let script = Script { random: Some(7), rewinds: true, ..Script::default() };
        let (loaded, gate) = rigged(&script, Arc::new(rig));
        let house = house_of(options(mode), gate, Box::new(move |_| Ok(loaded)));
        let say = |session: &wick::runtime::Session, text: &str| {
            let message = |role: &str, content: &str| wick::text::Message {
                role: role.to_owned(),
                content: content.to_owned(),
                ..Default::default()
            };
            let input = Input::Messages(vec![message("user", text)]);
            let request = Request { input, max_tokens: 5, ..Request::default() };
            read(&mut session.generate(request, Reading::default()).unwrap())
        };
        let (session, sound) = (house.session(), house.session());
        let first = say(&session, "one");
        assert_eq!(first.said(), say(&sound, "one").said());
        armed.store(true, Ordering::SeqCst);
        let failed = say(&session, "two");
        assert_eq!(failed.error().kind(), ErrorKind::Internal, "{failed:?}");
        assert_eq!(say(&session, "three").said(), say(&sound, "three").said());
        house.close();
    });
}

#[test]
fn s17_a_thread_hook_that_sleeps_does_not_make_the_shutdown_wait_beyond_its_time() {
    let _watchdog = watchdog();
    let (go, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let on_thread: wick::runtime::ThreadFn = Arc::new(move |start| {
        let own = std::thread::current();
        if !start && own.name().is_some_and(|name| name.contains("compute")) {
            let _ = wait.lock().map(|wait| wait.recv());
        }
    });
    let options = RuntimeOptions { threads: 3, on_thread: Some(on_thread), ..options(Mode::Threads) };
    let runtime = Runtime::new(options).unwrap();
    // All others are gone soon: then it is the sleeping ones that it comes to.
    for _ in 0..20 {
        assert!(
            runtime.shutdown(Some(Duration::from_millis(20))).is_err(),
            "a compute thread is still there"
        );
    }
    drop(go);
    assert!(runtime.shutdown(None).is_ok());
}
