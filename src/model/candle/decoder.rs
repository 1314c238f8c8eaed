//! Passes over a candle network, as a runner drives them; knows no arithmetic.

use super::cache::{Block, Blocks};
use super::honours;
use super::linear::{Precision, stays_quantised};
use super::network::{Network, Rows, widths};
use super::process;
use super::weights::Weights;
use crate::budget::{Budget, Share};
use crate::error::{Error, ErrorKind, Result};
use crate::gguf::{Gguf, Header, TensorInfo};
use crate::kv::{CacheSpec, Storage};
use crate::model::description::{Config, ModelWeights, RopeKeys};
use crate::model::program::Stage;
use crate::model::{Decoder, Pace, Span, Spec, Step};
use candle_core::Device;
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
/// It computes the operations of the [description](crate::model) that [`super`] has, and refuses a model with
/// any other by name. A pass takes one chunk of one sequence and rests after any operation. Keys and values
/// are f32, and those of a sequence an opaque state ([`CacheSpec::opaque`]): a fork, a rewind and a restore
/// compute it again from its tokens, nothing is shared, and nothing drafted. Weights are shared by all
/// sequences and copied from the file, which may be dropped once the model is loaded. It takes no adapters.
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

/// One chunk on its way through the operations.
struct Pass {
    /// Which block holds the sequence.
    block: u32,
    /// The operation that comes next: of which stage, and which of it.
    stage: Stage,
    index: usize,
    /// `None` while an operation works on them, and behind one that failed.
    rows: Option<Rows>,
    is_done: bool,
    /// Bytes that it works in.
    scratch: u64,
}

impl CandleDecoder {
    /// Loads a model onto the CPU. `progress` gets (bytes copied, bytes in all) before each tensor
    /// and at the end, and cancels the load by an error, which is returned as it is.
    ///
    /// The first call in a process starts candle's and rayon's threads, which stay.
    ///
    /// # Errors
    /// `Unsupported` for an architecture that nobody knows, for an operation or a tensor type that is not
    /// here, by name, and in a child forked from a process that has loaded such a model; `ModelInvalid`,
    /// naming the key or tensor, for a file whose parts do not fit each other; `OutOfMemory`.
    pub fn load(
        gguf: &Gguf,
        options: &Options,
        progress: &mut dyn FnMut(u64, u64) -> Result<()>,
    ) -> Result<Self> {
        let config = Config::read(gguf.metadata())?;
        let context_length = config.capped(options.context_length);
        let found = ModelWeights::find(gguf, &config, context_length)?;
        honours::check(gguf, &config, &found)?;
        let rope = |rope: &RopeKeys| rope.build(found.rope_factors.as_deref());
        let ropes = config.ropes.iter().map(rope).collect::<Result<_>>()?;
        process::claim()?;
        let device = Device::Cpu;
        let weights = Weights::load(gguf, &config, &found, options.precision, &device, progress)?;
        progress(gguf.data_bytes(), gguf.data_bytes())?;
        let kv = options.budget.share("keys and values");
        let blocks = Blocks::new(widths(&config)?, device.clone(), kv);
        let spec = Spec {
            backend: "candle",
            vocab_size: found.output.rows,
            context_length,
            embedding_length: config.width,
            weight_bytes: Self::weight_bytes(gguf, options.precision),
            kv_bytes_per_token: blocks.bytes_each(),
            max_batch: 1,
            max_tokens: MAX_CHUNK,
            ..Spec::from_header(gguf)?
        };
        let network = Network { config, ropes, weights, device };
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
        let config = Config::read(header.metadata())?;
        let context_length = config.capped(context_length);
        honours::check(header, &config, &ModelWeights::outline(header, &config, context_length)?)?;
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
        CacheSpec::opaque(self.spec.context_length)
    }

    fn storage(&mut self) -> &mut dyn Storage {
        &mut self.blocks
    }

    fn chunk_limit(&self, held: usize, wanted: usize) -> usize {
        let heads = self.network.most_heads();
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
        let rows = Some(Rows::new(held, span.tokens.to_vec(), outputs));
        self.pass = Some(Pass { block, stage: Stage::Begin, index: 0, rows, is_done: false, scratch });
        Ok(())
    }

    fn run_slice(&mut self, pace: Pace) -> Result<Step> {
        let Self { network, blocks, pass, .. } = self;
        let Some(pass) = pass else { return Err(Error::new(ErrorKind::Internal, "no pass is in progress")) };
        let Some(block) = blocks.get(pass.block) else {
            return Err(Error::new(ErrorKind::Internal, "the pass has lost its block"));
        };
        while !pass.is_done {
            pass.step(network, block)?;
            if pace.is_over() && !pass.is_done {
                return Ok(Step::More);
            }
        }
        Ok(Step::Done)
    }

    fn logits(&mut self, index: usize, row: usize) -> &mut [f32] {
        let size = self.spec.vocab_size;
        match &mut self.pass {
            Some(Pass { is_done: true, rows: Some(rows), .. }) if index == 0 => {
                rows.logits.get_mut(row * size..(row + 1) * size).unwrap_or(&mut [])
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
    /// The next operation, or the next stage.
    fn step(&mut self, network: &Network, block: &Block) -> Result<()> {
        // What fails or panics below leaves none: a pass is never half continued.
        let rows = self.rows.take();
        let mut rows = rows.ok_or_else(|| Error::new(ErrorKind::Internal, "the pass has failed before"))?;
        match self.stage.program(&network.config, false).operations.get(self.index) {
            Some(operation) => {
                network.step(*operation, self.stage.layer(), &mut rows, block)?;
                self.index += 1;
            }
            None => match self.stage.next(network.config.layers.len()) {
                Some(stage) => (self.stage, self.index) = (stage, 0),
                None => self.is_done = true,
            },
        }
        self.is_done |= rows.are_done();
        self.rows = Some(rows);
        Ok(())
    }
}

/// Blocks of matrices stay as they are where that is wanted; everything else is f32.
fn held_bytes(tensor: &TensorInfo, precision: Precision) -> u64 {
    let columns = tensor.shape().first().copied().unwrap_or_default();
    let quantised = precision == Precision::Quantised
        && tensor.shape().len() > 1
        && stays_quantised(tensor.kind().block_len(), columns);
    if quantised { tensor.byte_len() } else { tensor.elements().saturating_mul(size_of::<f32>() as u64) }
}
