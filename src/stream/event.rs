//! What a stream delivers: typed events, the last of which says why the stream ended; knows no channel.

use crate::error::Error;
use crate::sample::Alternative;
use compact_str::CompactString;
use smallvec::SmallVec;
use std::time::Duration;

/// One event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// 0, 1, 2, … without a gap, in the order of delivery.
    pub seq: u64,
    /// When it happened, since the stream was started; never less than that of the event before.
    pub time: Duration,
    /// The stream's figures: final with [`EventKind::End`], else as of the delivery.
    pub stats: Stats,
    /// What happened.
    pub kind: EventKind,
}

/// What happened: `Started? (Progress | Text | Note | LibraryNote | ToolCall | Vector)* End`.
#[derive(Debug, Clone, PartialEq)]
pub enum EventKind {
    /// The request left the waiting line.
    Started,
    /// A load went on: `done` of `total` bytes; or a prefill: tokens, or bytes of weights while a model's
    /// first pass waits long for its file.
    Progress {
        /// Bytes or tokens so far.
        done: u64,
        /// Bytes or tokens in all.
        total: u64,
    },
    /// Text that can be shown.
    Text(Text),
    /// The host's own trace, merged into its stream.
    Note(String),
    /// What the library has to say of the generation: a JSON object whose `event` says what it is about.
    /// "rolled": so many `messages` and `tokens` of the conversation have gone; "template_lacks": `what` the
    /// chat template has no place for, and what was done `instead`; "malformed_call": `why` what was to be a
    /// call of a tool is none. Skip what you do not know.
    /// Never dropped.
    LibraryNote(String),
    /// One call of a tool: `{"id":"…","name":"…","arguments":{…}}`.
    ToolCall(String),
    /// What a model makes of one text.
    Vector(Vector),
    /// Always the last event, exactly once.
    End(End),
}

/// Generated text and the token ids behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// Whole UTF-8 code points; empty if the ids have no text of their own.
    pub text: CompactString,
    /// The ids behind the text, complete and in order.
    pub tokens: SmallVec<[u32; 4]>,
    /// Natural logarithm of the last id's probability by the model itself, before bias, penalties, truncation
    /// and temperature; NaN unless asked for, and for ids that the host began the answer with.
    pub logprob: f32,
    /// The model's likeliest ids in place of the last one, as
    /// [`Sampled::alternatives`](crate::sample::Sampled::alternatives) has them; empty unless asked for.
    pub alternatives: Vec<Alternative>,
    /// What the text is part of.
    pub channel: Channel,
}

impl Text {
    /// Text to be shown, and the ids behind it, of which nobody asked how likely they were.
    pub fn plain(text: CompactString, tokens: SmallVec<[u32; 4]>) -> Self {
        Self { text, tokens, logprob: f32::NAN, alternatives: Vec::new(), channel: Channel::Answer }
    }
}

/// What a model makes of one of the texts that it was given.
#[derive(Debug, Clone, PartialEq)]
pub struct Vector {
    /// Which of the texts, from 0.
    pub index: usize,
    /// How many there are.
    pub count: usize,
    /// (dim), of length 1.
    pub values: Vec<f32>,
}

/// What a text is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Channel {
    /// To be shown.
    #[default]
    Answer,
    /// Thinking.
    Reasoning,
    /// A tool call's markup.
    Tool,
}

/// How a stream ended.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    /// Why.
    pub reason: EndReason,
    /// The stop string that was met, with [`EndReason::StopString`].
    pub stop: Option<String>,
    /// What failed, with [`EndReason::Error`].
    pub error: Option<Error>,
    /// The final figures.
    pub stats: Stats,
}

/// Why a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// An end-of-generation token.
    Stop,
    /// A stop string.
    StopString,
    /// The request's token limit.
    Length,
    /// The session's context is full.
    ContextFull,
    /// A load, save, restore or prewarm finished.
    Ready,
    /// The host cancelled it.
    Cancelled,
    /// The request's deadline passed.
    Deadline,
    /// The runtime was shut down.
    Shutdown,
    /// Something failed: see [`End::error`].
    Error,
}

impl End {
    /// An end for `reason`, without figures.
    pub fn new(reason: EndReason) -> Self {
        Self { reason, stop: None, error: None, stats: Stats::default() }
    }

    /// An end because of `error`.
    pub fn failed(error: Error) -> Self {
        Self { error: Some(error), ..Self::new(EndReason::Error) }
    }
}

/// A stream's figures; times in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Tokens before the first generated one: the session's past and the input, cached ones included.
    pub prompt_tokens: u32,
    /// Those of them whose keys and values were there already, by the session itself or by others that begin
    /// alike.
    pub cached_tokens: u32,
    /// Generated tokens delivered, or to be delivered.
    pub output_tokens: u32,
    /// The session's length now.
    pub session_tokens: u32,
    /// From the request to its start.
    pub queue_ns: u64,
    /// From the start to the first sampled token.
    pub prefill_ns: u64,
    /// From the request to the first text being readable.
    pub ttft_ns: u64,
    /// From the first sampled token to the last.
    pub decode_ns: u64,
    /// The longest time between two generated tokens.
    pub max_gap_ns: u64,
    /// The effective seed.
    pub seed: u64,
    /// Notes that a slow consumer lost.
    pub notes_dropped: u64,
    /// Tokens that were drafted, and computed together with the one before them.
    pub draft_tokens: u64,
    /// Those that were then chosen: each of them saved a pass.
    pub draft_accepted: u64,
}
