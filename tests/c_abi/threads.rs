//! Calls that meet: one reader at a time, closes under a reader, shutdowns under everything, and OS handles
//! that are exact.
#![cfg(feature = "testing")]
#![allow(unsafe_code, reason = "this is the C ABI, as C calls it")]
#![allow(clippy::disallowed_methods, reason = "a test may start threads")]

use crate::support::c_abi::*;
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const GATED: &str = r#"{"reply":["a","b","c"],"gated":true}"#;

/// Reads past STARTED.
fn started(stream: wick_stream) -> wick_stream {
    assert_eq!(read(stream, LONG).unwrap().kind, WICK_EVENT_STARTED);
    stream
}

/// Reads as soon as no other reader is at it: who finds out whether one is reads too, for a moment.
fn let_in<T: PartialEq>(read: impl Fn() -> Result<T, wick_status>) -> Result<T, wick_status> {
    loop {
        let read = read();
        if read != Err(WICK_E_BUSY) {
            return read;
        }
    }
}

#[test]
fn a_second_reader_is_refused_and_the_first_reads_on() {
    let runtime = runtime();
    let (model, queue) = (model(runtime, GATED), queue(runtime));
    let stream = started(generate(session_of(model), &prompt("p")));
    let first = thread::spawn(move || let_in(|| read(stream, LONG)));
    until(|| read(stream, 0) == Err(WICK_E_BUSY));
    is(wick_testing_release(model, 1), WICK_OK);
    assert_eq!(first.join().unwrap().unwrap().text, "a");
    let first = thread::spawn(move || let_in(|| queue_next(queue, LONG)));
    until(|| queue_next(queue, 0) == Err(WICK_E_BUSY));
    is(wick_queue_dispatch(queue, 1, 0), WICK_E_BUSY);
    is(wick_queue_wake(queue), WICK_OK);
    is(first.join().unwrap().unwrap_err(), WICK_EMPTY);
    shut(runtime);
}

#[test]
fn a_reader_returns_at_once_when_what_it_reads_is_closed() {
    for mode in [WICK_MODE_THREADS, WICK_MODE_HOST_STEP] {
        let runtime = runtime_in(mode);
        let (model, queue) = (model(runtime, GATED), queue(runtime));
        let stream = started(generate(session_of(model), &prompt("p")));
        let queued = generate(session_of(model), &wick_generate_options { queue, ..prompt("p") });
        let reader = thread::spawn(move || read(stream, WICK_FOREVER));
        thread::sleep(Duration::from_millis(20));
        is(wick_stream_close(stream), WICK_OK);
        is(reader.join().unwrap().unwrap_err(), WICK_E_STALE_HANDLE);
        let reader = thread::spawn(move || {
            loop {
                if let Err(status) = queue_next(queue, WICK_FOREVER) {
                    return status;
                }
            }
        });
        thread::sleep(Duration::from_millis(20));
        is(wick_queue_close(queue), WICK_OK);
        is(reader.join().unwrap(), WICK_E_STALE_HANDLE);
        is(wick_stream_close(queued), WICK_E_STALE_HANDLE);
        shut(runtime);
    }
}

#[test]
fn readers_get_every_end_when_the_runtime_is_shut_down() {
    for mode in [WICK_MODE_THREADS, WICK_MODE_HOST_STEP] {
        let runtime = runtime_in(mode);
        let (model, queue) = (model(runtime, GATED), queue(runtime));
        let kept = session_of(model);
        let streams: Vec<_> = (0..8).map(|_| generate(session_of(model), &prompt("p"))).collect();
        for _ in 0..8 {
            generate(session_of(model), &wick_generate_options { queue, ..prompt("p") });
        }
        let readers: Vec<_> = streams
            .into_iter()
            .map(|stream| thread::spawn(move || read_all(stream).pop().unwrap().end))
            .collect();
        let queue_reader = thread::spawn(move || {
            let mut ends = 0;
            loop {
                match queue_next(queue, WICK_FOREVER) {
                    Ok(event) => ends += u32::from(event.kind == WICK_EVENT_END),
                    Err(status) => return (ends, status),
                }
            }
        });
        thread::sleep(Duration::from_millis(20));
        let other = thread::spawn(move || wick_runtime_shutdown(runtime, LONG));
        let own = wick_runtime_shutdown(runtime, LONG);
        let other = other.join().unwrap();
        for status in [own, other] {
            assert!(status == WICK_OK || status == WICK_E_STALE_HANDLE, "{}", name(status));
        }
        assert!(own == WICK_OK || other == WICK_OK);
        for reader in readers {
            assert_eq!(reader.join().unwrap(), WICK_END_SHUTDOWN);
        }
        assert_eq!(queue_reader.join().unwrap(), (8, WICK_ENDED));
        is(wick_queue_close(queue), WICK_OK);
        assert_stale(runtime, model, kept);
    }
}

