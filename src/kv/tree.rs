//! The prefix cache's index: a tree whose paths are the tokens of pasts, a block to a node. Knows which
//! blocks and states a past has; not who computes it.

use super::pool::Pool;
use super::store::{NO_BLOCK, Storage};
use crate::error::Result;
use smallvec::SmallVec;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A node's number.
pub(super) type NodeId = u32;

/// A block or state of every group; [`NO_BLOCK`] where there is none.
pub(super) type Ids = SmallVec<[u32; 2]>;

/// No node.
const NONE: NodeId = u32::MAX;

/// Some tokens behind those of its parent: as many as a block holds, or fewer where nothing follows yet.
struct Node {
    parent: NodeId,
    first_child: NodeId,
    /// The parent's next child.
    next: NodeId,
    /// The position of its first token.
    start: usize,
    tokens: SmallVec<[u32; 32]>,
    blocks: Ids,
    /// Snapshots behind some of its tokens, by place, ascending.
    states: Vec<(usize, Ids)>,
    /// Sequences whose past leads through it.
    users: u32,
    /// When a sequence last did.
    used: u64,
    is_root: bool,
}

/// What may be given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Victim {
    /// A node without children.
    Leaf(NodeId),
    /// A block that a window has left behind.
    Block(NodeId, usize),
    /// A snapshot, by its place.
    Snapshot(NodeId, usize),
}

/// What goes first.
type Order = (bool, u64, usize);

/// All pasts that the prefix cache knows.
pub(super) struct Tree {
    block: usize,
    nodes: Vec<Node>,
    free: Vec<NodeId>,
    /// By what else a past depends on than its tokens.
    roots: Vec<(u64, NodeId)>,
    clock: u64,
}

impl Tree {
    /// An empty tree over blocks of `block` tokens.
    pub(super) fn new(block: usize) -> Self {
        Self { block, nodes: Vec::new(), free: Vec::new(), roots: Vec::new(), clock: 0 }
    }

