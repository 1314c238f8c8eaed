//! Hostile hyper-parameters and shapes: an error of the right kind, before candle sees a tensor; never a
//! panic.

use crate::support::candle::load_bytes;
use crate::support::candle::small::{Small, small};
use wick::error::{
    Error,
    ErrorKind::{self, ModelInvalid, Unsupported},
};
use wick::gguf::write::MetaValue;
use wick::gguf::{Gguf, Limits, Source, ValueType};
use wick::model::candle::{CandleDecoder, Options};

const ARCHITECTURES: [&str; 4] = ["llama", "qwen2", "qwen3", "gemma3"];

fn refused(file: &Small, what: &str) -> (ErrorKind, String) {
    let error =
        load_bytes(file.bytes(), &Options::default()).err().unwrap_or_else(|| panic!("{what} was loaded"));
    assert!(matches!(error.kind(), ModelInvalid | Unsupported), "{what}: {:?}: {error}", error.kind());
    (error.kind(), error.message().to_owned())
}

/// None of these values fits the small models, whatever the key.
#[test]
fn numbers_that_fit_nothing() {
    let sizes = [
        "block_count",
        "embedding_length",
        "feed_forward_length",
        "attention.head_count",
        "attention.head_count_kv",
        "attention.key_length",
        "attention.value_length",
        "rope.dimension_count",
    ];
    for architecture in ARCHITECTURES {
        for key in sizes {
            for value in [0, 1, 3, 7_777, i32::MAX as u32, u32::MAX] {
                let key = format!("{architecture}.{key}");
                let (_, message) =
                    refused(&small(architecture).with(&key, Some(MetaValue::U32(value))), &key);
                assert!(!message.is_empty());
            }
        }
        for value in [0, 1 << 25, u32::MAX] {
            let key = format!("{architecture}.context_length");
            let (kind, message) = refused(&small(architecture).with(&key, Some(MetaValue::U32(value))), &key);
            assert!(kind == ModelInvalid && message.contains(&key), "{message}");
        }
    }
}

#[test]
fn numbers_that_are_none() {
    let keys =
        ["attention.layer_norm_rms_epsilon", "rope.freq_base", "rope.scaling.factor", "attention.scale"];
    for architecture in ARCHITECTURES {
        for key in keys {
            let key = format!("{architecture}.{key}");
            for value in [-1.0, f32::NAN, f32::INFINITY] {
                let (kind, message) =
                    refused(&small(architecture).with(&key, Some(MetaValue::F32(value))), &key);
                assert!(kind == ModelInvalid && message.contains(&key), "{message}");
            }
            let text = Some(MetaValue::Str("ten".to_owned()));
            assert_eq!(refused(&small(architecture).with(&key, text), &key).0, ModelInvalid);
        }
    }
}

#[test]
fn keys_that_are_missing() {
    for architecture in ARCHITECTURES {
        for (key, _) in small(architecture).keys {
            let loaded = load_bytes(small(architecture).with(&key, None).bytes(), &Options::default());
            if let Err(error) = loaded {
                assert_eq!(error.kind(), ModelInvalid, "{key}: {error}");
                assert!(
                    error.message().contains(&key) || error.message().contains("tensor"),
                    "{key}: {error}"
                );
            }
        }
    }
}

#[test]
fn a_window_is_of_at_least_a_token() {
    for value in [0, u32::MAX] {
        let key = "gemma3.attention.sliding_window";
        assert_eq!(refused(&small("gemma3").with(key, Some(MetaValue::U32(value))), key).0, ModelInvalid);
    }
}

#[test]
fn an_unknown_architecture_is_named() {
    for name in ["qwen4exp", "", "llama\u{0}"] {
        let file = small("llama").with("general.architecture", Some(MetaValue::Str(name.to_owned())));
        let (kind, message) = refused(&file, name);
        assert_eq!(kind, Unsupported);
        assert!(message.contains(&format!("{name:?}")) && message.contains("gemma3"), "{message}");
    }
}

