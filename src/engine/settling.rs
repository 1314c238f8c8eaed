//! Whose turn it is to settle, and the time that it has earned; knows no decoder and no engine.

use std::time::{Duration, Instant};

/// Of the time of passes, the part that settling may take beside them.
const SHARE: u32 = 8;

/// The most that settling takes at once beside passes: no stream pauses for longer.
const MOST: Duration = Duration::from_millis(4);

/// What a piece may take on the host's thread. It takes longer where the host of a virtual machine has to
/// find the memory first.
const BRIEF: Duration = Duration::from_millis(1);

/// Whose turn it is to settle, and the time for it.
#[derive(Default)]
pub(super) struct Settling {
    /// A model that has given a token: nothing stands between a model and its first one.
    pub(super) model: Option<u64>,
    pub(super) earned: Duration,
    /// When the last slice ended.
    pub(super) last: Option<Instant>,
    /// What a piece took last.
    pub(super) piece: Duration,
    pieces: u32,
    /// Those of the pieces that were not brief.
    long: u32,
}

impl Settling {
    /// A slice has taken the time from `begun` to `now`.
    pub(super) fn earn(&mut self, begun: Instant, now: Instant) {
        self.earned = (self.earned + (now - begun) / SHARE).min(MOST);
        self.last = Some(now);
    }

    /// A piece has taken this long.
    pub(super) fn spend(&mut self, took: Duration) {
        self.earned = self.earned.saturating_sub(took);
        // More than can be earned would be waited for in vain.
        self.piece = took.min(MOST);
        self.pieces = self.pieces.saturating_add(1);
        self.long = self.long.saturating_add(u32::from(took > BRIEF));
    }

    /// Whether pieces are long as a rule here: one in 16, and three at least, so that what the system
    /// interrupts now and then is none.
    pub(super) fn is_long(&self) -> bool {
        self.long.saturating_mul(16) > self.pieces.saturating_add(32)
    }

    /// `model` may settle.
    pub(super) fn allow(&mut self, model: u64) {
        self.model = Some(model);
    }
}
