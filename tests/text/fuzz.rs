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

/// BPE of characters: bytes, letters with U+2581 for spaces, runs of newlines, merges.
fn characters() -> Vec<u8> {
    let special = ["<pad>", "<eos>", "<bos>", "<unk>", "<turn|>", "<tool>"].map(String::from);
    let bytes = (0..=255u8).map(|byte| format!("<0x{byte:02X}>"));
    let words =
        ["▁", "a", "b", "e", "h", "l", "o", "\n", "\t", "\n\n", "\n\n\n", "ab", "▁h", "ll", "▁he", "世"];
    let tokens: Vec<String> = special.into_iter().chain(bytes).chain(words.map(String::from)).collect();
    let types = [3, 3, 3, 2, 4, 4].into_iter().chain((0..256).map(|_| 6)).chain(words.iter().map(|_| 1));
    Writer::new()
        .meta("general.architecture", "gemma4")
        .meta("tokenizer.ggml.model", "gemma4")
        .meta("tokenizer.ggml.tokens", tokens.iter().collect::<MetaValue>())
        .meta("tokenizer.ggml.token_type", kinds(types))
        .meta("tokenizer.ggml.merges", ["a b", "▁ h", "l l", "▁h e", "\n \n", "x y"].as_slice())
        .meta("tokenizer.ggml.bos_token_id", 2u32)
        .meta("tokenizer.ggml.eos_token_id", 1u32)
        .to_bytes()
}

/// WordPiece: beginnings of words with U+2581, what goes on inside of them without.
fn wordpiece() -> Vec<u8> {
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(String::from);
    let words =
        ["▁hello", "▁he", "llo", "▁a", "a", "b", "▁world", "▁,", "▁!", "▁世", "ful", "▁it", "▁'", "▁s"];
    let tokens: Vec<String> = special.into_iter().chain(words.map(String::from)).collect();
    let types = [3, 3, 3, 3, 3].into_iter().chain(words.iter().map(|_| 1));
    Writer::new()
        .meta("general.architecture", "bert")
        .meta("tokenizer.ggml.model", "bert")
        .meta("tokenizer.ggml.tokens", tokens.iter().collect::<MetaValue>())
        .meta("tokenizer.ggml.token_type", kinds(types))
        .meta("tokenizer.ggml.cls_token_id", 2u32)
        .meta("tokenizer.ggml.seperator_token_id", 3u32)
        .meta("tokenizer.ggml.unknown_token_id", 1u32)
        .meta("tokenizer.ggml.normalizer.lowercase", true)
        .meta("tokenizer.ggml.normalizer.strip_accents", true)
        .to_bytes()
}

/// A unigram model: scored pieces, and a table by which "A" becomes "aa".
fn unigram() -> Vec<u8> {
    let words = ["▁", "a", "b", "ab", "▁a", "e", "l", "o", "h", "▁hello", "世", "aaaaaaaa", "w", "d", "r"];
    let special = ["<pad>", "</s>", "<unk>", "<tool>"].map(String::from);
    let tokens: Vec<String> = special.into_iter().chain(words.map(String::from)).collect();
    let types = [3, 3, 2, 4].into_iter().chain(words.iter().map(|_| 1));
    let scores: Vec<f32> = (0..tokens.len()).map(|id| -(id as f32) / 2.0).collect();
    let mut units = [0u32; 256];
    units[0] = 128 << 10;
    units[128 ^ 0x41] = 0x41 | 1 << 8 | (128 ^ 0x41 ^ 5) << 10;
    units[5] = 1 << 31;
    let trie = units.iter().flat_map(|unit| unit.to_le_bytes());
    let map = 1024u32.to_le_bytes().into_iter().chain(trie).chain(*b"aa\0");
    Writer::new()
        .meta("general.architecture", "t5")
        .meta("tokenizer.ggml.model", "t5")
        .meta("tokenizer.ggml.tokens", tokens.iter().collect::<MetaValue>())
        .meta("tokenizer.ggml.scores", scores.as_slice())
        .meta("tokenizer.ggml.token_type", kinds(types))
        .meta(
            "tokenizer.ggml.precompiled_charsmap",
            MetaValue::Array(ValueType::U8, map.map(MetaValue::U8).collect()),
        )
        .meta("tokenizer.ggml.add_space_prefix", true)
        .meta("tokenizer.ggml.remove_extra_whitespaces", true)
        .to_bytes()
}

fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("characters", characters()),
        ("wordpiece", wordpiece()),
        ("unigram", unigram()),
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