#[test]
fn every_tensor_has_its_shape() {
    for architecture in ARCHITECTURES {
        for (name, shape) in small(architecture).tensors {
            let optional = name == "output.weight";
            if !optional {
                let (kind, message) = refused(&small(architecture).with_tensor(&name, None), &name);
                assert!(kind == ModelInvalid && message.contains(&name), "{message}");
            }
            let mut longer = shape.clone();
            longer[shape.len() - 1] += 1;
            let flat = [shape.iter().product()];
            let others: [&[u64]; 3] = [&longer, &[2, 2, 2, 2], if shape.len() > 1 { &flat } else { &[1, 1] }];
            for other in others {
                assert_eq!(
                    refused(&small(architecture).with_tensor(&name, Some(other)), &name).0,
                    ModelInvalid
                );
            }
        }
        let (kind, message) =
            refused(&small(architecture).with_tensor("blk.0.surprise", Some(&[3])), "a surprise");
        assert!(kind == Unsupported && message.contains("blk.0.surprise"), "{message}");
    }
}

#[test]
fn the_vocabulary_is_as_long_as_the_embeddings() {
    let words = vec![MetaValue::Str("a".to_owned()); 47];
    let tokens = MetaValue::Array(ValueType::Str, words);
    let key = "tokenizer.ggml.tokens";
    let (kind, message) = refused(&small("llama").with(key, Some(tokens)), key);
    assert!(kind == ModelInvalid && message.contains("token_embd.weight"), "{message}");
}

fn loads(file: &Small) -> bool {
    load_bytes(file.bytes(), &Options::default()).is_ok()
}

#[test]
fn f5b_a_number_of_tokens_unlike_the_vocabulary_s_and_a_vector_of_one_column_are_no_faults() {
    assert!(loads(&small("llama").with("llama.vocab_size", Some(MetaValue::U32(49)))));
    let width = small("llama").tensors.iter().find(|(name, _)| name == "output_norm.weight").unwrap().1[0];
    for name in ["output_norm.weight", "blk.0.ffn_norm.weight"] {
        assert!(loads(&small("llama").with_tensor(name, Some(&[width, 1]))), "{name}");
        assert!(!loads(&small("llama").with_tensor(name, Some(&[width, 2]))), "{name}");
    }
}

#[test]
fn tokens_that_see_those_behind_are_refused_by_name() {
    for architecture in ARCHITECTURES {
        let key = format!("{architecture}.attention.causal");
        let (kind, message) = refused(&small(architecture).with(&key, Some(MetaValue::Bool(false))), &key);
        assert!(kind == Unsupported && message.contains(&key), "{message}");
        assert!(loads(&small(architecture).with(&key, Some(MetaValue::Bool(true)))), "{key}");
    }
}

#[test]
fn a_cancelled_load_gives_the_reason_back() {
    let source = Source::Memory(Box::new(small("llama").bytes()));
    let gguf = Gguf::open(source, &Limits::default(), &mut |_, _| Ok(())).expect("a valid file");
    let mut calls = 0;
    let stopped = CandleDecoder::load(&gguf, &Options::default(), &mut |done, all| {
        assert!(done <= all);
        calls += 1;
        if calls == 5 { Err(Error::new(ErrorKind::Timeout, "enough")) } else { Ok(()) }
    });
    assert_eq!(stopped.err().map(|error| error.kind()), Some(ErrorKind::Timeout));
    assert_eq!(calls, 5);
    // A cap, as with the native decoder.
    for (wanted, had) in [(100, 100), (128, 128), (129, 128)] {
        let options = Options { context_length: Some(wanted), ..Options::default() };
        let decoder = CandleDecoder::load(&gguf, &options, &mut |_, _| Ok(())).expect("a model");
        let decoder = crate::support::candle::run(decoder, &options).expect("memory");
        assert_eq!(decoder.spec().context_length, had);
    }
}

/// A real file of a type that candle lacks.
#[test]
fn tensor_types_that_candle_lacks_are_named() {
    let Some(path) = crate::support::candle::model("tinyllama-iq2_xxs.gguf") else { return };
    let error =
        CandleDecoder::load(&crate::support::candle::open(path), &Options::default(), &mut |_, _| Ok(()));
    let error = error.err().expect("IQ2_XXS was loaded");
    assert!(error.kind() == Unsupported && error.message().contains("IQ2_XXS"), "{error}");
}
