//! What a decoder does to become quicker: between passes, in a small share of their time, and when nothing
//! else is to do; knows no decoder.

use super::generation::State;
use super::state::{Engine, ModelState, guarded};
use std::time::{Duration, Instant};

/// Quiet time after the last pass before settling goes on by itself: a host that asks again at once is not
/// kept waiting.
const CALM: Duration = Duration::from_millis(50);

impl Engine {
    /// As [`Engine::settle`], if the time for it is earned and only answers are under way: no first token
    /// waits for it.
    pub(super) fn settle_beside(&mut self) -> bool {
        let answers = |id| match self.generations.get(id).map(|one| &one.state) {
            Some(State::Running(run)) => run.generated > 0,
            _ => false,
        };
        self.settling.earned > Duration::ZERO
            && self.settling.earned >= self.settling.piece
            && self.line.is_empty()
            && !self.running.is_empty()
            && self.running.iter().all(answers)
            && self.settle()
    }

    /// When settling may go on by itself, if there is any left.
    pub(super) fn settle_after(&self) -> Option<Instant> {
        let wanted = self.limits.own_thread && self.settling.model.is_some();
        self.settling.last.filter(|_| wanted)?.checked_add(CALM)
    }

    /// Lets a decoder do a piece of what makes it quicker; whether there was one.
    pub(super) fn settle(&mut self) -> bool {
        let Some(id) = self.settling.model else { return false };
        let Some(model) = self.models.get_mut(&id).filter(|model| !model.settled) else {
            self.settling.model = None;
            return false;
        };
        let ModelState::Ready { decoder, .. } = &mut model.state else { return false };
        let begun = Instant::now();
        model.settled = !guarded(|| Ok(decoder.settle())).unwrap_or(false);
        self.settling.spend(begun.elapsed());
        // On the host's thread its frames come first.
        if !self.limits.own_thread && self.settling.is_long() {
            self.facts.say_slow_pages(id);
            self.keep_mapped(id);
        }
        true
    }
}
