//! Passes over a candle network, as a runner drives them; knows no arithmetic.

use super::cache::{Block, Blocks};
use super::computing;
use super::hyperparameters::Hyperparameters;
use super::linear::{Precision, stays_quantised};
use super::network::{Network, Positions};
use super::process;
use super::shapes;
use super::weights::Weights;
use crate::budget::{Budget, Share};
use crate::error::{Error, ErrorKind, Result};
use crate::gguf::{Gguf, Header, TensorInfo};
use crate::kv::{CacheSpec, Storage};
use crate::model::{Decoder, Pace, Span, Spec, Step};
use candle_core::{Device, Tensor};
use std::sync::Arc;

/// Tokens of one pass at most: masks and scores grow with them.
const MAX_CHUNK: usize = 256;

/// Attention scores of one layer at most, where more than one token makes them: 64 MiB.
const MAX_SCORES: usize = 1 << 24;

/// What loading may be told.
#[derive(Debug, Clone)]
pub struct Options {
    /// Caps the file's context length; `None` leaves it.
    pub context_length: Option<usize>,
    /// How weights are kept.
    pub precision: Precision,
    /// What keys, values and scratch are taken from; weights are their reader's to take
    /// ([`CandleDecoder::with_weights`]).
    pub budget: Arc<Budget>,
}

impl Default for Options {
    /// The file's context length, quantised weights, no limit.
    fn default() -> Self {
        Self { context_length: None, precision: Precision::default(), budget: Budget::new(None) }
    }
}

/// The candle backend: one model.
///
/// A pass takes one chunk of one sequence and rests after any layer. Keys and values are f32; those of a
/// sequence are one block that grows with it, so a fork copies them. Weights are shared by all sequences and
/// copied from the file, which may be dropped once the model is loaded.
pub struct CandleDecoder {
    spec: Spec,
    network: Network,
    /// What a pass works in.
    share: Share,
    /// Given back with the weights.
    _weights: Option<Share>,
    blocks: Blocks,
    pass: Option<Pass>,
}

/// One chunk on its way through the layers.
struct Pass {
    /// Which block, and how many tokens it holds.
    block: u32,
    held: usize,
    tokens: Vec<u32>,
    /// Rows of logits that are wanted.
    outputs: usize,
    state: State,
    /// Bytes that it works in.
    scratch: u64,
}

enum State {
    Begun,
    /// The hidden states, (tokens, embedding_length), before layer `next`.
    Within {
        x: Tensor,
        positions: Positions,
        next: usize,
    },
    Done {
        logits: Vec<f32>,
    },
    Failed,
}

impl CandleDecoder {
    /// Loads a model onto the CPU. `progress` gets (bytes copied, bytes in all) before each tensor
    /// and at the end, and cancels the load by an error, which is returned as it is.
    ///
    /// The first call in a process starts candle's and rayon's threads, which stay.
    ///
    /// # Errors
    /// `Unsupported` for an architecture, a variant or a tensor type that is not here, and in a child forked
    /// from a process that has loaded such a model; `ModelInvalid`, naming the key or tensor, for a file
    /// whose parts do not fit each other; `OutOfMemory`.
    pub fn load(
        gguf: &Gguf,
        options: &Options,
        progress: &mut dyn FnMut(u64, u64) -> Result<()>,
    ) -> Result<Self> {
        let (numbers, vocab_size) = read(gguf, options.context_length)?;
        process::claim()?;
        let device = Device::Cpu;
        let weights = Weights::load(gguf, &numbers, options.precision, &device, progress)?;
        progress(gguf.data_bytes(), gguf.data_bytes())?;
        let spec = spec(gguf, &numbers, options.precision, vocab_size)?;
        let kv = options.budget.share("keys and values");
        let blocks = Blocks::new(numbers.clone(), device.clone(), spec.kv_bytes_per_token, kv);
        let network = Network { numbers, weights, device };
        let share = options.budget.share("scratch");
        Ok(Self { spec, network, share, _weights: None, blocks, pass: None })
    }

    /// The same, holding what its weights have of the budget.
    pub fn with_weights(self, weights: Option<Share>) -> Self {
        Self { _weights: weights, ..self }
    }

    /// Bytes that the weights of such a model take: plain numbers become f32.
    pub fn weight_bytes(header: &Header, precision: Precision) -> u64 {
        let held = header.tensors().iter().map(|tensor| held_bytes(tensor, precision));
        held.fold(0, u64::saturating_add)
    }

    /// Checks all that a header says of a model to be loaded with such a context length, before a tensor is
    /// read.
    ///
    /// # Errors
    /// As [`CandleDecoder::load`]'s.
    pub fn check(header: &Header, context_length: Option<usize>) -> Result<()> {
        read(header, context_length)?;
        process::check()
    }

    /// Makes room for `count` tokens behind the `held` ones of a block; the bytes that their pass works in.
    fn reserve(&mut self, block: u32, held: usize, count: usize, outputs: usize) -> Result<u64> {
        let logits = (self.spec.vocab_size * outputs.max(1) * size_of::<f32>()) as u64;
        let scratch = self.network.scratch_bytes(count, held + count) + logits;
        self.share.resize(scratch)?;
        self.blocks.grow(block, held + count, self.spec.context_length, held)?;
        Ok(scratch)
    }

    /// Leaves to others what no pass works in.
    fn give_back(&mut self) {
        let scratch = self.pass.as_ref().map_or(0, |pass| pass.scratch);
        self.share.shrink(scratch);
    }
}

