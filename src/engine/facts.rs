//! Figures that the engine publishes and others read without waiting for it, and its log; knows no engine.

use super::past::Record;
use crate::error::Result;
use crate::log::Log;
use crate::sync::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::text::Message;
use std::sync::Arc;

/// A session's size, and what it takes.
#[derive(Debug, Default)]
pub struct SessionFacts {
    tokens: AtomicUsize,
    messages: AtomicUsize,
    raw: AtomicBool,
    /// Whether the conversation's own first message is a system message.
    begins_with_system: AtomicBool,
    /// Clears that were asked for and not done yet.
    clears: AtomicUsize,
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

    pub(super) fn set(&self, tokens: usize, messages: usize, raw: bool, begins_with_system: bool) {
        self.tokens.store(tokens, Ordering::Relaxed);
        self.messages.store(messages, Ordering::Relaxed);
        self.set_raw(raw);
        self.begins_with_system.store(begins_with_system, Ordering::Relaxed);
    }

    /// Whether the conversation begins with a system message that is not the session's.
    pub fn begins_with_system(&self) -> bool {
        self.begins_with_system.load(Ordering::Relaxed)
    }

    /// The session is to be cleared: said by whoever asks; the engine does it later.
    pub fn ask_clear(&self) {
        self.clears.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn clear_done(&self) {
        self.clears.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether a clear was asked for that is not done yet.
    pub fn is_to_be_cleared(&self) -> bool {
        self.clears.load(Ordering::SeqCst) > 0
    }

    /// Whether the session holds raw input. Also said by whoever hands it in: the engine takes it later.
    pub fn set_raw(&self, raw: bool) {
        self.raw.store(raw, Ordering::Relaxed);
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
