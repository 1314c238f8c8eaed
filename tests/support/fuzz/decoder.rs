//! The judge of fuzzed hyper-parameters: whatever a file says, a decoder that computes, or a fitting error.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};
use wick::budget::Budget;
use wick::compute::Compute;
use wick::error::{Error, ErrorKind};
use wick::gguf::{Gguf, Limits, Source};
use wick::model::{Chunk, NativeDecoder, NativeOptions, Pace, PrefixCache, Runner, Sequence, Step};
use wick::sample::{Sampler, SamplerOptions};

/// Bytes that keys, values and scratch may take: far over what the largest of these files needs for so few
/// tokens, so that what a file alone asks for is over it.
pub const BUDGET: u64 = 32 << 20;

/// Tokens of context: two KV blocks, the second one partly.
const CONTEXT: usize = 40;

/// On the caller's thread, so that its allocations are counted there; made once, as a runtime does.
static COMPUTE: LazyLock<Arc<Mutex<Compute>>> =
    LazyLock::new(|| Arc::new(Mutex::new(Compute::alone().expect("scratch"))));

/// What does not count as a file's: the memory of threads.
pub fn warm_up() {
    LazyLock::force(&COMPUTE);
}

/// Loads `bytes` and computes; whether they were a model. Panics where a promise is broken.
pub fn judge(bytes: &[u8]) -> bool {
    let source = Source::Memory(Box::new(bytes.to_vec()));
    let Ok(gguf) = Gguf::open(source, &Limits::default(), &mut |_, _| Ok(())) else { return false };
    let mut options = NativeOptions::new(COMPUTE.clone());
    options.context_length = Some(CONTEXT);
    let budget = Budget::new(Some(BUDGET));
    options.budget = budget.clone();
    let loaded = NativeDecoder::load(Arc::new(gguf), options);
    match loaded.and_then(|decoder| Runner::new(decoder, &budget, PrefixCache::Off)) {
        Ok(decoder) => {
            compute(decoder);
            true
        }
        Err(error) => {
            let kinds = [ErrorKind::ModelInvalid, ErrorKind::Unsupported, ErrorKind::OutOfMemory];
            assert!(kinds.contains(&error.kind()), "{error}");
            assert!(error.message().len() > 20, "{error}");
            false
        }
    }
}

/// A prefill together with another sequence's, a decode, and the same alone and in pieces: the same bits.
fn compute(mut decoder: Runner<NativeDecoder>) {
    let spec = decoder.spec().clone();
    assert!(spec.vocab_size > 0 && spec.context_length > 0 && spec.max_tokens > 0);
    let prompt: Vec<u32> =
        (0..CONTEXT.min(spec.context_length)).map(|at| (at % spec.vocab_size) as u32).collect();
    if spec.encodes {
        return encode(decoder, &prompt);
    }
    let [one, two, three] = [(); 3].map(|()| decoder.open(spec.context_length).expect("a sequence"));
    let (first, last) = prompt.split_at(prompt.len() - 1);
    let Some(batched) = prefilled(&mut decoder, one, two, first, last) else { return };
    let mut pieces = None;
    for piece in prompt.chunks(7) {
        let chunk = Chunk { sequence: three, tokens: piece, logits: 1 };
        let Some(logits) = pass(&mut decoder, &[chunk]) else { return };
        pieces = Some(logits);
    }
    let pieces = pieces.expect("a token at least");
    // NaNs have many bit patterns.
    if batched.iter().all(|logit| logit.is_finite()) {
        assert!(
            batched.iter().zip(&pieces).all(|(a, b)| a.to_bits() == b.to_bits()),
            "{batched:?}, {pieces:?}"
        );
    }
    sample(batched);
    assert_eq!(decoder.length(three), prompt.len());
    assert!(decoder.memory() <= BUDGET);
}

/// A text's vector beside that of another text, and the same alone: the same bits.
fn encode(mut decoder: Runner<NativeDecoder>, prompt: &[u32]) {
    let (text, _) = prompt.split_at(prompt.len().saturating_sub(1).max(1));
    let [one, two, three] = [(); 3].map(|()| decoder.open(prompt.len()).expect("a sequence"));
    let chunk = |sequence, tokens| Chunk { sequence, tokens, logits: 1 };
    let beside = [chunk(one, text), chunk(two, &[0])];
    let fits = text.len() < decoder.spec().max_tokens;
    let beside = if fits { &beside[..] } else { &beside[..1] };
    let Some(together) = pass(&mut decoder, beside) else { return };
    let Some(alone) = pass(&mut decoder, &[chunk(three, text)]) else { return };
    if together.iter().all(|value| value.is_finite()) {
        let same = together.iter().zip(&alone).all(|(a, b)| a.to_bits() == b.to_bits());
        assert!(same, "{together:?}, {alone:?}");
    }
    assert!(decoder.memory() <= BUDGET);
}

/// The logits after `last`, which follows `first` and is computed beside a token of another sequence; `None`
/// over the budget.
fn prefilled(
    decoder: &mut Runner<NativeDecoder>,
    one: Sequence,
    two: Sequence,
    first: &[u32],
    last: &[u32],
) -> Option<Vec<f32>> {
    if !first.is_empty() {
        pass(decoder, &[Chunk { sequence: one, tokens: first, logits: 0 }])?;
    }
    let beside = Chunk { sequence: two, tokens: &[0], logits: 1 };
    let max = decoder.spec().max_tokens;
    let chunks = [Chunk { sequence: one, tokens: last, logits: 1 }, beside];
    pass(decoder, chunks.get(..max.min(2)).unwrap_or_default())
}

/// The first chunk's logits; `None` over the budget, which is the one error that a pass may begin with.
fn pass(decoder: &mut Runner<NativeDecoder>, chunks: &[Chunk<'_>]) -> Option<Vec<f32>> {
    if let Err(error) = decoder.begin(chunks) {
        assert_budget(&error);
        return None;
    }
    // Some slices end at their first resting point.
    let mut until = Instant::now();
    while decoder.run_slice(Pace { until }).expect("a slice") == Step::More {
        until += Duration::from_millis(1);
    }
    let logits = decoder.logits(0, 0).to_vec();
    for index in 0..chunks.len() {
        decoder.commit(index, usize::MAX);
    }
    decoder.finish();
    Some(logits)
}

fn assert_budget(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error}");
    assert!(error.message().contains(&BUDGET.to_string()), "{error}");
}

/// A token, or the error that says that there is none.
fn sample(mut logits: Vec<f32>) {
    let broken = logits.iter().any(|logit| !logit.is_finite());
    let mut sampler = Sampler::new(SamplerOptions::default(), logits.len()).expect("a greedy sampler");
    match sampler.sample(&mut logits) {
        Ok(sampled) => assert!((sampled.token as usize) < logits.len() && !broken),
        Err(error) => assert!(broken && error.kind() == ErrorKind::Numeric, "{error}"),
    }
}
