//! The arithmetic of one layer and of the two ends, on candle's tensors; knows no sequence and no slice.

use super::architecture::Activation;
use super::cache::Block;
use super::hyperparameters::Hyperparameters;
use super::rope::{Frequencies, Rotation};
use super::weights::{Layer, Norm, Weights};
use candle_core::{Device, Result, Tensor};
use candle_nn::ops::softmax_last_dim;

/// Weights and the numbers that say how to use them.
pub(super) struct Network {
    pub(super) numbers: Hyperparameters,
    pub(super) weights: Weights,
    /// The place for CUDA and Metal: only the CPU is built.
    pub(super) device: Device,
}

/// What the layers of one kind share in a pass.
struct View {
    rotation: Rotation,
    /// Tokens before those of the pass.
    held: usize,
    /// The first position that any token of the pass sees.
    first: usize,
    /// (count, positions from `first` on), 0 or −∞; `None` where every token sees everything.
    mask: Option<Tensor>,
}

/// Which positions a pass computes, and what they see.
pub(super) struct Positions {
    global: View,
    windowed: Option<View>,
}

impl Network {
    /// For `count` tokens behind `start`.
    pub(super) fn positions(&self, start: usize, count: usize) -> Result<Positions> {
        let numbers = &self.numbers;
        let frequencies = |base, scaling_factor| Frequencies {
            style: numbers.architecture.rope,
            head_dim: numbers.head_dim,
            base,
            scaling_factor,
            factors: self.weights.rope_factors.as_deref(),
        };
        let view = |frequencies: Frequencies, window: Option<usize>| -> Result<View> {
            let rotation = Rotation::new(&frequencies, start, count, &self.device)?;
            let first = window.map_or(0, |size| (start + 1).saturating_sub(size));
            let mask = mask(start, count, first, window, &self.device)?;
            Ok(View { rotation, held: start, first, mask })
        };
        let global = view(frequencies(numbers.rope.freq_base, numbers.rope.scaling_factor), None)?;
        let windowed =
            numbers.window.map(|window| view(frequencies(window.freq_base, 1.0), Some(window.size)));
        Ok(Positions { global, windowed: windowed.transpose()? })
    }

    /// Bytes that a pass of `count` tokens, which see `seen`, works in at most: scores of one layer and their
    /// softmax, or what lies between a layer's two halves, beside masks.
    pub(super) fn scratch_bytes(&self, count: usize, seen: usize) -> u64 {
        let numbers = &self.numbers;
        let masks = if count > 1 { 2 * count * seen } else { 0 };
        let scores = 2 * numbers.head_count * count * seen;
        let heads = 4 * count * (numbers.head_count + numbers.head_count_kv) * numbers.head_dim;
        let fed = 3 * count * numbers.feed_forward_length;
        let floats = 4 * count * numbers.embedding_length + masks + (scores + heads).max(fed);
        (floats * size_of::<f32>()) as u64
    }

    /// Tokens to (count, embedding_length).
    pub(super) fn embed(&self, tokens: &[u32]) -> Result<Tensor> {
        let ids = Tensor::new(tokens, &self.device)?;
        let x = self.weights.embeddings.rows(&ids)?;
        if self.numbers.architecture.scaled_embeddings {
            return x * (self.numbers.embedding_length as f64).sqrt();
        }
        Ok(x)
    }

    /// Layer `index` over `x`, (count, embedding_length); its keys and values go behind those that are held
    /// in `block`.
    pub(super) fn layer(
        &self,
        index: usize,
        x: &Tensor,
        positions: &Positions,
        block: &Block,
    ) -> Result<Tensor> {
        let Some(layer) = self.weights.layers.get(index) else {
            candle_core::bail!("there is no layer {index}")
        };
        let view = match (self.numbers.window_of(index), &positions.windowed) {
            (Some(_), Some(windowed)) => windowed,
            _ => &positions.global,
        };
        let attended = self.attention(layer, &layer.attention_norm.forward(x)?, index, view, block)?;
        let x = (x + layer
            .post_attention_norm
            .as_ref()
            .map_or(Ok(attended.clone()), |norm| norm.forward(&attended))?)?;
        let fed = self.feed_forward(layer, &layer.feed_forward_norm.forward(&x)?)?;
        &x + layer.post_feed_forward_norm.as_ref().map_or(Ok(fed.clone()), |norm| norm.forward(&fed))?
    }

