//! Keys and values in q8_0: the same bits however a prompt is cut, from whichever past a sequence goes on, on
//! any number of threads; near those of f16, in about half of the bytes; never taken for those of f16.
#![cfg(feature = "native")]

use crate::support::driver;
use crate::support::driver::{Driver, bits};
use crate::support::tiny::{Random, Tiny, decoders};
use std::time::Duration;
use wick::budget::Budget;
use wick::model::{KvType, NativeDecoder, NativeOptions, PrefixCache, Runner};

fn prompt(seed: u64, length: usize) -> Vec<u32> {
    let mut random = Random(seed);
    (0..length).map(|_| random.below(160) as u32).collect()
}

fn open(model: &Tiny, threads: usize, kv_type: KvType) -> Driver {
    Driver::with_kv_type(model.open(), threads, kv_type)
}

/// The logits after `tokens`, from an empty sequence, at most `most` of them in a pass.
fn fresh(driver: &mut Driver, tokens: &[u32], most: usize) -> Vec<f32> {
    let sequence = driver.sequence();
    let logits = driver.extend_by(sequence, tokens, most);
    driver.decoder.close(sequence);
    logits
}

#[test]
fn threads_and_cuts_change_nothing_and_f16_is_near() {
    let tokens = prompt(7, 150);
    for architecture in decoders() {
        let model = Tiny::new(architecture);
        let truth = fresh(&mut open(&model, 1, KvType::Q8_0), &tokens, usize::MAX);
        assert!(truth.iter().all(|logit| logit.is_finite()), "{architecture}");
        for (threads, most) in [(2, usize::MAX), (3, 33), (1, 7), (2, 1)] {
            let mut driver = open(&model, threads, KvType::Q8_0);
            driver.slice = Duration::ZERO;
            let again = fresh(&mut driver, &tokens, most);
            assert!(bits(&again) == bits(&truth), "{architecture}, {threads} threads, cuts of {most}");
        }
        let halves = fresh(&mut open(&model, 1, KvType::F16), &tokens, usize::MAX);
        let off = halves.iter().zip(&truth).fold(0f32, |most, (a, b)| most.max((a - b).abs()));
        let spread = halves.iter().fold(0f32, |most, logit| most.max(logit.abs()));
        assert!(off > 0.0 && off < 0.05 * spread, "{architecture}: {off} of {spread}");
    }
}

#[test]
fn what_is_shared_copied_and_rewound_gives_the_bits_of_a_computation_from_nothing() {
    for architecture in ["llama", "gemma3", "gemma4"] {
        let model = Tiny::new(architecture);
        let tokens = prompt(5, 120);
        let mut driver = open(&model, 2, KvType::Q8_0);
        let mut alone = open(&model, 1, KvType::Q8_0);
        let parent = driver.sequence();
        driver.extend(parent, &tokens);
        // A last block that two write is copied.
        let child = driver.decoder.fork(parent, 105).expect("a fork");
        let expected = fresh(&mut alone, &[&tokens[..105], &[1, 2]].concat(), usize::MAX);
        assert!(bits(&driver.extend(child, &[1, 2])) == bits(&expected), "{architecture}: a fork");
        let expected = fresh(&mut alone, &[&tokens[..], &[3]].concat(), usize::MAX);
        assert!(bits(&driver.extend(parent, &[3])) == bits(&expected), "{architecture}: its parent");
        for length in [97, 64, 33, 0] {
            let kept = driver.decoder.truncate(child, length);
            let again = driver.extend(child, &tokens[kept..kept + 9]);
            let expected = fresh(&mut alone, &tokens[..kept + 9], usize::MAX);
            assert!(bits(&again) == bits(&expected), "{architecture}: rewound to {length}");
        }
    }
}

#[test]
fn a_prefix_hit_gives_the_bits_of_a_computation_from_nothing() {
    let model = Tiny::new("llama");
    let options = NativeOptions { kv_type: KvType::Q8_0, ..NativeOptions::new(driver::compute(2)) };
    let decoder = NativeDecoder::load(model.open(), options).expect("a model that loads");
    let decoder = Runner::new(decoder, &Budget::new(None), PrefixCache::Auto).expect("memory");
    let mut driver = Driver { decoder, slice: Duration::from_millis(1) };
    let tokens = prompt(3, 100);
    let first = driver.sequence();
    driver.extend(first, &tokens);
    driver.decoder.close(first);
    let second = driver.sequence();
    let other = [&tokens[..77], &[9, 8, 7][..]].concat();
    assert_eq!(driver.decoder.seek(second, &other, other.len() - 1), 77);
    let expected = fresh(&mut open(&model, 1, KvType::Q8_0), &other, usize::MAX);
    assert!(bits(&driver.extend(second, &other[77..])) == bits(&expected));
}

#[test]
fn q8_0_takes_about_half_of_the_bytes_and_is_another_layout() {
    let model = Tiny { head_dim: 64, ..Tiny::new("llama") };
    let [mut halves, mut bytes] = [KvType::F16, KvType::Q8_0].map(|kv_type| open(&model, 1, kv_type));
    let each = |driver: &Driver| driver.decoder.spec().kv_bytes_per_token;
    assert_eq!(each(&bytes) * 64, each(&halves) * 34);
    let tokens = prompt(2, 70);
    assert_ne!(halves.decoder.layout().expect("a layout"), bytes.decoder.layout().expect("a layout"));
    // Out and in again, to a runner of the same type: the same bits.
    let sequence = bytes.sequence();
    bytes.extend(sequence, &tokens);
    let mut export = bytes.decoder.export(sequence, tokens.len(), &tokens).expect("memory").expect("a past");
    let image = export.image().clone();
    let mut other = open(&model, 1, KvType::Q8_0);
    let context = other.decoder.spec().context_length;
    let mut import = other.decoder.import(image, &tokens, context, None).expect("an import");
    let mut piece = Vec::new();
    while bytes.decoder.read(&mut export, &mut piece).expect("a piece") {
        other.decoder.write(&mut import, &tokens, &piece).expect("written");
        piece.clear();
    }
    bytes.decoder.end_export(export);
    let restored = other.decoder.finish_import(&mut import, &tokens).expect("a sequence");
    assert!(bits(&other.extend(restored, &[4])) == bits(&bytes.extend(sequence, &[4])));
}

/// Of a real model, where it is: in WICK_MODELS, else in `models/`. In a release build, else it is slow.
#[cfg(feature = "text")]
#[test]
#[allow(clippy::print_stderr, clippy::disallowed_methods)]
fn a_real_model_says_nearly_the_same() {
    use crate::support::divergence;
    let folder = std::env::var_os("WICK_MODELS").map_or_else(|| "models".into(), std::path::PathBuf::from);
    let path = folder.join("SmolLM2-135M-Instruct.Q4_1.gguf");
    if cfg!(debug_assertions) || !path.is_file() {
        return eprintln!(
            "left out: q8_0 keys and values of a real model (a debug build, or no {})",
            path.display()
        );
    }
    let gguf = divergence::in_f16(&driver::gguf(&path));
    let [mut halves, mut bytes] =
        [KvType::F16, KvType::Q8_0].map(|kv_type| Driver::with_kv_type(gguf.clone(), 2, kv_type));
    let found = divergence::between(&mut halves, &mut bytes, &divergence::tokens(&path, 300));
    assert!(found.mean > 0.0 && found.mean <= 0.001, "{found:?}");
}
