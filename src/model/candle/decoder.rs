//! Sequences and passes over a candle network, as the engine drives them; knows no arithmetic.

use super::cache::Cache;
use super::computing;
use super::hyperparameters::Hyperparameters;
use super::linear::{Precision, stays_quantised};
use super::network::{Network, Positions};
use super::process;
use super::shapes;
use super::weights::Weights;
use crate::error::{Error, ErrorKind, Result};
use crate::gguf::{Gguf, Header, TensorInfo};
use crate::model::{Budget, Chunk, Decoder, Pace, Sequence, Share, Spec, Step};
use candle_core::{Device, Tensor};
use std::collections::BTreeMap;
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

/// The candle backend: one model and its sequences.
///
/// A pass takes one chunk of one sequence and rests after any layer. Keys and values are f32, grow with the
/// sequence and can be cut anywhere. Weights are shared by all sequences and copied from the file, which may
/// be dropped once the model is loaded.
pub struct CandleDecoder {
    spec: Spec,
    network: Network,
    /// What [`Decoder::memory`] says.
    share: Share,
    /// Given back with the weights.
    _weights: Option<Share>,
    sequences: BTreeMap<Sequence, Cache>,
    /// Never handed out before.
    next: u32,
    pass: Option<Pass>,
}

/// One chunk on its way through the layers.
struct Pass {
    sequence: Sequence,
    tokens: Vec<u32>,
    wants_logits: bool,
    state: State,
    /// Bytes that it works in.
    scratch: u64,
    /// The sequence goes with the pass.
    closed: bool,
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
        let network = Network { numbers, weights, device };
        let share = options.budget.share("keys, values and scratch");
        Ok(Self { spec, network, share, _weights: None, sequences: BTreeMap::new(), next: 0, pass: None })
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

    fn cache(&mut self, sequence: Sequence) -> Result<&mut Cache> {
        self.sequences.get_mut(&sequence).ok_or_else(|| {
            Error::new(ErrorKind::InvalidArgument, format!("there is no sequence {}", sequence.0))
        })
    }

    fn kv_bytes(&self) -> u64 {
        let tokens: u64 = self.sequences.values().map(|cache| cache.capacity() as u64).sum();
        tokens * self.spec.kv_bytes_per_token
    }

    /// Makes room for `count` tokens behind those that the sequence holds; the bytes that their pass works
    /// in.
    fn reserve(&mut self, sequence: Sequence, count: usize) -> Result<u64> {
        let held = self.kv_bytes();
        let per_token = self.spec.kv_bytes_per_token;
        let cache = self.cache(sequence)?;
        if count > cache.room() {
            let message = format!("{count} tokens, and room for {}", cache.room());
            return Err(Error::new(ErrorKind::ContextFull, message));
        }
        let (capacity, old) = (cache.capacity_for(count), cache.capacity());
        let seen = cache.length() + count;
        let needed = held + (capacity - old) as u64 * per_token;
        // While a cache grows, its old memory is still there.
        let copied = if capacity > old { old as u64 * per_token } else { 0 };
        let logits = (self.spec.vocab_size * size_of::<f32>()) as u64;
        let scratch = self.network.scratch_bytes(count, seen) + logits;
        self.share.resize(needed + copied + scratch)?;
        let Self { network, sequences, share, .. } = self;
        let grown = match sequences.get_mut(&sequence) {
            Some(cache) => cache.grow(capacity, &network.numbers, &network.device),
            None => Ok(()),
        };
        share.shrink(needed + scratch);
        grown.map(|()| scratch)
    }

    /// Leaves to others what is not held any more.
    fn give_back(&mut self) {
        let held = self.memory();
        self.share.shrink(held);
    }
}

impl Decoder for CandleDecoder {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn open(&mut self, context: usize) -> Result<Sequence> {
        let sequence = Sequence(self.next);
        self.next = self.next.checked_add(1).ok_or_else(|| {
            Error::new(ErrorKind::OutOfMemory, "every sequence number is used up; load the model again")
        })?;
        self.sequences.insert(sequence, Cache::new(context.min(self.spec.context_length)));
        Ok(sequence)
    }

    fn close(&mut self, sequence: Sequence) {
        match &mut self.pass {
            Some(pass) if pass.sequence == sequence => pass.closed = true,
            _ => drop(self.sequences.remove(&sequence)),
        }
        self.give_back();
    }

