//! What a model's grammars take of its runtime's memory. Knows no grammar.

use crate::budget::{Budget, Share};
use crate::error::Result;
use crate::sync::{AtomicU64, Ordering};
use std::sync::Arc;

/// Where a model's grammars take their memory from, and how much they have together. Any thread.
pub(super) struct Ledger {
    budget: Arc<Budget>,
    held: Arc<AtomicU64>,
}

/// A part of it, given back when it is dropped.
pub(super) struct Part {
    share: Share,
    held: Arc<AtomicU64>,
}

impl Ledger {
    pub(super) fn new(budget: Arc<Budget>) -> Self {
        Self { budget, held: Arc::default() }
    }

    /// Bytes in all parts.
    pub(super) fn held(&self) -> u64 {
        self.held.load(Ordering::SeqCst)
    }

    /// A part of `bytes`; `what` it is for is said when more is refused.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(super) fn take(&self, what: &'static str, bytes: u64) -> Result<Part> {
        let mut part = Part { share: self.budget.share(what), held: self.held.clone() };
        part.resize(bytes)?;
        Ok(part)
    }
}

impl Part {
    /// Makes it `bytes` in all. To become smaller never fails.
    ///
    /// # Errors
    /// `OutOfMemory` if the others leave less; it then stays as it was.
    pub(super) fn resize(&mut self, bytes: u64) -> Result<()> {
        let before = self.share.bytes();
        if bytes == before {
            return Ok(());
        }
        self.share.resize(bytes)?;
        // Wraps where it becomes smaller: the sum does not.
        self.held.fetch_add(bytes.wrapping_sub(before), Ordering::SeqCst);
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.held.fetch_sub(self.share.bytes(), Ordering::SeqCst);
    }
}
