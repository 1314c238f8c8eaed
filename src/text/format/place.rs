//! Where in its turn the model is that a parser listens to: what has begun, and what may still come. Knows no
//! text.

use super::marker::Marker;
use super::parser::{Parser, Part, State};
use super::speech::Speech;

impl Parser {
    /// Whether the model is thinking.
    pub fn is_thinking(&self) -> bool {
        matches!(self.state, State::Thinking | State::Message(Part::Reasoning))
    }

    /// Whether there may still be thinking before the answer.
    pub fn may_think(&self) -> bool {
        let begins = self.state == State::Begin && !self.speech.thinks.is_empty();
        begins || self.state == State::Header || self.is_thinking()
    }

    /// Whether nothing has come yet, or a part of a marker.
    pub fn is_at_beginning(&self) -> bool {
        self.state == State::Begin
    }

    /// Whether what is held back is the beginning of a thought's marker, before anything else.
    pub fn is_opening_thought(&self) -> bool {
        self.is_at_beginning() && self.holds_beginning(&self.speech.thinks)
    }

    /// Whether what is held back is the beginning of a call's marker.
    pub fn is_opening_call(&self) -> bool {
        self.holds_beginning(&self.speech.calls)
    }

    fn holds_beginning(&self, marker: &Marker) -> bool {
        let units = marker.units();
        let begins = !self.held.is_empty() && self.held.len() < units.len();
        begins && self.held.iter().zip(units).all(|(held, unit)| held.unit == *unit)
    }

    /// What comes now is the answer's, white space too.
    pub fn begin_answer(&mut self) {
        if matches!(self.state, State::Begin | State::Thought) {
            self.state = State::Answer;
        }
    }

    /// The answer is a call, and a well-formed one; false: it goes on behind something that no call can
    /// follow.
    pub fn bind_call(&mut self) -> bool {
        self.is_bound = true;
        !(self.is_calling() || self.speech.is_bare() && self.has_answered())
    }

    /// The text that is held back because it may become a marker, or a call without one.
    pub fn held_text(&self) -> &str {
        if self.bare.is_empty() { &self.text } else { &self.bare }
    }

    /// How the model speaks.
    pub fn speech(&self) -> &Speech {
        &self.speech
    }

    /// Whether the answer, or a call, has begun.
    pub fn has_answered(&self) -> bool {
        use State::{Answer, Call, Called, Message};
        matches!(self.state, Answer | Call | Called | Message(Part::Answer | Part::Call))
    }
}
