//! Hashing of pairs of numbers that a file cannot foresee.

use std::hash::{BuildHasher, RandomState};

/// Multiply-shift hashing with random multipliers: a file cannot know which pairs collide.
#[derive(Debug, Clone, Copy)]
pub(super) struct PairHasher {
    left: u64,
    right: u64,
}

impl PairHasher {
    pub(super) fn new() -> Self {
        let random = RandomState::new();
        Self { left: random.hash_one(1) | 1, right: random.hash_one(2) | 1 }
    }

    /// The first slot to look at, of a power of two of them.
    pub(super) fn slot(self, left: u32, right: u32, slots: usize) -> usize {
        let hash = u64::from(left).wrapping_mul(self.left)
            ^ u64::from(right).wrapping_mul(self.right).rotate_left(32);
        (hash >> 20) as usize & (slots - 1)
    }
}
