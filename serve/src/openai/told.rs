//! What all answers tell besides their text: names, why they ended, figures.

use super::ask::{Asked, Shape};
use super::{identity, now};
use crate::metrics::reason_name;
use crate::model::Served;
use serde_json::{Value, json};
use std::rc::Rc;
use std::sync::Arc;
use wick::{End, EndReason, Vocab};

/// What an answer is told with.
pub struct Told {
    pub id: String,
    pub shape: Shape,
    pub created: u64,
    pub model: Rc<str>,
    /// A stream tells its usage.
    pub include_usage: bool,
    /// Where tokens are named with their logprobs: by this.
    pub logprobs: Option<Arc<dyn Vocab>>,
}

impl Told {
    /// For an answer to `asked`.
    pub fn new(asked: &Asked, served: &Served) -> Self {
        let prefix = match asked.shape {
            Shape::Chat => "chatcmpl-",
            Shape::Completion => "cmpl-",
        };
        Self {
            id: identity(prefix),
            shape: asked.shape,
            created: now(),
            model: served.name.clone(),
            include_usage: asked.include_usage,
            logprobs: asked.logprobs.then(|| served.vocab.clone()),
        }
    }

    /// The object's name, as a stream's part or whole.
    pub fn object(&self, part: bool) -> &'static str {
        match (self.shape, part) {
            (Shape::Chat, true) => "chat.completion.chunk",
            (Shape::Chat, false) => "chat.completion",
            (Shape::Completion, _) => "text_completion",
        }
    }
}

/// Why it ended, in OpenAI's words; "cancelled", which only jobs can be, is ours.
/// `calls`: it has called tools.
pub fn finish_reason(end: &End, calls: bool) -> &'static str {
    match end.reason {
        EndReason::Stop | EndReason::StopString if calls => "tool_calls",
        EndReason::Length | EndReason::ContextFull | EndReason::Deadline => "length",
        EndReason::Cancelled => "cancelled",
        _ => "stop",
    }
}

/// Tokens of prompt and answer.
pub fn usage(end: &End) -> Value {
    let stats = &end.stats;
    json!({
        "prompt_tokens": stats.prompt_tokens,
        "completion_tokens": stats.output_tokens,
        "total_tokens": u64::from(stats.prompt_tokens) + u64::from(stats.output_tokens),
        "prompt_tokens_details": {"cached_tokens": stats.cached_tokens},
    })
}

/// What the library has to say of an end, which OpenAI's API has no place for; times in milliseconds.
pub fn figures(end: &End) -> Value {
    let stats = &end.stats;
    let milliseconds = |nanoseconds: u64| (nanoseconds as f64 / 1e3).round() / 1e3;
    // The first token takes no time of decoding.
    let (later, decode) = (stats.output_tokens.saturating_sub(1), stats.decode_ns as f64 / 1e9);
    let per_second = (later > 0 && decode > 0.0).then(|| (f64::from(later) / decode * 10.0).round() / 10.0);
    json!({
        "end_reason": reason_name(end.reason),
        "stop": end.stop,
        "seed": stats.seed,
        "queue_ms": milliseconds(stats.queue_ns),
        "prefill_ms": milliseconds(stats.prefill_ns),
        "ttft_ms": milliseconds(stats.ttft_ns),
        "decode_ms": milliseconds(stats.decode_ns),
        "max_gap_ms": milliseconds(stats.max_gap_ns),
        "tokens_per_second": per_second,
    })
}
