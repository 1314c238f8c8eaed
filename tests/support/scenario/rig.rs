//! A decoder around another, in which a test may do anything at any point; knows no test.

use super::super::stream::options;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use wick::budget::Budget;
use wick::error::Result;
use wick::kv::{CacheSpec, Storage};
use wick::model::{Decoder, Pace, PrefixCache, Runner, Span, Spec, Step, VectorSpec};
use wick::runtime::Loaded;
use wick::stream::{Consumer, Producer, StreamOptions, stream};
use wick::testing::{Gate, Script, model};

/// Where a rig is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// Before the past of a sequence is touched.
    Storage,
    Begin,
    /// A slice, before it is computed.
    Slice,
    Limit,
    Logits,
    /// An error: there is more to warm up.
    WarmUp,
}

/// What happens at a point: nothing, an error, a panic. Errors count only where the decoder may fail.
pub type Rig = Arc<dyn Fn(Point) -> Result<()> + Send + Sync>;

/// The fake model of `script` with `rig` in it.
pub fn rigged(script: &Script, rig: Rig) -> (Loaded, Gate) {
    let ((inner, vocab), gate) = model(script);
    ((around(inner, rig), vocab), gate)
}

/// Does `fault` the nth time (from 0) that the decoder comes to `at`.
pub fn once(at: Point, nth: usize, fault: impl Fn() -> Result<()> + Send + Sync + 'static) -> Rig {
    let count = AtomicUsize::new(0);
    Arc::new(move |point| {
        if point == at && count.fetch_add(1, Ordering::SeqCst) == nth {
            return fault();
        }
        Ok(())
    })
}

/// A loaded model as an engine takes it, without a limit of memory.
pub fn for_engine((decoder, vocab): Loaded) -> wick::engine::Runnable {
    let runner = Runner::new(decoder, &Budget::new(None), PrefixCache::Auto);
    (Box::new(runner.expect("memory")), vocab)
}

/// A stream that is read by hand and wakes nobody, for an engine that is driven by hand.
pub fn pulled(key: u64) -> (Producer, Consumer) {
    stream(StreamOptions { starts: true, ..options(key) }).expect("no queue")
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

    fn cache_spec(&self) -> CacheSpec {
        self.inner.cache_spec()
    }

    fn storage(&mut self) -> &mut dyn Storage {
        let _ = (self.rig)(Point::Storage);
        self.inner.storage()
    }

    fn chunk_limit(&self, held: usize, wanted: usize) -> usize {
        let _ = (self.rig)(Point::Limit);
        self.inner.chunk_limit(held, wanted)
    }

    fn verifies(&self) -> bool {
        self.inner.verifies()
    }

    fn vectors(&self) -> Result<VectorSpec> {
        self.inner.vectors()
    }

    fn begin_vectors(&mut self, spans: &[Span<'_>]) -> Result<()> {
        (self.rig)(Point::Begin)?;
        self.inner.begin_vectors(spans)
    }

    fn begin(&mut self, spans: &[Span<'_>]) -> Result<()> {
        (self.rig)(Point::Begin)?;
        self.inner.begin(spans)
    }

    fn run_slice(&mut self, pace: Pace) -> Result<Step> {
        (self.rig)(Point::Slice)?;
        self.inner.run_slice(pace)
    }

    fn logits(&mut self, index: usize, row: usize) -> &mut [f32] {
        let _ = (self.rig)(Point::Logits);
        self.inner.logits(index, row)
    }

    fn finish(&mut self) {
        self.inner.finish();
    }

    fn memory(&self) -> u64 {
        self.inner.memory()
    }

    fn warm_up(&mut self) -> bool {
        (self.rig)(Point::WarmUp).is_err()
    }
}
