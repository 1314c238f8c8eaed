//! Figures that the engine publishes and others read without waiting for it, and its log; knows no engine.

use super::adapters::SessionAdapter;
use crate::chat::{Gone, Record};
use crate::error::Result;
use crate::log::Log;
use crate::sync::{AtomicBool, AtomicU64, AtomicUsize, Mutex, Ordering, SetOnce, lock};
use crate::text::Message;
use std::sync::Arc;

/// What a session was made with that came out of a save.
#[derive(Debug, Clone, Copy)]
pub struct Restored {
    /// As [`SessionOptions::context_length`](super::SessionOptions::context_length).
    pub context_length: Option<usize>,
    /// It has a system message of its own.
    pub has_system: bool,
}

/// A session's size, and what it takes.
#[derive(Debug, Default)]
pub struct SessionFacts {
    tokens: AtomicUsize,
    messages: AtomicUsize,
    raw: AtomicBool,
    /// Whether the conversation's own first message is a system message.
    begins_with_system: AtomicBool,
    /// What has gone of the conversation.
    gone_messages: AtomicUsize,
    gone_tokens: AtomicUsize,
    /// What had gone when the session last rested,
    rested_gone: Mutex<Gone>,
    /// and whether there was an answer.
    has_answer: AtomicBool,
    /// Changes that were asked for and not done yet,
    changes: AtomicUsize,
    /// and clears among them.
    clears: AtomicUsize,
    /// What it is computed with.
    adapter: Mutex<Option<SessionAdapter>>,
    /// How it came out of a save, once that is over.
    pub(super) restored: SetOnce<Result<Restored>>,
    pub(super) past: Record,
}

impl SessionFacts {
    /// Those of a new session with this message of its own.
    pub fn new(system: Option<&Message>) -> Self {
        let facts = Self::default();
        facts.past.keep(system, &[], &[]);
        facts
    }

