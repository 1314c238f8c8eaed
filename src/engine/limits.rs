//! How much the engine may do at a time, and what a step came to. Knows no engine.

use super::costs::Costs;
use std::time::{Duration, Instant};

/// How much the engine may do at a time.
#[derive(Debug, Clone, Copy)]
pub struct EngineLimits {
    /// Generations that are computed together.
    pub max_sequences: usize,
    /// How long a slice of a pass takes about.
    pub slice: Duration,
    /// Bytes of text that become tokens within a step; longer text is handed out
    /// ([`Engine::take_job`](super::Engine::take_job)), as are messages: the template that renders them is
    /// the model file's, and may take its time.
    pub inline_bytes: usize,
    /// The thread is not the host's: decoders become quicker while nothing else is to do, too, and also where
    /// a piece of that takes long.
    pub own_thread: bool,
    /// What rows cost; `None`: what is measured.
    pub costs: Option<Costs>,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Something was computed: step again.
    Worked,
    /// Nothing to do until a request comes, or until the given time.
    Idle(Option<Instant>),
}
