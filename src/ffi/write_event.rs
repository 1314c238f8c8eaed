//! From an event to C's: whole for a callback, or cut into parts that fit a caller's buffer; knows no stream.

use super::border::error::floor_char_boundary;
use super::border::ids::wick_stream;
use super::border::out::Out;
use super::border::sized::Output;
use super::border::status::{WICK_OK, status_of};
use super::event::*;
use crate::error::{Error, ErrorKind, Result};
use crate::sample::Alternative;
use crate::stream::{Channel, EndReason, Event, EventKind, Text, Vector};
use std::ffi::{c_char, c_void};
use std::time::Duration;

/// The least room for an event's text and ids: also for an id with as many alternatives as there may be.
const MIN_CAP: usize = 256;

/// Where one event goes: a checked struct and a checked buffer.
pub(super) struct EventOut {
    event: Output<wick_event>,
    buf: *mut u8,
    cap: usize,
}

impl EventOut {
    /// # Errors
    /// `InvalidArgument` for NULL, a wrong `struct_size`, or a buffer of less than 256 bytes.
    ///
    /// # Safety
    /// `event` is NULL or writable for its `struct_size`, `buf` NULL or writable for `cap` bytes, as long as
    /// this lives.
    pub(super) unsafe fn new(event: *mut wick_event, buf: *mut c_char, cap: usize) -> Result<Self> {
        // SAFETY: as promised by the caller.
        let event = unsafe { Output::new(event) }?;
        // SAFETY: as above.
        unsafe { Out::required(buf, "buf") }?;
        if cap < MIN_CAP {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("cap is {cap}; give {MIN_CAP} or more"),
            ));
        }
        Ok(Self { event, buf: buf.cast(), cap })
    }

    /// Writes as much of `event` as fits, and gives back the rest of it.
    ///
    /// Of a TEXT that does not fit, the text comes first, then the ids: a part with ids has all that was left
    /// of the text. Alternatives come whole, with the last id.
    pub(super) fn write(
        &self,
        event: Event,
        stream: u64,
        user: *mut c_void,
    ) -> Option<(Duration, EventKind)> {
        let time = event.time;
        let mut out = header(&event, stream, user);
        let (rest, text_len, tokens) = match event.kind {
            EventKind::Text(text) => self.text(text, &mut out),
            EventKind::Note(note) => self.plain(note, EventKind::Note),
            EventKind::LibraryNote(note) => self.plain(note, EventKind::LibraryNote),
            EventKind::ToolCall(call) => self.plain(call, EventKind::ToolCall),
            EventKind::Vector(vector) => self.values(vector, &mut out),
            EventKind::End(end) => {
                let text = end_text(&end);
                let length = floor_char_boundary(&text, self.cap - 1);
                self.put_text(&text, length);
                (None, length, (std::ptr::null(), 0))
            }
            EventKind::Started | EventKind::Progress { .. } => {
                self.put_text("", 0);
                (None, 0, (std::ptr::null(), 0))
            }
        };
        out.text = self.buf.cast();
        out.text_len = text_len;
        (out.tokens, out.token_count) = tokens;
        out.more = u16::from(rest.is_some());
        self.event.write(&out);
        rest.map(|rest| (time, rest))
    }

    fn plain(&self, mut text: String, kind: fn(String) -> EventKind) -> (Option<EventKind>, usize, Ids) {
        let length = floor_char_boundary(&text, self.cap - 1);
        self.put_text(&text, length);
        let rest = (length < text.len()).then(|| kind(text.split_off(length)));
        (rest, length, (std::ptr::null(), 0))
    }

    fn text(&self, mut text: Text, out: &mut wick_event) -> (Option<EventKind>, usize, Ids) {
        let length = floor_char_boundary(&text.text, self.cap - 1);
        self.put_text(&text.text, length);
        if length < text.text.len() {
            drop(text.text.drain(..length));
            out.logprob = f32::NAN;
            return (Some(EventKind::Text(text)), length, (std::ptr::null(), 0));
        }
        let (at, room) = self.room_for::<u32>(length + 1);
        let mut fitting = room.min(text.tokens.len());
        if fitting == text.tokens.len()
            && !self.put_alternatives(&text.alternatives, at.wrapping_add(fitting), out)
        {
            // They come with the last id: next time, and have room then.
            fitting = fitting.saturating_sub(1);
        }
        // SAFETY: there are so many, and `room_for` says that they have room there, aligned.
        unsafe { std::ptr::copy_nonoverlapping(text.tokens.as_ptr(), at, fitting) };
        let ids = if fitting == 0 { (std::ptr::null(), 0) } else { (at.cast_const(), fitting as u32) };
        if fitting == text.tokens.len() {
            return (None, length, ids);
        }
        text.tokens.drain(..fitting);
        out.logprob = f32::NAN;
        text.text.clear();
        (Some(EventKind::Text(text)), length, ids)
    }

    /// Puts as many values as fit, behind an empty text.
    fn values(&self, mut vector: Vector, out: &mut wick_event) -> (Option<EventKind>, usize, Ids) {
        self.put_text("", 0);
        let (at, room) = self.room_for::<f32>(1);
        let fitting = room.min(vector.values.len());
        // SAFETY: there are so many, and `room_for` says that they have room there, aligned.
        unsafe { std::ptr::copy_nonoverlapping(vector.values.as_ptr(), at, fitting) };
        (out.values, out.value_count) = (at.cast_const(), fitting as u32);
        vector.values.drain(..fitting);
        let rest = (!vector.values.is_empty()).then_some(EventKind::Vector(vector));
        (rest, 0, (std::ptr::null(), 0))
    }

    /// Puts them at or after `from`, which lies in the buffer or at its end; false: they have no room there.
    fn put_alternatives(&self, alternatives: &[Alternative], from: *mut u32, out: &mut wick_event) -> bool {
        let (at, room) = self.room_for::<wick_alternative>(from as usize - self.buf as usize);
        if alternatives.is_empty() || room < alternatives.len() {
            return alternatives.is_empty();
        }
        for (index, one) in alternatives.iter().enumerate() {
            // SAFETY: `room_for` says that there is room for more than `index`, aligned.
            unsafe { at.add(index).write(one.into()) };
        }
        (out.alternatives, out.alternative_count) = (at, alternatives.len() as u32);
        true
    }

    /// The first aligned place at or after byte `from`, and how many there is room for.
    fn room_for<T>(&self, from: usize) -> (*mut T, usize) {
        let start =
            from + (self.buf as usize + from).next_multiple_of(align_of::<T>()) - (self.buf as usize + from);
        let room = self.cap.saturating_sub(start) / size_of::<T>();
        (self.buf.wrapping_add(start).cast(), room)
    }

    /// Writes the first `length` bytes of `text`, less than `cap`, and a NUL.
    fn put_text(&self, text: &str, length: usize) {
        debug_assert!(length < self.cap && length <= text.len());
        // SAFETY: `new` was promised `cap` bytes; length + 1 are written, and the text has `length`.
        unsafe {
            std::ptr::copy_nonoverlapping(text.as_ptr(), self.buf, length);
            self.buf.add(length).write(0);
        }
    }
}

