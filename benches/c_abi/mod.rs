//! The C ABI as a C program calls it, in as few words: a runtime, the fake model, a generation, an event.
//! Every failure ends the benchmark.
#![allow(dead_code, unsafe_code, reason = "each benchmark needs a part of it; the C ABI is called as C does")]

use std::ffi::{c_char, c_void};
use std::mem::{MaybeUninit, size_of};
use std::ptr::null_mut;
use wick::ffi::{
    event::*, generate::*, model::*, queue::*, runtime::*, session::*, status::*, str::wick_str, stream::*,
    testing::*, wick_drop_fn,
};

pub const POLL: u64 = 0;

/// A zeroed C struct: what `= { 0 }` is in C.
fn zeroed<T: Copy>() -> T {
    // SAFETY: used for the ABI's plain structs only, for which all zero is a value: the default.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

pub fn text(text: &str) -> wick_str {
    wick_str { ptr: text.as_ptr().cast(), len: text.len() }
}

fn done(status: wick_status) {
    assert_eq!(status, WICK_OK);
}

pub fn runtime(threads: u32) -> wick_runtime {
    let mut options: wick_runtime_options = zeroed();
    options.struct_size = size_of::<wick_runtime_options>() as u32;
    options.abi_version = WICK_ABI_VERSION;
    options.threads = threads;
    options.max_sequences = 64;
    let mut runtime = wick_runtime { id: 0 };
    // SAFETY: live, sized structs.
    done(unsafe { wick_runtime_create(&options, &mut runtime, null_mut()) });
    runtime
}

pub fn shutdown(runtime: wick_runtime) {
    done(wick_runtime_shutdown(runtime, WICK_FOREVER));
}

/// Stops computing.
pub fn pause(runtime: wick_runtime) {
    done(wick_runtime_pause(runtime));
}

fn read_to_end(load: wick_stream) {
    let mut reader = Reader::new();
    while reader.next(load, WICK_FOREVER) {
        assert!(reader.event.status == WICK_OK, "the load failed: {}", reader.text());
    }
    close(load);
}

/// The fake model of `script`, loaded.
pub fn fake(runtime: wick_runtime, script: &str) -> wick_model {
    let (mut model, mut load) = (wick_model { id: 0 }, wick_stream { id: 0 });
    // SAFETY: live places and text; options may be NULL.
    done(unsafe {
        wick_testing_model_load(runtime, text(script), null_mut(), &mut model, &mut load, null_mut())
    });
    read_to_end(load);
    model
}

/// Starts to load the model at `path`; every prompt is computed, also one that was computed before.
pub fn load(runtime: wick_runtime, path: &str) -> (wick_model, wick_stream) {
    let mut options: wick_model_options = zeroed();
    options.struct_size = size_of::<wick_model_options>() as u32;
    options.path = text(path);
    options.no_prefix_cache = 1;
    let (mut model, mut load) = (wick_model { id: 0 }, wick_stream { id: 0 });
    // SAFETY: live, sized structs.
    done(unsafe { wick_model_load(runtime, &options, &mut model, &mut load, null_mut()) });
    (model, load)
}

/// The model at `path`, loaded.
pub fn loaded(runtime: wick_runtime, path: &str) -> wick_model {
    let (model, load) = load(runtime, path);
    read_to_end(load);
    model
}

pub fn session(model: wick_model) -> wick_session {
    let mut options: wick_session_options = zeroed();
    options.struct_size = size_of::<wick_session_options>() as u32;
    let mut session = wick_session { id: 0 };
    // SAFETY: live, sized structs.
    done(unsafe { wick_session_create(model, &options, &mut session, null_mut()) });
    session
}

pub fn close_session(session: wick_session) {
    done(wick_session_close(session));
}

pub fn queue(runtime: wick_runtime) -> wick_queue {
    let mut queue = wick_queue { id: 0 };
    // SAFETY: a live place.
    done(unsafe { wick_queue_create(runtime, &mut queue, null_mut()) });
    queue
}

/// How a generation's events are read.
#[derive(Clone, Copy, Default)]
pub struct Reading {
    pub queue: Option<wick_queue>,
    pub on_event: wick_event_fn,
    pub user: usize,
    pub drop: wick_drop_fn,
}

/// Starts a generation of `max_tokens` tokens after `prompt`.
pub fn generate(session: wick_session, prompt: &str, max_tokens: u32, reading: Reading) -> wick_stream {
    let mut options: wick_generate_options = zeroed();
    options.struct_size = size_of::<wick_generate_options>() as u32;
    options.prompt = text(prompt);
    options.max_tokens = max_tokens;
    options.ignore_eos = 1;
    options.queue = reading.queue.unwrap_or_default();
    options.on_event = reading.on_event;
    options.user = reading.user as *mut c_void;
    options.drop = reading.drop;
    let mut stream = wick_stream { id: 0 };
    // SAFETY: live, sized structs.
    done(unsafe { wick_generate(session, &options, &mut stream, null_mut()) });
    stream
}

pub fn close(stream: wick_stream) {
    done(wick_stream_close(stream));
}

pub fn note(stream: wick_stream, note: &str) {
    // SAFETY: a live text.
    done(unsafe { wick_stream_note(stream, text(note)) });
}

/// Tokens generated so far.
pub fn output_tokens(stream: wick_stream) -> u32 {
    let mut stats: wick_stats = zeroed();
    // SAFETY: a live place.
    done(unsafe { wick_stream_stats(stream, &mut stats) });
    stats.output_tokens
}

/// Runs the callbacks of the events that wait in a queue.
pub fn dispatch(queue: wick_queue) {
    let status = wick_queue_dispatch(queue, 0, 0);
    assert!(status == WICK_EMPTY || status == WICK_MORE, "{status}");
}

/// The event and the buffer that a C program reads into.
pub struct Reader {
    pub event: wick_event,
    buf: Vec<u8>,
}

impl Reader {
    pub fn new() -> Self {
        let mut event: wick_event = zeroed();
        event.struct_size = size_of::<wick_event>() as u32;
        Self { event, buf: vec![0; 4096] }
    }

    /// The stream's next event within `timeout`: whether there was one. WICK_EMPTY is no event only while
    /// polling.
    pub fn next(&mut self, stream: wick_stream, timeout: u64) -> bool {
        let (buf, cap) = (self.buf.as_mut_ptr().cast::<c_char>(), self.buf.len());
        // SAFETY: a live, sized struct and a buffer of that many bytes.
        let status = unsafe { wick_stream_next(stream, &mut self.event, buf, cap, timeout) };
        assert!(matches!(status, WICK_OK | WICK_EMPTY | WICK_ENDED), "{status}");
        status == WICK_OK
    }

    /// As [`Reader::next`], of a queue.
    pub fn next_of(&mut self, queue: wick_queue, timeout: u64) -> bool {
        let (buf, cap) = (self.buf.as_mut_ptr().cast::<c_char>(), self.buf.len());
        // SAFETY: a live, sized struct and a buffer of that many bytes.
        let status = unsafe { wick_queue_next(queue, &mut self.event, buf, cap, timeout) };
        assert!(matches!(status, WICK_OK | WICK_EMPTY), "{status}");
        status == WICK_OK
    }

    pub fn is_text(&self) -> bool {
        self.event.kind == WICK_EVENT_TEXT
    }

    pub fn is_end(&self) -> bool {
        self.event.kind == WICK_EVENT_END
    }

    fn text(&self) -> String {
        if self.event.text.is_null() {
            return String::new();
        }
        // SAFETY: the text of the event that was just read lies in our buffer, `text_len` bytes of it.
        let bytes = unsafe { std::slice::from_raw_parts(self.event.text.cast::<u8>(), self.event.text_len) };
        String::from_utf8_lossy(bytes).into_owned()
    }
}
