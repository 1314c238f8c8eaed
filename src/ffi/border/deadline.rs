//! How long a call may wait; knows not for what.

use super::status::WICK_FOREVER;
use std::time::{Duration, Instant};

/// How long a [BLOCK] call may wait.
#[derive(Clone, Copy)]
pub(in crate::ffi) enum Deadline {
    /// Not at all.
    Poll,
    /// Until then; `None`: for ever.
    At(Option<Instant>),
}

impl Deadline {
    pub(in crate::ffi) fn after(timeout_ns: u64) -> Self {
        match timeout_ns {
            0 => Self::Poll,
            WICK_FOREVER => Self::At(None),
            _ => Self::At(Instant::now().checked_add(Duration::from_nanos(timeout_ns))),
        }
    }
}
