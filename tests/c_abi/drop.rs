//! A user pointer is dropped exactly once, on every path: refused, ended, closed, never read, shut down.
#![cfg(feature = "testing")]
#![allow(unsafe_code, reason = "this is the C ABI, as C calls it")]

use crate::support::c_abi::*;
use std::ffi::c_void;
use std::ptr;
use std::sync::Barrier;

unsafe extern "C" fn ignore(_: *mut c_void, _: *const wick_event) {}

unsafe extern "C" fn close_itself(_: *mut c_void, event: *const wick_event) {
    // SAFETY: the library's event.
    is(wick_stream_close(unsafe { (*event).stream }), WICK_OK);
}

fn counted(counter: &'static Counter) -> wick_generate_options {
    wick_generate_options { user: counter.user(), drop: Some(count), ..prompt("p") }
}

#[test]
fn in_the_call_that_is_refused() {
    let runtime = runtime();
    let session = session(runtime, r#"{"reply":"x","gated":true}"#);
    let counter = Counter::new();
    let refused = |session, options: &wick_generate_options, status| {
        let before = counter.count();
        is(try_generate(session, options).unwrap_err().0, status);
        assert_eq!(counter.count(), before + 1, "{}", name(status));
    };
    let good = || counted(counter);
    refused(session, &wick_generate_options { reserved0: 1, ..good() }, WICK_E_UNSUPPORTED);
    refused(
        session,
        &wick_generate_options { stop_count: 1, on_event: Some(ignore), ..good() },
        WICK_E_INVALID_ARGUMENT,
    );
    refused(wick_session { id: 5 }, &good(), WICK_E_STALE_HANDLE);
    refused(session, &wick_generate_options { queue: wick_queue { id: 5 }, ..good() }, WICK_E_STALE_HANDLE);
    let before = counter.count();
    // SAFETY: NULL is what is tested.
    is(unsafe { wick_generate(session, &good(), ptr::null_mut(), ptr::null_mut()) }, WICK_E_INVALID_ARGUMENT);
    assert_eq!(counter.count(), before + 1);
    let wrong_size = wick_generate_options { struct_size: 8, ..good() };
    let before = counter.count();
    is(try_generate(session, &wrong_size).unwrap_err().0, WICK_E_INVALID_ARGUMENT);
    assert_eq!(counter.count(), before, "a struct with a wrong size is not read");
    let live = generate(session, &prompt("p"));
    refused(session, &wick_generate_options { on_event: Some(ignore), ..good() }, WICK_E_BUSY);
    refused(session, &good(), WICK_E_BUSY);
    is(wick_stream_close(live), WICK_OK);
    shut(runtime);
}

#[test]
fn in_a_load_that_is_refused_with_everything_that_came_with_it() {
    let runtime = runtime();
    let (load, data, io_user) = (Counter::new(), Counter::new(), Counter::new());
    let io = wick_io { user: io_user.user(), drop: Some(count), ..sized() };
    let options = wick_model_options {
        io: &io,
        data_user: data.user(),
        data_drop: Some(count),
        user: load.user(),
        drop: Some(count),
        ..sized()
    };
    let (mut model, mut stream) = (wick_model::default(), wick_stream::default());
    // SAFETY: all pointers are good.
    unsafe {
        is(
            wick_model_load(runtime, &options, &mut model, &mut stream, ptr::null_mut()),
            WICK_E_INVALID_ARGUMENT,
        );
        assert_eq!((load.count(), data.count(), io_user.count()), (1, 1, 1));
        is(
            wick_model_load(wick_runtime { id: 1 }, &options, &mut model, &mut stream, ptr::null_mut()),
            WICK_E_STALE_HANDLE,
        );
        assert_eq!((load.count(), data.count(), io_user.count()), (2, 2, 2));
        let store = wick_store_options { io: &io, user: load.user(), drop: Some(count), ..sized() };
        is(
            wick_session_save(wick_session { id: 1 }, &store, &mut stream, ptr::null_mut()),
            WICK_E_STALE_HANDLE,
        );
        assert_eq!((load.count(), io_user.count()), (3, 3));
    }
    shut(runtime);
}

#[test]
fn data_and_io_go_when_the_load_has_failed() {
    let runtime = runtime();
    let (data, io_user) = (Counter::new(), Counter::new());
    unsafe extern "C" fn read_at(_: *mut c_void, _: u64, _: *mut c_void, _: u64) -> i32 {
        7
    }
    let io =
        wick_io { size: 4096, read_at: Some(read_at), user: io_user.user(), drop: Some(count), ..sized() };
    let bytes = [0u8; 64];
    let with_io = wick_model_options { io: &io, ..sized() };
    let with_data = wick_model_options {
        data: bytes.as_ptr().cast(),
        data_len: bytes.len(),
        data_user: data.user(),
        data_drop: Some(count),
        ..sized()
    };
    for options in [with_io, with_data] {
        let (mut model, mut load) = (wick_model::default(), wick_stream::default());
        // SAFETY: all pointers are good.
        is(unsafe { wick_model_load(runtime, &options, &mut model, &mut load, ptr::null_mut()) }, WICK_OK);
        assert_eq!(join(load).unwrap().end, WICK_END_ERROR);
        is(wick_stream_close(load), WICK_OK);
        is(wick_model_close(model), WICK_OK);
    }
    shut(runtime);
    assert_eq!((data.count(), io_user.count()), (1, 1));
}

#[test]
fn without_a_callback_when_the_stream_is_closed() {
    let runtime = runtime();
    let session = session(runtime, r#"{"reply":"x"}"#);
    let counter = Counter::new();
    let stream = generate(session, &counted(counter));
    read_all(stream);
    assert_eq!(counter.count(), 0, "read to its end, and not closed");
    is(wick_stream_close(stream), WICK_OK);
    assert_eq!(counter.count(), 1);
    shut(runtime);
    assert_eq!(counter.count(), 1);
}

#[test]
fn with_a_callback_after_the_end_or_at_the_close() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":"x"}"#);
    for (on_event, kept) in
        [(ignore as unsafe extern "C" fn(_, _), true), (ignore, false), (close_itself, true)]
    {
        let counter = Counter::new();
        let options = wick_generate_options { on_event: Some(on_event), ..counted(counter) };
        let mut stream = wick_stream::default();
        let out = if kept { &raw mut stream } else { ptr::null_mut() };
        // SAFETY: NULL is allowed with a callback.
        is(unsafe { wick_generate(session_of(model), &options, out, ptr::null_mut()) }, WICK_OK);
        until(|| counter.count() == 1);
    }
    shut(runtime);
}

#[test]
fn queued_streams_at_the_close_of_the_queue() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":"x","gated":true}"#);
    let queue = queue(runtime);
    let counter = Counter::new();
    let mut streams = Vec::new();
    for on_event in [None, Some(ignore as unsafe extern "C" fn(_, _))] {
        let options = wick_generate_options { queue, on_event, ..counted(counter) };
        streams.push(generate(session_of(model), &options));
    }
    is(wick_queue_close(queue), WICK_OK);
    assert_eq!(counter.count(), 2);
    for stream in streams {
        is(wick_stream_cancel(stream), WICK_E_STALE_HANDLE);
    }
    shut(runtime);
    assert_eq!(counter.count(), 2);
}