    fn length(&self, sequence: Sequence) -> usize {
        self.sequences.get(&sequence).map_or(0, Cache::length)
    }

    fn truncate(&mut self, sequence: Sequence, length: usize) -> usize {
        let kept = self.sequences.get_mut(&sequence).map_or(0, |cache| cache.truncate(length));
        self.give_back();
        kept
    }

    fn chunk_limit(&self, sequence: Sequence, wanted: usize) -> usize {
        let held = self.length(sequence);
        let heads = self.network.numbers.head_count;
        let mut limit = wanted.min(MAX_CHUNK);
        while limit > 1 && heads * limit * (held + limit) > MAX_SCORES {
            limit /= 2;
        }
        limit.max(1)
    }

    fn begin(&mut self, chunks: &[Chunk<'_>]) -> Result<()> {
        let [chunk] = chunks else {
            let message = format!("{} chunks; the candle backend takes 1 a pass", chunks.len());
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        };
        let vocab_size = self.spec.vocab_size;
        if let Some(token) = chunk.tokens.iter().find(|&&token| token as usize >= vocab_size) {
            let message = format!("token {token} is beyond the vocabulary of {vocab_size}");
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
        if self.pass.is_some() || chunk.tokens.is_empty() || chunk.tokens.len() > MAX_CHUNK {
            let message = format!("a pass takes 1 to {MAX_CHUNK} tokens, one pass at a time");
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
        let scratch = self.reserve(chunk.sequence, chunk.tokens.len()).inspect_err(|_| self.give_back())?;
        self.pass = Some(Pass {
            sequence: chunk.sequence,
            tokens: chunk.tokens.to_vec(),
            wants_logits: chunk.logits,
            state: State::Begun,
            scratch,
            closed: false,
        });
        Ok(())
    }

    fn run_slice(&mut self, pace: Pace) -> Result<Step> {
        let Self { network, sequences, pass, .. } = self;
        let Some(pass) = pass else { return Err(Error::new(ErrorKind::Internal, "no pass is in progress")) };
        let Some(cache) = sequences.get(&pass.sequence) else {
            return Err(Error::new(ErrorKind::Internal, "the pass has lost its sequence"));
        };
        loop {
            // What fails or panics below leaves `Failed`: a pass is never half continued.
            let state = std::mem::replace(&mut pass.state, State::Failed);
            pass.state = pass.advance(state, network, cache)?;
            if matches!(pass.state, State::Done { .. }) {
                return Ok(Step::Done);
            }
            if pace.is_over() {
                return Ok(Step::More);
            }
        }
    }

    fn logits(&mut self, index: usize) -> &mut [f32] {
        match &mut self.pass {
            Some(Pass { state: State::Done { logits }, .. }) if index == 0 => logits,
            _ => &mut [],
        }
    }

    fn commit(&mut self, index: usize) {
        let Some(pass) = &self.pass else { return };
        if index == 0
            && matches!(pass.state, State::Done { .. })
            && let Some(cache) = self.sequences.get_mut(&pass.sequence)
        {
            cache.advance(pass.tokens.len());
        }
    }

    fn finish(&mut self) {
        if let Some(pass) = self.pass.take().filter(|pass| pass.closed) {
            self.sequences.remove(&pass.sequence);
        }
        self.give_back();
    }

    fn memory(&self) -> u64 {
        self.kv_bytes() + self.pass.as_ref().map_or(0, |pass| pass.scratch)
    }
}

impl Pass {
    /// One step: the embeddings, a layer, or the logits.
    fn advance(&self, state: State, network: &Network, cache: &Cache) -> Result<State> {
        match state {
            State::Begun => {
                let positions = network.positions(cache.length(), self.tokens.len()).map_err(computing)?;
                let x = network.embed(&self.tokens).map_err(computing)?;
                Ok(State::Within { x, positions, next: 0 })
            }
            State::Within { x, positions, next } if next < network.numbers.block_count => {
                let x = network.layer(next, &x, &positions, cache).map_err(computing)?;
                Ok(State::Within { x, positions, next: next + 1 })
            }
            State::Within { x, .. } if self.wants_logits => {
                Ok(State::Done { logits: network.logits(&x).map_err(computing)? })
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
