//! Layers that keep one state for a sequence: whatever is forked, rewound, hit, restored, drafted or
//! abandoned goes on with the bits of a computation from nothing.
#![cfg(feature = "native")]

use crate::support::driver;
use crate::support::driver::{Driver, bits};
use crate::support::tiny::{Random, Tiny};
use std::time::{Duration, Instant};
use wick::budget::Budget;
use wick::kv::SNAPSHOT;
use wick::model::{Chunk, NativeDecoder, NativeOptions, Pace, PrefixCache, Runner, Step};

/// A layer with attention is between others with states, or behind them.
const MODELS: [(&str, u64); 8] = [
    ("lfm2", 4),
    ("lfm2", 3),
    ("lfm2moe", 4),
    ("qwen35", 5),
    ("qwen35", 4),
    ("qwen35moe", 4),
    ("granitehybrid", 4),
    ("granitehybrid", 3),
];

fn models() -> impl Iterator<Item = Tiny> {
    MODELS.into_iter().map(|(architecture, layers)| Tiny { layers, context: 1024, ..Tiny::new(architecture) })
}

fn prompt(seed: u64, length: usize) -> Vec<u32> {
    let mut random = Random(seed);
    (0..length).map(|_| random.below(160) as u32).collect()
}

/// A driver whose sequences share what they have computed.
fn sharing(model: &Tiny) -> Driver {
    let decoder = NativeDecoder::load(model.open(), NativeOptions::new(driver::compute(2)));
    let decoder = Runner::new(decoder.expect("a model that loads"), &Budget::new(None), PrefixCache::Auto);
    Driver { decoder: decoder.expect("memory"), slice: Duration::ZERO }
}

/// The logits after `tokens`, computed from nothing in one go.
fn fresh(model: &Tiny, tokens: &[u32]) -> Vec<u32> {
    let mut driver = Driver::over(model.open(), 1);
    let sequence = driver.sequence();
    bits(&driver.extend(sequence, tokens))
}

#[test]
fn a_prompt_may_be_cut_anywhere() {
    for model in models() {
        let tokens = prompt(1, 40);
        let truth = fresh(&model, &tokens);
        for cut in [1, 2, 3, 4, 31, 32, 33, 38, 39] {
            let mut driver = Driver::over(model.open(), 2);
            let sequence = driver.sequence();
            driver.extend(sequence, &tokens[..cut]);
            let found = bits(&driver.extend(sequence, &tokens[cut..]));
            assert!(found == truth, "{}, cut at {cut}", model.architecture);
        }
    }
}

#[test]
fn a_fork_and_its_parent_go_on_apart() {
    for model in models() {
        let mut driver = sharing(&model);
        let tokens = prompt(2, 70);
        let parent = driver.sequence();
        driver.extend(parent, &tokens);
        let child = driver.decoder.fork(parent, tokens.len()).expect("a fork");
        assert_eq!(driver.decoder.length(child), 70, "the state is where the parent is");
        for (sequence, next) in [(child, [1, 2]), (parent, [3, 4])] {
            let found = bits(&driver.extend(sequence, &next));
            assert!(found == fresh(&model, &[&tokens[..], &next].concat()), "{}", model.architecture);
        }
    }
}

#[test]
fn a_rewind_goes_to_a_snapshot_and_computes_the_rest() {
    for model in models() {
        let mut driver = sharing(&model);
        let tokens = prompt(3, SNAPSHOT + 60);
        let sequence = driver.sequence();
        driver.extend(sequence, &tokens[..SNAPSHOT + 20]);
        driver.decoder.checkpoint(sequence);
        driver.extend(sequence, &tokens[SNAPSHOT + 20..]);
        for (wanted, kept) in [(SNAPSHOT + 40, SNAPSHOT + 20), (SNAPSHOT + 10, SNAPSHOT), (300, 0)] {
            assert_eq!(driver.decoder.truncate(sequence, wanted), kept, "{}", model.architecture);
            let end = kept + 40;
            let found = bits(&driver.extend(sequence, &tokens[kept..end]));
            assert!(found == fresh(&model, &tokens[..end]), "{}, back to {wanted}", model.architecture);
        }
    }
}

#[test]
fn a_prefix_hit_begins_with_its_state() {
    for model in models() {
        let mut driver = sharing(&model);
        let tokens = prompt(4, SNAPSHOT + 30);
        let first = driver.sequence();
        driver.extend(first, &tokens);
        driver.decoder.close(first);
        let other = [&tokens[..SNAPSHOT + 5], &[7, 8, 9]].concat();
        let second = driver.sequence();
        assert_eq!(driver.decoder.seek(second, &other, other.len() - 1), SNAPSHOT, "{}", model.architecture);
        let found = bits(&driver.extend(second, &other[SNAPSHOT..]));
        assert!(found == fresh(&model, &other), "{}", model.architecture);
    }
}

#[test]
fn an_abandoned_pass_and_a_rejected_draft_leave_the_state_as_it_was() {
    for model in models() {
        let mut driver = sharing(&model);
        let tokens = prompt(5, 50);
        let sequence = driver.sequence();
        driver.extend(sequence, &tokens);
        // Abandoned at each of its resting points, and once it is computed.
        for slices in 0.. {
            let chunk = [Chunk { sequence, tokens: &[9, 8, 7, 6, 5], logits: 5 }];
            driver.decoder.begin(&chunk).expect("a pass begins");
            let pace = || Pace { until: Instant::now() };
            let ends = (0..slices).any(|_| driver.decoder.run_slice(pace()).expect("a slice") == Step::Done);
            if ends {
                // Of a draft, what is right: without all of it the state behind it is not known.
                assert_eq!(driver.decoder.commit(0, 2), 50);
            }
            driver.decoder.finish();
            assert_eq!(driver.decoder.length(sequence), 50);
            if ends {
                assert!(slices > 10, "{slices} slices");
                break;
            }
        }
        let found = bits(&driver.extend(sequence, &[1, 2]));
        assert!(found == fresh(&model, &[&tokens[..], &[1, 2]].concat()), "{}", model.architecture);
    }
}

#[test]
fn a_restored_past_goes_on() {
    for model in models() {
        let tokens = prompt(6, 70);
        let mut driver = sharing(&model);
        let sequence = driver.sequence();
        driver.extend(sequence, &tokens);
        let mut export = driver.decoder.export(sequence, 70, &tokens).expect("memory").expect("a past");
        let mut other = Driver::over(model.open(), 1);
        assert_eq!(driver.decoder.layout().expect("a layout"), other.decoder.layout().expect("a layout"));
        let mut import =
            other.decoder.import(export.image().clone(), &tokens, 1024, None).expect("an import");
        let mut piece = Vec::new();
        while driver.decoder.read(&mut export, &mut piece).expect("a piece") {
            assert_eq!(other.decoder.wants(&import), Some(piece.len()));
            other.decoder.write(&mut import, &tokens, &piece).expect("written");
            piece.clear();
        }
        driver.decoder.end_export(export);
        let restored = other.decoder.finish_import(&mut import, &tokens).expect("a sequence");
        assert_eq!(other.decoder.length(restored), 70);
        let found = bits(&other.extend(restored, &[4, 5]));
        assert!(found == fresh(&model, &[&tokens[..], &[4, 5]].concat()), "{}", model.architecture);
    }
}
