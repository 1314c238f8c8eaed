//! Why a call was refused that has no wick_error stands in the log: for every function of the header, so that
//! none is forgotten.
#![cfg(feature = "testing")]
#![allow(unsafe_code, reason = "this is the C ABI, as C calls it")]

use crate::support::c_abi::*;
use std::collections::BTreeSet;
use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The functions of `header` that have no wick_error, and whether they are refused inside a callback.
fn without_error(header: &str) -> Vec<(String, bool)> {
    let functions = header.split("\n\n").filter_map(|block| {
        let (comment, declaration) = block.strip_prefix("/* ")?.split_once("*/\n")?;
        let (before, parameters) = declaration.split_once('(')?;
        let name = before.split([' ', '*']).next_back()?;
        let other = before.starts_with(['#', ' ']) || before.contains("static") || before.contains('{');
        let is_function = name.starts_with("wick_") && !other;
        let tags = comment.split_once("] ").map_or("", |(tags, _)| tags);
        let refused = tags.contains("BLOCK") || tags.contains("EXCL");
        (is_function && !parameters.contains("wick_error")).then(|| (name.to_owned(), refused))
    });
    functions.collect()
}

/// What calls are made on, and what the log said of them.
struct World {
    runtime: wick_runtime,
    model: wick_model,
    /// Its generation is live.
    session: wick_session,
    stream: wick_stream,
    queue: wick_queue,
    lines: &'static Mutex<Vec<String>>,
    /// How often all calls were made inside a callback.
    tried: AtomicUsize,
}

/// Keeps the lines about refused calls in the list at `user`.
unsafe extern "C" fn keep(user: *mut c_void, level: i32, line: *const c_char, len: usize) {
    // SAFETY: the library's text, during the call.
    let line = unsafe { std::slice::from_raw_parts(line.cast::<u8>(), len) };
    let line = std::str::from_utf8(line).expect("UTF-8");
    if line.starts_with("event=refused ") {
        // SAFETY: the list that came with this function, which stays.
        let lines = unsafe { &*user.cast::<Mutex<Vec<String>>>() };
        lines.lock().unwrap().push(format!("{level} {line}"));
    }
}

/// A runtime whose log is `log`, with `user`, down to what happens for each request.
fn logging(
    log: unsafe extern "C" fn(*mut c_void, i32, *const c_char, usize),
    user: *mut c_void,
) -> wick_runtime {
    let options = wick_runtime_options {
        abi_version: WICK_ABI_VERSION,
        threads: 1,
        log: Some(log),
        log_user: user,
        log_level: 4,
        ..sized()
    };
    let mut runtime = wick_runtime::default();
    // SAFETY: all pointers are good.
    is(unsafe { wick_runtime_create(&options, &mut runtime, ptr::null_mut()) }, WICK_OK);
    runtime
}

impl World {
    fn new() -> &'static Self {
        let lines = for_ever(Mutex::new(Vec::new()));
        let runtime = logging(keep, ptr::from_ref(lines).cast_mut().cast());
        let model = model(runtime, r#"{"reply":"x","gated":true}"#);
        let session = session_of(model);
        let stream = generate(session, &prompt("p"));
        for_ever(Self {
            runtime,
            model,
            session,
            stream,
            queue: queue(runtime),
            lines,
            tried: AtomicUsize::new(0),
        })
    }

    /// The one line that `call` is logged with if it is refused.
    fn hears(&self, name: &str, call: impl FnOnce() -> wick_status) -> wick_status {
        self.lines.lock().unwrap().clear();
        let status = call();
        let lines = std::mem::take(&mut *self.lines.lock().unwrap());
        assert_eq!(lines.len(), usize::from(status < 0), "{name}: {lines:?}");
        for line in lines {
            assert!(line.starts_with(&format!("4 event=refused call={name} kind=")), "{line}");
            let kind = line.split(" kind=").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
            let status = self::name(status).trim_start_matches("WICK_E_").replace('_', "");
            assert_eq!(kind.to_uppercase(), status, "{line}");
            assert!(line.contains(" message=\""), "{line}");
        }
        status
    }
}

