//! Keys and values of a sequence, per layer, in tensors that grow: a state that nobody else understands;
//! knows no arithmetic and no number of tokens that are held.

use super::computing;
use crate::budget::Share;
use crate::error::{Error, ErrorKind, Result};
use crate::kv::Storage;
use candle_core::{Device, Tensor};

/// Tokens that the tensors grow by at least.
const GROWTH: usize = 64;

/// What a layer keeps of a token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Width {
    /// Heads of keys, and of values.
    pub(super) heads: usize,
    pub(super) head_dim: usize,
}

impl Width {
    /// Bytes of a token's keys and values.
    pub(super) fn bytes(&self) -> u64 {
        (2 * self.heads * self.head_dim * size_of::<f32>()) as u64
    }
}

/// Keys and values of a sequence: one block of the cache, however long. A pass writes behind the tokens that
/// are held.
#[derive(Default)]
pub(super) struct Block {
    layers: Vec<KeysValues>,
    capacity: usize,
}

/// Of one layer: (heads, capacity, head_dim) each.
struct KeysValues {
    keys: Tensor,
    values: Tensor,
}

impl Block {
    /// What the capacity has to become for `needed` tokens in all, of at most `context`.
    fn capacity_for(&self, needed: usize, context: usize) -> usize {
        if needed <= self.capacity {
            return self.capacity;
        }
        needed.max(self.capacity + self.capacity / 2).next_multiple_of(GROWTH).min(context)
    }

    /// A block for `capacity` tokens with the first `held` of this one's.
    ///
    /// # Errors
    /// `OutOfMemory`.
    fn grown(&self, capacity: usize, held: usize, widths: &[Width], device: &Device) -> Result<Self> {
        let mut layers = Vec::new();
        layers.try_reserve_exact(widths.len())?;
        for (index, width) in widths.iter().enumerate() {
            let shape = (width.heads, capacity, width.head_dim);
            let zeros = || -> Result<Tensor> {
                let elements = shape.0 * shape.1 * shape.2;
                let mut zeros = Vec::new();
                zeros.try_reserve_exact(elements)?;
                zeros.resize(elements, 0f32);
                Tensor::from_vec(zeros, shape, device).map_err(computing)
            };
            let grown = KeysValues { keys: zeros()?, values: zeros()? };
            if let Some(old) = self.layers.get(index).filter(|_| held > 0) {
                copy_prefix(&old.keys, &grown.keys, held).map_err(computing)?;
                copy_prefix(&old.values, &grown.values, held).map_err(computing)?;
            }
            layers.push(grown);
        }
        Ok(Self { layers, capacity })
    }

    /// Writes `keys` and `values` of layer `layer`, (heads, count, head_dim), behind the `held` tokens;
    /// returns those from position `first` up to the last new one.
    pub(super) fn write(
        &self,
        layer: usize,
        keys: &Tensor,
        values: &Tensor,
        (held, first): (usize, usize),
    ) -> candle_core::Result<[Tensor; 2]> {
        let Some(layer) = self.layers.get(layer) else { candle_core::bail!("a layer has no cache") };
        let end = held + keys.dim(1)?;
        layer.keys.slice_set(&keys.contiguous()?, 1, held)?;
        layer.values.slice_set(&values.contiguous()?, 1, held)?;
        Ok([layer.keys.narrow(1, first, end - first)?, layer.values.narrow(1, first, end - first)?])
    }
}

fn copy_prefix(from: &Tensor, to: &Tensor, length: usize) -> candle_core::Result<()> {
    to.slice_set(&from.narrow(1, 0, length)?.contiguous()?, 1, 0)
}

/// The blocks of all sequences.
pub(super) struct Blocks {
    blocks: Vec<Block>,
    /// By layer.
    widths: Vec<Width>,
    share: Share,
    device: Device,
}

impl Blocks {
    /// None, of layers that keep so much of a token, to be taken from `share`.
    pub(super) fn new(widths: Vec<Width>, device: Device, share: Share) -> Self {
        Self { blocks: Vec::new(), widths, share, device }
    }

    /// Bytes of a token in all layers.
    pub(super) fn bytes_each(&self) -> u64 {
        self.widths.iter().map(Width::bytes).sum()
    }

    /// Bytes of all blocks.
    pub(super) fn bytes(&self) -> u64 {
        let tokens: usize = self.blocks.iter().map(|block| block.capacity).sum();
        tokens as u64 * self.bytes_each()
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
        let (bytes, bytes_each) = (self.bytes(), self.bytes_each());
        let Some(block) = self.blocks.get_mut(id as usize) else { return Ok(()) };
        let capacity = block.capacity_for(needed, context);
        if capacity <= block.capacity {
            return Ok(());
        }
        // While it grows, its old memory is still there.
        self.share.resize(bytes + capacity as u64 * bytes_each)?;
        let grown = block.grown(capacity, held, &self.widths, &self.device).map(|grown| *block = grown);
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

    fn copy(&mut self, _group: usize, _from: u32, _to: u32, _tokens: usize) -> Result<()> {
        Err(Error::new(ErrorKind::Internal, "an opaque state is not copied"))
    }
}