impl From<&Alternative> for wick_alternative {
    fn from(one: &Alternative) -> Self {
        Self { token: one.token, logprob: one.logprob }
    }
}

/// Ids and how many there are.
type Ids = (*const u32, u32);

/// Hands `event` whole to `take`.
pub(super) fn whole(event: Event, stream: u64, user: *mut c_void, take: impl FnOnce(&wick_event)) {
    let mut out = header(&event, stream, user);
    out.struct_size = size_of::<wick_event>() as u32;
    let mut with_nul = |text: &str| {
        out.text = text.as_ptr().cast();
        out.text_len = text.len() - 1;
    };
    match event.kind {
        EventKind::Text(mut text) => {
            text.text.push('\0');
            with_nul(&text.text);
            if !text.tokens.is_empty() {
                (out.tokens, out.token_count) = (text.tokens.as_ptr(), text.tokens.len() as u32);
            }
            let alternatives: Vec<wick_alternative> = text.alternatives.iter().map(Into::into).collect();
            if !alternatives.is_empty() {
                (out.alternatives, out.alternative_count) =
                    (alternatives.as_ptr(), alternatives.len() as u32);
            }
            take(&out);
        }
        EventKind::Note(mut text) | EventKind::LibraryNote(mut text) | EventKind::ToolCall(mut text) => {
            text.push('\0');
            with_nul(&text);
            take(&out);
        }
        EventKind::End(end) => {
            let mut text = end_text(&end);
            text.push('\0');
            with_nul(&text);
            take(&out);
        }
        EventKind::Vector(vector) => {
            with_nul("\0");
            (out.values, out.value_count) = (vector.values.as_ptr(), vector.values.len() as u32);
            take(&out);
        }
        EventKind::Started | EventKind::Progress { .. } => {
            with_nul("\0");
            take(&out);
        }
    }
}

