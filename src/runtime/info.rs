//! What a runtime and its sessions say of themselves, from figures that nobody has to be waited for.

use super::core::Core;
use super::options::Mode;
use std::sync::Arc;

/// What is known of a runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuntimeInfo {
    /// Whose threads do the work.
    pub mode: Mode,
    /// A shutdown has begun.
    pub is_shutting_down: bool,
    /// Names of the threads that run.
    pub threads: Vec<Arc<str>>,
    /// Generations that have not ended.
    pub live: usize,
    /// Those of them that have a place in the computation.
    pub running: usize,
    /// The most generations that are computed together.
    pub max_sequences: usize,
    /// The most that wait for a place.
    pub max_waiting: usize,
    /// Passes computed so far.
    pub passes: u64,
    /// Bytes of weights, mapped or owned.
    pub weight_bytes: u64,
    /// Bytes of keys and values, those of prefixes that no session uses included, and of scratch. The latter
    /// is what passes work in, and weights on their way to huge pages.
    pub kv_and_scratch_bytes: u64,
    /// Bytes that the runtime may hold for models; `None`: no limit.
    pub memory_budget: Option<u64>,
    /// How many streams each queue has.
    pub queues: Vec<usize>,
}

impl RuntimeInfo {
    /// Generations that wait for a place.
    pub fn waiting(&self) -> usize {
        self.live.saturating_sub(self.running)
    }
}

impl Core {
    pub(super) fn info(&self) -> RuntimeInfo {
        let facts = &self.links.facts;
        RuntimeInfo {
            mode: self.options.mode,
            is_shutting_down: self.links.is_stopping(),
            threads: self.thread_names(),
            live: facts.live(),
            running: facts.running(),
            max_sequences: self.options.max_sequences,
            max_waiting: self.options.max_waiting,
            passes: facts.passes(),
            weight_bytes: facts.weight_bytes(),
            kv_and_scratch_bytes: facts.decoder_bytes(),
            memory_budget: self.options.memory_budget,
            queues: self.queues().iter().map(|queue| queue.len()).collect(),
        }
    }
}

/// What a session does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionState {
    /// No generation is live.
    Idle,
    /// One is.
    Generating,
    /// It was cancelled and has not stopped yet.
    Stopping,
    /// It comes out of a save, which is still being read: what is asked of it waits.
    Restoring,
}

/// What is known of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// What it does.
    pub state: SessionState,
    /// Tokens that it holds.
    pub tokens: usize,
    /// Messages of the conversation, without the session's own system message.
    pub messages: usize,
    /// Messages that have gone since it was made or cleared ([`Overflow::Roll`](super::Overflow::Roll)).
    pub rolled_messages: usize,
    /// Their tokens.
    pub rolled_tokens: usize,
    /// The most tokens that it may hold; `None` while the model loads, if it was given no length.
    pub context_length: Option<usize>,
}

impl SessionInfo {
    /// Tokens that may still come.
    pub fn context_left(&self) -> Option<usize> {
        self.context_length.map(|context| context.saturating_sub(self.tokens))
    }
}
