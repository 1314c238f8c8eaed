//! The blocks (or states) of one group: who uses them, which are free, how many bytes they are. Knows no
//! token.

use super::spec::{Group, Keeps};
use super::store::Storage;
use crate::error::Result;

/// One block.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// Sequences that use it.
    uses: u32,
    /// How often the prefix cache holds it: a state at most once for each node.
    cached: u32,
    /// Its first tokens that somebody has claimed: those behind them may be written by whoever comes first.
    filled: u32,
}

/// The blocks of one group.
///
/// A block lives while a sequence uses it or the prefix cache holds it; then its memory waits for the next
/// user until [`Pool::trim`].
pub(super) struct Pool {
    group: usize,
    spec: Group,
    slots: Vec<Slot>,
    /// Unused, with memory.
    free: Vec<u32>,
    /// Without memory.
    bare: Vec<u32>,
    /// Held by the prefix cache alone.
    idle: usize,
}

impl Pool {
    pub(super) fn new(group: usize, spec: Group) -> Self {
        Self { group, spec, slots: Vec::new(), free: Vec::new(), bare: Vec::new(), idle: 0 }
    }

    /// What its layers keep.
    pub(super) fn keeps(&self) -> Keeps {
        self.spec.keeps
    }

    /// Whether a past without one of these blocks is none.
    pub(super) fn keeps_all(&self) -> bool {
        self.spec.keeps == Keeps::All
    }

    /// Bytes of all blocks with memory.
    pub(super) fn bytes(&self) -> u64 {
        (self.slots.len() - self.bare.len()) as u64 * self.spec.bytes
    }

    /// Bytes that only the prefix cache holds.
    pub(super) fn idle_bytes(&self) -> u64 {
        self.idle as u64 * self.spec.bytes
    }

    /// Bytes that taking `count` more blocks adds.
    pub(super) fn growth(&self, count: usize) -> u64 {
        count.saturating_sub(self.free.len()) as u64 * self.spec.bytes
    }

    /// Bytes of the blocks that are held, with `count` more.
    pub(super) fn bytes_with(&self, count: usize) -> u64 {
        (self.held() + count) as u64 * self.spec.bytes
    }

    /// Blocks that a sequence or the prefix cache holds.
    pub(super) fn held(&self) -> usize {
        self.slots.len() - self.bare.len() - self.free.len()
    }

    /// A block with one user; contents unspecified.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(super) fn take(&mut self, storage: &mut dyn Storage) -> Result<u32> {
        if let Some(id) = self.free.pop() {
            self.slots[id as usize] = Slot { uses: 1, ..Slot::default() };
            return Ok(id);
        }
        let id = match self.bare.last() {
            Some(id) => *id,
            None => {
                let count = self.slots.len() + 1;
                self.slots.try_reserve(1)?;
                // So that a release never allocates.
                self.free.try_reserve(count - self.free.len())?;
                self.bare.try_reserve(count - self.bare.len())?;
                count as u32 - 1
            }
        };
        storage.allocate(self.group, id)?;
        match self.bare.pop() {
            Some(_) => {}
            None => self.slots.push(Slot::default()),
        }
        self.slots[id as usize] = Slot { uses: 1, ..Slot::default() };
        Ok(id)
    }

    /// One user more.
    pub(super) fn retain(&mut self, id: u32) {
        let slot = &mut self.slots[id as usize];
        self.idle -= usize::from(slot.uses == 0);
        slot.uses += 1;
    }

    /// One user less.
    pub(super) fn release(&mut self, id: u32, storage: &mut dyn Storage) {
        let slot = &mut self.slots[id as usize];
        slot.uses -= 1;
        match (slot.uses, slot.cached) {
            (0, 0) => self.unused(id, storage),
            (0, _) => self.idle += 1,
            _ => {}
        }
    }

    /// The prefix cache holds a block that somebody uses.
    pub(super) fn cache(&mut self, id: u32) {
        self.slots[id as usize].cached += 1;
    }

    /// The prefix cache lets go of it.
    pub(super) fn uncache(&mut self, id: u32, storage: &mut dyn Storage) {
        let slot = &mut self.slots[id as usize];
        slot.cached -= 1;
        if slot.uses == 0 && slot.cached == 0 {
            self.idle -= 1;
            self.unused(id, storage);
        }
    }

    /// Whether only the prefix cache holds it.
    pub(super) fn is_idle(&self, id: u32) -> bool {
        let slot = &self.slots[id as usize];
        slot.cached > 0 && slot.uses == 0
    }

    /// Whether several sequences use it.
    pub(super) fn is_shared(&self, id: u32) -> bool {
        self.slots[id as usize].uses > 1
    }

    /// Whether the caller, a user of the block whose tokens end at `offset` in it, may write behind them.
    pub(super) fn may_append(&self, id: u32, offset: usize) -> bool {
        let slot = &self.slots[id as usize];
        slot.filled as usize <= offset || (slot.uses == 1 && slot.cached == 0)
    }

    /// Claims the block's tokens up to `filled` for one of its users; nobody has claimed what lies behind.
    pub(super) fn claim(&mut self, id: u32, filled: usize) {
        self.slots[id as usize].filled = filled as u32;
    }

    /// Gives the memory of unused blocks back.
    pub(super) fn trim(&mut self, storage: &mut dyn Storage) {
        while let Some(id) = self.free.pop() {
            storage.free(self.group, id);
            self.bare.push(id);
        }
    }

    fn unused(&mut self, id: u32, storage: &mut dyn Storage) {
        storage.released(self.group, id);
        self.free.push(id);
    }
}
