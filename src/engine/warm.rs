//! What a decoder does to become quicker (huge pages): between passes, in a small share of their time, and
//! when nothing else is to do.

use super::facts::EngineFacts;
use super::models::Models;
use super::queue::Queue;
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Quiet time after the last pass before this goes on by itself: a host that asks again at once is not kept
/// waiting.
const CALM: Duration = Duration::from_millis(50);

/// Of the time of passes, the part that this may take beside them.
const SHARE: u32 = 8;

/// The most that this takes at once beside passes: no stream pauses for longer.
const MOST: Duration = Duration::from_millis(4);

/// What a piece may take on the host's thread. It takes longer where the host of a virtual machine has to
/// find the memory first.
const BRIEF: Duration = Duration::from_millis(1);

/// Whose turn it is to become quicker, and the time that is earned for it.
pub(super) struct Warm {
    /// The thread is not the host's.
    own_thread: bool,
    facts: Arc<EngineFacts>,
    /// The models that have given a token, for nothing stands between a model and its first one: one after
    /// the other, whoever has given the newest token.
    models: SmallVec<[u64; 4]>,
    earned: Duration,
    /// When the last slice ended.
    last: Option<Instant>,
    /// What a piece took last.
    piece: Duration,
    pieces: u32,
    /// Those of the pieces that were not brief.
    long: u32,
}

impl Warm {
    pub(super) fn new(own_thread: bool, facts: Arc<EngineFacts>) -> Self {
        let (earned, piece) = (Duration::ZERO, Duration::ZERO);
        Self { own_thread, facts, models: SmallVec::new(), earned, last: None, piece, pieces: 0, long: 0 }
    }

    /// A slice has taken the time from `begun` to `now`.
    pub(super) fn earn(&mut self, begun: Instant, now: Instant) {
        self.earned = (self.earned + (now - begun) / SHARE).min(MOST);
        self.last = Some(now);
    }

    /// `model` has given a token.
    pub(super) fn allow(&mut self, model: u64) {
        if !self.models.contains(&model) {
            self.models.push(model);
        }
    }

    /// As [`Warm::run_piece`], if the time for it is earned and only answers are under way: no first token
    /// waits for it.
    pub(super) fn run_piece_beside(&mut self, queue: &Queue, models: &mut Models) -> bool {
        self.earned > Duration::ZERO
            && self.earned >= self.piece
            && queue.has_only_answers()
            && self.run_piece(models)
    }

    /// When this may go on by itself, if there is any left to do.
    pub(super) fn due(&self) -> Option<Instant> {
        let wanted = self.own_thread && !self.models.is_empty();
        self.last.filter(|_| wanted)?.checked_add(CALM)
    }

    /// Lets a decoder do a piece of what makes it quicker; whether there was one.
    pub(super) fn run_piece(&mut self, models: &mut Models) -> bool {
        self.models.retain(|id| models.get_mut(*id).is_some_and(|model| !model.is_warm));
        let Some(&id) = self.models.first() else { return false };
        let Some(model) = models.get_mut(id) else { return false };
        let Some(ready) = model.ready_mut() else { return false };
        let begun = Instant::now();
        model.is_warm = !ready.warm_up();
        self.spend(begun.elapsed());
        // On the host's thread its frames come first.
        if !self.own_thread && self.is_long() {
            self.facts.say_slowed(id, "huge_pages", None);
            models.keep_mapped(id);
        }
        true
    }

    /// A piece has taken this long.
    fn spend(&mut self, took: Duration) {
        self.earned = self.earned.saturating_sub(took);
        // More than can be earned would be waited for in vain.
        self.piece = took.min(MOST);
        self.pieces = self.pieces.saturating_add(1);
        self.long = self.long.saturating_add(u32::from(took > BRIEF));
    }

    /// Whether pieces are long as a rule here: one in 16, and three at least, so that what the system
    /// interrupts now and then is none.
    fn is_long(&self) -> bool {
        self.long.saturating_mul(16) > self.pieces.saturating_add(32)
    }
}
