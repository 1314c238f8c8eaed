//! The past of one model's sequences: blocks that they share, a tree of what is known, a budget. Knows where
//! contents lie ([`Storage`]); not what they are.

use super::blocks::Blocks;
use super::pool::Pool;
use super::spec::CacheSpec;
use super::store::Storage;
use super::table::{Column, Sequence, Table};
use super::tree::{NodeId, Tree};
use crate::budget::Share;
use crate::error::{Error, ErrorKind, Result};
use smallvec::SmallVec;

/// The past of a sequence as a decoder reads it in a pass.
#[derive(Clone, Copy)]
pub struct Past<'a> {
    table: &'a Table,
}

impl<'a> Past<'a> {
    /// Tokens before the pass' own: the position of its first.
    pub fn position(&self) -> usize {
        self.table.length
    }

    /// Blocks of keys and values in `group`, from position 0 on, those included that the pass writes;
    /// [`NO_BLOCK`] where a window has left them behind.
    pub fn blocks(&self, group: usize) -> &'a [u32] {
        match &self.table.columns[group] {
            Column::Blocks(blocks) => blocks,
            Column::State(_) => &[],
        }
    }

    /// The state of `group` that the pass begins with (none at position 0), and the one that it writes.
    pub fn state(&self, group: usize) -> Option<(Option<u32>, u32)> {
        match &self.table.columns[group] {
            Column::Blocks(_) => None,
            Column::State(states) => Some((states.current, states.next?)),
        }
    }
}

/// The past of one model's sequences.
///
/// A sequence grows in passes: [`Cache::begin`] takes all the memory that a pass may need,
/// [`Cache::commit`] makes its tokens part of the past, [`Cache::finish`] gives back what was not committed.
/// What is committed may be shared: by forks, and through the prefix cache by every sequence that begins with
/// the same tokens. A block is written by one sequence only, behind the tokens that others share.
pub struct Cache {
    pub(super) spec: CacheSpec,
    pub(super) pools: SmallVec<[Pool; 2]>,
    pub(super) tree: Tree,
    tables: Vec<Option<Table>>,
    /// Indices without a sequence.
    vacant: Vec<u32>,
    share: Share,
    /// Bytes that the prefix cache alone may hold.
    most_idle: u64,
    /// Sequences of the pass in progress.
    pass: Vec<Sequence>,
    /// Empty, kept for its memory.
    found: Vec<NodeId>,
}

impl Cache {
    /// No sequences. Memory is taken from `share`; of it `prefix_bytes` may stay for prefixes that no
    /// sequence uses.
    pub fn new(spec: CacheSpec, share: Share, prefix_bytes: u64) -> Self {
        let pools = spec.groups.iter().enumerate().map(|(index, group)| Pool::new(index, *group)).collect();
        let tree = Tree::new(spec.block);
        let (tables, vacant, pass, found) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { spec, pools, tree, tables, vacant, share, most_idle: prefix_bytes, pass, found }
    }

    /// What is kept.
    pub fn spec(&self) -> &CacheSpec {
        &self.spec
    }

