//! The operations of a pass on candle's tensors, one by one; knows no sequence and no order.

use super::attention::{Heads, Sight};
use super::cache::{Block, Width};
use super::computing;
use super::rope::Rotation;
use super::weights::{Layer, Norm, Weights};
use crate::error::{Error, ErrorKind, Result};
use crate::kernel::{Gate, Rope};
use crate::model::description::{Attention, Config, Mixer};
use crate::model::program::Operation;
use candle_core::{Device, Tensor};
use smallvec::SmallVec;

/// Weights and the numbers that say how to use them.
pub(super) struct Network {
    pub(super) config: Config,
    /// As in the configuration.
    pub(super) ropes: SmallVec<[Rope; 2]>,
    pub(super) weights: Weights,
    /// The place for CUDA and Metal: only the CPU is built.
    pub(super) device: Device,
}

/// The rows of a pass on their way through the operations.
pub(super) struct Rows {
    /// Tokens before those of the pass.
    held: usize,
    tokens: Vec<u32>,
    /// Rows of logits that are wanted, of the last tokens.
    outputs: usize,
    /// As the network's ropes.
    rotations: SmallVec<[Rotation; 2]>,
    /// By window.
    sights: SmallVec<[Sight; 2]>,
    /// The residual stream, (rows, width).
    stream: Option<Tensor>,
    /// What the last operation gives the next one, (rows, …).
    right: Option<Tensor>,
    heads: Option<Heads>,
    /// (rows, vocab_size).
    pub(super) logits: Vec<f32>,
    /// Only rows whose logits are wanted are left.
    narrowed: bool,
}

impl Rows {
    /// Of `tokens` behind `held`, of which the last `outputs` are to give logits.
    pub(super) fn new(held: usize, tokens: Vec<u32>, outputs: usize) -> Self {
        Self {
            held,
            tokens,
            outputs,
            rotations: SmallVec::new(),
            sights: SmallVec::new(),
            stream: None,
            right: None,
            heads: None,
            logits: Vec::new(),
            narrowed: false,
        }
    }

    /// Whether nobody wants more of them.
    pub(super) fn are_done(&self) -> bool {
        self.narrowed && self.outputs == 0
    }

    fn stream(&self) -> candle_core::Result<&Tensor> {
        there(self.stream.as_ref())
    }

    fn take_right(&mut self) -> candle_core::Result<Tensor> {
        there(self.right.take())
    }

    fn sight(&self, numbers: &Attention) -> candle_core::Result<&Sight> {
        there(self.sights.iter().find(|sight| sight.is_of(numbers.window)))
    }

    /// The stream, normed if there is a norm, for the operation behind.
    fn norm_stream(&mut self, norm: Option<&Norm>) -> candle_core::Result<()> {
        let stream = self.stream()?;
        self.right = Some(norm.map_or_else(|| Ok(stream.clone()), |norm| norm.forward(stream))?);
        Ok(())
    }

    /// Adds what was computed, normed if there is a norm, to the stream.
    fn add(&mut self, norm: Option<&Norm>, scale: f32) -> candle_core::Result<()> {
        let right = self.take_right()?;
        let right = norm.map_or_else(|| Ok(right.clone()), |norm| norm.forward(&right))?;
        let right = if scale == 1.0 { right } else { (right * f64::from(scale))? };
        self.stream = Some((self.stream()? + right)?);
        Ok(())
    }
}

/// What an operation works on, if those before it were computed.
fn there<T>(what: Option<T>) -> candle_core::Result<T> {
    match what {
        Some(what) => Ok(what),
        None => candle_core::bail!("an operation has nothing to work on"),
    }
}

impl Network {
    /// One operation; of layer `layer` where it is of one. Keys and values lie in `block`.
    ///
    /// # Errors
    /// `Internal` for one that is not computed here; `OutOfMemory`.
    pub(super) fn step(
        &self,
        operation: Operation,
        layer: Option<usize>,
        rows: &mut Rows,
        block: &Block,
    ) -> Result<()> {
        match (operation, layer) {
            (Operation::Angles, _) => self.angles(rows),
            (_, Some(layer)) => self.of_layer(operation, layer, rows, block).map_err(computing),
            (_, None) => self.of_ends(operation, rows).map_err(computing),
        }
    }

    /// What positions come to: rope's angles, and what each token sees.
    fn angles(&self, rows: &mut Rows) -> Result<()> {
        let (held, count) = (rows.held, rows.tokens.len());
        let rotation = |rope| Rotation::new(rope, held, count, &self.device);
        rows.rotations = self.ropes.iter().map(rotation).collect::<Result<_>>()?;
        for numbers in self.config.layers.iter().filter_map(|layer| attention(&layer.mixer)) {
            if !rows.sights.iter().any(|sight| sight.is_of(numbers.window)) {
                let sight = Sight::new(numbers.window, held, count, &self.device).map_err(computing)?;
                rows.sights.push(sight);
            }
        }
        Ok(())
    }

    fn of_ends(&self, operation: Operation, rows: &mut Rows) -> candle_core::Result<()> {
        let (config, weights) = (&self.config, &self.weights);
        match operation {
            Operation::Embed => {
                let ids = Tensor::new(rows.tokens.as_slice(), &self.device)?;
                let stream = weights.embeddings.rows(&ids)?;
                rows.stream = Some(match config.embedding_scale {
                    1.0 => stream,
                    scale => (stream * f64::from(scale))?,
                });
            }
            Operation::OutputNorm => rows.norm_stream(Some(&weights.output_norm))?,
            Operation::QuantiseOutput => {}
            Operation::Output => rows.right = Some(weights.output.forward(&rows.take_right()?)?),
            Operation::Finish => {
                rows.logits = rows.take_right()?.flatten_all()?.to_vec1()?;
                finish(&mut rows.logits, config.logit_scale, config.logit_cap);
            }
            other => candle_core::bail!("{other:?} is not computed here"),
        }
        Ok(())
    }

