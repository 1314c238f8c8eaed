//! One sequence: which blocks and states hold its past. Knows no contents.

use super::blocks::Blocks;
use super::spec::{CacheSpec, Keeps};
use super::store::NO_BLOCK;
use super::tree::{Ids, NodeId};
use crate::error::Result;
use smallvec::SmallVec;

/// A sequence of tokens whose past a cache keeps: an index that the cache handed out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sequence(pub u32);

/// What a sequence has of one group.
pub(super) enum Column {
    /// Blocks of keys and values by number; [`NO_BLOCK`] where a window has left them behind.
    Blocks(Vec<u32>),
    State(States),
}

/// The states of a sequence in one group.
#[derive(Default)]
pub(super) struct States {
    /// Behind all tokens; none before the first.
    pub(super) current: Option<u32>,
    /// What the pass in progress writes.
    pub(super) next: Option<u32>,
    /// The newest snapshot and its place.
    pub(super) newest: Option<(usize, u32)>,
}

/// One sequence.
pub(super) struct Table {
    /// Tokens that are committed.
    pub(super) length: usize,
    /// The most tokens it may hold.
    pub(super) context: usize,
    pub(super) columns: SmallVec<[Column; 2]>,
    /// Where its pasts begin in the prefix cache; `None`: it takes no part in it.
    pub(super) root: Option<NodeId>,
    /// Its past in the prefix cache, block by block.
    pub(super) path: Vec<NodeId>,
    /// A place where its state is to be kept.
    pub(super) mark: Option<usize>,
    /// Tokens of the pass in progress; 0: it takes no part in one.
    pub(super) grown: usize,
    /// To be forgotten when that pass is finished.
    pub(super) closing: bool,
}

impl Table {
    /// No tokens, and room for the lists of `context` tokens, so that growing never allocates.
    pub(super) fn new(spec: &CacheSpec, context: usize, root: Option<NodeId>) -> Result<Self> {
        let count = context.div_ceil(spec.block);
        let mut columns = SmallVec::new();
        for group in &spec.groups {
            columns.push(match group.keeps {
                Keeps::State => Column::State(States::default()),
                Keeps::All | Keeps::Window(_) => Column::Blocks(reserved(count)?),
            });
        }
        let path = if root.is_some() { reserved(count)? } else { Vec::new() };
        Ok(Self { length: 0, context, columns, root, path, mark: None, grown: 0, closing: false })
    }

    /// The sequence's block number `index` in every group of blocks.
    pub(super) fn row(&self, index: usize) -> Ids {
        let block = |column: &Column| match column {
            Column::Blocks(blocks) => blocks.get(index).copied().unwrap_or(NO_BLOCK),
            Column::State(_) => NO_BLOCK,
        };
        self.columns.iter().map(block).collect()
    }

    /// The last place up to `limit` at which every group has what it takes to go on from there.
    pub(super) fn valid_place(&self, limit: usize, all: &Blocks<'_>) -> usize {
        if !all.rewinds {
            return 0;
        }
        let has_block = |group: usize, index: usize| {
            let own = match &self.columns[group] {
                Column::Blocks(blocks) => blocks.get(index).copied().unwrap_or(NO_BLOCK),
                Column::State(_) => NO_BLOCK,
            };
            let known = || self.path.get(index).is_some_and(|node| all.tree.block(*node, group) != NO_BLOCK);
            own != NO_BLOCK || known()
        };
        let has_state = |place: usize| {
            let mut groups = self.columns.iter().enumerate();
            groups.all(|(group, column)| match column {
                Column::State(_) => self.state_at(group, place, all).is_some(),
                Column::Blocks(_) => true,
            })
        };
        let newest = self.columns.iter().find_map(|column| match column {
            Column::State(states) => states.newest.map(|(place, _)| place),
            Column::Blocks(_) => None,
        });
        let known =
            self.path.iter().flat_map(|node| all.tree.places(*node)).chain(newest).chain([self.length]);
        last_place(limit.min(self.length), all, has_block, has_state, known)
    }

