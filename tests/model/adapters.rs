//! Adapters: what they add equals weights that they are merged into; no bit depends on who else computes.
#![cfg(feature = "native")]

use crate::support::counting::calls;
use crate::support::driver::{Driver, bits, compute, load};
use crate::support::tiny::adapter::TinyAdapter;
use crate::support::tiny::known::{apart, known, models};
use crate::support::tiny::{ARCHITECTURES, Random, Tiny};
use std::sync::Arc;
use std::time::{Duration, Instant};
use wick::budget::Budget;
use wick::error::ErrorKind;
use wick::gguf::TensorType;
use wick::kernel::{Type, dequantise};
use wick::model::{Adapted, Adapter, Chunk, Decoder, NativeDecoder, NativeOptions, Pace, PrefixCache};
use wick::model::{Runner, Sequence, Step};

fn prompt(seed: u64, length: usize) -> Vec<u32> {
    let mut random = Random(seed);
    (0..length).map(|_| random.below(160) as u32).collect()
}

fn adapted(driver: &Driver, tiny: &TinyAdapter, scale: f32) -> Adapted {
    let base = driver.decoder.decoder().adaptable().expect("the native decoder computes adapters");
    let adapter = Adapter::read(&tiny.open(), &base, &Budget::new(None)).expect("an adapter of the model");
    Adapted { adapter, scale }
}

/// A new sequence with an adapter.
fn open(driver: &mut Driver, adapter: Option<&Adapted>) -> Sequence {
    let context = driver.decoder.spec().context_length;
    driver.decoder.open_adapted(context, adapter.cloned()).expect("a sequence")
}

/// The values of a tensor.
fn values(kind: TensorType, bytes: &[u8]) -> Vec<f32> {
    let ty = match kind {
        TensorType::F32 => Type::F32,
        TensorType::F16 => Type::F16,
        TensorType::BF16 => Type::BF16,
        TensorType::Q8_0 => Type::Q8_0,
        TensorType::Q4_0 => Type::Q4_0,
        other => panic!("{}", other.name()),
    };
    let mut out = vec![0.0; bytes.len() / kind.block_bytes() as usize * kind.block_len() as usize];
    dequantise(ty, bytes, &mut out);
    out
}

/// How far what an adapter gives is from what merged weights give, and how far the model alone is.
fn distances(tiny: &Tiny, adapter: &TinyAdapter, scale: f32, tokens: &[u32]) -> (f64, f64) {
    let mut merged = Driver::over(adapter.merged(tiny, scale, &values), 1);
    let sequence = merged.sequence();
    let truth = merged.extend(sequence, tokens);
    let mut driver = Driver::over(tiny.open(), 1);
    let with = adapted(&driver, adapter, scale);
    let (sequence, plain) = (open(&mut driver, Some(&with)), driver.sequence());
    let found = driver.extend(sequence, tokens);
    (apart(&truth, &found), apart(&truth, &driver.extend(plain, tokens)))
}

#[test]
fn what_they_add_is_what_merged_weights_give_in_every_architecture() {
    let of_f32 = models().into_iter().filter(|(_, tiny)| tiny.matrices == TensorType::F32);
    let (mut tried, mut encoders, mut wrong) = (0, 0, Vec::new());
    for (name, tiny) in of_f32 {
        let mut adapter = TinyAdapter::of(&tiny, 4, 5);
        // A factor is the matrix' alone, and would be what is merged into it as well.
        adapter.matrices.retain(|(matrix, _)| {
            let factor = format!("{}.scale", matrix.trim_end_matches(".weight"));
            !tiny.tensors().iter().any(|(name, ..)| *name == factor && !name.contains("gate_inp"))
        });
        let driver = Driver::over(tiny.open(), 1);
        let decoder = driver.decoder.decoder();
        let Some(adaptable) = decoder.adaptable() else {
            assert!(decoder.spec().encodes, "{name} has no matrices");
            encoders += 1;
            continue;
        };
        let all = adapter.matrices.len();
        adapter.matrices.retain(|(name, _)| adaptable.names().any(|known| known == name));
        // Keys and values that its files have beside those of other layers are nobody's, nor are blocks that
        // only draft.
        let has_strangers = ["gemma4", "qwen35", "qwen35moe"].contains(&tiny.architecture);
        assert!(adapter.matrices.len() == all || has_strangers, "{name}");
        let (near, far) = distances(&tiny, &adapter, 0.8, &prompt(3, 70));
        // Both round keys and values to f16; without the adapter it is another model.
        if !(near < 0.01 && far > 0.3) {
            wrong.push(format!("{name}: {near} apart with the adapter, {far} without"));
        }
        tried += 1;
    }
    assert!(tried + encoders >= ARCHITECTURES.len());
    assert!(wrong.is_empty(), "{}", wrong.join("; "));
}

