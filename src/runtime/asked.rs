//! What was asked of one session, in order, and so what it takes next. Knows of the engine what it shows, and
//! waits for nothing.

use crate::engine::{Input, Request, SessionFacts, check_beside_system};
use crate::error::{Error, ErrorKind, Result};
use crate::stream::Control;
use smallvec::SmallVec;

/// What was asked of a session. Its lock orders what is asked: what is refused depends on that order, and on
/// ends that can be read, but never on how far the engine is.
pub(super) struct Asked {
    /// Generations whose end cannot be read yet, by the last look, and the last one.
    generations: SmallVec<[Control; 2]>,
    /// Whether the session has a system message of its own.
    system: bool,
    holds: Holds,
    /// The restore that it comes from, as long as its end cannot be read.
    restore: Option<Control>,
}

/// What a session holds when all that was asked is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Nothing,
    Raw,
    Messages {
        /// The conversation's first message is a system message that is not the session's.
        own_system: bool,
    },
    /// That is not known before the end of a generation, which may come to nothing: at most this.
    AtMost {
        raw: bool,
        own_system: bool,
    },
}

impl Holds {
    /// Behind a generation with `input`.
    fn behind(self, input: &Input) -> Self {
        let (raw, own_system) = match self {
            Self::Nothing => (false, false),
            Self::AtMost { raw, own_system } => (raw, own_system),
            // What does not go with them ends in an error.
            Self::Raw | Self::Messages { .. } => return self,
        };
        match input {
            Input::Continue => self,
            Input::Text(_) | Input::Tokens(_) => Self::AtMost { raw: true, own_system },
            Input::Messages(_) => Self::AtMost { raw, own_system: own_system || input.begins_with_system() },
        }
    }

    /// By what the engine shows of a session that has nothing to do.
    fn shown(facts: &SessionFacts) -> Self {
        match (facts.is_raw(), facts.messages(), facts.tokens()) {
            (true, ..) => Self::Raw,
            (false, 0, 0) => Self::Nothing,
            (false, ..) => Self::Messages { own_system: facts.begins_with_system() },
        }
    }
}

impl Asked {
    /// Nothing yet, of a session with a system message of its own or without.
    pub(super) fn new(system: bool) -> Self {
        Self { generations: SmallVec::new(), system, holds: Holds::Nothing, restore: None }
    }

    /// Nothing yet, of a session that comes out of a save: anything may be in it.
    pub(super) fn restoring(restore: Control) -> Self {
        let holds = Holds::AtMost { raw: true, own_system: true };
        Self { generations: SmallVec::new(), system: false, holds, restore: Some(restore) }
    }

    /// Whether what the session came out with is known.
    ///
    /// # Errors
    /// `Busy` until the end of its restore can be read.
    pub(super) fn check_restored(&self) -> Result<()> {
        match &self.restore {
            None => Ok(()),
            Some(_) => Err(Error::new(
                ErrorKind::Busy,
                "the session is not restored yet; wait for its restore's END",
            )),
        }
    }

    /// Of a fork: what the session holds that it is taken from.
    pub(super) fn twin(&self) -> Self {
        let Self { system, holds, .. } = *self;
        Self { generations: SmallVec::new(), system, holds, restore: self.restore.clone() }
    }

    /// Looks which generations have ended.
    pub(super) fn update(&mut self, facts: &SessionFacts) {
        self.generations.retain(|generation| !generation.has_ended());
        if self.restore.take_if(|restore| restore.has_ended()).is_some() {
            self.system = matches!(facts.restored(), Some(Ok(restored)) if restored.has_system);
        }
        if self.restore.is_some() {
            return;
        }
        if self.generations.is_empty() && !facts.is_to_be_changed() {
            self.holds = Holds::shown(facts);
        }
    }

    /// The last generation, if its end cannot be read yet.
    pub(super) fn live(&self) -> Option<&Control> {
        self.generations.last().filter(|generation| !generation.has_ended())
    }

    /// Whether a generation, a fork or a change may come next.
    ///
    /// # Errors
    /// `Busy` while a generation is live and not cancelled.
    pub(super) fn check_free(&self) -> Result<()> {
        match self.live() {
            Some(live) if !live.is_cancelled() => {
                let why = "the session has a live generation; read its END, or cancel or close it first";
                Err(Error::new(ErrorKind::Busy, why))
            }
            _ => Ok(()),
        }
    }

    /// Whether `request` may come next, as far as that is known without the engine.
    ///
    /// # Errors
    /// `InvalidArgument`.
    pub(super) fn check_request(&self, request: &Request) -> Result<()> {
        let empty = self.holds == Holds::Nothing;
        if empty && request.input == Input::Continue {
            let why = "no input, and the session is empty: give a prompt, prompt_tokens or messages";
            return Err(Error::new(ErrorKind::InvalidArgument, why));
        }
        request.check_answer_prefix(self.holds == Holds::Raw)?;
        request.check_tool_choice()?;
        if self.system { check_beside_system(&request.input, empty) } else { Ok(()) }
    }

    /// A generation with `input` was handed in.
    pub(super) fn generate(&mut self, input: &Input, generation: Control) {
        self.holds = self.holds.behind(input);
        self.generations.push(generation);
    }

    /// A clear was handed in.
    pub(super) fn clear(&mut self) {
        self.holds = Holds::Nothing;
    }

    /// A rewind to `count` tokens was handed in.
    ///
    /// # Errors
    /// `InvalidArgument` if messages have gone since the session had so many. What a generation leaves that
    /// has not stopped yet is not known.
    pub(super) fn rewind(&mut self, count: usize, facts: &SessionFacts) -> Result<()> {
        if self.generations.is_empty() && self.holds != Holds::Nothing {
            facts.check_place(count)?;
        }
        self.holds = match self.holds {
            _ if count == 0 => Holds::Nothing,
            Holds::Messages { own_system } => Holds::AtMost { raw: false, own_system },
            as_before => as_before,
        };
        Ok(())
    }

    /// Whether the last answer may be cut.
    ///
    /// # Errors
    /// `InvalidArgument` if there is none. What a generation leaves that has not stopped yet, or a change
    /// that is not done, is not known.
    pub(super) fn check_answer(&self, facts: &SessionFacts) -> Result<()> {
        let rests = self.generations.is_empty() && !facts.is_to_be_changed();
        if self.holds == Holds::Nothing || rests && !facts.has_answer() {
            let why = "the session has no answer that could be cut: the last that it holds was given to it";
            return Err(Error::new(ErrorKind::InvalidArgument, why));
        }
        Ok(())
    }

    /// Takes another system message of the session's own, or none (`given` false).
    ///
    /// # Errors
    /// `InvalidArgument` if the session holds what does not go with it, or may hold it when its live
    /// generation ends.
    pub(super) fn set_system(&mut self, given: bool) -> Result<()> {
        let why = match self.holds {
            Holds::Raw | Holds::AtMost { raw: true, .. } => {
                "the session holds raw input, or gets it now, which has no system message; clear it first, or use another"
            }
            Holds::Messages { own_system: true } | Holds::AtMost { own_system: true, .. } if given => {
                "the conversation begins with a system message of its own; clear the session first, or use another"
            }
            _ => {
                self.system = given;
                return Ok(());
            }
        };
        Err(Error::new(ErrorKind::InvalidArgument, why))
    }
}
