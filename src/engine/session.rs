//! A session inside the engine: what it holds, what waits for it, and how a generation that came to nothing is undone.

use super::facts::SessionFacts;
use crate::error::Result;
use crate::model::Sequence;
use crate::text::Message;
use std::collections::VecDeque;
use std::sync::Arc;

/// The role of generated messages.
const ASSISTANT: &str = "assistant";

/// What a session takes until it is cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Empty,
    Raw,
    Chat,
}

/// What is to be done with a session, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errand {
    Generate(u64),
    Clear,
}

/// One session.
pub(super) struct Session {
    pub(super) model: u64,
    /// Tokens that the session may hold.
    pub(super) context: usize,
    pub(super) mode: Mode,
    /// Every token of the past and of the generation under way; the decoder may hold fewer.
    pub(super) tokens: Vec<u32>,
    pub(super) messages: Vec<Message>,
    /// The decoder's side, from the first pass on.
    pub(super) sequence: Option<Sequence>,
    /// The decoder's sequence is right only up to here: to be cut when no pass uses it.
    pub(super) cut: Option<usize>,
    pub(super) errands: VecDeque<Errand>,
    pub(super) active: Option<u64>,
    /// The pass that it last took part in.
    pub(super) used: u64,
    pub(super) facts: Arc<SessionFacts>,
}

/// How to bring a session back to where it was before a generation.
#[derive(Debug)]
pub(super) struct Undo {
    mode: Mode,
    keep: usize,
    tail: Vec<u32>,
    messages: usize,
}

impl Session {
    pub(super) fn new(model: u64, context: usize, facts: Arc<SessionFacts>) -> Self {
        Self {
            model,
            context,
            mode: Mode::Empty,
            tokens: Vec::new(),
            messages: Vec::new(),
            sequence: None,
            cut: None,
            errands: VecDeque::new(),
            active: None,
            used: 0,
            facts,
        }
    }

    /// Replaces the session's tokens by `target`, keeping the common beginning: how many tokens that is, and the way back.
    ///
    /// # Errors
    /// `OutOfMemory`; the session is as it was.
    pub(super) fn advance(
        &mut self,
        target: Vec<u32>,
        mode: Mode,
        messages: Vec<Message>,
    ) -> Result<(usize, Undo)> {
        self.messages.try_reserve(messages.len())?;
        let keep = self.tokens.iter().zip(&target).take_while(|(old, new)| old == new).count();
        let mut tail = std::mem::replace(&mut self.tokens, target);
        tail.drain(..keep);
        let undo = Undo { mode: self.mode, keep, tail, messages: self.messages.len() };
        self.cut_to(keep);
        self.mode = mode;
        self.messages.extend(messages);
        self.publish();
        Ok((keep, undo))
    }

    pub(super) fn restore(&mut self, undo: Undo) {
        self.mode = undo.mode;
        self.tokens.truncate(undo.keep);
        self.tokens.extend_from_slice(&undo.tail);
        self.messages.truncate(undo.messages);
        self.cut_to(undo.keep);
        self.publish();
    }

    /// Adds the assistant's text to the conversation: to its last message if that `continues`, else as a new one.
    pub(super) fn keep_answer(&mut self, answer: String, continues: bool) {
        match self.messages.last_mut().filter(|last| continues && last.role == ASSISTANT) {
            Some(last) => last.content.push_str(&answer),
            None => {
                self.messages.push(Message { role: ASSISTANT.to_owned(), content: answer, extra: None });
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.mode = Mode::Empty;
        self.tokens.clear();
        self.messages.clear();
        self.cut_to(0);
        self.publish();
    }

    /// From `length` on, what the decoder holds is not the session's any more.
    pub(super) fn cut_to(&mut self, length: usize) {
        self.cut = Some(self.cut.map_or(length, |cut| cut.min(length)));
    }

    /// Shows the session's size to whoever asks without waiting for the engine.
    pub(super) fn publish(&self) {
        self.facts.set(self.tokens.len(), self.messages.len());
    }
}
