//! What the tests of the C ABI share: zeroed options, a runtime with the fake model, events copied out,
//! callbacks that count.
#![allow(dead_code, unused_imports, unsafe_code, reason = "each test file uses its own part of the C ABI")]

use std::any::Any;
use std::ffi::{CStr, c_char, c_void};
use std::mem::size_of;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
pub use wick::ffi::{
    about::*, adapter::*, embed::*, error::*, estimate::*, event::*, generate::*, io::*, messages::*,
    model::*, nearest::*, queue::*, runtime::*, sampling::*, session::*, status::*, store::*, str::*,
    stream::*, testing::*, vocabulary::*, wick_os_handle,
};

/// A wait that is long enough for anything but a hang.
pub const LONG: u64 = 300_000_000_000;
pub const NO_QUEUE: wick_queue = wick_queue { id: 0 };

/// All zero.
pub fn zeroed<T: Copy>() -> T {
    // SAFETY: used for structs of the C ABI only, whose every byte pattern is a value.
    unsafe { std::mem::zeroed() }
}

/// All zero, and `struct_size` filled in.
pub fn sized<T: Copy>() -> T {
    let mut value: T = zeroed();
    // SAFETY: every struct that this is used for begins with its struct_size.
    unsafe { (&raw mut value).cast::<u32>().write(size_of::<T>() as u32) };
    value
}

pub fn text(text: &str) -> wick_str {
    wick_str { ptr: text.as_ptr().cast(), len: text.len() }
}

pub fn name(status: wick_status) -> &'static str {
    // SAFETY: a static text.
    unsafe { CStr::from_ptr(wick_status_name(status)) }.to_str().unwrap()
}

pub fn message(error: &wick_error) -> String {
    // SAFETY: NUL-terminated by the library.
    unsafe { CStr::from_ptr(error.message.as_ptr()) }.to_str().unwrap().to_owned()
}

#[track_caller]
pub fn is(got: wick_status, expected: wick_status) {
    assert_eq!(name(got), name(expected));
}

/// `value` at a place that stays: where callbacks may point. Held, so that what looks for leaks finds none.
pub fn for_ever<T: Sync + 'static>(value: T) -> &'static T {
    static ALL: Mutex<Vec<&(dyn Any + Sync)>> = Mutex::new(Vec::new());
    let value = Box::leak(Box::new(value));
    ALL.lock().unwrap_or_else(PoisonError::into_inner).push(value);
    value
}

/// Counts its drops.
pub struct Counter(AtomicUsize);

impl Counter {
    pub fn new() -> &'static Self {
        for_ever(Self(AtomicUsize::new(0)))
    }

    pub fn user(&'static self) -> *mut c_void {
        ptr::from_ref(self).cast_mut().cast()
    }

    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Adds one to the [`Counter`] at `user`.
pub unsafe extern "C" fn count(user: *mut c_void) {
    // SAFETY: only used with a counter's `user`.
    unsafe { &*user.cast::<Counter>() }.0.fetch_add(1, Ordering::SeqCst);
}

/// An event that owns what it points to.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub kind: u16,
    pub end: u16,
    pub status: wick_status,
    pub seq: u64,
    pub text: String,
    pub tokens: Vec<u32>,
    pub values: Vec<f32>,
    pub done: u64,
    pub total: u64,
    pub more: bool,
    pub channel: u16,
    pub stream: u64,
    pub user: usize,
}

impl Seen {
    /// # Safety
    /// As the library left it.
    pub unsafe fn new(event: &wick_event) -> Self {
        // SAFETY: the library's pointers are good for their lengths; a NUL follows the text.
        let (bytes, tokens, values) = unsafe {
            assert_eq!(*event.text.add(event.text_len), 0);
            let count = event.token_count as usize;
            assert!(count == 0 || event.tokens.is_aligned());
            let floats = event.value_count as usize;
            assert!(floats == 0 || event.values.is_aligned());
            (
                std::slice::from_raw_parts(event.text.cast::<u8>(), event.text_len),
                if count == 0 { &[][..] } else { std::slice::from_raw_parts(event.tokens, count) },
                if floats == 0 { &[][..] } else { std::slice::from_raw_parts(event.values, floats) },
            )
        };
        Self {
            kind: event.kind,
            end: event.end_reason,
            status: event.status,
            seq: event.seq,
            text: String::from_utf8(bytes.to_vec()).expect("whole code points"),
            tokens: tokens.to_vec(),
            values: values.to_vec(),
            done: event.done,
            total: event.total,
            more: event.more == 1,
            channel: event.channel,
            stream: event.stream.id,
            user: event.user as usize,
        }
    }
}

pub fn runtime_in(mode: u32) -> wick_runtime {
    let mut options: wick_runtime_options = sized();
    options.abi_version = WICK_ABI_VERSION;
    options.mode = mode;
    options.threads = 1;
    let (mut runtime, mut error) = (wick_runtime::default(), sized::<wick_error>());
    // SAFETY: all pointers are good.
    let status = unsafe { wick_runtime_create(&options, &mut runtime, &mut error) };
    assert_eq!(status, WICK_OK, "{}", message(&error));
    runtime
}

