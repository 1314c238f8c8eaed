//! Drives a native decoder as the engine does: begin, slices, logits, commit, finish.

#![allow(dead_code)]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use wick::compute::{Compute, Pool, PoolOptions};
use wick::error::Result;
use wick::gguf::{Gguf, Limits, Source};
use wick::kernel::Kernels;
use wick::model::{Chunk, KvType, NativeDecoder, NativeOptions, Pace, PrefixCache, Runner, Sequence, Step};

pub struct Driver {
    pub decoder: Runner<NativeDecoder>,
    /// How long a slice may take.
    pub slice: Duration,
}

/// A pool of `threads` threads with the best kernels.
pub fn compute(threads: usize) -> Arc<Mutex<Compute>> {
    let pool = Pool::new(&PoolOptions { threads, ..PoolOptions::default() }).expect("threads");
    Arc::new(Mutex::new(Compute::new(pool, Kernels::best()).expect("scratch")))
}

pub fn load(gguf: Arc<Gguf>, threads: usize) -> Result<Runner<NativeDecoder>> {
    run(gguf, NativeOptions::new(compute(threads)))
}

/// The model file at `path`.
pub fn gguf(path: &Path) -> Arc<Gguf> {
    let gguf = Gguf::open(Source::path(path), &Limits::default(), &mut |_, _| Ok(()));
    Arc::new(gguf.expect("a readable model"))
}

/// The model with its sequences, which share nothing but by forks.
pub fn run(gguf: Arc<Gguf>, options: NativeOptions) -> Result<Runner<NativeDecoder>> {
    let budget = options.budget.clone();
    Runner::new(NativeDecoder::load(gguf, options)?, &budget, PrefixCache::Off)
}

impl Driver {
    pub fn open(path: &Path, threads: usize) -> Self {
        Self::over(gguf(path), threads)
    }

    pub fn over(gguf: Arc<Gguf>, threads: usize) -> Self {
        Self { decoder: load(gguf, threads).expect("a model that loads"), slice: Duration::from_millis(1) }
    }

    /// The same, computed by what others compute with too.
    pub fn with_compute(gguf: Arc<Gguf>, compute: Arc<Mutex<Compute>>) -> Self {
        let decoder = run(gguf, NativeOptions::new(compute)).expect("a model that loads");
        Self { decoder, slice: Duration::from_millis(1) }
    }

    /// The same with keys and values of another type.
    pub fn with_kv_type(gguf: Arc<Gguf>, threads: usize, kv_type: KvType) -> Self {
        let options = NativeOptions { kv_type, ..NativeOptions::new(compute(threads)) };
        let decoder = run(gguf, options).expect("a model that loads");
        Self { decoder, slice: Duration::from_millis(1) }
    }

    /// A new sequence of the longest context.
    pub fn sequence(&mut self) -> Sequence {
        let context = self.decoder.spec().context_length;
        self.decoder.open(context).expect("a sequence")
    }

    /// One whole pass, every chunk committed; the logits of chunks that want them.
    pub fn pass(&mut self, chunks: &[Chunk<'_>]) -> Vec<Vec<f32>> {
        self.decoder.begin(chunks).expect("a pass begins");
        self.run();
        let mut logits = Vec::new();
        for (index, chunk) in chunks.iter().enumerate() {
            if chunk.logits > 0 {
                logits.push(self.decoder.logits(index, 0).to_vec());
            }
            self.decoder.commit(index, usize::MAX);
        }
        self.decoder.finish();
        logits
    }

    /// Runs the pass in progress to its end; returns how many slices it took.
    pub fn run(&mut self) -> usize {
        for slices in 1.. {
            let pace = Pace { until: Instant::now() + self.slice };
            if self.decoder.run_slice(pace).expect("a slice") == Step::Done {
                return slices;
            }
        }
        unreachable!("a pass ends")
    }

    /// Extends `sequence`, in as many passes as it takes; the logits after the last token.
    pub fn extend(&mut self, sequence: Sequence, tokens: &[u32]) -> Vec<f32> {
        self.extend_by(sequence, tokens, usize::MAX)
    }

    /// As [`extend`](Self::extend), with at most `most` tokens in a pass.
    pub fn extend_by(&mut self, sequence: Sequence, tokens: &[u32], most: usize) -> Vec<f32> {
        let mut rest = tokens;
        loop {
            let limit = self.decoder.chunk_limit(sequence, rest.len()).min(most);
            let (now, later) = rest.split_at(limit);
            let mut logits =
                self.pass(&[Chunk { sequence, tokens: now, logits: usize::from(later.is_empty()) }]);
            if let Some(logits) = logits.pop() {
                return logits;
            }
            rest = later;
        }
    }
}

/// The index of the greatest logit.
pub fn argmax(logits: &[f32]) -> u32 {
    let greatest = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)));
    greatest.map_or(0, |(id, _)| id as u32)
}

/// Bit patterns, for comparisons that must be exact.
pub fn bits(logits: &[f32]) -> Vec<u32> {
    logits.iter().map(|logit| logit.to_bits()).collect()
}