/// Everything but text and ids.
fn header(event: &Event, stream: u64, user: *mut c_void) -> wick_event {
    // SAFETY: any bytes are a valid event, as `Versioned` says.
    let mut out: wick_event = unsafe { std::mem::zeroed() };
    out.stream = wick_stream { id: stream };
    out.user = user;
    out.seq = event.seq;
    out.time_ns = u64::try_from(event.time.as_nanos()).unwrap_or(u64::MAX);
    out.logprob = f32::NAN;
    out.stats = event.stats.into();
    out.kind = match &event.kind {
        EventKind::Started => WICK_EVENT_STARTED,
        EventKind::Progress { done, total } => {
            (out.done, out.total) = (*done, *total);
            WICK_EVENT_PROGRESS
        }
        EventKind::Text(text) => {
            out.logprob = text.logprob;
            out.channel = match text.channel {
                Channel::Answer => WICK_CHANNEL_ANSWER,
                Channel::Reasoning => WICK_CHANNEL_REASONING,
                Channel::Tool => WICK_CHANNEL_TOOL,
            };
            WICK_EVENT_TEXT
        }
        EventKind::Note(_) => {
            out.channel = WICK_NOTE_HOST;
            WICK_EVENT_NOTE
        }
        EventKind::LibraryNote(_) => {
            out.channel = WICK_NOTE_LIBRARY;
            WICK_EVENT_NOTE
        }
        EventKind::ToolCall(_) => WICK_EVENT_TOOL_CALL,
        EventKind::Vector(vector) => {
            (out.done, out.total) = (vector.index as u64, vector.count as u64);
            WICK_EVENT_VECTOR
        }
        EventKind::End(end) => {
            out.end_reason = reason(end.reason);
            out.status = end.error.as_ref().map_or(WICK_OK, |error| status_of(error.kind()));
            WICK_EVENT_END
        }
    };
    out
}

fn reason(reason: EndReason) -> u16 {
    match reason {
        EndReason::Stop => WICK_END_STOP,
        EndReason::StopString => WICK_END_STOP_STRING,
        EndReason::Length => WICK_END_LENGTH,
        EndReason::ContextFull => WICK_END_CONTEXT_FULL,
        EndReason::Ready => WICK_END_READY,
        EndReason::Cancelled => WICK_END_CANCELLED,
        EndReason::Deadline => WICK_END_DEADLINE,
        EndReason::Shutdown => WICK_END_SHUTDOWN,
        EndReason::Error => WICK_END_ERROR,
    }
}

/// The stop string that was met, or what failed.
fn end_text(end: &crate::stream::End) -> String {
    match (&end.stop, &end.error) {
        (Some(stop), _) => stop.clone(),
        (None, Some(error)) => error.message().to_owned(),
        (None, None) => String::new(),
    }
}