    /// The messages that the session held when it last rested, its own first. `cleared`: without the others.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub fn past_messages(&self, cleared: bool) -> Result<Vec<Message>> {
        self.past.messages(cleared)
    }

    /// The tokens that the session held when it last rested.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub fn past_tokens(&self) -> Result<Vec<u32>> {
        self.past.tokens()
    }

    /// The adapter that the session is computed with from its next turn on.
    pub fn adapter(&self) -> Option<SessionAdapter> {
        lock(&self.adapter).clone()
    }

    pub(super) fn set_adapter(&self, adapter: Option<SessionAdapter>) {
        *lock(&self.adapter) = adapter;
    }

    /// How a session came out of a save, once that is over.
    pub fn restored(&self) -> Option<&Result<Restored>> {
        self.restored.get()
    }

    pub(super) fn set(&self, tokens: usize, messages: usize, raw: bool, begins_with_system: bool) {
        self.set_tokens(tokens);
        self.messages.store(messages, Ordering::Relaxed);
        self.raw.store(raw, Ordering::Relaxed);
        self.begins_with_system.store(begins_with_system, Ordering::Relaxed);
    }

    pub(super) fn set_tokens(&self, tokens: usize) {
        self.tokens.store(tokens, Ordering::Relaxed);
    }

    pub(super) fn set_gone(&self, gone: Gone) {
        self.gone_messages.store(gone.messages, Ordering::Relaxed);
        self.gone_tokens.store(gone.tokens, Ordering::Relaxed);
    }

    /// Messages of the conversation that have gone, oldest first, for want of room, and their tokens.
    pub fn gone(&self) -> (usize, usize) {
        (self.gone_messages.load(Ordering::Relaxed), self.gone_tokens.load(Ordering::Relaxed))
    }

    pub(super) fn set_rested(&self, gone: Gone, has_answer: bool) {
        *lock(&self.rested_gone) = gone;
        self.has_answer.store(has_answer, Ordering::Relaxed);
    }

    /// Whether a session that rests has an answer that can be cut.
    pub fn has_answer(&self) -> bool {
        self.has_answer.load(Ordering::Relaxed)
    }

    /// Whether a session that rests can go back to its first `tokens` tokens.
    ///
    /// # Errors
    /// `InvalidArgument` if messages have gone since it had so many.
    pub fn check_place(&self, tokens: usize) -> Result<()> {
        lock(&self.rested_gone).check_place(tokens)
    }

    /// The session is to be changed: said by whoever asks; the engine does it later.
    pub fn ask_change(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether the conversation begins with a system message that is not the session's.
    pub fn begins_with_system(&self) -> bool {
        self.begins_with_system.load(Ordering::Relaxed)
    }

    /// Those of a session that is to begin as this one is when its generation, if it has one, has stopped.
    pub fn twin(&self) -> Self {
        let twin = Self { changes: AtomicUsize::new(1), past: self.past.twin(), ..Self::default() };
        if self.is_to_be_cleared() {
            twin.past.clear();
            return twin;
        }
        let (raw, begins) = (self.is_raw(), self.begins_with_system());
        twin.set(self.tokens(), self.messages(), raw, begins);
        let (messages, tokens) = self.gone();
        twin.gone_messages.store(messages, Ordering::Relaxed);
        twin.gone_tokens.store(tokens, Ordering::Relaxed);
        twin.set_rested(*lock(&self.rested_gone), self.has_answer());
        twin
    }

    /// The session is to be cleared: said by whoever asks; the engine does it later.
    pub fn ask_clear(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.clears.fetch_add(1, Ordering::SeqCst);
    }

    /// So many changes are done, of which so many were clears.
    pub(super) fn changes_done(&self, changes: usize, clears: usize) {
        self.clears.fetch_sub(clears, Ordering::SeqCst);
        self.changes.fetch_sub(changes, Ordering::SeqCst);
    }

    /// Whether a change was asked for that is not done yet.
    pub fn is_to_be_changed(&self) -> bool {
        self.changes.load(Ordering::SeqCst) > 0
    }

    /// Whether a clear was asked for that is not done yet.
    pub fn is_to_be_cleared(&self) -> bool {
        self.clears.load(Ordering::SeqCst) > 0
    }

    /// Whether the session holds raw input.
    pub fn is_raw(&self) -> bool {
        self.raw.load(Ordering::Relaxed)
    }

    /// Tokens that the session holds.
    pub fn tokens(&self) -> usize {
        self.tokens.load(Ordering::Relaxed)
    }

    /// Messages of the conversation, without the session's own system message.
    pub fn messages(&self) -> usize {
        self.messages.load(Ordering::Relaxed)
    }
}

/// What the engine is doing.
#[derive(Debug, Default)]
pub struct EngineFacts {
    /// Generations that have not ended, waiting ones included.
    live: Arc<AtomicUsize>,
    pub(super) running: AtomicUsize,
    pub(super) passes: AtomicU64,
    pub(super) decoder_bytes: AtomicU64,
    pub(super) weight_bytes: AtomicU64,
    pub(super) log: Log,
}

/// A generation's place among those that have not ended; given back when dropped.
#[derive(Debug)]
pub struct Place {
    live: Arc<AtomicUsize>,
}

impl EngineFacts {
    /// Nothing done yet; what is worth a line goes to `log`.
    pub fn new(log: Log) -> Self {
        Self { log, ..Self::default() }
    }

    /// A place for one more generation, if fewer than `limit` are live.
    pub fn take_place(&self, limit: usize) -> Option<Place> {
        let taken = self
            .live
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |live| (live < limit).then_some(live + 1));
        taken.ok().map(|_| Place { live: self.live.clone() })
    }

    /// Generations that have not ended.
    pub fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// Generations that have a place in the computation.
    pub fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    /// Passes computed so far.
    pub fn passes(&self) -> u64 {
        self.passes.load(Ordering::Relaxed)
    }

    /// Bytes of keys, values and scratch.
    pub fn decoder_bytes(&self) -> u64 {
        self.decoder_bytes.load(Ordering::Relaxed)
    }

    /// Bytes of weights, mapped or owned.
    pub fn weight_bytes(&self) -> u64 {
        self.weight_bytes.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.live.fetch_sub(1, Ordering::SeqCst);
    }
}
