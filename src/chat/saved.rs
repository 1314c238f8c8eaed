//! A conversation as a save holds it, and back. Knows no bytes and no tokens.

use super::conversation::{Conversation, Mode, system_message};
use super::copies;
use super::places::{LastAnswer, Place, Places};
use super::roll::{Gone, Overflow};
use super::said::{Control, Said, SaidPlace};
use super::variables::Variables;
use crate::error::{Error, ErrorKind, Result};
use crate::store;

/// What a session does when its context is full, as saves have it.
const STOP: u32 = 0;
const ROLL: u32 = 1;

impl Conversation {
    /// A copy of all of it.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(crate) fn saved(&self) -> Result<store::Session> {
        let (system, messages) = self.all();
        let copied = copies::messages([messages, &[]])?.into_iter();
        let mut said: Vec<_> = copied.map(|message| store::Said { message, controls: None }).collect();
        for (message, controls) in self.said.all() {
            if let Some(said) = said.get_mut(message) {
                said.controls = Some(controls.iter().map(|control| control.saved()).collect());
            }
        }
        let (overflow, pinned) = match self.overflow {
            Overflow::Stop => (STOP, 0),
            Overflow::Roll { pinned_messages } => (ROLL, pinned_messages),
        };
        Ok(store::Session {
            context_length: None,
            mode: match self.mode() {
                Mode::Empty => store::Mode::Empty,
                Mode::Raw => store::Mode::Raw,
                Mode::Chat => store::Mode::Chat,
            },
            system: system.map(|system| copies::text(&system.content)).transpose()?,
            own: self.own.saved(),
            in_force: self.variables.saved(),
            clock: self.clock,
            messages: said,
            unfinished: self.said.unfinished(),
            overflow,
            pinned_messages: u32::try_from(pinned).unwrap_or(u32::MAX),
            gone: self.gone().saved(),
            adapter: None,
        })
    }

    /// A copy of where it can go back to.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(crate) fn saved_places(&self) -> Result<store::Places> {
        let mut all = Vec::new();
        all.try_reserve_exact(self.places.len())?;
        for place in self.places.iter() {
            all.push(place.saved()?);
        }
        Ok(store::Places { answer: self.answer.saved(), all })
    }

    /// Can go back to where the conversation of a save could.
    pub(crate) fn restore_places(&mut self, saved: store::Places) {
        self.places = saved.all.into_iter().map(Place::restored).collect();
        self.answer = LastAnswer::restored(saved.answer);
    }

    /// The conversation of a save.
    ///
    /// # Errors
    /// `Unsupported`: it has what this release does not know.
    pub(crate) fn restored(saved: store::Session) -> Result<Self> {
        let lacks = |what: String| Err(Error::new(ErrorKind::Unsupported, what));
        let overflow = match saved.overflow {
            STOP => Overflow::Stop,
            ROLL => Overflow::Roll { pinned_messages: saved.pinned_messages as usize },
            other => {
                let what = format!(
                    "the save's session has overflow {other}, which is a later release's: restore it with that one"
                );
                return lacks(what);
            }
        };
        let (mut messages, mut spoken) = (Vec::new(), Vec::new());
        messages.try_reserve_exact(saved.messages.len())?;
        for (index, store::Said { message, controls }) in saved.messages.into_iter().enumerate() {
            let controls = controls.map(|controls| controls.into_iter().map(Control::restored).collect());
            spoken.extend(controls.map(|controls: Vec<_>| (index, controls)));
            messages.push(message);
        }
        Ok(Self {
            mode: match saved.mode {
                store::Mode::Empty => Mode::Empty,
                store::Mode::Raw => Mode::Raw,
                store::Mode::Chat => Mode::Chat,
            },
            system: saved.system.map(system_message),
            messages,
            said: Said::restored(spoken, saved.unfinished),
            variables: Variables::restored(saved.in_force),
            own: Variables::restored(saved.own),
            clock: saved.clock,
            overflow,
            gone: Gone::restored(saved.gone),
            places: Places::default(),
            answer: LastAnswer::default(),
        })
    }
}

impl Place {
    fn saved(&self) -> Result<store::Place> {
        let SaidPlace { messages, content, controls, thought, calls, unfinished } = self.said;
        let [messages, content, controls, thought, calls, shared] =
            [messages, content, controls, thought, calls, self.shared].map(|number| number as u64);
        let (tail, answer) = (copies::tokens([&self.tail, &[]])?, self.answer.saved());
        let variables = self.variables.saved();
        Ok(store::Place {
            messages,
            content,
            controls,
            thought,
            calls,
            unfinished,
            shared,
            tail,
            answer,
            variables,
        })
    }

    /// Of a save, in which its numbers were compared with the session's.
    fn restored(saved: store::Place) -> Self {
        let [messages, content, controls, thought, calls, shared] =
            [saved.messages, saved.content, saved.controls, saved.thought, saved.calls, saved.shared]
                .map(|number| usize::try_from(number).unwrap_or(usize::MAX));
        let unfinished = saved.unfinished;
        let said = SaidPlace { messages, content, controls, thought, calls, unfinished };
        let (variables, answer) = (Variables::restored(saved.variables), LastAnswer::restored(saved.answer));
        Self { said, variables, answer, shared, tail: saved.tail }
    }
}

impl LastAnswer {
    fn saved(self) -> store::LastAnswer {
        let Self { begin, is_older } = self;
        store::LastAnswer { begin: begin.map(|begin| begin as u64), is_older }
    }

    fn restored(saved: store::LastAnswer) -> Self {
        let begin = saved.begin.and_then(|begin| usize::try_from(begin).ok());
        Self { begin, is_older: saved.is_older }
    }
}

impl Variables {
    fn saved(&self) -> store::Variables {
        store::Variables { tools: self.tools.clone(), template: self.template.clone() }
    }

    fn restored(saved: store::Variables) -> Self {
        Self { tools: saved.tools, template: saved.template }
    }
}

impl Control {
    fn saved(self) -> store::Control {
        store::Control { at: self.at as u64, id: self.id, shown: self.shown }
    }

    /// Wherever it says that it is: what is beyond its message is passed over.
    fn restored(saved: store::Control) -> Self {
        Self { at: usize::try_from(saved.at).unwrap_or(usize::MAX), id: saved.id, shown: saved.shown }
    }
}

impl Gone {
    fn saved(self) -> store::Gone {
        let Self { messages, tokens, since } = self;
        store::Gone { messages: messages as u64, tokens: tokens as u64, since: since as u64 }
    }

    fn restored(saved: store::Gone) -> Self {
        // They are only counted on.
        let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).min(usize::MAX / 2);
        let [messages, tokens, since] = [saved.messages, saved.tokens, saved.since].map(number);
        Self { messages, tokens, since }
    }
}
