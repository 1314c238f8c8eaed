//! Generations: options checked in shape, handed over, and a stream in return.

use super::border::error::wick_error;
use super::border::guard::{Tag, guard};
use super::border::handles;
use super::border::handles::unforked;
use super::border::ids::{wick_queue, wick_session, wick_stream};
use super::border::out::Out;
use super::border::sized::{self, Versioned};
use super::border::status::{WICK_OK, wick_status};
use super::border::str::{array, constant, copy, flag, refuse, wick_str};
use super::border::user::{UserData, wick_drop_fn};
use super::event::wick_event_fn;
use super::json;
use super::messages::{self, Variables, wick_message};
use super::reading::Reader;
use super::sampling::wick_sampling;
use super::session::SessionObject;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::{Input, Request, ToolChoice};
use crate::text::Cut;
use crate::text::grammar::{Grammar, GrammarKind, GrammarScope};
use std::ffi::c_void;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// No grammar.
pub const WICK_GRAMMAR_NONE: u32 = 0;
/// A JSON schema (docs/grammars.md says which keywords are kept).
pub const WICK_GRAMMAR_JSON_SCHEMA: u32 = 1;
/// A regular expression, Rust's, which the whole answer matches.
pub const WICK_GRAMMAR_REGEX: u32 = 2;
/// A Lark grammar, which begins at `start`.
pub const WICK_GRAMMAR_LARK: u32 = 3;
/// Any JSON value; `grammar` is absent.
pub const WICK_GRAMMAR_JSON: u32 = 4;
/// A GBNF grammar, as llama.cpp has it, which begins at `root`.
pub const WICK_GRAMMAR_GBNF: u32 = 5;

/// The grammar binds everything generated.
pub const WICK_SCOPE_ALL: u32 = 0;
/// Reasoning is free, the grammar binds what follows; no calls.
pub const WICK_SCOPE_ANSWER: u32 = 1;

/// The model may call a tool or not.
pub const WICK_TOOLS_AUTO: u32 = 0;
/// Tools stay in the prompt, a call cannot begin.
pub const WICK_TOOLS_NONE: u32 = 1;
/// The answer is one call, behind what the model thinks, and bound to the tools' schemas (docs/tools.md).
pub const WICK_TOOLS_REQUIRED: u32 = 2;
/// The answer is a call of the tool `tool_name`, bound to its schema.
pub const WICK_TOOLS_NAMED: u32 = 3;

/// A TEXT for each token that gives text.
pub const WICK_CUT_TOKEN: u32 = 0;
/// A TEXT holds whole words, each with the white space behind it.
pub const WICK_CUT_WORD: u32 = 1;
/// A TEXT holds a whole line, with its end.
pub const WICK_CUT_LINE: u32 = 2;
/// A TEXT holds a whole sentence, with the white space behind it.
pub const WICK_CUT_SENTENCE: u32 = 3;

/// As `reasoning_budget`: thinking is ended before its first token.
pub const WICK_NO_REASONING: u32 = u32::MAX;

/// What is added to one token's logit.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wick_logit_bias {
    /// The token.
    pub token: u32,
    /// Added to its logit; -INFINITY forbids it.
    pub bias: f32,
}

