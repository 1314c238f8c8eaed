//! Attention on candle's tensors: queries, keys and values, what they see of each other, and their mix; knows
//! no pass and no file.

use super::cache::Block;
use super::rope::Rotation;
use super::weights::{self, Norm};
use crate::model::description::{Attention, Temperature};
use candle_core::{Device, Result, Tensor};
use candle_nn::ops::softmax_last_dim;

/// What the tokens of a pass see in layers of one window.
pub(super) struct Sight {
    window: Option<usize>,
    /// Tokens before those of the pass.
    held: usize,
    /// The first position that any token of the pass sees.
    first: usize,
    /// (count, positions from `first` on), 0 or −∞; `None` where every token sees everything.
    mask: Option<Tensor>,
}

impl Sight {
    /// Of `count` tokens behind `held`, which look back over `window` tokens.
    pub(super) fn new(window: Option<usize>, held: usize, count: usize, device: &Device) -> Result<Self> {
        let first = window.map_or(0, |size| (held + 1).saturating_sub(size));
        Ok(Self { window, held, first, mask: mask(held, count, first, window, device)? })
    }

    /// Whether it is that of layers with this window.
    pub(super) fn is_of(&self, window: Option<usize>) -> bool {
        self.window == window
    }
}

/// Queries, keys and values of a pass on their way: of each head by itself from the rotary embedding on.
pub(super) struct Heads {
    /// (count, heads × head_dim), then (heads, count, head_dim).
    queries: Tensor,
    /// (count, kv_heads × head_dim), then (kv_heads, seen, head_dim), as `values`.
    keys: Tensor,
    values: Tensor,
}

impl Heads {
    /// Of `x`, (count, width).
    pub(super) fn project(weights: &weights::Attention, x: &Tensor) -> Result<Self> {
        Ok(Self {
            queries: weights.query.forward(x)?,
            keys: weights.key.forward(x)?,
            values: weights.value.forward(x)?,
        })
    }

    /// Norms and turns queries and keys, and scales queries, of tokens behind `held`.
    pub(super) fn turn(
        self,
        weights: &weights::Attention,
        numbers: &Attention,
        rotation: Option<&Rotation>,
        held: usize,
    ) -> Result<Self> {
        let turn = |x: Tensor, heads: usize, norm: &Option<Norm>| {
            turned(x, (heads, numbers.head_dim), norm, rotation, numbers.turned_first)
        };
        let queries = (turn(self.queries, numbers.heads, &weights.query_norm)? * f64::from(numbers.scale))?;
        let queries = match numbers.temperature {
            Some(temperature) => tempered(&queries, temperature, held)?,
            None => queries,
        };
        let keys = turn(self.keys, numbers.kv_heads, &weights.key_norm)?;
        Ok(Self { queries, keys, values: split(self.values, numbers.kv_heads, numbers.head_dim)? })
    }

    /// Writes keys and values of a layer behind those that are held in `block`, and takes all that is seen in
    /// place of them.
    pub(super) fn store(self, layer: usize, sight: &Sight, block: &Block) -> Result<Self> {
        let [keys, values] = block.write(layer, &self.keys, &self.values, (sight.held, sight.first))?;
        Ok(Self { queries: self.queries, keys, values })
    }

    /// Leaves the queries of the last `rows` tokens.
    pub(super) fn narrow(self, rows: usize) -> Result<Self> {
        let count = self.queries.dim(1)?;
        Ok(Self { queries: self.queries.narrow(1, count - rows, rows)?, ..self })
    }

    /// Grouped-query attention (Ainslie et al., 2023): consecutive query heads share a head of keys and
    /// values. The result is (rows, heads × head_dim).
    pub(super) fn attend(self, numbers: &Attention, sight: &Sight) -> Result<Tensor> {
        let (heads, kv_heads, head_dim) = (numbers.heads, numbers.kv_heads, numbers.head_dim);
        let (rows, seen) = (self.queries.dim(1)?, self.keys.dim(1)?);
        // The query heads of one group stand below each other, so that one product serves them all.
        let queries = self.queries.contiguous()?.reshape((kv_heads, heads / kv_heads * rows, head_dim))?;
        let mut scores = queries.matmul(&self.keys.t()?)?;
        if let Some(cap) = numbers.cap {
            let cap = f64::from(cap);
            let capped = ((&scores / cap)?.tanh()? * cap)?;
            // A cap would make infinity an honest number.
            #[allow(clippy::eq_op, reason = "∞ − ∞ is no number")]
            let none = (&scores - &scores)?;
            scores = (capped + none)?;
        }
        if let Some(mask) = &sight.mask {
            let mask = mask.narrow(0, mask.dim(0)? - rows, rows)?;
            scores = scores.reshape((heads, rows, seen))?.broadcast_add(&mask)?;
        }
        let weights = softmax_last_dim(&scores)?.reshape((kv_heads, heads / kv_heads * rows, seen))?;
        let mixed = weights.matmul(&self.values)?.reshape((heads, rows, head_dim))?;
        mixed.transpose(0, 1)?.contiguous()?.reshape((rows, heads * head_dim))
    }
}

/// (count, heads × head_dim) to (heads, count, head_dim).
fn split(x: Tensor, heads: usize, head_dim: usize) -> Result<Tensor> {
    let count = x.dim(0)?;
    x.reshape((count, heads, head_dim))?.transpose(0, 1)
}

/// Norms and turns `x`, (count, heads × head_dim), in this order or the other.
fn turned(
    x: Tensor,
    (heads, head_dim): (usize, usize),
    norm: &Option<Norm>,
    rotation: Option<&Rotation>,
    turned_first: bool,
) -> Result<Tensor> {
    let turn = |x: Tensor| rotation.map_or(Ok(x.clone()), |rotation| rotation.apply(&x));
    let Some(norm) = norm else { return turn(split(x, heads, head_dim)?) };
    // The weights' length says what is normed: heads, or whole rows.
    if norm.width != head_dim {
        return turn(split(norm.forward(&x)?, heads, head_dim)?);
    }
    let x = split(x, heads, head_dim)?;
    if turned_first { norm.forward(&turn(x)?) } else { turn(norm.forward(&x)?) }
}

/// Lets `queries`, (heads, count, head_dim), grow with their position: the first is `held`.
fn tempered(queries: &Tensor, temperature: Temperature, held: usize) -> Result<Tensor> {
    let Temperature { scale, length } = temperature;
    let count = queries.dim(1)?;
    let factor = |position: usize| 1.0 + f64::from(scale) * ((1 + position / length) as f64).ln();
    let factors = (held..held + count).map(|position| factor(position) as f32);
    queries.broadcast_mul(&Tensor::from_iter(factors, queries.device())?.reshape((count, 1))?)
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