/// A call that is refused.
type Call = fn(&World) -> wick_status;

/// For each function a call that is refused: with the status, or inside a callback only.
fn calls() -> Vec<(&'static str, Option<wick_status>, Call)> {
    const INVALID: Option<wick_status> = Some(WICK_E_INVALID_ARGUMENT);
    const UNSUPPORTED: Option<wick_status> = Some(WICK_E_UNSUPPORTED);
    // SAFETY: what is tried is NULL, or an empty buffer.
    unsafe {
        vec![
            ("wick_runtime_step", UNSUPPORTED, |w| wick_runtime_step(w.runtime, 0, ptr::null_mut())),
            ("wick_runtime_set_pace", INVALID, |w| wick_runtime_set_pace(w.runtime, 101)),
            ("wick_runtime_info", INVALID, |w| {
                wick_runtime_info(w.runtime, ptr::null_mut(), 1, ptr::null_mut())
            }),
            ("wick_runtime_shutdown", None, |w| wick_runtime_shutdown(w.runtime, 0)),
            ("wick_queue_next", INVALID, |w| {
                wick_queue_next(w.queue, ptr::null_mut(), ptr::null_mut(), 0, 0)
            }),
            ("wick_queue_dispatch", None, |w| wick_queue_dispatch(w.queue, 0, 0)),
            ("wick_queue_os_handle", INVALID, |w| wick_queue_os_handle(w.queue, ptr::null_mut())),
            ("wick_model_info", INVALID, |w| wick_model_info(w.model, ptr::null_mut(), 1, ptr::null_mut())),
            ("wick_session_clear", Some(WICK_E_BUSY), |w| wick_session_clear(w.session)),
            ("wick_session_rewind", Some(WICK_E_BUSY), |w| wick_session_rewind(w.session, 0)),
            ("wick_session_info", INVALID, |w| {
                wick_session_info(w.session, ptr::null_mut(), 1, ptr::null_mut())
            }),
            ("wick_session_messages", INVALID, |w| {
                wick_session_messages(w.session, ptr::null_mut(), 1, ptr::null_mut())
            }),
            ("wick_session_tokens", INVALID, |w| {
                wick_session_tokens(w.session, ptr::null_mut(), 1, ptr::null_mut())
            }),
            ("wick_session_keep", Some(WICK_E_BUSY), |w| wick_session_keep(w.session, 0)),
            ("wick_stream_next", INVALID, |w| {
                wick_stream_next(w.stream, ptr::null_mut(), ptr::null_mut(), 0, 0)
            }),
            ("wick_stream_join", INVALID, |w| {
                wick_stream_join(w.stream, ptr::null_mut(), ptr::null_mut(), 0, 0)
            }),
            ("wick_stream_os_handle", INVALID, |w| wick_stream_os_handle(w.stream, ptr::null_mut())),
            ("wick_stream_stats", INVALID, |w| wick_stream_stats(w.stream, ptr::null_mut())),
            ("wick_stream_note", INVALID, |w| wick_stream_note(w.stream, zeroed())),
        ]
    }
}

/// Those that a handle of a live object is enough for, and those that have none: nobody's log could hear.
const NEVER: [&str; 18] = [
    "wick_status_name",
    "wick_abi_version",
    "wick_version",
    "wick_build_info",
    "wick_nearest",
    "wick_runtime_pause",
    "wick_runtime_resume",
    "wick_runtime_trim",
    "wick_queue_wake",
    "wick_queue_close",
    "wick_model_keep_mapped",
    "wick_model_close",
    "wick_adapter_info",
    "wick_adapter_close",
    "wick_session_close",
    "wick_stream_answer_now",
    "wick_stream_cancel",
    "wick_stream_close",
];