/// What is generated, how, and how its events are read. All zero but struct_size: go on from where the
/// session is, greedily.
///
/// Reading: no queue and no callback: wick_stream_next. A queue only: wick_queue_next. A callback only: it is
/// called on a thread of the runtime (in HOST_STEP: where the runtime's work is done). A queue and a
/// callback: it is called inside wick_queue_dispatch.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wick_generate_options {
    /// sizeof(wick_generate_options).
    pub struct_size: u32,
    /// Tokens to generate at most; 0: until the context is full.
    pub max_tokens: u32,
    /// Higher is computed first.
    pub priority: i32,
    /// 0.
    pub reserved0: u32,
    /// Raw text, appended: in two pieces it is as in one, but for words that are cut. A session's first gets
    /// BOS where the model's file says so, and SentencePiece's space; BOS never twice. The text of control
    /// tokens in it is plain text, but with `parse_special`: set that for a text from wick_model_render. At
    /// most one of prompt, messages and prompt_tokens; none: the session goes on where it ended, in the
    /// middle of a character too (END (LENGTH, CANCELLED, DEADLINE) shows only whole ones), and a
    /// conversation that ends with what the host gave opens the assistant's turn.
    pub prompt: wick_str,
    /// The new messages: appended to the conversation, through the model's chat template.
    pub messages: *const wick_message,
    /// How many messages there are.
    pub message_count: usize,
    /// Ids, appended as they are.
    pub prompt_tokens: *const u32,
    /// How many ids there are.
    pub prompt_token_count: usize,
    /// With messages: tools for the template, JSON, in place of the session's from this turn on, whole; "[]":
    /// none. Absent: those in force.
    pub tools_json: wick_str,
    /// With messages: a JSON object, more variables for the template, in place of the session's from this
    /// turn on, whole; "{}": none. Absent: those in force.
    pub template_json: wick_str,
    /// How tokens are chosen.
    pub sampling: wick_sampling,
    /// Stop strings: the answer ends before the first of them. The text of a control token counts, whole,
    /// though it is not shown.
    pub stop: *const wick_str,
    /// How many stop strings there are.
    pub stop_count: usize,
    /// What is added to single tokens' logits before all else; of a token that is named twice both.
    pub logit_bias: *const wick_logit_bias,
    /// How many biases there are.
    pub logit_bias_count: usize,
    /// WICK_GRAMMAR_…: what everything generated follows, from the first token, answer_prefix included. What
    /// cannot be compiled or honoured is END (ERROR, WICK_E_GRAMMAR), whose text names the keyword and its
    /// place; what the grammar completes is END (STOP). Nothing with prefill_only.
    pub grammar_kind: u32,
    /// The grammar; absent for WICK_GRAMMAR_NONE and WICK_GRAMMAR_JSON.
    pub grammar: wick_str,
    /// From now, in nanoseconds, until the generation ends at the latest; 0: none.
    pub deadline_ns: u64,
    /// Unread events after which this generation pauses; 0: never.
    pub buffer_events: u32,
    /// 1: each TEXT carries exactly one id, and its logprob (NaN for those of `answer_prefix`); its text may
    /// be empty.
    pub logprobs: u8,
    /// 1: control tokens show as their text.
    pub echo_special: u8,
    /// 1: end-of-generation tokens are tokens like others.
    pub ignore_eos: u8,
    /// 1: compute the keys and values of the input, without a generation prompt, and generate nothing: END
    /// (READY). A generation without input then opens the assistant's turn.
    pub prefill_only: u8,
    /// 1: the text of control tokens in `prompt` counts as these tokens. In messages it never does.
    pub parse_special: u8,
    /// 0.
    pub reserved: [u8; 3],
    /// The queue that the events are read through; id 0: none.
    pub queue: wick_queue,
    /// Takes the events; may be NULL.
    pub on_event: wick_event_fn,
    /// Comes back with every event.
    pub user: *mut c_void,
    /// Drops `user`, once: after the END callback or when the stream is closed, whichever is first; without a
    /// callback when it is closed.
    pub drop: wick_drop_fn,
    /// With messages: Unix seconds for the template's strftime_now; 0: the clock at the session's first turn.
    pub template_time: i64,
    /// In a conversation, also going on without input: the answer begins so, no reasoning comes before it;
    /// empty: none. It is TEXT (with its ids) together with the first generated token, and no output_tokens;
    /// part of the assistant's message, and of prompt_tokens. Plain text: control tokens written in it never
    /// count as such, and no stop string is looked for in it. WICK_E_INVALID_ARGUMENT with prompt,
    /// prompt_tokens or prefill_only, and without input where the session holds raw input.
    pub answer_prefix: wick_str,
    /// WICK_SCOPE_…: what of it the grammar binds. With WICK_SCOPE_ANSWER an answer that ends inside of the
    /// reasoning, other than by its length, is END (ERROR, WICK_E_GRAMMAR); without messages, or where the
    /// model's template knows no reasoning, it is as WICK_SCOPE_ALL.
    pub grammar_scope: u32,
    /// In a conversation: WICK_TOOLS_…. WICK_TOOLS_REQUIRED and WICK_TOOLS_NAMED are
    /// WICK_E_INVALID_ARGUMENT with a grammar or an answer_prefix, END (ERROR, WICK_E_INVALID_ARGUMENT)
    /// without tools in force, and nothing with prefill_only.
    pub tool_choice: u32,
    /// With WICK_TOOLS_NAMED the tool's name, one of those in force, else END (ERROR,
    /// WICK_E_INVALID_ARGUMENT); otherwise absent.
    pub tool_name: wick_str,
    /// With messages: tokens of thinking at most, then what ends it is said in the model's place, at a whole
    /// character (docs/reasoning.md). 0: no limit; WICK_NO_REASONING: ended before its first token.
    pub reasoning_budget: u32,
    /// WICK_CUT_…: what a TEXT is. A piece comes when what follows shows that it is whole, after 400
    /// characters whole or not, and at the end; the pieces are the same whatever the tokens are. Its ids are
    /// those whose text begins in it. With logprobs or top_logprobs only WICK_CUT_TOKEN.
    pub cut: u32,
    /// Alternatives per id, at most 20: how many of the model's likeliest tokens each TEXT names in
    /// `alternatives`. Above 0 it implies `logprobs`.
    pub top_logprobs: u32,
    /// Tokens that come in a second at most; 0: as fast as it goes. The first comes as soon as it can; each
    /// of the others no earlier than its time, and nothing is computed before.
    pub max_tokens_per_second: u32,
}

