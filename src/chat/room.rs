//! What a context has room for: a prompt, its answer, and turns to come. Knows numbers of tokens and of
//! bytes.

use crate::error::{Error, ErrorKind, Result};

/// What a prompt leaves free of its context, in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    context: usize,
    /// What the answer takes, as far as it is known.
    answer: usize,
}

impl Room {
    /// For an answer of at most `max_tokens` (0: as many as there is room for); `answers`: there is one.
    pub(crate) fn new(context: usize, max_tokens: u32, answers: bool) -> Self {
        let answer = (max_tokens as usize).min(context / 2).max(usize::from(answers));
        Self { context, answer }
    }

    /// Whether a prompt of so many tokens leaves room for its answer.
    pub(crate) fn holds(self, tokens: usize) -> bool {
        tokens.saturating_add(self.answer) <= self.context
    }

    /// Whether it leaves a quarter of the context beside, so that the next turns fit too: what is computed
    /// again stays in proportion to what is new.
    pub(crate) fn holds_more(self, tokens: usize) -> bool {
        self.holds(tokens.saturating_add(self.context / 4))
    }

    /// Refuses text that cannot fit behind `held` tokens, before it is turned into tokens of at most
    /// `longest` bytes.
    ///
    /// # Errors
    /// `ContextFull`, with both numbers.
    pub(crate) fn check_text(self, bytes: usize, held: usize, longest: usize) -> Result<()> {
        let left = self.context.saturating_sub(held);
        if bytes <= left.saturating_mul(longest.max(1)) {
            return Ok(());
        }
        let message = format!(
            "{bytes} bytes of text cannot fit into the {left} tokens left of a context of {}; shorten the input or clear the session",
            self.context
        );
        Err(Error::new(ErrorKind::ContextFull, message))
    }

    /// Refuses a prompt of more tokens than the context has; `gone`: messages that it is without.
    ///
    /// # Errors
    /// `ContextFull`, with both numbers.
    pub(crate) fn check(self, tokens: usize, gone: usize) -> Result<()> {
        match gone {
            _ if tokens <= self.context => Ok(()),
            0 => Err(context_full(tokens, self.context)),
            _ => {
                let context = self.context;
                let message = format!(
                    "the session would hold {tokens} tokens, its context {context}, also without the {gone} oldest messages, which are all \
                     that may go; shorten the input, pin fewer messages or clear the session"
                );
                Err(Error::new(ErrorKind::ContextFull, message))
            }
        }
    }
}

pub(crate) fn context_full(tokens: usize, context: usize) -> Error {
    Error::new(
        ErrorKind::ContextFull,
        format!(
            "the session would hold {tokens} tokens, its context {context}; shorten the input or clear the session"
        ),
    )
}
