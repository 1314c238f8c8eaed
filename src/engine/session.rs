//! A session inside the engine: what it holds, what waits for it, and how a generation that came to nothing
//! is undone.

use super::adapters::SessionAdapter;
use super::facts::SessionFacts;
use crate::chat::{Conversation, Input, Mark, Mode, Overflow, Rolled, TextOptions, copies, system_message};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::IdMap;
use crate::model::{Sequence, Spec};
use crate::pause::{Pauses, at_once};
use crate::text::format::Learned;
use crate::text::{Message, Vocab};
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::sync::Arc;

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
    /// own ([`Request::tools`](super::Request::tools)).
    pub tools: Option<Value>,
    /// More variables for the template in every turn, until a generation brings its own
    /// ([`Request::template`](super::Request::template)).
    pub template: Option<Map<String, Value>>,
    /// What becomes of a conversation for whose next turn there is no room.
    pub overflow: Overflow,
    /// The adapter that it is computed with, of its model; it may still load: generations wait for it.
    pub adapter: Option<SessionAdapter>,
}

impl SessionOptions {
    /// The session's own message.
    pub fn system_message(&self) -> Option<Message> {
        self.system.clone().map(system_message)
    }
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

/// What is to be done with a session, in order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Errand {
    /// What the session begins with is on its way, or never comes for this reason.
    Begin(Option<Error>),
    Generate(u64),
    Clear,
    /// Another system message, or none.
    SetSystem(Option<String>),
    /// Another adapter, or none.
    SetAdapter(Option<SessionAdapter>),
    /// Back to so many tokens.
    Rewind(usize),
    /// So many bytes of the last answer are kept.
    Keep(usize),
    /// That session begins as this one is now.
    Fork(u64),
    /// Nobody holds the session any more.
    Close,
    /// What the session is then goes into a save, by its number.
    Save(u64),
}

/// The sessions of a runtime.
pub(super) type Sessions = IdMap<u64, Session>;

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
    pub(super) last_pass: u64,
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
        if options.adapter.is_some() {
            facts.set_adapter(options.adapter);
        }
        Self {
            model,
            context: options.context_length,
            conversation: Conversation::new(
                options.system,
                options.tools,
                options.template,
                options.overflow,
            ),
            tokens: Vec::new(),
            sequence: None,
            cut: None,
            errands: VecDeque::new(),
            active: None,
            last_pass: 0,
            facts,
        }
    }

    /// A session of this model that begins with what is on its way.
    pub(super) fn awaiting(model: u64, facts: Arc<SessionFacts>) -> Self {
        let errands = [Errand::Begin(None)].into();
        Self { errands, ..Self::new(model, SessionOptions::default(), facts) }
    }

    /// The same as this one, with nothing to do and without its sequence.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(super) fn twin(&self, facts: Arc<SessionFacts>) -> Result<Self> {
        Ok(Self {
            context: self.context,
            conversation: self.conversation.twin()?,
            tokens: copies::tokens([&self.tokens, &[]])?,
            last_pass: self.last_pass,
            ..Self::new(self.model, SessionOptions::default(), facts)
        })
    }

    /// What is to be done next, up to the next generation, which begins by itself.
    pub(super) fn next_errand(&mut self) -> Option<Errand> {
        match self.errands.front() {
            _ if self.active.is_some() => None,
            None | Some(Errand::Begin(None) | Errand::Generate(_)) => None,
            // What never begins can still be told so, and closed.
            Some(Errand::Begin(Some(_))) => {
                let told =
                    |errand: &Errand| matches!(errand, Errand::Fork(_) | Errand::Save(_) | Errand::Close);
                let index = self.errands.iter().position(told)?;
                self.errands.remove(index)
            }
            Some(_) => self.errands.pop_front(),
        }
    }

    /// Shows what the session holds, if no generation is under way and it has begun.
    pub(super) fn rest(&self) {
        if self.active.is_some() || matches!(self.errands.front(), Some(Errand::Begin(_))) {
            return;
        }
        self.facts.set_rested(self.conversation.gone(), self.conversation.has_answer());
        let (system, messages) = self.conversation.all();
        self.facts.past.keep(system, messages, &self.tokens);
    }

    /// Replaces the session's tokens by `target`, keeping the common beginning: how many tokens that is, and
    /// the way back. The messages that are `rolled` go. The last `prefix` tokens begin the answer.
    ///
    /// # Errors
    /// `OutOfMemory`; the session is as it was.
    pub(super) fn advance(
        &mut self,
        target: Vec<u32>,
        input: Input,
        options: TextOptions<'_>,
        rolled: Option<&Rolled>,
        prefix: usize,
    ) -> Result<(usize, Undo)> {
        let keep = self.tokens.iter().zip(&target).take_while(|(old, new)| old == new).count();
        self.conversation.leave(keep, &self.tokens);
        let conversation = self.conversation.begin(input, options, rolled, (target.len(), prefix))?;
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

    /// Goes back to where it had the first `count` of its tokens.
    pub(super) fn rewind(&mut self, count: usize, vocab: &dyn Vocab) {
        let kept = self.conversation.rewind(count, &mut self.tokens, vocab);
        self.cut_to(kept);
        self.publish();
    }

    /// Forgets the last answer behind the first `bytes` bytes of its text.
    pub(super) fn keep_said(&mut self, bytes: usize, vocab: &dyn Vocab, learned: &Learned) {
        let speech = match self.conversation.mode() {
            Mode::Chat => at_once(learned.speech(vocab, &mut Pauses::none())).ok(),
            _ => None,
        };
        // What finds no memory is not forgotten.
        if let Ok(kept) = self.conversation.keep_said(bytes, &mut self.tokens, vocab, speech.as_ref()) {
            self.cut_to(kept);
            self.publish();
        }
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
        self.facts.set_gone(conversation.gone());
    }

    /// The same, where only a token was added.
    pub(super) fn publish_tokens(&self) {
        self.facts.set_tokens(self.tokens.len());
    }
}
