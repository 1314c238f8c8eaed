//! Tokenizers against llama.cpp's ids: six published vocabularies, and the prompts of the reference run.
#![cfg(feature = "text")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::time::time_of;
use wick::gguf::{Gguf, Limits, Source};
use wick::pause::{Pauses, at_once};
use wick::text::tokenizer::{Tokenizer, VocabularyData};
use wick::text::{Vocab, decode};

/// The folder of test vectors; without it the test says that it was left out.
#[allow(clippy::disallowed_methods, clippy::print_stdout)]
fn vectors(what: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("WICK_VECTORS").map(PathBuf::from);
    if folder.is_none() {
        println!("left out: {what} (WICK_VECTORS is not set)");
    }
    folder
}

#[allow(clippy::print_stdout)]
fn tokenizer(path: &Path) -> Tokenizer {
    let header = Gguf::open_header(Source::path(path), &Limits::default()).unwrap();
    let start = Instant::now();
    let data = VocabularyData::from_gguf(header.metadata()).unwrap();
    let read = start.elapsed();
    let tokenizer = Tokenizer::new(&data).unwrap();
    println!(
        "{}: {} tokens, read in {read:?}, built in {:?}",
        path.display(),
        tokenizer.len(),
        start.elapsed()
    );
    tokenizer
}

fn encode(tokenizer: &Tokenizer, text: &str, parse_special: bool) -> Vec<u32> {
    let mut ids = Vec::new();
    tokenizer.encode(text, false, parse_special, &mut ids).unwrap();
    ids
}

/// The ids, with a rest after each `stride` units of work.
fn encode_in_pieces(tokenizer: &Tokenizer, text: &str, parse_special: bool, stride: usize) -> Vec<u32> {
    let (mut ids, mut look) = (Vec::new(), || Ok(()));
    let mut pauses = Pauses::new(&mut look, Some(Duration::ZERO)).with_stride(stride);
    at_once(tokenizer.encode_in_pieces(text, false, parse_special, &mut ids, &mut pauses)).unwrap();
    ids
}

#[test]
fn published_vocabularies_give_llama_cpp_s_ids() {
    let Some(folder) = vectors("published vocabularies") else { return };
    for name in ["deepseek-coder", "gpt-2", "llama-bpe", "llama-spm", "phi-3", "qwen2"] {
        let path = folder.join(format!("tokenizers/ggml-vocab-{name}.gguf"));
        let tokenizer = tokenizer(&path);
        let file = |end: &str| std::fs::read_to_string(format!("{}{end}", path.display())).unwrap();
        let cases: Vec<String> = file(".inp").split("\n__ggml_vocab_test__\n").map(str::to_owned).collect();
        let expected: Vec<Vec<u32>> = file(".out")
            .lines()
            .map(|line| line.split_whitespace().map(|id| id.parse().unwrap()).collect())
            .collect();
        assert!(expected.len() > 40 && cases.len() >= expected.len(), "{name}: {} cases", cases.len());
        for (case, expected) in cases.iter().zip(&expected) {
            let ids = encode(&tokenizer, case, false);
            assert_eq!(&ids, expected, "{name}: {case:?}");
            assert_eq!(&encode_in_pieces(&tokenizer, case, false, 1), expected, "{name}: {case:?} in pieces");
            // SentencePiece puts a space first, and decoding keeps it.
            let text = decode(&tokenizer, &ids, false).unwrap();
            assert_eq!(text.trim_start_matches(' '), case.trim_start_matches(' '), "{name}: {case:?}");
        }
    }
}

/// No line of Qwen 2's texts says it: the original composes text (NFC), llama.cpp does not. Right ids are the
/// original's (`"normalizer": {"type": "NFC"}` in its tokenizer.json).
#[test]
fn qwen_composes_its_text_as_the_original_does() {
    let Some(folder) = vectors("composed text") else { return };
    let qwen2 = tokenizer(&folder.join("tokenizers/ggml-vocab-qwen2.gguf"));
    let gpt2 = tokenizer(&folder.join("tokenizers/ggml-vocab-gpt-2.gguf"));
    assert_eq!(encode(&qwen2, "\u{F90B}", false), [103_719]);
    for (text, composed, count) in [
        ("re\u{301}sume\u{301}", "résumé", 3),
        ("Vie\u{323}\u{302}t", "Việt", 2),
        ("\u{1112}\u{1161}\u{11AB}\u{1100}\u{116E}\u{11A8}", "한국", 2),
    ] {
        let ids = encode(&qwen2, text, false);
        assert_eq!((ids.len(), &ids), (count, &encode(&qwen2, composed, false)), "{composed}");
        assert_eq!(encode_in_pieces(&qwen2, text, false, 1), ids);
        assert_eq!(decode(&qwen2, &ids, false).unwrap(), composed);
        assert_eq!(decode(&gpt2, &encode(&gpt2, text, false), false).unwrap(), text);
    }
}