/// Starts a load that nobody keeps, with a queue and a counted `user`.
fn load_for_nobody(runtime: wick_runtime, queue: wick_queue) -> &'static Counter {
    let counter = Counter::new();
    let options = wick_model_options { queue, user: counter.user(), drop: Some(count), ..sized() };
    let (mut model, nobody) = (wick_model::default(), ptr::null_mut());
    // SAFETY: all pointers are good; NULL for a load that nobody keeps.
    let status = unsafe {
        wick_testing_model_load(runtime, text("{}"), &options, &mut model, nobody, ptr::null_mut())
    };
    is(status, WICK_OK);
    counter
}

#[test]
fn an_unread_queued_load_closes_itself_after_its_end() {
    let runtime = runtime();
    let queue = queue(runtime);
    let counter = load_for_nobody(runtime, queue);
    let end = loop {
        let event = queue_next(queue, LONG).unwrap();
        assert_eq!(event.user, counter.user() as usize);
        if event.kind == WICK_EVENT_END {
            break event;
        }
        assert_eq!((event.kind, counter.count()), (WICK_EVENT_PROGRESS, 0));
    };
    // The END has its `user`: it is dropped by the next call, not by this one.
    assert_eq!((end.end, counter.count()), (WICK_END_READY, 0));
    is(wick_stream_close(wick_stream { id: end.stream }), WICK_E_STALE_HANDLE);
    assert_eq!(queue_next(queue, 0), Err(WICK_EMPTY));
    assert_eq!(counter.count(), 1);
    is(wick_queue_close(queue), WICK_OK);
    assert_eq!(counter.count(), 1);
    shut(runtime);
}

