//! Scenarios S20, S22, S24, S25 and S25c: the same events however they are read, and nobody in anybody's way.
#![cfg(feature = "testing")]

use crate::support::scenario;
use crate::support::scenario::*;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};
use wick::runtime::{
    Delivery, EndReason, Event, EventKind, Mode, Next, Queue, QueueNext, Reading, Request, Runtime, Session,
    Stream,
};
use wick::testing::{Script, loader};

#[test]
fn s20_a_slow_consumer_with_a_buffer_of_one_pauses_only_itself() {
    both(|mode| {
        let answer = "0123456789".repeat(50);
        let house = house(mode, Script::saying(&answer));
        let slow_session = house.session();
        let request = Request { buffer_events: 1, ..asking("slow") };
        let mut slow = slow_session.generate(request, Reading::default()).unwrap();
        let mut events = vec![slow.next_blocking().unwrap()];
        for _ in 0..5 {
            assert_eq!(house.answer("quick").said(), (answer.as_str(), EndReason::Stop));
            run_a_while(&house.runtime);
            // One waits to be read, whatever the others have done meanwhile.
            assert!(slow.stats().output_tokens as usize <= events.len() + 1);
            events.push(slow.next_blocking().unwrap());
        }
        assert_eq!(read_on(events, &mut slow).said(), (answer.as_str(), EndReason::Stop));
        house.close();
    });
}

#[test]
fn s20_a_long_prompt_starts_while_others_decode_for_ever() {
    both(|mode| {
        for (max_batch, max_tokens) in [(8, 512), (1, 512), (2, 1), (8, 4)] {
            let house = house(mode, Script { max_batch, max_tokens, ..endless() });
            let others: Vec<_> = (0..3).map(|_| house.ask("Hi")).collect();
            until(&house.runtime, "the others", || {
                others.iter().all(|(_, one)| one.stats().output_tokens > 0)
            });
            let session = house.session();
            let request = Request { max_tokens: 2, ..asking(&"long".repeat(75)) };
            let mut stream = session.generate(request, Reading::default()).unwrap();
            assert_eq!(read(&mut stream).said(), ("wordword", EndReason::Length));
            assert!(others.iter().all(|(_, one)| !one.control().has_ended()));
            drop(others);
            house.close();
        }
    });
}

#[test]
fn s20_who_is_more_important_is_computed_first() {
    both(|mode| {
        let options = wick::runtime::RuntimeOptions { max_sequences: 1, ..options(mode) };
        let house = house_with(options, Script { gated: true, ..Script::saying("word") });
        let (_first, mut first) = house.ask("the only place");
        until(&house.runtime, "its start", || house.runtime.info().running == 1);
        let queue = house.runtime.queue().unwrap();
        let asked: Vec<_> = [0, 5, -5, 9]
            .into_iter()
            .map(|priority| {
                let session = house.session();
                let key = Some((priority + 100) as u64);
                let reading = Reading { queue: Some(queue.clone()), key, ..Reading::default() };
                let stream = session.generate(Request { priority, ..asking("Hi") }, reading).unwrap();
                (session, stream)
            })
            .collect();
        house.gate.release(100);
        assert_eq!(read(&mut first).said(), ("word", EndReason::Stop));
        let mut ends = Vec::new();
        while ends.len() < 4 {
            if let QueueNext::Event(key, event) = house.runtime.wait_queue(&queue, None)
                && event.end_reason().is_some()
            {
                ends.push(key as i32 - 100);
            }
        }
        assert_eq!(ends, [9, 5, 0, -5]);
        drop(asked);
        house.close();
    });
}

#[test]
fn s22_a_thousand_streams_read_in_reverse_do_not_talk_across() {
    both(|mode| {
        let house = house(mode, Script { echo: true, ..Script::default() });
        let mut asked: Vec<_> = (0..1000).map(|number| house.ask(&format!("marker {number}"))).collect();
        for (number, (_, stream)) in asked.iter_mut().enumerate().rev() {
            assert_eq!(read(stream).said(), (format!("marker {number}").as_str(), EndReason::Stop));
        }
        drop(asked);
        house.close();
    });
}

/// An event without its time and figures.
fn bare(event: &Event) -> (u64, String) {
    let kind = match &event.kind {
        EventKind::End(end) => format!("{:?}", (end.reason, end.stats.output_tokens)),
        // NaN is not equal to itself, but reads the same.
        other => format!("{other:?}"),
    };
    (event.seq, kind)
}

fn by_polling(runtime: &Runtime, stream: &Stream) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        match stream.try_next() {
            Next::Event(event) => events.push(event),
            Next::Empty => drop(runtime.step(Duration::from_micros(50))),
            Next::Ended => return events,
            Next::Closed => panic!("closed"),
        }
    }
}

