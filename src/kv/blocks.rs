//! The blocks of all groups with what holds them, for the time of one call; knows no sequence.

use super::image::first_seen;
use super::pool::Pool;
use super::spec::Keeps;
use super::store::{NO_BLOCK, Storage};
use super::tree::Tree;

/// Everything that sequences share.
pub(super) struct Blocks<'a> {
    /// Tokens of a block.
    pub(super) block: usize,
    /// A sequence can go back.
    pub(super) rewinds: bool,
    /// By group.
    pub(super) pools: &'a mut [Pool],
    pub(super) tree: &'a mut Tree,
    pub(super) storage: &'a mut dyn Storage,
}

impl Blocks<'_> {
    /// One user more of a block or state of `group`, if it is one.
    pub(super) fn retain(&mut self, group: usize, id: Option<u32>) {
        if let Some(id) = id.filter(|id| *id != NO_BLOCK) {
            self.pools[group].retain(id);
        }
    }

    /// One user less of it.
    pub(super) fn release(&mut self, group: usize, id: Option<u32>) {
        if let Some(id) = id.filter(|id| *id != NO_BLOCK) {
            self.pools[group].release(id, self.storage);
        }
    }

    /// Whether any group keeps a state.
    pub(super) fn has_state(&self) -> bool {
        self.pools.iter().any(|pool| pool.keeps() == Keeps::State)
    }

    /// The first block of `group` that the token at `position` sees.
    pub(super) fn first_seen(&self, group: usize, position: usize) -> usize {
        match self.pools[group].keeps() {
            Keeps::Window(window) => first_seen(window, position, self.block),
            Keeps::All | Keeps::State => 0,
        }
    }
}
