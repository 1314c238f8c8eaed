//! The native decoder as the engine sees it: sequences, passes, logits, memory. Knows the contract; the pass
//! itself is `forward`'s.

use super::config::Config;
use super::family::Family;
use super::forward::Forward;
use super::kv::{Blocks, Sequences};
use super::pass::{Pass, Span};
use super::weights::ModelWeights;
use crate::compute::Compute;
use crate::error::{Error, ErrorKind, Result};
use crate::gguf::{Gguf, Header, Moving};
use crate::kernel::{KV_BLOCK, KvLayout};
use crate::model::{Budget, Chunk, Decoder, Pace, Sequence, Share, Spec, Step};
use std::sync::{Arc, Mutex};

/// Sequences that one pass computes together at most.
const MAX_BATCH: usize = 64;

/// Tokens that one pass takes at most: enough that reading the weights costs little beside the arithmetic,
/// few enough that operations that do not rest take a fraction of a millisecond.
const MAX_TOKENS: usize = 256;

/// Positions that rope's tables are exact for.
const MAX_POSITION: usize = 1_000_000;

/// How a model is to be loaded.
#[derive(Clone)]
pub struct NativeOptions {
    /// Tokens that a sequence may hold at most; `None`, or more than the model was made for: what it was made
    /// for. Rope factors for short and for long contexts are chosen by it.
    pub context_length: Option<usize>,
    /// What computes, shared by models: the thread that drives the decoder is the first of its threads.
    pub compute: Arc<Mutex<Compute>>,
    /// What keys, values and scratch are taken from; weights are their reader's to take
    /// ([`NativeDecoder::with_weights`]).
    pub budget: Arc<Budget>,
}

impl NativeOptions {
    /// The model's own context length and no budget.
    pub fn new(compute: Arc<Mutex<Compute>>) -> Self {
        Self { context_length: None, compute, budget: Budget::new(None) }
    }
}

/// A model that wick computes itself, from the weights where the file has them.
pub struct NativeDecoder {
    spec: Spec,
    forward: Forward,
    blocks: Blocks,
    sequences: Sequences,
    pass: Pass,
    /// What [`Decoder::memory`] says, at least.
    share: Share,
    moving: Moving,
    /// Given back with the weights.
    _weights: Option<Share>,
}

impl NativeDecoder {
    /// Whether there is a description of this architecture (`general.architecture`); a file of it may be
    /// refused for what else it says.
    pub fn knows(architecture: &str) -> bool {
        Family::named(architecture).is_some()
    }

    /// Reads the architecture's description and finds every tensor; copies none but norms and biases.
    ///
    /// # Errors
    /// `Unsupported` for an architecture, variant or tensor type that the decoder lacks; `ModelInvalid` for
    /// hyper-parameters out of range or tensors of another shape; `OutOfMemory` over the budget.
    pub fn load(gguf: Arc<Gguf>, options: NativeOptions) -> Result<Self> {
        let config = Config::read(gguf.metadata())?;
        let context_length = context_length(&config, options.context_length);
        let weights = ModelWeights::find(&gguf, &config, context_length)?;
        let attention = &config.attention;
        let layout =
            KvLayout::new(config.layers, attention.kv_heads, attention.head_dim, attention.head_dim)?;
        let blocks = Blocks::new(layout);
        let spec = Spec {
            backend: "native",
            vocab_size: weights.output.rows,
            context_length,
            embedding_length: config.width,
            weight_bytes: gguf.data_bytes(),
            kv_bytes_per_token: blocks.block_bytes() / KV_BLOCK as u64,
            max_batch: MAX_BATCH,
            max_tokens: MAX_TOKENS.min(context_length),
            ..Spec::from_header(&gguf)?
        };
        let forward = Forward::new(gguf, config, weights, options.compute)?;
        let mut share = options.budget.share("keys, values and scratch");
        share.resize(forward.scratch().bytes_for(1, 1) + blocks.block_bytes())?;
        share.shrink(0);
        Ok(Self {
            spec,
            forward,
            blocks,
            sequences: Sequences::default(),
            pass: Pass::new(MAX_BATCH, MAX_TOKENS)?,
            share,
            moving: Moving::default(),
            _weights: None,
        })
    }

