//! Passes as the engine uses them: abandoned, partly committed, closed under way, rewound, forked, over the
//! budget, refused.
#![cfg(feature = "native")]

use crate::support::driver;
use crate::support::driver::{Driver, bits};
use crate::support::tiny;
use crate::support::tiny::known::{known, longrope};
use crate::support::tiny::{Random, Tiny};
use std::time::{Duration, Instant};
use wick::budget::Budget;
use wick::error::ErrorKind;
use wick::gguf::TensorType;
use wick::model::{Chunk, NativeOptions, Pace, Sequence, Step};

fn model() -> Tiny {
    Tiny::new("llama").of(TensorType::Q8_0)
}

fn prompt(seed: u64, length: usize) -> Vec<u32> {
    let mut random = Random(seed);
    (0..length).map(|_| random.below(160) as u32).collect()
}

/// The logits after `tokens`, from an empty sequence.
fn fresh(tokens: &[u32]) -> Vec<u32> {
    let mut driver = Driver::over(model().open(), 1);
    let sequence = driver.sequence();
    bits(&driver.extend(sequence, tokens))
}

/// A time that is over.
fn over() -> Pace {
    Pace { until: Instant::now() }
}

#[test]
fn an_abandoned_pass_leaves_its_sequence_as_it_was() {
    let (head, tail) = (prompt(1, 50), prompt(2, 100));
    let mut driver = Driver::over(model().open(), 2);
    let sequence = driver.sequence();
    driver.extend(sequence, &head);
    let held = driver.decoder.memory();
    for slices in [1, 5, 20] {
        driver.decoder.begin(&[Chunk { sequence, tokens: &tail, logits: 1 }]).expect("a pass");
        for _ in 0..slices {
            assert_eq!(driver.decoder.run_slice(over()).expect("a slice"), Step::More);
        }
        driver.decoder.commit(0, usize::MAX);
        assert_eq!(driver.decoder.length(sequence), 50, "a pass that is not done commits nothing");
        driver.decoder.finish();
    }
    let logits = bits(&driver.extend(sequence, &[7]));
    assert!(logits == fresh(&[&head[..], &[7]].concat()));
    assert!(driver.decoder.memory() >= held);
}

#[test]
fn only_committed_chunks_count() {
    let (one, two) = (prompt(3, 40), prompt(4, 20));
    let mut driver = Driver::over(model().open(), 2);
    let (kept, dropped) = (driver.sequence(), driver.sequence());
    let chunks = [
        Chunk { sequence: dropped, tokens: &two, logits: 1 },
        Chunk { sequence: kept, tokens: &one, logits: 1 },
    ];
    driver.decoder.begin(&chunks).expect("a pass");
    driver.run();
    driver.decoder.commit(1, usize::MAX);
    driver.decoder.finish();
    assert_eq!((driver.decoder.length(kept), driver.decoder.length(dropped)), (40, 0));
    assert!(bits(&driver.extend(kept, &[5])) == fresh(&[&one[..], &[5]].concat()));
    assert!(bits(&driver.extend(dropped, &one)) == fresh(&one));
}

#[test]
fn a_sequence_closed_under_way_goes_when_the_pass_is_finished() {
    let tokens = prompt(5, 40);
    let mut driver = Driver::over(model().open(), 1);
    let (other, closed) = (driver.sequence(), driver.sequence());
    let chunks = [closed, other].map(|sequence| Chunk { sequence, tokens: &tokens, logits: 1 });
    driver.decoder.begin(&chunks).expect("a pass");
    driver.decoder.run_slice(over()).expect("a slice");
    driver.decoder.close(closed);
    driver.run();
    assert!(bits(driver.decoder.logits(1, 0)) == fresh(&tokens));
    driver.decoder.commit(1, usize::MAX);
    driver.decoder.finish();
    assert_eq!(driver.decoder.length(other), 40);
    let error = driver.decoder.begin(&[Chunk { sequence: closed, tokens: &[1], logits: 1 }]).err();
    assert!(error.is_some_and(|e| e.kind() == ErrorKind::StaleHandle));
}

