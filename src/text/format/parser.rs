//! A model's turn as it comes: thinking, answer and calls apart. Knows neither tokens' bytes nor streams.
//!
//! Text comes in whole characters, the tokens that markers have by themselves. What may still become a marker
//! is held back; what does not is given where it stands. So all that is given, with the markers in their
//! places, is all that came, however it was split.

use super::bare::{Beginning, Brackets, beginning};
use super::body;
use super::form::{Body, Call};
use super::marker::{Marker, Unit};
use super::speech::{Harmony, Speech};
use super::tools::Tools;
use crate::compute::on_own_stack;
use serde_json::Value;
use std::sync::Arc;

/// Bytes of stack on which the values of calls are read.
const STACK: usize = 512 << 10;

/// Letters of a header at most, and of a text that may become a call without a marker.
const MOST_HELD: usize = 512;

/// What a text is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Part {
    /// What is said to the user.
    #[default]
    Answer,
    /// Thinking.
    Reasoning,
    /// A call's markup.
    Call,
}

/// What a parser tells of.
pub trait Listener {
    /// Text of a part.
    fn text(&mut self, part: Part, text: &str);

    /// A marker, or a control token that is none (`token`): it has its place behind all text so far.
    fn hidden(&mut self, part: Part, text: &str, token: Option<u32>);

    /// A call is complete.
    fn call(&mut self, call: Call);

    /// What was to be a call is none: all of its text, markers too, and why.
    fn malformed(&mut self, raw: &str, why: &str);
}

/// Where a turn begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// Before anything.
    Turn,
    /// The prompt has opened the thinking.
    Thinking,
    /// The prompt has begun the answer.
    Answer,
}

/// Where in its turn the model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing but white space has come.
    Begin,
    Thinking,
    /// White space behind a thought.
    Thought,
    Answer,
    Call,
    /// White space behind a call.
    Called,
    /// Of a message with a header: the header, and what follows it.
    Header,
    Message(Part),
}

/// What a marker means where it is looked for.
#[derive(Debug, Clone, Copy)]
enum Meaning {
    Think,
    Thought,
    Call,
    Called,
    Header,
    Message,
    End,
}

/// A letter or token that may be part of a marker.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) unit: Unit,
    /// Bytes of its text.
    len: usize,
    /// It is no text by itself.
    special: bool,
}

/// The parser of one turn.
#[derive(Debug, Clone)]
pub struct Parser {
    pub(super) speech: Arc<Speech>,
    tools: Option<Arc<Value>>,
    pub(super) state: State,
    pub(super) held: Vec<Held>,
    /// The text of `held`.
    pub(super) text: String,
    /// Of a call: all of it with its markers, and where its body begins. Of a message: its header.
    raw: String,
    body: usize,
    brackets: Brackets,
    /// The call that comes is well-formed: what is not behind all of it is no end marker.
    pub(super) is_bound: bool,
    /// Held back because it may become a call without a marker.
    pub(super) bare: String,
}

impl Parser {
    /// Of a turn that begins so. `tools`: those in force; without any nothing is a call.
    pub fn new(speech: Arc<Speech>, tools: Option<Arc<Value>>, begin: Opening) -> Self {
        let state = match begin {
            Opening::Turn if speech.harmony.is_some() => State::Header,
            Opening::Turn => State::Begin,
            Opening::Thinking => State::Thinking,
            Opening::Answer if speech.harmony.is_some() => State::Message(Part::Answer),
            Opening::Answer => State::Answer,
        };
        Self {
            speech,
            tools,
            state,
            held: Vec::new(),
            text: String::new(),
            raw: String::new(),
            body: 0,
            brackets: Brackets::default(),
            is_bound: false,
            bare: String::new(),
        }
    }

    /// Whether the token is a part of a marker.
    pub fn is_part(&self, id: u32) -> bool {
        self.speech.is_part(id)
    }

    /// Whether a call is under way.
    pub fn is_calling(&self) -> bool {
        matches!(self.state, State::Call | State::Message(Part::Call))
    }

    /// Bytes held back because they may become a marker.
    pub fn held_back(&self) -> usize {
        self.text.len() + self.bare.len()
    }

