//! A session inside the engine: what it holds, what waits for it, and how a generation that came to nothing
//! is undone.

use super::conversation::{Conversation, Mark, Mode, SessionOptions, check_context};
use super::facts::SessionFacts;
use super::request::Request;
use crate::error::Result;
use crate::model::{Sequence, Spec};
use crate::text::Message;
use std::collections::VecDeque;
use std::sync::Arc;

/// What is to be done with a session, in order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Errand {
    Generate(u64),
    Clear,
    /// Another system message, or none.
    SetSystem(Option<String>),
}

/// One session.
pub(super) struct Session {
    pub(super) model: u64,
    /// Tokens that the session may hold; `None`: as many as its model, which is not known yet.
    pub(super) context: Option<usize>,
    pub(super) conversation: Conversation,
    /// Every token of the past and of the generation under way; the decoder may hold fewer.
    pub(super) tokens: Vec<u32>,
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
    conversation: Mark,
    keep: usize,
    tail: Vec<u32>,
}

impl Session {
    pub(super) fn new(model: u64, options: SessionOptions, facts: Arc<SessionFacts>) -> Self {
        Self {
            model,
            context: options.context_length,
            conversation: Conversation::new(options.system, options.tools, options.template),
            tokens: Vec::new(),
            sequence: None,
            cut: None,
            errands: VecDeque::new(),
            active: None,
            used: 0,
            facts,
        }
    }

    /// Shows what the session holds: no generation is under way.
    pub(super) fn rest(&self) {
        let (system, messages) = self.conversation.all();
        self.facts.past.keep(system, messages, &self.tokens);
    }

    /// Replaces the session's tokens by `target`, keeping the common beginning: how many tokens that is, and
    /// the way back.
    ///
    /// # Errors
    /// `OutOfMemory`; the session is as it was.
    pub(super) fn advance(
        &mut self,
        target: Vec<u32>,
        mode: Mode,
        messages: Vec<Message>,
        continues: bool,
        request: &Request,
    ) -> Result<(usize, Undo)> {
        let conversation = self.conversation.begin(mode, messages, continues, request)?;
        let keep = self.tokens.iter().zip(&target).take_while(|(old, new)| old == new).count();
        let mut tail = std::mem::replace(&mut self.tokens, target);
        tail.drain(..keep);
        self.cut_to(keep);
        self.publish();
        Ok((keep, Undo { conversation, keep, tail }))
    }

    pub(super) fn restore(&mut self, undo: Undo) {
        self.conversation.undo(undo.conversation);
        self.tokens.truncate(undo.keep);
        self.tokens.extend_from_slice(&undo.tail);
        self.cut_to(undo.keep);
        self.publish();
    }

    pub(super) fn clear(&mut self) {
        self.conversation.clear();
        self.tokens.clear();
        self.cut_to(0);
        self.publish();
    }

    /// Tokens that the session may hold of its model's context.
    ///
    /// # Errors
    /// `InvalidArgument` if it was given more than the model has.
    pub(super) fn context(&mut self, model: &Spec) -> Result<usize> {
        let context = check_context(self.context, model.context_length)?;
        self.context = Some(context);
        Ok(context)
    }

    pub(super) fn is_full(&self) -> bool {
        self.context.is_some_and(|context| self.tokens.len() >= context)
    }

    /// From `length` on, what the decoder holds is not the session's any more.
    pub(super) fn cut_to(&mut self, length: usize) {
        self.cut = Some(self.cut.map_or(length, |cut| cut.min(length)));
    }

    /// Shows the session's size to whoever asks without waiting for the engine.
    pub(super) fn publish(&self) {
        let conversation = &self.conversation;
        let (raw, begins) = (conversation.mode() == Mode::Raw, conversation.begins_with_system());
        self.facts.set(self.tokens.len(), conversation.len(), raw, begins);
    }
}
