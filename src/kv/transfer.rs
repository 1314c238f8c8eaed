//! A sequence's past goes elsewhere, part by part, or comes from there. Knows one sequence; not what parts
//! hold.

use super::blocks::Blocks;
use super::image::{At, Part};
use super::store::NO_BLOCK;
use super::table::{Column, Table};
use super::tree::Ids;
use crate::error::Result;

impl Table {
    /// Where there are states that all groups know, ascending, the last one at the end of the past; with one
    /// user more of each.
    pub(super) fn hold_states(&self, all: &mut Blocks<'_>) -> (Vec<usize>, Vec<Ids>) {
        let (mut places, mut states) = (Vec::new(), Vec::new());
        if !all.has_state() {
            return (places, states);
        }
        let mut known: Vec<usize> = self.path.iter().flat_map(|node| all.tree.places(*node)).collect();
        known.extend(self.columns.iter().filter_map(|column| match column {
            Column::State(states) => states.newest.map(|(place, _)| place),
            Column::Blocks(_) => None,
        }));
        known.retain(|place| *place < self.length);
        known.push(self.length);
        known.sort_unstable();
        known.dedup();
        for place in known {
            let state = |(group, column): (usize, &Column)| match column {
                Column::State(_) => self.state_at(group, place, all),
                Column::Blocks(_) => Some(NO_BLOCK),
            };
            let Some(ids) = self.columns.iter().enumerate().map(state).collect::<Option<Ids>>() else {
                continue;
            };
            ids.iter().enumerate().for_each(|(group, id)| all.retain(group, Some(*id)));
            places.push(place);
            states.push(ids);
        }
        (places, states)
    }

    /// The block or state of `part`, and how many tokens of the past are in it.
    pub(super) fn locate(&self, part: Part, states: Option<&Ids>, block: usize) -> Option<(u32, usize)> {
        match (part.at, self.columns.get(part.group)?) {
            (At::Block(index), Column::Blocks(blocks)) => {
                let id = blocks.get(index).copied().filter(|id| *id != NO_BLOCK)?;
                Some((id, block.min(self.length.checked_sub(index * block)?)))
            }
            (At::Place(_), Column::State(_)) => Some((*states?.get(part.group)?, block)),
            _ => None,
        }
    }

    /// The block or state of `part` that was taken last.
    pub(super) fn newest(&self, part: Part, states: &Ids) -> Option<u32> {
        match (part.at, self.columns.get(part.group)?) {
            (At::Block(index), Column::Blocks(blocks)) => blocks.get(index).copied(),
            _ => states.get(part.group).copied(),
        }
        .filter(|id| *id != NO_BLOCK)
    }

    /// Takes a block for block number `index` of the past; none were taken behind it.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(super) fn take_block(
        &mut self,
        group: usize,
        index: usize,
        tokens: usize,
        all: &mut Blocks<'_>,
    ) -> Result<()> {
        let Some(Column::Blocks(blocks)) = self.columns.get_mut(group) else { return Ok(()) };
        let id = all.pools[group].take(all.storage)?;
        all.pools[group].claim(id, tokens);
        // What a window has left behind.
        blocks.resize(index, NO_BLOCK);
        blocks.push(id);
        Ok(())
    }

    /// Takes over the next blocks of a past, whose contents are there: `tokens` follow those that the table
    /// has.
    pub(super) fn take_over(&mut self, tokens: &[u32], all: &mut Blocks<'_>) {
        for token in tokens {
            if self.root.is_some() {
                self.note(*token, all);
            }
            self.length += 1;
        }
        let count = self.length.div_ceil(all.block);
        for column in &mut self.columns {
            if let Column::Blocks(blocks) = column {
                // What a window has left behind.
                blocks.resize(blocks.len().max(count), NO_BLOCK);
            }
        }
    }

    /// Takes over the states behind the first `place` tokens, by group, whose user is the caller.
    pub(super) fn take_over_states(&mut self, place: usize, ids: &Ids, all: &mut Blocks<'_>) {
        let is_end = place == self.length;
        for (group, id) in ids.iter().enumerate().filter(|(_, id)| **id != NO_BLOCK) {
            let Some(Column::State(states)) = self.columns.get_mut(group) else { continue };
            let before = match is_end {
                true => states.current.replace(*id),
                false => states.newest.replace((place, *id)).map(|(_, id)| id),
            };
            all.release(group, before);
        }
        match place.checked_sub(1).and_then(|last| self.path.get(last / all.block)) {
            _ if is_end => self.checkpoint(all),
            Some(node) if all.tree.keep(*node, place, ids) => {
                for (id, pool) in ids.iter().zip(&mut *all.pools).filter(|(id, _)| **id != NO_BLOCK) {
                    pool.cache(*id);
                }
            }
            _ => {}
        }
    }
}