/// Whatever is asked of handles that were good until their runtime was shut down is refused as stale.
fn assert_stale(runtime: wick_runtime, model: wick_model, session: wick_session) {
    let counter = Counter::new();
    let options = wick_generate_options { user: counter.user(), drop: Some(count), ..prompt("p") };
    is(try_generate(session, &options).unwrap_err().0, WICK_E_STALE_HANDLE);
    assert_eq!(counter.count(), 1);
    let (options, mut other) = (sized::<wick_session_options>(), wick_session::default());
    let (mut new, mut needed) = (wick_queue::default(), 0);
    let none = std::ptr::null_mut();
    // SAFETY: all pointers are good.
    unsafe {
        is(wick_session_info(session, std::ptr::null_mut(), 0, &mut needed), WICK_E_STALE_HANDLE);
        is(wick_model_info(model, std::ptr::null_mut(), 0, &mut needed), WICK_E_STALE_HANDLE);
        is(wick_session_create(model, &options, &mut other, none), WICK_E_STALE_HANDLE);
        is(wick_queue_create(runtime, &mut new, none), WICK_E_STALE_HANDLE);
    }
    is(wick_session_clear(session), WICK_E_STALE_HANDLE);
    is(wick_session_close(session), WICK_E_STALE_HANDLE);
    is(wick_model_close(model), WICK_E_STALE_HANDLE);
    is(wick_runtime_resume(runtime), WICK_E_STALE_HANDLE);
    is(wick_runtime_shutdown(runtime, 0), WICK_E_STALE_HANDLE);
}

/// What a callback that is held knows of itself.
#[derive(Default)]
struct Held {
    events: AtomicUsize,
    /// The last one's reason to end.
    end: AtomicUsize,
    drops: AtomicUsize,
    go: AtomicBool,
}

unsafe extern "C" fn hold(user: *mut c_void, event: *const wick_event) {
    // SAFETY: what was given, and the library's event.
    let (held, end) = unsafe { (&*user.cast::<Held>(), (*event).end_reason) };
    held.events.fetch_add(1, Ordering::SeqCst);
    held.end.store(end.into(), Ordering::SeqCst);
    until(|| held.go.load(Ordering::SeqCst));
    assert_eq!(held.drops.load(Ordering::SeqCst), 0, "dropped under a running callback");
}

unsafe extern "C" fn drop_held(user: *mut c_void) {
    // SAFETY: what was given.
    unsafe { &*user.cast::<Held>() }.drops.fetch_add(1, Ordering::SeqCst);
}

#[test]
fn a_dispatch_under_way_when_its_stream_its_queue_or_the_runtime_goes() {
    for mode in [WICK_MODE_THREADS, WICK_MODE_HOST_STEP] {
        for goes in ["stream", "queue", "runtime"] {
            let runtime = runtime_in(mode);
            let endless = r#"{"reply":"x","endless":true,"delay_us":100,"context_length":16777216}"#;
            let (model, queue) = (model(runtime, endless), queue(runtime));
            let held = for_ever(Held::default());
            let user = std::ptr::from_ref(held).cast_mut().cast();
            let options = wick_generate_options {
                queue,
                on_event: Some(hold),
                user,
                drop: Some(drop_held),
                ..prompt("p")
            };
            let stream = generate(session_of(model), &options);
            let dispatch = thread::spawn(move || {
                loop {
                    let status = wick_queue_dispatch(queue, 0, 0);
                    if status < 0 || held.events.load(Ordering::SeqCst) > 0 {
                        return status;
                    }
                    thread::yield_now();
                }
            });
            until(|| {
                // SAFETY: NULL is allowed. Refused where there are threads.
                let _ = unsafe { wick_runtime_step(runtime, 1000, std::ptr::null_mut()) };
                held.events.load(Ordering::SeqCst) > 0
            });
            match goes {
                "stream" => is(wick_stream_close(stream), WICK_OK),
                "queue" => is(wick_queue_close(queue), WICK_OK),
                _ => shut(runtime),
            }
            assert_eq!(held.events.load(Ordering::SeqCst), 1, "{goes}");
            held.go.store(true, Ordering::SeqCst);
            let status = dispatch.join().unwrap();
            match goes {
                "stream" => is(status, WICK_EMPTY),
                "queue" => is(status, WICK_E_STALE_HANDLE),
                _ => {
                    assert!(status >= 0, "{}", name(status));
                    until(|| wick_queue_dispatch(queue, 0, 0) == WICK_ENDED);
                    assert_eq!(held.end.load(Ordering::SeqCst), usize::from(WICK_END_SHUTDOWN));
                }
            }
            assert_eq!(held.events.load(Ordering::SeqCst) > 1, goes == "runtime", "none after the close");
            assert_eq!(held.drops.load(Ordering::SeqCst), 1, "{goes}");
            if goes != "queue" {
                is(wick_queue_close(queue), WICK_OK);
            }
            is(wick_stream_cancel(stream), WICK_E_STALE_HANDLE);
            is(wick_queue_dispatch(queue, 0, 0), WICK_E_STALE_HANDLE);
            if goes != "runtime" {
                shut(runtime);
            }
        }
    }
}

