//! What a generation gives its session: input, and how it becomes tokens.

use crate::error::{Error, ErrorKind, Result};
use crate::text::Message;
use serde_json::{Map, Value};
use std::sync::Arc;

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

/// Whether an answer may call tools, where the conversation has some.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ToolChoice {
    /// As the model likes.
    #[default]
    Auto,
    /// The template is given the tools, but no call can begin: tokens that would begin one are not drawn.
    None,
    /// The answer is one call, behind what the model thinks, and its arguments are what the tool's schema
    /// allows. What cannot be bound is the generation's end (docs/tools.md).
    Required,
    /// The same, of the tool with this name.
    Named(Arc<str>),
}

impl ToolChoice {
    /// Whether the answer is a call.
    pub fn wants_call(&self) -> bool {
        matches!(self, Self::Required | Self::Named(_))
    }
}

/// The role of a system message.
pub(super) const SYSTEM: &str = "system";

impl Input {
    /// Whether these are messages, the first of them a system message.
    pub fn begins_with_system(&self) -> bool {
        matches!(self, Self::Messages(new) if new.first().is_some_and(|message| message.role == SYSTEM))
    }
}

/// How an input becomes tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextOptions<'a> {
    /// Whether the text of control tokens in an [`Input::Text`] counts as these tokens.
    pub(crate) parse_special: bool,
    /// Whether an answer follows, for which a template opens the assistant's turn.
    pub(crate) answers: bool,
    /// Tokens of the answer at most; 0: as many as there is room for.
    pub(crate) max_tokens: u32,
    /// Tools for the template, in place of the session's from this turn on; an empty list: none.
    pub(crate) tools: Option<&'a Arc<Value>>,
    /// More variables for the template, in place of the session's from this turn on; an empty object: none.
    pub(crate) template: Option<&'a Arc<Map<String, Value>>>,
    /// Seconds since 1970 (UTC) for the template's `strftime_now`; 0: the clock at the session's first turn.
    pub(crate) template_time: i64,
    /// What the answer begins with; empty: as the model likes.
    pub(crate) answer_prefix: &'a str,
    /// Whether tools may be called.
    pub(crate) tool_choice: &'a ToolChoice,
    /// Tokens of thinking at most; `None`: as many as the model likes.
    pub(crate) reasoning_budget: Option<u32>,
}

impl TextOptions<'_> {
    /// Whether the answer to `input` may begin with what is given. `raw`: the session holds no conversation.
    ///
    /// # Errors
    /// `InvalidArgument`.
    pub(crate) fn check_answer_prefix(self, input: &Input, raw: bool) -> Result<()> {
        let why = match input {
            _ if self.answer_prefix.is_empty() => return Ok(()),
            _ if !self.answers => "prefill_only generates no answer that could begin with it; leave it out",
            Input::Text(_) => "it begins the assistant's answer to messages; append it to the prompt instead",
            Input::Tokens(_) => {
                "it begins the assistant's answer to messages; append its ids to prompt_tokens instead"
            }
            Input::Continue if raw => {
                "it begins the assistant's answer, and the session holds no conversation; give it as the prompt instead"
            }
            Input::Continue | Input::Messages(_) => return Ok(()),
        };
        Err(Error::new(ErrorKind::InvalidArgument, format!("answer_prefix is given: {why}")))
    }
}

/// Whether a session with a system message of its own takes `input`; `first`: nothing was said yet.
///
/// # Errors
/// `InvalidArgument`.
pub fn check_beside_system(input: &Input, first: bool) -> Result<()> {
    let why = match input {
        Input::Text(_) | Input::Tokens(_) => {
            "the session has a system message of its own, so it takes messages: give the text as a message, or use a session without"
        }
        Input::Messages(_) if first && input.begins_with_system() => {
            "the session has a system message of its own: leave yours out, or change the session's (wick_session_set_system)"
        }
        _ => return Ok(()),
    };
    Err(Error::new(ErrorKind::InvalidArgument, why))
}
