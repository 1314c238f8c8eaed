//! Saves and restores as C asks for them: into a file, through the host's storage; what is wrong with the
//! options, and what becomes of what came with them.
#![cfg(feature = "testing")]
#![allow(unsafe_code, reason = "this is the C ABI, as C calls it")]

use crate::support::c_abi::*;
use std::ffi::c_void;
use std::ptr;
use std::sync::Mutex;

/// What a host keeps.
struct Disk {
    bytes: Mutex<Vec<u8>>,
    drops: &'static Counter,
}

impl Disk {
    fn new() -> &'static Self {
        for_ever(Self { bytes: Mutex::new(Vec::new()), drops: Counter::new() })
    }

    fn io(&'static self) -> wick_io {
        let user = ptr::from_ref(self).cast_mut().cast();
        wick_io { user, drop: Some(dropped), ..sized() }
    }

    fn written(&'static self) -> wick_io {
        wick_io { write_at: Some(write_at), ..self.io() }
    }

    fn read(&'static self) -> wick_io {
        let size = self.bytes.lock().unwrap().len() as u64;
        wick_io { read_at: Some(read_at), size, ..self.io() }
    }
}

/// # Safety
/// `user` is a [`Disk`].
unsafe extern "C" fn dropped(user: *mut c_void) {
    // SAFETY: as promised.
    unsafe { count((*user.cast::<Disk>()).drops.user()) }
}

/// # Safety
/// `user` is a [`Disk`]; `src` has `len` bytes.
unsafe extern "C" fn write_at(user: *mut c_void, offset: u64, src: *const c_void, len: u64) -> i32 {
    // SAFETY: as promised.
    let (disk, src) =
        unsafe { (&*user.cast::<Disk>(), std::slice::from_raw_parts(src.cast::<u8>(), len as usize)) };
    let mut bytes = disk.bytes.lock().unwrap();
    if offset != bytes.len() as u64 {
        return 5;
    }
    bytes.extend_from_slice(src);
    0
}

/// # Safety
/// `user` is a [`Disk`]; `dst` has `len` bytes.
unsafe extern "C" fn read_at(user: *mut c_void, offset: u64, dst: *mut c_void, len: u64) -> i32 {
    // SAFETY: as promised.
    let (disk, dst) =
        unsafe { (&*user.cast::<Disk>(), std::slice::from_raw_parts_mut(dst.cast::<u8>(), len as usize)) };
    let bytes = disk.bytes.lock().unwrap();
    match bytes.get(offset as usize..(offset + len) as usize) {
        Some(from) => {
            dst.copy_from_slice(from);
            0
        }
        None => 9,
    }
}

const SCRIPT: &str = r#"{"random":3}"#;

fn save(session: wick_session, options: &wick_store_options) -> Seen {
    let mut stream = wick_stream::default();
    // SAFETY: all pointers are good.
    is(unsafe { wick_session_save(session, options, &mut stream, ptr::null_mut()) }, WICK_OK);
    let end = join(stream).unwrap();
    is(wick_stream_close(stream), WICK_OK);
    end
}

fn restore(model: wick_model, options: &wick_store_options) -> (wick_session, Seen) {
    let (mut session, mut stream) = (wick_session::default(), wick_stream::default());
    // SAFETY: all pointers are good.
    is(unsafe { wick_session_restore(model, options, &mut session, &mut stream, ptr::null_mut()) }, WICK_OK);
    let end = join(stream).unwrap();
    is(wick_stream_close(stream), WICK_OK);
    (session, end)
}

fn tokens(session: wick_session) -> Vec<u32> {
    let (mut ids, mut needed) = (vec![0u32; 1024], 0);
    // SAFETY: the buffer is good.
    is(unsafe { wick_session_tokens(session, ids.as_mut_ptr(), ids.len(), &mut needed) }, WICK_OK);
    ids.truncate(needed);
    ids
}

fn said(session: wick_session) -> String {
    let options = wick_generate_options { max_tokens: 8, ignore_eos: 1, ..sized() };
    all_text(&read_all(generate(session, &options)))
}

