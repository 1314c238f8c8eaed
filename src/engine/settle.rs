//! What a decoder does to become quicker: between passes, in a small share of their time, and when nothing else is to do; knows no decoder.

use super::core::{Engine, ModelState, guarded};
use super::generation::State;
use std::time::{Duration, Instant};

/// Of the time of passes, the part that settling may take beside them.
const SHARE: u32 = 8;

/// The most that settling takes at once beside passes: no stream pauses for longer.
const MOST: Duration = Duration::from_millis(4);

/// What a piece may take on the host's thread. It takes longer where the host of a virtual machine has to find the memory first.
const BRIEF: Duration = Duration::from_millis(1);

/// Quiet time after the last pass before settling goes on by itself: a host that asks again at once is not kept waiting.
const CALM: Duration = Duration::from_millis(50);

/// Whose turn it is to settle, and the time for it.
#[derive(Default)]
pub(super) struct Settling {
    /// A model that has given a token: nothing stands between a model and its first one.
    model: Option<u64>,
    earned: Duration,
    /// When the last slice ended.
    last: Option<Instant>,
    /// What a piece took last.
    piece: Duration,
    pieces: u32,
    /// Those of the pieces that were not brief.
    long: u32,
}

impl Settling {
    /// A slice has taken the time since `begun`.
    pub(super) fn earn(&mut self, begun: Instant) {
        let now = Instant::now();
        self.earned = (self.earned + (now - begun) / SHARE).min(MOST);
        self.last = Some(now);
    }

    /// A piece has taken this long.
    fn spend(&mut self, took: Duration) {
        self.earned = self.earned.saturating_sub(took);
        // More than can be earned would be waited for in vain.
        self.piece = took.min(MOST);
        self.pieces = self.pieces.saturating_add(1);
        self.long = self.long.saturating_add(u32::from(took > BRIEF));
    }

    /// Whether pieces are long as a rule here: one in 16, and three at least, so that what the system interrupts now and then is none.
    fn is_long(&self) -> bool {
        self.long.saturating_mul(16) > self.pieces.saturating_add(32)
    }

    /// `model` may settle.
    pub(super) fn allow(&mut self, model: u64) {
        self.model = Some(model);
    }
}

impl Engine {
    /// As [`Engine::settle`], if the time for it is earned and only answers are under way: no first token waits for it.
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
            self.keep_mapped(id);
        }
        true
    }
}
