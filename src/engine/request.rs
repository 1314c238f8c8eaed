//! What is asked of the engine: a checked request.

use crate::sample::SamplerOptions;
use crate::text::Message;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Instant;

/// A generation's input.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Go on from where the session is.
    Continue,
    /// Raw text, appended; the first of a session gets BOS where the model's file says so, unless it writes
    /// it itself.
    Text(String),
    /// Token ids, appended as they are.
    Tokens(Vec<u32>),
    /// New messages, appended to the conversation.
    Messages(Vec<Message>),
}

/// A generation as the engine takes it: shapes and ranges are checked already.
#[derive(Debug, Clone)]
pub struct Request {
    /// What the model is given.
    pub input: Input,
    /// Tokens to generate at most; 0: until the context is full.
    pub max_tokens: u32,
    /// Higher is computed first.
    pub priority: i32,
    /// How tokens are chosen.
    pub sampling: SamplerOptions,
    /// Stop strings; none is empty.
    pub stop: Vec<String>,
    /// When the generation ends at the latest.
    pub deadline: Option<Instant>,
    /// Unread events after which the generation pauses; 0: never.
    pub buffer_events: usize,
    /// Control tokens show as their text.
    pub echo_special: bool,
    /// End-of-generation tokens are tokens like others.
    pub ignore_eos: bool,
    /// Only compute the keys and values of the input.
    pub prefill_only: bool,
    /// The text of control tokens in an [`Input::Text`] counts as these tokens: for what [`Vocab::render`]
    /// gave. In messages it never does.
    pub parse_special: bool,
    /// With messages: tools for the template, usually a list of JSON schemas, in place of the session's from
    /// this turn on; an empty list: none.
    pub tools: Option<Arc<Value>>,
    /// With messages: more variables for the template, in place of the session's from this turn on; an empty
    /// object: none.
    pub template: Option<Arc<Map<String, Value>>>,
    /// Seconds since 1970 (UTC) for the template's `strftime_now`; 0: the clock at the session's first turn.
    pub template_time: i64,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            input: Input::Continue,
            max_tokens: 0,
            priority: 0,
            sampling: SamplerOptions::default(),
            stop: Vec::new(),
            deadline: None,
            buffer_events: 0,
            echo_special: false,
            ignore_eos: false,
            prefill_only: false,
            parse_special: false,
            tools: None,
            template: None,
            template_time: 0,
        }
    }
}