// SAFETY: repr(C), begins with struct_size; integers, floats, raw pointers and nullable functions only.
unsafe impl Versioned for wick_generate_options {
    const NAME: &'static str = "wick_generate_options";
}

/// [ANY] Starts a generation and returns in microseconds: the shape of what it is given is checked here; what
/// needs the model (template, ids beyond the vocabulary, an input over the context) comes as END (ERROR),
/// always. Not WICK_OK: there is no stream and no event, and `drop` has been called. `out` may be NULL if
/// there is a callback: then the stream closes itself after END. WICK_E_BUSY while a generation of the
/// session is live: until its END can be read, or until it is cancelled or closed. WICK_E_QUEUE_FULL: too
/// many wait.
///
/// What the session holds after END: with output_tokens 0, for any reason but WICK_END_READY, what it held
/// before, without the new input; else the input and all tokens that came, of messages the text that came as
/// the assistant's message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_generate(
    session: wick_session,
    options: *const wick_generate_options,
    out: *mut wick_stream,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::Any, error, || {
        let object = unforked(handles::get::<SessionObject>(session.id))?;
        // SAFETY: the caller's struct, as this function's docs say.
        let (given, user) = unsafe { sized::input_with(options, wick_generate_options::user) }?;
        let reader = Reader { queue: given.queue, on_event: given.on_event, user };
        // SAFETY: the caller's places, as this function's docs say.
        let out = unsafe {
            wick_error::check(error)?;
            if given.on_event.is_some() { Out::optional(out) } else { Some(Out::required(out, "out")?) }
        };
        let object = object?;
        // SAFETY: the caller's texts and arrays, as this function's docs say.
        let request = unsafe { given.request() }?;
        let (stream, reading) = reader.start(object.runtime, out.is_some())?;
        object.session.start(request, reading, |started| stream.register(started))?;
        let id = stream.keep();
        out.into_iter().for_each(|out| out.set(wick_stream { id }));
        Ok(WICK_OK)
    })
}

impl wick_generate_options {
    fn user(&self) -> UserData {
        UserData::new(self.user, self.drop)
    }

