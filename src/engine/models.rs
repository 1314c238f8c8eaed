//! The models of a runtime, and all that the engine asks of their decoders: a panic in one is an error of
//! what it was asked for. Knows no session and no generation.

use super::adapters::SessionAdapter;
use super::costs::{Costs, MIN_ROWS, Rows};
use super::guard::{guarded, quietly};
use super::plan::Capacity;
use super::pool::Pool;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::IdMap;
use crate::model::{Chunk, Decoder, Pace, Runner, Sequence, Spec, Step, VectorSpec};
use crate::sample::{Recommended, SamplerOptions};
use crate::text::Vocab;
use crate::text::format::Learned;
use crate::text::grammar::Grammars;
use std::sync::Arc;
use std::time::Duration;

/// A model that can run: its runner, and its vocabulary.
pub type Runnable = (Box<Runner<Box<dyn Decoder>>>, Arc<dyn Vocab>);

/// Rows that a pass for vectors takes about: enough that reading the weights costs little beside the
/// arithmetic.
const VECTOR_ROWS: usize = 512;

/// The models that generations may wait for.
pub(super) struct Models {
    all: IdMap<u64, Model>,
    /// What rows cost; `None`: what is measured.
    costs: Option<Costs>,
}

/// One model.
pub(super) struct Model {
    load: Load,
    /// Its decoder has nothing left to do that would make it quicker.
    pub(super) is_warm: bool,
    /// A pass of it was computed: its weights are in memory, if they fit.
    is_resident: bool,
    /// Its sessions do not draft.
    no_drafts: bool,
    /// What holds where a request does not say how tokens are chosen.
    recommended: Option<Recommended>,
    costs: Costs,
}

/// How far a model's load is.
enum Load {
    Loading,
    Ready(Ready),
    Failed(Error),
}

/// A model that is loaded.
pub(super) struct Ready {
    runner: Box<Runner<Box<dyn Decoder>>>,
    vocab: Arc<dyn Vocab>,
    grammars: Arc<Grammars>,
    /// How it speaks.
    learned: Arc<Learned>,
    /// What its sessions have said lately.
    pub(super) pool: Pool,
}

impl Models {
    /// None yet. `costs`: what rows cost; `None`: what is measured.
    pub(super) fn new(costs: Option<Costs>) -> Self {
        Self { all: IdMap::default(), costs }
    }

    pub(super) fn add(&mut self, id: u64) {
        let costs = self.costs.unwrap_or_default();
        let model = Model {
            load: Load::Loading,
            is_warm: false,
            is_resident: false,
            no_drafts: false,
            recommended: None,
            costs,
        };
        self.all.insert(id, model);
    }

    /// The load is over.
    pub(super) fn finish_load(&mut self, id: u64, loaded: Result<Runnable>) {
        if let Some(model) = self.all.get_mut(&id) {
            model.load = match loaded {
                Ok((runner, vocab)) => {
                    let pool = Pool::new(runner.share("what sessions have said"));
                    let grammars = Arc::new(Grammars::new(runner.budget().clone()));
                    Load::Ready(Ready { runner, vocab, grammars, learned: Arc::default(), pool })
                }
                Err(error) => Load::Failed(error),
            };
        }
    }

    pub(super) fn remove(&mut self, id: u64) {
        self.all.remove(&id);
    }

    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut Model> {
        self.all.get_mut(&id)
    }

    /// The model, if it is loaded.
    pub(super) fn ready(&self, id: u64) -> Option<&Ready> {
        self.all.get(&id)?.ready()
    }

    /// The model, if it is loaded.
    pub(super) fn ready_mut(&mut self, id: u64) -> Option<&mut Ready> {
        self.all.get_mut(&id)?.ready_mut()
    }

    /// Whether the model is loaded by now.
    ///
    /// # Errors
    /// It never will be.
    pub(super) fn is_ready(&self, id: u64) -> Result<bool> {
        match self.all.get(&id).map(|model| &model.load) {
            Some(Load::Ready(_)) => Ok(true),
            Some(Load::Loading) => Ok(false),
            Some(Load::Failed(error)) => Err(error.clone()),
            None => Err(Error::new(ErrorKind::Internal, "the generation's model is gone")),
        }
    }

