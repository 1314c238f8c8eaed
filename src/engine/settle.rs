//! What a decoder does to become quicker: between passes, in a small share of their time, and when nothing else is to do; knows no decoder.

use super::core::{Engine, ModelState, guarded};
use std::time::{Duration, Instant};

/// Of the time of passes, the part that settling may take beside them.
const SHARE: u32 = 8;

/// The most that settling takes at once beside passes: no stream pauses for longer.
const MOST: Duration = Duration::from_millis(4);

/// Whose turn it is to settle, and the time for it.
#[derive(Default)]
pub(super) struct Settling {
    /// A model that has given a token: nothing stands between a model and its first one.
    model: Option<u64>,
    earned: Duration,
    /// What a piece took last.
    piece: Duration,
}

impl Settling {
    /// A slice took `time`.
    pub(super) fn earn(&mut self, time: Duration) {
        self.earned = (self.earned + time / SHARE).min(MOST);
    }

    /// `model` may settle.
    pub(super) fn allow(&mut self, model: u64) {
        self.model = Some(model);
    }
}

impl Engine {
    /// As [`Engine::settle`], if the time for it is earned.
    pub(super) fn settle_beside(&mut self) -> bool {
        self.settling.earned > self.settling.piece && self.settle()
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
        self.settling.piece = begun.elapsed();
        self.settling.earned = self.settling.earned.saturating_sub(self.settling.piece);
        true
    }
}