    /// # Safety
    /// The texts and arrays are readable.
    unsafe fn request(&self) -> Result<Request> {
        // SAFETY: as promised by the caller.
        let (input, stop, logit_bias, variables, prefix, grammar, tool_choice) = unsafe {
            self.refuse_the_rest()?;
            let variables = Variables::read(self.tools_json, self.template_json)?;
            let prefix = self.answer_prefix.read("answer_prefix")?.unwrap_or_default();
            (
                self.input()?,
                self.stops()?,
                self.biases()?,
                variables,
                prefix,
                self.grammar()?,
                self.tool_choice()?,
            )
        };
        Ok(Request {
            input,
            max_tokens: self.max_tokens,
            max_tokens_per_second: self.max_tokens_per_second,
            priority: self.priority,
            sampling: self.sampling.read(logit_bias, flag(self.logprobs, "logprobs")?, self.top_logprobs)?,
            stop,
            deadline: match self.deadline_ns {
                0 => None,
                after => Instant::now().checked_add(Duration::from_nanos(after)),
            },
            buffer_events: self.buffer_events as usize,
            echo_special: flag(self.echo_special, "echo_special")?,
            ignore_eos: flag(self.ignore_eos, "ignore_eos")?,
            cut: self.cut()?,
            prefill_only: flag(self.prefill_only, "prefill_only")?,
            parse_special: flag(self.parse_special, "parse_special")?,
            tools: variables.tools.map(Arc::new),
            template: variables.template.map(Arc::new),
            template_time: self.template_time,
            answer_prefix: copy(prefix)?,
            grammar: grammar.map(Arc::new),
            grammar_scope: match self.grammar_scope {
                WICK_SCOPE_ANSWER => GrammarScope::Answer,
                _ => GrammarScope::All,
            },
            tool_choice,
            reasoning_budget: match self.reasoning_budget {
                0 => None,
                WICK_NO_REASONING => Some(0),
                tokens => Some(tokens),
            },
        })
    }

    /// Refuses every field that this release does not honour.
    ///
    /// # Safety
    /// The texts are readable.
    unsafe fn refuse_the_rest(&self) -> Result<()> {
        constant(self.grammar_kind, WICK_GRAMMAR_GBNF, "grammar_kind", "WICK_GRAMMAR_…")?;
        constant(self.grammar_scope, WICK_SCOPE_ANSWER, "grammar_scope", "WICK_SCOPE_…")?;
        constant(self.tool_choice, WICK_TOOLS_NAMED, "tool_choice", "WICK_TOOLS_…")?;
        let has_grammar = self.grammar_kind != WICK_GRAMMAR_NONE;
        let lacking = [
            (self.reserved0 != 0, "wick_generate_options.reserved0"),
            (self.reserved != [0; 3], "wick_generate_options.reserved"),
            (has_grammar && !cfg!(feature = "text"), "grammar_kind"),
            (self.tool_choice > WICK_TOOLS_NONE && !cfg!(feature = "text"), "tool_choice"),
        ];
        lacking.into_iter().try_for_each(|(given, name)| refuse(given, name))
    }

    /// # Safety
    /// The text is readable.
    unsafe fn tool_choice(&self) -> Result<ToolChoice> {
        // SAFETY: as promised by the caller.
        let name = unsafe { self.tool_name.read("tool_name") }?;
        let wrong = |why| Err(Error::new(ErrorKind::InvalidArgument, why));
        match (self.tool_choice, name) {
            (WICK_TOOLS_NAMED, Some(name)) if !name.is_empty() => Ok(ToolChoice::Named(copy(name)?.into())),
            (WICK_TOOLS_NAMED, _) => {
                wrong("tool_name is absent or empty, and tool_choice is WICK_TOOLS_NAMED")
            }
            (_, Some(_)) => {
                wrong("tool_name is given, and tool_choice is not WICK_TOOLS_NAMED; leave it out")
            }
            (WICK_TOOLS_REQUIRED, None) => Ok(ToolChoice::Required),
            (WICK_TOOLS_NONE, None) => Ok(ToolChoice::None),
            _ => Ok(ToolChoice::Auto),
        }
    }

