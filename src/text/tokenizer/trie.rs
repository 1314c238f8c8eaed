//! The tokens that text begins with, found in one walk over its bytes. Knows no words.

use super::data::invalid;
use super::hash::PairHasher;
use super::pieces::{Pieces, TOKEN_UNITS};
use crate::error::Result;
use crate::pause::Pauses;

/// Where each walk begins.
pub(super) const ROOT: u32 = 0;

/// No token ends there.
const NONE: u32 = u32::MAX;

/// Bytes of a token at most (published ones: 48): a text is gone through so often.
const LONGEST: usize = 512;

/// All tokens that text may become, by their bytes.
#[derive(Debug, Clone)]
pub(super) struct Trie {
    /// The node that a byte of the node `parents[n]` leads to. `(nodes)`, the root's unused.
    parents: Vec<u32>,
    bytes: Vec<u8>,
    /// The token that ends at a node, or `NONE`. `(nodes)`
    ids: Vec<u32>,
    /// Open addressing by (parent, byte): the node, or 0. At most half of them are taken.
    slots: Vec<u32>,
    hasher: PairHasher,
}

impl Trie {
    /// Of all tokens in `pieces` that text may become.
    ///
    /// # Errors
    /// `ModelInvalid` for a token of more than 512 bytes; `OutOfMemory`; what stops `pauses`.
    pub(super) async fn new(pieces: &Pieces, pauses: &mut Pauses<'_>) -> Result<Self> {
        let mut trie = Self {
            parents: vec![ROOT],
            bytes: vec![0],
            ids: vec![NONE],
            slots: vec![0; 1 << 10],
            hasher: PairHasher::new(),
        };
        for id in 0..pieces.len() as u32 {
            let bytes = pieces.get(id).unwrap_or_default();
            if pauses.is_due(TOKEN_UNITS + bytes.len()) {
                pauses.look_up().await?;
            }
            // Of two with the same bytes text becomes one.
            if pieces.find(bytes) != Some(id) {
                continue;
            }
            if bytes.len() > LONGEST {
                let message = format!("token {id} has {} bytes; at most {LONGEST} are possible", bytes.len());
                return Err(invalid(message));
            }
            trie.reserve(bytes.len(), pauses).await?;
            let mut node = ROOT;
            for &byte in bytes {
                node = trie.grow(node, byte);
            }
            trie.ids[node as usize] = id;
        }
        Ok(trie)
    }

    /// Where `byte` leads from `node`; `None`: no token goes on so.
    pub(super) fn step(&self, node: u32, byte: u8) -> Option<u32> {
        Some(self.slots[self.slot_of(node, byte)]).filter(|node| *node != ROOT)
    }

    /// The token that ends at `node`.
    pub(super) fn id(&self, node: u32) -> Option<u32> {
        Some(self.ids[node as usize]).filter(|id| *id != NONE)
    }

    /// Makes room for so many more nodes.
    async fn reserve(&mut self, more: usize, pauses: &mut Pauses<'_>) -> Result<()> {
        self.parents.try_reserve(more)?;
        self.bytes.try_reserve(more)?;
        self.ids.try_reserve(more)?;
        if (self.parents.len() + more) * 2 <= self.slots.len() {
            return Ok(());
        }
        let count = self.slots.len() * 2;
        self.slots = Vec::new();
        self.slots.try_reserve_exact(count)?;
        self.slots.resize(count, 0);
        for node in 1..self.parents.len() {
            let slot = self.slot_of(self.parents[node], self.bytes[node]);
            self.slots[slot] = node as u32;
            if pauses.is_due(1) {
                pauses.look_up().await?;
            }
        }
        Ok(())
    }

    /// As [`step`](Self::step), with a new node where there is none.
    fn grow(&mut self, parent: u32, byte: u8) -> u32 {
        let slot = self.slot_of(parent, byte);
        if self.slots[slot] == ROOT {
            self.slots[slot] = self.parents.len() as u32;
            self.parents.push(parent);
            self.bytes.push(byte);
            self.ids.push(NONE);
        }
        self.slots[slot]
    }

    /// The slot of this pair, or the free one where it belongs.
    fn slot_of(&self, parent: u32, byte: u8) -> usize {
        let mut slot = self.hasher.slot(parent, byte.into(), self.slots.len());
        loop {
            let node = self.slots[slot] as usize;
            if node == 0 || (self.parents[node] == parent && self.bytes[node] == byte) {
                return slot;
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }
}
