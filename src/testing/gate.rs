//! A test's hold on a fake model: lets tokens through one by one and sees what was computed.

use crate::sync::{AtomicU64, Condvar, Mutex, Ordering, lock};
use std::sync::Arc;
use std::time::Instant;

/// Shared by the test and the decoder. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Tokens that may still come.
    permits: Mutex<u64>,
    changed: Condvar,
    computed: AtomicU64,
    prefilled: AtomicU64,
    slices: AtomicU64,
}

impl Gate {
    /// Lets `count` more tokens through; only a script with `gated` waits for it.
    pub fn release(&self, count: u64) {
        let mut permits = lock(&self.inner.permits);
        *permits = permits.saturating_add(count);
        self.inner.changed.notify_all();
    }

    /// Tokens whose logits were computed.
    pub fn computed(&self) -> u64 {
        self.inner.computed.load(Ordering::SeqCst)
    }

    /// Prompt tokens that went into a pass.
    pub fn prefilled(&self) -> u64 {
        self.inner.prefilled.load(Ordering::SeqCst)
    }

    /// Slices computed.
    pub fn slices(&self) -> u64 {
        self.inner.slices.load(Ordering::SeqCst)
    }

    /// Takes a permit, waiting for it until `until`; whether there was one.
    pub(super) fn pass(&self, until: Instant) -> bool {
        let mut permits = lock(&self.inner.permits);
        while *permits == 0 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.inner.changed.wait_timeout(permits, left);
            permits = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
        *permits -= 1;
        true
    }

    pub(super) fn count(&self, computed: u64, prefilled: u64, slices: u64) {
        let inner = &self.inner;
        for (counter, more) in
            [(&inner.computed, computed), (&inner.prefilled, prefilled), (&inner.slices, slices)]
        {
            if more > 0 {
                counter.fetch_add(more, Ordering::SeqCst);
            }
        }
    }
}
