//! A test's hold on a fake model: lets tokens through one by one and sees what was computed.

use crate::sync::{Condvar, Mutex, lock};
use std::sync::Arc;
use std::time::Instant;

/// Shared by the test and the decoder. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Tokens that may still come.
    permits: u64,
    /// Tokens whose logits were computed.
    computed: u64,
    /// Prompt tokens that went into a pass.
    prefilled: u64,
    /// Slices computed.
    slices: u64,
}

impl Gate {
    /// Lets `count` more tokens through; only a script with `gated` waits for it.
    pub fn release(&self, count: u64) {
        let mut state = lock(&self.inner.state);
        state.permits = state.permits.saturating_add(count);
        self.inner.changed.notify_all();
    }

    /// Tokens whose logits were computed.
    pub fn computed(&self) -> u64 {
        lock(&self.inner.state).computed
    }

    /// Prompt tokens that went into a pass.
    pub fn prefilled(&self) -> u64 {
        lock(&self.inner.state).prefilled
    }

    /// Slices computed.
    pub fn slices(&self) -> u64 {
        lock(&self.inner.state).slices
    }

    /// Takes a permit, waiting for it until `until`; whether there was one.
    pub(super) fn pass(&self, until: Instant) -> bool {
        let mut state = lock(&self.inner.state);
        while state.permits == 0 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.inner.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
        state.permits -= 1;
        true
    }

    pub(super) fn count(&self, computed: u64, prefilled: u64, slices: u64) {
        let mut state = lock(&self.inner.state);
        state.computed += computed;
        state.prefilled += prefilled;
        state.slices += slices;
    }
}