    /// What a pass of each may take: at most `sequences` of them.
    pub(super) fn capacities(&self, sequences: usize) -> impl Iterator<Item = Capacity> + '_ {
        self.all.iter().filter_map(move |(&id, model)| {
            let spec = model.ready()?.spec();
            let rows = spec.max_tokens.max(1);
            let sequences = spec.max_batch.min(rows).min(sequences).max(1);
            Some(Capacity { model: id, rows, sequences, costs: model.costs })
        })
    }

    /// Rows that a pass for vectors takes about, beside generations of the model that decode.
    pub(super) fn rows_of_vectors(&self, id: u64, decoding: usize) -> usize {
        let capacity = self.capacities(usize::MAX).find(|capacity| capacity.model == id);
        let Some(capacity) = capacity else { return MIN_ROWS };
        let most = capacity.rows.min(VECTOR_ROWS);
        match decoding {
            0 => most,
            // Their next tokens wait for it: no longer than for one another's.
            _ => match capacity.costs.decode_time(decoding) {
                Some(time) => capacity.costs.rows_within(time).min(most),
                None => MIN_ROWS.min(most),
            },
        }
    }

    /// The rows that a pass of the model takes, and what they cost, if its sessions may draft.
    pub(super) fn for_drafts(&self, id: u64) -> Option<(usize, Costs)> {
        let model = self.all.get(&id).filter(|model| !model.no_drafts)?;
        let ready = model.ready().filter(|ready| ready.runner.verifies())?;
        Some((ready.spec().max_tokens, model.costs))
    }

    /// The model's sessions do not draft.
    pub(super) fn no_drafts(&mut self, id: u64) {
        if let Some(model) = self.all.get_mut(&id) {
            model.no_drafts = true;
        }
    }

    /// Where the model's requests do not say how tokens are chosen, it is so.
    pub(super) fn recommend(&mut self, id: u64, recommended: Recommended) {
        if let Some(model) = self.all.get_mut(&id) {
            model.recommended = Some(recommended);
        }
    }

    /// How the model's tokens are chosen where a request asks for `asked`: never those that its file forbids.
    pub(super) fn sampling(&self, id: u64, asked: &SamplerOptions) -> SamplerOptions {
        let (model, asked) = (self.all.get(&id), asked.clone());
        let recommended = model.and_then(|model| model.recommended.as_ref());
        let asked = match recommended {
            Some(recommended) => asked.filled(recommended),
            None => asked,
        };
        let ready = model.and_then(Model::ready);
        asked.without(ready.map_or(&[], |ready| ready.vocab.suppressed()))
    }

    /// A pass over these rows took so long.
    pub(super) fn observe(&mut self, id: u64, rows: Rows, took: Duration) {
        let Some(model) = self.all.get_mut(&id) else { return };
        // The first one waits for pages of the file, and says nothing of the others.
        let was_resident = std::mem::replace(&mut model.is_resident, true);
        if was_resident && self.costs.is_none() {
            model.costs.observe(rows, took);
        }
    }

    /// Whether nothing is left that would make the model's decoder quicker.
    pub(super) fn is_warm(&self, id: u64) -> bool {
        self.all.get(&id).is_none_or(|model| model.is_warm)
    }

    /// Bytes of weights that the pass in progress has gone over, and all: where it is the model's first, and
    /// they may come from a disk.
    pub(super) fn bytes_read(&self, id: u64) -> Option<(u64, u64)> {
        let ready = self.all.get(&id).filter(|model| !model.is_resident)?.ready()?;
        Some((ready.runner.bytes_read()?, ready.spec().weight_bytes))
    }

    /// The model's weights stay where they are from now on.
    pub(super) fn keep_mapped(&mut self, id: u64) {
        let Some(model) = self.all.get_mut(&id) else { return };
        model.is_warm = true;
        if let Some(ready) = model.ready_mut() {
            quietly(|| ready.runner.trim_decoder());
        }
    }

    /// Gives back what decoders can compute again, but for what sequences hold; what is drafted from, and
    /// what is kept for grammars.
    pub(super) fn trim(&mut self) {
        for ready in self.all.values_mut().filter_map(Model::ready_mut) {
            ready.pool.clear();
            ready.grammars.clear();
            quietly(|| ready.runner.trim());
        }
    }

    /// Bytes that models hold beside weights, and bytes of weights.
    pub(super) fn bytes(&self) -> (u64, u64) {
        let ready = self.all.values().filter_map(Model::ready);
        ready.fold((0, 0), |(held, weights), ready| {
            let beside = ready.pool.bytes() + ready.grammars.bytes();
            (held + ready.runner.memory() + beside, weights + ready.spec().weight_bytes)
        })
    }
}