#[test]
fn generations_and_closes_race_with_the_shutdown() {
    for round in 0..50 {
        let runtime = runtime();
        let model = model(runtime, r#"{"reply":"x"}"#);
        let sessions: Vec<_> = (0..4).map(|_| session_of(model)).collect();
        let racers: Vec<_> = sessions
            .into_iter()
            .map(|session| {
                thread::spawn(move || {
                    let counter = Counter::new();
                    let mut taken = 0;
                    loop {
                        let options =
                            wick_generate_options { user: counter.user(), drop: Some(count), ..prompt("p") };
                        let outcome = try_generate(session, &options);
                        taken += 1;
                        match outcome {
                            Ok(stream) => {
                                let end = join(stream).unwrap();
                                assert!(
                                    [WICK_END_STOP, WICK_END_SHUTDOWN, WICK_END_CANCELLED].contains(&end.end),
                                    "{end:?}"
                                );
                                is(wick_stream_close(stream), WICK_OK);
                            }
                            Err((status, _)) => {
                                assert!(
                                    status == WICK_E_SHUTDOWN || status == WICK_E_STALE_HANDLE,
                                    "{}",
                                    name(status)
                                );
                                assert_eq!(counter.count(), taken);
                                return;
                            }
                        }
                    }
                })
            })
            .collect();
        thread::sleep(Duration::from_micros(round * 100));
        shut(runtime);
        racers.into_iter().for_each(|racer| racer.join().unwrap());
    }
}

#[test]
fn streams_and_queues_closed_while_they_are_fed() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":"x","endless":true}"#);
    for round in 0..200u64 {
        let queue = queue(runtime);
        let counter = Counter::new();
        let queued = wick_generate_options { queue, user: counter.user(), drop: Some(count), ..prompt("p") };
        let streams: Vec<_> = (0..3).map(|_| generate(session_of(model), &queued)).collect();
        let alone = generate(session_of(model), &prompt("p"));
        let closer = thread::spawn(move || {
            thread::sleep(Duration::from_micros(round * 10));
            is(wick_stream_close(streams[0]), WICK_OK);
            is(wick_queue_close(queue), WICK_OK);
            is(wick_stream_close(alone), WICK_OK);
        });
        while queue_next(queue, LONG).is_ok() {}
        while read(alone, LONG).is_ok() {}
        closer.join().unwrap();
        assert_eq!(counter.count(), 3);
    }
    shut(runtime);
}

