//! The native decoder as a runner sees it: passes, logits, memory. Knows the contract; the pass itself is
//! `forward`'s.

use super::forward::Forward;
use super::kv::KvMemory;
use super::outline::{self, MAX_BATCH};
use super::pass::Pass;
use crate::budget::{Budget, Share};
use crate::compute::Compute;
use crate::error::Result;
use crate::gguf::{Gguf, Moving};
use crate::kernel::{KV_BLOCK, KvType};
use crate::kv::{CacheSpec, Storage};
use crate::model::description::{Config, ModelWeights};
use crate::model::program::Stage;
use crate::model::{Adaptable, Decoder, Pace, Pooling, Span, Spec, Step, VectorSpec};
use std::sync::{Arc, Mutex};

/// How a model is to be loaded.
#[derive(Clone)]
pub struct NativeOptions {
    /// Tokens that a sequence may hold at most; `None`, or more than the model was made for: what it was made
    /// for. Rope factors for short and for long contexts are chosen by it.
    pub context_length: Option<usize>,
    /// What keys and values are kept as.
    pub kv_type: KvType,
    /// What computes, shared by models: the thread that drives the decoder is the first of its threads.
    pub compute: Arc<Mutex<Compute>>,
    /// What scratch is taken from; weights are their reader's to take ([`NativeDecoder::with_weights`]), keys
    /// and values the runner's.
    pub budget: Arc<Budget>,
}

impl NativeOptions {
    /// The model's own context length, keys and values as f16, and no budget.
    pub fn new(compute: Arc<Mutex<Compute>>) -> Self {
        Self { context_length: None, kv_type: KvType::F16, compute, budget: Budget::new(None) }
    }
}

/// A model that wick computes itself, from the weights where the file has them.
pub struct NativeDecoder {
    spec: Spec,
    forward: Forward,
    memory: KvMemory,
    pass: Pass,
    /// What [`Decoder::memory`] says, at least.
    share: Share,
    moving: Moving,
    adaptable: Arc<Adaptable>,
    /// Given back with the weights.
    _weights: Option<Share>,
}

impl NativeDecoder {
    /// Reads the architecture's description and finds every tensor; copies none but norms and biases.
    ///
    /// # Errors
    /// `Unsupported` for an architecture, variant or tensor type that the decoder lacks; `ModelInvalid` for
    /// hyper-parameters out of range or tensors of another shape; `OutOfMemory` over the budget.
    pub fn load(gguf: Arc<Gguf>, options: NativeOptions) -> Result<Self> {
        let config = Config::read(gguf.metadata())?;
        let context_length = config.capped(options.context_length);
        let weights = ModelWeights::find(&gguf, &config, context_length)?;
        let memory = KvMemory::new(&config.layers, options.kv_type, weights.rope_word())?;
        let spec = Spec {
            backend: "native",
            vocab_size: weights.output.rows,
            context_length,
            embedding_length: config.width,
            weight_bytes: gguf.data_bytes(),
            kv_bytes_per_token: memory.block_bytes() / KV_BLOCK as u64,
            max_batch: MAX_BATCH,
            max_tokens: outline::max_tokens(&config, context_length),
            encodes: config.encoder.is_some(),
            ..Spec::from_header(&gguf)?
        };
        let pass = Pass::new(MAX_BATCH, spec.max_tokens)?;
        let adaptable = Adaptable::new(&gguf, &weights);
        let forward = Forward::new(gguf, config, weights, options.compute)?;
        let mut share = options.budget.share("scratch");
        // The least that a pass takes, with its keys and values.
        share.resize(forward.scratch().bytes_for(1, 1, 0) + memory.block_bytes() + memory.state_bytes())?;
        share.shrink(0);
        Ok(Self { spec, forward, memory, pass, share, moving: Moving::default(), adaptable, _weights: None })
    }

    /// The same, holding what its weights have of the budget.
    pub fn with_weights(self, weights: Option<Share>) -> Self {
        Self { _weights: weights, ..self }
    }

