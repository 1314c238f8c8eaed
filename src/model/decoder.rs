//! The contract between the engine and whatever computes logits; knows no implementation.

use super::spec::Spec;
use crate::error::Result;
use std::time::Instant;

/// A sequence of tokens whose keys and values a decoder keeps: an index that the decoder handed out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sequence(pub u32);

/// One sequence's share of a pass: `tokens` follow what the sequence holds already.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    /// Whose tokens these are; at most one chunk of a sequence in a pass.
    pub sequence: Sequence,
    /// At least one token; each below `vocab_size`.
    pub tokens: &'a [u32],
    /// Whether the logits after the last token are wanted.
    pub logits: bool,
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

/// Tokens to logits, pass by pass, slice by slice.
///
/// One thread at a time drives it: `begin`, `run_slice` until [`Step::Done`], read `logits`, `commit` each
/// chunk that is still wanted, `finish`. A sequence grows only by `commit`: a pass that fails, or whose chunk
/// is not committed, leaves it as it was. An error or a panic of `run_slice` ends the pass (the engine then
/// calls `finish`) and poisons nothing.
pub trait Decoder: Send {
    /// What this decoder is.
    fn spec(&self) -> &Spec;

    /// A new, empty sequence of at most `context` tokens.
    ///
    /// # Errors
    /// `OutOfMemory` over the memory budget.
    fn open(&mut self, context: usize) -> Result<Sequence>;

    /// Forgets a sequence and its keys and values; one that takes part in a pass goes when the pass is
    /// finished.
    fn close(&mut self, sequence: Sequence);

    /// Tokens of the sequence whose keys and values are held.
    fn length(&self, sequence: Sequence) -> usize;

    /// Keeps at most the first `length` tokens of the sequence, and says how many are kept: a decoder that
    /// cannot rewind keeps none. Not called for a sequence that takes part in a pass.
    fn truncate(&mut self, sequence: Sequence, length: usize) -> usize;

    /// How many of `wanted` new tokens the next chunk of this sequence may take; at least 1, at most
    /// `wanted`. A decoder without a resumable prefill wants all of them at once.
    fn chunk_limit(&self, sequence: Sequence, wanted: usize) -> usize;

    /// Starts a pass over `chunks`: at least one, at most `max_batch`; none is in progress.
    ///
    /// # Errors
    /// `OutOfMemory` if keys and values find no room; no pass is then in progress.
    fn begin(&mut self, chunks: &[Chunk<'_>]) -> Result<()>;

    /// Computes until the pass is done or a resting point after `pace.until`.
    ///
    /// # Errors
    /// Whatever the backend fails with: it concerns every chunk of this pass.
    fn run_slice(&mut self, pace: Pace) -> Result<Step>;

    /// The logits after the last token of chunk `index`, (vocab_size); samplers write into them.
    /// Only after [`Step::Done`], for a chunk that wanted them.
    fn logits(&mut self, index: usize) -> &mut [f32];

    /// Makes chunk `index` of a pass that is done part of its sequence.
    fn commit(&mut self, index: usize);

    /// Ends the pass, done or not; chunks that were not committed are dropped.
    fn finish(&mut self);

    /// Bytes held for keys, values, scratch and what is being settled now.
    fn memory(&self) -> u64;

    /// Bytes of weights that the pass in progress has gone over, of [`Spec::weight_bytes`], where they may
    /// come from a disk while it does; `None`: they are in memory, or nobody knows.
    fn bytes_read(&self) -> Option<u64> {
        None
    }

    /// Does a piece of work, as a rule well under a millisecond, that makes later passes quicker; false:
    /// nothing is left to do. Not called while a pass is in progress.
    fn settle(&mut self) -> bool {
        false
    }

    /// Gives back the memory of keys and values that no sequence holds any more.
    fn release_unused(&mut self) {}

    /// Gives back what can be computed again, but for what sequences hold; what the pass in progress works in
    /// stays.
    fn trim(&mut self) {}
}
