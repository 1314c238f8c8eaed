//! Adapters as C holds them: loads from memory and through a reader, sessions that take one, what is refused,
//! and that what came with a call is dropped once.
#![cfg(all(feature = "native", feature = "text", feature = "testing"))]
#![allow(unsafe_code, reason = "this is the C ABI, as C calls it")]

use crate::support::c_abi::*;
use crate::support::tiny::Tiny;
use crate::support::tiny::adapter::TinyAdapter;
use std::ffi::c_void;
use std::ptr;

fn tiny() -> Tiny {
    Tiny { vocab: 60, ..Tiny::new("llama") }.speaking()
}

/// A small model that is loaded, from bytes that outlive it.
fn small_model(runtime: wick_runtime) -> wick_model {
    let bytes = for_ever(tiny().writer().to_bytes());
    let options = wick_model_options { data: bytes.as_ptr().cast(), data_len: bytes.len(), ..sized() };
    let (mut model, mut load) = (wick_model::default(), wick_stream::default());
    // SAFETY: all pointers are good.
    is(unsafe { wick_model_load(runtime, &options, &mut model, &mut load, ptr::null_mut()) }, WICK_OK);
    assert_eq!(join(load).unwrap().end, WICK_END_READY);
    is(wick_stream_close(load), WICK_OK);
    model
}

/// A host's file.
struct Disk {
    bytes: Vec<u8>,
    dropped: &'static Counter,
}

unsafe extern "C" fn read_at(user: *mut c_void, offset: u64, dst: *mut c_void, len: u64) -> i32 {
    // SAFETY: the test's own disk, and the library's place of so many bytes.
    let (disk, dst) =
        unsafe { (&*user.cast::<Disk>(), std::slice::from_raw_parts_mut(dst.cast::<u8>(), len as usize)) };
    dst.copy_from_slice(&disk.bytes[offset as usize..][..dst.len()]);
    0
}

unsafe extern "C" fn drop_disk(user: *mut c_void) {
    // SAFETY: the test's own disk.
    let disk = unsafe { &*user.cast::<Disk>() };
    // SAFETY: its counter lives for ever.
    unsafe { count(disk.dropped.user()) };
}

/// Starts a load.
fn load(
    model: wick_model,
    options: &wick_adapter_options,
) -> Result<(wick_adapter, wick_stream), (wick_status, String)> {
    let (mut adapter, mut stream) = (wick_adapter::default(), wick_stream::default());
    let mut error: wick_error = sized();
    // SAFETY: all pointers are good.
    match unsafe { wick_adapter_load(model, options, &mut adapter, &mut stream, &mut error) } {
        WICK_OK => Ok((adapter, stream)),
        refused => Err((refused, message(&error))),
    }
}

fn info(adapter: wick_adapter) -> serde_json::Value {
    let (mut json, mut needed) = ([0u8; 1024], 0);
    // SAFETY: a buffer of so many bytes.
    is(unsafe { wick_adapter_info(adapter, json.as_mut_ptr().cast(), json.len(), &mut needed) }, WICK_OK);
    let text = json.split(|byte| *byte == 0).next().unwrap_or_default();
    serde_json::from_slice(text).expect("JSON")
}

/// What a session with this adapter says.
fn says(model: wick_model, adapter: wick_adapter, adapter_scale: f32) -> String {
    let options = wick_session_options { adapter, adapter_scale, ..sized() };
    let mut session = wick_session::default();
    // SAFETY: all pointers are good.
    is(unsafe { wick_session_create(model, &options, &mut session, ptr::null_mut()) }, WICK_OK);
    let said = answer(session);
    is(wick_session_close(session), WICK_OK);
    said
}

fn answer(session: wick_session) -> String {
    let request = wick_generate_options { max_tokens: 8, ignore_eos: 1, ..prompt("abc") };
    let events = read_all(generate(session, &request));
    assert_eq!(events.last().map(|end| end.end), Some(WICK_END_LENGTH));
    all_text(&events)
}

