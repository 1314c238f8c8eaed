//! What a model would take in a runtime, and for which sessions; reads nothing.

use crate::model::PrefixCache;

/// What a model would take in a runtime, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Estimate {
    /// The model's file, or all its files.
    pub file_bytes: u64,
    /// Weights, mapped or owned, and the header's metadata.
    pub weight_bytes: u64,
    /// Keys and values of all sessions, and those that the prefix cache keeps of what windows leave behind.
    pub kv_bytes: u64,
    /// Recurrent states of all sessions, and their snapshots.
    pub state_bytes: u64,
    /// What passes work in.
    pub scratch_bytes: u64,
}

impl Estimate {
    /// What the memory budget counts: all but the file.
    pub fn total_bytes(&self) -> u64 {
        let parts = [self.weight_bytes, self.kv_bytes, self.state_bytes, self.scratch_bytes];
        parts.into_iter().fold(0, u64::saturating_add)
    }
}

/// The sessions that an estimate is for.
#[cfg_attr(
    not(all(feature = "text", feature = "native")),
    allow(dead_code, reason = "only the native backend can tell, of a file")
)]
pub(super) struct Sessions {
    /// How many, each full, with nothing in common.
    pub(super) count: usize,
    /// Tokens of each; `None`: the model's context.
    pub(super) context: Option<usize>,
    /// How many of them are computed together.
    pub(super) together: usize,
    /// What is kept of prefixes that none uses.
    pub(super) prefixes: PrefixCache,
    /// The runtime's memory budget.
    pub(super) limit: Option<u64>,
}
