//! The contract between passes and whatever computes logits; knows no implementation and no memory of the
//! past.

use super::adapter::{Adaptable, Adapted};
use super::spec::{Spec, VectorSpec};
use crate::error::{Error, ErrorKind, Result};
use crate::kv::{CacheSpec, Past, Storage};
use std::sync::Arc;
use std::time::Instant;

/// One sequence's share of a pass, with what is known of its past.
#[derive(Clone, Copy)]
pub struct Span<'a> {
    /// Where the past lies, and where the span's own keys, values and states go.
    pub past: Past<'a>,
    /// At least one token; each below `vocab_size`.
    pub tokens: &'a [u32],
    /// Of how many of its last tokens the logits are wanted: 0 to all. Of an encoder
    /// ([`Spec::encodes`]): 1 for the vector of all tokens.
    pub logits: usize,
    /// What is added to the model's matrices for these tokens: an adapter for what [`Decoder::adaptable`]
    /// gave.
    pub adapter: Option<&'a Adapted>,
}

/// How long a slice may take.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// A slice ends at its first resting point after this.
    pub until: Instant,
}

impl Pace {
    /// Whether the slice's time is over.
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }
}

/// What a slice of a pass came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Work is left: call `run_slice` again.
    More,
    /// The pass is computed: logits can be read, chunks committed.
    Done,
}

/// Tokens to logits, pass by pass, slice by slice. It keeps nothing of a sequence: [`crate::kv::Cache`] says
/// where the past lies, [`Decoder::storage`] holds it.
///
/// One thread at a time drives it ([`super::Runner`]): `begin`, `run_slice` until [`Step::Done`], read
/// `logits`, `finish`. An error or a panic of `run_slice` ends the pass (`finish` follows) and poisons
/// nothing: the next pass may write the same blocks again.
pub trait Decoder: Send {
    /// What this decoder is.
    fn spec(&self) -> &Spec;

    /// What it keeps of a token's past.
    fn cache_spec(&self) -> CacheSpec;

    /// Where that lies.
    fn storage(&mut self) -> &mut dyn Storage;

    /// How many of `wanted` new tokens the next chunk of a sequence that holds `held` may take; at least 1,
    /// at most `wanted`. A decoder without a resumable prefill wants all of them at once, and an encoder, in
    /// which every token sees all others, must have them.
    fn chunk_limit(&self, held: usize, wanted: usize) -> usize;

    /// Whether the logits behind a token are the same bits however many of its sequence are computed in a
    /// pass: then drafts can be verified in one, and the text is the same. Where not, nothing is drafted.
    fn verifies(&self) -> bool {
        false
    }

    /// What adapters may change of it; `None`: it computes none.
    fn adaptable(&self) -> Option<Arc<Adaptable>> {
        None
    }

    /// What vectors it makes of texts.
    ///
    /// # Errors
    /// `Unsupported`, by name: it makes none.
    fn vectors(&self) -> Result<VectorSpec> {
        let Spec { architecture, backend, .. } = self.spec();
        let why = format!(
            "the {backend} backend makes no vectors of texts with {architecture}; take the native backend"
        );
        Err(Error::new(ErrorKind::Unsupported, why))
    }

    /// As [`Decoder::begin`], of a pass that gives vectors in place of logits: row 0 of a span that wants one
    /// row. With [`Pooling::Mean`](super::Pooling::Mean) it is the mean of the span's own tokens, else what
    /// the last token of the text gives.
    ///
    /// # Errors
    /// As [`Decoder::begin`] and [`Decoder::vectors`].
    fn begin_vectors(&mut self, spans: &[Span<'_>]) -> Result<()> {
        self.vectors()?;
        self.begin(spans)
    }

    /// Starts a pass over `spans`, which are as [`super::Runner::begin`] checks them; none is in progress.
    ///
    /// # Errors
    /// `OutOfMemory` if what it works in finds no room; no pass is then in progress.
    fn begin(&mut self, spans: &[Span<'_>]) -> Result<()>;

    /// Computes until the pass is done or a resting point after `pace.until`.
    ///
    /// # Errors
    /// Whatever the backend fails with: it concerns every span of this pass.
    fn run_slice(&mut self, pace: Pace) -> Result<Step>;

    /// The logits after one of the tokens of span `index`, (vocab_size): `row` counts those that are wanted.
    /// Samplers write into them. Of an encoder: its vector, as the model gives it. Only after [`Step::Done`].
    fn logits(&mut self, index: usize, row: usize) -> &mut [f32];

    /// Ends the pass, done or not.
    fn finish(&mut self);

    /// Bytes held for scratch and for weights on their way to other pages, and for keys and values that the
    /// cache does not count ([`crate::kv::Group::bytes`]).
    fn memory(&self) -> u64;

    /// Bytes of weights that the pass in progress has gone over, of [`Spec::weight_bytes`], where they may
    /// come from a disk while it does; `None`: they are in memory, or nobody knows.
    fn bytes_read(&self) -> Option<u64> {
        None
    }

    /// Does a piece of work, as a rule well under a millisecond, that makes later passes quicker; false:
    /// nothing is left to do. Not called while a pass is in progress.
    fn warm_up(&mut self) -> bool {
        false
    }

    /// Gives back what can be computed again; what the pass in progress works in stays.
    fn trim(&mut self) {}
}

impl<D: Decoder + ?Sized> Decoder for Box<D> {
    fn spec(&self) -> &Spec {
        (**self).spec()
    }

    fn cache_spec(&self) -> CacheSpec {
        (**self).cache_spec()
    }

    fn storage(&mut self) -> &mut dyn Storage {
        (**self).storage()
    }

    fn chunk_limit(&self, held: usize, wanted: usize) -> usize {
        (**self).chunk_limit(held, wanted)
    }

    fn verifies(&self) -> bool {
        (**self).verifies()
    }

    fn adaptable(&self) -> Option<Arc<Adaptable>> {
        (**self).adaptable()
    }

    fn vectors(&self) -> Result<VectorSpec> {
        (**self).vectors()
    }

    fn begin_vectors(&mut self, spans: &[Span<'_>]) -> Result<()> {
        (**self).begin_vectors(spans)
    }

    fn begin(&mut self, spans: &[Span<'_>]) -> Result<()> {
        (**self).begin(spans)
    }

    fn run_slice(&mut self, pace: Pace) -> Result<Step> {
        (**self).run_slice(pace)
    }

    fn logits(&mut self, index: usize, row: usize) -> &mut [f32] {
        (**self).logits(index, row)
    }

    fn finish(&mut self) {
        (**self).finish();
    }

    fn memory(&self) -> u64 {
        (**self).memory()
    }

    fn bytes_read(&self) -> Option<u64> {
        (**self).bytes_read()
    }

    fn warm_up(&mut self) -> bool {
        (**self).warm_up()
    }

    fn trim(&mut self) {
        (**self).trim();
    }
}
