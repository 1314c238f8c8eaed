//! A session's own system message, tools and variables, as C gives them; and what the log says of a call that
//! is refused without a wick_error.
#![cfg(feature = "testing")]
#![allow(unsafe_code, reason = "this is the C ABI, as C calls it")]

use crate::support::c_abi::*;
use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// It says what it was given, from the first token on.
const PARROT: &str = r#"{"echo":true,"rewinds":false}"#;

fn session(model: wick_model, options: &wick_session_options) -> wick_session {
    let (mut session, mut error) = (wick_session::default(), sized::<wick_error>());
    // SAFETY: all pointers are good.
    let status = unsafe { wick_session_create(model, options, &mut session, &mut error) };
    assert_eq!(status, WICK_OK, "{}", message(&error));
    session
}

/// The first tokens of the prompt that a user's "Hi" makes with `options`.
fn prompted(session: wick_session, options: wick_generate_options) -> String {
    let hi = wick_message { role: text("user"), content: text("Hi"), ..zeroed() };
    let options =
        wick_generate_options { messages: &hi, message_count: 1, max_tokens: 80, ignore_eos: 1, ..options };
    let mut events = read_all(generate(session, &options));
    let end = events.pop().expect("an END");
    assert_eq!(end.end, WICK_END_LENGTH, "{}", end.text);
    all_text(&events)
}

#[test]
fn what_belongs_to_a_session_is_in_every_prompt_until_it_is_changed() {
    let runtime = runtime();
    let model = model(runtime, PARROT);
    let options = wick_session_options {
        system: text("a cat"),
        tools_json: text(r#"[{"name":"purr"}]"#),
        template_json: text(r#"{"mood":1}"#),
        ..sized()
    };
    let cat = session(model, &options);
    let own = "tools [{\"name\":\"purr\"}]\nvariables {\"mood\":1}\nsystem\na cat\nuser\nHi\n";
    assert!(prompted(cat, sized()).starts_with(own));
    is(wick_session_clear(cat), WICK_OK);
    let other = wick_generate_options { tools_json: text("[]"), template_json: text("{}"), ..sized() };
    assert!(prompted(cat, other).starts_with("system\na cat\nuser\nHi\n"));
    is(wick_session_clear(cat), WICK_OK);
    let mut error = sized::<wick_error>();
    // SAFETY: all pointers are good.
    unsafe {
        is(wick_session_set_system(cat, text("a dog"), &mut error), WICK_OK);
        assert!(prompted(cat, sized()).contains("system\na dog\n"));
        is(wick_session_clear(cat), WICK_OK);
        is(wick_session_set_system(cat, zeroed(), &mut error), WICK_OK);
        assert!(!prompted(cat, sized()).contains("system"));
    }
    shut(runtime);
}

#[test]
fn a_session_with_a_system_message_refuses_raw_input_and_one_with_raw_input_a_system_message() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":"x"}"#);
    let with = session(model, &wick_session_options { system: text("a cat"), ..sized() });
    let raw = session(model, &sized());
    let mut error = sized::<wick_error>();
    let (mut stream, first) = (wick_stream::default(), prompt("raw"));
    let system = wick_message { role: text("system"), content: text("another"), ..zeroed() };
    let second = wick_generate_options { messages: &system, message_count: 1, ..sized() };
    // SAFETY: all pointers are good.
    unsafe {
        for options in [&first, &second] {
            is(wick_generate(with, options, &mut stream, &mut error), WICK_E_INVALID_ARGUMENT);
            assert!(message(&error).contains("system message"), "{}", message(&error));
        }
        read_all(generate(raw, &first));
        is(wick_session_set_system(raw, text("late"), &mut error), WICK_E_INVALID_ARGUMENT);
        assert!(message(&error).contains("raw input"), "{}", message(&error));
        is(wick_session_clear(raw), WICK_OK);
        is(wick_session_set_system(raw, text("late"), &mut error), WICK_OK);
    }
    shut(runtime);
}

#[test]
fn a_context_beyond_the_models_is_refused_with_both_numbers() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":"x","context_length":64}"#);
    let (mut out, mut error) = (wick_session::default(), sized::<wick_error>());
    let options = wick_session_options { context_length: 65, ..sized() };
    // SAFETY: all pointers are good.
    let status = unsafe { wick_session_create(model, &options, &mut out, &mut error) };
    is(status, WICK_E_INVALID_ARGUMENT);
    assert!(message(&error).contains("65") && message(&error).contains("64"), "{}", message(&error));
    session(model, &wick_session_options { context_length: 64, ..sized() });
    shut(runtime);
}

