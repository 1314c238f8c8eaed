//! Vectors of texts that decoders make: the last token's row behind the last norm, or the mean of all rows;
//! the same bits alone, in company, in parts and on any number of threads.
#![cfg(feature = "native")]

use crate::support::driver::{Driver, bits};
use crate::support::tiny::known::apart;
use crate::support::tiny::{Random, Tiny, decoders};
use std::time::Duration;
use wick::error::ErrorKind;
use wick::model::{Chunk, Pooling, Sequence};

fn text(seed: u64, length: usize) -> Vec<u32> {
    let mut random = Random(seed);
    (0..length).map(|_| random.below(160) as u32).collect()
}

/// One pass for vectors, every chunk committed.
fn pass(driver: &mut Driver, chunks: &[Chunk<'_>]) -> Vec<Vec<f32>> {
    driver.decoder.begin_vectors(chunks).expect("a pass begins");
    driver.run();
    let mut vectors = Vec::new();
    for (index, chunk) in chunks.iter().enumerate() {
        if chunk.logits > 0 {
            vectors.push(driver.decoder.logits(index, 0).to_vec());
        }
        driver.decoder.commit(index, usize::MAX);
    }
    driver.decoder.finish();
    vectors
}

fn open(driver: &mut Driver) -> Sequence {
    driver.decoder.open_apart(driver.decoder.spec().context_length).expect("a sequence")
}

fn vector(driver: &mut Driver, tokens: &[u32]) -> Vec<f32> {
    let sequence = open(driver);
    let vector = pass(driver, &[Chunk { sequence, tokens, logits: 1 }]).remove(0);
    driver.decoder.close(sequence);
    vector
}

#[test]
fn the_last_tokens_row_is_what_its_logits_are_made_of() {
    for architecture in ["llama", "gemma2", "qwen35", "lfm2", "gemma4"] {
        let model = Tiny { tied: true, ..Tiny::new(architecture) };
        let mut driver = Driver::over(model.open(), 1);
        let spec = driver.decoder.vectors().expect("vectors");
        assert_eq!((spec.pooling, spec.width), (Pooling::Last, model.width as usize));
        let tokens = text(5, 40);
        let vector = vector(&mut driver, &tokens);
        assert_eq!(vector.len(), spec.width);
        // Passes of both kinds take turns.
        let sequence = driver.sequence();
        let logits = driver.extend(sequence, &tokens);
        assert_eq!(logits.len(), driver.decoder.spec().vocab_size);
        let again = self::vector(&mut driver, &tokens);
        assert_eq!(bits(&again), bits(&vector), "{architecture}");
        if architecture == "llama" {
            let gguf = model.open();
            let table = gguf.tensor("token_embd.weight").expect("the embedding");
            let (table, rest) = gguf.bytes(table).as_chunks::<4>();
            assert!(rest.is_empty());
            let table: Vec<f32> = table.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            let products: Vec<f32> = table
                .chunks_exact(spec.width)
                .map(|row| {
                    row.iter().zip(&vector).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>() as f32
                })
                .collect();
            assert!(apart(&products, &logits) < 1e-5, "{}", apart(&products, &logits));
        }
    }
}

#[test]
fn a_mean_is_that_of_the_last_rows_of_all_beginnings() {
    for architecture in ["llama", "qwen3", "gemma3"] {
        let mean = Tiny::new(architecture).with("pooling_type", 1u32);
        let last = Tiny::new(architecture).with("pooling_type", 3u32);
        let (mut mean, mut last) = (Driver::over(mean.open(), 1), Driver::over(last.open(), 1));
        assert_eq!(mean.decoder.vectors().expect("vectors").pooling, Pooling::Mean);
        let tokens = text(9, 24);
        let found = vector(&mut mean, &tokens);
        let mut sum = vec![0.0f64; found.len()];
        for end in 1..=tokens.len() {
            let row = vector(&mut last, &tokens[..end]);
            sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(value));
        }
        let expected: Vec<f32> = sum.iter().map(|sum| (sum / tokens.len() as f64) as f32).collect();
        assert!(apart(&found, &expected) < 1e-5, "{architecture}: {}", apart(&found, &expected));
    }
}

#[test]
fn a_vector_depends_neither_on_threads_nor_on_pauses_nor_on_parts_nor_on_company() {
    for architecture in decoders() {
        let texts: Vec<_> =
            [1, 2, 31, 100, 9].into_iter().zip(1..).map(|(len, seed)| text(seed, len)).collect();
        let mut alone = Driver::over(Tiny::new(architecture).open(), 1);
        let truth: Vec<_> = texts.iter().map(|text| bits(&vector(&mut alone, text))).collect();
        let mut driver = Driver::over(Tiny::new(architecture).open(), 2);
        driver.slice = Duration::ZERO;
        let sequences: Vec<_> = texts.iter().map(|_| open(&mut driver)).collect();
        let chunks: Vec<_> = texts
            .iter()
            .zip(&sequences)
            .map(|(tokens, &sequence)| Chunk { sequence, tokens, logits: 1 })
            .collect();
        let together: Vec<_> = pass(&mut driver, &chunks).iter().map(|vector| bits(vector)).collect();
        assert!(together == truth, "{architecture} together");
        // In two parts, of which the first wants nothing.
        let sequence = open(&mut driver);
        let (first, rest) = texts[3].split_at(37);
        assert!(pass(&mut driver, &[Chunk { sequence, tokens: first, logits: 0 }]).is_empty());
        let parts = pass(&mut driver, &[Chunk { sequence, tokens: rest, logits: 1 }]);
        assert!(bits(&parts[0]) == truth[3], "{architecture} in parts");
    }
}

#[test]
fn f4_a_pooling_that_gives_no_vector_is_refused_by_name_when_one_is_wanted() {
    for kind in [2u32, 4, 5, u32::MAX] {
        let mut driver = Driver::over(Tiny::new("llama").with("pooling_type", kind).open(), 1);
        let sequence = driver.sequence();
        // It still speaks.
        assert_eq!(driver.extend(sequence, &[1, 2]).len(), driver.decoder.spec().vocab_size);
        let error = driver.decoder.vectors().expect_err("no vectors");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains("llama.pooling_type"), "{error}");
        let sequence = open(&mut driver);
        let chunk = Chunk { sequence, tokens: &[1, 2], logits: 1 };
        assert_eq!(driver.decoder.begin_vectors(&[chunk]).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