    /// All of the call under way, from its marker on; empty: there is none.
    pub fn unfinished(&self) -> &str {
        if self.is_calling() { &self.raw } else { "" }
    }

    /// Takes the next text.
    pub fn push_text(&mut self, text: &str, to: &mut dyn Listener) {
        let mut rest = text;
        while !rest.is_empty() {
            let plain = self.plain(rest);
            if plain > 0 {
                self.keep(&rest[..plain]);
                to.text(self.part(), &rest[..plain]);
                rest = &rest[plain..];
            }
            let Some(letter) = rest.chars().next() else { return };
            self.push(
                Held { unit: Unit::Letter(letter), len: letter.len_utf8(), special: false },
                letter.encode_utf8(&mut [0; 4]),
                to,
            );
            rest = &rest[letter.len_utf8()..];
        }
    }

    /// Takes a token that is a part of a marker ([`Speech::is_part`]), or a control token. `special`: it is
    /// no text where it is no marker.
    pub fn push_token(&mut self, id: u32, text: &str, special: bool, to: &mut dyn Listener) {
        self.release_bare(to);
        self.push(Held { unit: Unit::Token(id), len: text.len(), special }, text, to);
    }

    /// The turn ends here, and does not go on: what is held back is given, and a call that is complete is
    /// told.
    pub fn finish(&mut self, to: &mut dyn Listener) {
        self.release(to);
        if self.is_calling() {
            self.finish_call(to);
        }
    }

    /// The turn was cut short here, and does not go on: a call under way is none.
    pub fn cut(&mut self, to: &mut dyn Listener) {
        self.release(to);
        if self.is_calling() {
            self.state = State::Called;
            to.malformed(&std::mem::take(&mut self.raw), "the answer ended inside of it");
        }
    }

    /// The turn rests here, and may go on: what is held back is given as it is.
    pub fn release(&mut self, to: &mut dyn Listener) {
        self.release_bare(to);
        while !self.held.is_empty() {
            self.release_first(to);
        }
    }

    /// How many bytes of `text` are the part's without a further look.
    fn plain(&self, text: &str) -> usize {
        let looks_closer = !self.held.is_empty() || !self.bare.is_empty();
        match self.state {
            State::Call if self.speech.called.is_empty() => 0,
            State::Answer | State::Thinking | State::Call | State::Message(_) if !looks_closer => {
                let first = |letter: char| {
                    self.watched().any(|(marker, _)| marker.units().first() == Some(&Unit::Letter(letter)))
                };
                text.find(first).unwrap_or(text.len())
            }
            _ => 0,
        }
    }

    fn part(&self) -> Part {
        match self.state {
            State::Begin | State::Answer => Part::Answer,
            State::Thinking | State::Thought => Part::Reasoning,
            State::Call | State::Called | State::Header => Part::Call,
            State::Message(part) => part,
        }
    }

    /// The markers that mean something now.
    fn watched(&self) -> impl Iterator<Item = (&Marker, Meaning)> {
        let speech = &*self.speech;
        let has_tools = self.tools.is_some();
        let (thinks, calls) = ((&speech.thinks, Meaning::Think), (&speech.calls, Meaning::Call));
        let (thought, called) = ((&speech.thought, Meaning::Thought), (&speech.called, Meaning::Called));
        let none = [(thinks, false); 2];
        let here = match self.state {
            // What an answer quotes is no thought, unless the vocabulary says so.
            State::Begin | State::Thought | State::Called => [(thinks, true), (calls, has_tools)],
            State::Answer => [(thinks, speech.thinks.is_token()), (calls, has_tools)],
            State::Thinking => [(thought, true), (calls, has_tools && speech.calls.is_token())],
            State::Call => [(called, true), (thinks, false)],
            State::Header | State::Message(_) => none,
        };
        let harmony =
            speech.harmony.as_deref().filter(|_| matches!(self.state, State::Header | State::Message(_)));
        let harmony = harmony.into_iter().flat_map(Harmony::watched);
        let here = here.into_iter().filter(|(_, is_on)| *is_on).map(|(watched, _)| watched);
        here.chain(harmony).filter(|(marker, _)| !marker.is_empty())
    }