pub fn runtime() -> wick_runtime {
    runtime_in(WICK_MODE_THREADS)
}

pub fn shut(runtime: wick_runtime) {
    is(wick_runtime_shutdown(runtime, LONG), WICK_OK);
}

/// A loaded fake model.
pub fn model(runtime: wick_runtime, script: &str) -> wick_model {
    let (mut model, mut load) = (wick_model::default(), wick_stream::default());
    let mut error = sized::<wick_error>();
    // SAFETY: all pointers are good.
    let status = unsafe {
        wick_testing_model_load(runtime, text(script), ptr::null(), &mut model, &mut load, &mut error)
    };
    assert_eq!(status, WICK_OK, "{}", message(&error));
    assert_eq!(join(load).unwrap().end, WICK_END_READY);
    is(wick_stream_close(load), WICK_OK);
    model
}

pub fn session_of(model: wick_model) -> wick_session {
    let (options, mut session) = (sized::<wick_session_options>(), wick_session::default());
    let mut error = sized::<wick_error>();
    // SAFETY: all pointers are good.
    let status = unsafe { wick_session_create(model, &options, &mut session, &mut error) };
    assert_eq!(status, WICK_OK, "{}", message(&error));
    session
}

pub fn session(runtime: wick_runtime, script: &str) -> wick_session {
    session_of(model(runtime, script))
}

/// Options with a prompt.
pub fn prompt(prompt: &'static str) -> wick_generate_options {
    wick_generate_options { prompt: text(prompt), ..sized() }
}

/// The stream, or the status and the message.
pub fn try_generate(
    session: wick_session,
    options: &wick_generate_options,
) -> Result<wick_stream, (wick_status, String)> {
    let (mut stream, mut error) = (wick_stream::default(), sized::<wick_error>());
    // SAFETY: all pointers are good, or what the test wants.
    let status = unsafe { wick_generate(session, options, &mut stream, &mut error) };
    assert_eq!(status, error.code);
    if status == WICK_OK { Ok(stream) } else { Err((status, message(&error))) }
}

#[track_caller]
pub fn generate(session: wick_session, options: &wick_generate_options) -> wick_stream {
    try_generate(session, options).unwrap_or_else(|(status, message)| panic!("{}: {message}", name(status)))
}

/// Reads an event with a buffer of `cap` bytes that begins `shift` bytes off an aligned address.
pub fn read_with(stream: wick_stream, cap: usize, shift: usize, timeout: u64) -> Result<Seen, wick_status> {
    let mut buf = vec![0u64; cap / 8 + 2];
    let mut event: wick_event = sized();
    // SAFETY: `cap` bytes from `shift` on are the buffer's.
    unsafe {
        let at = buf.as_mut_ptr().cast::<c_char>().add(shift);
        match wick_stream_next(stream, &mut event, at, cap, timeout) {
            WICK_OK => Ok(Seen::new(&event)),
            status => Err(status),
        }
    }
}

pub fn read(stream: wick_stream, timeout: u64) -> Result<Seen, wick_status> {
    read_with(stream, 4096, 0, timeout)
}

/// All events to the end, END included.
pub fn read_all(stream: wick_stream) -> Vec<Seen> {
    let mut seen = Vec::new();
    loop {
        match read(stream, LONG) {
            Ok(event) => seen.push(event),
            Err(status) => {
                is(status, WICK_ENDED);
                return seen;
            }
        }
    }
}

pub fn all_text(events: &[Seen]) -> String {
    events.iter().filter(|event| event.kind == WICK_EVENT_TEXT).map(|event| event.text.as_str()).collect()
}

pub fn join(stream: wick_stream) -> Result<Seen, wick_status> {
    let (mut buf, mut event) = ([0u8; 1024], sized::<wick_event>());
    // SAFETY: the buffer is good.
    unsafe {
        match wick_stream_join(stream, &mut event, buf.as_mut_ptr().cast(), buf.len(), LONG) {
            WICK_OK => Ok(Seen::new(&event)),
            status => Err(status),
        }
    }
}

pub fn queue(runtime: wick_runtime) -> wick_queue {
    let mut queue = wick_queue::default();
    // SAFETY: all pointers are good.
    is(unsafe { wick_queue_create(runtime, &mut queue, ptr::null_mut()) }, WICK_OK);
    queue
}

pub fn queue_next(queue: wick_queue, timeout: u64) -> Result<Seen, wick_status> {
    let (mut buf, mut event) = ([0u8; 1024], sized::<wick_event>());
    // SAFETY: the buffer is good.
    unsafe {
        match wick_queue_next(queue, &mut event, buf.as_mut_ptr().cast(), buf.len(), timeout) {
            WICK_OK => Ok(Seen::new(&event)),
            status => Err(status),
        }
    }
}

/// Waits until `done`, for five minutes at most.
#[track_caller]
pub fn until(mut done: impl FnMut() -> bool) {
    for _ in 0..300_000 {
        if done() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    panic!("it did not come");
}
