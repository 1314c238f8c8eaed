//! Where keys, values and states of the native decoder lie: blocks of [`KV_BLOCK`] tokens, and states, in
//! memory, by group of layers. Knows what they hold; not whose they are.

use crate::compute::{BlockMemory, Zeroed};
use crate::error::Result;
use crate::kernel::{KV_BLOCK, Kernels, KvLayout, KvType};
use crate::kv::{CacheSpec, Group, Keeps, Pieces, Storage};
use crate::model::description::{Attention, Layer, Mixer};
use smallvec::SmallVec;
use std::ops::Range;

/// Layers that keep the same, and the memory of their blocks.
pub(super) struct LayerGroup {
    /// What a block holds: keys and values of these layers.
    pub(super) layout: KvLayout,
    keeps: Keeps,
    blocks: Vec<Zeroed<u16>>,
}

impl LayerGroup {
    /// Writes keys and values, `(heads, head_dim)` each, of the token in `slot` of block `id`, for `layer`
    /// of the group.
    pub(super) fn store(
        &mut self,
        kernels: &Kernels,
        id: u32,
        (layer, slot): (usize, usize),
        keys: &[f32],
        values: &[f32],
    ) {
        let Some(block) = self.blocks.get_mut(id as usize) else { return };
        self.layout.store(kernels, block, (layer, slot), keys, values);
    }
}

impl BlockMemory for LayerGroup {
    fn block(&self, id: u32) -> &[u16] {
        self.blocks.get(id as usize).map_or(&[], |block| block)
    }
}

/// What a layer keeps, of how many heads, of which width.
type Kind = (Keeps, usize, usize);

/// Recurrent layers, and the memory of their states: (layer, len).
pub(super) struct StateGroup {
    layers: usize,
    /// Elements of one layer.
    len: usize,
    states: Vec<Zeroed<f32>>,
}

impl StateGroup {
    fn layer(&self, layer: usize) -> Range<usize> {
        layer * self.len..(layer + 1) * self.len
    }

    /// State `id` of a layer; none: that of a sequence without tokens, and empty.
    pub(super) fn state(&self, id: Option<u32>, layer: usize) -> &[f32] {
        let state = id.and_then(|id| self.states.get(id as usize));
        state.and_then(|state| state.get(self.layer(layer))).unwrap_or(&[])
    }

    /// State `from` of a layer, as [`StateGroup::state`], and another, `to`, to be written.
    pub(super) fn step(&mut self, from: Option<u32>, to: u32, layer: usize) -> (&[f32], &mut [f32]) {
        let range = self.layer(layer);
        let (from, to) = match from {
            None => (None, self.states.get_mut(to as usize)),
            Some(from) => match self.states.get_disjoint_mut([from as usize, to as usize]) {
                Ok([from, to]) => (Some(&*from), Some(to)),
                Err(_) => (None, None),
            },
        };
        let from = from.and_then(|state| state.get(range.clone()));
        (from.unwrap_or(&[]), to.and_then(|state| state.get_mut(range)).unwrap_or(&mut []))
    }
}

/// Keys and values, and states, of all layers.
pub(super) struct KvMemory {
    /// Layers with keys and values.
    groups: SmallVec<[LayerGroup; 2]>,
    /// The last group: recurrent layers.
    states: Option<StateGroup>,
    /// Each layer's group, and its number in it: where a layer shares another's, that one's.
    places: Vec<(usize, usize)>,
    kv_type: KvType,
    /// What is kept of a token depends on no token behind it.
    shares: bool,
    /// What keys depend on beside the file and the tokens, as a word.
    turned_by: String,
}

