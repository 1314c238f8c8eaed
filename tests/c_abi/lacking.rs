//! What this release lacks is refused by its name, field by field and function by function, and what came
//! with the call is dropped once.
#![cfg(feature = "testing")]
#![allow(unsafe_code, reason = "this is the C ABI, as C calls it")]

use crate::support::c_abi::*;
use std::ptr;

/// One field that is not zero: its name in the message, the status, and how it is set.
type Case<T> = (&'static str, wick_status, fn(&mut T));

/// Each case is refused by the name of its field, and `call` drops as many pointers as it is given, once.
#[track_caller]
fn refused<T: Copy>(
    good: T,
    dropped: &[&'static Counter],
    cases: &[Case<T>],
    call: impl Fn(&T, &mut wick_error) -> wick_status,
) {
    for (field, status, set) in cases {
        let (mut options, mut error) = (good, sized::<wick_error>());
        set(&mut options);
        let before: Vec<usize> = dropped.iter().map(|counter| counter.count()).collect();
        let got = call(&options, &mut error);
        assert_eq!((name(got), error.code), (name(*status), *status), "{field}: {}", message(&error));
        assert!(message(&error).contains(field), "{:?} does not name {field:?}", message(&error));
        let after: Vec<usize> = dropped.iter().map(|counter| counter.count() - 1).collect();
        assert_eq!(after, before, "{field}");
    }
}

const UNSUPPORTED: wick_status = WICK_E_UNSUPPORTED;
const INVALID: wick_status = WICK_E_INVALID_ARGUMENT;

#[test]
fn fields_of_a_generation() {
    let runtime = runtime();
    let session = session(runtime, r#"{"reply":"x"}"#);
    let counter = Counter::new();
    let good = wick_generate_options { user: counter.user(), drop: Some(count), ..prompt("p") };
    let cases: &[Case<wick_generate_options>] = &[
        ("sampling.reserved", UNSUPPORTED, |o| o.sampling.reserved = 1),
        // They go with messages, which this generation has none of.
        ("tools_json", INVALID, |o| o.tools_json = text("[]")),
        ("tools_json", INVALID, |o| o.tools_json = text("[")),
        ("template_json", INVALID, |o| o.template_json = text("{}")),
        ("template_json", INVALID, |o| o.template_json = text("[]")),
        ("answer_prefix", INVALID, |o| o.answer_prefix = text("{")),
        ("answer_prefix", INVALID, |o| o.answer_prefix.len = 3),
        ("grammar_kind", INVALID, |o| o.grammar_kind = 6),
        ("grammar_kind", INVALID, |o| o.grammar = text("")),
        ("reserved0", UNSUPPORTED, |o| o.reserved0 = 1),
        ("reserved", UNSUPPORTED, |o| o.reserved = [0, 0, 1]),
        ("grammar_scope", INVALID, |o| o.grammar_scope = 2),
        ("tool_choice", INVALID, |o| o.tool_choice = 4),
        ("tool_choice", INVALID, |o| {
            (o.tool_choice, o.grammar_kind) = (WICK_TOOLS_REQUIRED, WICK_GRAMMAR_JSON)
        }),
        ("tool_name", INVALID, |o| o.tool_name = text("add")),
        ("tool_name", INVALID, |o| o.tool_choice = WICK_TOOLS_NAMED),
        ("cut", INVALID, |o| o.cut = 4),
        ("cut", INVALID, |o| (o.cut, o.logprobs) = (WICK_CUT_SENTENCE, 1)),
        ("cut", INVALID, |o| (o.cut, o.top_logprobs) = (WICK_CUT_WORD, 2)),
        // Honoured.
        ("cut", INVALID, |o| (o.max_tokens_per_second, o.cut) = (1, 4)),
    ];
    refused(good, &[counter], cases, |options, error| {
        // SAFETY: all pointers are good, or what is tested.
        unsafe { wick_generate(session, options, &mut wick_stream::default(), error) }
    });
    shut(runtime);
}

#[test]
fn fields_of_a_model_and_of_a_runtime() {
    let runtime = runtime();
    let (load, data, io_user) = (Counter::new(), Counter::new(), Counter::new());
    let io = for_ever(SharedIo(wick_io { user: io_user.user(), drop: Some(count), ..sized() }));
    let good = wick_model_options {
        path: text("nowhere.gguf"),
        io: &io.0,
        data_user: data.user(),
        data_drop: Some(count),
        user: load.user(),
        drop: Some(count),
        ..sized()
    };
    let cases: &[Case<wick_model_options>] = &[
        ("kv_type", INVALID, |o| o.kv_type = 2),
        // Honoured.
        ("exactly one", INVALID, |o| o.kv_type = WICK_KV_Q8_0),
        ("preload", INVALID, |o| o.preload = 2),
        // Honoured.
        ("exactly one", INVALID, |o| o.preload = 1),
        ("sampling_from_model", INVALID, |o| o.sampling_from_model = 2),
        // Honoured.
        ("exactly one", INVALID, |o| o.sampling_from_model = 1),
        ("no_drafts", INVALID, |o| o.no_drafts = 2),
        ("reserved", UNSUPPORTED, |o| o.reserved = 1),
        ("reserved1", UNSUPPORTED, |o| o.reserved1 = 1),
        ("reserved2", UNSUPPORTED, |o| o.reserved2 = 1),
        ("no_prefix_cache", INVALID, |o| o.no_prefix_cache = 2),
        ("exactly one", INVALID, |o| (o.no_prefix_cache, o.prefix_cache_bytes) = (1, 1)),
        ("exactly one", INVALID, |o| o.no_drafts = 1),
    ];
    refused(good, &[load, data, io_user], cases, |options, error| {
        // SAFETY: all pointers are good, or what is tested.
        unsafe { wick_model_load(runtime, options, &mut wick_model::default(), ptr::null_mut(), error) }
    });
    shut(runtime);

    let (log, threads) = (Counter::new(), Counter::new());
    let good = wick_runtime_options {
        abi_version: WICK_ABI_VERSION,
        log_user: log.user(),
        log_drop: Some(count),
        thread_user: threads.user(),
        thread_drop: Some(count),
        ..sized()
    };
    let cases: &[Case<wick_runtime_options>] = &[
        ("pace_percent", INVALID, |o| o.pace_percent = 101),
        ("pace_percent", UNSUPPORTED, |o| (o.mode, o.pace_percent) = (WICK_MODE_HOST_STEP, 100)),
        ("keep_scheduling", INVALID, |o| o.keep_scheduling = 2),
    ];
    refused(good, &[log, threads], cases, |options, error| {
        // SAFETY: all pointers are good.
        unsafe { wick_runtime_create(options, &mut wick_runtime::default(), error) }
    });
}

/// Its pointers are for whoever counts.
struct SharedIo(wick_io);
// SAFETY: a counter's pointer, which any thread may use.
unsafe impl Sync for SharedIo {}

#[test]
fn fields_of_a_session() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":"x"}"#);
    let cases: &[Case<wick_session_options>] = &[
        ("system", INVALID, |o| o.system.len = 1),
        ("tools_json", INVALID, |o| o.tools_json = text("nothing")),
        ("template_json", INVALID, |o| o.template_json = text("[]")),
        ("context_length", INVALID, |o| o.context_length = 1_000_000_000),
        ("overflow", INVALID, |o| o.overflow = 2),
        ("pinned_messages", INVALID, |o| o.pinned_messages = 1),
        // Honoured.
        ("context_length", INVALID, |o| {
            (o.overflow, o.pinned_messages, o.context_length) = (WICK_OVERFLOW_ROLL, 2, 1_000_000_000);
        }),
        ("adapter", WICK_E_STALE_HANDLE, |o| o.adapter.id = 1),
        ("adapter_scale", INVALID, |o| o.adapter_scale = 0.5),
        ("adapter_scale", INVALID, |o| o.adapter_scale = f32::NAN),
        ("reserved", UNSUPPORTED, |o| o.reserved = 1),
    ];
    refused(sized::<wick_session_options>(), &[], cases, |options, error| {
        // SAFETY: all pointers are good, or what is tested.
        unsafe { wick_session_create(model, options, &mut wick_session::default(), error) }
    });
    shut(runtime);
}

#[test]
fn functions_of_objects_say_their_own_name() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":"x"}"#);
    let session = session_of(model);
    let (error, mut needed) = (&mut sized::<wick_error>(), 0usize);
    let check = |function: &str, status: wick_status, error: &wick_error| {
        is(status, WICK_E_UNSUPPORTED);
        assert!(message(error).contains(function), "{:?} does not name {function}", message(error));
    };
    // SAFETY: all pointers are good.
    unsafe {
        check("wick_session_count", wick_session_count(session, ptr::null(), 0, &mut needed, error), error);
    }
    shut(runtime);
}

#[test]
fn arguments_are_looked_at_before_a_function_is_refused() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":"x"}"#);
    let session = session_of(model);
    let (texts, error) = ([text("a"), zeroed()], ptr::null_mut());
    let (texts, none, nowhere) = (texts.as_ptr(), ptr::null_mut::<f32>(), ptr::null_mut::<usize>());
    let (gone, stale) = (wick_model { id: session.id }, WICK_E_STALE_HANDLE);
    let mut stream = wick_stream::default();
    // SAFETY: all pointers are good, or what is tested.
    unsafe {
        is(wick_embed(gone, texts, 1, none, 0, nowhere, 0, error), stale);
        is(wick_embed(model, texts, 2, none, 0, nowhere, 0, error), INVALID);
        is(wick_rerank(gone, text("q"), texts, 1, none, 0, nowhere, 0, error), stale);
        is(wick_rerank(model, zeroed(), texts, 1, none, 0, nowhere, 0, error), INVALID);
        is(wick_rerank(model, text("q"), texts, 1, none, 1, nowhere, 0, error), INVALID);
        is(wick_embed_start(model, texts, 1, ptr::null(), ptr::null_mut(), error), INVALID);
        is(wick_embed_start(model, texts, 2, ptr::null(), &mut stream, error), INVALID);
        is(wick_rerank_start(model, zeroed(), texts, 1, ptr::null(), &mut stream, error), INVALID);
        is(wick_session_count(session, ptr::null(), 0, nowhere, error), INVALID);
        is(wick_session_count(session, ptr::null(), 1, &mut 0, error), INVALID);
        is(wick_session_set_system(session, wick_str { ptr: ptr::null(), len: 1 }, error), INVALID);
        is(wick_session_messages(session, ptr::null_mut(), 1, nowhere), INVALID);
        is(wick_session_tokens(session, ptr::null_mut(), 1, nowhere), INVALID);
    }
    shut(runtime);
}

#[test]
fn a_pace_is_for_threads_and_in_percent() {
    let threads = runtime();
    is(wick_runtime_set_pace(threads, 0), WICK_OK);
    is(wick_runtime_set_pace(threads, 100), WICK_OK);
    is(wick_runtime_set_pace(threads, 50), WICK_OK);
    is(wick_runtime_set_pace(threads, 101), INVALID);
    is(wick_runtime_set_pace(wick_runtime { id: 0 }, 100), WICK_E_STALE_HANDLE);
    shut(threads);
    let host = runtime_in(WICK_MODE_HOST_STEP);
    is(wick_runtime_set_pace(host, 50), UNSUPPORTED);
    is(wick_runtime_set_pace(host, 101), INVALID);
    shut(host);
}
