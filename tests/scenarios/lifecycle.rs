//! Scenarios S17 to S19: shutdown and drop at any time, with one end for each stream, and nothing left
//! behind.
#![cfg(feature = "testing")]
#![allow(clippy::disallowed_methods)]

use crate::support::scenario::*;
use std::any::Any;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use wick::error::ErrorKind;
use wick::runtime::{
    Control, Delivery, EndReason, Event, EventKind, Mode, Reading, Runtime, RuntimeOptions, Session, Stream,
};
use wick::testing::Script;

/// Shuts down while `streams` are under way: each ends once, and later calls are refused.
fn shut_down(house: House, name: &str, streams: Vec<(Session, Stream)>) -> Vec<Told> {
    if house.runtime.info().mode == Mode::Threads
        && let Some(names) = threads(name)
    {
        assert!(names.len() >= 3, "{names:?}");
    }
    house.runtime.shutdown(Some(patience())).unwrap();
    assert_no_threads(name);
    let told = streams.into_iter().map(|(session, mut stream)| {
        let refused = session.generate(asking("more"), Reading::default()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Shutdown);
        read(&mut stream)
    });
    let told: Vec<Told> = told.collect();
    assert_eq!(house.model.session(None).unwrap_err().kind(), ErrorKind::Shutdown);
    assert_eq!(house.runtime.queue().unwrap_err().kind(), ErrorKind::Shutdown);
    house.close();
    told
}

#[test]
fn s17_shutdown_while_loading() {
    both(|mode| {
        let runtime = Runtime::new(named(mode, "s17load")).unwrap();
        let (load, _go) = held(Script::default());
        let (model, mut loading) = begin_load(&runtime, load);
        let session = model.session(None).unwrap();
        let mut stream = session.generate(asking("Hi"), Reading::default()).unwrap();
        runtime.shutdown(Some(patience())).unwrap();
        assert_no_threads("s17load");
        assert_eq!(read(&mut loading).end.reason, EndReason::Shutdown);
        assert_eq!(read(&mut stream).said(), ("", EndReason::Shutdown));
        runtime.shutdown(None).unwrap();
    });
}

#[test]
fn s17_shutdown_while_prefilling() {
    both(|mode| {
        // Slices of 2 ms, for longer than any test.
        let script = Script { prefill_delay_us: 1_000_000, slices: 200_000, ..Script::saying("never") };
        let house = house_with(named(mode, "s17fill"), script);
        let streams = vec![house.ask(&"x".repeat(400))];
        until(&house.runtime, "some prefill", || house.gate.slices() > 1);
        let told = shut_down(house, "s17fill", streams);
        assert_eq!(told[0].said(), ("", EndReason::Shutdown));
    });
}

#[test]
fn s17_shutdown_while_decoding_with_a_hundred_waiting() {
    both(|mode| {
        let options = RuntimeOptions { max_sequences: 4, ..named(mode, "s17wait") };
        let house = house_with(options, Script { delay_us: 200, ..endless() });
        let mut streams: Vec<_> = (0..104).map(|_| house.ask("Hi")).collect();
        let first = read_tokens(&mut streams[0].1, 2);
        let (_session, mut stream) = streams.remove(0);
        let told = shut_down(house, "s17wait", streams);
        let read = read_on(first, &mut stream);
        assert_eq!(read.said(), ("word".repeat(read.tokens.len()).as_str(), EndReason::Shutdown));
        for told in told {
            assert_eq!(told.said(), ("word".repeat(told.tokens.len()).as_str(), EndReason::Shutdown));
        }
    });
}

#[test]
fn s17_a_shutdown_that_is_late_says_so_and_can_be_called_again() {
    let _watchdog = watchdog();
    let runtime = Runtime::new(named(Mode::Threads, "s17late")).unwrap();
    let ((go, wait), (begun, has_begun)) = (mpsc::channel::<()>(), mpsc::channel::<()>());
    let ((decoder, vocab), _gate) = wick::testing::model(&Script::default());
    let blocked = Box::new(move |_: &mut dyn FnMut(u64, u64) -> wick::error::Result<()>| {
        begun.send(()).unwrap();
        let _ = wait.recv();
        Ok((decoder, vocab))
    });
    let (_model, mut loading) = begin_load(&runtime, blocked);
    has_begun.recv().unwrap();
    let late = runtime.shutdown(Some(Duration::from_millis(20))).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Timeout);
    assert!(late.message().contains("s17late-prepare"), "{late}");
    go.send(()).unwrap();
    runtime.shutdown(None).unwrap();
    assert_eq!(read(&mut loading).end.reason, EndReason::Shutdown);
    assert_no_threads("s17late");
}

