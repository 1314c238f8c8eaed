//! How many bytes pasts take, by what a model keeps of them; knows no cache.

use super::image::first_seen;
use super::spec::{CacheSpec, Keeps, SNAPSHOT};

/// Bytes that pasts take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// Of keys and values.
    pub blocks: u64,
    /// Of states and their snapshots.
    pub states: u64,
}

/// Sequences that have no beginning in common, computed one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pasts {
    /// How many there are.
    pub sequences: usize,
    /// Tokens of each.
    pub tokens: usize,
    /// Tokens that a pass takes at most.
    pub pass: usize,
    /// Bytes that may stay though no sequence uses them any more.
    pub idle: u64,
}

impl CacheSpec {
    /// Bytes that a [`Cache`](super::Cache) holds when it has computed `pasts`, unless it is short of memory.
    pub fn needs(&self, pasts: &Pasts) -> Needs {
        let left: u64 = self.groups.iter().map(|group| self.left(group.keeps, pasts) * group.bytes).sum();
        let mut needs = Needs::default();
        for group in &self.groups {
            // What may stay is for all groups together.
            let all = self.left(group.keeps, pasts);
            let stays = match u128::from(pasts.idle) * u128::from(all) {
                _ if left <= pasts.idle => all,
                shared => (shared / u128::from(left)) as u64,
            };
            let count = self.held(group.keeps, pasts, stays);
            let sum = if group.keeps == Keeps::State { &mut needs.states } else { &mut needs.blocks };
            *sum = sum.saturating_add(count.saturating_mul(group.bytes));
        }
        needs
    }

    /// Blocks or states that the sequences have left behind in the end.
    fn left(&self, keeps: Keeps, pasts: &Pasts) -> u64 {
        let each = match keeps {
            Keeps::All => 0,
            Keeps::Window(window) => self.left_by(window, pasts.tokens),
            // The newest snapshot is the sequence's.
            Keeps::State => (pasts.tokens / SNAPSHOT).saturating_sub(1),
        };
        (each * pasts.sequences) as u64
    }

    /// Blocks that a sequence of so many tokens has left behind: one more than the next token sees stays.
    fn left_by(&self, window: usize, tokens: usize) -> usize {
        first_seen(window, tokens, self.block).saturating_sub(1)
    }

    /// Blocks or states that are held at most, if `stays` of those that are left behind may stay.
    fn held(&self, keeps: Keeps, pasts: &Pasts, stays: u64) -> u64 {
        let Pasts { sequences, tokens, .. } = *pasts;
        match keeps {
            Keeps::All => (tokens.div_ceil(self.block) * sequences) as u64,
            Keeps::Window(window) => self.held_in(window, pasts, stays),
            // Behind all tokens, as the next pass writes it, and the newest snapshot.
            Keeps::State => 3 * sequences as u64 + stays,
        }
    }

    /// The same behind a window: what a pass leaves goes when it is over.
    fn held_in(&self, window: usize, pasts: &Pasts, stays: u64) -> u64 {
        let Pasts { sequences, tokens, pass, .. } = *pasts;
        let Some(others) = sequences.checked_sub(1) else { return 0 };
        let used = |from: usize, to: usize| {
            to.div_ceil(self.block).saturating_sub(self.left_by(window, from)) as u64
        };
        let held = |from: usize, to: usize| {
            let left = others * self.left_by(window, tokens) + self.left_by(window, from);
            used(from, to) + stays.min(left as u64)
        };
        // The last sequence's passes.
        let passes = (0..tokens).step_by(pass.max(1)).map(|from| held(from, tokens.min(from + pass)));
        let most = passes.max().unwrap_or(0).max(held(tokens, tokens));
        // The others wait, or all go on together: where a block begins, with one more.
        let last = tokens.saturating_sub(self.block)..tokens;
        let rest = last.map(|from| used(from, from + 1)).max().unwrap_or(0);
        others as u64 * rest + most
    }
}
