//! Events as they reach C: cut to the buffer and whole again, ids aligned, notes, figures, ends; in each way
//! of reading.
#![cfg(feature = "testing")]
#![allow(unsafe_code, reason = "this is the C ABI, as C calls it")]

use crate::support::c_abi::*;
use std::ffi::c_void;
use std::sync::Mutex;

/// A script that says `parts` token by token.
fn saying(parts: &[&str]) -> String {
    serde_json::json!({ "reply": parts }).to_string()
}

/// What parts of one event have to be, put together again: the kind, the text, the ids.
fn joined(events: &[Seen]) -> Vec<(u16, String, Vec<u32>)> {
    let mut whole: Vec<(u16, String, Vec<u32>)> = Vec::new();
    let mut goes_on = false;
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event.seq, index as u64, "0, 1, 2, … without a gap");
        match whole.last_mut().filter(|_| goes_on) {
            Some((kind, text, tokens)) => {
                assert_eq!(*kind, event.kind, "parts are of one kind, one after the other");
                text.push_str(&event.text);
                tokens.extend(&event.tokens);
            }
            None => whole.push((event.kind, event.text.clone(), event.tokens.clone())),
        }
        goes_on = event.more;
    }
    assert!(!goes_on, "END is never split");
    whole
}

#[test]
fn what_does_not_fit_comes_in_parts_at_any_alignment() {
    let runtime = runtime();
    let long = "aé世👩‍👩‍👧".repeat(150);
    let model = model(runtime, &saying(&["short", &long, "end"]));
    let whole = joined(&read_all(generate(session_of(model), &prompt("p"))));
    assert_eq!(whole.iter().filter(|(kind, _, _)| *kind == WICK_EVENT_TEXT).count(), 3);
    for (cap, shift) in [(256, 0), (256, 1), (257, 2), (259, 3), (300, 5), (4096, 7)] {
        let stream = generate(session_of(model), &prompt("p"));
        let mut events = Vec::new();
        loop {
            match read_with(stream, cap, shift, LONG) {
                Ok(event) => events.push(event),
                Err(status) => {
                    is(status, WICK_ENDED);
                    break;
                }
            }
        }
        assert_eq!(joined(&events), whole, "cap {cap}, shift {shift}");
        is(wick_stream_close(stream), WICK_OK);
    }
    shut(runtime);
}

#[test]
fn many_ids_behind_one_text_are_all_there() {
    let runtime = runtime();
    // Control tokens have no text: their ids wait for the next text, or come without one.
    let mut reply: Vec<serde_json::Value> = vec![serde_json::json!(wick::testing::CONTROL); 200];
    reply.push("visible".into());
    let script = serde_json::json!({ "reply": reply }).to_string();
    let model = model(runtime, &script);
    let whole = joined(&read_all(generate(session_of(model), &prompt("p"))));
    let ids: usize = whole.iter().map(|(_, _, tokens)| tokens.len()).sum();
    assert_eq!(ids, 201);
    let stream = generate(session_of(model), &prompt("p"));
    let mut events = Vec::new();
    while let Ok(event) = read_with(stream, 256, 3, LONG) {
        events.push(event);
    }
    assert_eq!(joined(&events), whole);
    assert!(events.iter().any(|event| event.more), "they did not fit");
    shut(runtime);
}

#[test]
fn notes_are_split_too_and_an_end_is_cut() {
    // The load begins when it is read, behind the note.
    let runtime = runtime_in(WICK_MODE_HOST_STEP);
    let why = "ü".repeat(400);
    let mut load = wick_stream::default();
    let mut model = wick_model::default();
    let script = serde_json::json!({ "load_error": why }).to_string();
    // SAFETY: all pointers are good.
    unsafe {
        let (none, error) = (std::ptr::null(), std::ptr::null_mut());
        is(wick_testing_model_load(runtime, text(&script), none, &mut model, &mut load, error), WICK_OK);
    }
    let note = "ñ".repeat(1000);
    // SAFETY: a good text.
    is(unsafe { wick_stream_note(load, text(&note)) }, WICK_OK);
    let mut events = Vec::new();
    while let Ok(event) = read_with(load, 256, 1, LONG) {
        events.push(event);
    }
    let whole = joined(&events);
    assert_eq!(whole.iter().find(|(kind, _, _)| *kind == WICK_EVENT_NOTE).unwrap().1, note);
    let (kind, text, _) = whole.last().unwrap();
    assert_eq!(*kind, WICK_EVENT_END);
    assert!(text.len() >= 250 && text.len() < 256, "cut at a code point below 256 bytes: {}", text.len());
    // SAFETY: a good text.
    is(unsafe { wick_stream_note(load, crate::support::c_abi::text("late")) }, WICK_ENDED);
    shut(runtime);
}

