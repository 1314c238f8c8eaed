//! A decoder and the past of its sequences, driven pass by pass; knows no request and no schedule.

use super::adapter::Adapted;
use super::decoder::{Decoder, Pace, Span, Step};
use super::prefix_cache::PrefixCache;
use super::spec::{Spec, VectorSpec};
use crate::budget::{Budget, Share};
use crate::error::{Error, ErrorKind, Result};
use crate::kv::{Cache, Export, Image, Import, Pieces, Sequence};
use smallvec::SmallVec;
use std::sync::Arc;

/// One sequence's share of a pass: `tokens` follow what the sequence holds already.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    /// Whose tokens these are; at most one chunk of a sequence in a pass.
    pub sequence: Sequence,
    /// At least one token; each below `vocab_size`.
    pub tokens: &'a [u32],
    /// Of how many of its last tokens the logits are wanted: 0 to all.
    pub logits: usize,
}

/// One chunk of the pass in progress.
#[derive(Debug, Clone, Copy)]
struct Part {
    sequence: Sequence,
    /// Its first token in the pass.
    first: usize,
    count: usize,
    /// Of them, those that are the sequence's.
    committed: usize,
}

/// A decoder and the past of its sequences.
///
/// One thread at a time drives it: `begin`, `run_slice` until [`Step::Done`], read `logits`, `commit` each
/// chunk that is still wanted, `finish`. A sequence grows only by `commit`: a pass that fails, or whose chunk
/// is not committed, leaves it as it was.
pub struct Runner<D: Decoder> {
    decoder: D,
    cache: Cache,
    budget: Arc<Budget>,
    prefixes: PrefixCache,
    parts: Vec<Part>,
    /// Those of the pass, chunk by chunk.
    tokens: Vec<u32>,
    /// By sequence.
    adapters: Vec<Option<Adapted>>,
    is_done: bool,
}