    /// The same, holding what its weights have of the budget.
    pub fn with_weights(self, weights: Option<Share>) -> Self {
        Self { _weights: weights, ..self }
    }

    /// Checks all that a header says of a model to be loaded with such a context length, before a tensor is
    /// read.
    ///
    /// # Errors
    /// As [`NativeDecoder::load`]'s, but for the budget.
    pub fn check(header: &Header, wanted: Option<usize>) -> Result<()> {
        let config = Config::read(header.metadata())?;
        ModelWeights::check(header, &config, context_length(&config, wanted))
    }

    /// A new sequence that begins as the first `length` tokens of `from` (at most what it holds) and shares
    /// their blocks; a last, partly filled one is copied when either grows.
    ///
    /// # Errors
    /// `StaleHandle` for a sequence that is closed; `OutOfMemory`.
    pub fn fork(&mut self, from: Sequence, length: usize) -> Result<Sequence> {
        let twin = self.sequences.get(from).ok_or_else(|| stale(from))?.fork(length)?;
        self.sequences.insert(twin)
    }

    /// Checks chunks, finds room for their keys and values, and lays out their rows.
    fn prepare(&mut self, chunks: &[Chunk<'_>]) -> Result<()> {
        self.pass.clear();
        for chunk in chunks {
            let (vocab, max) = (self.spec.vocab_size, self.spec.max_tokens);
            let state = self.sequences.get(chunk.sequence).filter(|state| !state.closing);
            let Some(state) = state else { return Err(stale(chunk.sequence)) };
            if self.pass.spans.iter().any(|span| span.sequence == chunk.sequence) {
                return Err(invalid(format!("sequence {} is in the pass twice", chunk.sequence.0)));
            }
            if chunk.tokens.is_empty() || self.pass.tokens.len() + chunk.tokens.len() > max {
                return Err(invalid(format!(
                    "a chunk of {} tokens; a pass takes 1 to {max}",
                    chunk.tokens.len()
                )));
            }
            if let Some(id) = chunk.tokens.iter().find(|&&id| id as usize >= vocab) {
                return Err(invalid(format!("token {id} is beyond the vocabulary of {vocab}")));
            }
            if state.length + chunk.tokens.len() > state.context {
                let (held, more, context) = (state.length, chunk.tokens.len(), state.context);
                return Err(Error::new(
                    ErrorKind::ContextFull,
                    format!("{held} tokens and {more} more do not fit a context of {context}"),
                ));
            }
            self.pass.push(chunk, state.length);
        }
        self.make_room()
    }

    /// Takes blocks and scratch for the pass, within the budget.
    fn make_room(&mut self) -> Result<()> {
        let wanted = |span: &Span| self.sequences.get(span.sequence).map_or(0, |s| s.wants(span.count));
        let count = self.pass.spans.iter().map(wanted).sum();
        let (tokens, outputs) = (self.pass.tokens.len(), self.pass.outputs());
        let scratch = self.forward.scratch().bytes_for(tokens, outputs).max(self.forward.scratch().bytes());
        let needed = self.blocks.bytes() + self.blocks.growth(count) + scratch;
        if self.share.resize(needed + self.moving.held()).is_err() {
            // Copies of weights on their way can wait.
            self.moving.drop_copies();
            self.share.resize(needed)?;
        }
        self.forward.scratch_mut().reserve(tokens, outputs)?;
        for span in &self.pass.spans {
            if let Some(state) = self.sequences.get_mut(span.sequence) {
                state.grow(span.count, &mut self.blocks)?;
            }
        }
        Ok(())
    }

    /// Releases what a pass that does not begin has taken.
    fn unprepare(&mut self) {
        for span in &self.pass.spans {
            if let Some(state) = self.sequences.get_mut(span.sequence) {
                state.keep(state.length, &mut self.blocks);
            }
        }
        self.pass.clear();
        self.give_back();
    }

    /// Leaves to others what is not held any more.
    fn give_back(&mut self) {
        let held = self.memory();
        self.share.shrink(held);
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}

fn stale(sequence: Sequence) -> Error {
    Error::new(ErrorKind::StaleHandle, format!("sequence {} is closed", sequence.0))
}

impl Decoder for NativeDecoder {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn open(&mut self, context: usize) -> Result<Sequence> {
        let most = self.spec.context_length;
        if context == 0 || context > most {
            return Err(invalid(format!("a context of {context} tokens; this model takes 1 to {most}")));
        }
        self.sequences.open(context)
    }

    fn close(&mut self, sequence: Sequence) {
        match self.sequences.get_mut(sequence) {
            Some(state) if state.busy => state.closing = true,
            _ => self.sequences.remove(sequence, &mut self.blocks),
        }
    }

    fn length(&self, sequence: Sequence) -> usize {
        self.sequences.get(sequence).map_or(0, |state| state.length)
    }

    fn truncate(&mut self, sequence: Sequence, length: usize) -> usize {
        let Some(state) = self.sequences.get_mut(sequence) else { return 0 };
        state.length = state.length.min(length);
        state.keep(state.length, &mut self.blocks);
        state.length
    }

    fn chunk_limit(&self, _: Sequence, wanted: usize) -> usize {
        wanted.clamp(1, self.spec.max_tokens)
    }

    fn begin(&mut self, chunks: &[Chunk<'_>]) -> Result<()> {
        if self.pass.is_active() {
            return Err(Error::new(ErrorKind::Busy, "a pass is in progress; finish it first"));
        }
        if chunks.is_empty() || chunks.len() > self.spec.max_batch {
            return Err(invalid(format!(
                "{} chunks; a pass takes 1 to {}",
                chunks.len(),
                self.spec.max_batch
            )));
        }
        if let Err(error) = self.prepare(chunks) {
            self.unprepare();
            return Err(error);
        }
        for span in &self.pass.spans {
            if let Some(state) = self.sequences.get_mut(span.sequence) {
                state.busy = true;
            }
        }
        self.pass.start();
        Ok(())
    }

    fn run_slice(&mut self, pace: Pace) -> Result<Step> {
        self.forward.run_slice(&mut self.pass, &mut self.sequences, &self.blocks.layout, pace)
    }

    fn logits(&mut self, index: usize) -> &mut [f32] {
        let row = self.pass.spans.get(index).and_then(|span| span.logits).filter(|_| self.pass.is_done());
        match row {
            Some(row) => self.forward.scratch_mut().logits.row_mut(row),
            None => &mut [],
        }
    }

    fn commit(&mut self, index: usize) {
        if !self.pass.is_done() {
            return;
        }
        if let Some(span) = self.pass.spans.get(index)
            && let Some(state) = self.sequences.get_mut(span.sequence)
        {
            state.length = span.position + span.count;
        }
    }

    fn finish(&mut self) {
        for span in &self.pass.spans {
            let Some(state) = self.sequences.get_mut(span.sequence) else { continue };
            state.busy = false;
            state.keep(state.length, &mut self.blocks);
            if state.closing {
                self.sequences.remove(span.sequence, &mut self.blocks);
            }
        }
        self.pass.clear();
    }

    fn memory(&self) -> u64 {
        self.blocks.bytes() + self.forward.scratch().bytes() + self.moving.held()
    }

    fn bytes_read(&self) -> Option<u64> {
        let layers = self.forward.layers().max(1) as u64;
        let done = self.pass.cursor.map_or(layers, |cursor| cursor.layer as u64);
        self.forward.gguf().is_mapped().then(|| self.spec.weight_bytes / layers * done.min(layers))
    }

    fn settle(&mut self) -> bool {
        let needed =
            self.blocks.bytes() + self.forward.scratch().bytes() + self.forward.gguf().moving_bytes();
        let moves = self.share.resize(needed).is_ok();
        if !moves {
            self.moving.drop_copies();
        }
        let moved = moves && self.forward.gguf().move_to_huge_pages(&mut self.moving);
        self.give_back();
        moved
    }

    fn release_unused(&mut self) {
        self.blocks.trim();
        self.give_back();
    }

    fn trim(&mut self) {
        self.blocks.trim();
        self.moving.drop_copies();
        if !self.pass.is_active() {
            self.forward.scratch_mut().trim();
        }
        self.give_back();
    }
}

/// The context length of a model that was made for that of `config`, where another is wanted: a cap.
fn context_length(config: &Config, wanted: Option<usize>) -> usize {
    let made_for = config.context_length.min(MAX_POSITION);
    wanted.unwrap_or(made_for).clamp(1, made_for)
}