#[test]
fn a_callback_gets_everything_whole() {
    static SEEN: Mutex<Vec<Seen>> = Mutex::new(Vec::new());
    unsafe extern "C" fn take(user: *mut c_void, event: *const wick_event) {
        // SAFETY: the library's event.
        let seen = unsafe { Seen::new(&*event) };
        assert_eq!((seen.user, seen.more), (user as usize, false));
        SEEN.lock().unwrap().push(seen);
    }
    let runtime = runtime();
    let long = "世界".repeat(3000);
    let counter = Counter::new();
    let options = wick_generate_options {
        on_event: Some(take),
        user: counter.user(),
        drop: Some(count),
        ..prompt("p")
    };
    let stream = generate(session(runtime, &saying(&["a", &long])), &options);
    until(|| counter.count() == 1);
    let seen = SEEN.lock().unwrap();
    assert_eq!(all_text(&seen), format!("a{long}"));
    assert_eq!(joined(&seen).last().unwrap().0, WICK_EVENT_END);
    assert!(seen.iter().all(|event| event.stream == stream.id));
    drop(seen);
    is(read(stream, 0).unwrap_err(), WICK_E_INVALID_ARGUMENT);
    is(join(stream).unwrap_err(), WICK_E_INVALID_ARGUMENT);
    shut(runtime);
}