    /// The last `rows` rows of `x`, (count, embedding_length), to their logits, (rows, vocab_size).
    pub(super) fn logits(&self, x: &Tensor, rows: usize) -> Result<Vec<f32>> {
        let last = x.narrow(0, x.dim(0)? - rows, rows)?;
        self.weights.output.forward(&self.weights.output_norm.forward(&last)?)?.flatten_all()?.to_vec1()
    }

    fn feed_forward(&self, layer: &Layer, x: &Tensor) -> Result<Tensor> {
        let gate = layer.gate.forward(x)?;
        let gate = match self.numbers.architecture.activation {
            Activation::Silu => gate.silu()?,
            Activation::Gelu => gate.gelu()?,
        };
        layer.down.forward(&(gate * layer.up.forward(x)?)?)
    }

    /// Grouped-query attention (Ainslie et al., 2023): consecutive query heads share a head of keys and
    /// values.
    fn attention(
        &self,
        layer: &Layer,
        x: &Tensor,
        index: usize,
        view: &View,
        block: &Block,
    ) -> Result<Tensor> {
        let numbers = &self.numbers;
        let (heads, kv_heads, head_dim) = (numbers.head_count, numbers.head_count_kv, numbers.head_dim);
        let count = x.dim(0)?;
        // (count, heads × head_dim) to (heads, count, head_dim).
        let split = |x: Tensor, heads: usize| x.reshape((count, heads, head_dim))?.transpose(0, 1);
        let normed = |x: Tensor, norm: &Option<Norm>| match norm {
            Some(norm) => norm.forward(&x),
            None => Ok(x),
        };
        let queries = normed(split(layer.query.forward(x)?, heads)?, &layer.query_norm)?;
        let keys = normed(split(layer.key.forward(x)?, kv_heads)?, &layer.key_norm)?;
        let values = split(layer.value.forward(x)?, kv_heads)?;
        let queries = (view.rotation.apply(&queries)? * numbers.attention_scale)?;
        let (keys, values) =
            block.write(index, &view.rotation.apply(&keys)?, &values, (view.held, view.first))?;
        let seen = keys.dim(1)?;
        // The query heads of one group stand below each other, so that one product serves them all.
        let grouped = queries.reshape((kv_heads, heads / kv_heads * count, head_dim))?;
        let mut scores = grouped.matmul(&keys.t()?)?;
        if let Some(mask) = &view.mask {
            scores = scores.reshape((heads, count, seen))?.broadcast_add(mask)?;
        }
        let weights = softmax_last_dim(&scores)?.reshape((kv_heads, heads / kv_heads * count, seen))?;
        let mixed = weights.matmul(&values)?.reshape((heads, count, head_dim))?;
        layer
            .attention_output
            .forward(&mixed.transpose(0, 1)?.contiguous()?.reshape((count, heads * head_dim))?)
    }
}

/// Token `i` of a pass, at position `start + i`, sees itself and what is before it, at most `window` tokens
/// in all.
fn mask(
    start: usize,
    count: usize,
    first: usize,
    window: Option<usize>,
    device: &Device,
) -> Result<Option<Tensor>> {
    if count == 1 {
        return Ok(None); // `first` says it all.
    }
    let end = start + count;
    let hidden = (start..end).flat_map(|query| {
        (first..end).map(move |key| {
            let visible = key <= query && window.is_none_or(|window| query - key < window);
            if visible { 0.0 } else { f32::NEG_INFINITY }
        })
    });
    Tensor::from_iter(hidden, device)?.reshape((count, end - first)).map(Some)
}
