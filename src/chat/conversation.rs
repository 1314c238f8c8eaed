//! A session's conversation: what it takes, its messages, and what its turns are rendered with; knows no
//! tokens and no decoder.

use super::copies;
use super::input::{Input, SYSTEM, TextOptions, ToolChoice, check_beside_system};
use super::places::{LastAnswer, Place, Places};
use super::roll::{Gone, Overflow, Rolled, Search};
use super::said::{Answer, Control, RemovedSaid, Said, SaidMark};
use super::talk::{Turning, next_call};
use super::variables::Variables;
use crate::error::{Error, ErrorKind, Result};
use crate::text::{Message, Unfinished, unix_time};
use serde_json::{Map, Value};
use std::ops::Range;
use std::sync::Arc;

/// The role of generated messages.
const ASSISTANT: &str = "assistant";

/// What a session takes until it is cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Empty,
    Raw,
    Chat,
}

/// All that one turn is rendered from.
pub(crate) struct Turn {
    /// The system's first.
    pub(crate) messages: Vec<Message>,
    /// Control tokens that the model itself said, by message.
    pub(crate) controls: Vec<(usize, Vec<Control>)>,
    pub(crate) tools: Option<Arc<Value>>,
    pub(crate) template: Option<Arc<Map<String, Value>>>,
    /// Seconds since 1970 (UTC), for the template's `strftime_now`.
    pub(crate) unix_time: i64,
    /// Which messages go if the context has no room for them; `None`: none may.
    pub(crate) may_go: Option<Search>,
}

/// How to bring a conversation back to where it was before a turn.
#[derive(Debug)]
pub(crate) struct Mark {
    mode: Mode,
    messages: usize,
    said: SaidMark,
    variables: Variables,
    places: usize,
    answer: LastAnswer,
    /// What has gone before it.
    removed: Option<Removed>,
}

/// Messages that a turn has no room for.
#[derive(Debug)]
struct Removed {
    at: usize,
    messages: Vec<Message>,
    said: RemovedSaid,
    places: Places,
    /// What had gone until then.
    gone: Gone,
}

impl Removed {
    fn range(&self) -> Range<usize> {
        self.at..self.at + self.messages.len()
    }
}

/// The messages of a session, or the knowledge that it holds raw input.
pub(crate) struct Conversation {
    pub(super) mode: Mode,
    /// The session's own, before all others.
    pub(super) system: Option<Message>,
    pub(super) messages: Vec<Message>,
    /// What the model said of them, and where it ended.
    pub(super) said: Said,
    /// Those in force.
    pub(super) variables: Variables,
    /// The session's own, which a clear brings back.
    pub(super) own: Variables,
    /// The clock at the first turn: the same prompt again gives the same tokens.
    pub(super) clock: Option<i64>,
    pub(super) overflow: Overflow,
    pub(super) gone: Gone,
    pub(super) places: Places,
    pub(super) answer: LastAnswer,
}

impl Conversation {
    pub(crate) fn new(
        system: Option<String>,
        tools: Option<Value>,
        template: Option<Map<String, Value>>,
        overflow: Overflow,
    ) -> Self {
        let own = Variables::new(tools, template);
        Self {
            mode: Mode::Empty,
            system: system.map(system_message),
            messages: Vec::new(),
            said: Said::default(),
            variables: own.clone(),
            own,
            clock: None,
            overflow,
            gone: Gone::default(),
            places: Places::default(),
            answer: LastAnswer::default(),
        }
    }

    /// The same.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(crate) fn twin(&self) -> Result<Self> {
        Ok(Self {
            mode: self.mode,
            system: copies::messages([self.system.as_slice()])?.pop(),
            messages: copies::messages([&self.messages])?,
            said: self.said.twin()?,
            variables: self.variables.clone(),
            own: self.own.clone(),
            clock: self.clock,
            overflow: self.overflow,
            gone: self.gone,
            places: self.places.twin(),
            answer: self.answer,
        })
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    /// How many messages there are, without the session's own.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// What has gone since it began or was cleared.
    pub(crate) fn gone(&self) -> Gone {
        self.gone
    }

    /// The session's own message, and the others.
    pub(crate) fn all(&self) -> (Option<&Message>, &[Message]) {
        (self.system.as_ref(), &self.messages)
    }

