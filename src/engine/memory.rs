//! Memory: what gives way when the budget is used up or the system asks, and what is published of it; knows
//! no number of bytes that is allowed.

use super::facts::EngineFacts;
use super::models::Models;
use super::session::{Session, Sessions};
use super::span::Span;
use crate::error::{ErrorKind, Result};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Gives memory back, and says how much is held.
pub(super) struct Memory {
    facts: Arc<EngineFacts>,
    /// A trim is to be finished behind the pass.
    trim_due: bool,
}

impl Memory {
    pub(super) fn new(facts: Arc<EngineFacts>) -> Self {
        Self { facts, trim_due: false }
    }

    /// Publishes what is held.
    pub(super) fn publish(&self, models: &Models, running: usize) {
        let (held, weights) = models.bytes();
        self.facts.decoder_bytes.store(held, Ordering::Relaxed);
        self.facts.weight_bytes.store(weights, Ordering::Relaxed);
        self.facts.running.store(running, Ordering::Relaxed);
    }

    /// Does `work`, while no pass is under way. Where it finds no memory, caches go, then what idle sessions
    /// hold, whoever rested longest first.
    ///
    /// # Errors
    /// Those of `work`.
    pub(super) fn find_for(
        &self,
        models: &mut Models,
        sessions: &mut Sessions,
        mut work: impl FnMut(&mut Models, &Sessions) -> Result<()>,
    ) -> Result<()> {
        let lacks = |done: &Result<()>| matches!(done, Err(error) if error.kind() == ErrorKind::OutOfMemory);
        let mut done = work(models, sessions);
        if lacks(&done) {
            models.trim();
            done = work(models, sessions);
            while lacks(&done) && self.evict(models, sessions, &[]) {
                // What the session held is not to stay as a prefix.
                models.trim();
                done = work(models, sessions);
            }
        }
        done
    }

    /// Gives back what can be computed again: what idle sessions hold, and what decoders keep for the next
    /// pass. `busy`: the pass under way.
    pub(super) fn trim(&mut self, models: &mut Models, sessions: &mut Sessions, busy: &[Span]) {
        while self.evict(models, sessions, busy) {}
        models.trim();
        self.trim_due = !busy.is_empty();
    }

    /// Gives back the rest of a trim that has met a pass, which is over.
    pub(super) fn finish_trim(&mut self, models: &mut Models, sessions: &mut Sessions) {
        if std::mem::take(&mut self.trim_due) {
            self.trim(models, sessions, &[]);
        }
    }

    /// Caches and what one idle session holds give way; false: no session is left that could. `busy`: the
    /// pass under way.
    pub(super) fn release_memory(&self, models: &mut Models, sessions: &mut Sessions, busy: &[Span]) -> bool {
        models.trim();
        self.evict(models, sessions, busy)
    }

    /// Empties the sequence of the idle session that was computed longest ago; it is computed again when it
    /// is needed. False: none holds anything.
    fn evict(&self, models: &mut Models, sessions: &mut Sessions, busy: &[Span]) -> bool {
        let idle = sessions.iter_mut().filter(|(id, session)| {
            let ready = models.ready(session.model);
            let held = ready.zip(session.sequence).map_or(0, |(ready, sequence)| ready.length(sequence));
            held > 0 && session.active.is_none() && !is_in(busy, **id)
        });
        let Some((&id, session)) = idle.min_by_key(|(id, session)| (session.last_pass, **id)) else {
            return false;
        };
        let emptied = empty(session, models);
        if emptied {
            self.facts.say_evicted(id, session.tokens.len());
        }
        emptied
    }
}

/// Gives back what the session's sequence holds if nothing of it is the session's any more. `busy`: the pass
/// under way.
pub(super) fn empty_if_cut(id: u64, models: &mut Models, sessions: &mut Sessions, busy: &[Span]) {
    if let Some(session) = sessions.get_mut(&id)
        && session.active.is_none()
        && session.cut == Some(0)
        && !is_in(busy, id)
    {
        empty(session, models);
    }
}

/// Whether the session has a span in the pass under way.
pub(super) fn is_in(busy: &[Span], session: u64) -> bool {
    busy.iter().any(|span| span.session == session)
}

/// Whether the model keeps nothing of the session's sequence now.
fn empty(session: &mut Session, models: &mut Models) -> bool {
    let Some(sequence) = session.sequence else { return false };
    let Some(ready) = models.ready_mut(session.model) else { return false };
    let emptied = ready.empty(sequence);
    // After a panic nobody knows what it holds.
    session.cut = (!emptied).then_some(0);
    emptied
}
