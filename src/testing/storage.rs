//! What the fake decoder keeps of a past: tokens, in the blocks and states of the cache, so that a wrong
//! block says wrong words. Knows no script.

use super::place::Place;
use crate::error::Result;
use crate::kv::{Pieces, Storage};

/// A token, and where the reply is behind it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Row {
    pub(super) token: u32,
    pub(super) place: Place,
}

/// Bytes of a row outside.
const ROW: usize = 64;

impl Row {
    fn to_bytes(self) -> [u8; ROW] {
        let Place { length, index, expected, prompt, history } = self.place;
        let numbers = [
            u64::from(self.token),
            length as u64,
            index,
            expected.map_or(u64::MAX, u64::from),
            prompt.0 as u64,
            prompt.1 as u64,
            history,
            0,
        ];
        let mut bytes = [0; ROW];
        for (to, number) in bytes.chunks_exact_mut(8).zip(numbers) {
            to.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    /// Whatever the bytes are.
    fn from_bytes(bytes: &[u8]) -> Self {
        let number = |index: usize| {
            let bytes = bytes.get(index * 8..index * 8 + 8).and_then(|bytes| bytes.try_into().ok());
            u64::from_le_bytes(bytes.unwrap_or_default())
        };
        let place = Place {
            length: number(1) as usize,
            index: number(2),
            expected: u32::try_from(number(3)).ok(),
            prompt: (number(4) as usize, number(5) as usize),
            history: number(6),
        };
        Self { token: number(0) as u32, place }
    }
}

/// Rows of a piece of a block.
const AT_ONCE: usize = 8;

/// Blocks (and states, which have one row) by group and number.
pub(super) struct Rows {
    /// Rows of a block; 1 where a group keeps states.
    lengths: Vec<usize>,
    groups: Vec<Vec<Vec<Row>>>,
}

impl Rows {
    /// None, of groups whose blocks have so many rows.
    pub(super) fn new(lengths: Vec<usize>) -> Self {
        let groups = lengths.iter().map(|_| Vec::new()).collect();
        Self { lengths, groups }
    }

    /// Row `index` of a block.
    pub(super) fn row(&self, group: usize, id: u32, index: usize) -> Row {
        self.groups[group][id as usize][index]
    }

    /// Row `index` of a block, to be written.
    pub(super) fn row_mut(&mut self, group: usize, id: u32, index: usize) -> &mut Row {
        &mut self.groups[group][id as usize][index]
    }
}

impl Storage for Rows {
    fn allocate(&mut self, group: usize, id: u32) -> Result<()> {
        let blocks = &mut self.groups[group];
        let count = blocks.len().max(id as usize + 1);
        blocks.resize_with(count, Vec::new);
        assert!(blocks[id as usize].is_empty(), "block {id} of group {group} has memory already");
        blocks[id as usize] = vec![Row::default(); self.lengths[group]];
        Ok(())
    }

    fn free(&mut self, group: usize, id: u32) {
        let block = std::mem::take(&mut self.groups[group][id as usize]);
        assert!(!block.is_empty(), "block {id} of group {group} has no memory");
    }

    fn released(&mut self, group: usize, id: u32) {
        // Whoever reads it now says so.
        self.groups[group][id as usize].fill(Row { token: u32::MAX, place: Place::poisoned() });
    }

    fn copy(&mut self, group: usize, from: u32, to: u32, tokens: usize) -> Result<()> {
        let rows = self.groups[group][from as usize][..tokens].to_vec();
        self.groups[group][to as usize][..tokens].copy_from_slice(&rows);
        Ok(())
    }

    fn layout(&self) -> Result<String> {
        Ok("fake".to_owned())
    }

    fn pieces(&self, group: usize) -> Pieces {
        let rows = self.lengths[group].min(AT_ONCE);
        Pieces { count: self.lengths[group] / rows, bytes: rows * ROW }
    }

    fn read(&self, group: usize, id: u32, tokens: usize, piece: usize, out: &mut Vec<u8>) {
        let (block, rows) = (&self.groups[group][id as usize], self.lengths[group].min(AT_ONCE));
        for (index, row) in block.iter().enumerate().skip(piece * rows).take(rows) {
            out.extend_from_slice(&if index < tokens { row.to_bytes() } else { [0; ROW] });
        }
    }

    fn write(&mut self, group: usize, id: u32, piece: usize, bytes: &[u8]) {
        let rows = self.lengths[group].min(AT_ONCE);
        assert_eq!(bytes.len(), rows * ROW, "a piece of another size");
        let block = &mut self.groups[group][id as usize];
        for (row, bytes) in block[piece * rows..].iter_mut().zip(bytes.chunks_exact(ROW)) {
            *row = Row::from_bytes(bytes);
        }
    }
}