fn by_waiting(stream: &Stream) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        match stream.wait_next(Some(Instant::now() + Duration::from_millis(1))) {
            Next::Event(event) => events.push(event),
            Next::Empty => {}
            Next::Ended => return events,
            Next::Closed => panic!("closed"),
        }
    }
}

fn by_queue(runtime: &Runtime, session: &Session) -> Vec<Event> {
    let queue = runtime.queue().unwrap();
    let reading = Reading { queue: Some(queue.clone()), key: Some(42), ..Reading::default() };
    let stream = session.generate(asking("Hi"), reading).unwrap();
    assert_eq!(stream.try_next(), Next::Closed);
    let mut events: Vec<Event> = Vec::new();
    while events.last().is_none_or(|event| event.end_reason().is_none()) {
        if let QueueNext::Event(42, event) = runtime.wait_queue(&queue, None) {
            events.push(event);
        }
    }
    events
}

fn by_callback(runtime: &Runtime, session: &Session, queue: Option<Arc<Queue>>) -> Vec<Event> {
    let events = Arc::<Mutex<Vec<Event>>>::default();
    let told = events.clone();
    let on_event = Box::new(move |event| told.lock().unwrap().push(event));
    let delivery = Some(Delivery::Push { on_event, close_at_end: false });
    let reading = Reading { queue: queue.clone(), delivery, ..Reading::default() };
    let _stream = session.generate(asking("Hi"), reading).unwrap();
    until(runtime, "the last callback", || {
        if let Some(queue) = &queue {
            queue.dispatch(8, None);
        }
        events.lock().unwrap().last().is_some_and(|event| event.end_reason().is_some())
    });
    std::mem::take(&mut *events.lock().unwrap())
}

fn by_task(runtime: &Runtime, mut stream: Stream) -> Vec<Event> {
    let stepping = runtime.clone();
    smol::future::block_on(smol::future::or(
        async move {
            let mut events = Vec::new();
            while let Some(event) = smol::stream::StreamExt::next(&mut stream).await {
                events.push(event);
            }
            events
        },
        async move {
            // Somebody has to do the work where there are no threads.
            while stepping.step(Duration::from_micros(50)).is_ok() {
                smol::future::yield_now().await;
            }
            smol::future::pending().await
        },
    ))
}

#[test]
fn s24_read_in_every_way_the_same_events() {
    both(|mode| {
        let house = house(mode, Script::saying("The same events, 世界, however they are read."));
        let stream = |session: &Session| session.generate(asking("Hi"), Reading::default()).unwrap();
        let ways: Vec<(&str, Vec<Event>)> = (0..7)
            .map(|way| {
                let (runtime, session) = (&house.runtime, house.session());
                match way {
                    0 => ("blocking", read(&mut stream(&session)).events),
                    1 => ("polling", by_polling(runtime, &stream(&session))),
                    2 => ("waiting", by_waiting(&stream(&session))),
                    3 => ("a queue", by_queue(runtime, &session)),
                    4 => ("a callback", by_callback(runtime, &session, None)),
                    5 => ("dispatch", by_callback(runtime, &session, Some(runtime.queue().unwrap()))),
                    _ => ("a task", by_task(runtime, stream(&session))),
                }
            })
            .collect();
        let expected: Vec<_> = ways[0].1.iter().map(bare).collect();
        for (way, events) in ways {
            let told = Told::from(events);
            assert_eq!(told.text, "The same events, 世界, however they are read.", "{way}");
            assert_eq!(told.events.iter().map(bare).collect::<Vec<_>>(), expected, "{way}");
        }
        let (_session, mut elsewhere) = house.ask("Hi");
        let thread = std::thread::Builder::new().spawn(move || read(&mut elsewhere)).unwrap();
        let told = thread.join().unwrap();
        assert_eq!(told.events.iter().map(bare).collect::<Vec<_>>(), expected);
        house.close();
    });
}

#[test]
fn s25_a_load_that_blocks_and_a_callback_that_sleeps_hold_up_nobody_who_reads_otherwise() {
    let _watchdog = watchdog();
    let house = house(Mode::Threads, Script::saying("in time"));
    let (go, wait) = mpsc::channel::<()>();
    let ((decoder, vocab), _) = wick::testing::model(&Script::default());
    let (blocked_model, mut loading) = begin_load(
        &house.runtime,
        Box::new(move |_| {
            let _ = wait.recv();
            drop((decoder, vocab));
            Err(wick::error::Error::new(wick::error::ErrorKind::Io, "the host's reader failed"))
        }),
    );
    let (wake, asleep) = mpsc::channel::<()>();
    let on_event = Box::new(move |_| {
        let _ = asleep.recv();
    });
    let delivery = Some(Delivery::Push { on_event, close_at_end: false });
    let sleeper = house.session();
    let _kept = sleeper.generate(asking("Hi"), Reading { delivery, ..Reading::default() }).unwrap();
    assert_eq!(house.answer("Hi").said(), ("in time", EndReason::Stop));
    let session = blocked_model.session(None).unwrap();
    let deadline = Some(Instant::now() + Duration::from_millis(20));
    let mut late = session.generate(Request { deadline, ..asking("Hi") }, Reading::default()).unwrap();
    assert_eq!(read(&mut late).end.reason, EndReason::Deadline);
    go.send(()).unwrap();
    assert_eq!(read(&mut loading).error().kind(), wick::error::ErrorKind::Io);
    drop(wake);
    house.close();
}

