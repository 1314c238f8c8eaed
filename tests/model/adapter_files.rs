//! Adapters' files: what is no adapter of the model is refused by name.
#![cfg(feature = "native")]

use crate::support::driver::Driver;
use crate::support::tiny::{self, Tiny};
use std::sync::Arc;
use wick::budget::Budget;
use wick::error::{Error, ErrorKind};
use wick::gguf::write::{MetaValue, Writer};
use wick::gguf::{Gguf, TensorType};
use wick::model::{Adapter, Decoder};

/// Reads an adapter for the driver's model.
fn read(driver: &Driver, gguf: &Gguf) -> Result<Arc<Adapter>, Error> {
    let base = driver.decoder.decoder().adaptable().expect("the native decoder computes adapters");
    Adapter::read(gguf, &base, &Budget::new(None))
}

/// What a sound adapter's keys are, but for `key`, which is `value` or missing.
fn keys(key: &str, value: Option<MetaValue>) -> Writer<'static> {
    let mut writer = Writer::new();
    let all: [(&str, MetaValue); 4] = [
        ("general.type", "adapter".into()),
        ("adapter.type", "lora".into()),
        ("adapter.lora.alpha", 8.0f32.into()),
        ("general.architecture", "llama".into()),
    ];
    for (name, sound) in all.into_iter().filter(|(name, _)| *name != key) {
        writer = writer.meta(name, sound);
    }
    value.into_iter().fold(writer, |writer, value| writer.meta(key, value))
}

/// `writer` with another tensor of zeros.
fn add(writer: Writer<'static>, name: &str, shape: &[u64]) -> Writer<'static> {
    let bytes = vec![0u8; shape.iter().product::<u64>() as usize * 4];
    writer.tensor(name, TensorType::F32, shape, bytes)
}

/// `writer` with a pair for this matrix.
fn pair(writer: Writer<'static>, name: &str, down: &[u64], up: &[u64]) -> Writer<'static> {
    add(add(writer, &format!("{name}.lora_a"), down), &format!("{name}.lora_b"), up)
}

#[test]
fn keys_that_are_no_adapters_are_refused_by_name() {
    use ErrorKind::{ModelInvalid, Unsupported};
    let driver = Driver::over(Tiny::new("llama").open(), 1);
    let cases: [(&str, Option<MetaValue>, ErrorKind, &str); 13] = [
        ("general.type", None, ModelInvalid, "general.type is missing"),
        ("general.type", Some("model".into()), ModelInvalid, "general.type is \"model\""),
        ("adapter.type", None, Unsupported, "adapter.type is missing"),
        ("adapter.type", Some("ia3".into()), Unsupported, "adapter.type is \"ia3\""),
        ("general.architecture", None, ModelInvalid, "general.architecture"),
        ("general.architecture", Some("qwen3".into()), Unsupported, "\"qwen3\", the model is \"llama\""),
        ("adapter.lora.alpha", None, ModelInvalid, "adapter.lora.alpha"),
        ("adapter.lora.alpha", Some(0.0f32.into()), ModelInvalid, "adapter.lora.alpha is 0"),
        ("adapter.lora.alpha", Some(f32::NAN.into()), ModelInvalid, "adapter.lora.alpha is NaN"),
        ("adapter.lora.alpha", Some("16".into()), ModelInvalid, "adapter.lora.alpha"),
        (
            "adapter.alora.invocation_tokens",
            Some(5u32.into()),
            Unsupported,
            "adapter.alora.invocation_tokens",
        ),
        ("general.name", Some(5u32.into()), ModelInvalid, ""),
        ("general.name", Some("sound".into()), ModelInvalid, ""),
    ];
    for (key, value, kind, said) in cases {
        let shown = format!("{key} {value:?}");
        let writer = pair(keys(key, value), "blk.0.attn_q.weight", &[64, 4], &[4, 64]);
        match read(&driver, &tiny::open(writer.to_bytes())) {
            Ok(_) => assert_eq!(key, "general.name", "{shown}"),
            Err(error) => {
                assert!(!said.is_empty(), "{shown}: {error}");
                assert!(error.kind() == kind && error.message().contains(said), "{shown}: {error}");
            }
        }
    }
    let model = read(&driver, &Tiny::new("llama").open()).expect_err("a model");
    assert!(model.message().contains("general.type is missing"), "{model}");
}

#[test]
fn tensors_that_do_not_fit_the_model_are_refused_by_name() {
    use ErrorKind::{ModelInvalid, Unsupported};
    let driver = Driver::over(Tiny::new("llama").open(), 1);
    let (q, sound) = ("blk.0.attn_q.weight", || keys("general.name", None));
    let of_q = |down: &[u64], up: &[u64]| pair(sound(), q, down, up);
    let first = || of_q(&[64, 4], &[4, 64]);
    let integers = sound().tensor(&format!("{q}.lora_a"), TensorType::I32, &[64, 4], vec![0u8; 1024]);
    let cases = [
        (sound(), ModelInvalid, "no tensor"),
        (add(sound(), &format!("{q}.lora_a"), &[64, 4]), ModelInvalid, "no \"blk.0.attn_q.weight.lora_b\""),
        (add(sound(), &format!("{q}.lora_b"), &[4, 64]), ModelInvalid, "no \"blk.0.attn_q.weight.lora_a\""),
        (of_q(&[64, 4], &[4, 128]), ModelInvalid, "lora_b\" has shape [4, 128], not [4, 64]"),
        (of_q(&[128, 4], &[4, 64]), ModelInvalid, "lora_a\" has shape [128, 4], not [64, 4]"),
        (of_q(&[64, 4], &[5, 64]), ModelInvalid, "lora_b\" has shape [5, 64], not [4, 64]"),
        (of_q(&[4, 64], &[64, 4]), ModelInvalid, "lora_a\" has shape"),
        (of_q(&[64, 1025], &[1025, 64]), Unsupported, "rank 1025"),
        (of_q(&[64, 4, 2], &[4, 64, 2]), ModelInvalid, "shape [64, 4, 2]"),
        (pair(first(), "token_embd.weight", &[160, 4], &[4, 64]), Unsupported, "changes the embedding"),
        (pair(first(), "blk.9.attn_q.weight", &[64, 4], &[4, 64]), Unsupported, "\"blk.9.attn_q.weight\""),
        (
            pair(first(), "blk.0.attn_norm.weight", &[64, 4], &[4, 1]),
            Unsupported,
            "no matrix of this llama model",
        ),
        (add(first(), "blk.0.attn_norm.weight", &[64]), Unsupported, "\"blk.0.attn_norm.weight\" is neither"),
        (add(integers, &format!("{q}.lora_b"), &[4, 64]), Unsupported, "is I32"),
    ];
    for (writer, kind, said) in cases {
        let error = read(&driver, &tiny::open(writer.to_bytes())).expect_err(said);
        assert!(error.kind() == kind && error.message().contains(said), "{said}: {:?} {error}", error.kind());
    }
}