#[test]
fn s18_the_last_handle_dropped_is_a_shutdown() {
    both(|mode| {
        let house = house_with(named(mode, "s18drop"), endless());
        let (session, mut stream) = house.ask("Hi");
        let events = read_tokens(&mut stream, 2);
        drop(house);
        drop(session);
        assert_no_threads("s18drop");
        let told = read_on(events, &mut stream);
        assert!(matches!(told.end.reason, EndReason::Cancelled | EndReason::Shutdown), "{told:?}");
    });
}

/// A generation whose callback runs `work` once, when the first text comes.
struct Called {
    session: Session,
    stream: Stream,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Called {
    fn new(house: &House, work: impl FnOnce(&Control) + Send + 'static) -> Self {
        let (events, control) =
            (Arc::<Mutex<Vec<Event>>>::default(), Arc::<Mutex<Option<Control>>>::default());
        let (told, own, mut work) = (events.clone(), control.clone(), Some(work));
        let on_event = Box::new(move |event: Event| {
            let first_text = matches!(event.kind, EventKind::Text(_));
            told.lock().unwrap().push(event);
            if let Some(work) = work.take_if(|_| first_text) {
                work(own.lock().unwrap().as_ref().unwrap());
            }
        });
        let session = house.session();
        let reading = Reading {
            delivery: Some(Delivery::Push { on_event, close_at_end: false }),
            ..Reading::default()
        };
        let adopt = |stream: Stream| {
            *control.lock().unwrap() = Some(stream.control());
            stream
        };
        let stream = session.start(asking("Hi"), reading, adopt).unwrap();
        Self { session, stream, events }
    }

    fn told(&self, runtime: &Runtime) -> Told {
        let ended = || self.events.lock().unwrap().last().is_some_and(|event| event.end_reason().is_some());
        until(runtime, "the end", ended);
        run_a_while(runtime);
        Told::from(self.events.lock().unwrap().clone())
    }
}

#[test]
fn s19_cancel_inside_a_callback_is_heard_by_its_own_stream() {
    both(|mode| {
        let house = house(mode, endless());
        let called = Called::new(&house, |control| control.cancel());
        let told = called.told(&house.runtime);
        assert_eq!(told.said(), ("word".repeat(told.tokens.len()).as_str(), EndReason::Cancelled));
        drop(called);
        house.close();
    });
}

#[test]
fn s19_generate_and_close_inside_a_callback_are_done() {
    both(|mode| {
        let house = house(mode, Script::saying("word by word"));
        let (other, (send, received)) = (house.session(), mpsc::channel());
        let kept = other.clone();
        let called = Called::new(&house, move |_| {
            let closed = other.generate(asking("closed"), Reading::default()).unwrap();
            closed.close();
            send.send(other.generate(asking("kept"), Reading::default()).unwrap()).unwrap();
        });
        assert_eq!(called.told(&house.runtime).said(), ("word by word", EndReason::Stop));
        assert_eq!(read(&mut received.recv().unwrap()).said(), ("word by word", EndReason::Stop));
        drop((called, kept));
        house.close();
    });
}

#[test]
fn s19_shutdown_inside_a_callback_is_reentrant() {
    both(|mode| {
        let house = house(mode, Script::saying("word by word"));
        let (runtime, (send, received)) = (house.runtime.clone(), mpsc::channel());
        let called = Called::new(&house, move |_| {
            send.send(runtime.shutdown(None).map_err(|error| error.kind())).unwrap();
        });
        assert_eq!(called.told(&house.runtime).said(), ("word by word", EndReason::Stop));
        assert_eq!(received.recv().unwrap(), Err(ErrorKind::Reentrant));
        drop(called);
        house.close();
    });
}

#[test]
fn s19_the_last_handle_dropped_inside_a_callback_ends_the_runtime() {
    both(|mode| {
        let house = house_with(named(mode, "s19last"), endless());
        house.runtime.pause();
        let handles: Arc<Mutex<Vec<Box<dyn Any + Send>>>> = Arc::default();
        let last = handles.clone();
        let called = Called::new(&house, move |_| last.lock().unwrap().clear());
        let (session, mut stream) = house.ask("Hi");
        {
            // The callback waits for this lock.
            let mut handles = handles.lock().unwrap();
            house.runtime.resume();
            handles.extend([
                Box::new(called.session) as Box<dyn Any + Send>,
                Box::new(session),
                Box::new(house),
            ]);
        }
        let told = read(&mut stream);
        assert!(matches!(told.end.reason, EndReason::Cancelled | EndReason::Shutdown), "{told:?}");
        while !called.stream.control().has_ended() {
            std::thread::yield_now();
        }
        drop(called.events);
    });
}