    fn push(&mut self, next: Held, text: &str, to: &mut dyn Listener) {
        if self.held.is_empty() && self.takes_bare(next, text, to) {
            return;
        }
        self.held.push(next);
        self.text.push_str(text);
        loop {
            if self.held.is_empty() {
                return;
            }
            let found = self.watched().find_map(|(marker, meaning)| {
                let starts = self.held.len() <= marker.units().len()
                    && self.held.iter().zip(marker.units()).all(|(held, unit)| held.unit == *unit);
                starts.then(|| (self.held.len() == marker.units().len()).then_some(meaning))
            });
            match found {
                Some(Some(Meaning::Called)) if !self.may_be_whole() => self.release_first(to),
                Some(Some(meaning)) => return self.found(meaning, to),
                Some(None) => return,
                None => self.release_first(to),
            }
        }
    }

    /// Whether the letter belongs to what may become a call without a marker.
    fn takes_bare(&mut self, next: Held, text: &str, to: &mut dyn Listener) -> bool {
        let Unit::Letter(letter) = next.unit else { return false };
        let may_begin = matches!(self.state, State::Begin | State::Thought | State::Called);
        if !(may_begin && self.speech.is_bare() && self.tools.is_some()) {
            return false;
        }
        // Between calls Llama writes a semicolon.
        if self.bare.is_empty() && (letter.is_whitespace() || letter == ';' && self.state == State::Called) {
            return false;
        }
        self.bare.push_str(text);
        let tools = Tools::new(self.tools.as_deref());
        match beginning(&self.speech.form.body, &self.bare, tools) {
            Beginning::Maybe if self.bare.len() <= MOST_HELD => {}
            Beginning::Call => {
                let bare = std::mem::take(&mut self.bare);
                self.begin_call();
                bare.chars().for_each(|letter| self.take_letter(letter, to));
            }
            _ => self.release_bare(to),
        }
        true
    }

    fn release_bare(&mut self, to: &mut dyn Listener) {
        if !self.bare.is_empty() {
            let bare = std::mem::take(&mut self.bare);
            bare.chars().for_each(|letter| self.take_letter(letter, to));
        }
    }

    /// The first of what is held is no marker's.
    fn release_first(&mut self, to: &mut dyn Listener) {
        let first = self.held.remove(0);
        if let Unit::Letter(letter) = first.unit {
            self.text.drain(..first.len);
            self.take_letter(letter, to);
            return;
        }
        let text: String = self.text.drain(..first.len).collect();
        match first.unit {
            Unit::Token(id) if first.special => {
                self.keep(&text);
                to.hidden(self.part(), &text, Some(id));
            }
            _ => text.chars().for_each(|letter| self.take_letter(letter, to)),
        }
    }

    /// A letter that is text.
    fn take_letter(&mut self, letter: char, to: &mut dyn Listener) {
        let space = letter.is_whitespace();
        match self.state {
            State::Begin | State::Thought if !space => self.state = State::Answer,
            State::Called if !space && letter != ';' => self.state = State::Answer,
            _ => {}
        }
        let mut buffer = [0; 4];
        let text = &*letter.encode_utf8(&mut buffer);
        self.keep(text);
        if self.state == State::Header {
            to.hidden(Part::Call, text, None);
            if self.raw.len() > MOST_HELD {
                // No header is that long.
                self.state = State::Message(Part::Answer);
            }
            return;
        }
        to.text(self.part(), text);
        if self.state == State::Call && self.speech.called.is_empty() {
            let (apostrophes, from) = match &self.speech.form.body {
                Body::Named(_) | Body::Braces { .. } => (false, "{"),
                Body::Python => (true, "[("),
                _ => (false, "{["),
            };
            if self.brackets.push(letter, apostrophes, from) {
                self.finish_call(to);
                self.state = State::Called;
            }
        }
    }

    /// Keeps text of a call or of a header.
    fn keep(&mut self, text: &str) {
        if matches!(self.state, State::Call | State::Header | State::Message(Part::Call)) {
            self.raw.push_str(text);
        }
    }

    fn begin_call(&mut self) {
        self.state = State::Call;
        self.brackets = Brackets::default();
        self.raw.clear();
        self.body = 0;
    }