#[test]
fn memory_and_a_reader_give_the_same_voice_and_sessions_keep_it() {
    for mode in [WICK_MODE_THREADS, WICK_MODE_HOST_STEP] {
        let runtime = runtime_in(mode);
        let model = small_model(runtime);
        let bytes = TinyAdapter::of(&tiny(), 4, 1).writer().to_bytes();
        let (user, data, dropped) = (Counter::new(), Counter::new(), Counter::new());
        let from_memory = wick_adapter_options {
            data: bytes.as_ptr().cast(),
            data_len: bytes.len(),
            data_user: data.user(),
            data_drop: Some(count),
            user: user.user(),
            drop: Some(count),
            ..sized()
        };
        let disk = for_ever(Disk { bytes: bytes.clone(), dropped });
        let io = wick_io {
            size: bytes.len() as u64,
            read_at: Some(read_at),
            user: ptr::from_ref(disk).cast_mut().cast(),
            drop: Some(drop_disk),
            ..sized()
        };
        let from_reader = wick_adapter_options { io: &io, ..sized() };
        let (first, stream) = load(model, &from_memory).unwrap();
        assert_eq!(join(stream).unwrap().end, WICK_END_READY);
        is(wick_stream_close(stream), WICK_OK);
        assert_eq!((data.count(), user.count()), (1, 1), "the file is not needed any more");

        // Without a stream: the load goes on.
        let mut second = wick_adapter::default();
        // SAFETY: all pointers are good, and nothing of the options is needed behind the call.
        let status =
            unsafe { wick_adapter_load(model, &from_reader, &mut second, ptr::null_mut(), ptr::null_mut()) };
        is(status, WICK_OK);
        let none = wick_adapter::default();
        let plain = says(model, none, 0.0);
        let voice = says(model, second, 0.0);
        assert_ne!(voice, plain);
        assert_eq!((&says(model, first, 0.0), &says(model, first, 1.0)), (&voice, &voice), "0 is 1");
        assert_ne!(says(model, first, -3.0), voice);
        assert_eq!(dropped.count(), 1);

        let known = info(first);
        assert_eq!(known, info(second));
        assert_eq!((&known["state"], &known["rank"]), (&"ready".into(), &4.into()));
        assert_eq!((&known["architecture"], &known["alpha"]), (&"llama".into(), &8.0.into()));
        assert_eq!(known["content"].as_str().map(str::len), Some(32), "{known}");
        assert!(known["bytes"].as_u64() > Some(1000) && known["matrices"].as_u64() > Some(20), "{known}");

        let mut session = wick_session::default();
        let options = wick_session_options { adapter: first, ..sized() };
        // SAFETY: all pointers are good.
        unsafe {
            is(wick_session_create(model, &options, &mut session, ptr::null_mut()), WICK_OK);
            is(wick_adapter_close(first), WICK_OK);
            is(wick_adapter_close(first), WICK_E_STALE_HANDLE);
            is(wick_adapter_info(first, ptr::null_mut(), 0, ptr::null_mut()), WICK_E_STALE_HANDLE);
            assert_eq!(answer(session), voice, "sessions keep what they need");
            is(wick_session_set_adapter(session, none, 0.0, ptr::null_mut()), WICK_OK);
            is(wick_session_clear(session), WICK_OK);
            assert_eq!(answer(session), plain);
            is(wick_session_set_adapter(session, second, 0.0, ptr::null_mut()), WICK_OK);
            is(wick_session_clear(session), WICK_OK);
            assert_eq!(answer(session), voice);
        }
        shut(runtime);
    }
}

#[test]
fn what_is_wrong_with_an_adapter_is_its_streams_end() {
    let runtime = runtime();
    let model = small_model(runtime);
    let other = TinyAdapter { architecture: "qwen3", ..TinyAdapter::of(&tiny(), 4, 1) };
    for (bytes, status, said) in [
        (other.writer().to_bytes(), "WICK_E_UNSUPPORTED", "qwen3"),
        (tiny().writer().to_bytes(), "WICK_E_MODEL_INVALID", "general.type"),
        (b"GGUF".to_vec(), "WICK_E_MODEL_INVALID", ""),
    ] {
        let dropped = Counter::new();
        let options = wick_adapter_options {
            data: bytes.as_ptr().cast(),
            data_len: bytes.len(),
            data_user: dropped.user(),
            data_drop: Some(count),
            ..sized()
        };
        let (adapter, stream) = load(model, &options).unwrap();
        let end = join(stream).unwrap();
        assert_eq!((end.end, name(end.status)), (WICK_END_ERROR, status), "{}", end.text);
        assert!(end.text.contains(said), "{}", end.text);
        assert_eq!(dropped.count(), 1);
        // SAFETY: a size alone is asked for.
        let known = unsafe { wick_adapter_info(adapter, ptr::null_mut(), 0, ptr::null_mut()) };
        assert_eq!(name(known), status);
        is(wick_stream_close(stream), WICK_OK);
        is(wick_adapter_close(adapter), WICK_OK);
    }
    shut(runtime);
}

#[test]
fn what_came_with_a_load_that_is_refused_is_dropped_once() {
    let runtime = runtime();
    let model = small_model(runtime);
    let session = session_of(model);
    let (user, data, dropped) = (Counter::new(), Counter::new(), Counter::new());
    let io = wick_io { user: dropped.user(), drop: Some(count), size: 9, read_at: Some(read_at), ..sized() };
    let good = wick_adapter_options {
        io: &io,
        data_user: data.user(),
        data_drop: Some(count),
        user: user.user(),
        drop: Some(count),
        ..sized()
    };
    let gone = wick_model { id: session.id };
    let refused = [
        (gone, good, WICK_E_STALE_HANDLE),
        (model, wick_adapter_options { reserved: 1, ..good }, WICK_E_UNSUPPORTED),
        (model, wick_adapter_options { path: text("x.gguf"), ..good }, WICK_E_INVALID_ARGUMENT),
        (model, wick_adapter_options { queue: wick_queue { id: 7 }, ..good }, WICK_E_STALE_HANDLE),
    ];
    for (calls, (model, options, status)) in (1..).zip(refused) {
        assert_eq!(load(model, &options).unwrap_err().0, status);
        assert_eq!((user.count(), data.count(), dropped.count()), (calls, calls, calls), "{}", name(status));
    }
    let mut error: wick_error = sized();
    // SAFETY: all pointers are good, or what is tested.
    unsafe {
        let status = wick_adapter_load(model, &good, ptr::null_mut(), ptr::null_mut(), &mut error);
        is(status, WICK_E_INVALID_ARGUMENT);
        assert_eq!((user.count(), data.count(), dropped.count()), (5, 5, 5));
        let adapter = wick_adapter { id: session.id };
        is(wick_session_set_adapter(session, adapter, 0.0, &mut error), WICK_E_STALE_HANDLE);
        is(
            wick_session_set_adapter(session, wick_adapter::default(), 0.5, &mut error),
            WICK_E_INVALID_ARGUMENT,
        );
        assert!(message(&error).contains("adapter_scale"), "{}", message(&error));
    }
    shut(runtime);
}