    /// Whether the first message is a system message that is not the session's.
    pub(crate) fn begins_with_system(&self) -> bool {
        self.messages.first().is_some_and(|message| message.role == SYSTEM)
    }

    /// Whether `input` may come next with `options`.
    ///
    /// # Errors
    /// `InvalidArgument`.
    pub(crate) fn check(&self, input: &Input, options: TextOptions<'_>) -> Result<()> {
        options.check_answer_prefix(input, self.mode != Mode::Chat)?;
        match (self.mode, input) {
            (Mode::Raw, Input::Messages(_)) => Err(mixed("raw input", "messages")),
            (Mode::Chat, Input::Text(_) | Input::Tokens(_)) => Err(mixed("messages", "raw input")),
            _ if self.system.is_none() => Ok(()),
            _ => check_beside_system(input, self.messages.is_empty()),
        }
    }

    /// What the template is given when `new` messages come next with `options`.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(crate) fn turn(&mut self, new: &[Message], options: TextOptions<'_>) -> Result<Turn> {
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
        let Variables { tools, template } = self.next(options);
        let unix_time = match options.template_time {
            0 => *self.clock.get_or_insert_with(unix_time),
            given => given,
        };
        let may_go = match self.overflow {
            Overflow::Stop => None,
            Overflow::Roll { pinned_messages } => {
                Search::new(&messages, before + self.messages.len(), pinned_messages)?
            }
        };
        Ok(Turn { messages, controls, tools, template, unix_time, may_go })
    }

    /// Whether the conversation ends with what the model said, so that it may go on there; else the
    /// assistant's turn is to be opened.
    pub(crate) fn is_open(&self) -> bool {
        self.said.is_open(self.messages.len())
    }

    /// The character that the session's last text ended inside of, if the next ids go on with it.
    pub(crate) fn unfinished(&self, continues: bool) -> Unfinished {
        if continues { self.said.unfinished() } else { Unfinished::default() }
    }

    /// The session's last text has ended for good.
    pub(crate) fn give_up(&mut self) {
        self.said.give_up(&mut self.messages);
    }

    /// The session's last text has ended so, and may go on.
    pub(crate) fn set_unfinished(&mut self, unfinished: Unfinished) {
        self.said.set_unfinished(unfinished);
    }

    fn next(&self, options: TextOptions<'_>) -> Variables {
        self.variables.replaced(options.tools.cloned(), options.template.cloned())
    }

    /// What the session takes from `input` on.
    pub(crate) fn mode_after(&self, input: &Input) -> Mode {
        match input {
            Input::Messages(_) => Mode::Chat,
            Input::Continue if self.mode != Mode::Empty => self.mode,
            _ => Mode::Raw,
        }
    }

    /// What the answer to `input` is to begin with; `None`: it is no answer in a conversation.
    pub(crate) fn turning(&self, input: &Input, options: TextOptions<'_>) -> Option<Turning> {
        if self.mode_after(input) != Mode::Chat || !options.answers {
            return None;
        }
        let new = match input {
            Input::Messages(new) => &new[..],
            _ => &[],
        };
        let goes_on = matches!(input, Input::Continue) && self.is_open();
        Some(Turning {
            tools: self.next(options).tools,
            begin: self.answer.begin.filter(|_| goes_on),
            next_call: next_call(self.messages.iter().chain(new)),
            budget: options.reasoning_budget,
            no_calls: *options.tool_choice == ToolChoice::None,
        })
    }

    /// The session's `tokens` become others behind the first `keep`.
    pub(crate) fn leave(&mut self, keep: usize, tokens: &[u32]) {
        self.places.leave(keep, tokens);
    }

    /// Takes a turn over, whose prompt has `prompt` tokens without what is `rolled`, the last `prefix` of
    /// which begin the answer: the way back.
    ///
    /// # Errors
    /// `OutOfMemory`; the conversation is as it was.
    pub(crate) fn begin(
        &mut self,
        input: Input,
        options: TextOptions<'_>,
        rolled: Option<&Rolled>,
        (prompt, prefix): (usize, usize),
    ) -> Result<Mark> {
        let (mode, continues) = (self.mode_after(&input), matches!(input, Input::Continue));
        let messages = match input {
            Input::Messages(messages) => messages,
            _ => Vec::new(),
        };
        self.messages.try_reserve(messages.len())?;
        let (before, places) = (self.messages.len(), self.places.len());
        let said = match continues {
            true => self.said.mark(before),
            false => self.said.give_up(&mut self.messages),
        };
        let removed = match rolled.map(|rolled| self.remove(rolled, prompt)).transpose() {
            Ok(removed) => removed,
            Err(error) => {
                self.said.undo(said, &mut self.messages);
                return Err(error);
            }
        };
        let next = self.next(options);
        let variables = std::mem::replace(&mut self.variables, next);
        let rendered = !messages.is_empty() || !self.is_open();
        let answer = self.answer;
        let mark = Mark { mode: self.mode, messages: before, said, variables, places, answer, removed };
        let goes_on = continues && !(mode == Mode::Chat && rendered);
        let begin = match answer.begin.filter(|_| goes_on) {
            // Of an answer that came out of a save: where its text does.
            None if goes_on && mode == Mode::Chat => None,
            begin => begin.or(Some(prompt - prefix)),
        };
        self.answer = LastAnswer { begin: begin.filter(|_| options.answers), is_older: false };
        self.mode = mode;
        self.messages.extend(messages);
        // An answer that goes on has no place of its own before it.
        if rendered {
            self.keep_place(prompt);
        }
        Ok(mark)
    }

    pub(crate) fn undo(&mut self, mark: Mark) {
        self.mode = mark.mode;
        if let Some(removed) = mark.removed {
            let (at, range) = (removed.at, removed.range());
            self.messages.splice(at..at, removed.messages);
            self.said.put_back(range, removed.said);
            self.gone = removed.gone;
            self.places = removed.places;
        }
        self.places.truncate(mark.places);
        self.messages.truncate(mark.messages);
        self.said.undo(mark.said, &mut self.messages);
        self.variables = mark.variables;
        self.answer = LastAnswer { is_older: true, ..mark.answer };
    }

    /// Lets messages go, of a turn whose prompt then has `prompt` tokens.
    fn remove(&mut self, rolled: &Rolled, prompt: usize) -> Result<Removed> {
        // The turn's messages have the session's own in front.
        let own = self.system.as_slice().len();
        let (at, until) = (rolled.messages.start - own, rolled.messages.end - own);
        let mut messages = Vec::new();
        messages.try_reserve_exact(until - at)?;
        let said = self.said.remove(at..until)?;
        messages.extend(self.messages.drain(at..until));
        let gone = self.gone;
        self.gone = gone.with(rolled, prompt);
        Ok(Removed { at, messages, said, places: self.places.take(), gone })
    }

    /// Adds the assistant's text: to the last message if that is the model's own and `continues`, else as a
    /// new one.
    pub(crate) fn keep_answer(&mut self, answer: Answer, continues: bool) {
        self.said.keep(answer, continues, ASSISTANT, &mut self.messages);
    }

    /// Forgets the messages, and brings back what the session was made with. The system message stays.
    pub(crate) fn clear(&mut self) {
        self.mode = Mode::Empty;
        self.messages.clear();
        self.said.clear();
        self.variables = self.own.clone();
        self.clock = None;
        self.gone = Gone::default();
        self.places.truncate(0);
        self.answer = LastAnswer::default();
    }

    /// A generation came to nothing before it had begun.
    pub(crate) fn nothing_came(&mut self) {
        self.answer.is_older = true;
    }

    /// The session holds `tokens` tokens now, and the last answer is the last generation's: a place to come
    /// back to.
    pub(crate) fn keep_place(&mut self, tokens: usize) {
        self.answer.is_older = false;
        if self.mode == Mode::Chat {
            let said = self.said.place(&self.messages);
            self.places.push(Place::new(said, self.variables.clone(), self.answer, tokens));
        }
    }

    /// Another system message from the next turn on, or none.
    pub(crate) fn set_system(&mut self, system: Option<String>) {
        self.system = system.map(system_message);
    }
}

/// A system message.
pub(crate) fn system_message(content: String) -> Message {
    Message { role: SYSTEM.to_owned(), content, extra: None }
}

fn mixed(holds: &str, given: &str) -> Error {
    Error::new(
        ErrorKind::InvalidArgument,
        format!(
            "the session holds {holds}, this generation gives {given}; clear the session first, or use another"
        ),
    )
}
