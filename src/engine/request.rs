//! What is asked of the engine: a checked request.

use crate::chat::{Input, TextOptions, ToolChoice};
use crate::error::{Error, ErrorKind, Result};
use crate::sample::SamplerOptions;
use crate::text::Cut;
use crate::text::grammar::{Grammar, GrammarScope};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Instant;

/// A generation as the engine takes it: shapes and ranges are checked already.
#[derive(Debug, Clone)]
pub struct Request {
    /// What the model is given.
    pub input: Input,
    /// Tokens to generate at most; 0: until the context is full.
    pub max_tokens: u32,
    /// Tokens that come in a second at most; 0: as fast as it goes. The first comes as soon as it can; each
    /// of the others no earlier than its time, and nothing is computed before.
    pub max_tokens_per_second: u32,
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
    /// What each text of the stream is: what a token gives, or whole words, lines or sentences
    /// (docs/sentences.md), the last of them also what is left at the end. With logprobs only the first.
    pub cut: Cut,
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
    /// In a conversation, also going on without input: the answer begins so, and no reasoning comes before
    /// it; empty: as the model likes. It is text, whose ids are made by themselves behind the prompt's: the
    /// text of a control token in it stays text. It comes with its ids, and without logprobs, together with
    /// the first generated token, and is part of the assistant's message; it counts as prompt, and no stop
    /// string is looked for in it. Penalties see it as they see all the past. Refused with text or ids as
    /// input, with [`prefill_only`](Self::prefill_only), and without input where the session holds raw input.
    pub answer_prefix: String,
    /// What everything generated follows, or the answer ([`grammar_scope`](Self::grammar_scope)); it binds
    /// [`answer_prefix`](Self::answer_prefix) too. What cannot be compiled or honoured is the generation's
    /// end. Nothing with [`prefill_only`](Self::prefill_only).
    pub grammar: Option<Arc<Grammar>>,
    /// What of it the grammar binds.
    pub grammar_scope: GrammarScope,
    /// In a conversation with tools: whether they may be called, or have to be. Where they have to be,
    /// nothing with [`prefill_only`](Self::prefill_only), and refused with a grammar or
    /// [`answer_prefix`](Self::answer_prefix).
    pub tool_choice: ToolChoice,
    /// In a conversation: tokens of thinking at most, then what ends it is said in the model's place, at a
    /// whole character; `Some(0)`: before its first token; `None`: as many as the model likes.
    pub reasoning_budget: Option<u32>,
}

impl Request {
    /// How its input becomes tokens.
    pub(super) fn text_options(&self) -> TextOptions<'_> {
        TextOptions {
            parse_special: self.parse_special,
            answers: !self.prefill_only,
            max_tokens: self.max_tokens,
            tools: self.tools.as_ref(),
            template: self.template.as_ref(),
            template_time: self.template_time,
            answer_prefix: &self.answer_prefix,
            tool_choice: &self.tool_choice,
            reasoning_budget: self.reasoning_budget,
        }
    }

    /// Whether the answer may begin with [`answer_prefix`](Self::answer_prefix). `raw`: the session holds no
    /// conversation.
    ///
    /// # Errors
    /// `InvalidArgument`.
    pub fn check_answer_prefix(&self, raw: bool) -> Result<()> {
        self.text_options().check_answer_prefix(&self.input, raw)
    }

    /// Whether the answer may have to be a call of a tool.
    ///
    /// # Errors
    /// `InvalidArgument`.
    pub fn check_tool_choice(&self) -> Result<()> {
        let beside = match () {
            () if !self.tool_choice.wants_call() => return Ok(()),
            () if self.grammar.is_some() => "a grammar",
            () if !self.answer_prefix.is_empty() => "an answer_prefix",
            () => return Ok(()),
        };
        let why = format!("tool_choice wants a call, which {beside} does not go with: give one of both");
        Err(Error::new(ErrorKind::InvalidArgument, why))
    }
}

impl Default for Request {
    fn default() -> Self {
        Self {
            input: Input::Continue,
            max_tokens: 0,
            max_tokens_per_second: 0,
            priority: 0,
            sampling: SamplerOptions::default(),
            stop: Vec::new(),
            deadline: None,
            buffer_events: 0,
            echo_special: false,
            ignore_eos: false,
            cut: Cut::Token,
            prefill_only: false,
            parse_special: false,
            tools: None,
            template: None,
            template_time: 0,
            answer_prefix: String::new(),
            grammar: None,
            grammar_scope: GrammarScope::All,
            tool_choice: ToolChoice::Auto,
            reasoning_budget: None,
        }
    }
}