    /// A new, empty sequence of at most `context` tokens. `key`: what its past depends on besides tokens,
    /// such as an adapter; `None`: it takes no part in the prefix cache.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub fn open(&mut self, context: usize, key: Option<u64>) -> Result<Sequence> {
        let key = key.filter(|_| self.spec.shares);
        let root = key.map(|key| self.tree.root(key)).transpose()?;
        let table = Table::new(&self.spec, context, root)?;
        self.insert(table)
    }

    /// Forgets a sequence; one that takes part in a pass goes when the pass is finished.
    pub fn close(&mut self, sequence: Sequence, storage: &mut dyn Storage) {
        match self.tables.get_mut(sequence.0 as usize) {
            Some(Some(table)) if table.grown > 0 => table.closing = true,
            _ => self.remove(sequence, storage),
        }
    }

    /// Whether the sequence is open.
    pub fn is_open(&self, sequence: Sequence) -> bool {
        self.table(sequence).is_some_and(|table| !table.closing)
    }

    /// Tokens of the sequence's past.
    pub fn length(&self, sequence: Sequence) -> usize {
        self.table(sequence).map_or(0, |table| table.length)
    }

    /// The most tokens that the sequence may hold.
    pub fn context(&self, sequence: Sequence) -> usize {
        self.table(sequence).map_or(0, |table| table.context)
    }

    /// Tokens of the past of a sequence that is open, and the most that it may hold.
    pub fn extent(&self, sequence: Sequence) -> Option<(usize, usize)> {
        self.table(sequence).filter(|table| !table.closing).map(|table| (table.length, table.context))
    }

    /// What a decoder reads of the sequence in the pass in progress.
    pub fn past(&self, sequence: Sequence) -> Option<Past<'_>> {
        self.table(sequence).map(|table| Past { table })
    }

    /// Goes back to at most `length` tokens: to the last place up to there that is known in every group. How
    /// many tokens are left. Not for a sequence that takes part in a pass.
    pub fn truncate(&mut self, sequence: Sequence, length: usize, storage: &mut dyn Storage) -> usize {
        let (table, mut all) = self.parts(sequence, storage);
        let left = table.map_or(0, |table| table.truncate(length, &mut all));
        self.evict_to_limit(storage);
        left
    }

    /// Takes over as much of `tokens`, at most `limit` tokens, as the prefix cache knows, if that is more
    /// than the sequence holds of them already: it holds a beginning of `tokens`. How many tokens it holds
    /// then. Not for a sequence that takes part in a pass.
    pub fn seek(
        &mut self,
        sequence: Sequence,
        tokens: &[u32],
        limit: usize,
        storage: &mut dyn Storage,
    ) -> usize {
        let mut path = std::mem::take(&mut self.found);
        let (table, mut all) = self.parts(sequence, storage);
        if let Some(table) = table {
            table.seek(tokens, limit, &mut path, &mut all);
        }
        self.found = path;
        self.evict_to_limit(storage);
        self.length(sequence)
    }

    /// A new sequence that begins with at most the first `length` tokens of this one and shares their blocks;
    /// where pasts cannot be shared, an empty one.
    ///
    /// # Errors
    /// `StaleHandle` for a sequence that is closed; `OutOfMemory`.
    pub fn fork(&mut self, from: Sequence, length: usize, storage: &mut dyn Storage) -> Result<Sequence> {
        self.tables.try_reserve(1)?;
        self.vacant.try_reserve(self.tables.len() + 1)?;
        let spec = self.spec.clone();
        let (table, mut all) = self.parts(from, storage);
        let mut twin = table.ok_or_else(|| stale(from))?.fork(&spec, &mut all)?;
        twin.truncate(length, &mut all);
        self.insert(twin)
    }

    /// How many of `wanted` tokens of a prompt the next pass may take so that no place is passed over at
    /// which a state is to be kept.
    pub fn chunk_limit(&self, sequence: Sequence, wanted: usize) -> usize {
        let table = self.table(sequence).filter(|_| self.spec.has_state());
        table.map_or(wanted, |table| table.chunk_limit(wanted))
    }

    /// Takes blocks for a pass: so many tokens more for each of these sequences, which are open and different
    /// and have room for them. Prefixes that nobody uses give way.
    ///
    /// # Errors
    /// `OutOfMemory`: no pass is then in progress.
    pub fn begin(
        &mut self,
        spans: impl ExactSizeIterator<Item = (Sequence, usize)> + Clone,
        storage: &mut dyn Storage,
    ) -> Result<()> {
        let taken = self.take(spans, storage);
        if taken.is_err() {
            self.finish(storage);
        }
        taken
    }

    fn take(
        &mut self,
        spans: impl ExactSizeIterator<Item = (Sequence, usize)> + Clone,
        storage: &mut dyn Storage,
    ) -> Result<()> {
        let count = spans.len();
        self.pass.try_reserve(count)?;
        let wanted = |group: usize| {
            let mut wanted = 0;
            for (sequence, tokens) in spans.clone() {
                let table = self.table(sequence).ok_or_else(|| stale(sequence))?;
                wanted += table.wants(tokens, group, self.spec.block, &self.pools[group]);
            }
            Ok(wanted)
        };
        let wanted = (0..self.pools.len()).map(wanted).collect::<Result<SmallVec<[usize; 2]>>>()?;
        let blocks = wanted.iter().sum::<usize>();
        self.tree.reserve(blocks + count)?;
        // Most tokens of answers have a place in a block that is there.
        if blocks > 0 {
            self.make_room(&wanted, storage)?;
        }
        let CacheSpec { block, rewinds, .. } = self.spec;
        let Self { pools, tree, tables, pass, .. } = self;
        let mut all = Blocks { block, rewinds, pools, tree, storage };
        for (sequence, tokens) in spans {
            pass.push(sequence);
            let table = tables.get_mut(sequence.0 as usize).and_then(Option::as_mut);
            table.ok_or_else(|| stale(sequence))?.grow(tokens, &mut all)?;
        }
        Ok(())
    }

    /// Makes the first `tokens` of a sequence's share of the pass part of its past, which they are: how many
    /// tokens it holds then. Where states are kept, all of them or none.
    pub fn commit(&mut self, sequence: Sequence, tokens: &[u32], storage: &mut dyn Storage) -> usize {
        let (table, mut all) = self.parts(sequence, storage);
        table.map_or(0, |table| {
            table.commit(tokens, &mut all);
            table.length
        })
    }

    /// Keeps the sequence's state where it is now: a place to come back to.
    pub fn checkpoint(&mut self, sequence: Sequence, storage: &mut dyn Storage) {
        if let (Some(table), mut all) = self.parts(sequence, storage) {
            table.checkpoint(&mut all);
        }
        self.evict_to_limit(storage);
    }

    /// Ends a pass: what was not committed is given back, and sequences that were closed go.
    pub fn finish(&mut self, storage: &mut dyn Storage) {
        while let Some(sequence) = self.pass.pop() {
            let (Some(table), mut all) = self.parts(sequence, storage) else { continue };
            table.settle(&mut all);
            if table.closing {
                self.remove(sequence, storage);
            }
        }
        self.evict_to_limit(storage);
        let bytes = self.bytes();
        self.share.shrink(bytes);
    }

    /// Bytes of blocks and states, used or not.
    pub fn bytes(&self) -> u64 {
        self.pools.iter().map(Pool::bytes).sum()
    }

    /// Bytes that only the prefix cache holds.
    pub fn idle_bytes(&self) -> u64 {
        self.pools.iter().map(Pool::idle_bytes).sum()
    }

    /// Blocks and states that a sequence or the prefix cache holds.
    pub fn held(&self) -> usize {
        self.pools.iter().map(Pool::held).sum()
    }

    /// Gives back the memory of blocks that nobody uses.
    pub fn release_unused(&mut self, storage: &mut dyn Storage) {
        self.pools.iter_mut().for_each(|pool| pool.trim(storage));
        let bytes = self.bytes();
        self.share.shrink(bytes);
    }

    /// Forgets all prefixes that no sequence uses, and gives back their memory.
    pub fn trim(&mut self, storage: &mut dyn Storage) {
        self.tree.evict(&mut self.pools, storage, |_| false);
        self.release_unused(storage);
    }

    pub(super) fn table(&self, sequence: Sequence) -> Option<&Table> {
        self.tables.get(sequence.0 as usize)?.as_ref()
    }

    /// What sequences share.
    pub(super) fn all<'a>(&'a mut self, storage: &'a mut dyn Storage) -> Blocks<'a> {
        let CacheSpec { block, rewinds, .. } = self.spec;
        Blocks { block, rewinds, pools: &mut self.pools, tree: &mut self.tree, storage }
    }

    /// A sequence, and what it shares with others.
    pub(super) fn parts<'a>(
        &'a mut self,
        sequence: Sequence,
        storage: &'a mut dyn Storage,
    ) -> (Option<&'a mut Table>, Blocks<'a>) {
        let CacheSpec { block, rewinds, .. } = self.spec;
        let table = self.tables.get_mut(sequence.0 as usize).and_then(Option::as_mut);
        (table, Blocks { block, rewinds, pools: &mut self.pools, tree: &mut self.tree, storage })
    }

    /// Gives a sequence an index that is free.
    fn insert(&mut self, table: Table) -> Result<Sequence> {
        let index = match self.vacant.pop() {
            Some(index) => index,
            None => {
                self.tables.try_reserve(1)?;
                // So that a removal never allocates.
                self.vacant.try_reserve(self.tables.len() + 1)?;
                self.tables.push(None);
                self.tables.len() as u32 - 1
            }
        };
        self.tables[index as usize] = Some(table);
        Ok(Sequence(index))
    }

    fn remove(&mut self, sequence: Sequence, storage: &mut dyn Storage) {
        let table = self.tables.get_mut(sequence.0 as usize).and_then(Option::take);
        if let Some(table) = table {
            self.vacant.push(sequence.0);
            table.close(&mut self.all(storage));
            self.evict_to_limit(storage);
        }
    }

    /// Makes the budget hold what taking `wanted` blocks of each group adds.
    pub(super) fn make_room(&mut self, wanted: &[usize], storage: &mut dyn Storage) -> Result<()> {
        let growth = |(pool, wanted): (&Pool, &usize)| pool.growth(*wanted);
        let needed = |cache: &Self| cache.bytes() + cache.pools.iter().zip(wanted).map(growth).sum::<u64>();
        if self.share.resize(needed(self)).is_ok() {
            return Ok(());
        }
        // What one group has free is of no use to another: its memory goes, too.
        let most = self.share.most();
        let least = |pools: &[Pool]| {
            let bytes = pools.iter().zip(wanted).map(|(pool, wanted)| pool.bytes_with(*wanted));
            bytes.sum::<u64>()
        };
        self.tree.evict(&mut self.pools, storage, |pools| least(pools) <= most);
        self.release_unused(storage);
        self.share.resize(needed(self))
    }

    /// Gives up prefixes until those that nobody uses fit their share.
    pub(super) fn evict_to_limit(&mut self, storage: &mut dyn Storage) {
        if self.idle_bytes() > self.most_idle {
            // A little more, so that not every pass has to look for what goes first.
            let most = self.most_idle - self.most_idle / 16;
            let fits = |pools: &[Pool]| pools.iter().map(Pool::idle_bytes).sum::<u64>() <= most;
            self.tree.evict(&mut self.pools, storage, fits);
        }
    }
}

pub(super) fn stale(sequence: Sequence) -> Error {
    Error::new(ErrorKind::StaleHandle, format!("sequence {} is closed", sequence.0))
}
