//! Streams: reading one by itself, and all that can be done to one however it is read.

use super::border::deadline::Deadline;
use super::border::guard::{Handled, Tag, guard, guard_on, logging};
use super::border::guest::LogSink;
use super::border::handles;
pub use super::border::ids::wick_stream;
use super::border::out::Out;
use super::border::status::{WICK_EMPTY, WICK_ENDED, WICK_OK, wick_status};
use super::border::str::{copy, wick_str};
use super::event::{wick_event, wick_stats};
use super::os_handle::{OsSlot, wick_os_handle};
use super::runtime::log_of;
use super::write_event::EventOut;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::Stream;
use crate::stream::{EventKind, Next};
use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a stream's handle stands for.
pub(super) struct StreamObject {
    pub(super) stream: Stream,
    user: usize,
    runtime: u64,
    /// Nobody has the handle: the stream is closed when its END was read.
    pub(super) close_after_end: bool,
    reading: AtomicBool,
    os: OsSlot,
}

impl Handled for StreamObject {
    fn log(&self) -> Option<Arc<LogSink>> {
        log_of(self.runtime)
    }
}

impl StreamObject {
    pub(super) fn new(stream: Stream, user: *mut c_void, runtime: u64, close_after_end: bool) -> Self {
        Self {
            stream,
            user: user as usize,
            runtime,
            close_after_end,
            reading: AtomicBool::new(false),
            os: OsSlot::default(),
        }
    }

    pub(super) fn user(&self) -> *mut c_void {
        self.user as *mut c_void
    }

    /// Closes what a handle that is out of the table stood for. A thread that reads returns at once.
    pub(super) fn close(&self) {
        self.stream.close();
        self.os.close();
    }

    /// Refuses to read here what is read elsewhere.
    fn check_read_alone(&self) -> Result<()> {
        if self.stream.is_queued() {
            let why = "the stream has a queue or a callback; read it with wick_queue_next or wick_queue_dispatch, or by its callback";
            return Err(Error::new(ErrorKind::InvalidArgument, why));
        }
        Ok(())
    }

    fn wait(&self, deadline: Deadline) -> Next {
        let Deadline::At(at) = deadline else { return self.stream.try_next() };
        // The runtime's own threads have their log; in HOST_STEP this thread does the work.
        match log_of(self.runtime) {
            Some(log) => logging(&log, || self.stream.wait_next(at)),
            None => self.stream.wait_next(at),
        }
    }
}

/// One [EXCL] call's hold on its object.
pub(super) struct Turn<'a>(&'a AtomicBool);

impl<'a> Turn<'a> {
    /// # Errors
    /// `Busy` while another call has it.
    pub(super) fn take(flag: &'a AtomicBool) -> Result<Self> {
        if flag.swap(true, Ordering::SeqCst) {
            let why = "another thread is in such a call on this object; one at a time";
            return Err(Error::new(ErrorKind::Busy, why));
        }
        Ok(Self(flag))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// [EXCL][BLOCK] The next event of a stream without queue and callback: WICK_OK, WICK_EMPTY after
/// `timeout_ns` (0 polls), WICK_ENDED once END was read. Its text and ids lie in `buf` (of any alignment, the
/// ids are aligned in it), which has `cap` bytes, 256 or more. What does not fit is read as several events of
/// its kind, all but the last with `more` set: the text first, cut at code points, then the ids. END is never
/// split, its text is cut. WICK_E_STALE_HANDLE at once when the stream is closed meanwhile;
/// WICK_E_INVALID_ARGUMENT for a stream with a queue or callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_stream_next(
    stream: wick_stream,
    event: *mut wick_event,
    buf: *mut c_char,
    cap: usize,
    timeout_ns: u64,
) -> wick_status {
    guard_on(Tag::NotInCallback, "wick_stream_next", stream.id, |object: &Arc<StreamObject>| {
        // SAFETY: the caller's struct and buffer, as this function's docs say.
        unsafe { read(object, stream, event, buf, cap, timeout_ns, |_| true) }
    })
}

/// [EXCL][BLOCK] Reads on to END and drops the events before it. As wick_stream_next; WICK_EMPTY:
/// `timeout_ns` passed first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_stream_join(
    stream: wick_stream,
    end: *mut wick_event,
    buf: *mut c_char,
    cap: usize,
    timeout_ns: u64,
) -> wick_status {
    guard_on(Tag::NotInCallback, "wick_stream_join", stream.id, |object: &Arc<StreamObject>| {
        let ends = |kind: &EventKind| matches!(kind, EventKind::End(_));
        // SAFETY: the caller's struct and buffer, as this function's docs say.
        unsafe { read(object, stream, end, buf, cap, timeout_ns, ends) }
    })
}