impl Model {
    fn ready(&self) -> Option<&Ready> {
        match &self.load {
            Load::Ready(ready) => Some(ready),
            _ => None,
        }
    }

    pub(super) fn ready_mut(&mut self) -> Option<&mut Ready> {
        match &mut self.load {
            Load::Ready(ready) => Some(ready),
            _ => None,
        }
    }
}

impl Ready {
    pub(super) fn spec(&self) -> &Spec {
        self.runner.spec()
    }

    /// Whether it makes tokens.
    ///
    /// # Errors
    /// `Unsupported`: it is an encoder.
    pub(super) fn check_generates(&self) -> Result<()> {
        let Spec { encodes, architecture, .. } = self.spec();
        if !encodes {
            return Ok(());
        }
        let why = format!(
            "a model of {architecture} generates no text: it makes one vector of a whole text, for search and \
             comparison (wick_embed)"
        );
        Err(Error::new(ErrorKind::Unsupported, why))
    }

    pub(super) fn vocab(&self) -> &Arc<dyn Vocab> {
        &self.vocab
    }

    /// What it keeps for grammars.
    pub(super) fn grammars(&self) -> &Arc<Grammars> {
        &self.grammars
    }

    /// What is learned of how it speaks.
    pub(super) fn learned(&self) -> &Arc<Learned> {
        &self.learned
    }

    /// A new, empty sequence of at most `context` tokens, which is computed with `adapter`.
    ///
    /// # Errors
    /// `OutOfMemory`; those of the adapter's load.
    pub(super) fn open(&mut self, context: usize, adapter: Option<&SessionAdapter>) -> Result<Sequence> {
        let adapter = adapter.map(SessionAdapter::adapted).transpose()?;
        self.runner.open_adapted(context, adapter)
    }

    /// As [`Runner::open_apart`].
    ///
    /// # Errors
    /// As [`Runner::open_apart`].
    pub(super) fn open_apart(&mut self, context: usize) -> Result<Sequence> {
        self.runner.open_apart(context)
    }

    /// What vectors of texts it makes.
    ///
    /// # Errors
    /// `Unsupported`: none.
    pub(super) fn vectors(&self) -> Result<VectorSpec> {
        self.runner.vectors()
    }

    /// What it makes of texts: scores (`ranks`), or vectors.
    ///
    /// # Errors
    /// `Unsupported`: it makes the other, or none.
    pub(super) fn check_vectors(&self, ranks: bool) -> Result<VectorSpec> {
        let spec = self.vectors()?;
        spec.check(ranks, &self.spec().architecture)?;
        Ok(spec)
    }

    pub(super) fn close(&mut self, sequence: Sequence) {
        quietly(|| self.runner.close(sequence));
    }

    /// Tokens whose keys and values the sequence has.
    pub(super) fn length(&self, sequence: Sequence) -> usize {
        self.runner.length(sequence)
    }

    /// Keeps at most the first `length` tokens of the sequence: how many it has then.
    ///
    /// # Errors
    /// `Internal`: what it has is not known.
    pub(super) fn truncate(&mut self, sequence: Sequence, length: usize) -> Result<usize> {
        match self.runner.length(sequence) {
            more if more > length => guarded(|| Ok(self.runner.truncate(sequence, length))),
            held => Ok(held),
        }
    }

