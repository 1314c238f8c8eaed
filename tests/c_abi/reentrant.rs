//! Inside every kind of callback [BLOCK] and [EXCL] functions are refused, and all others work.
#![cfg(feature = "testing")]
#![allow(unsafe_code, reason = "this is the C ABI, as C calls it")]

use crate::support::c_abi::*;
use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What callbacks try, and how often they came to the end of it.
struct World {
    runtime: wick_runtime,
    model: wick_model,
    session: wick_session,
    stream: wick_stream,
    queue: wick_queue,
    tried: AtomicUsize,
}

impl World {
    fn new() -> &'static Self {
        let runtime = runtime();
        let model = model(runtime, r#"{"reply":"x"}"#);
        let session = session_of(model);
        let (stream, queue) = (generate(session, &prompt("p")), queue(runtime));
        for_ever(Self { runtime, model, session, stream, queue, tried: AtomicUsize::new(0) })
    }

    fn user(&'static self) -> *mut c_void {
        ptr::from_ref(self).cast_mut().cast()
    }

    fn tried(&self) -> usize {
        self.tried.load(Ordering::SeqCst)
    }

    fn try_all(&self) {
        let refused = WICK_E_REENTRANT;
        let (mut event, mut buf, mut error) = (sized::<wick_event>(), [0; 256], sized::<wick_error>());
        let texts = [text("a")];
        let (mut stats, mut new) = (zeroed::<wick_stats>(), wick_stream::default());
        // SAFETY: all pointers are good.
        unsafe {
            is(wick_stream_next(self.stream, &mut event, buf.as_mut_ptr(), 256, 0), refused);
            is(wick_stream_join(self.stream, &mut event, buf.as_mut_ptr(), 256, WICK_FOREVER), refused);
            is(wick_queue_next(self.queue, &mut event, buf.as_mut_ptr(), 256, WICK_FOREVER), refused);
            is(wick_queue_dispatch(self.queue, 1, 0), refused);
            is(wick_runtime_step(self.runtime, 0, ptr::null_mut()), refused);
            is(wick_runtime_shutdown(self.runtime, WICK_FOREVER), refused);
            is(
                wick_embed(self.model, texts.as_ptr(), 1, ptr::null_mut(), 0, ptr::null_mut(), 0, &mut error),
                refused,
            );
            assert_eq!(error.code, refused);
            is(wick_stream_stats(self.stream, &mut stats), WICK_OK);
            is(wick_queue_wake(self.queue), WICK_OK);
            is(wick_runtime_pause(self.runtime), WICK_OK);
            is(wick_runtime_resume(self.runtime), WICK_OK);
            let (session, mut twin) = (session_of(self.model), wick_session::default());
            is(wick_generate(session, &prompt("q"), &mut new, &mut error), WICK_OK);
            is(wick_stream_cancel(new), WICK_OK);
            is(wick_session_fork(session, &mut twin, &mut error), WICK_OK);
            is(wick_session_rewind(twin, 1), WICK_OK);
            assert_ne!(wick_session_keep(session, 1), refused);
            is(wick_session_close(twin), WICK_OK);
            is(wick_stream_close(new), WICK_OK);
            is(wick_session_close(session), WICK_OK);
        }
        self.tried.fetch_add(1, Ordering::SeqCst);
    }
}

/// # Safety
/// `user` is a world's.
unsafe fn world(user: *mut c_void) -> &'static World {
    // SAFETY: as promised by the caller.
    unsafe { &*user.cast::<World>() }
}

unsafe extern "C" fn on_event(user: *mut c_void, _: *const wick_event) {
    // SAFETY: the user pointer that was given with this function; so below.
    unsafe { world(user) }.try_all();
}

unsafe extern "C" fn drop_world(user: *mut c_void) {
    // SAFETY: as above.
    unsafe { world(user) }.try_all();
}

unsafe extern "C" fn on_thread(user: *mut c_void, _: i32) {
    // SAFETY: as above.
    unsafe { world(user) }.try_all();
}

unsafe extern "C" fn log(user: *mut c_void, _: i32, _: *const c_char, _: usize) {
    // SAFETY: as above.
    unsafe { world(user) }.try_all();
}

#[cfg(feature = "text")]
unsafe extern "C" fn read_at(user: *mut c_void, _: u64, _: *mut c_void, _: u64) -> i32 {
    // SAFETY: as above.
    unsafe { world(user) }.try_all();
    1
}