    fn of_layer(
        &self,
        operation: Operation,
        index: usize,
        rows: &mut Rows,
        block: &Block,
    ) -> candle_core::Result<()> {
        let config = &self.config;
        let numbers = there(config.layers.get(index).and_then(|layer| attention(&layer.mixer)))?;
        let weights: &Layer = there(self.weights.layers.get(index % config.stored.max(1)))?;
        match operation {
            Operation::MixerNorm => rows.norm_stream(weights.mixer_norm.as_ref())?,
            Operation::Qkv => rows.heads = Some(Heads::project(&weights.attention, &rows.take_right()?)?),
            Operation::Rope => {
                let heads = there(rows.heads.take())?;
                let rotation = numbers.rope.and_then(|rope| rows.rotations.get(rope));
                rows.heads = Some(heads.turn(&weights.attention, numbers, rotation, rows.held)?);
            }
            Operation::Store => {
                let heads = there(rows.heads.take())?;
                rows.heads = Some(heads.store(index, rows.sight(numbers)?, block)?);
            }
            Operation::Narrow if index + 1 == config.layers.len() => {
                rows.narrowed = true;
                if rows.outputs > 0 {
                    let stream = rows.stream()?;
                    let first = stream.dim(0)? - rows.outputs;
                    rows.stream = Some(stream.narrow(0, first, rows.outputs)?.contiguous()?);
                    rows.heads = Some(there(rows.heads.take())?.narrow(rows.outputs)?);
                }
            }
            Operation::Narrow => {}
            Operation::Attend => {
                let heads = there(rows.heads.take())?;
                rows.right = Some(heads.attend(numbers, rows.sight(numbers)?)?);
            }
            Operation::MixerOutput => {
                rows.right = Some(weights.attention.output.forward(&rows.take_right()?)?);
            }
            Operation::AddMixed => rows.add(weights.post_norm.as_ref(), config.residual_scale)?,
            Operation::FeedNorm => rows.norm_stream(weights.feed_norm.as_ref())?,
            Operation::GateUp => {
                let x = rows.take_right()?;
                let gate = weights.gate.forward(&x)?;
                let gate = match config.family.gate {
                    Gate::Silu => gate.silu()?,
                    Gate::Gelu => gate.gelu()?,
                    Gate::ClampedSwiglu => candle_core::bail!("a clamped gate is not computed here"),
                };
                rows.right = Some((gate * weights.up.forward(&x)?)?);
            }
            Operation::Down => rows.right = Some(weights.down.forward(&rows.take_right()?)?),
            Operation::Add => rows.add(weights.post_feed_norm.as_ref(), config.residual_scale)?,
            Operation::NormEnd => rows.stream = Some(self.weights.output_norm.forward(rows.stream()?)?),
            Operation::QuantiseStream
            | Operation::QuantiseMixed
            | Operation::QuantiseHidden
            | Operation::QuantiseInner => {}
            other => candle_core::bail!("{other:?} is not computed here"),
        }
        Ok(())
    }

    /// Bytes that a pass of `count` tokens, which see `seen`, works in at most: scores of one layer and their
    /// softmax, or what lies between a layer's two halves, beside masks.
    pub(super) fn scratch_bytes(&self, count: usize, seen: usize) -> u64 {
        let masks = if count > 1 { 2 * count * seen } else { 0 };
        let of_layer = |(numbers, inner): (&Attention, usize)| {
            let copies = if numbers.cap.is_some() { 4 } else { 2 };
            let scores = copies * numbers.heads * count * seen;
            let heads = 4 * count * (numbers.heads + numbers.kv_heads) * numbers.head_dim;
            (scores + heads).max(3 * count * inner)
        };
        let layers = self.config.layers.iter();
        let layers = layers.filter_map(|layer| Some((attention(&layer.mixer)?, layer.feed.inner_width())));
        let floats = 4 * count * self.config.width + masks + layers.map(of_layer).max().unwrap_or(0);
        (floats * size_of::<f32>()) as u64
    }

    /// The most heads of a layer.
    pub(super) fn most_heads(&self) -> usize {
        let layers = self.config.layers.iter().filter_map(|layer| attention(&layer.mixer));
        layers.map(|numbers| numbers.heads).max().unwrap_or(1)
    }
}

/// What each layer keeps of a token.
///
/// # Errors
/// `OutOfMemory`.
pub(super) fn widths(config: &Config) -> Result<Vec<Width>> {
    let mut widths = Vec::new();
    widths.try_reserve_exact(config.layers.len())?;
    for layer in &config.layers {
        let Some(numbers) = attention(&layer.mixer) else {
            return Err(Error::new(ErrorKind::Internal, "a layer has no keys and values"));
        };
        widths.push(Width { heads: numbers.kv_heads, head_dim: numbers.head_dim });
    }
    Ok(widths)
}

fn attention(mixer: &Mixer) -> Option<&Attention> {
    match mixer {
        Mixer::Attention(numbers) => Some(numbers),
        Mixer::ShortConv(_) | Mixer::DeltaNet(_) | Mixer::Mamba2(_) => None,
    }
}

/// Scale and cap of logits.
fn finish(logits: &mut [f32], scale: f32, cap: Option<f32>) {
    for logit in logits {
        *logit *= scale;
        if let Some(cap) = cap {
            // A cap would make infinity an honest number.
            *logit = if logit.is_infinite() { f32::NAN } else { cap * (*logit / cap).tanh() };
        }
    }
}
