//! Events as C sees them; knows no stream.

use super::border::ids::wick_stream;
use super::border::sized::Versioned;
use super::border::status::wick_status;
use crate::stream::Stats;
use std::ffi::{c_char, c_void};

/// The request left the waiting line; at most once, and then first.
pub const WICK_EVENT_STARTED: u16 = 1;
/// A load went on: `done` of `total` bytes; or the computing of an input: tokens, or bytes of weights while a
/// model's first pass waits long for its file. Only the newest unread one is kept.
pub const WICK_EVENT_PROGRESS: u16 = 2;
/// Text that can be shown, and the ids behind it.
pub const WICK_EVENT_TEXT: u16 = 3;
/// A note, merged by the host with wick_stream_note or by the library: `channel` says whose.
pub const WICK_EVENT_NOTE: u16 = 4;
/// The end: always the last event, exactly once.
pub const WICK_EVENT_END: u16 = 5;
/// One call of a tool, whole, as JSON: `{"id":"…","name":"…","arguments":{…}}` (docs/tools.md).
pub const WICK_EVENT_TOOL_CALL: u16 = 6;
/// The vector of one text of wick_embed_start, or its score of wick_rerank_start.
pub const WICK_EVENT_VECTOR: u16 = 7;

/// Not an END event.
pub const WICK_END_NONE: u16 = 0;
/// An end-of-generation token.
pub const WICK_END_STOP: u16 = 1;
/// A stop string; the event's text says which.
pub const WICK_END_STOP_STRING: u16 = 2;
/// max_tokens were generated.
pub const WICK_END_LENGTH: u16 = 3;
/// The session's context is full.
pub const WICK_END_CONTEXT_FULL: u16 = 4;
/// A load or a prefill finished.
pub const WICK_END_READY: u16 = 5;
/// The host cancelled it, or closed its session.
pub const WICK_END_CANCELLED: u16 = 6;
/// Its deadline passed.
pub const WICK_END_DEADLINE: u16 = 7;
/// The runtime was shut down.
pub const WICK_END_SHUTDOWN: u16 = 8;
/// Something failed: see the event's status and text.
pub const WICK_END_ERROR: u16 = 9;

/// A NOTE of the host's, from wick_stream_note.
pub const WICK_NOTE_HOST: u16 = 0;
/// A NOTE of the library's: a JSON object, never dropped. Its `event` says what it is about: "rolled", with
/// `messages` and `tokens`: so many have gone (WICK_OVERFLOW_ROLL). Skip what you do not know.
pub const WICK_NOTE_LIBRARY: u16 = 1;

/// A TEXT to be shown.
pub const WICK_CHANNEL_ANSWER: u16 = 0;
/// A TEXT of thinking (docs/reasoning.md).
pub const WICK_CHANNEL_REASONING: u16 = 1;
/// A TEXT that is a tool call's markup. The call itself comes as WICK_EVENT_TOOL_CALL.
pub const WICK_CHANNEL_TOOL: u16 = 2;

/// A stream's figures; times in nanoseconds. This struct lies inside another: it has no struct_size,
/// `reserved` is its room.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct wick_stats {
    /// Tokens before the first generated one: the session's past and the input, cached ones included.
    pub prompt_tokens: u32,
    /// Those of them whose keys and values were there already, by the session itself or by others that begin
    /// alike.
    pub cached_tokens: u32,
    /// Generated tokens.
    pub output_tokens: u32,
    /// The session's length now: what wick_session_rewind takes.
    pub session_tokens: u32,
    /// From wick_generate to STARTED.
    pub queue_ns: u64,
    /// From STARTED to the first sampled token, with prefill_only to END.
    pub prefill_ns: u64,
    /// From wick_generate to the first TEXT being readable.
    pub ttft_ns: u64,
    /// From the first sampled token to the last.
    pub decode_ns: u64,
    /// The longest time between two generated tokens.
    pub max_gap_ns: u64,
    /// The effective seed.
    pub seed: u64,
    /// Unread notes that were dropped.
    pub notes_dropped: u64,
    /// Tokens that were drafted: computed together with the one before them, since the text seemed to repeat
    /// itself.
    pub draft_tokens: u64,
    /// Those of them that were then chosen: each saved a pass.
    pub draft_accepted: u64,
    /// 0.
    pub reserved: [u64; 3],
}