#[test]
fn a_rewound_sequence_goes_on_as_if_never_extended() {
    let tokens = prompt(6, 90);
    let mut driver = Driver::over(model().open(), 2);
    let sequence = driver.sequence();
    driver.extend(sequence, &tokens);
    for length in [64, 63, 33, 1, 0] {
        assert_eq!(driver.decoder.truncate(sequence, length), length);
        let mut expected = tokens[..length].to_vec();
        expected.extend([9, 8, 7]);
        assert!(bits(&driver.extend(sequence, &[9, 8, 7])) == fresh(&expected), "kept {length}");
        driver.decoder.truncate(sequence, length);
    }
}

#[test]
fn a_fork_shares_blocks_and_neither_disturbs_the_other() {
    let tokens = prompt(7, 80);
    let mut driver = Driver::over(model().open(), 2);
    let parent = driver.sequence();
    driver.extend(parent, &tokens);
    let held = driver.decoder.memory();
    let child = driver.decoder.fork(parent, 70).expect("a fork");
    assert_eq!((driver.decoder.length(child), driver.decoder.memory()), (70, held), "nothing is copied yet");
    let childs = bits(&driver.extend(child, &[1, 2]));
    let parents = bits(&driver.extend(parent, &[3, 4]));
    assert!(childs == fresh(&[&tokens[..70], &[1, 2]].concat()));
    assert!(parents == fresh(&[&tokens[..], &[3, 4]].concat()));
    driver.decoder.close(parent);
    assert!(bits(&driver.extend(child, &[5])) == fresh(&[&tokens[..70], &[1, 2, 5]].concat()));
}

#[test]
fn over_the_budget_no_pass_begins_and_what_fits_still_does() {
    let mut options = NativeOptions::new(driver::compute(1));
    let needed = {
        let mut free = Driver::over(model().open(), 1);
        let sequence = free.sequence();
        free.extend(sequence, &prompt(8, 100));
        free.decoder.memory()
    };
    options.budget = Budget::new(Some(needed));
    let decoder = driver::run(model().open(), options).expect("a model");
    let mut driver = Driver { decoder, slice: Duration::from_millis(1) };
    let (sequence, tokens) = (driver.sequence(), prompt(8, 250));
    let error = driver.decoder.begin(&[Chunk { sequence, tokens: &tokens, logits: 1 }]).err();
    let error = error.expect("250 tokens where 100 fit");
    assert_eq!(error.kind(), ErrorKind::OutOfMemory);
    assert!(error.message().contains(&needed.to_string()), "{error}");
    assert!(bits(&driver.extend(sequence, &tokens[..100])) == fresh(&tokens[..100]));
    assert!(driver.decoder.memory() <= needed);
    driver.decoder.close(sequence);
    driver.decoder.trim();
    assert_eq!(driver.decoder.memory(), 0);
}

