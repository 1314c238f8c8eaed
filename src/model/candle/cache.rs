//! Keys and values of one sequence, per layer, in tensors that grow; knows no arithmetic.

use super::computing;
use super::hyperparameters::Hyperparameters;
use crate::error::Result;
use candle_core::{Device, Tensor};

/// Tokens that the tensors grow by at least.
const GROWTH: usize = 64;

/// Keys and values of a sequence. Only the first `length` tokens count: a pass writes behind them and
/// `advance` makes them count, so a pass that fails leaves nothing to undo.
pub(super) struct Cache {
    layers: Vec<KeysValues>,
    length: usize,
    capacity: usize,
    /// What `capacity` may grow to.
    context: usize,
}

/// Of one layer: (head_count_kv, capacity, head_dim) each.
struct KeysValues {
    keys: Tensor,
    values: Tensor,
}

impl Cache {
    /// Empty, without memory; for at most `context` tokens.
    pub(super) fn new(context: usize) -> Self {
        Self { layers: Vec::new(), length: 0, capacity: 0, context }
    }

    /// Tokens held.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Tokens that may come.
    pub(super) fn room(&self) -> usize {
        self.context - self.length
    }

    /// Tokens that there is memory for.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// What the capacity has to become for `count` tokens more, which there is `room` for.
    pub(super) fn capacity_for(&self, count: usize) -> usize {
        let needed = self.length + count;
        if needed <= self.capacity {
            return self.capacity;
        }
        needed.max(self.capacity + self.capacity / 2).next_multiple_of(GROWTH).min(self.context)
    }

    /// Makes room for `capacity` tokens in all, and keeps what is held.
    ///
    /// # Errors
    /// `OutOfMemory`; the cache is then as it was.
    pub(super) fn grow(&mut self, capacity: usize, numbers: &Hyperparameters, device: &Device) -> Result<()> {
        if capacity <= self.capacity {
            return Ok(());
        }
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
            if let Some(old) = self.layers.get(index).filter(|_| self.length > 0) {
                copy_prefix(&old.keys, &grown.keys, self.length).map_err(computing)?;
                copy_prefix(&old.values, &grown.values, self.length).map_err(computing)?;
            }
            layers.push(grown);
        }
        self.layers = layers;
        self.capacity = capacity;
        Ok(())
    }

    /// Writes `keys` and `values` of layer `layer`, (head_count_kv, count, head_dim), behind the tokens held;
    /// returns those from position `first` up to the last new one.
    pub(super) fn write(
        &self,
        layer: usize,
        keys: &Tensor,
        values: &Tensor,
        first: usize,
    ) -> candle_core::Result<(Tensor, Tensor)> {
        let Some(held) = self.layers.get(layer) else { candle_core::bail!("layer {layer} has no cache") };
        let end = self.length + keys.dim(1)?;
        held.keys.slice_set(&keys.contiguous()?, 1, self.length)?;
        held.values.slice_set(&values.contiguous()?, 1, self.length)?;
        Ok((held.keys.narrow(1, first, end - first)?, held.values.narrow(1, first, end - first)?))
    }

    /// Makes the `count` tokens written behind those held count.
    pub(super) fn advance(&mut self, count: usize) {
        self.length = (self.length + count).min(self.capacity);
    }

    /// Keeps at most the first `length` tokens; returns how many are kept. Without a token it holds no
    /// memory.
    pub(super) fn truncate(&mut self, length: usize) -> usize {
        self.length = self.length.min(length);
        if self.length == 0 {
            (self.layers, self.capacity) = (Vec::new(), 0);
        }
        self.length
    }
}

fn copy_prefix(from: &Tensor, to: &Tensor, length: usize) -> candle_core::Result<()> {
    to.slice_set(&from.narrow(1, 0, length)?.contiguous()?, 1, 0)
}