/// Texts that are put together at random, of every kind of letter, word and special token, come to the same
/// ids wherever the work rests.
#[test]
fn texts_in_pieces_give_the_ids_of_the_whole() {
    let Some(folder) = vectors("texts in pieces") else { return };
    let parts = [
        "a",
        " ",
        "  ",
        "\n",
        "7",
        "Word",
        "'ll",
        "世界",
        "é",
        "👩‍👩‍👧",
        "<|endoftext|>",
        "</s>",
        "\u{2581}",
        "!?",
        "\t",
    ];
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) as usize % below
    };
    for name in ["deepseek-coder", "gpt-2", "llama-bpe", "llama-spm", "phi-3", "qwen2"] {
        let tokenizer = tokenizer(&folder.join(format!("tokenizers/ggml-vocab-{name}.gguf")));
        for case in 0..60 {
            let mut text = String::new();
            for _ in 0..next(200) {
                // Now and then a word that is longer than what is merged at once.
                let times = if next(20) == 0 { 1 + next(3000) } else { 1 + next(4) };
                text.push_str(&parts[next(parts.len())].repeat(times));
            }
            let parse_special = case % 2 == 0;
            let whole = encode(&tokenizer, &text, parse_special);
            let stride = 1 + next(500);
            assert!(encode_in_pieces(&tokenizer, &text, parse_special, stride) == whole, "{name}: {text:?}");
        }
    }
}

/// The models of the reference run, by the names of their cases.
const MODELS: [(&str, &str); 3] = [
    ("smollm2/", "SmolLM2-135M-Instruct.Q4_1.gguf"),
    ("gemma3/", "gemma-3-270m-q4_k_m.gguf"),
    ("stories260K/", "stories260K-f32.gguf"),
];

#[test]
#[allow(clippy::disallowed_methods, clippy::print_stdout)]
fn reference_prompts_give_the_reference_ids() {
    let Some(folder) = vectors("reference prompts") else { return };
    let models = std::env::var_os("WICK_MODELS").map_or_else(|| PathBuf::from("models"), PathBuf::from);
    let reference = std::fs::read_to_string(folder.join("reference.json")).unwrap();
    let reference: serde_json::Value = serde_json::from_str(&reference).unwrap();
    for (prefix, file) in MODELS {
        let path = models.join(file);
        if !path.exists() {
            println!("left out: reference prompts of {prefix} ({} is missing)", path.display());
            continue;
        }
        let tokenizer = tokenizer(&path);
        let mut seen = 0;
        for (name, case) in reference.as_object().unwrap().iter().filter(|(name, _)| name.starts_with(prefix))
        {
            let mut ids = Vec::new();
            let prompt = case["prompt"].as_str().unwrap();
            tokenizer.encode(prompt, true, case["parse_special"].as_bool().unwrap(), &mut ids).unwrap();
            let expected: Vec<u32> = serde_json::from_value(case["prompt_ids"].clone()).unwrap();
            assert_eq!(ids, expected, "{name}");
            let answer: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
            assert_eq!(decode(&tokenizer, &answer, true).unwrap(), case["text"].as_str().unwrap(), "{name}");
            seen += 1;
        }
        assert!(seen > 0, "no case of {prefix}");
    }
}

/// A megabyte of anything is tokenized in time that grows about as fast as the text (the goal is 2 s per MiB
/// in release).
#[test]
#[allow(clippy::print_stdout)]
fn t2_a_megabyte_of_anything_is_tokenized() {
    let Some(folder) = vectors("a megabyte of anything") else { return };
    for name in ["llama-bpe", "llama-spm", "qwen2", "deepseek-coder", "gpt-2"] {
        let tokenizer = tokenizer(&folder.join(format!("tokenizers/ggml-vocab-{name}.gguf")));
        for pattern in ["a", " ", "7", "aé世🎉 7\n", "<|", "\n ", "!", "\u{301}", "a\u{302}\u{323}"] {
            let text = pattern.repeat((1 << 20) / pattern.len());
            let (ids, encoding) = time_of(|| encode(&tokenizer, &text, true));
            println!("{name}: 1 MiB of {pattern:?}: {} ids in {encoding:?}", ids.len());
            // Qwen composes its text.
            let (told, decoding) = time_of(|| decode(&tokenizer, &ids, true).unwrap());
            let is_composed = name == "qwen2" && pattern.contains('\u{302}');
            assert!(
                is_composed || told.trim_start_matches(' ') == text.trim_start_matches(' '),
                "{name}: {pattern:?}"
            );
            assert!((encoding + decoding).as_secs() < 60, "{name}: {pattern:?}");
        }
    }
}