#[test]
fn a_timeout_of_a_shutdown_can_be_called_again() {
    static GO: AtomicBool = AtomicBool::new(false);
    unsafe extern "C" fn slow(user: *mut std::ffi::c_void, _: *const wick_event) {
        // SAFETY: the counter that was given.
        unsafe { count(user) };
        until(|| GO.load(Ordering::SeqCst));
    }
    let runtime = runtime();
    let counter = Counter::new();
    let options = wick_generate_options { on_event: Some(slow), user: counter.user(), ..prompt("p") };
    generate(session(runtime, r#"{"reply":"x"}"#), &options);
    until(|| counter.count() > 0);
    is(wick_runtime_shutdown(runtime, 1_000_000), WICK_E_TIMEOUT);
    is(wick_runtime_pause(runtime), WICK_OK);
    GO.store(true, Ordering::SeqCst);
    shut(runtime);
    assert_eq!(counter.count(), 3, "each event came, END included");
    is(wick_runtime_pause(runtime), WICK_E_STALE_HANDLE);
}

#[test]
fn waits_keep_to_their_time() {
    for mode in [WICK_MODE_THREADS, WICK_MODE_HOST_STEP] {
        let runtime = runtime_in(mode);
        let (model, queue) = (model(runtime, GATED), queue(runtime));
        let stream = started(generate(session_of(model), &prompt("p")));
        let start = Instant::now();
        is(read(stream, 30_000_000).unwrap_err(), WICK_EMPTY);
        is(queue_next(queue, 30_000_000).unwrap_err(), WICK_EMPTY);
        assert!(start.elapsed() >= Duration::from_millis(60));
        is(wick_stream_close(stream), WICK_OK);
        shut(runtime);
    }
}

mod os_handle {
    use super::*;

    fn handle_of(get: impl FnOnce(*mut wick_os_handle) -> wick_status) -> wick_os_handle {
        let mut handle = wick_os_handle { fd: -1, event: std::ptr::null_mut() };
        is(get(&mut handle), WICK_OK);
        assert_eq!((handle.fd >= 0, handle.event.is_null()), (cfg!(unix), cfg!(unix)));
        handle
    }

    /// Whether the descriptor is readable within `timeout` milliseconds.
    #[cfg(unix)]
    fn readable(handle: wick_os_handle, timeout: i32) -> bool {
        let mut poll = libc::pollfd { fd: handle.fd, events: libc::POLLIN, revents: 0 };
        // SAFETY: one pollfd of our own.
        unsafe { libc::poll(&mut poll, 1, timeout) == 1 && poll.revents & libc::POLLIN != 0 }
    }

    /// Whether the event is signalled within `timeout` milliseconds.
    #[cfg(windows)]
    fn readable(handle: wick_os_handle, timeout: u32) -> bool {
        use windows_sys::Win32::Foundation::WAIT_OBJECT_0;
        use windows_sys::Win32::System::Threading::WaitForSingleObject;
        // SAFETY: an event that lives until its stream or queue is closed.
        unsafe { WaitForSingleObject(handle.event.cast(), timeout) == WAIT_OBJECT_0 }
    }

    #[test]
    fn of_a_stream_is_readable_exactly_while_an_event_or_the_rest_of_one_waits() {
        let runtime = runtime();
        let long = "y".repeat(600);
        let model = model(runtime, &serde_json::json!({ "reply": [long], "gated": true }).to_string());
        let stream = generate(session_of(model), &prompt("p"));
        // SAFETY: the place is good.
        let handle = handle_of(|out| unsafe { wick_stream_os_handle(stream, out) });
        // SAFETY: as above.
        let again = handle_of(|out| unsafe { wick_stream_os_handle(stream, out) });
        assert_eq!((again.fd, again.event), (handle.fd, handle.event), "the same each time");
        assert!(readable(handle, 300_000));
        started(stream);
        assert!(!readable(handle, 30));
        is(wick_testing_release(model, 2), WICK_OK);
        assert!(readable(handle, 300_000));
        let (mut parts, mut ended) = (0, false);
        while !ended {
            assert!(readable(handle, 300_000));
            let event = read_with(stream, 256, 0, 0).unwrap();
            parts += usize::from(event.more);
            assert!(!event.more || readable(handle, 0), "the rest waits");
            ended = event.kind == WICK_EVENT_END;
        }
        assert_eq!(parts, 2);
        assert!(!readable(handle, 30));
        is(read(stream, 0).unwrap_err(), WICK_ENDED);
        is(wick_stream_close(stream), WICK_OK);
        shut(runtime);
    }

    #[test]
    fn of_a_queue_shows_events_and_wakes() {
        let runtime = runtime();
        let (model, queue) = (model(runtime, GATED), queue(runtime));
        // SAFETY: the place is good.
        let handle = handle_of(|out| unsafe { wick_queue_os_handle(queue, out) });
        assert!(!readable(handle, 10));
        is(wick_queue_wake(queue), WICK_OK);
        is(wick_queue_wake(queue), WICK_OK);
        assert!(readable(handle, 0));
        is(queue_next(queue, 0).unwrap_err(), WICK_EMPTY);
        assert!(!readable(handle, 10), "not counted");
        let stream = generate(session_of(model), &wick_generate_options { queue, ..prompt("p") });
        assert!(readable(handle, 300_000));
        assert_eq!(queue_next(queue, 0).unwrap().kind, WICK_EVENT_STARTED);
        assert!(!readable(handle, 10));
        // SAFETY: a good text.
        is(unsafe { wick_stream_note(stream, text("note")) }, WICK_OK);
        assert!(readable(handle, 0));
        is(wick_stream_close(stream), WICK_OK);
        assert!(!readable(handle, 0), "what was closed is not read any more");
        is(wick_queue_close(queue), WICK_OK);
        shut(runtime);
    }
}
