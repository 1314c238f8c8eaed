//! How long an operation may go on before it pauses; knows no operation.

use std::time::Instant;

/// When a slice is over. Looked at by one thread, between chunks of at most about 200 µs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    deadline: Option<Instant>,
}

impl Pace {
    /// Never pauses.
    pub const UNBOUNDED: Pace = Pace { deadline: None };

    /// Pauses after `deadline`.
    pub fn until(deadline: Instant) -> Self {
        Self { deadline: Some(deadline) }
    }

    /// Whether the slice is over.
    pub fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

/// How an operation returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Step {
    /// It is complete; its cursor is back at 0.
    Done,
    /// The slice is over; call again with the same arguments and the cursor as it is now.
    Paused,
}

/// Where a cursor stands after a slice.
pub(super) fn finish(at: &mut usize, chunks: usize) -> Step {
    if *at < chunks {
        return Step::Paused;
    }
    *at = 0;
    Step::Done
}