    /// What is held is a marker.
    fn found(&mut self, meaning: Meaning, to: &mut dyn Listener) {
        let text = std::mem::take(&mut self.text);
        self.held.clear();
        match meaning {
            Meaning::Think => {
                self.state = State::Thinking;
                to.hidden(Part::Reasoning, &text, None);
            }
            Meaning::Thought => {
                to.hidden(Part::Reasoning, &text, None);
                self.state = State::Thought;
            }
            Meaning::Call => {
                self.begin_call();
                self.raw.push_str(&text);
                self.body = text.len();
                to.hidden(Part::Call, &text, None);
            }
            Meaning::Called => {
                to.hidden(Part::Call, &text, None);
                let body = self.raw.len();
                self.raw.push_str(&text);
                self.told(body, to);
                self.state = State::Called;
            }
            Meaning::Header | Meaning::End => {
                to.hidden(self.part(), &text, None);
                if self.state == State::Message(Part::Call) {
                    self.finish_call(to);
                }
                if self.state != State::Header {
                    self.raw.clear();
                }
                self.state = State::Header;
                self.raw.push_str(&text);
            }
            Meaning::Message => {
                self.raw.push_str(&text);
                self.body = self.raw.len();
                let part = self.part_of_header();
                self.state = State::Message(part);
                to.hidden(part, &text, None);
            }
        }
    }

    /// Whether the call under way may end here. Of one that is well-formed it is known: the letters of its
    /// end marker may be a part of a value.
    fn may_be_whole(&self) -> bool {
        let body = self.raw.get(self.body..).unwrap_or_default();
        let tools = Tools::new(self.tools.as_deref());
        let read = || Ok(body::calls(&self.speech.form.body, body, tools, true).1.is_none());
        !self.is_bound || on_own_stack(STACK, read).unwrap_or(true)
    }

    /// What a message with the header in `raw` is.
    fn part_of_header(&self) -> Part {
        let recipient = recipient(&self.raw);
        if recipient.is_some() && self.tools.is_some() {
            return Part::Call;
        }
        let channel = self.raw.rsplit("<|channel|>").next().unwrap_or_default().trim_start();
        if channel.starts_with("analysis") { Part::Reasoning } else { Part::Answer }
    }

    /// The body of a call ends with what came last.
    fn finish_call(&mut self, to: &mut dyn Listener) {
        self.told(self.raw.len(), to);
    }

    /// Tells the calls whose body ends at `end` of what was kept.
    fn told(&mut self, end: usize, to: &mut dyn Listener) {
        let raw = std::mem::take(&mut self.raw);
        let text = raw.get(self.body..end).unwrap_or_default();
        let form = &self.speech.form.body;
        // The thread may be a host's, and values may be nested deep.
        let read = || Ok(body::calls(form, text, Tools::new(self.tools.as_deref()), self.is_bound));
        let (found, wrong) =
            on_own_stack(STACK, read).unwrap_or_else(|error| (Vec::new(), Some(error.message().to_owned())));
        let header = matches!(form, Body::Harmony).then(|| recipient(&raw)).flatten();
        let to_whom = header.map(str::to_owned);
        let none = found.is_empty();
        for mut call in found {
            if let Some(name) = &to_whom {
                call.name.clone_from(name);
            }
            to.call(call);
        }
        if let Some(wrong) = wrong {
            // What came before it is told already.
            to.malformed(if none { &raw } else { "" }, &wrong);
        }
    }
}

/// The tool that a header addresses.
fn recipient(header: &str) -> Option<&str> {
    let behind = header.rsplit_once("to=functions.").map(|(_, behind)| behind)?;
    let end = behind.find(|letter: char| letter.is_whitespace() || letter == '<').unwrap_or(behind.len());
    Some(&behind[..end]).filter(|name| !name.is_empty())
}

impl Harmony {
    /// All its markers: each means something everywhere.
    fn watched(&self) -> impl Iterator<Item = (&Marker, Meaning)> {
        let headers = [
            (&self.start, Meaning::Header),
            (&self.channel, Meaning::Header),
            (&self.message, Meaning::Message),
        ];
        headers.into_iter().chain(self.ends.iter().map(|end| (end, Meaning::End)))
    }
}
