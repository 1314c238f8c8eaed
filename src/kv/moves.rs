//! A sequence goes to a place that is known: back in its own past, on to what others have computed, or apart
//! from another. Knows no pass.

use super::blocks::Blocks;
use super::spec::CacheSpec;
use super::store::NO_BLOCK;
use super::table::{Column, Table, last_place};
use super::tree::NodeId;
use crate::error::Result;

impl Table {
    /// Goes back to at most `length` tokens: to the last place up to there that is known in every group. How
    /// many tokens are left.
    pub(super) fn truncate(&mut self, length: usize, all: &mut Blocks<'_>) -> usize {
        if length >= self.length {
            return self.length;
        }
        let place = self.valid_place(length, all);
        let count = place.div_ceil(all.block);
        for group in 0..self.columns.len() {
            let state = if place == 0 { None } else { self.state_at(group, place, all) };
            match &mut self.columns[group] {
                Column::Blocks(blocks) => {
                    for id in blocks.drain(count.min(blocks.len())..) {
                        all.release(group, Some(id));
                    }
                    let first = all.first_seen(group, place);
                    for (index, id) in blocks.iter_mut().enumerate().skip(first) {
                        if *id == NO_BLOCK {
                            // What its window had left behind.
                            *id = self.path.get(index).map_or(NO_BLOCK, |node| all.tree.block(*node, group));
                            all.retain(group, Some(*id));
                        }
                    }
                }
                Column::State(states) => {
                    all.retain(group, state);
                    all.release(group, std::mem::replace(&mut states.current, state));
                    if states.newest.is_some_and(|(at, _)| at > place) {
                        all.release(group, states.newest.take().map(|(_, id)| id));
                    }
                }
            }
        }
        for node in self.path.drain(count.min(self.path.len())..).rev() {
            all.tree.leave(node);
        }
        self.length = place;
        self.mark = None;
        place
    }

    /// Takes over as much of `tokens`, at most `limit`, as the prefix cache knows, if that is more than the
    /// sequence holds of them already: it holds a beginning of `tokens`. `path` is memory to work in.
    pub(super) fn seek(
        &mut self,
        tokens: &[u32],
        limit: usize,
        path: &mut Vec<NodeId>,
        all: &mut Blocks<'_>,
    ) {
        let Some(root) = self.root else { return };
        let matched = all.tree.find(root, tokens, path).unwrap_or(0);
        let (limit, matched) = (limit.min(matched).min(self.context), limit.min(matched));
        let place = if limit > self.length { known_place(path, limit, all) } else { 0 };
        let is_marked = self.mark.is_some_and(|mark| mark > self.length);
        if all.has_state() && matched > place && matched > self.length && !is_marked {
            // Where pasts part, a state is worth keeping.
            self.mark = Some(matched);
        }
        if place <= self.length {
            return;
        }
        path.truncate(place.div_ceil(all.block));
        // What comes first is held before what it replaces is let go.
        path.iter().for_each(|node| all.tree.enter(*node));
        for (group, column) in self.columns.iter_mut().enumerate() {
            match column {
                Column::Blocks(blocks) => {
                    let first = all.first_seen(group, place);
                    for (index, node) in path.iter().enumerate() {
                        let id = if index < first { NO_BLOCK } else { all.tree.block(*node, group) };
                        all.retain(group, Some(id));
                        match blocks.get_mut(index) {
                            Some(own) => all.release(group, Some(std::mem::replace(own, id))),
                            None => blocks.push(id),
                        }
                    }
                }
                Column::State(states) => {
                    let snapshot = all.tree.snapshot(path[(place - 1) / all.block], place);
                    let id = snapshot.and_then(|ids| ids.get(group)).copied();
                    all.retain(group, id);
                    all.release(group, std::mem::replace(&mut states.current, id));
                }
            }
        }
        self.path.drain(..).rev().for_each(|node| all.tree.leave(node));
        self.path.extend_from_slice(path);
        all.tree.touch(path);
        self.length = place;
    }

    /// A sequence that holds the same and shares its blocks; where pasts cannot be shared, nothing yet.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(super) fn fork(&self, spec: &CacheSpec, all: &mut Blocks<'_>) -> Result<Self> {
        let mut twin = Self::new(spec, self.context, self.root)?;
        if !all.rewinds {
            return Ok(twin);
        }
        twin.length = self.length;
        for (group, (from, to)) in self.columns.iter().zip(&mut twin.columns).enumerate() {
            match (from, to) {
                (Column::Blocks(from), Column::Blocks(to)) => {
                    to.extend(from.iter().take(self.length.div_ceil(all.block)));
                    to.iter().for_each(|id| all.retain(group, Some(*id)));
                }
                (Column::State(from), Column::State(to)) => {
                    (to.current, to.newest) = (from.current, from.newest);
                    all.retain(group, to.current);
                    all.retain(group, to.newest.map(|(_, id)| id));
                }
                _ => {}
            }
        }
        twin.path.extend_from_slice(&self.path);
        twin.path.iter().for_each(|node| all.tree.enter(*node));
        Ok(twin)
    }
}

/// The last place up to `limit` on a path of the prefix cache from which a sequence can go on.
fn known_place(path: &[NodeId], limit: usize, all: &Blocks<'_>) -> usize {
    let has_block = |group: usize, index: usize| {
        path.get(index).is_some_and(|node| all.tree.block(*node, group) != NO_BLOCK)
    };
    let state = |place: usize| all.tree.snapshot(*path.get(place.checked_sub(1)? / all.block)?, place);
    let known = path.iter().flat_map(|node| all.tree.places(*node));
    last_place(limit, all, has_block, |place| state(place).is_some(), known)
}