#[test]
fn paces_are_kept_or_refused() {
    let mut error = sized::<wick_error>();
    for (mode, percent, status) in [
        (WICK_MODE_THREADS, 30, WICK_OK),
        (WICK_MODE_THREADS, 100, WICK_OK),
        (WICK_MODE_THREADS, 101, WICK_E_INVALID_ARGUMENT),
        (WICK_MODE_HOST_STEP, 30, WICK_E_UNSUPPORTED),
    ] {
        let options =
            wick_runtime_options { abi_version: WICK_ABI_VERSION, mode, pace_percent: percent, ..sized() };
        let mut runtime = wick_runtime::default();
        // SAFETY: all pointers are good.
        is(unsafe { wick_runtime_create(&options, &mut runtime, &mut error) }, status);
        if status == WICK_OK {
            let session = session(model(runtime, r#"{"reply":"x"}"#), &sized());
            is(wick_runtime_set_pace(runtime, 101), WICK_E_INVALID_ARGUMENT);
            is(wick_runtime_set_pace(runtime, 1), WICK_OK);
            assert_eq!(all_text(&read_all(generate(session, &prompt("p")))), "x");
            shut(runtime);
        }
    }
    let runtime = runtime_in(WICK_MODE_HOST_STEP);
    is(wick_runtime_set_pace(runtime, 50), WICK_E_UNSUPPORTED);
    shut(runtime);
}

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

unsafe extern "C" fn keep(_: *mut c_void, level: i32, line: *const c_char, len: usize) {
    // SAFETY: the library's text, during the call.
    let line = unsafe { std::slice::from_raw_parts(line.cast::<u8>(), len) };
    let line = std::str::from_utf8(line).expect("UTF-8");
    if line.starts_with("event=refused ") {
        LINES.lock().unwrap().push(format!("{level} {line}"));
    }
}

#[test]
fn a_call_without_a_place_for_its_error_has_it_in_the_log() {
    let options =
        wick_runtime_options { abi_version: WICK_ABI_VERSION, log: Some(keep), log_level: 4, ..sized() };
    let mut runtime = wick_runtime::default();
    // SAFETY: all pointers are good, or what is tested.
    unsafe {
        is(wick_runtime_create(&options, &mut runtime, ptr::null_mut()), WICK_OK);
        let session = session(model(runtime, r#"{"reply":"x","gated":true}"#), &sized());
        let stream = generate(session, &prompt("p"));
        let (mut event, mut buf) = (sized::<wick_event>(), [0; 100]);
        is(wick_stream_next(stream, &mut event, buf.as_mut_ptr(), 100, 0), WICK_E_INVALID_ARGUMENT);
        is(wick_session_clear(session), WICK_E_BUSY);
        is(wick_runtime_step(runtime, 0, ptr::null_mut()), WICK_E_UNSUPPORTED);
        is(wick_stream_close(stream), WICK_OK);
        // That is how one asks for the size.
        let mut needed = 0;
        is(wick_runtime_info(runtime, ptr::null_mut(), 0, &mut needed), WICK_E_BUFFER_TOO_SMALL);
    }
    shut(runtime);
    let lines = std::mem::take(&mut *LINES.lock().unwrap());
    let calls: Vec<&str> = lines.iter().filter_map(|line| line.split(' ').nth(2)).collect();
    assert_eq!(
        calls,
        ["call=wick_stream_next", "call=wick_session_clear", "call=wick_runtime_step"],
        "{lines:?}"
    );
    assert!(lines.iter().all(|line| line.starts_with("4 event=refused ") && line.contains(" message=\"")));
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
    }
}

#[test]
fn a_refused_call_out_of_the_log_is_not_logged_in_turn() {
    let id = AtomicU64::new(0);
    let options = wick_runtime_options {
        abi_version: WICK_ABI_VERSION,
        log: Some(call_back),
        log_user: (&raw const id).cast_mut().cast(),
        log_level: 4,
        ..sized()
    };
    let mut runtime = wick_runtime::default();
    // SAFETY: all pointers are good.
    is(unsafe { wick_runtime_create(&options, &mut runtime, ptr::null_mut()) }, WICK_OK);
    id.store(runtime.id, Ordering::SeqCst);
    for calls in 1..3 {
        is(wick_runtime_set_pace(runtime, 101), WICK_E_INVALID_ARGUMENT);
        assert_eq!(CALLED.load(Ordering::SeqCst), calls);
    }
    shut(runtime);
}
