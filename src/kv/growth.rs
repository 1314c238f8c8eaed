//! A sequence grows by a pass: blocks for it before it begins, tokens when it is committed, what was not
//! committed back when it is over. Knows one sequence; not the pass.

use super::blocks::Blocks;
use super::pool::Pool;
use super::spec::SNAPSHOT;
use super::store::NO_BLOCK;
use super::table::{Column, Table};
use super::tree::Ids;
use crate::error::Result;
use smallvec::SmallVec;

impl Table {
    /// How many of `wanted` tokens of a prompt a pass may take so that no place is passed over at which a
    /// state is to be kept.
    pub(super) fn chunk_limit(&self, wanted: usize) -> usize {
        let regular = SNAPSHOT - self.length % SNAPSHOT;
        let mark = self.mark.and_then(|mark| mark.checked_sub(self.length)).filter(|left| *left > 0);
        wanted.min(regular).min(mark.unwrap_or(usize::MAX))
    }

    /// New blocks of `group` that `tokens` more tokens need, a copy of a shared last one included.
    pub(super) fn wants(&self, tokens: usize, group: usize, block: usize, pool: &Pool) -> usize {
        let Column::Blocks(blocks) = &self.columns[group] else { return 1 };
        let missing = (self.length + tokens).div_ceil(block).saturating_sub(blocks.len());
        // Two of one pass may share it: the second copies it, though nobody has yet written there.
        let (tail, offset) = (self.length / block, self.length % block);
        let copied = blocks.get(tail).filter(|_| offset > 0);
        missing + usize::from(copied.is_some_and(|id| pool.is_shared(*id) || !pool.may_append(*id, offset)))
    }

    /// Takes the blocks that `tokens` more tokens need, and a copy of a shared, partly filled last one.
    pub(super) fn grow(&mut self, tokens: usize, all: &mut Blocks<'_>) -> Result<()> {
        let block = all.block;
        let (end, tail, offset) = (self.length + tokens, self.length / block, self.length % block);
        // In all groups or in none: a node of the prefix cache has the blocks of all.
        let shared = self.columns.iter().zip(&*all.pools).any(|(column, pool)| match column {
            Column::Blocks(blocks) => blocks.get(tail).is_some_and(|id| !pool.may_append(*id, offset)),
            Column::State(_) => false,
        });
        for (group, column) in self.columns.iter_mut().enumerate() {
            let pool = &mut all.pools[group];
            let blocks = match column {
                Column::State(states) => {
                    states.next = Some(pool.take(all.storage)?);
                    continue;
                }
                Column::Blocks(blocks) => blocks,
            };
            if let Some(id) = blocks.get_mut(tail).filter(|_| shared) {
                let twin = pool.take(all.storage)?;
                let copied = all.storage.copy(group, *id, twin, offset);
                let gone = if copied.is_ok() { std::mem::replace(id, twin) } else { twin };
                pool.release(gone, all.storage);
                copied?;
            }
            while blocks.len() * block < end {
                blocks.push(pool.take(all.storage)?);
            }
        }
        // Everything is there: what is written is the sequence's own.
        for (column, pool) in self.columns.iter().zip(&mut *all.pools) {
            let Column::Blocks(blocks) = column else { continue };
            for (index, id) in blocks.iter().enumerate().skip(tail) {
                pool.claim(*id, block.min(end - index * block));
            }
        }
        self.grown = tokens;
        Ok(())
    }

    /// Makes the first `tokens` of the pass part of the past, which they are. Where states are kept, all of
    /// them or none.
    pub(super) fn commit(&mut self, tokens: &[u32], all: &mut Blocks<'_>) {
        let snapshots = all.has_state();
        if tokens.len() > self.grown || (snapshots && tokens.len() != self.grown) {
            return;
        }
        for token in tokens {
            if self.root.is_some() {
                self.note(*token, all);
            }
            self.length += 1;
        }
        for (group, column) in self.columns.iter_mut().enumerate() {
            if let Column::State(states) = column {
                all.release(group, std::mem::replace(&mut states.current, states.next.take()));
            }
        }
        if snapshots && (self.length.is_multiple_of(SNAPSHOT) || self.mark == Some(self.length)) {
            self.checkpoint(all);
        }
    }

