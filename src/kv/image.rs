//! What of a past is copied elsewhere and back: which blocks and states, and in which order. Knows no
//! contents and no sequence.

use super::spec::{CacheSpec, Keeps};
use smallvec::SmallVec;
use std::ops::Range;

/// Block or state of a past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Its group.
    pub group: usize,
    /// Which one.
    pub at: At,
}

/// Where in its past a block or state is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The block of this number: a block's tokens from position `number * block` on.
    Block(usize),
    /// The state behind so many tokens.
    Place(usize),
}

/// What is copied of a past, so that it can go on elsewhere: what its next token sees, and the snapshots that
/// are known.
///
/// Blocks come first, by ascending number and then by group, then states, by ascending place and then by
/// group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Tokens of the past.
    length: usize,
    /// Blocks that they fill, the last one perhaps in part.
    rows: usize,
    /// By group: its blocks; `None`: it has states.
    blocks: SmallVec<[Option<Range<usize>>; 2]>,
    /// Where there are states, ascending and ending with `length`. None without groups of states.
    places: Vec<usize>,
}

/// A place in the order of an image's parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cursor {
    /// A number of blocks, or, behind all of them, a place.
    step: usize,
    group: usize,
}

impl Image {
    /// Of a past of `length` tokens, at least one, with states behind so many tokens of it: ascending, the
    /// last one at its end. `places` is empty exactly if `spec` has no states.
    pub fn new(spec: &CacheSpec, length: usize, places: Vec<usize>) -> Self {
        let rows = length.div_ceil(spec.block);
        let blocks = spec.groups.iter().map(|group| match group.keeps {
            Keeps::All => Some(0..rows),
            Keeps::Window(window) => Some(first_seen(window, length, spec.block)..rows),
            Keeps::State => None,
        });
        Self { length, rows, blocks: blocks.collect(), places }
    }

    /// The same with block `first` of `group`, which has a window, as the first one: it lies before those
    /// that the next token sees, so that a few tokens can be taken back.
    pub fn beginning_at(mut self, group: usize, first: usize) -> Self {
        if let Some(Some(blocks)) = self.blocks.get_mut(group) {
            blocks.start = first.min(blocks.start);
        }
        self
    }

    /// Tokens of the past.
    pub fn length(&self) -> usize {
        self.length
    }

    /// By number, the blocks of `group`; `None`: it has states.
    pub fn blocks(&self, group: usize) -> Option<Range<usize>> {
        self.blocks.get(group).cloned().flatten()
    }

    /// Where there are states: tokens before them, ascending.
    pub fn places(&self) -> &[usize] {
        &self.places
    }

    /// How many blocks, or states, of `group` there are.
    pub fn count(&self, group: usize) -> usize {
        self.blocks(group).map_or(self.places.len(), |blocks| blocks.len())
    }

    /// The first part at `cursor` or behind it, and where.
    pub fn find(&self, mut cursor: Cursor) -> Option<(Cursor, Part)> {
        while cursor.step < self.rows.saturating_add(self.places.len()) {
            let Some(blocks) = self.blocks.get(cursor.group) else {
                cursor = Cursor { step: cursor.step + 1, group: 0 };
                continue;
            };
            let at = match cursor.step.checked_sub(self.rows) {
                None => blocks
                    .as_ref()
                    .is_some_and(|blocks| blocks.contains(&cursor.step))
                    .then_some(At::Block(cursor.step)),
                Some(place) => {
                    self.places.get(place).filter(|_| blocks.is_none()).map(|place| At::Place(*place))
                }
            };
            if let Some(at) = at {
                return Some((cursor, Part { group: cursor.group, at }));
            }
            cursor.group += 1;
        }
        None
    }

    /// All parts, in their order.
    pub fn parts(&self) -> impl Iterator<Item = Part> + '_ {
        let mut cursor = Cursor::default();
        std::iter::from_fn(move || {
            let (found, part) = self.find(cursor)?;
            cursor = found.behind();
            Some(part)
        })
    }

    /// Whole blocks of the past that lie before what `cursor` is at.
    pub(super) fn rows_before(&self, cursor: Cursor) -> usize {
        cursor.step.min(self.rows)
    }
}

impl Cursor {
    /// Behind every part.
    pub(super) const END: Self = Self { step: usize::MAX, group: 0 };

    /// The place behind this one.
    pub fn behind(self) -> Self {
        Self { group: self.group + 1, ..self }
    }
}

/// The first block that a token at `position` sees through a window.
pub(super) fn first_seen(window: usize, position: usize, block: usize) -> usize {
    // It sees itself and so many before it.
    (position + 1).saturating_sub(window) / block
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::Group;

    fn spec(keeps: &[Keeps]) -> CacheSpec {
        let groups = keeps.iter().map(|keeps| Group { keeps: *keeps, bytes: 1 }).collect();
        CacheSpec { block: 4, groups, shares: true, rewinds: true }
    }

    #[test]
    fn blocks_come_by_number_then_states_by_place() {
        let spec = spec(&[Keeps::All, Keeps::Window(5), Keeps::State]);
        let image = Image::new(&spec, 14, vec![8, 14]);
        let parts: Vec<_> = image.parts().map(|part| (part.group, part.at)).collect();
        use At::{Block, Place};
        let blocks =
            [(0, Block(0)), (0, Block(1)), (0, Block(2)), (1, Block(2)), (0, Block(3)), (1, Block(3))];
        assert_eq!(parts, [&blocks[..], &[(2, Place(8)), (2, Place(14))]].concat());
        assert_eq!([0, 1, 2].map(|group| image.count(group)), [4, 2, 2]);
    }

    #[test]
    fn what_a_window_has_left_behind_is_no_part() {
        for length in 1..40 {
            let image = Image::new(&spec(&[Keeps::Window(6)]), length, Vec::new());
            let first = (length + 1).saturating_sub(6) / 4;
            assert_eq!(image.blocks(0), Some(first..length.div_ceil(4)), "{length}");
            assert_eq!(image.parts().count(), image.count(0));
        }
    }
}
