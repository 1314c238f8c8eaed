//! What a host may get wrong, and the status and message that it gets: NULLs, handles, texts, numbers, flags,
//! sizes, buffers.
#![cfg(feature = "testing")]
#![allow(unsafe_code, reason = "this is the C ABI, as C calls it")]

use crate::support::c_abi::*;
use std::ptr;

#[track_caller]
fn refused(session: wick_session, options: wick_generate_options, status: wick_status, names: &str) {
    let (got, message) = try_generate(session, &options).expect_err("it has to be refused");
    assert_eq!(name(got), name(status), "{message}");
    assert!(message.contains(names), "{message:?} does not name {names:?}");
}

#[test]
fn one_more_than_may_wait_is_refused_and_the_others_go_on() {
    let options = wick_runtime_options {
        abi_version: WICK_ABI_VERSION,
        threads: 1,
        max_sequences: 1,
        max_waiting: 2,
        ..sized()
    };
    let mut runtime = wick_runtime::default();
    // SAFETY: all pointers are good.
    is(unsafe { wick_runtime_create(&options, &mut runtime, ptr::null_mut()) }, WICK_OK);
    let model = model(runtime, r#"{"reply":"x","gated":true}"#);
    let streams: Vec<_> = (0..3).map(|_| generate(session_of(model), &prompt("p"))).collect();
    let (session, counter) = (session_of(model), Counter::new());
    let one_more = wick_generate_options { user: counter.user(), drop: Some(count), ..prompt("p") };
    refused(session, one_more, WICK_E_QUEUE_FULL, "max_waiting");
    assert_eq!(counter.count(), 1);
    is(wick_testing_release(model, 100), WICK_OK);
    for stream in streams {
        assert_eq!(all_text(&read_all(stream)), "x");
    }
    assert_eq!(all_text(&read_all(generate(session, &prompt("p")))), "x");
    shut(runtime);
}

#[test]
fn every_field_of_generate_is_honoured_or_refused_by_its_name() {
    let runtime = runtime();
    let session = session(runtime, r#"{"reply":"x"}"#);
    let good = || prompt("p");
    let sampling = |change: fn(&mut wick_sampling)| {
        let mut options = good();
        change(&mut options.sampling);
        options
    };
    let invalid = [
        ("temperature", sampling(|s| s.temperature = f32::NAN)),
        ("top_p", sampling(|s| s.top_p = 1.5)),
        ("min_p", sampling(|s| s.min_p = -1.0)),
        ("typical_p", sampling(|s| s.typical_p = f32::NAN)),
        ("top_k", sampling(|s| s.top_k = -1)),
        ("repeat_penalty", sampling(|s| s.repeat_penalty = f32::INFINITY)),
        ("presence_penalty", sampling(|s| s.presence_penalty = f32::NAN)),
        ("penalty_last_n", sampling(|s| s.penalty_last_n = -2)),
        ("dry_multiplier", sampling(|s| s.dry_multiplier = -0.5)),
        ("dry_base", sampling(|s| s.dry_base = 0.5)),
        ("dry_allowed_length", sampling(|s| s.dry_allowed_length = -1)),
        ("dry_last_n", sampling(|s| s.dry_last_n = -2)),
        ("xtc_probability", sampling(|s| s.xtc_probability = 1.5)),
        ("xtc_threshold", sampling(|s| s.xtc_threshold = f32::NAN)),
        ("top_n_sigma", sampling(|s| s.top_n_sigma = f32::NAN)),
        ("mirostat_tau", sampling(|s| s.mirostat_tau = f32::INFINITY)),
        ("mirostat_eta", sampling(|s| s.mirostat_eta = -0.1)),
        ("dynatemp_range", sampling(|s| s.dynatemp_range = -0.5)),
        ("dynatemp_exponent", sampling(|s| s.dynatemp_exponent = f32::NAN)),
        ("top_logprobs", wick_generate_options { top_logprobs: 21, ..good() }),
        ("grammar_kind", wick_generate_options { grammar_kind: 6, ..good() }),
        ("echo_special", wick_generate_options { echo_special: 2, ..good() }),
        ("ignore_eos", wick_generate_options { ignore_eos: 255, ..good() }),
        ("prefill_only", wick_generate_options { prefill_only: 2, ..good() }),
        ("logprobs", wick_generate_options { logprobs: 2, ..good() }),
        ("parse_special", wick_generate_options { parse_special: 2, ..good() }),
        (
            "prompt",
            wick_generate_options { prompt: wick_str { ptr: b"\xff".as_ptr().cast(), len: 1 }, ..sized() },
        ),
        ("prompt", wick_generate_options { prompt: wick_str { ptr: ptr::null(), len: 3 }, ..sized() }),
        (
            "prompt",
            wick_generate_options {
                prompt: wick_str { ptr: b"x".as_ptr().cast(), len: usize::MAX - 1 },
                ..sized()
            },
        ),
        ("stop", wick_generate_options { stop_count: 1, ..good() }),
        ("messages", wick_generate_options { message_count: 2, ..sized() }),
        ("prompt_tokens", wick_generate_options { prompt_token_count: 1, ..sized() }),
        ("input", sized()),
    ];
    for (field, options) in invalid {
        refused(session, options, WICK_E_INVALID_ARGUMENT, field);
    }
    shut(runtime);
}

#[test]
fn inputs_are_checked_in_shape() {
    let runtime = runtime();
    let session = session(runtime, r#"{"reply":"x"}"#);
    let ids = [1u32, 2];
    let both = wick_generate_options { prompt_tokens: ids.as_ptr(), prompt_token_count: 2, ..prompt("p") };
    refused(session, both, WICK_E_INVALID_ARGUMENT, "at most one");
    let message =
        |role: wick_str, extra: &str| wick_message { role, content: text("c"), extra_json: text(extra) };
    let cases = [
        ("messages[0]: role", message(zeroed(), "{}")),
        ("messages[0]: extra_json", message(text("user"), "[]")),
        ("messages[0]: extra_json", message(text("user"), "{")),
        ("messages[0]: role", message(wick_str { ptr: b"\xc3".as_ptr().cast(), len: 1 }, "{}")),
    ];
    for (names, message) in &cases {
        let options = wick_generate_options { messages: message, message_count: 1, ..sized() };
        refused(session, options, WICK_E_INVALID_ARGUMENT, names);
    }
    let (absent, empty): (wick_str, wick_str) = (zeroed(), text(""));
    for stop in [absent, empty] {
        let options = wick_generate_options { stop: &stop, stop_count: 1, ..prompt("p") };
        refused(session, options, WICK_E_INVALID_ARGUMENT, "stop[0]");
    }
    let misaligned = ids.as_ptr().wrapping_byte_add(1);
    let options = wick_generate_options { prompt_tokens: misaligned, prompt_token_count: 1, ..sized() };
    refused(session, options, WICK_E_INVALID_ARGUMENT, "prompt_tokens");
    shut(runtime);
}

#[test]
fn what_needs_the_model_comes_as_the_end() {
    let runtime = runtime();
    let session = session(runtime, r#"{"reply":"x","context_length":8}"#);
    let beyond = [1_000_000u32];
    let options = wick_generate_options { prompt_tokens: beyond.as_ptr(), prompt_token_count: 1, ..sized() };
    let stream = generate(session, &options);
    let end = join(stream).unwrap();
    assert_eq!((end.end, end.status), (WICK_END_ERROR, WICK_E_INVALID_ARGUMENT));
    assert!(end.text.contains("prompt_tokens[0]"), "{}", end.text);
    let end = join(generate(session, &prompt("far longer than eight tokens"))).unwrap();
    assert_eq!((end.end, end.status), (WICK_END_ERROR, WICK_E_CONTEXT_FULL));
    shut(runtime);
}

#[test]
fn nul_terminated_and_empty_texts_count() {
    let runtime = runtime();
    let session = session(runtime, r#"{"echo":true}"#);
    let options =
        wick_generate_options { prompt: wick_str { ptr: c"hello".as_ptr(), len: usize::MAX }, ..sized() };
    let stream = generate(session, &options);
    assert_eq!(all_text(&read_all(stream)), "hello");
    shut(runtime);
}

#[test]
fn null_is_an_error_everywhere() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":"x"}"#);
    let session = session_of(model);
    let stream = generate(session, &prompt("p"));
    let queue = queue(runtime);
    let (no_error, options) = (ptr::null_mut(), sized::<wick_session_options>());
    let model_options = wick_model_options { path: text("x"), ..sized() };
    let store = sized::<wick_store_options>();
    let mut out_model = wick_model::default();
    let (mut event, mut buf) = (sized::<wick_event>(), [0; 256]);
    let bad = WICK_E_INVALID_ARGUMENT;
    // SAFETY: NULL is what is tested; all other pointers are good.
    unsafe {
        is(wick_runtime_create(ptr::null(), ptr::null_mut(), no_error), bad);
        is(wick_queue_create(runtime, ptr::null_mut(), no_error), bad);
        is(wick_queue_os_handle(queue, ptr::null_mut()), bad);
        is(wick_queue_next(queue, ptr::null_mut(), buf.as_mut_ptr(), 256, 0), bad);
        is(wick_queue_next(queue, &mut event, ptr::null_mut(), 256, 0), bad);
        is(wick_model_load(runtime, ptr::null(), &mut out_model, ptr::null_mut(), no_error), bad);
        is(wick_model_load(runtime, &model_options, ptr::null_mut(), ptr::null_mut(), no_error), bad);
        is(wick_session_create(model, &options, ptr::null_mut(), no_error), bad);
        is(wick_session_fork(session, ptr::null_mut(), no_error), bad);
        is(wick_session_save(session, ptr::null(), ptr::null_mut(), no_error), bad);
        is(wick_session_save(session, &store, ptr::null_mut(), no_error), bad);
        is(wick_session_restore(model, &store, ptr::null_mut(), ptr::null_mut(), no_error), bad);
        is(wick_generate(session, ptr::null(), ptr::null_mut(), no_error), bad);
        is(wick_generate(session, &prompt("p"), ptr::null_mut(), no_error), bad);
        is(wick_stream_next(stream, ptr::null_mut(), buf.as_mut_ptr(), 256, 0), bad);
        is(wick_stream_next(stream, &mut event, ptr::null_mut(), 256, 0), bad);
        is(wick_stream_next(stream, &mut event, buf.as_mut_ptr(), 255, 0), bad);
        is(wick_stream_join(stream, ptr::null_mut(), buf.as_mut_ptr(), 256, 0), bad);
        is(wick_stream_os_handle(stream, ptr::null_mut()), bad);
        is(wick_stream_stats(stream, ptr::null_mut()), bad);
        is(wick_stream_note(stream, zeroed()), bad);
        is(wick_model_tokenize(model, zeroed(), 0, 0, ptr::null_mut(), 0, ptr::null_mut(), no_error), bad);
        is(wick_model_tokenize(model, text("a"), 2, 0, ptr::null_mut(), 0, ptr::null_mut(), no_error), bad);
        is(wick_model_tokenize(model, text("a"), 0, 0, ptr::null_mut(), 9, ptr::null_mut(), no_error), bad);
        is(
            wick_model_detokenize(model, ptr::null(), 1, 0, buf.as_mut_ptr(), 256, ptr::null_mut(), no_error),
            bad,
        );
        is(
            wick_model_render(
                model,
                ptr::null(),
                1,
                zeroed(),
                zeroed(),
                1,
                buf.as_mut_ptr(),
                256,
                ptr::null_mut(),
                no_error,
            ),
            bad,
        );
        is(wick_model_info(model, ptr::null_mut(), 7, ptr::null_mut()), bad);
        is(wick_session_info(session, ptr::null_mut(), 7, ptr::null_mut()), bad);
        is(wick_runtime_info(runtime, ptr::null_mut(), 7, ptr::null_mut()), bad);
        is(wick_embed(model, ptr::null(), 1, ptr::null_mut(), 0, ptr::null_mut(), 0, no_error), bad);
        is(wick_runtime_step(runtime, 0, ptr::null_mut()), WICK_E_UNSUPPORTED);
    }
    shut(runtime);
}

#[test]
fn a_handle_of_another_kind_is_stale() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":"x"}"#);
    let session = session_of(model);
    let stream = generate(session, &prompt("p"));
    let queue = queue(runtime);
    let stale = WICK_E_STALE_HANDLE;
    is(wick_stream_close(wick_stream { id: session.id }), stale);
    is(wick_session_close(wick_session { id: stream.id }), stale);
    is(wick_model_close(wick_model { id: queue.id }), stale);
    is(wick_queue_close(wick_queue { id: model.id }), stale);
    is(wick_runtime_shutdown(wick_runtime { id: queue.id }, 0), stale);
    is(wick_runtime_pause(wick_runtime { id: 0 }), stale);
    refused(
        session,
        wick_generate_options { queue: wick_queue { id: stream.id }, ..prompt("p") },
        stale,
        "handle",
    );
    is(join(stream).map_or_else(|status| status, |end| end.status), WICK_OK);
    is(wick_stream_close(stream), WICK_OK);
    is(wick_stream_close(stream), stale);
    is(wick_stream_cancel(stream), stale);
    let again = generate(session, &prompt("p"));
    assert_ne!(again.id, stream.id, "the slot is used again, the id is not");
    shut(runtime);
}

#[test]
fn sizes_of_structs_are_checked() {
    let runtime = runtime();
    let session = session(runtime, r#"{"reply":"x"}"#);
    let mut short = prompt("p");
    short.struct_size -= 1;
    refused(session, short, WICK_E_INVALID_ARGUMENT, "struct_size");
    refused(
        session,
        wick_generate_options { struct_size: u32::MAX, ..prompt("p") },
        WICK_E_INVALID_ARGUMENT,
        "struct_size",
    );

    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Longer<T> {
        known: T,
        tail: [u64; 4],
    }
    let mut longer = Longer { known: prompt("p"), tail: [0; 4] };
    longer.known.struct_size = size_of_val(&longer) as u32;
    let mut stream = wick_stream::default();
    // SAFETY: all pointers are good.
    is(unsafe { wick_generate(session, (&raw const longer).cast(), &mut stream, ptr::null_mut()) }, WICK_OK);
    join(stream).unwrap();
    longer.tail[3] = 1;
    let mut error: wick_error = sized();
    // SAFETY: all pointers are good.
    let status = unsafe { wick_generate(session, (&raw const longer).cast(), &mut stream, &mut error) };
    is(status, WICK_E_UNSUPPORTED);
    assert!(message(&error).contains("wick_generate_options"), "{}", message(&error));

    let stream = generate(session, &prompt("p"));
    let mut event = Longer { known: zeroed::<wick_event>(), tail: [7; 4] };
    event.known.struct_size = size_of_val(&event) as u32;
    let mut buf = [0; 256];
    // SAFETY: all pointers are good.
    unsafe {
        is(wick_stream_next(stream, (&raw mut event).cast(), buf.as_mut_ptr(), 256, LONG), WICK_OK);
        assert_eq!((event.tail, event.known.struct_size as usize), ([0; 4], size_of_val(&event)));
        event.known.struct_size = 8;
        is(
            wick_stream_next(stream, (&raw mut event).cast(), buf.as_mut_ptr(), 256, LONG),
            WICK_E_INVALID_ARGUMENT,
        );
        let mut bad_error: wick_error = sized();
        bad_error.struct_size = 4;
        bad_error.code = 99;
        is(wick_queue_create(runtime, &mut wick_queue::default(), &mut bad_error), WICK_E_INVALID_ARGUMENT);
        assert_eq!(bad_error.code, 99, "not written");
    }
    shut(runtime);
}

#[test]
fn results_of_any_size_can_be_fetched() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":"x"}"#);
    let (mut needed, mut ids, mut buf) = (0, [0u32; 8], [1i8 as std::ffi::c_char; 8]);
    let error = ptr::null_mut();
    // SAFETY: all pointers are good.
    unsafe {
        let tokenize = |ids: *mut u32, cap, needed: *mut usize| {
            wick_model_tokenize(model, text("abc"), 0, 0, ids, cap, needed, error)
        };
        is(tokenize(ptr::null_mut(), 0, &mut needed), WICK_E_BUFFER_TOO_SMALL);
        assert_eq!(needed, 3);
        is(tokenize(ids.as_mut_ptr(), 2, &mut needed), WICK_E_BUFFER_TOO_SMALL);
        assert_eq!(ids, [0; 8], "written only on success");
        is(tokenize(ids.as_mut_ptr(), 3, ptr::null_mut()), WICK_OK);
        let detokenize = |buf, cap, needed: *mut usize| {
            wick_model_detokenize(model, ids.as_ptr(), 3, 0, buf, cap, needed, error)
        };
        is(detokenize(ptr::null_mut(), 0, &mut needed), WICK_E_BUFFER_TOO_SMALL);
        assert_eq!(needed, 3);
        is(detokenize(buf.as_mut_ptr(), 3, &mut needed), WICK_E_BUFFER_TOO_SMALL);
        assert_eq!(buf, [1; 8]);
        is(detokenize(buf.as_mut_ptr(), 4, &mut needed), WICK_OK);
        assert_eq!(buf.map(|byte| byte as u8), *b"abc\0\x01\x01\x01\x01");
        is(
            wick_model_detokenize(model, [u32::MAX].as_ptr(), 1, 0, buf.as_mut_ptr(), 8, &mut needed, error),
            WICK_E_INVALID_ARGUMENT,
        );
        let empty = wick_model_tokenize(model, text(""), 0, 0, ptr::null_mut(), 0, &mut needed, error);
        assert_eq!((empty, needed), (WICK_OK, 0));
    }
    shut(runtime);
}

#[test]
fn every_field_of_a_load_is_honoured_or_refused_by_its_name() {
    let runtime = runtime();
    let path = || wick_model_options { path: text("nowhere.gguf"), ..sized() };
    let io = wick_io { size: 1, ..sized() };
    let cases = [
        (WICK_E_INVALID_ARGUMENT, "exactly one", sized()),
        (
            WICK_E_INVALID_ARGUMENT,
            "exactly one",
            wick_model_options { data: [0u8].as_ptr().cast(), data_len: 1, ..path() },
        ),
        (WICK_E_INVALID_ARGUMENT, "data", wick_model_options { data_len: 1, ..sized() }),
        (
            WICK_E_INVALID_ARGUMENT,
            "path_offset",
            wick_model_options { data: [0u8].as_ptr().cast(), data_len: 1, path_offset: 1, ..sized() },
        ),
        (WICK_E_INVALID_ARGUMENT, "read_at", wick_model_options { io: &io, ..sized() }),
        (WICK_E_INVALID_ARGUMENT, "path", wick_model_options { path: text(""), ..sized() }),
        (WICK_E_INVALID_ARGUMENT, "NUL", wick_model_options { path: text("a\0b.gguf"), ..sized() }),
        (WICK_E_INVALID_ARGUMENT, "backend", wick_model_options { backend: 3, ..path() }),
        (WICK_E_INVALID_ARGUMENT, "no_mmap", wick_model_options { no_mmap: 2, ..path() }),
        (WICK_E_INVALID_ARGUMENT, "vocab_only", wick_model_options { vocab_only: 2, ..path() }),
        (WICK_E_INVALID_ARGUMENT, "no_prefix_cache", wick_model_options { no_prefix_cache: 2, ..path() }),
    ];
    let (mut model, mut load, mut error) =
        (wick_model::default(), wick_stream::default(), sized::<wick_error>());
    for (status, names, options) in cases {
        // SAFETY: all pointers are good, or what is tested.
        let got = unsafe { wick_model_load(runtime, &options, &mut model, &mut load, &mut error) };
        assert_eq!(name(got), name(status), "{}", message(&error));
        assert!(message(&error).contains(names), "{:?} does not name {names:?}", message(&error));
    }
    let options = wick_model_options { no_prefix_cache: 1, no_mmap: 1, ..path() };
    // SAFETY: all pointers are good.
    is(unsafe { wick_model_load(runtime, &options, &mut model, &mut load, &mut error) }, WICK_OK);
    let end = join(load).unwrap();
    assert_eq!(end.end, WICK_END_ERROR);
    assert!(end.status == WICK_E_IO || end.status == WICK_E_UNSUPPORTED, "{end:?}");
    // SAFETY: all pointers are good.
    is(
        unsafe {
            wick_model_tokenize(model, text("a"), 0, 0, ptr::null_mut(), 0, ptr::null_mut(), ptr::null_mut())
        },
        end.status,
    );
    shut(runtime);
}

#[test]
fn options_of_a_runtime_are_checked() {
    let good = || wick_runtime_options { abi_version: WICK_ABI_VERSION, ..sized() };
    let cases = [
        (WICK_E_INVALID_ARGUMENT, "abi_version", wick_runtime_options { abi_version: 2, ..good() }),
        (WICK_E_INVALID_ARGUMENT, "mode", wick_runtime_options { mode: 2, ..good() }),
        (WICK_E_INVALID_ARGUMENT, "log_level", wick_runtime_options { log_level: 6, ..good() }),
        (WICK_E_INVALID_ARGUMENT, "log_level", wick_runtime_options { log_level: -1, ..good() }),
        (WICK_E_INVALID_ARGUMENT, "threads", wick_runtime_options { threads: 100_000, ..good() }),
        (
            WICK_E_INVALID_ARGUMENT,
            "max_sequences",
            wick_runtime_options { max_sequences: u32::MAX, ..good() },
        ),
        (
            WICK_E_INVALID_ARGUMENT,
            "thread_name",
            wick_runtime_options { thread_name: text("a\0b"), ..good() },
        ),
        (WICK_E_UNSUPPORTED, "reserved", wick_runtime_options { reserved: 1, ..good() }),
    ];
    let (mut runtime, mut error) = (wick_runtime::default(), sized::<wick_error>());
    for (status, names, options) in cases {
        // SAFETY: all pointers are good.
        is(unsafe { wick_runtime_create(&options, &mut runtime, &mut error) }, status);
        assert!(message(&error).contains(names), "{:?} does not name {names:?}", message(&error));
        assert_eq!(runtime.id, 0);
    }
}