    /// Keeps the state where it is now: a place to come back to.
    pub(super) fn checkpoint(&mut self, all: &mut Blocks<'_>) {
        if self.length == 0 || !all.has_state() {
            return;
        }
        let mut ids: Ids = SmallVec::new();
        for (group, column) in self.columns.iter_mut().enumerate() {
            let Column::State(states) = column else {
                ids.push(NO_BLOCK);
                continue;
            };
            let Some(current) = states.current else { return };
            ids.push(current);
            all.retain(group, Some(current));
            let before = states.newest.replace((self.length, current));
            all.release(group, before.map(|(_, id)| id));
        }
        let node = self.path.get((self.length - 1) / all.block);
        if node.is_some_and(|node| all.tree.keep(*node, self.length, &ids)) {
            for (id, pool) in ids.iter().zip(&mut *all.pools).filter(|(id, _)| **id != NO_BLOCK) {
                pool.cache(*id);
            }
        }
    }

    /// The pass is over: what was not committed is given back.
    pub(super) fn settle(&mut self, all: &mut Blocks<'_>) {
        let grown = std::mem::take(&mut self.grown);
        self.keep(self.length, all);
        let (tail, offset) = (self.length / all.block, self.length % all.block);
        let known = self.path.get(tail).filter(|_| offset > 0);
        for (group, column) in self.columns.iter_mut().enumerate() {
            let Column::Blocks(blocks) = column else { continue };
            let Some(id) = blocks.get_mut(tail).filter(|id| **id != NO_BLOCK) else { continue };
            match known.map_or(NO_BLOCK, |node| all.tree.block(*node, group)) {
                // A copy to which nothing was added goes; what it was copied from holds the same.
                known if known != NO_BLOCK && known != *id => {
                    all.retain(group, Some(known));
                    all.release(group, Some(std::mem::replace(id, known)));
                }
                _ if grown > 0 => all.pools[group].claim(*id, offset),
                _ => {}
            }
        }
        self.leave_behind(all);
        if let Some(last) = self.path.last() {
            all.tree.touch(&[*last]);
        }
    }

    /// Tells the prefix cache the next token, which follows what it knows of the sequence.
    pub(super) fn note(&mut self, token: u32, all: &mut Blocks<'_>) {
        let (index, offset) = (self.length / all.block, self.length % all.block);
        let row = self.row(index);
        let node = match self.path.get(index).copied() {
            Some(node) if all.tree.may_extend(node, offset, &row) => node,
            old => {
                let parent = match index.checked_sub(1) {
                    Some(before) => self.path.get(before).copied(),
                    None => self.root,
                };
                let Some(parent) = parent else { return };
                let known: SmallVec<[u32; 32]> = match old {
                    Some(old) => all.tree.tokens(old).iter().take(offset).copied().collect(),
                    None => SmallVec::new(),
                };
                for (id, pool) in row.iter().zip(&mut *all.pools).filter(|(id, _)| **id != NO_BLOCK) {
                    pool.cache(*id);
                }
                let node = all.tree.add(parent, &known, row);
                if let Some(old) = old {
                    all.tree.leave(old);
                }
                self.path.truncate(index);
                self.path.push(node);
                node
            }
        };
        all.tree.extend(node, token);
        if offset + 1 == all.block {
            self.merge(index, all);
        }
    }

    /// Uses the blocks of another sequence that has computed the same, in place of its own.
    fn merge(&mut self, index: usize, all: &mut Blocks<'_>) {
        let node = self.path[index];
        let Some(twin) = all.tree.twin(node) else { return };
        for (group, column) in self.columns.iter_mut().enumerate() {
            let Column::Blocks(blocks) = column else { continue };
            let Some(own) = blocks.get_mut(index).filter(|own| **own != NO_BLOCK) else { continue };
            match all.tree.block(twin, group) {
                NO_BLOCK => {
                    let given = all.tree.take(node, group);
                    all.tree.fill(twin, group, given);
                }
                known => {
                    all.retain(group, Some(known));
                    all.release(group, Some(std::mem::replace(own, known)));
                }
            }
        }
        all.tree.move_snapshots(node, twin);
        all.tree.enter(twin);
        all.tree.leave(node);
        all.tree.remove(node, all.pools, all.storage);
        self.path[index] = twin;
    }
}