    /// Takes over what others have computed of `tokens`, of which the sequence has a beginning, up to
    /// `limit`: how many it has then.
    ///
    /// # Errors
    /// `Internal`: what it has is not known.
    pub(super) fn seek(&mut self, sequence: Sequence, tokens: &[u32], limit: usize) -> Result<usize> {
        match self.runner.length(sequence) {
            less if less < limit => guarded(|| Ok(self.runner.seek(sequence, tokens, limit))),
            held => Ok(held),
        }
    }

    /// A sequence that begins with at most the first `length` tokens of this one and shares what is kept of
    /// them; `None`: there is no memory for it, or what this one has is not known.
    pub(super) fn fork(&mut self, from: Sequence, length: usize) -> Option<Sequence> {
        guarded(|| self.runner.fork(from, length)).ok()
    }

    /// Keeps a place to come back to, where the model has a state that holds for one place only.
    pub(super) fn checkpoint(&mut self, sequence: Sequence) {
        quietly(|| self.runner.checkpoint(sequence));
    }

    /// Gives back all that the sequence has; whether that is so.
    pub(super) fn empty(&mut self, sequence: Sequence) -> bool {
        let empty = || {
            let kept = self.runner.truncate(sequence, 0);
            self.runner.release_unused();
            Ok(kept)
        };
        guarded(empty).is_ok_and(|kept| kept == 0)
    }

    /// How many of `wanted` tokens the sequence's share of the next pass may be; at least 1.
    pub(super) fn chunk_limit(&self, sequence: Sequence, wanted: usize) -> usize {
        self.runner.chunk_limit(sequence, wanted).clamp(1, wanted)
    }

    /// What `work` comes to, which is about pasts that come or go.
    ///
    /// # Errors
    /// `work`'s; `Internal` after a panic.
    pub(super) fn ask<T>(
        &mut self,
        work: impl FnOnce(&mut Runner<Box<dyn Decoder>>) -> Result<T>,
    ) -> Result<T> {
        guarded(|| work(&mut self.runner))
    }

    /// Starts a pass; none is in progress.
    ///
    /// # Errors
    /// The decoder's; none is in progress then either.
    pub(super) fn begin(&mut self, chunks: &[Chunk<'_>]) -> Result<()> {
        guarded(|| self.runner.begin(chunks)).inspect_err(|_| {
            // After a panic half a pass may be there.
            self.finish();
        })
    }

    /// As [`Ready::begin`], of a pass that gives vectors.
    ///
    /// # Errors
    /// As [`Ready::begin`]; `Unsupported`.
    pub(super) fn begin_vectors(&mut self, chunks: &[Chunk<'_>]) -> Result<()> {
        guarded(|| self.runner.begin_vectors(chunks)).inspect_err(|_| self.finish())
    }

    /// Computes a slice of the pass.
    ///
    /// # Errors
    /// The decoder's: they concern the whole pass.
    pub(super) fn run_slice(&mut self, pace: Pace) -> Result<Step> {
        guarded(|| self.runner.run_slice(pace))
    }

    /// Makes the first `count` tokens of chunk `index` of the pass, which is computed, part of its sequence,
    /// as [`Runner::commit`]. May panic.
    pub(super) fn commit(&mut self, index: usize, count: usize) {
        self.runner.commit(index, count);
    }

    /// Row `row` of the logits of chunk `index`, (vocab_size), to be written into, and what its ids stand
    /// for. May panic.
    pub(super) fn logits(&mut self, index: usize, row: usize) -> (&mut [f32], &dyn Vocab) {
        (self.runner.logits(index, row), &*self.vocab)
    }

    /// Ends the pass; what was not committed is dropped.
    pub(super) fn finish(&mut self) {
        quietly(|| self.runner.finish());
    }

    /// Does a piece of what makes later passes quicker; whether there may be more of it.
    pub(super) fn warm_up(&mut self) -> bool {
        guarded(|| Ok(self.runner.warm_up())).unwrap_or(false)
    }
}