#[test]
fn a_session_goes_through_the_hosts_storage_and_through_a_file() {
    for mode in [WICK_MODE_THREADS, WICK_MODE_HOST_STEP] {
        let runtime = runtime_in(mode);
        let model = model(runtime, SCRIPT);
        let session = session_of(model);
        let asked = wick_generate_options { max_tokens: 5, ignore_eos: 1, ..prompt("Once") };
        read_all(generate(session, &asked));
        let expected = tokens(session);
        let disk = Disk::new();
        let user = Counter::new();
        let counted = wick_store_options { user: user.user(), drop: Some(count), ..sized() };
        let end = save(session, &wick_store_options { io: &disk.written(), with_kv: 1, ..counted });
        assert_eq!((end.end, end.status), (WICK_END_READY, WICK_OK));
        assert_eq!((disk.drops.count(), user.count()), (1, 1));
        let (back, end) = restore(model, &wick_store_options { io: &disk.read(), ..counted });
        assert_eq!((end.end, end.status), (WICK_END_READY, WICK_OK));
        assert_eq!((disk.drops.count(), user.count()), (2, 2));
        assert_eq!(tokens(back), expected);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wick");
        let file = wick_store_options { path: text(path.to_str().unwrap()), ..sized() };
        assert_eq!(save(back, &file).end, WICK_END_READY);
        let (again, end) = restore(model, &file);
        assert_eq!(end.end, WICK_END_READY);
        assert_eq!(said(again), said(session));
        disk.bytes.lock().unwrap()[60] ^= 1;
        let (broken, end) = restore(model, &wick_store_options { io: &disk.read(), ..sized() });
        assert_eq!((end.end, end.status), (WICK_END_ERROR, WICK_E_IO));
        let refused = try_generate(broken, &prompt("p"));
        is(refused.map_or_else(|(status, _)| status, |_| WICK_OK), WICK_E_IO);
        is(wick_session_close(broken), WICK_OK);
        shut(runtime);
    }
}

#[test]
fn a_save_becomes_a_prefix_with_a_stream_and_without() {
    let runtime = runtime();
    let (first, second) = (model(runtime, SCRIPT), model(runtime, SCRIPT));
    let session = session_of(first);
    let fills = wick_generate_options { prefill_only: 1, ..prompt("Once upon a time there was a pirate.") };
    read_all(generate(session, &fills));
    let (disk, user) = (Disk::new(), Counter::new());
    let counted = wick_store_options { user: user.user(), drop: Some(count), ..sized() };
    save(session, &wick_store_options { io: &disk.written(), with_kv: 1, ..counted });
    let warmed = wick_store_options { io: &disk.read(), ..counted };
    // SAFETY: all pointers are good.
    is(unsafe { wick_model_warm(second, &warmed, ptr::null_mut(), ptr::null_mut()) }, WICK_OK);
    until(|| (disk.drops.count(), user.count()) == (2, 2));
    let mut stream = wick_stream::default();
    // SAFETY: all pointers are good.
    is(unsafe { wick_model_warm(second, &warmed, &mut stream, ptr::null_mut()) }, WICK_OK);
    assert_eq!(join(stream).unwrap().end, WICK_END_READY);
    let mut stats: wick_stats = zeroed();
    let session = session_of(second);
    let asked =
        wick_generate_options { max_tokens: 3, ignore_eos: 1, ..prompt("Once upon a time there was a fox.") };
    let answer = generate(session, &asked);
    join(answer).unwrap();
    // SAFETY: the place is good.
    is(unsafe { wick_stream_stats(answer, &mut stats) }, WICK_OK);
    assert_eq!(stats.cached_tokens, "Once upon a time there was a ".len() as u32);
    is(wick_stream_close(stream), WICK_OK);
    is(wick_stream_close(answer), WICK_OK);
    assert_eq!((disk.drops.count(), user.count()), (3, 3));
    // Without keys and values.
    let bare = Disk::new();
    save(session, &wick_store_options { io: &bare.written(), ..sized() });
    let mut stream = wick_stream::default();
    let warmed = wick_store_options { io: &bare.read(), ..sized() };
    // SAFETY: all pointers are good.
    is(unsafe { wick_model_warm(second, &warmed, &mut stream, ptr::null_mut()) }, WICK_OK);
    let end = join(stream).unwrap();
    assert_eq!((end.end, end.status), (WICK_END_ERROR, WICK_E_UNSUPPORTED));
    shut(runtime);
}

