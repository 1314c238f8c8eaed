//! Structured mutations of small vocabularies, with a fixed seed: each is a tokenizer or a fitting error; no
//! panic, no hang, no memory beyond the bound.
//!
//! `WICK_FUZZ_CASES` sets their number (2,000 by default). The corpus of the cargo-fuzz target is replayed
//! too; `WICK_BLESS=1` writes it.
#![cfg(feature = "text")]

use crate::support::fuzz::harness::Target;
use crate::support::fuzz::tokenizer::judge;
use wick::gguf::ValueType;
use wick::gguf::write::{MetaValue, Writer};

fn kinds(kinds: impl IntoIterator<Item = i32>) -> MetaValue {
    MetaValue::Array(ValueType::I32, kinds.into_iter().map(MetaValue::I32).collect())
}

/// Byte-level BPE: printable letters, merges, control tokens.
fn bpe(pre: &str) -> Vec<u8> {
    let letters = ('!'..='~').chain(['Ġ', 'Ċ', 'ä', '¸', 'ĸ']).map(String::from);
    let words = ["he", "ll", "hell", "hello", "Ġw", "Ġwo", "ab", "abab", "12", "ä¸", "ä¸ĸ"].map(String::from);
    let special = ["<s>", "</s>", "<|im_start|>", "<|im_end|>", "<tool>"].map(String::from);
    let tokens: Vec<String> = letters.chain(words).chain(special).collect();
    let merges = ["h e", "l l", "he ll", "hell o", "Ġ w", "Ġw o", "a b", "ab ab", "1 2", "ä ¸", "ä¸ ĸ"];
    let normal = tokens.len() - 5;
    let first = normal as u32;
    Writer::new()
        .meta("general.architecture", "llama")
        .meta("tokenizer.ggml.model", "gpt2")
        .meta("tokenizer.ggml.pre", pre)
        .meta("tokenizer.ggml.tokens", tokens.iter().collect::<MetaValue>())
        .meta("tokenizer.ggml.token_type", kinds((0..normal).map(|_| 1).chain([3, 3, 3, 3, 4])))
        .meta("tokenizer.ggml.merges", merges.as_slice())
        .meta("tokenizer.ggml.bos_token_id", first)
        .meta("tokenizer.ggml.eos_token_id", first + 1)
        .meta("tokenizer.ggml.eot_token_id", first + 3)
        .meta("tokenizer.ggml.add_bos_token", true)
        .to_bytes()
}

/// SentencePiece: bytes, scored pieces, control tokens.
fn spm(all_bytes: bool) -> Vec<u8> {
    let bytes = if all_bytes { 0..=255u8 } else { b'a'..=b'c' };
    let bytes: Vec<String> = bytes.map(|byte| format!("<0x{byte:02X}>")).collect();
    let words = ["▁", "a", "b", "ab", "▁a", "e", "l", "o", "h", "he", "ll", "▁hello", "世", "世界", "1", ""];
    let special = ["<unk>", "<s>", "</s>"].map(String::from);
    let tokens: Vec<String> =
        special.into_iter().chain(bytes.iter().cloned()).chain(words.map(String::from)).collect();
    let types = [2, 3, 3].into_iter().chain(bytes.iter().map(|_| 6)).chain(words.iter().map(|_| 1));
    let scores: Vec<f32> = (0..tokens.len()).map(|id| -(id as f32)).collect();
    Writer::new()
        .meta("general.architecture", "llama")
        .meta("tokenizer.ggml.model", "llama")
        .meta("tokenizer.ggml.tokens", tokens.iter().collect::<MetaValue>())
        .meta("tokenizer.ggml.scores", scores.as_slice())
        .meta("tokenizer.ggml.token_type", kinds(types))
        .meta("tokenizer.ggml.bos_token_id", 1u32)
        .meta("tokenizer.ggml.eos_token_id", 2u32)
        .meta("tokenizer.ggml.unknown_token_id", 0u32)
        .to_bytes()
}

fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("bpe_gpt2", bpe("gpt-2")),
        ("bpe_llama3", bpe("llama-bpe")),
        ("spm_bytes", spm(true)),
        ("spm_few", spm(false)),
    ]
}

fn target() -> Target {
    // A pre-tokenizer's automata do not depend on the file.
    Target { name: "gguf_tokenizer", seeds: seeds(), judge, bound: |len| 64 * len + (16 << 20) }
}

#[test]
fn mutants_are_tokenizers_or_refused() {
    target().mutants(2000, |_| None);
}

#[test]
fn the_corpus_is_replayed() {
    target().replay(seeds().len());
}
