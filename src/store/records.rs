//! The records of a save: the bytes of a block or state each, and a checksum behind them that is seeded with
//! the record's number. Knows not what is in them.

use super::checksum::{CHECKSUM, Checksum};
use super::faults::damaged;
use super::header::Kind;
use super::past::Past;
use crate::error::Result;
use crate::kv::Cursor;

/// Where one is in the records of a past that are written or read one after the other.
pub struct Records {
    past: Past,
    cursor: Cursor,
    /// The number of the record.
    index: u64,
    /// Bytes of its contents that are still to come.
    left: usize,
    checksum: Checksum,
    is_done: bool,
}

impl Records {
    /// Before the first one.
    pub fn new(past: Past) -> Self {
        let (cursor, checksum) = (Cursor::default(), Checksum::new(0));
        let mut records = Self { past, cursor, index: 0, left: 0, checksum, is_done: false };
        records.begin();
        records
    }

    /// Bytes of contents that the record still has; 0: its checksum comes next. `None`: all are over.
    pub fn left(&self) -> Option<usize> {
        (!self.is_done).then_some(self.left)
    }

    /// Writes `contents`, which come next, to `out`, with the checksums that are due.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub fn write(&mut self, mut contents: &[u8], out: &mut Vec<u8>) -> Result<()> {
        while !contents.is_empty() && !self.is_done {
            let (now, later) = contents.split_at(contents.len().min(self.left));
            out.try_reserve(now.len() + CHECKSUM)?;
            out.extend_from_slice(now);
            self.take(now);
            if self.left == 0 {
                out.extend_from_slice(&self.checksum.to_bytes());
                self.next();
            }
            contents = later;
        }
        Ok(())
    }

    /// These bytes of contents were read.
    pub fn take(&mut self, contents: &[u8]) {
        self.checksum.add(contents);
        self.left = self.left.saturating_sub(contents.len());
    }

    /// The record's checksum was read, at `offset` of the save.
    ///
    /// # Errors
    /// `Io`: it is another's.
    pub fn check(&mut self, sum: [u8; Self::CHECKSUM], offset: u64) -> Result<()> {
        if sum != self.checksum.to_bytes() {
            let what = format!("the checksum of block {} is another's", self.index);
            return Err(damaged(Kind::Records.name(), offset, what));
        }
        self.next();
        Ok(())
    }

    /// Bytes of a checksum.
    pub const CHECKSUM: usize = CHECKSUM;

    fn next(&mut self) {
        self.cursor = self.cursor.behind();
        self.index += 1;
        self.begin();
    }

    fn begin(&mut self) {
        self.checksum = Checksum::new(self.index);
        match self.past.image.find(self.cursor) {
            Some((cursor, part)) => (self.cursor, self.left) = (cursor, self.past.bytes(part)),
            None => self.is_done = true,
        }
    }
}
