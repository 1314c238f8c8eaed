//! Keys and values of a sequence, per layer, in tensors that grow; knows no arithmetic and no number of
//! tokens that are held.

use super::computing;
use super::hyperparameters::Hyperparameters;
use crate::budget::Share;
use crate::error::Result;
use crate::kv::Storage;
use candle_core::{Device, Tensor};

/// Tokens that the tensors grow by at least.
const GROWTH: usize = 64;

/// Keys and values of a sequence: one block of the cache, however long. A pass writes behind the tokens that
/// are held.
#[derive(Default)]
pub(super) struct Block {
    layers: Vec<KeysValues>,
    capacity: usize,
}

/// Of one layer: (head_count_kv, capacity, head_dim) each.
struct KeysValues {
    keys: Tensor,
    values: Tensor,
}

impl Block {
    /// Tokens that there is memory for.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// What the capacity has to become for `needed` tokens in all, of at most `context`.
    pub(super) fn capacity_for(&self, needed: usize, context: usize) -> usize {
        if needed <= self.capacity {
            return self.capacity;
        }
        needed.max(self.capacity + self.capacity / 2).next_multiple_of(GROWTH).min(context)
    }

    /// Makes room for `capacity` tokens in all, and keeps the first `held`.
    ///
    /// # Errors
    /// `OutOfMemory`; the block is then as it was.
    pub(super) fn grow(
        &mut self,
        capacity: usize,
        held: usize,
        numbers: &Hyperparameters,
        device: &Device,
    ) -> Result<()> {
        if capacity > self.capacity {
            *self = self.copy(capacity, held, numbers, device)?;
        }
        Ok(())
    }

    /// A block for `capacity` tokens with the first `held` of this one's.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(super) fn copy(
        &self,
        capacity: usize,
        held: usize,
        numbers: &Hyperparameters,
        device: &Device,
    ) -> Result<Self> {
        let shape = (numbers.head_count_kv, capacity, numbers.head_dim);
        let zeros = || -> Result<Tensor> {
            let elements = shape.0 * shape.1 * shape.2;
            let mut zeros = Vec::new();
            zeros.try_reserve_exact(elements)?;
            zeros.resize(elements, 0f32);
            Tensor::from_vec(zeros, shape, device).map_err(computing)
        };
        let mut layers = Vec::new();
        layers.try_reserve_exact(numbers.block_count)?;
        for index in 0..numbers.block_count {
            let grown = KeysValues { keys: zeros()?, values: zeros()? };
            if let Some(old) = self.layers.get(index).filter(|_| held > 0) {
                copy_prefix(&old.keys, &grown.keys, held).map_err(computing)?;
                copy_prefix(&old.values, &grown.values, held).map_err(computing)?;
            }
            layers.push(grown);
        }
        Ok(Self { layers, capacity })
    }

    /// Writes `keys` and `values` of layer `layer`, (head_count_kv, count, head_dim), behind the `held`
    /// tokens; returns those from position `first` up to the last new one.
    pub(super) fn write(
        &self,
        layer: usize,
        keys: &Tensor,
        values: &Tensor,
        (held, first): (usize, usize),
    ) -> candle_core::Result<(Tensor, Tensor)> {
        let Some(layer) = self.layers.get(layer) else { candle_core::bail!("a layer has no cache") };
        let end = held + keys.dim(1)?;
        layer.keys.slice_set(&keys.contiguous()?, 1, held)?;
        layer.values.slice_set(&values.contiguous()?, 1, held)?;
        Ok((layer.keys.narrow(1, first, end - first)?, layer.values.narrow(1, first, end - first)?))
    }
}

fn copy_prefix(from: &Tensor, to: &Tensor, length: usize) -> candle_core::Result<()> {
    to.slice_set(&from.narrow(1, 0, length)?.contiguous()?, 1, 0)
}

/// The blocks of all sequences.
pub(super) struct Blocks {
    blocks: Vec<Block>,
    /// Bytes of a token.
    bytes_each: u64,
    share: Share,
    numbers: Hyperparameters,
    device: Device,
}

impl Blocks {
    /// None, of `bytes_each` bytes a token, to be taken from `share`.
    pub(super) fn new(numbers: Hyperparameters, device: Device, bytes_each: u64, share: Share) -> Self {
        Self { blocks: Vec::new(), bytes_each, share, numbers, device }
    }

    /// Bytes of all blocks.
    pub(super) fn bytes(&self) -> u64 {
        let tokens: usize = self.blocks.iter().map(Block::capacity).sum();
        tokens as u64 * self.bytes_each
    }

    /// A block.
    pub(super) fn get(&self, id: u32) -> Option<&Block> {
        self.blocks.get(id as usize)
    }

    /// Makes room in a block for `needed` tokens of at most `context`, and keeps the first `held`.
    ///
    /// # Errors
    /// `OutOfMemory`; the block is then as it was.
    pub(super) fn grow(&mut self, id: u32, needed: usize, context: usize, held: usize) -> Result<()> {
        let bytes = self.bytes();
        let Some(block) = self.blocks.get_mut(id as usize) else { return Ok(()) };
        let capacity = block.capacity_for(needed, context);
        // While it grows, its old memory is still there.
        let more = if capacity > block.capacity() { capacity as u64 * self.bytes_each } else { 0 };
        self.share.resize(bytes + more)?;
        let grown = block.grow(capacity, held, &self.numbers, &self.device);
        self.give_back();
        grown
    }

    fn give_back(&mut self) {
        let bytes = self.bytes();
        self.share.shrink(bytes);
    }
}

impl Storage for Blocks {
    fn allocate(&mut self, _group: usize, id: u32) -> Result<()> {
        let more = (id as usize + 1).saturating_sub(self.blocks.len());
        self.blocks.try_reserve(more)?;
        self.blocks.resize_with(self.blocks.len() + more, Block::default);
        Ok(())
    }

    fn free(&mut self, group: usize, id: u32) {
        self.released(group, id);
    }

    fn released(&mut self, _group: usize, id: u32) {
        if let Some(block) = self.blocks.get_mut(id as usize) {
            *block = Block::default();
        }
        self.give_back();
    }

    fn copy(&mut self, _group: usize, from: u32, to: u32, tokens: usize) -> Result<()> {
        let Some(source) = self.blocks.get(from as usize) else { return Ok(()) };
        self.share.resize(self.bytes() + source.capacity() as u64 * self.bytes_each)?;
        let copy = source.copy(source.capacity(), tokens, &self.numbers, &self.device)?;
        if let Some(block) = self.blocks.get_mut(to as usize) {
            *block = copy;
        }
        Ok(())
    }
}