    /// Takes scratch for the pass, within the budget.
    fn make_room(&mut self) -> Result<()> {
        let (tokens, outputs) = (self.pass.tokens.len(), self.pass.outputs());
        let rank = self.pass.adapters.rank();
        let needed = self.forward.scratch().bytes_with(tokens, outputs, rank);
        if self.share.resize(needed + self.moving.held()).is_err() {
            // Copies of weights on their way can wait.
            self.moving.drop_copies();
            self.share.resize(needed)?;
        }
        self.forward.scratch_mut().reserve(tokens, outputs, rank)
    }

    fn start(&mut self, spans: &[Span<'_>], pooling: Option<Pooling>) -> Result<()> {
        if let Err(error) = self.prepare(spans) {
            self.pass.clear();
            self.give_back();
            return Err(error);
        }
        let width = match pooling {
            Some(_) => self.forward.vectors()?.width,
            None => self.spec.vocab_size,
        };
        self.forward.scratch_mut().logits.set_width(width);
        self.pass.pooling = pooling;
        self.pass.start();
        Ok(())
    }

    fn prepare(&mut self, spans: &[Span<'_>]) -> Result<()> {
        self.pass.clear();
        for span in spans {
            self.pass.push(span, self.memory.groups(), self.memory.states().is_some())?;
        }
        self.make_room()
    }

    /// Leaves to others what is not held any more.
    fn give_back(&mut self) {
        let held = Decoder::memory(self);
        self.share.shrink(held);
    }
}

impl Decoder for NativeDecoder {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn cache_spec(&self) -> CacheSpec {
        self.memory.spec()
    }

    fn storage(&mut self) -> &mut dyn Storage {
        &mut self.memory
    }

    fn chunk_limit(&self, _held: usize, wanted: usize) -> usize {
        // What an encoder is given in parts would see less.
        if self.spec.encodes { wanted } else { wanted.clamp(1, self.spec.max_tokens) }
    }

    fn verifies(&self) -> bool {
        !self.spec.encodes
    }

    fn adaptable(&self) -> Option<Arc<Adaptable>> {
        (!self.spec.encodes).then(|| self.adaptable.clone())
    }

    fn begin(&mut self, spans: &[Span<'_>]) -> Result<()> {
        // An encoder has nothing else.
        let pooling = if self.spec.encodes { Some(self.forward.vectors()?.pooling) } else { None };
        self.start(spans, pooling)
    }

    fn vectors(&self) -> Result<VectorSpec> {
        self.forward.vectors()
    }

    fn begin_vectors(&mut self, spans: &[Span<'_>]) -> Result<()> {
        let pooling = self.forward.vectors()?.pooling;
        self.start(spans, Some(pooling))
    }

    fn run_slice(&mut self, pace: Pace) -> Result<Step> {
        self.forward.run_slice(&mut self.pass, &mut self.memory, pace)
    }

    fn logits(&mut self, index: usize, row: usize) -> &mut [f32] {
        let outputs = self.pass.spans.get(index).map(|span| span.outputs.clone());
        match outputs.and_then(|mut outputs| outputs.nth(row)) {
            Some(row) => self.forward.scratch_mut().logits.row_mut(row),
            None => &mut [],
        }
    }

    fn finish(&mut self) {
        self.pass.clear();
    }

    fn memory(&self) -> u64 {
        self.forward.scratch().bytes() + self.moving.held()
    }

    fn bytes_read(&self) -> Option<u64> {
        let layers = self.forward.layers().max(1) as u64;
        let done = self.pass.cursor.map_or(layers, |cursor| match cursor.stage {
            Stage::Begin => 0,
            Stage::End => layers - 1,
            stage => stage.layer().unwrap_or(0) as u64,
        });
        self.forward.gguf().is_mapped().then(|| self.spec.weight_bytes / layers * done.min(layers))
    }

    fn warm_up(&mut self) -> bool {
        let needed = self.forward.scratch().bytes() + self.forward.gguf().moving_bytes();
        let moves = self.share.resize(needed).is_ok();
        if !moves {
            self.moving.drop_copies();
        }
        let moved = moves && self.forward.gguf().move_to_huge_pages(&mut self.moving);
        self.give_back();
        moved
    }

    fn trim(&mut self) {
        self.moving.drop_copies();
        if !self.pass.is_active() {
            self.forward.scratch_mut().trim();
        }
        self.give_back();
    }
}