#[test]
fn each_matrix_is_changed_by_itself() {
    let mut wrong = Vec::new();
    for architecture in ["llama", "gemma4", "qwen2moe", "lfm2", "phi3"] {
        let tiny = known(architecture);
        let all = TinyAdapter::of(&tiny, 3, 9);
        let mut ends: Vec<&str> = Vec::new();
        for (name, _) in &all.matrices {
            let end = name
                .strip_prefix("blk.")
                .and_then(|rest| rest.split_once('.'))
                .map_or(&**name, |(_, end)| end);
            if !ends.contains(&end) {
                ends.push(end);
            }
        }
        assert!(ends.len() >= 5, "{ends:?}");
        for end in ends {
            let (near, far) = distances(&tiny, &all.clone().only(end), 1.0, &prompt(4, 30));
            if !(near < 0.003 && far > 3.0 * near) {
                wrong.push(format!("{architecture} {end}: {near} apart with the adapter, {far} without"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("; "));
}

#[test]
fn halves_of_any_type_are_read() {
    let tiny = Tiny::new("llama");
    for kind in [TensorType::F16, TensorType::BF16, TensorType::Q8_0, TensorType::Q4_0] {
        // A rank of whole blocks, so that both halves are of the type.
        let adapter = TinyAdapter::of(&tiny, 32, 2).of_type(kind);
        let (near, far) = distances(&tiny, &adapter, 0.3, &prompt(5, 30));
        assert!(near < 0.003 && far > 0.1, "{}: {near} apart with the adapter, {far} without", kind.name());
    }
}

/// The logits after each of the last tokens of `tokens`, decoded one by one behind a prefill.
fn decode(
    driver: &mut Driver,
    adapter: Option<&Adapted>,
    tokens: &[u32],
    prefill: usize,
    most: usize,
) -> Vec<Vec<u32>> {
    let sequence = open(driver, adapter);
    let (head, tail) = tokens.split_at(prefill);
    let mut all = vec![bits(&driver.extend_by(sequence, head, most))];
    all.extend(tail.iter().map(|&id| bits(&driver.extend(sequence, &[id]))));
    driver.decoder.close(sequence);
    all
}

#[test]
fn threads_and_cuts_change_nothing() {
    let tokens = prompt(7, 120);
    for (architecture, kind) in [
        ("llama", TensorType::Q4_0),
        ("llama", TensorType::F32),
        ("phi3", TensorType::Q8_0),
        ("qwen2moe", TensorType::Q8_0),
        ("lfm2moe", TensorType::F32),
        ("gemma4", TensorType::Q8_0),
    ] {
        let tiny = Tiny::new(architecture).of(kind);
        // A rank of several chunks.
        let adapter = TinyAdapter::of(&tiny, 20, 3);
        let mut alone = Driver::over(tiny.open(), 1);
        let with = adapted(&alone, &adapter, 0.5);
        let truth = decode(&mut alone, Some(&with), &tokens, 117, usize::MAX);
        assert!(truth.iter().flatten().all(|&b| f32::from_bits(b).is_finite()), "{architecture}");
        for (threads, most) in [(2, usize::MAX), (3, 33), (2, 7), (1, 1)] {
            let mut driver = Driver::over(tiny.open(), threads);
            driver.slice = Duration::ZERO;
            let with = adapted(&driver, &adapter, 0.5);
            let again = decode(&mut driver, Some(&with), &tokens, 117, most);
            assert!(again == truth, "{architecture} {}, {threads} threads, cuts of {most}", kind.name());
        }
    }
}

#[test]
fn a_batch_of_voices_gives_each_what_it_gets_alone() {
    for (architecture, kind) in [
        ("llama", TensorType::Q4_0),
        ("qwen2moe", TensorType::Q8_0),
        ("gemma4", TensorType::Q8_0),
        ("lfm2", TensorType::F32),
    ] {
        let tiny = Tiny::new(architecture).of(kind);
        let (one, two) = (TinyAdapter::of(&tiny, 4, 1), TinyAdapter::of(&tiny, 7, 2));
        let some = TinyAdapter::of(&tiny, 2, 3).only("ffn_down.weight");
        let some = if some.matrices.is_empty() { TinyAdapter::of(&tiny, 2, 3) } else { some };
        let voices = |driver: &Driver| {
            let of = |adapter, scale| Some(adapted(driver, adapter, scale));
            // The same as strongly and less, one of a few matrices, and none.
            let first = [None, of(&one, 1.0), of(&two, 0.6), None, of(&one, 1.0)];
            let rest = [of(&one, 0.25), of(&some, 1.0), of(&two, 0.6), None];
            first.into_iter().chain(rest).collect::<Vec<_>>()
        };
        let prompts: Vec<Vec<u32>> = (0..9).map(|seed| prompt(seed, 3 + 5 * seed as usize)).collect();
        let mut alone = Driver::over(tiny.open(), 1);
        let of_alone = voices(&alone);
        let pairs = prompts.iter().zip(&of_alone);
        let truth: Vec<_> =
            pairs.map(|(p, voice)| decode(&mut alone, voice.as_ref(), p, p.len() - 2, usize::MAX)).collect();
        // Whoever has no adapter gets what a model gives that never had any.
        let mut never = Driver::over(tiny.open(), 1);
        for (index, _) in of_alone.iter().enumerate().filter(|(_, voice)| voice.is_none()) {
            let p = &prompts[index];
            assert!(decode(&mut never, None, p, p.len() - 2, usize::MAX) == truth[index], "{architecture}");
        }

        let mut driver = Driver::over(tiny.open(), 2);
        let of_batch = voices(&driver);
        let sequences: Vec<_> = of_batch.iter().map(|voice| open(&mut driver, voice.as_ref())).collect();
        let parts = [
            |p: &[u32]| 0..p.len() - 2,
            |p: &[u32]| p.len() - 2..p.len() - 1,
            |p: &[u32]| p.len() - 1..p.len(),
        ];
        for (step, part) in parts.into_iter().enumerate() {
            let chunk = |(p, &sequence): (&'_ Vec<u32>, &Sequence)| (part(p), sequence);
            let ranges: Vec<_> = prompts.iter().zip(&sequences).map(chunk).collect();
            let chunks: Vec<Chunk<'_>> = ranges
                .iter()
                .zip(&prompts)
                .map(|((range, sequence), p)| Chunk {
                    sequence: *sequence,
                    tokens: &p[range.clone()],
                    logits: 1,
                })
                .collect();
            for (index, logits) in driver.pass(&chunks).iter().enumerate() {
                assert!(bits(logits) == truth[index][step], "{architecture}, sequence {index}, step {step}");
            }
        }
    }
}

/// A driver whose sequences share what they have computed.
fn sharing(tiny: &Tiny, budget: &Arc<Budget>, prefixes: PrefixCache) -> Driver {
    let options = NativeOptions { budget: budget.clone(), ..NativeOptions::new(compute(1)) };
    let decoder = NativeDecoder::load(tiny.open(), options).expect("a model");
    let decoder = Runner::new(decoder, budget, prefixes).expect("memory");
    Driver { decoder, slice: Duration::from_millis(1) }
}

#[test]
fn pasts_of_other_voices_are_never_hit() {
    let tiny = Tiny::new("llama");
    let mut driver = sharing(&tiny, &Budget::new(None), PrefixCache::Bytes(16 << 20));
    let (one, two) = (TinyAdapter::of(&tiny, 4, 1), TinyAdapter::of(&tiny, 4, 2));
    let of = |driver: &Driver, adapter, scale| Some(adapted(driver, adapter, scale));
    let voices = [None, of(&driver, &one, 1.0), of(&driver, &one, 0.5), of(&driver, &two, 1.0)];
    let tokens = prompt(1, 100);
    let mut truth: Vec<Vec<u32>> = Vec::new();
    for voice in &voices {
        let sequence = open(&mut driver, voice.as_ref());
        assert_eq!(driver.decoder.seek(sequence, &tokens, 99), 0, "computed with another: {voice:?}");
        let found = bits(&driver.extend(sequence, &tokens));
        assert!(!truth.contains(&found), "{voice:?} computes as another");
        truth.push(found);
        driver.decoder.close(sequence);
    }
    // The same again is a hit, also the same content that was read again; forks go on alike.
    let again = [None, of(&driver, &one, 1.0), of(&driver, &one, 0.5), of(&driver, &two, 1.0)];
    for (voice, truth) in again.iter().zip(&truth) {
        let sequence = open(&mut driver, voice.as_ref());
        assert_eq!(driver.decoder.seek(sequence, &tokens, 99), 99, "{voice:?}");
        assert!(bits(&driver.extend(sequence, &tokens[99..])) == *truth, "{voice:?}");
        let fork = driver.decoder.fork(sequence, 60).expect("a fork");
        driver.decoder.close(sequence);
        assert!(bits(&driver.extend(fork, &tokens[60..])) == *truth, "a fork of {voice:?}");
        driver.decoder.close(fork);
    }
}

#[test]
fn no_allocation_per_token() {
    for (architecture, kind) in [("llama", TensorType::Q4_0), ("qwen2moe", TensorType::Q8_0)] {
        let tiny = Tiny::new(architecture).of(kind);
        let decoder = load(tiny.open(), 2).expect("a model");
        let mut driver = Driver { decoder, slice: Duration::from_millis(1) };
        let voice = |seed| adapted(&driver, &TinyAdapter::of(&tiny, 4, seed), 1.0);
        let voices: Vec<_> = (0..12).map(voice).collect();
        let sequences: Vec<_> = voices.iter().map(|voice| open(&mut driver, Some(voice))).collect();
        let mut decode = |tokens: u32| {
            for id in 0..tokens {
                let token = [id % 160];
                let chunks: [Chunk<'_>; 12] = std::array::from_fn(|index| Chunk {
                    sequence: sequences[index],
                    tokens: &token,
                    logits: 1,
                });
                driver.decoder.begin(&chunks).expect("a pass");
                let pace = || Pace { until: Instant::now() + Duration::from_millis(1) };
                while driver.decoder.run_slice(pace()).expect("a slice") == Step::More {}
                (0..sequences.len()).for_each(|index| {
                    driver.decoder.commit(index, usize::MAX);
                });
                driver.decoder.finish();
            }
            calls()
        };
        // Up to the middle of a block of keys and values.
        let before = decode(40);
        assert_eq!(decode(20) - before, 0, "allocations in 20 passes of {architecture}");
    }
}

#[test]
fn they_are_counted_in_the_budget() {
    let (tiny, budget) = (Tiny::new("llama"), Budget::new(None));
    let adapter = TinyAdapter::of(&tiny, 16, 1).open();
    let mut driver = sharing(&tiny, &budget, PrefixCache::Off);
    let before = budget.held();
    let base = driver.decoder.decoder().adaptable().expect("matrices");
    let with = Adapter::read(&adapter, &base, &budget).expect("an adapter");
    let bytes = with.about().bytes;
    assert!(bytes > 10_000 && budget.held() - before == bytes);
    let with = Adapted { adapter: with, scale: 1.0 };
    let sequence = open(&mut driver, Some(&with));
    driver.extend(sequence, &prompt(1, 100));
    assert_eq!(budget.held() - before, driver.decoder.memory() + bytes);
    driver.decoder.close(sequence);
    driver.decoder.trim();
    drop(with);
    assert_eq!(budget.held(), before);
    let small = Budget::new(Some(10_000));
    let error = Adapter::read(&adapter, &base, &small).expect_err("over the budget");
    assert_eq!((error.kind(), small.held()), (ErrorKind::OutOfMemory, 0));
}

#[test]
fn another_models_adapter_is_no_sequences() {
    let tiny = Tiny::new("llama");
    let (mut driver, other) = (Driver::over(tiny.open(), 1), Driver::over(tiny.open(), 1));
    let with = adapted(&other, &TinyAdapter::of(&tiny, 4, 1), 1.0);
    let error = driver.decoder.open_adapted(64, Some(with)).expect_err("another model's");
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}