#[test]
fn s25_while_a_callback_sleeps_the_others_wait_their_turn() {
    let _watchdog = watchdog();
    let house = house(Mode::Threads, Script::saying("in its turn"));
    let asking = |prompt: &str, on_event: Box<dyn FnMut(Event) + Send>| {
        let session = house.session();
        let delivery = Some(Delivery::Push { on_event, close_at_end: false });
        let reading = Reading { delivery, ..Reading::default() };
        let stream = session.generate(scenario::asking(prompt), reading).unwrap();
        (session, stream)
    };
    let ((wake, asleep), (enter, entered)) = (mpsc::channel::<()>(), mpsc::channel::<()>());
    let sleeps = Box::new(move |_| {
        let _ = enter.send(());
        let _ = asleep.recv();
    });
    let first = asking("asleep", sleeps);
    entered.recv().unwrap();
    let events = Arc::<Mutex<Vec<Event>>>::default();
    let told = events.clone();
    let second = asking("awake", Box::new(move |event| told.lock().unwrap().push(event)));
    until(&house.runtime, "the second one's end", || second.1.control().has_ended());
    run_a_while(&house.runtime);
    assert_eq!(*events.lock().unwrap(), [], "called while another callback sleeps");
    drop(wake);
    until(&house.runtime, "the last callback", || {
        events.lock().unwrap().last().is_some_and(|event| event.end_reason().is_some())
    });
    let told = Told::from(std::mem::take(&mut *events.lock().unwrap()));
    assert_eq!((told.said(), told.started()), (("in its turn", EndReason::Stop), true));
    drop((first, second));
    house.close();
}

#[test]
fn s25c_a_reader_that_waits_for_ever_hears_of_close_and_of_shutdown() {
    let _watchdog = watchdog();
    for close in ["queue", "stream", "runtime"] {
        let house = house(Mode::Threads, Script { gated: true, ..Script::saying("never") });
        let queue = house.runtime.queue().unwrap();
        let session = house.session();
        let reading = Reading { queue: Some(queue.clone()), key: Some(7), ..Reading::default() };
        let queued = session.generate(asking("Hi"), reading).unwrap();
        let (_other, alone) = house.ask("Hi");
        let alone = Arc::new(alone);
        let (reader, lone) = (queue.clone(), alone.clone());
        let waiting = std::thread::Builder::new()
            .spawn(move || {
                let mut last = None;
                loop {
                    match reader.wait_next(None) {
                        QueueNext::Event(7, event) => last = event.end_reason(),
                        end => return (end, last),
                    }
                }
            })
            .unwrap();
        let lonely = std::thread::Builder::new()
            .spawn(move || {
                loop {
                    match lone.wait_next(None) {
                        Next::Event(_) => {}
                        end => return end,
                    }
                }
            })
            .unwrap();
        run_a_while(&house.runtime);
        match close {
            "queue" => {
                assert_eq!(queue.close(), [7]);
                assert_eq!(waiting.join().unwrap(), (QueueNext::Closed, None));
                alone.close();
                assert_eq!(lonely.join().unwrap(), Next::Closed);
            }
            "stream" => {
                alone.close();
                assert_eq!(lonely.join().unwrap(), Next::Closed);
                queued.close();
                house.runtime.shutdown(None).unwrap();
                assert_eq!(waiting.join().unwrap(), (QueueNext::Ended, None));
            }
            _ => {
                house.runtime.shutdown(None).unwrap();
                assert_eq!(waiting.join().unwrap(), (QueueNext::Ended, Some(EndReason::Shutdown)));
                assert_eq!(lonely.join().unwrap(), Next::Ended);
            }
        }
        drop((queued, alone));
        house.close();
    }
}

#[test]
fn s25_a_load_is_read_like_any_stream() {
    both(|mode| {
        let runtime = Runtime::new(options(mode)).unwrap();
        let (_model, mut loading) =
            begin_load(&runtime, loader(Script { load_steps: 5, ..Script::default() }).0);
        let told = read(&mut loading);
        assert_eq!(told.said(), ("", EndReason::Ready));
        assert!(!told.started());
        runtime.shutdown(None).unwrap();
    });
}
