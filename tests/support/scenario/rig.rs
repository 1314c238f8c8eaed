//! A decoder around another, in which a test may do anything at any point; knows no test.

use std::sync::Arc;
use wick::error::Result;
use wick::model::{Chunk, Decoder, Pace, Sequence, Spec, Step};
use wick::runtime::Loaded;
use wick::testing::{Gate, Script, model};

/// Where a rig is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    Open,
    Begin,
    /// A slice, before it is computed.
    Slice,
    Limit,
    Logits,
    Truncate,
    /// An error: there is more to settle.
    Settle,
}

/// What happens at a point: nothing, an error, a panic. Errors count only where the decoder may fail.
pub type Rig = Arc<dyn Fn(Point) -> Result<()> + Send + Sync>;

/// The fake model of `script` with `rig` in it.
pub fn rigged(script: &Script, rig: Rig) -> (Loaded, Gate) {
    let ((inner, vocab), gate) = model(script);
    ((around(inner, rig), vocab), gate)
}

/// `inner` with `rig` in it.
pub fn around(inner: Box<dyn Decoder>, rig: Rig) -> Box<dyn Decoder> {
    Box::new(Rigged { inner, rig })
}

struct Rigged {
    inner: Box<dyn Decoder>,
    rig: Rig,
}

impl Decoder for Rigged {
    fn spec(&self) -> &Spec {
        self.inner.spec()
    }

    fn open(&mut self, context: usize) -> Result<Sequence> {
        (self.rig)(Point::Open)?;
        self.inner.open(context)
    }

    fn close(&mut self, sequence: Sequence) {
        self.inner.close(sequence);
    }

    fn length(&self, sequence: Sequence) -> usize {
        self.inner.length(sequence)
    }

    fn truncate(&mut self, sequence: Sequence, length: usize) -> usize {
        let _ = (self.rig)(Point::Truncate);
        self.inner.truncate(sequence, length)
    }

    fn chunk_limit(&self, sequence: Sequence, wanted: usize) -> usize {
        let _ = (self.rig)(Point::Limit);
        self.inner.chunk_limit(sequence, wanted)
    }

    fn begin(&mut self, chunks: &[Chunk<'_>]) -> Result<()> {
        (self.rig)(Point::Begin)?;
        self.inner.begin(chunks)
    }

    fn run_slice(&mut self, pace: Pace) -> Result<Step> {
        (self.rig)(Point::Slice)?;
        self.inner.run_slice(pace)
    }

    fn logits(&mut self, index: usize) -> &mut [f32] {
        let _ = (self.rig)(Point::Logits);
        self.inner.logits(index)
    }

    fn commit(&mut self, index: usize) {
        self.inner.commit(index);
    }

    fn finish(&mut self) {
        self.inner.finish();
    }

    fn memory(&self) -> u64 {
        self.inner.memory()
    }

    fn settle(&mut self) -> bool {
        (self.rig)(Point::Settle).is_err()
    }
}