impl Decoder for CandleDecoder {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn cache_spec(&self) -> CacheSpec {
        // One block for a whole sequence, and its bytes are counted here: it grows.
        CacheSpec { shares: false, ..CacheSpec::full(self.spec.context_length, 0) }
    }

    fn storage(&mut self) -> &mut dyn Storage {
        &mut self.blocks
    }

    fn chunk_limit(&self, held: usize, wanted: usize) -> usize {
        let heads = self.network.numbers.head_count;
        let mut limit = wanted.min(MAX_CHUNK);
        while limit > 1 && heads * limit * (held + limit) > MAX_SCORES {
            limit /= 2;
        }
        limit.max(1)
    }

    fn begin(&mut self, spans: &[Span<'_>]) -> Result<()> {
        let [span] = spans else {
            let message = format!("{} chunks; the candle backend takes 1 a pass", spans.len());
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        };
        let (held, outputs) = (span.past.position(), span.logits);
        let Some(block) = span.past.blocks(0).first().copied() else {
            return Err(Error::new(ErrorKind::Internal, "the sequence has no block"));
        };
        let scratch =
            self.reserve(block, held, span.tokens.len(), outputs).inspect_err(|_| self.give_back())?;
        let tokens = span.tokens.to_vec();
        self.pass = Some(Pass { block, held, tokens, outputs, state: State::Begun, scratch });
        Ok(())
    }

    fn run_slice(&mut self, pace: Pace) -> Result<Step> {
        let Self { network, blocks, pass, .. } = self;
        let Some(pass) = pass else { return Err(Error::new(ErrorKind::Internal, "no pass is in progress")) };
        let Some(block) = blocks.get(pass.block) else {
            return Err(Error::new(ErrorKind::Internal, "the pass has lost its block"));
        };
        loop {
            // What fails or panics below leaves `Failed`: a pass is never half continued.
            let state = std::mem::replace(&mut pass.state, State::Failed);
            pass.state = pass.advance(state, network, block)?;
            if matches!(pass.state, State::Done { .. }) {
                return Ok(Step::Done);
            }
            if pace.is_over() {
                return Ok(Step::More);
            }
        }
    }

    fn logits(&mut self, index: usize, row: usize) -> &mut [f32] {
        let size = self.spec.vocab_size;
        match &mut self.pass {
            Some(Pass { state: State::Done { logits }, .. }) if index == 0 => {
                logits.get_mut(row * size..(row + 1) * size).unwrap_or(&mut [])
            }
            _ => &mut [],
        }
    }

    fn finish(&mut self) {
        self.pass = None;
        self.give_back();
    }

    fn memory(&self) -> u64 {
        self.blocks.bytes() + self.pass.as_ref().map_or(0, |pass| pass.scratch)
    }
}

impl Pass {
    /// One step: the embeddings, a layer, or the logits.
    fn advance(&self, state: State, network: &Network, block: &Block) -> Result<State> {
        match state {
            State::Begun => {
                let positions = network.positions(self.held, self.tokens.len()).map_err(computing)?;
                let x = network.embed(&self.tokens).map_err(computing)?;
                Ok(State::Within { x, positions, next: 0 })
            }
            State::Within { x, positions, next } if next < network.numbers.block_count => {
                let x = network.layer(next, &x, &positions, block).map_err(computing)?;
                Ok(State::Within { x, positions, next: next + 1 })
            }
            State::Within { x, .. } if self.outputs > 0 => {
                Ok(State::Done { logits: network.logits(&x, self.outputs).map_err(computing)? })
            }
            State::Within { .. } => Ok(State::Done { logits: Vec::new() }),
            done @ State::Done { .. } => Ok(done),
            State::Failed => Err(Error::new(ErrorKind::Internal, "the pass has failed before")),
        }
    }
}

fn spec(gguf: &Gguf, numbers: &Hyperparameters, precision: Precision, vocab_size: usize) -> Result<Spec> {
    let kv_elements = 2 * numbers.block_count * numbers.head_count_kv * numbers.head_dim;
    Ok(Spec {
        backend: "candle",
        vocab_size,
        context_length: numbers.context_length,
        embedding_length: numbers.embedding_length,
        weight_bytes: CandleDecoder::weight_bytes(gguf, precision),
        kv_bytes_per_token: (kv_elements * size_of::<f32>()) as u64,
        max_batch: 1,
        max_tokens: MAX_CHUNK,
        ..Spec::from_header(gguf)?
    })
}

/// Blocks of matrices stay as they are where that is wanted; everything else is f32.
fn held_bytes(tensor: &TensorInfo, precision: Precision) -> u64 {
    let columns = tensor.shape().first().copied().unwrap_or_default();
    let quantised = precision == Precision::Quantised
        && tensor.shape().len() > 1
        && stays_quantised(tensor.kind().block_len(), columns);
    if quantised { tensor.byte_len() } else { tensor.elements().saturating_mul(size_of::<f32>() as u64) }
}

/// The numbers of a model, with its context length capped by that wanted, and its vocabulary's size; checks
/// all that the header says.
fn read(header: &Header, wanted: Option<usize>) -> Result<(Hyperparameters, usize)> {
    let mut numbers = Hyperparameters::read(header.metadata())?;
    let made_for = numbers.context_length;
    numbers.context_length = wanted.unwrap_or(made_for).clamp(1, made_for);
    let vocab_size = shapes::check(header, &numbers)?;
    Ok((numbers, vocab_size))
}
