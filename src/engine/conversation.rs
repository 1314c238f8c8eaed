//! A session's conversation: what it takes, its messages, and what its turns are rendered with; knows no
//! tokens and no decoder.

use super::copies;
use super::request::{Input, Request};
use super::said::{Answer, Control, Said, SaidMark};
use crate::error::{Error, ErrorKind, Result};
use crate::text::{Message, Unfinished};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The role of generated messages.
const ASSISTANT: &str = "assistant";
/// The role of the session's own message.
const SYSTEM: &str = "system";

/// What a session is made with.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SessionOptions {
    /// Tokens that the session may hold; `None`: as many as the model's context. More than that is
    /// `InvalidArgument`.
    pub context_length: Option<usize>,
    /// The persona: a system message before all others that belongs to the session, so that neither a
    /// cancelled turn nor a clear loses it. Such a session takes messages only, and no system message as the
    /// conversation's first.
    pub system: Option<String>,
    /// Tools for the template in every turn, usually a list of JSON schemas, until a generation brings its
    /// own ([`Request::tools`]).
    pub tools: Option<Value>,
    /// More variables for the template in every turn, until a generation brings its own
    /// ([`Request::template`]).
    pub template: Option<Map<String, Value>>,
}

impl SessionOptions {
    /// The session's own message.
    pub fn system_message(&self) -> Option<Message> {
        self.system.clone().map(system_message)
    }
}

/// What a session takes until it is cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Empty,
    Raw,
    Chat,
}

/// What the template is given besides messages.
#[derive(Debug, Clone, Default)]
struct Variables {
    tools: Option<Arc<Value>>,
    template: Option<Arc<Map<String, Value>>>,
}

impl Variables {
    fn new(tools: Option<Value>, template: Option<Map<String, Value>>) -> Self {
        let none = Self::default();
        none.replaced(tools.map(Arc::new), template.map(Arc::new))
    }

    /// The same, with what is given in place of what was there, whole. Empty ones are none.
    fn replaced(&self, tools: Option<Arc<Value>>, template: Option<Arc<Map<String, Value>>>) -> Self {
        let tools = tools.or_else(|| self.tools.clone());
        let template = template.or_else(|| self.template.clone());
        let is_empty = |tools: &Value| tools.is_null() || tools.as_array().is_some_and(Vec::is_empty);
        Self {
            tools: tools.filter(|tools| !is_empty(tools)),
            template: template.filter(|template| !template.is_empty()),
        }
    }
}

/// All that one turn is rendered from.
pub(super) struct Turn {
    /// The system's first.
    pub(super) messages: Vec<Message>,
    /// Control tokens that the model itself said, by message.
    pub(super) controls: Vec<(usize, Vec<Control>)>,
    pub(super) tools: Option<Arc<Value>>,
    pub(super) template: Option<Arc<Map<String, Value>>>,
    /// Seconds since 1970 (UTC), for the template's `strftime_now`.
    pub(super) unix_time: i64,
}

/// How to bring a conversation back to where it was before a turn.
#[derive(Debug)]
pub(super) struct Mark {
    mode: Mode,
    messages: usize,
    said: SaidMark,
    variables: Variables,
}

/// The messages of a session, or the knowledge that it holds raw input.
pub(super) struct Conversation {
    mode: Mode,
    /// The session's own, before all others.
    system: Option<Message>,
    messages: Vec<Message>,
    /// What the model said of them, and where it ended.
    said: Said,
    /// Those in force.
    variables: Variables,
    /// The session's own, which a clear brings back.
    own: Variables,
    /// The clock at the first turn: the same prompt again gives the same tokens.
    clock: Option<i64>,
}