    /// Makes room for `count` more nodes.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(super) fn reserve(&mut self, count: usize) -> Result<()> {
        self.nodes.try_reserve(count.saturating_sub(self.free.len()))?;
        // So that a removal never allocates.
        let all = self.nodes.len() + count;
        self.free.try_reserve(all.saturating_sub(self.free.len()))?;
        Ok(())
    }

    /// Where the pasts of `key` begin.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(super) fn root(&mut self, key: u64) -> Result<NodeId> {
        if let Some((_, root)) = self.roots.iter().find(|(known, _)| *known == key) {
            return Ok(*root);
        }
        self.reserve(1)?;
        self.roots.try_reserve(1)?;
        let root = self.insert(Node { is_root: true, ..Node::new(NONE, 0) });
        self.roots.push((key, root));
        Ok(root)
    }

    /// The longest known beginning of `tokens`: how many tokens it has. `path` becomes its nodes; of the last
    /// only some tokens may be equal.
    pub(super) fn find(&self, root: NodeId, tokens: &[u32], path: &mut Vec<NodeId>) -> Result<usize> {
        path.clear();
        path.try_reserve(tokens.len().div_ceil(self.block))?;
        let (mut parent, mut matched) = (root, 0);
        while matched < tokens.len() {
            let rest = &tokens[matched..];
            let common = |node: NodeId| {
                let known = &self.nodes[node as usize].tokens;
                known.iter().zip(rest).take_while(|(known, token)| known == token).count()
            };
            // Of two that are as long: where more can be gone on from.
            let worth = |node: NodeId| {
                let common = common(node);
                let snapshot = self.places(node).take_while(|place| *place <= matched + common).last();
                (common, snapshot, self.nodes[node as usize].first_child != NONE)
            };
            let best = self.children(parent).max_by_key(|node| worth(*node));
            let Some((common, node)) = best.map(|node| (common(node), node)) else { break };
            if common == 0 {
                break;
            }
            path.push(node);
            matched += common;
            if common < self.block {
                break;
            }
            parent = node;
        }
        Ok(matched)
    }

    /// One sequence more leads through `node`.
    pub(super) fn enter(&mut self, node: NodeId) {
        self.nodes[node as usize].users += 1;
    }

    /// One sequence less does.
    pub(super) fn leave(&mut self, node: NodeId) {
        self.clock += 1;
        let node = &mut self.nodes[node as usize];
        node.users -= 1;
        node.used = self.clock;
    }

    /// All of `path` was used now.
    pub(super) fn touch(&mut self, path: &[NodeId]) {
        self.clock += 1;
        for node in path {
            self.nodes[*node as usize].used = self.clock;
        }
    }

    /// The node's block in `group`.
    pub(super) fn block(&self, node: NodeId, group: usize) -> u32 {
        self.nodes[node as usize].blocks.get(group).copied().unwrap_or(NO_BLOCK)
    }

    /// The node's tokens.
    pub(super) fn tokens(&self, node: NodeId) -> &[u32] {
        &self.nodes[node as usize].tokens
    }

    /// The node's snapshot at `place`.
    pub(super) fn snapshot(&self, node: NodeId, place: usize) -> Option<&Ids> {
        let states = &self.nodes[node as usize].states;
        states.iter().find(|(at, _)| *at == place).map(|(_, ids)| ids)
    }

    /// Places of the node's snapshots, ascending.
    pub(super) fn places(&self, node: NodeId) -> impl DoubleEndedIterator<Item = usize> {
        self.nodes[node as usize].states.iter().map(|(place, _)| *place)
    }

    /// Whether a token may be added to the node by the one sequence that holds `offset` tokens in it, whose
    /// blocks are `blocks`.
    pub(super) fn may_extend(&self, node: NodeId, offset: usize, blocks: &[u32]) -> bool {
        let node = &self.nodes[node as usize];
        node.tokens.len() == offset && node.first_child == NONE && node.blocks.as_slice() == blocks
    }

    /// Adds a token to a node.
    pub(super) fn extend(&mut self, node: NodeId, token: u32) {
        self.nodes[node as usize].tokens.push(token);
    }

    /// A new node behind `parent` with `tokens` and `blocks`, and one user; [`Tree::reserve`] made room.
    pub(super) fn add(&mut self, parent: NodeId, tokens: &[u32], blocks: Ids) -> NodeId {
        let above = &self.nodes[parent as usize];
        let start = above.start + above.tokens.len();
        let node = Node {
            tokens: SmallVec::from_slice(tokens),
            blocks,
            users: 1,
            used: self.clock,
            next: above.first_child,
            ..Node::new(parent, start)
        };
        let node = self.insert(node);
        self.nodes[parent as usize].first_child = node;
        node
    }

    /// Another child of the node's parent with the same tokens, if nobody else leads through `node`.
    pub(super) fn twin(&self, node: NodeId) -> Option<NodeId> {
        let this = &self.nodes[node as usize];
        if this.users > 1 || this.first_child != NONE {
            return None;
        }
        self.children(this.parent)
            .find(|other| *other != node && self.tokens(*other) == this.tokens.as_slice())
    }

    /// Takes the node's block in `group` away from it.
    pub(super) fn take(&mut self, node: NodeId, group: usize) -> u32 {
        std::mem::replace(&mut self.nodes[node as usize].blocks[group], NO_BLOCK)
    }

    /// Gives the node, which has none in `group`, a block.
    pub(super) fn fill(&mut self, node: NodeId, group: usize, block: u32) {
        self.nodes[node as usize].blocks[group] = block;
    }

    /// Hands the snapshots of a node to its twin, but for those that it has.
    pub(super) fn move_snapshots(&mut self, node: NodeId, twin: NodeId) {
        let states = std::mem::take(&mut self.nodes[node as usize].states);
        for (place, ids) in states {
            if !self.keep(twin, place, &ids) {
                // Given back with the node.
                self.nodes[node as usize].states.push((place, ids));
            }
        }
    }

    /// Keeps a snapshot at `place`; false if there is one, or no memory for it.
    pub(super) fn keep(&mut self, node: NodeId, place: usize, ids: &Ids) -> bool {
        let states = &mut self.nodes[node as usize].states;
        if states.iter().any(|(at, _)| *at == place) || states.try_reserve(1).is_err() {
            return false;
        }
        let index = states.partition_point(|(at, _)| *at < place);
        states.insert(index, (place, ids.clone()));
        true
    }

    /// Takes a node without children and users out; its blocks and snapshots.
    pub(super) fn remove(&mut self, node: NodeId, pools: &mut [Pool], storage: &mut dyn Storage) {
        let parent = self.nodes[node as usize].parent;
        let next = self.nodes[node as usize].next;
        if self.nodes[parent as usize].first_child == node {
            self.nodes[parent as usize].first_child = next;
        } else {
            let before = self.children(parent).find(|child| self.nodes[*child as usize].next == node);
            if let Some(before) = before {
                self.nodes[before as usize].next = next;
            }
        }
        let gone = std::mem::replace(&mut self.nodes[node as usize], Node::new(NONE, 0));
        for ids in std::iter::once(gone.blocks).chain(gone.states.into_iter().map(|(_, ids)| ids)) {
            uncache(&ids, pools, storage);
        }
        self.free.push(node);
    }

    /// Gives up what was used longest ago of what no sequence uses, one after the other, until there is
    /// `enough` or nothing left.
    pub(super) fn evict(
        &mut self,
        pools: &mut [Pool],
        storage: &mut dyn Storage,
        enough: impl Fn(&[Pool]) -> bool,
    ) {
        if enough(pools) {
            return;
        }
        let mut victims = Vec::new();
        if victims.try_reserve(2 * self.nodes.len()).is_err() {
            return;
        }
        for id in 0..self.nodes.len() as NodeId {
            self.offer(id, pools, &mut |order, victim| victims.push(Reverse((order, victim))));
        }
        let mut victims = BinaryHeap::from(victims);
        while !enough(pools) {
            let Some(Reverse((_, victim))) = victims.pop() else { break };
            self.give_up(victim, pools, storage, &mut victims);
        }
    }

    /// Gives one victim up, unless it went with another.
    fn give_up(
        &mut self,
        victim: Victim,
        pools: &mut [Pool],
        storage: &mut dyn Storage,
        victims: &mut BinaryHeap<Reverse<(Order, Victim)>>,
    ) {
        match victim {
            Victim::Leaf(node) => {
                let parent = self.nodes[node as usize].parent;
                self.remove(node, pools, storage);
                // It may be a leaf now.
                self.offer(parent, pools, &mut |order, victim| victims.push(Reverse((order, victim))));
            }
            Victim::Block(node, group) => {
                let Some(block) = self.nodes[node as usize].blocks.get_mut(group) else { return };
                let block = std::mem::replace(block, NO_BLOCK);
                if block != NO_BLOCK {
                    pools[group].uncache(block, storage);
                }
            }
            Victim::Snapshot(node, place) => {
                let states = &mut self.nodes[node as usize].states;
                if let Some(index) = states.iter().position(|(at, _)| *at == place) {
                    let (_, ids) = states.remove(index);
                    uncache(&ids, pools, storage);
                }
            }
        }
    }

    /// Adds what may go of a node: by the last use, then snapshots from the oldest place on, then nodes, then
    /// the snapshots at an end; those behind which pasts part, last.
    fn offer(&self, id: NodeId, pools: &[Pool], offered: &mut dyn FnMut(Order, Victim)) {
        let node = &self.nodes[id as usize];
        if node.is_root || node.parent == NONE {
            return;
        }
        let idle = |ids: &Ids| ids.iter().zip(pools).all(|(id, pool)| *id == NO_BLOCK || pool.is_idle(*id));
        let is_leaf = node.first_child == NONE;
        let above = &self.nodes[node.parent as usize];
        let parts = self.has_children(node) || !above.is_root && self.has_children(above);
        for (place, _) in node.states.iter().filter(|(_, ids)| idle(ids)) {
            let order = (parts, node.used, if is_leaf { usize::MAX } else { *place });
            offered(order, Victim::Snapshot(id, *place));
        }
        if is_leaf && node.users == 0 && idle(&node.blocks) {
            let place = if node.states.is_empty() { usize::MAX - 1 } else { usize::MAX };
            offered((false, node.used, place), Victim::Leaf(id));
            return;
        }
        for (group, block) in node.blocks.iter().enumerate() {
            if *block != NO_BLOCK && !pools[group].keeps_all() && pools[group].is_idle(*block) {
                offered((parts, node.used, node.start), Victim::Block(id, group));
            }
        }
    }

    /// Whether several pasts go on from a node.
    fn has_children(&self, node: &Node) -> bool {
        node.first_child != NONE && self.nodes[node.first_child as usize].next != NONE
    }

    fn children(&self, parent: NodeId) -> impl Iterator<Item = NodeId> {
        let first = self.nodes[parent as usize].first_child;
        let next = |node: &NodeId| Some(self.nodes[*node as usize].next).filter(|next| *next != NONE);
        std::iter::successors(Some(first).filter(|first| *first != NONE), next)
    }

    fn insert(&mut self, node: Node) -> NodeId {
        match self.free.pop() {
            Some(id) => {
                self.nodes[id as usize] = node;
                id
            }
            None => {
                self.nodes.push(node);
                self.nodes.len() as NodeId - 1
            }
        }
    }
}

impl Node {
    fn new(parent: NodeId, start: usize) -> Self {
        Self {
            parent,
            first_child: NONE,
            next: NONE,
            start,
            tokens: SmallVec::new(),
            blocks: Ids::new(),
            states: Vec::new(),
            users: 0,
            used: 0,
            is_root: false,
        }
    }
}

fn uncache(ids: &Ids, pools: &mut [Pool], storage: &mut dyn Storage) {
    for (id, pool) in ids.iter().zip(pools) {
        if *id != NO_BLOCK {
            pool.uncache(*id, storage);
        }
    }
}