#[test]
fn chunks_that_cannot_be_are_refused_and_no_pass_is_in_progress() {
    let mut driver = Driver::over(model().open(), 1);
    let sequence = driver.sequence();
    let short = driver.decoder.open(10).expect("a sequence");
    let long = vec![1; 257];
    let chunk = |sequence, tokens| Chunk { sequence, tokens, logits: 1 };
    let cases: [(&[Chunk<'_>], ErrorKind); 7] = [
        (&[], ErrorKind::InvalidArgument),
        (&[chunk(sequence, &[])], ErrorKind::InvalidArgument),
        (&[chunk(sequence, &[160])], ErrorKind::InvalidArgument),
        (&[chunk(sequence, &long)], ErrorKind::InvalidArgument),
        (&[chunk(sequence, &[1]), chunk(sequence, &[2])], ErrorKind::InvalidArgument),
        (&[chunk(Sequence(99), &[1])], ErrorKind::StaleHandle),
        (&[chunk(short, &long[..11])], ErrorKind::ContextFull),
    ];
    for (chunks, kind) in cases {
        let error = driver.decoder.begin(chunks).expect_err("a pass that cannot be");
        assert_eq!(error.kind(), kind, "{error}");
    }
    assert_eq!(
        driver.decoder.open(513).expect_err("a context over the model's").kind(),
        ErrorKind::InvalidArgument
    );
    assert!(bits(&driver.extend(sequence, &[1, 2])) == fresh(&[1, 2]));
}

#[test]
fn a_pass_rests_between_operations() {
    let mut driver = Driver::over(model().open(), 2);
    driver.slice = Duration::ZERO;
    let sequence = driver.sequence();
    let tokens = prompt(9, 200);
    driver.decoder.begin(&[Chunk { sequence, tokens: &tokens, logits: 1 }]).expect("a pass");
    let slices = driver.run();
    driver.decoder.finish();
    assert!(slices > 3 * 11, "{slices} slices for 3 layers");
}

#[test]
fn nan_and_infinite_weights_reach_the_logits() {
    let usual = ["token_embd", "blk.0.attn_v", "blk.1.attn_output", "output_norm", "output"];
    let recurrent = ["attn_qkv", "attn_gate", "ssm_conv1d", "ssm_alpha", "ssm_beta", "ssm_norm", "ssm_out"];
    let recurrent = recurrent.map(|part| format!("blk.0.{part}"));
    let scanned = ["ssm_in", "ssm_conv1d", "ssm_norm", "ssm_out"].map(|part| format!("blk.0.{part}"));
    for architecture in ["llama", "gemma2", "olmo2", "qwen3moe", "qwen35", "granitehybrid"] {
        let model = Tiny::new(architecture);
        let names = match architecture {
            "qwen35" => recurrent.iter().map(String::as_str).collect(),
            "granitehybrid" => scanned.iter().map(String::as_str).collect(),
            _ => usual.to_vec(),
        };
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for name in &names {
                let name = format!("{name}.weight");
                let gguf = poisoned(&model, &name, bad);
                let mut driver = Driver::over(gguf, 2);
                let sequence = driver.sequence();
                let logits = driver.extend(sequence, &[0, 1, 2]);
                assert!(logits.iter().any(|logit| !logit.is_finite()), "{architecture}: {bad} in {name}");
            }
        }
    }
}

/// The model with `bad` as the first element of tensor `name`.
fn poisoned(model: &Tiny, name: &str, bad: f32) -> std::sync::Arc<wick::gguf::Gguf> {
    let gguf = model.open();
    let mut writer = wick::gguf::write::Writer::new();
    for (key, value) in gguf.metadata().iter() {
        writer = writer.meta(key, value);
    }
    for tensor in gguf.tensors() {
        let mut data = gguf.bytes(tensor).to_vec();
        if tensor.name() == name {
            data[..4].copy_from_slice(&bad.to_le_bytes());
        }
        writer = writer.tensor(tensor.name(), tensor.kind(), tensor.shape(), data);
    }
    tiny::open(writer.to_bytes())
}

/// Phi 3 has factors for contexts as long as those of its training, and others for longer ones.
#[test]
fn the_longest_context_that_is_allowed_chooses_the_factors_of_rope() {
    let logits = |tiny: &Tiny, context_length| {
        let options = NativeOptions { context_length, ..NativeOptions::new(driver::compute(1)) };
        let decoder = driver::run(tiny.open(), options).expect("a model that loads");
        let mut driver = Driver { decoder, slice: Duration::from_secs(1) };
        let sequence = driver.sequence();
        bits(&driver.extend(sequence, &[3, 1, 4, 1, 5, 9]))
    };
    let (long, short) = (longrope(known("phi3"), 512, 128), longrope(known("phi3"), 128, 128));
    assert_eq!(logits(&long, Some(128)), logits(&short, None));
    assert_eq!(logits(&long, Some(129)), logits(&long, None));
    assert_ne!(logits(&long, Some(128)), logits(&long, None));
}