/// Reads the first event that is `wanted`.
///
/// # Safety
/// As [`EventOut::new`].
unsafe fn read(
    object: &StreamObject,
    stream: wick_stream,
    event: *mut wick_event,
    buf: *mut c_char,
    cap: usize,
    timeout_ns: u64,
    wanted: impl Fn(&EventKind) -> bool,
) -> Result<wick_status> {
    // SAFETY: as promised by the caller.
    let out = unsafe { EventOut::new(event, buf, cap) }?;
    object.check_read_alone()?;
    let _turn = Turn::take(&object.reading)?;
    let deadline = Deadline::after(timeout_ns);
    loop {
        match object.wait(deadline) {
            Next::Event(event) if !wanted(&event.kind) => {}
            Next::Event(event) => {
                if let Some((time, rest)) = out.write(event, stream.id, object.user()) {
                    object.stream.put_back(time, rest);
                }
                return Ok(WICK_OK);
            }
            Next::Empty => return Ok(WICK_EMPTY),
            Next::Ended => return Ok(WICK_ENDED),
            Next::Closed => return Err(closed("stream")),
        }
    }
}

pub(super) fn closed(what: &str) -> Error {
    Error::new(ErrorKind::StaleHandle, format!("the {what} was closed meanwhile"))
}

/// [ANY] What an event loop waits on for this stream: readable exactly while an event, or the rest of one,
/// waits. The same each time. WICK_E_IO if the system has no descriptor left.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_stream_os_handle(stream: wick_stream, out: *mut wick_os_handle) -> wick_status {
    guard_on(Tag::Any, "wick_stream_os_handle", stream.id, |object: &Arc<StreamObject>| {
        // SAFETY: the caller's place, as this function's docs say.
        let out = unsafe { Out::required(out, "out") }?;
        out.set(object.os.get(|level| object.stream.show_on(level))?);
        Ok(WICK_OK)
    })
}

/// [ANY] Asks for the end: latched, idempotent, never waits. END (CANCELLED) follows, unless END came first.
#[unsafe(no_mangle)]
pub extern "C" fn wick_stream_cancel(stream: wick_stream) -> wick_status {
    guard_on(Tag::Any, "wick_stream_cancel", stream.id, |object: &Arc<StreamObject>| {
        object.stream.cancel();
        Ok(WICK_OK)
    })
}

/// [ANY] The stream's figures as of now; after END the final ones.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_stream_stats(stream: wick_stream, out: *mut wick_stats) -> wick_status {
    guard_on(Tag::Any, "wick_stream_stats", stream.id, |object: &Arc<StreamObject>| {
        // SAFETY: the caller's place, as this function's docs say.
        let out = unsafe { Out::required(out, "out") }?;
        out.set(object.stream.stats().into());
        Ok(WICK_OK)
    })
}

/// [ANY] Merges a NOTE into the stream: the host's own trace beside the text, never before or instead of
/// text. Of the unread notes the oldest beyond 1,024, or beyond 1 MiB, are dropped and counted in wick_stats.
/// After END: WICK_ENDED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_stream_note(stream: wick_stream, text: wick_str) -> wick_status {
    guard_on(Tag::Any, "wick_stream_note", stream.id, |object: &Arc<StreamObject>| {
        // SAFETY: the caller's text, as this function's docs say.
        let note = copy(unsafe { text.require("the note") }?)?;
        match object.stream.control().note(note) {
            Ok(()) => Ok(WICK_OK),
            Err(_) if object.stream.is_closed() => Err(closed("stream")),
            Err(_) => Ok(WICK_ENDED),
        }
    })
}

/// [ANY] Ends the thinking of a generation here, or keeps it from beginning: latched, never waits. Once the
/// answer has begun it changes nothing; after END: WICK_ENDED; not a generation: WICK_E_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn wick_stream_answer_now(stream: wick_stream) -> wick_status {
    guard_on(Tag::Any, "wick_stream_answer_now", stream.id, |object: &Arc<StreamObject>| {
        object.stream.answer_now()?;
        Ok(if object.stream.control().has_ended() { WICK_ENDED } else { WICK_OK })
    })
}

/// [ANY] Cancels and forgets: no callback of it starts after this returns. One may still be running
/// elsewhere: free what it uses in `drop`. A thread that reads the stream gets WICK_E_STALE_HANDLE at once.
#[unsafe(no_mangle)]
pub extern "C" fn wick_stream_close(stream: wick_stream) -> wick_status {
    guard(Tag::Any, ptr::null_mut(), || {
        handles::remove::<StreamObject>(stream.id)?.close();
        Ok(WICK_OK)
    })
}