#[test]
fn a_callback_may_use_its_stream_before_generate_has_returned() {
    unsafe extern "C" fn cancel(_: *mut c_void, event: *const wick_event) {
        // SAFETY: the library's event.
        let event = unsafe { &*event };
        is(wick_stream_cancel(event.stream), WICK_OK);
        if event.kind == WICK_EVENT_END {
            assert_eq!(event.end_reason, WICK_END_CANCELLED);
        }
    }
    let runtime = runtime();
    // It says nothing before it is let, and nobody lets it: only the cancel ends it.
    let model = model(runtime, r#"{"reply":"x","gated":true}"#);
    for _ in 0..200 {
        let counter = Counter::new();
        let options = wick_generate_options {
            on_event: Some(cancel),
            user: counter.user(),
            drop: Some(count),
            ..prompt("p")
        };
        let session = session_of(model);
        // SAFETY: NULL is allowed with a callback.
        let status = unsafe { wick_generate(session, &options, std::ptr::null_mut(), std::ptr::null_mut()) };
        is(status, WICK_OK);
        until(|| counter.count() == 1);
        is(wick_session_close(session), WICK_OK);
    }
    shut(runtime);
}

#[test]
fn a_queue_reads_what_has_no_callback_and_dispatches_the_rest() {
    unsafe extern "C" fn add(user: *mut c_void, event: *const wick_event) {
        // SAFETY: the library's event, and the counter that was given.
        unsafe {
            if (*event).kind == WICK_EVENT_END {
                count(user);
            }
        }
    }
    let runtime = runtime();
    let model = model(runtime, &saying(&["one", "two"]));
    let (queue, counter) = (queue(runtime), Counter::new());
    let pulled = generate(session_of(model), &wick_generate_options { queue, ..prompt("p") });
    let pushed = wick_generate_options { queue, on_event: Some(add), user: counter.user(), ..prompt("p") };
    generate(session_of(model), &pushed);
    is(read(pulled, 0).unwrap_err(), WICK_E_INVALID_ARGUMENT);
    let mut events = Vec::new();
    while events.last().is_none_or(|event: &Seen| event.kind != WICK_EVENT_END) {
        events.push(queue_next(queue, LONG).unwrap());
    }
    assert!(events.iter().all(|event| event.stream == pulled.id));
    assert_eq!(all_text(&events), "onetwo");
    is(queue_next(queue, 0).unwrap_err(), WICK_EMPTY);
    until(|| wick_queue_dispatch(queue, 1, 0) >= 0 && counter.count() == 1);
    is(wick_queue_dispatch(queue, 1, 0), WICK_EMPTY);
    is(wick_queue_wake(queue), WICK_OK);
    is(queue_next(queue, WICK_FOREVER).unwrap_err(), WICK_EMPTY);
    shut(runtime);
    is(queue_next(queue, WICK_FOREVER).unwrap_err(), WICK_ENDED);
    is(wick_queue_dispatch(queue, 1, 0), WICK_ENDED);
    is(wick_queue_close(queue), WICK_OK);
    is(queue_next(queue, 0).unwrap_err(), WICK_E_STALE_HANDLE);
}

#[test]
fn a_buffer_of_one_pauses_its_generation_alone_and_loses_nothing() {
    for mode in [WICK_MODE_THREADS, WICK_MODE_HOST_STEP] {
        let runtime = runtime_in(mode);
        let parts: Vec<String> = (0..50).map(|part| format!("{part} ")).collect();
        let whole = parts.concat();
        let model = model(runtime, &serde_json::json!({ "reply": parts }).to_string());
        let options = wick_generate_options { buffer_events: 1, ..prompt("p") };
        let slow = generate(session_of(model), &options);
        let mut events = vec![read(slow, LONG).unwrap()];
        for _ in 0..5 {
            assert_eq!(all_text(&read_all(generate(session_of(model), &prompt("p")))), whole);
            let mut stats: wick_stats = zeroed();
            // SAFETY: all pointers are good.
            is(unsafe { wick_stream_stats(slow, &mut stats) }, WICK_OK);
            assert!(stats.output_tokens as usize <= events.len() + 1, "{} tokens", stats.output_tokens);
            events.push(read(slow, LONG).unwrap());
        }
        events.extend(read_all(slow));
        assert_eq!(all_text(&events), whole);
        assert_eq!(events.last().unwrap().end, WICK_END_STOP);
        shut(runtime);
    }
}

#[test]
fn another_runtimes_queue_is_refused() {
    let (one, other) = (runtime(), runtime());
    let session = session(one, r#"{"reply":"x"}"#);
    let options = wick_generate_options { queue: queue(other), ..prompt("p") };
    is(try_generate(session, &options).unwrap_err().0, WICK_E_INVALID_ARGUMENT);
    shut(other);
    let stream = generate(session, &prompt("p"));
    assert_eq!(all_text(&read_all(stream)), "x", "the other runtime goes on");
    shut(one);
}

#[test]
fn figures_are_there_during_and_after() {
    let runtime = runtime();
    let options =
        wick_generate_options { sampling: wick_sampling { seed: 77, ..zeroed() }, ..prompt("four") };
    let stream = generate(session(runtime, &saying(&["a", "b", "c"])), &options);
    let events = read_all(stream);
    assert_eq!(events.first().unwrap().kind, WICK_EVENT_STARTED);
    let mut stats: wick_stats = zeroed();
    // SAFETY: all pointers are good.
    is(unsafe { wick_stream_stats(stream, &mut stats) }, WICK_OK);
    assert_eq!((stats.prompt_tokens, stats.output_tokens, stats.session_tokens, stats.seed), (4, 3, 7, 77));
    assert!(stats.ttft_ns > 0 && stats.notes_dropped == 0 && stats.reserved == [0; 3]);
    shut(runtime);
}

#[test]
fn every_end_reason_reaches_c() {
    let runtime = runtime();
    let stop = text("stop");
    let cases = [
        (r#"{"reply":"x"}"#, prompt("p"), WICK_END_STOP, ""),
        (
            r#"{"reply":"a stop b"}"#,
            wick_generate_options { stop: &stop, stop_count: 1, ..prompt("p") },
            WICK_END_STOP_STRING,
            "stop",
        ),
        (
            r#"{"endless":true,"reply":"x"}"#,
            wick_generate_options { max_tokens: 3, ..prompt("p") },
            WICK_END_LENGTH,
            "",
        ),
        (r#"{"endless":true,"reply":"x","context_length":16}"#, prompt("p"), WICK_END_CONTEXT_FULL, ""),
        (r#"{"reply":"x"}"#, wick_generate_options { prefill_only: 1, ..prompt("p") }, WICK_END_READY, ""),
        (
            r#"{"reply":"x","gated":true}"#,
            wick_generate_options { deadline_ns: 1_000_000, ..prompt("p") },
            WICK_END_DEADLINE,
            "",
        ),
        (r#"{"reply":"x","fail_at":0}"#, prompt("p"), WICK_END_ERROR, ""),
        (r#"{"reply":"x","nan_at":0}"#, prompt("p"), WICK_END_ERROR, ""),
    ];
    for (script, options, reason, text) in cases {
        let stream = generate(session(runtime, script), &options);
        let end = read_all(stream).pop().unwrap();
        assert_eq!((end.kind, end.end), (WICK_EVENT_END, reason), "{script}: {}", end.text);
        assert_eq!(end.status == WICK_OK, reason != WICK_END_ERROR);
        assert!(reason == WICK_END_ERROR || end.text == text, "{}", end.text);
    }
    let gated = generate(session(runtime, r#"{"reply":"x","gated":true}"#), &prompt("p"));
    let left = generate(session(runtime, r#"{"reply":"x","gated":true}"#), &prompt("p"));
    is(wick_stream_cancel(gated), WICK_OK);
    assert_eq!(join(gated).unwrap().end, WICK_END_CANCELLED);
    shut(runtime);
    assert_eq!(join(left).unwrap().end, WICK_END_SHUTDOWN);
    is(join(left).unwrap_err(), WICK_ENDED);
    is(wick_stream_close(left), WICK_OK);
}