impl<D: Decoder> Runner<D> {
    /// No sequences yet. Keys and values are taken from `budget`.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub fn new(decoder: D, budget: &Arc<Budget>, prefixes: PrefixCache) -> Result<Self> {
        let (spec, cache_spec) = (decoder.spec(), decoder.cache_spec());
        let (mut parts, mut tokens) = (Vec::new(), Vec::new());
        parts.try_reserve_exact(spec.max_batch)?;
        tokens.try_reserve_exact(spec.max_tokens)?;
        let context = spec.kv_bytes_per_token.saturating_mul(spec.context_length as u64);
        let bytes = prefixes.bytes(context, budget.limit());
        let cache = Cache::new(cache_spec, budget.share("keys and values"), bytes);
        let budget = budget.clone();
        Ok(Self { decoder, cache, budget, prefixes, parts, tokens, adapters: Vec::new(), is_done: false })
    }

    /// An empty share of what keys and values are taken from; `what` it is for is said when more is refused.
    pub fn share(&self, what: &'static str) -> Share {
        self.budget.share(what)
    }

    /// What its memory is taken from.
    pub fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// What the decoder is.
    pub fn spec(&self) -> &Spec {
        self.decoder.spec()
    }

    /// The decoder.
    pub fn decoder(&self) -> &D {
        &self.decoder
    }

    /// The past of its sequences.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// A new, empty sequence of at most `context` tokens.
    ///
    /// # Errors
    /// `InvalidArgument` for a context of 0 or over the model's; `OutOfMemory`.
    pub fn open(&mut self, context: usize) -> Result<Sequence> {
        self.open_adapted(context, None)
    }

    /// As [`Runner::open`], of a sequence that is computed with an adapter, and shares nothing with others
    /// than those that have the same one, as strongly.
    ///
    /// # Errors
    /// As [`Runner::open`]; `InvalidArgument` for another model's adapter.
    pub fn open_adapted(&mut self, context: usize, adapter: Option<Adapted>) -> Result<Sequence> {
        let key = self.key(adapter.as_ref());
        self.open_with(context, key, adapter)
    }

    /// As [`Runner::open`], of a sequence that leaves nothing to the prefix cache and takes nothing of it.
    ///
    /// # Errors
    /// As [`Runner::open`].
    pub fn open_apart(&mut self, context: usize) -> Result<Sequence> {
        self.open_with(context, None, None)
    }

    fn open_with(&mut self, context: usize, key: Option<u64>, adapter: Option<Adapted>) -> Result<Sequence> {
        let most = self.spec().context_length;
        if context == 0 || context > most {
            return Err(invalid(format!("a context of {context} tokens; this model takes 1 to {most}")));
        }
        self.check_adapter(adapter.as_ref())?;
        let sequence = self.cache.open(context, key)?;
        self.keep_adapter(sequence, adapter)
    }

    fn check_adapter(&self, adapter: Option<&Adapted>) -> Result<()> {
        match adapter {
            Some(adapted) if !adapted.adapter.is_of(self.decoder.adaptable().as_ref()) => {
                Err(invalid("the adapter was loaded for another model; load it for this one".into()))
            }
            _ => Ok(()),
        }
    }

    /// What a new sequence is computed with.
    fn keep_adapter(&mut self, sequence: Sequence, adapter: Option<Adapted>) -> Result<Sequence> {
        let index = sequence.0 as usize;
        if self.adapters.len() <= index {
            if let Err(error) = self.adapters.try_reserve(index + 1 - self.adapters.len()) {
                self.close(sequence);
                return Err(error.into());
            }
            self.adapters.resize(index + 1, None);
        }
        self.adapters[index] = adapter;
        Ok(sequence)
    }

    /// The pass in progress has its own.
    fn forget_adapter(&mut self, sequence: Sequence) {
        if let Some(adapter) = self.adapters.get_mut(sequence.0 as usize) {
            *adapter = None;
        }
    }

    fn adapter(&self, sequence: Sequence) -> Option<&Adapted> {
        self.adapters.get(sequence.0 as usize)?.as_ref()
    }

    /// Whether sequences share what they have computed of the same tokens.
    pub fn shares(&self) -> bool {
        self.key(None).is_some() && self.cache.spec().shares
    }

    /// What pasts depend on besides their tokens.
    fn key(&self, adapter: Option<&Adapted>) -> Option<u64> {
        (self.prefixes != PrefixCache::Off).then(|| adapter.map_or(0, Adapted::key))
    }

    /// Forgets a sequence and its past; one that takes part in a pass goes when the pass is finished.
    pub fn close(&mut self, sequence: Sequence) {
        self.forget_adapter(sequence);
        self.cache.close(sequence, self.decoder.storage());
    }

    /// Tokens of the sequence whose past is held.
    pub fn length(&self, sequence: Sequence) -> usize {
        self.cache.length(sequence)
    }

    /// Keeps at most the first `length` tokens of the sequence, and says how many are kept: the last place up
    /// to there at which all that the model keeps is known. Not for a sequence that takes part in a pass.
    pub fn truncate(&mut self, sequence: Sequence, length: usize) -> usize {
        self.cache.truncate(sequence, length, self.decoder.storage())
    }

    /// Takes over what other sequences have computed of `tokens`, of which the sequence holds a beginning: at
    /// most `limit` tokens. How many it holds then. Not for a sequence that takes part in a pass.
    pub fn seek(&mut self, sequence: Sequence, tokens: &[u32], limit: usize) -> usize {
        self.cache.seek(sequence, tokens, limit, self.decoder.storage())
    }

    /// A new sequence that begins as the first `length` tokens of `from` (at most what it holds) and shares
    /// their blocks; a last, partly filled one is copied when both grow. Of an opaque state
    /// ([`CacheSpec::opaque`](crate::kv::CacheSpec::opaque)) it shares nothing, and begins empty.
    ///
    /// # Errors
    /// `StaleHandle` for a sequence that is closed; `OutOfMemory`.
    pub fn fork(&mut self, from: Sequence, length: usize) -> Result<Sequence> {
        let adapter = self.adapter(from).cloned();
        let twin = self.cache.fork(from, length, self.decoder.storage())?;
        self.keep_adapter(twin, adapter)
    }

    /// As [`crate::kv::Storage::layout`].
    ///
    /// # Errors
    /// `Unsupported`: pasts cannot be copied out of here.
    pub fn layout(&mut self) -> Result<String> {
        self.decoder.storage().layout()
    }

    /// How the past's blocks are cut, by group. Only where there is a [`Runner::layout`].
    pub fn pieces(&mut self) -> Vec<Pieces> {
        let groups = self.cache.spec().groups.len();
        let storage = self.decoder.storage();
        (0..groups).map(|group| storage.pieces(group)).collect()
    }

    /// As [`Cache::export`].
    ///
    /// # Errors
    /// `StaleHandle` for a sequence that is closed; `OutOfMemory`.
    pub fn export(&mut self, from: Sequence, length: usize, tokens: &[u32]) -> Result<Option<Export>> {
        self.cache.export(from, length, tokens, self.decoder.storage())
    }

    /// As [`Cache::read`].
    ///
    /// # Errors
    /// `Internal`.
    pub fn read(&mut self, export: &mut Export, out: &mut Vec<u8>) -> Result<bool> {
        self.cache.read(export, self.decoder.storage(), out)
    }

    /// As [`Cache::end_export`].
    pub fn end_export(&mut self, export: Export) {
        self.cache.end_export(export, self.decoder.storage());
    }

    /// As [`Cache::import`], for a sequence of at most `context` tokens that is computed with `adapter`.
    ///
    /// # Errors
    /// `OutOfMemory`; as [`Runner::open_adapted`].
    pub fn import(
        &mut self,
        image: Image,
        tokens: &[u32],
        context: usize,
        adapter: Option<Adapted>,
    ) -> Result<Import> {
        self.check_adapter(adapter.as_ref())?;
        let key = self.key(adapter.as_ref());
        let import = self.cache.import(image, tokens, context, key, self.decoder.storage())?;
        self.keep_adapter(import.sequence(), adapter)?;
        Ok(import)
    }

    /// As [`Cache::wants`].
    pub fn wants(&mut self, import: &Import) -> Option<usize> {
        self.cache.wants(import, self.decoder.storage())
    }

    /// As [`Cache::write`].
    ///
    /// # Errors
    /// `OutOfMemory`: try again, or end it.
    pub fn write(&mut self, import: &mut Import, tokens: &[u32], bytes: &[u8]) -> Result<()> {
        self.cache.write(import, tokens, bytes, self.decoder.storage())
    }

    /// As [`Cache::finish_import`].
    ///
    /// # Errors
    /// `OutOfMemory`: try again, or end it.
    pub fn finish_import(&mut self, import: &mut Import, tokens: &[u32]) -> Result<Sequence> {
        self.cache.finish_import(import, tokens, self.decoder.storage())
    }

    /// As [`Cache::end_import`].
    pub fn end_import(&mut self, import: Import) {
        self.forget_adapter(import.sequence());
        self.cache.end_import(import, self.decoder.storage());
    }

    /// Keeps a place to come back to, where the model has a state that holds for one place only.
    pub fn checkpoint(&mut self, sequence: Sequence) {
        self.cache.checkpoint(sequence, self.decoder.storage());
    }

    /// As [`Decoder::vectors`].
    ///
    /// # Errors
    /// As [`Decoder::vectors`].
    pub fn vectors(&self) -> Result<VectorSpec> {
        self.decoder.vectors()
    }

    /// As [`Decoder::verifies`].
    pub fn verifies(&self) -> bool {
        self.decoder.verifies()
    }

    /// How many of `wanted` new tokens the next chunk of this sequence may take; at least 1, at most
    /// `wanted`.
    pub fn chunk_limit(&self, sequence: Sequence, wanted: usize) -> usize {
        let limit = self.decoder.chunk_limit(self.cache.length(sequence), wanted);
        // A decoder that takes prompts whole is given them whole.
        if limit > self.spec().max_tokens { limit } else { self.cache.chunk_limit(sequence, limit) }
    }

    /// Starts a pass over `chunks`: at least one, at most `max_batch`, of open sequences with room for them;
    /// none is in progress.
    ///
    /// # Errors
    /// `Busy` while a pass is in progress; `InvalidArgument` for chunks that cannot be; `StaleHandle` for a
    /// closed sequence; `ContextFull`; `OutOfMemory` if keys and values find no room. No pass is then in
    /// progress.
    pub fn begin(&mut self, chunks: &[Chunk<'_>]) -> Result<()> {
        self.begin_with(chunks, D::begin)
    }

    /// As [`Runner::begin`], of a pass that gives vectors in place of logits ([`Decoder::begin_vectors`]).
    ///
    /// # Errors
    /// As [`Runner::begin`] and [`Decoder::vectors`].
    pub fn begin_vectors(&mut self, chunks: &[Chunk<'_>]) -> Result<()> {
        self.begin_with(chunks, D::begin_vectors)
    }

    fn begin_with(
        &mut self,
        chunks: &[Chunk<'_>],
        begin: impl FnOnce(&mut D, &[Span<'_>]) -> Result<()>,
    ) -> Result<()> {
        if !self.parts.is_empty() {
            return Err(Error::new(ErrorKind::Busy, "a pass is in progress; finish it first"));
        }
        self.is_done = false;
        let begun = self.check(chunks).and_then(|()| self.start(chunks, begin));
        if begun.is_err() {
            self.parts.clear();
            self.cache.finish(self.decoder.storage());
            self.release_unused();
        }
        begun
    }

    /// Computes until the pass is done or a resting point after `pace.until`.
    ///
    /// # Errors
    /// Whatever the backend fails with: it concerns every chunk of this pass.
    pub fn run_slice(&mut self, pace: Pace) -> Result<Step> {
        if self.parts.is_empty() {
            return Err(Error::new(ErrorKind::Internal, "no pass is in progress"));
        }
        let step = self.decoder.run_slice(pace)?;
        self.is_done = step == Step::Done;
        Ok(step)
    }

    /// The logits after one of the tokens of chunk `index`, (vocab_size): `row` counts those that are wanted.
    /// Samplers write into them. Only after [`Step::Done`]; else empty.
    pub fn logits(&mut self, index: usize, row: usize) -> &mut [f32] {
        if self.is_done { self.decoder.logits(index, row) } else { &mut [] }
    }

    /// Makes the first `count` tokens of chunk `index` part of their sequence, of a pass that is done: how
    /// many tokens it holds then. More of them may follow by further calls. With a state that holds for one
    /// place only, all of the chunk's or none.
    pub fn commit(&mut self, index: usize, count: usize) -> usize {
        let Some(part) = self.parts.get_mut(index).filter(|_| self.is_done) else { return 0 };
        let held = self.cache.length(part.sequence);
        let wanted = part.first + part.committed..part.first + count.min(part.count);
        let Some(tokens) = self.tokens.get(wanted).filter(|tokens| !tokens.is_empty()) else { return held };
        let holds = self.cache.commit(part.sequence, tokens, self.decoder.storage());
        part.committed += holds - held;
        holds
    }

    /// Ends the pass, done or not; chunks that were not committed are dropped.
    pub fn finish(&mut self) {
        self.decoder.finish();
        self.parts.clear();
        self.is_done = false;
        self.cache.finish(self.decoder.storage());
    }

    /// Bytes held for keys, values, scratch and weights on their way to other pages.
    pub fn memory(&self) -> u64 {
        self.cache.bytes() + self.decoder.memory()
    }

    /// As [`Decoder::bytes_read`].
    pub fn bytes_read(&self) -> Option<u64> {
        self.decoder.bytes_read()
    }

    /// As [`Decoder::warm_up`].
    pub fn warm_up(&mut self) -> bool {
        self.decoder.warm_up()
    }

    /// Gives back the memory of keys and values that no sequence holds any more, but for known prefixes.
    pub fn release_unused(&mut self) {
        self.cache.release_unused(self.decoder.storage());
    }

    /// Gives back what can be computed again, but for what sequences hold; what the pass in progress works in
    /// stays.
    pub fn trim(&mut self) {
        self.cache.trim(self.decoder.storage());
        self.decoder.trim();
    }

    /// Gives back what the decoder alone can compute again; prefixes stay.
    pub fn trim_decoder(&mut self) {
        self.decoder.trim();
    }

    fn check(&mut self, chunks: &[Chunk<'_>]) -> Result<()> {
        let spec = self.decoder.spec();
        let (vocab, most) = (spec.vocab_size, spec.max_tokens);
        if chunks.is_empty() || chunks.len() > spec.max_batch {
            let message = format!("{} chunks; a pass takes 1 to {}", chunks.len(), spec.max_batch);
            return Err(invalid(message));
        }
        self.tokens.clear();
        for chunk in chunks {
            let (count, first) = (chunk.tokens.len(), self.tokens.len());
            let Some((held, context)) = self.cache.extent(chunk.sequence) else {
                let message = format!("sequence {} is closed", chunk.sequence.0);
                return Err(Error::new(ErrorKind::StaleHandle, message));
            };
            if self.parts.iter().any(|part| part.sequence == chunk.sequence) {
                return Err(invalid(format!("sequence {} is in the pass twice", chunk.sequence.0)));
            }
            if count == 0 || first + count > most {
                return Err(invalid(format!("a chunk of {count} tokens; a pass takes 1 to {most}")));
            }
            if chunk.logits > if spec.encodes { 1 } else { count } {
                return Err(invalid(format!("{} rows of logits for {count} tokens", chunk.logits)));
            }
            if spec.encodes && held > 0 {
                return Err(invalid(format!(
                    "an encoder takes a text in one pass, from its beginning; sequence {} holds {held} tokens",
                    chunk.sequence.0
                )));
            }
            if let Some(id) = chunk.tokens.iter().find(|&&id| id as usize >= vocab) {
                return Err(invalid(format!("token {id} is beyond the vocabulary of {vocab}")));
            }
            if held + count > context {
                let message = format!("{held} tokens and {count} more do not fit a context of {context}");
                return Err(Error::new(ErrorKind::ContextFull, message));
            }
            self.parts.push(Part { sequence: chunk.sequence, first, count, committed: 0 });
            self.tokens.extend_from_slice(chunk.tokens);
        }
        Ok(())
    }

    fn start(
        &mut self,
        chunks: &[Chunk<'_>],
        begin: impl FnOnce(&mut D, &[Span<'_>]) -> Result<()>,
    ) -> Result<()> {
        let wanted = self.parts.iter().map(|part| (part.sequence, part.count));
        if let Err(error) = self.cache.begin(wanted.clone(), self.decoder.storage()) {
            if error.kind() != ErrorKind::OutOfMemory {
                return Err(error);
            }
            // What can be computed again waits, such as weights on their way to other pages.
            self.decoder.trim();
            self.cache.begin(wanted, self.decoder.storage())?;
        }
        let mut spans: SmallVec<[Span<'_>; 16]> = SmallVec::new();
        for chunk in chunks {
            let Some(past) = self.cache.past(chunk.sequence) else { continue };
            let adapter = self.adapters.get(chunk.sequence.0 as usize).and_then(Option::as_ref);
            spans.push(Span { past, tokens: chunk.tokens, logits: chunk.logits, adapter });
        }
        begin(&mut self.decoder, &spans)
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}