#[test]
fn in_on_event_and_drop_on_the_runtimes_thread_and_in_a_dispatch() {
    let world = World::new();
    let options = wick_generate_options {
        on_event: Some(on_event),
        user: world.user(),
        drop: Some(drop_world),
        ..prompt("p")
    };
    // STARTED, TEXT, END and the drop.
    generate(session_of(world.model), &options);
    until(|| world.tried() == 4);
    let queue = queue(world.runtime);
    let pumped = wick_generate_options { queue, ..options };
    generate(session_of(world.model), &pumped);
    until(|| {
        assert!(wick_queue_dispatch(queue, 16, 0) >= 0);
        world.tried() == 8
    });
    shut(world.runtime);
}

#[test]
fn in_a_drop_of_a_refused_call() {
    let world = World::new();
    let options =
        wick_generate_options { reserved0: 1, user: world.user(), drop: Some(drop_world), ..prompt("p") };
    is(try_generate(world.session, &options).unwrap_err().0, WICK_E_UNSUPPORTED);
    assert_eq!(world.tried(), 1);
    // Refused by the session itself: its lock is not held over the drop.
    let gated = session(world.runtime, r#"{"reply":"x","gated":true}"#);
    let live = generate(gated, &prompt("p"));
    let busy = wick_generate_options { reserved0: 0, ..options };
    is(try_generate(gated, &busy).unwrap_err().0, WICK_E_BUSY);
    assert_eq!(world.tried(), 2);
    is(wick_stream_close(live), WICK_OK);
    shut(world.runtime);
}

#[test]
fn in_on_thread_log_and_their_drops() {
    let world = World::new();
    let options = wick_runtime_options {
        abi_version: WICK_ABI_VERSION,
        threads: 1,
        on_thread: Some(on_thread),
        thread_user: world.user(),
        thread_drop: Some(drop_world),
        log: Some(log),
        log_user: world.user(),
        log_drop: Some(drop_world),
        log_level: 1,
        ..sized()
    };
    let mut other = wick_runtime::default();
    // SAFETY: all pointers are good.
    is(unsafe { wick_runtime_create(&options, &mut other, ptr::null_mut()) }, WICK_OK);
    until(|| world.tried() >= 3);
    let before = world.tried();
    // A load that fails is logged, from the prepare thread.
    let (mut model, mut load) = (wick_model::default(), wick_stream::default());
    // SAFETY: all pointers are good.
    unsafe {
        let script = text(r#"{"load_error":"as told"}"#);
        is(
            wick_testing_model_load(other, script, ptr::null(), &mut model, &mut load, ptr::null_mut()),
            WICK_OK,
        );
    }
    assert_eq!(join(load).unwrap().end, WICK_END_ERROR);
    until(|| world.tried() > before);
    let before = world.tried();
    shut(other);
    assert!(world.tried() >= before + 3 + 2, "threads' last calls, and two drops");
    shut(world.runtime);
}

#[test]
#[cfg(feature = "text")]
fn in_read_at() {
    let world = World::new();
    let io =
        wick_io { size: 4096, read_at: Some(read_at), user: world.user(), drop: Some(drop_world), ..sized() };
    let options = wick_model_options { io: &io, ..sized() };
    let (mut model, mut load) = (wick_model::default(), wick_stream::default());
    // SAFETY: all pointers are good.
    is(unsafe { wick_model_load(world.runtime, &options, &mut model, &mut load, ptr::null_mut()) }, WICK_OK);
    let end = join(load).unwrap();
    assert_eq!((end.end, end.status), (WICK_END_ERROR, WICK_E_IO));
    until(|| world.tried() >= 2);
    shut(world.runtime);
}

#[test]
fn a_panic_of_the_model_is_logged_and_not_printed() {
    unsafe extern "C" fn log(user: *mut c_void, level: i32, text: *const c_char, len: usize) {
        // SAFETY: the library's text.
        let text = unsafe { std::slice::from_raw_parts(text.cast::<u8>(), len) };
        assert!(level >= 1 && std::str::from_utf8(text).is_ok());
        if text.starts_with(b"event=panic ") {
            // SAFETY: the counter given with this function.
            unsafe { count(user) };
        }
    }
    let counter = Counter::new();
    let options = wick_runtime_options {
        abi_version: WICK_ABI_VERSION,
        threads: 1,
        log: Some(log),
        log_user: counter.user(),
        ..sized()
    };
    let mut runtime = wick_runtime::default();
    // SAFETY: all pointers are good.
    is(unsafe { wick_runtime_create(&options, &mut runtime, ptr::null_mut()) }, WICK_OK);
    let session = session(runtime, r#"{"reply":["a","b","c"],"panic_at":1}"#);
    let end = join(generate(session, &prompt("p"))).unwrap();
    assert_eq!((end.end, end.status), (WICK_END_ERROR, WICK_E_INTERNAL));
    assert!(counter.count() >= 1);
    shut(runtime);
}
