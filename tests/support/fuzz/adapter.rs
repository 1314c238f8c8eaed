//! The judge of fuzzed adapters: whatever a file says, an adapter that computes, or a fitting error.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};
use wick::budget::Budget;
use wick::compute::Compute;
use wick::error::{ErrorKind, Result};
use wick::gguf::{Gguf, Limits, Source};
use wick::model::{
    Adapted, Adapter, Chunk, Decoder, NativeDecoder, NativeOptions, Pace, PrefixCache, Runner, Step,
};

/// The architecture of the model that adapters are read for: one with experts.
pub const ARCHITECTURE: &str = "qwen2moe";

/// That model: a file of another target's corpus, which its test writes.
const MODEL: &[u8] = include_bytes!("../../../fuzz/corpus/hyperparameters/qwen2moe");

/// What all judgements have in common, made once.
struct Base {
    gguf: Arc<Gguf>,
    /// On the caller's thread, so that its allocations are counted there.
    compute: Arc<Mutex<Compute>>,
    /// What a sequence without an adapter gets.
    plain: Vec<u32>,
}

static BASE: LazyLock<Base> = LazyLock::new(|| {
    let compute = Compute::alone().expect("scratch");
    let gguf = Arc::new(open(MODEL).expect("a model"));
    let mut base = Base { gguf, compute: Arc::new(Mutex::new(compute)), plain: Vec::new() };
    base.plain = last_logits(&mut base.load(&Budget::new(None)), &[None]);
    base
});

/// What does not count as a file's: the model, and the memory of threads.
pub fn warm_up() {
    LazyLock::force(&BASE);
}

fn open(bytes: &[u8]) -> Result<Gguf> {
    Gguf::open(Source::Memory(Box::new(bytes.to_vec())), &Limits::default(), &mut |_, _| Ok(()))
}

impl Base {
    fn load(&self, budget: &Arc<Budget>) -> Runner<NativeDecoder> {
        let options = NativeOptions::new(self.compute.clone());
        let decoder = NativeDecoder::load(self.gguf.clone(), options).expect("a model");
        Runner::new(decoder, budget, PrefixCache::Off).expect("memory")
    }
}

/// A pass of sequences with these adapters: bits of what the last one gets.
fn last_logits(decoder: &mut Runner<NativeDecoder>, adapters: &[Option<Adapted>]) -> Vec<u32> {
    let open = |adapter: &Option<Adapted>| decoder.open_adapted(16, adapter.clone()).expect("a sequence");
    let sequences: Vec<_> = adapters.iter().map(open).collect();
    let chunk = |sequence| Chunk { sequence, tokens: &[1, 2, 3], logits: 1 };
    let chunks: Vec<Chunk<'_>> = sequences.into_iter().map(chunk).collect();
    decoder.begin(&chunks).expect("a pass");
    // Some slices end at their first resting point.
    let mut until = Instant::now();
    while decoder.run_slice(Pace { until }).expect("a slice") == Step::More {
        until += Duration::from_millis(1);
    }
    let logits = decoder.logits(chunks.len() - 1, 0).iter().map(|logit| logit.to_bits()).collect();
    for index in 0..chunks.len() {
        decoder.commit(index, usize::MAX);
    }
    decoder.finish();
    logits
}

/// Reads `bytes` as an adapter of the model and computes a pass with it, beside a sequence without; whether
/// they were one. Panics where a promise is broken.
pub fn judge(bytes: &[u8]) -> bool {
    let Ok(gguf) = open(bytes) else { return false };
    let budget = Budget::new(None);
    let mut decoder = BASE.load(&budget);
    let adaptable = decoder.decoder().adaptable().expect("the native decoder computes adapters");
    let held = budget.held();
    let adapter = match Adapter::read(&gguf, &adaptable, &budget) {
        Ok(adapter) => adapter,
        Err(error) => {
            let kinds = [ErrorKind::ModelInvalid, ErrorKind::Unsupported, ErrorKind::OutOfMemory];
            assert!(kinds.contains(&error.kind()) && error.message().len() > 20, "{error}");
            assert_eq!(budget.held(), held, "what is refused holds nothing");
            return false;
        }
    };
    assert_eq!(budget.held() - held, adapter.about().bytes);
    let with = Some(Adapted { adapter, scale: 1.0 });
    assert!(last_logits(&mut decoder, &[with, None]) == BASE.plain, "who has no adapter gets something else");
    true
}