    /// # Safety
    /// The text is readable.
    unsafe fn grammar(&self) -> Result<Option<Grammar>> {
        // SAFETY: as promised by the caller.
        let text = unsafe { self.grammar.read("grammar") }?;
        let kind = match self.grammar_kind {
            WICK_GRAMMAR_NONE => None,
            WICK_GRAMMAR_JSON_SCHEMA => Some(GrammarKind::JsonSchema),
            WICK_GRAMMAR_REGEX => Some(GrammarKind::Regex),
            WICK_GRAMMAR_LARK => Some(GrammarKind::Lark),
            WICK_GRAMMAR_JSON => Some(GrammarKind::Json),
            _ => Some(GrammarKind::Gbnf),
        };
        let wrong = |why: String| Err(Error::new(ErrorKind::InvalidArgument, why));
        let number = self.grammar_kind;
        match (kind, text.filter(|text| !text.is_empty())) {
            (None, None) if text.is_none() => Ok(None),
            (None, _) => wrong("grammar is given, and grammar_kind is 0; say which kind it is".into()),
            (Some(GrammarKind::Json), Some(_)) => {
                wrong(format!("grammar is given, and grammar_kind is {number}, any JSON, which has none"))
            }
            (Some(kind @ GrammarKind::Json), None) => Ok(Some(Grammar { kind, text: String::new() })),
            (Some(_), None) => wrong(format!("grammar is absent or empty, and grammar_kind is {number}")),
            (Some(kind), Some(text)) => {
                if kind == GrammarKind::JsonSchema {
                    json::value(text, "grammar")?;
                }
                Ok(Some(Grammar { kind, text: copy(text)? }))
            }
        }
    }

    fn cut(&self) -> Result<Cut> {
        constant(self.cut, WICK_CUT_SENTENCE, "cut", "WICK_CUT_…")?;
        Ok(match self.cut {
            WICK_CUT_WORD => Cut::Word,
            WICK_CUT_LINE => Cut::Line,
            WICK_CUT_SENTENCE => Cut::Sentence,
            _ => Cut::Token,
        })
    }

    /// # Safety
    /// The biases are readable.
    unsafe fn biases(&self) -> Result<Vec<(u32, f32)>> {
        // SAFETY: as promised by the caller.
        let given = unsafe { array(self.logit_bias, self.logit_bias_count, "logit_bias") }?;
        let mut biases = Vec::new();
        biases.try_reserve_exact(given.len())?;
        biases.extend(given.iter().map(|bias| (bias.token, bias.bias)));
        Ok(biases)
    }

    /// # Safety
    /// The texts and arrays are readable.
    unsafe fn input(&self) -> Result<Input> {
        // SAFETY: as promised by the caller.
        let (prompt, messages, tokens) = unsafe {
            (
                self.prompt.read("prompt")?,
                messages::read(self.messages, self.message_count)?,
                array(self.prompt_tokens, self.prompt_token_count, "prompt_tokens")?,
            )
        };
        match (prompt, messages.is_empty(), tokens.is_empty()) {
            (None, true, true) => Ok(Input::Continue),
            (Some(prompt), true, true) => Ok(Input::Text(copy(prompt)?)),
            (None, false, true) => Ok(Input::Messages(messages)),
            (None, true, false) => {
                let mut ids = Vec::new();
                ids.try_reserve_exact(tokens.len())?;
                ids.extend_from_slice(tokens);
                Ok(Input::Tokens(ids))
            }
            _ => {
                let why = "give at most one of prompt, messages and prompt_tokens";
                Err(Error::new(ErrorKind::InvalidArgument, why))
            }
        }
    }

    /// # Safety
    /// The stop strings are readable.
    unsafe fn stops(&self) -> Result<Vec<String>> {
        // SAFETY: as promised by the caller.
        let given = unsafe { array(self.stop, self.stop_count, "stop") }?;
        let mut stops = Vec::new();
        stops.try_reserve_exact(given.len())?;
        for (index, stop) in given.iter().enumerate() {
            // SAFETY: as promised by the caller.
            let text = unsafe { stop.require("the text") };
            stops.push(copy(text.map_err(|error| error.within(format_args!("stop[{index}]")))?)?);
        }
        Ok(stops)
    }
}