impl Conversation {
    pub(super) fn new(
        system: Option<String>,
        tools: Option<Value>,
        template: Option<Map<String, Value>>,
    ) -> Self {
        let own = Variables::new(tools, template);
        let system = system.map(system_message);
        let (messages, said) = (Vec::new(), Said::default());
        Self { mode: Mode::Empty, system, messages, said, variables: own.clone(), own, clock: None }
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    /// How many messages there are, without the session's own.
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// The session's own message, and the others.
    pub(super) fn all(&self) -> (Option<&Message>, &[Message]) {
        (self.system.as_ref(), &self.messages)
    }

    /// Whether the first message is a system message that is not the session's.
    pub(super) fn begins_with_system(&self) -> bool {
        self.messages.first().is_some_and(|message| message.role == SYSTEM)
    }

    /// Whether `input` may come next.
    ///
    /// # Errors
    /// `InvalidArgument`.
    pub(super) fn check(&self, input: &Input) -> Result<()> {
        match (self.mode, input) {
            (Mode::Raw, Input::Messages(_)) => Err(mixed("raw input", "messages")),
            (Mode::Chat, Input::Text(_) | Input::Tokens(_)) => Err(mixed("messages", "raw input")),
            _ if self.system.is_none() => Ok(()),
            _ => check_beside_system(input, self.messages.is_empty()),
        }
    }

    /// What the template is given when `new` messages come next with `request`.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(super) fn turn(&mut self, new: &[Message], request: &Request) -> Result<Turn> {
        let mut messages = copies::messages([self.system.as_slice(), &self.messages, new])?;
        let before = self.system.as_slice().len();
        if let Some(last) =
            self.said.broken(self.messages.len()).and_then(|last| messages.get_mut(before + last))
        {
            last.content.push(char::REPLACEMENT_CHARACTER);
        }
        let controls =
            self.said.controls().into_iter().map(|(message, controls)| (before + message, controls));
        let controls = controls.collect();
        let Variables { tools, template } = self.next(request);
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs() as i64);
        let unix_time = match request.template_time {
            0 => *self.clock.get_or_insert_with(now),
            given => given,
        };
        Ok(Turn { messages, controls, tools, template, unix_time })
    }

    /// Whether the conversation ends with what the model said, so that it may go on there; else the
    /// assistant's turn is to be opened.
    pub(super) fn is_open(&self) -> bool {
        self.said.is_open(self.messages.len())
    }

    /// The character that the session's last text ended inside of, if the next ids go on with it.
    pub(super) fn unfinished(&self, continues: bool) -> Unfinished {
        if continues { self.said.unfinished() } else { Unfinished::default() }
    }

    /// The session's last text has ended for good.
    pub(super) fn give_up(&mut self) {
        self.said.give_up(&mut self.messages);
    }

    /// The session's last text has ended so, and may go on.
    pub(super) fn set_unfinished(&mut self, unfinished: Unfinished) {
        self.said.set_unfinished(unfinished);
    }

    fn next(&self, request: &Request) -> Variables {
        self.variables.replaced(request.tools.clone(), request.template.clone())
    }

    /// Takes a turn over, which brings messages or raw input, or `continues`: the way back.
    ///
    /// # Errors
    /// `OutOfMemory`; the conversation is as it was.
    pub(super) fn begin(
        &mut self,
        mode: Mode,
        messages: Vec<Message>,
        continues: bool,
        request: &Request,
    ) -> Result<Mark> {
        self.messages.try_reserve(messages.len())?;
        let said = match continues {
            true => self.said.mark(self.messages.len()),
            false => self.said.give_up(&mut self.messages),
        };
        let (mode_before, variables) = (self.mode, self.variables.clone());
        let mark = Mark { mode: mode_before, messages: self.messages.len(), said, variables };
        self.variables = self.next(request);
        self.mode = mode;
        self.messages.extend(messages);
        Ok(mark)
    }

    pub(super) fn undo(&mut self, mark: Mark) {
        self.mode = mark.mode;
        self.messages.truncate(mark.messages);
        self.said.undo(mark.said, &mut self.messages);
        self.variables = mark.variables;
    }

    /// Adds the assistant's text: to the last message if that is the model's own and `continues`, else as a
    /// new one.
    pub(super) fn keep_answer(&mut self, answer: Answer, continues: bool) {
        self.said.keep(answer, continues, ASSISTANT, &mut self.messages);
    }

    /// Forgets the messages, and brings back what the session was made with. The system message stays.
    pub(super) fn clear(&mut self) {
        self.mode = Mode::Empty;
        self.messages.clear();
        self.said.clear();
        self.variables = self.own.clone();
        self.clock = None;
    }

    /// Another system message from the next turn on, or none.
    pub(super) fn set_system(&mut self, system: Option<String>) {
        self.system = system.map(system_message);
    }
}

fn system_message(content: String) -> Message {
    Message { role: SYSTEM.to_owned(), content, extra: None }
}

/// The tokens that a session may hold which was given `wanted`, of a model with a context of `model` tokens.
///
/// # Errors
/// `InvalidArgument` if that is more than the model has.
pub fn check_context(wanted: Option<usize>, model: usize) -> Result<usize> {
    match wanted {
        Some(wanted) if wanted > model => Err(Error::new(
            ErrorKind::InvalidArgument,
            format!(
                "the session's context_length is {wanted}, the model's context {model} tokens; give at most that, or 0 for the model's"
            ),
        )),
        wanted => Ok(wanted.unwrap_or(model)),
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
        Input::Messages(new) if first && new.first().is_some_and(|message| message.role == SYSTEM) => {
            "the session has a system message of its own: leave yours out, or change the session's (wick_session_set_system)"
        }
        _ => return Ok(()),
    };
    Err(Error::new(ErrorKind::InvalidArgument, why))
}

fn mixed(holds: &str, given: &str) -> Error {
    Error::new(
        ErrorKind::InvalidArgument,
        format!(
            "the session holds {holds}, this generation gives {given}; clear the session first, or use another"
        ),
    )
}