impl KvMemory {
    /// None yet. Layers that keep the same, in the same shape, are a group. `turned_by`: which of the file's
    /// rope factors turn keys, as a word.
    ///
    /// # Errors
    /// `Unsupported` for dimensions out of range.
    pub(super) fn new(layers: &[Layer], kv_type: KvType, turned_by: String) -> Result<Self> {
        let kind = |layer: &Layer| -> Option<Kind> {
            let Mixer::Attention(attention) = &layer.mixer else { return None };
            let Attention { window, both_ways, kv_heads, head_dim, shares: None, .. } = *attention else {
                return None;
            };
            let keeps = window.filter(|_| !both_ways).map_or(Keeps::All, Keeps::Window);
            Some((keeps, kv_heads, head_dim))
        };
        let mut kinds: SmallVec<[(Kind, usize); 2]> = SmallVec::new();
        for kind in layers.iter().filter_map(kind) {
            match kinds.iter_mut().find(|(of, _)| *of == kind) {
                Some((_, count)) => *count += 1,
                None => kinds.push((kind, 1)),
            }
        }
        let mut counts: SmallVec<[usize; 3]> = SmallVec::from_elem(0, kinds.len() + 1);
        let mut places = Vec::new();
        places.try_reserve_exact(layers.len())?;
        for layer in layers {
            if let Mixer::Attention(Attention { shares: Some(source), .. }) = layer.mixer {
                places.push(places.get(source).copied().unwrap_or_default());
                continue;
            }
            let group = kinds.iter().position(|(of, _)| Some(*of) == kind(layer)).unwrap_or(kinds.len());
            places.push((group, counts[group]));
            counts[group] += 1;
        }
        let recurrent = counts[kinds.len()];
        let len = layers.iter().map(|layer| layer.mixer.state_len()).max().unwrap_or(0);
        let states = (recurrent > 0).then(|| StateGroup { layers: recurrent, len, states: Vec::new() });
        let mut groups = SmallVec::new();
        for ((keeps, heads, dim), layers) in kinds {
            let layout = KvLayout::new(kv_type, layers, heads, dim, dim)?;
            groups.push(LayerGroup { layout, keeps, blocks: Vec::new() });
        }
        let both_ways =
            |layer: &Layer| matches!(layer.mixer, Mixer::Attention(Attention { both_ways: true, .. }));
        let shares = !layers.iter().any(both_ways);
        Ok(Self { groups, states, places, kv_type, shares, turned_by })
    }

    /// What is kept of a token's past.
    pub(super) fn spec(&self) -> CacheSpec {
        let group = |group: &LayerGroup| Group { keeps: group.keeps, bytes: bytes(&group.layout) };
        let states = self.states.iter().map(|_| Group { keeps: Keeps::State, bytes: self.state_bytes() });
        let groups = self.groups.iter().map(group).chain(states).collect();
        CacheSpec { block: KV_BLOCK, groups, shares: self.shares, rewinds: true }
    }

    /// Bytes of a block in every group.
    pub(super) fn block_bytes(&self) -> u64 {
        self.groups.iter().map(|group| bytes(&group.layout)).sum()
    }

    /// Bytes of a state.
    pub(super) fn state_bytes(&self) -> u64 {
        self.states.as_ref().map_or(0, |group| (group.layers * group.len) as u64 * 4)
    }

    /// The group of `layer`, and the layer's number in it.
    pub(super) fn place(&self, layer: usize) -> (usize, usize) {
        self.places.get(layer).copied().unwrap_or_default()
    }

    /// How many groups of blocks there are.
    pub(super) fn groups(&self) -> usize {
        self.groups.len()
    }

    /// The group of states.
    pub(super) fn states(&self) -> Option<&StateGroup> {
        self.states.as_ref()
    }

    /// The same, to be written.
    pub(super) fn states_mut(&mut self) -> Option<&mut StateGroup> {
        self.states.as_mut()
    }

    /// A group of blocks.
    pub(super) fn group(&self, group: usize) -> &LayerGroup {
        &self.groups[group]
    }

    /// A group of blocks, to be written.
    pub(super) fn group_mut(&mut self, group: usize) -> &mut LayerGroup {
        &mut self.groups[group]
    }
}