#[test]
fn an_unread_queued_load_goes_with_its_queue() {
    let runtime = runtime();
    let queue = queue(runtime);
    let counter = load_for_nobody(runtime, queue);
    while queue_next(queue, LONG).unwrap().kind != WICK_EVENT_END {}
    assert_eq!(counter.count(), 0);
    is(wick_queue_close(queue), WICK_OK);
    assert_eq!(counter.count(), 1);
    shut(runtime);
}

#[test]
fn a_runtimes_own_when_it_is_shut_down_or_was_not_made() {
    unsafe extern "C" fn on_thread(user: *mut c_void, _: i32) {
        // SAFETY: a counter's pointer.
        assert_eq!(unsafe { &*user.cast::<Counter>() }.count(), 0, "dropped while threads run");
    }
    let (threads, log) = (Counter::new(), Counter::new());
    let options = wick_runtime_options {
        abi_version: WICK_ABI_VERSION,
        threads: 1,
        on_thread: Some(on_thread),
        thread_user: threads.user(),
        thread_drop: Some(count),
        log_user: log.user(),
        log_drop: Some(count),
        ..sized()
    };
    let mut runtime = wick_runtime::default();
    // SAFETY: all pointers are good.
    is(unsafe { wick_runtime_create(&options, &mut runtime, ptr::null_mut()) }, WICK_OK);
    let stream = generate(session(runtime, r#"{"reply":"x","gated":true}"#), &prompt("p"));
    assert_eq!((threads.count(), log.count()), (0, 0));
    shut(runtime);
    assert_eq!((threads.count(), log.count()), (1, 1));
    assert_eq!(join(stream).unwrap().end, WICK_END_SHUTDOWN);
    let refused = wick_runtime_options { mode: 9, ..options };
    // SAFETY: all pointers are good.
    is(unsafe { wick_runtime_create(&refused, &mut runtime, ptr::null_mut()) }, WICK_E_INVALID_ARGUMENT);
    assert_eq!((threads.count(), log.count()), (2, 2));
}

#[test]
fn no_shutdown_is_done_while_anothers_drop_runs() {
    static DROPPING: Barrier = Barrier::new(2);
    static LEAVE: Barrier = Barrier::new(2);
    unsafe extern "C" fn slow(user: *mut c_void) {
        DROPPING.wait();
        LEAVE.wait();
        // SAFETY: a counter's pointer.
        unsafe { count(user) };
    }
    let log = Counter::new();
    let options = wick_runtime_options {
        abi_version: WICK_ABI_VERSION,
        threads: 1,
        log_user: log.user(),
        log_drop: Some(slow),
        ..sized()
    };
    let mut runtime = wick_runtime::default();
    // SAFETY: all pointers are good.
    is(unsafe { wick_runtime_create(&options, &mut runtime, ptr::null_mut()) }, WICK_OK);
    let first = std::thread::Builder::new().spawn(move || wick_runtime_shutdown(runtime, LONG)).unwrap();
    DROPPING.wait();
    is(wick_runtime_shutdown(runtime, 0), WICK_E_TIMEOUT);
    is(wick_runtime_shutdown(runtime, 1_000_000), WICK_E_TIMEOUT);
    LEAVE.wait();
    is(first.join().unwrap(), WICK_OK);
    assert_eq!(log.count(), 1);
    is(wick_runtime_shutdown(runtime, 0), WICK_E_STALE_HANDLE);
}