#[test]
fn what_is_wrong_with_the_options_is_said_and_what_came_with_them_is_dropped() {
    let runtime = runtime();
    let model = model(runtime, r#"{"random":3,"delay_us":1000}"#);
    let session = session_of(model);
    let (disk, user) = (Disk::new(), Counter::new());
    let (good, reads, writes) = (disk.io(), disk.read(), disk.written());
    let both = wick_io { read_at: Some(read_at), ..writes };
    let flags = wick_io { flags: 1, ..writes };
    let options = wick_store_options { user: user.user(), drop: Some(count), ..sized() };
    let (bad, lacks) = (WICK_E_INVALID_ARGUMENT, WICK_E_UNSUPPORTED);
    // The name in the message, what a save returns, and a restore; `None`: it begins.
    let cases: [(&str, wick_store_options, Option<i32>, Option<i32>); 9] = [
        ("exactly one", options, Some(bad), Some(bad)),
        ("exactly one", wick_store_options { path: text("x"), io: &writes, ..options }, Some(bad), Some(bad)),
        ("path is empty", wick_store_options { path: text(""), ..options }, Some(bad), Some(bad)),
        ("write_at", wick_store_options { io: &good, ..options }, Some(bad), Some(bad)),
        ("write_at", wick_store_options { io: &reads, ..options }, Some(bad), None),
        ("write_at", wick_store_options { io: &both, ..options }, None, Some(bad)),
        ("flags", wick_store_options { io: &flags, ..options }, Some(lacks), Some(lacks)),
        (
            "reserved",
            wick_store_options { io: &reads, reserved: [0, 1, 0], ..options },
            Some(lacks),
            Some(lacks),
        ),
        (
            "adapter",
            wick_store_options { adapter: wick_adapter { id: 1 }, io: &reads, ..options },
            Some(lacks),
            Some(WICK_E_STALE_HANDLE),
        ),
    ];
    let (mut calls, mut with_io) = (0, 0);
    for (what, options, saved, restored) in cases {
        let mut error: wick_error = sized();
        let (mut stream, mut back) = (wick_stream::default(), wick_session::default());
        if let Some(expected) = saved {
            // SAFETY: all pointers are good.
            is(unsafe { wick_session_save(session, &options, &mut stream, &mut error) }, expected);
            assert!(message(&error).contains(what), "{:?} does not say {what}", message(&error));
            (calls, with_io) = (calls + 1, with_io + usize::from(!options.io.is_null()));
        }
        if let Some(expected) = restored {
            // SAFETY: all pointers are good.
            let status = unsafe { wick_session_restore(model, &options, &mut back, &mut stream, &mut error) };
            is(status, expected);
            (calls, with_io) = (calls + 1, with_io + usize::from(!options.io.is_null()));
        }
        assert_eq!((stream.id, back.id), (0, 0), "nothing is written");
        assert_eq!((user.count(), disk.drops.count()), (calls, with_io), "{what}");
    }
    let flag = wick_store_options { with_kv: 2, io: &writes, ..options };
    let mut stream = wick_stream::default();
    // SAFETY: all pointers are good.
    is(unsafe { wick_session_save(session, &flag, &mut stream, ptr::null_mut()) }, bad);
    let asked = wick_generate_options { max_tokens: 0, ignore_eos: 1, ..prompt("Once") };
    let live = generate(session, &asked);
    let io = wick_store_options { io: &writes, ..options };
    // SAFETY: all pointers are good.
    is(unsafe { wick_session_save(session, &io, &mut stream, ptr::null_mut()) }, WICK_E_BUSY);
    assert_eq!((user.count(), disk.drops.count()), (calls + 2, with_io + 2));
    is(wick_stream_close(live), WICK_OK);
    shut(runtime);
}