#[test]
fn s38b_every_function_without_a_place_for_its_error_has_it_in_the_log() {
    let world = World::new();
    let mut tried: BTreeSet<String> = NEVER.into_iter().map(str::to_owned).collect();
    for (name, status, call) in calls() {
        tried.insert(name.to_owned());
        if let Some(status) = status {
            is(world.hears(name, || call(world)), status);
        }
    }
    let all = without_error(include_str!("../../include/wick.h"));
    assert_eq!(all.into_iter().map(|(name, _)| name).collect::<BTreeSet<_>>(), tried);
    is(wick_stream_close(world.stream), WICK_OK);
    shut(world.runtime);
}

/// Makes all calls on the world at `user`.
unsafe extern "C" fn call_all(user: *mut c_void, event: *const wick_event) {
    // SAFETY: the world that came with this function; the event lives during the call.
    let (world, end) = unsafe { (&*user.cast::<World>(), (*event).kind == WICK_EVENT_END) };
    if !end {
        return;
    }
    let blocking = without_error(include_str!("../../include/wick.h"));
    let blocking: BTreeSet<_> =
        blocking.into_iter().filter(|(_, refused)| *refused).map(|(name, _)| name).collect();
    for (name, status, call) in calls() {
        match (blocking.contains(name), status) {
            (true, _) => is(world.hears(name, || call(world)), WICK_E_REENTRANT),
            (false, status) => is(world.hears(name, || call(world)), status.unwrap_or(WICK_OK)),
        }
    }
    world.tried.fetch_add(1, Ordering::SeqCst);
}

#[test]
fn s38b_what_is_refused_inside_a_callback_is_in_the_log_too() {
    let world = World::new();
    let pump = queue(world.runtime);
    let user = ptr::from_ref(world).cast_mut().cast();
    let answer = generate(
        session_of(world.model),
        &wick_generate_options { queue: pump, on_event: Some(call_all), user, ..prompt("q") },
    );
    is(wick_stream_cancel(answer), WICK_OK);
    until(|| {
        assert!(wick_queue_dispatch(pump, 0, 0) >= 0);
        world.tried.load(Ordering::SeqCst) == 1
    });
    is(wick_stream_close(world.stream), WICK_OK);
    shut(world.runtime);
}

#[test]
fn asking_for_a_size_and_waiting_for_a_shutdown_are_no_refusals() {
    let world = World::new();
    let mut needed = 0;
    // SAFETY: all pointers are good.
    is(unsafe { wick_runtime_info(world.runtime, ptr::null_mut(), 0, &mut needed) }, WICK_E_BUFFER_TOO_SMALL);
    until(|| wick_runtime_shutdown(world.runtime, 0) == WICK_OK);
    assert_eq!(world.lines.lock().unwrap()[..], [""; 0]);
}

/// How often the log was called; its `user` is the runtime's id.
static CALLED: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn call_back(user: *mut c_void, _: i32, line: *const c_char, len: usize) {
    // SAFETY: the library's text, during the call.
    let line = unsafe { std::slice::from_raw_parts(line.cast::<u8>(), len) };
    if line.starts_with(b"event=refused ") {
        CALLED.fetch_add(1, Ordering::SeqCst);
        // SAFETY: the test's own, which outlives the runtime.
        let id = unsafe { &*user.cast::<AtomicU64>() }.load(Ordering::SeqCst);
        is(wick_runtime_set_pace(wick_runtime { id }, 101), WICK_E_INVALID_ARGUMENT);
        is(wick_runtime_shutdown(wick_runtime { id }, 0), WICK_E_REENTRANT);
    }
}

#[test]
fn s38b_a_refused_call_out_of_the_log_is_not_logged_in_turn() {
    let id = AtomicU64::new(0);
    let runtime = logging(call_back, (&raw const id).cast_mut().cast());
    id.store(runtime.id, Ordering::SeqCst);
    for calls in 1..3 {
        is(wick_runtime_set_pace(runtime, 101), WICK_E_INVALID_ARGUMENT);
        assert_eq!(CALLED.load(Ordering::SeqCst), calls);
    }
    shut(runtime);
}