/// An id that could have come in place of the last one, and the natural logarithm of its probability by the
/// model itself: before biases, penalties, grammar, truncation and temperature.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wick_alternative {
    /// The token.
    pub token: u32,
    /// Natural logarithm of its probability.
    pub logprob: f32,
}

/// One event of a stream. A field that says nothing of this kind of event is zero (`logprob`: NaN; `text`:
/// empty).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wick_event {
    /// sizeof(wick_event), set by the caller.
    pub struct_size: u32,
    /// WICK_EVENT_…
    pub kind: u16,
    /// END: WICK_END_…
    pub end_reason: u16,
    /// Whose event it is.
    pub stream: wick_stream,
    /// As given when the stream was started.
    pub user: *mut c_void,
    /// 0, 1, 2, … without a gap; END is the last.
    pub seq: u64,
    /// When it happened, since the stream was started.
    pub time_ns: u64,
    /// TEXT, NOTE: whole UTF-8 code points; TOOL_CALL: JSON; END: the stop string or the error's text. A NUL
    /// follows it.
    pub text: *const c_char,
    /// Bytes of `text`, without the NUL.
    pub text_len: usize,
    /// TEXT: the ids behind this text.
    pub tokens: *const u32,
    /// How many ids there are at `tokens`.
    pub token_count: u32,
    /// TEXT: natural logarithm of the last id's probability, if asked for; else NaN.
    pub logprob: f32,
    /// PROGRESS: bytes or tokens so far. VECTOR: the text's index.
    pub done: u64,
    /// PROGRESS: bytes or tokens in all. VECTOR: how many texts there are.
    pub total: u64,
    /// END: the error if `end_reason` is WICK_END_ERROR, else WICK_OK.
    pub status: wick_status,
    /// TEXT: WICK_CHANNEL_…; NOTE: WICK_NOTE_…
    pub channel: u16,
    /// 1: the text, the ids or the values go on in this stream's next event.
    pub more: u16,
    /// END: the final figures; else as of now.
    pub stats: wick_stats,
    /// TEXT with top_logprobs: the likeliest ids in place of the last one, in order; the last one is among
    /// them where it is one of these. NULL for ids of `answer_prefix`.
    pub alternatives: *const wick_alternative,
    /// How many there are at `alternatives`.
    pub alternative_count: u32,
    /// How many there are at `values`.
    pub value_count: u32,
    /// VECTOR: `value_count` floats, L2-normalised; of wick_rerank_start the score. `done` is the text's
    /// index.
    pub values: *const f32,
}

// SAFETY: repr(C), begins with struct_size; integers, floats and raw pointers only.
unsafe impl Versioned for wick_event {
    const NAME: &'static str = "wick_event";
}

/// Takes an event; the pointers in `*event` are valid during the call. Calls for one stream never overlap. It
/// has to return: no exception, longjmp or panic may leave it. Inside it, [BLOCK] and [EXCL] functions return
/// WICK_E_REENTRANT.
pub type wick_event_fn = Option<unsafe extern "C" fn(user: *mut c_void, event: *const wick_event)>;

impl From<Stats> for wick_stats {
    fn from(stats: Stats) -> Self {
        Self {
            prompt_tokens: stats.prompt_tokens,
            cached_tokens: stats.cached_tokens,
            output_tokens: stats.output_tokens,
            session_tokens: stats.session_tokens,
            queue_ns: stats.queue_ns,
            prefill_ns: stats.prefill_ns,
            ttft_ns: stats.ttft_ns,
            decode_ns: stats.decode_ns,
            max_gap_ns: stats.max_gap_ns,
            seed: stats.seed,
            notes_dropped: stats.notes_dropped,
            draft_tokens: stats.draft_tokens,
            draft_accepted: stats.draft_accepted,
            ..Self::default()
        }
    }
}