    /// The sequence's state in `group` behind its first `place` tokens.
    pub(super) fn state_at(&self, group: usize, place: usize, all: &Blocks<'_>) -> Option<u32> {
        let Column::State(states) = &self.columns[group] else { return None };
        if place == self.length {
            return states.current;
        }
        let newest = states.newest.filter(|(at, _)| *at == place).map(|(_, id)| id);
        newest.or_else(|| {
            let node = self.path.get(place.checked_sub(1)? / all.block)?;
            all.tree.snapshot(*node, place)?.get(group).copied()
        })
    }

    /// Releases the blocks that the first `tokens` tokens do not need, and what a pass has left.
    pub(super) fn keep(&mut self, tokens: usize, all: &mut Blocks<'_>) {
        for (group, column) in self.columns.iter_mut().enumerate() {
            match column {
                Column::Blocks(blocks) => {
                    let count = tokens.div_ceil(all.block);
                    while blocks.len() > count {
                        all.release(group, blocks.pop());
                    }
                }
                Column::State(states) => all.release(group, states.next.take()),
            }
        }
    }

    /// Releases blocks that lie wholly before the windows, but for one: so that a few tokens can be taken
    /// back.
    pub(super) fn leave_behind(&mut self, all: &mut Blocks<'_>) {
        for (group, column) in self.columns.iter_mut().enumerate() {
            let Column::Blocks(blocks) = column else { continue };
            let first = all.first_seen(group, self.length);
            if first == 0 {
                continue;
            }
            let before = blocks.iter_mut().take(first - 1);
            for id in before.rev().take_while(|id| **id != NO_BLOCK) {
                all.release(group, Some(std::mem::replace(id, NO_BLOCK)));
            }
        }
    }

    /// Releases everything.
    pub(super) fn close(mut self, all: &mut Blocks<'_>) {
        self.keep(0, all);
        for (group, column) in self.columns.iter_mut().enumerate() {
            if let Column::State(states) = column {
                all.release(group, states.current.take());
                all.release(group, states.newest.take().map(|(_, id)| id));
            }
        }
        self.path.iter().rev().for_each(|node| all.tree.leave(*node));
        all.tree.touch(&self.path);
    }
}

/// The last place up to `limit` that is valid for all groups: windows have the blocks that they see from
/// there, states are known there (`known` lists where they may be).
pub(super) fn last_place(
    limit: usize,
    all: &Blocks<'_>,
    has_block: impl Fn(usize, usize) -> bool,
    has_state: impl Fn(usize) -> bool,
    known: impl Iterator<Item = usize>,
) -> usize {
    let (block, with_state) = (all.block, all.has_state());
    let mut places: SmallVec<[usize; 16]> = SmallVec::new();
    if with_state {
        places.extend(known.filter(|place| *place <= limit));
        places.sort_unstable();
    }
    // From a place, the next one below it that may be valid.
    let mut below = |limit: usize| match with_state {
        false => limit,
        true => loop {
            match places.pop() {
                Some(place) if place <= limit && has_state(place) => break place,
                Some(_) => {}
                None => break 0,
            }
        },
    };
    let mut place = below(limit);
    'places: while place > 0 {
        for (group, pool) in all.pools.iter().enumerate() {
            if !matches!(pool.keeps(), Keeps::Window(_)) {
                continue;
            }
            let seen = all.first_seen(group, place)..place.div_ceil(block);
            if let Some(missing) = seen.rev().find(|index| !has_block(group, *index)) {
                place = below(missing * block);
                continue 'places;
            }
        }
        break;
    }
    place
}

fn reserved<T>(count: usize) -> Result<Vec<T>> {
    let mut list = Vec::new();
    list.try_reserve_exact(count)?;
    Ok(list)
}
