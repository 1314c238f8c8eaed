//! Encoders: one vector of a whole text, the same bits alone, in company and on any number of threads; what
//! is not a whole text, or no vector, is refused.
#![cfg(feature = "native")]

use crate::support::driver::{Driver, bits, load};
use crate::support::tiny::known::{apart, dense_behind};
use crate::support::tiny::{Random, Tiny};
use std::time::Duration;
use wick::error::ErrorKind;
use wick::gguf::TensorType;
use wick::model::Chunk;

fn models() -> [Tiny; 3] {
    let plain = Tiny::new("gemma-embedding");
    [plain.clone(), dense_behind(plain.clone()), dense_behind(plain).of(TensorType::Q8_0)]
}

fn text(seed: u64, length: usize) -> Vec<u32> {
    let mut random = Random(seed);
    (0..length).map(|_| random.below(160) as u32).collect()
}

/// The vector of `tokens`.
fn vector(driver: &mut Driver, tokens: &[u32]) -> Vec<f32> {
    let sequence = driver.sequence();
    let vector = driver.extend(sequence, tokens);
    driver.decoder.close(sequence);
    vector
}

#[test]
fn a_vector_depends_neither_on_threads_nor_on_pauses_nor_on_company() {
    // Longer than a section of attention, and than what a decoder takes at once.
    let texts: Vec<_> =
        [1, 2, 31, 150, 300, 9].into_iter().zip(1..).map(|(len, seed)| text(seed, len)).collect();
    for model in models().map(|model| Tiny { context: 700, ..model }) {
        let mut alone = Driver::over(model.open(), 1);
        let truth: Vec<_> = texts.iter().map(|text| bits(&vector(&mut alone, text))).collect();
        assert!(truth.iter().flatten().all(|&bits| f32::from_bits(bits).is_finite()));
        assert!(truth.iter().skip(1).all(|vector| *vector != truth[0]));
        for threads in [2, 3] {
            let mut driver = Driver::over(model.open(), threads);
            driver.slice = Duration::ZERO;
            let sequences: Vec<_> = texts.iter().map(|_| driver.sequence()).collect();
            let both = texts.iter().zip(&sequences);
            let chunks: Vec<_> =
                both.map(|(tokens, &sequence)| Chunk { sequence, tokens, logits: 1 }).collect();
            let found = driver.pass(&chunks);
            let found: Vec<_> = found.iter().map(|vector| bits(vector)).collect();
            assert!(found == truth, "{threads} threads");
        }
    }
}

#[test]
fn every_token_counts_for_the_vector_wherever_it_stands() {
    for model in models() {
        let mut driver = Driver::over(model.open(), 1);
        let tokens = text(3, 120);
        let truth = vector(&mut driver, &tokens);
        for place in [0, 1, 60, 118, 119] {
            let mut other = tokens.clone();
            other[place] = (other[place] + 1) % 160;
            assert!(apart(&truth, &vector(&mut driver, &other)) > 1e-4, "token {place}");
        }
    }
}

#[test]
fn the_mean_of_two_tokens_is_that_of_the_first_and_the_last() {
    let pooled = |kind: u32, tokens: &[u32]| {
        let model = Tiny::new("gemma-embedding").with("pooling_type", kind);
        vector(&mut Driver::over(model.open(), 1), tokens)
    };
    let [mean, first, last] = [1, 2, 3].map(|kind| pooled(kind, &[7, 9]));
    assert_ne!(first, last);
    for ((mean, first), last) in mean.iter().zip(&first).zip(&last) {
        assert!((mean - (first + last) / 2.0).abs() < 1e-6);
    }
    let [mean, first, last] = [1, 2, 3].map(|kind| bits(&pooled(kind, &[7])));
    assert!(mean == first && mean == last);
}

#[test]
fn a_text_is_one_pass_from_its_beginning() {
    let model = Tiny::new("gemma-embedding");
    let mut driver = Driver::over(model.open(), 1);
    assert!(driver.decoder.spec().encodes && !driver.decoder.verifies() && !driver.decoder.shares());
    let tokens = text(1, 513);
    let whole = driver.decoder.open(512).expect("a sequence");
    // As much as the context holds, and no token more.
    assert_eq!(driver.decoder.chunk_limit(whole, 512), 512);
    assert_eq!(driver.extend(whole, &tokens[..512]).len(), 64);
    let other = driver.sequence();
    let error = driver.decoder.begin(&[Chunk { sequence: other, tokens: &tokens, logits: 1 }]).err();
    assert_eq!(error.expect("too long").kind(), ErrorKind::InvalidArgument);
    let refused = |driver: &mut Driver, chunk| {
        let error = driver.decoder.begin(&[chunk]).expect_err("a chunk that cannot be");
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
        error.message().to_owned()
    };
    // The rest of a text would see another beginning, and its beginning another rest.
    driver.extend(other, &tokens[..5]);
    let why = refused(&mut driver, Chunk { sequence: other, tokens: &tokens[5..9], logits: 1 });
    assert!(why.contains("one pass") && why.contains("holds 5 tokens"), "{why}");
    let third = driver.sequence();
    let why = refused(&mut driver, Chunk { sequence: third, tokens: &tokens[..9], logits: 2 });
    assert!(why.contains("2 rows of logits"), "{why}");
}

#[test]
fn f4_what_gives_no_vector_is_refused_by_name() {
    let refused = |model: Tiny, part: &str| {
        let error = load(model.open(), 1).err().unwrap_or_else(|| panic!("{part} was accepted"));
        assert!(matches!(error.kind(), ErrorKind::ModelInvalid | ErrorKind::Unsupported), "{error}");
        assert!(error.message().contains(part), "{error}");
    };
    let model = || Tiny::new("gemma-embedding");
    for kind in [0, 4, 5, u32::MAX] {
        refused(model().with("pooling_type", kind), &format!("pooling_type is {kind}"));
    }
    refused(Tiny { without: vec!["gemma-embedding.pooling_type".into()], ..model() }, "pooling_type");
    for key in ["dense_2_feat_in", "dense_2_feat_out", "dense_3_feat_in", "dense_3_feat_out"] {
        for value in [0, 63, 65, 1 << 21, u32::MAX] {
            let model = dense_behind(model()).with(key, value);
            refused(model, "dense_");
        }
    }
    refused(Tiny { without: vec!["dense_3.weight".into()], ..dense_behind(model()) }, "dense_3.weight");
    // Matrices that no key speaks of.
    let without =
        ["dense_2_feat_out", "dense_2_feat_in"].map(|key| format!("gemma-embedding.{key}")).to_vec();
    refused(Tiny { without, ..dense_behind(model()) }, "dense_");
    // A decoder stays one.
    let causal = "attention.causal";
    refused(Tiny::new("gemma3").with(causal, wick::gguf::write::MetaValue::Bool(false)), causal);
}