impl Storage for KvMemory {
    fn allocate(&mut self, group: usize, id: u32) -> Result<()> {
        match (self.groups.get_mut(group), &mut self.states) {
            (Some(group), _) => put(&mut group.blocks, id, Zeroed::new(group.layout.block_len())?),
            (None, Some(group)) => put(&mut group.states, id, Zeroed::new(group.layers * group.len)?),
            (None, None) => Ok(()),
        }
    }

    fn free(&mut self, group: usize, id: u32) {
        match (self.groups.get_mut(group), &mut self.states) {
            (Some(group), _) => take(&mut group.blocks, id),
            (None, Some(group)) => take(&mut group.states, id),
            (None, None) => {}
        }
    }

    fn copy(&mut self, group: usize, from: u32, to: u32, tokens: usize) -> Result<()> {
        let ids = [from as usize, to as usize];
        if let Some(LayerGroup { layout, blocks, .. }) = self.groups.get_mut(group) {
            if let Ok([from, to]) = blocks.get_disjoint_mut(ids) {
                layout.copy(from, to, tokens);
            }
        } else if let Some(Ok([from, to])) =
            self.states.as_mut().map(|group| group.states.get_disjoint_mut(ids))
        {
            to.copy_from_slice(from);
        }
        Ok(())
    }

    fn layout(&self) -> Result<String> {
        let states = if self.states.is_some() { " states f32" } else { "" };
        Ok(format!("native {} rope {}{states}", self.kv_type.layout(), self.turned_by))
    }

    fn pieces(&self, group: usize) -> Pieces {
        match (self.groups.get(group), &self.states) {
            (Some(LayerGroup { layout, .. }), _) => {
                Pieces { count: layout.layers(), bytes: layout.layer(0).len() * 2 }
            }
            (None, Some(group)) => Pieces { count: group.layers, bytes: group.len * 4 },
            (None, None) => Pieces { count: 1, bytes: 1 },
        }
    }

    fn read(&self, group: usize, id: u32, tokens: usize, piece: usize, out: &mut Vec<u8>) {
        let Some(LayerGroup { layout, blocks, .. }) = self.groups.get(group) else {
            let state = self.states.as_ref().map(|group| group.state(Some(id), piece));
            return out.extend_from_slice(bytemuck::cast_slice(state.unwrap_or_default()));
        };
        let layer = blocks.get(id as usize).and_then(|block| block.get(layout.layer(piece)));
        let start = out.len();
        out.extend_from_slice(bytemuck::cast_slice(layer.unwrap_or_default()));
        if tokens < KV_BLOCK && layer.is_some() {
            // Those of others, perhaps.
            layout.blank(&mut out[start..], tokens);
        }
    }

    fn write(&mut self, group: usize, id: u32, piece: usize, bytes: &[u8]) {
        let layer: &mut [u8] = match (self.groups.get_mut(group), &mut self.states) {
            (Some(LayerGroup { layout, blocks, .. }), _) => {
                let layer = blocks.get_mut(id as usize).and_then(|block| block.get_mut(layout.layer(piece)));
                bytemuck::cast_slice_mut(layer.unwrap_or_default())
            }
            (None, Some(group)) => bytemuck::cast_slice_mut(group.step(None, id, piece).1),
            (None, None) => &mut [],
        };
        if layer.len() == bytes.len() {
            layer.copy_from_slice(bytes);
        }
    }
}

/// Gives number `id` this memory.
fn put<T>(all: &mut Vec<Zeroed<T>>, id: u32, memory: Zeroed<T>) -> Result<()> {
    let more = (id as usize + 1).saturating_sub(all.len());
    all.try_reserve(more)?;
    all.resize_with(all.len() + more, Zeroed::default);
    all[id as usize] = memory;
    Ok(())
}

/// Gives the memory of number `id` back.
fn take<T>(all: &mut [Zeroed<T>], id: u32) {
    if let Some(memory) = all.get_mut(id as usize) {
        *memory = Zeroed::default();
    }
}

fn bytes(layout: &KvLayout) -> u64 {
    layout.block_len() as u64 * 2
}
