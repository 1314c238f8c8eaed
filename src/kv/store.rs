//! What holds the contents of blocks: memory of the CPU, tensors, a device's buffer. Knows no sequence.

use crate::error::{Error, ErrorKind, Result};

/// No block: one that a window has left behind.
pub const NO_BLOCK: u32 = u32::MAX;

/// How the contents of a group's blocks, or of its states, are copied out and in: in pieces of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pieces {
    /// Pieces of a block; at least 1.
    pub count: usize,
    /// Bytes of a piece; at least 1.
    pub bytes: usize,
}

impl Pieces {
    /// Bytes of a block.
    pub fn all(&self) -> usize {
        self.count * self.bytes
    }
}

/// Blocks and states by group and number.
///
/// A number is handed out again after it was freed; what it holds then is unspecified until it is written.
pub trait Storage {
    /// Takes memory for the block or state `id` of `group`, which has none.
    ///
    /// # Errors
    /// `OutOfMemory`: it still has none.
    fn allocate(&mut self, group: usize, id: u32) -> Result<()>;

    /// Gives that memory back.
    fn free(&mut self, group: usize, id: u32);

    /// Nobody uses the block now; its memory may stay for its next user.
    fn released(&mut self, _group: usize, _id: u32) {}

    /// Copies the first `tokens` tokens of block `from` to block `to`; of a state, all.
    ///
    /// # Errors
    /// `OutOfMemory`, where copies take memory of their own.
    fn copy(&mut self, group: usize, from: u32, to: u32, tokens: usize) -> Result<()>;

    /// What contents are as bytes: those of one storage mean the same in another if it says the same, of the
    /// same model with the same groups.
    ///
    /// # Errors
    /// `Unsupported`: contents cannot be copied out of here.
    fn layout(&self) -> Result<String> {
        Err(Error::new(ErrorKind::Unsupported, "this backend's keys and values stay where they are"))
    }

    /// How contents of `group` are cut. Only where there is a [`Storage::layout`].
    fn pieces(&self, _group: usize) -> Pieces {
        Pieces { count: 1, bytes: 1 }
    }

    /// Appends piece `piece` of the first `tokens` tokens of a block to `out`, of a state all; of tokens
    /// behind those it shows nothing. Only where there is a [`Storage::layout`].
    fn read(&self, _group: usize, _id: u32, _tokens: usize, _piece: usize, _out: &mut Vec<u8>) {}

    /// Writes piece `piece` of a block or state: as many bytes as a piece has, and as [`Storage::read`] gave
    /// them, or any others. Only where there is a [`Storage::layout`].
    fn write(&mut self, _group: usize, _id: u32, _piece: usize, _bytes: &[u8]) {}
}
