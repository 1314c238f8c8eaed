//! Adapters' files: what is no adapter of the model is refused by name, and no file does harm.
#![cfg(feature = "native")]

use crate::support::driver::{Driver, compute};
use crate::support::fuzz::harness::Target;
use crate::support::tiny::adapter::TinyAdapter;
use crate::support::tiny::{self, Tiny};
use std::sync::{Arc, LazyLock, Mutex};
use wick::budget::Budget;
use wick::compute::Compute;
use wick::error::{Error, ErrorKind};
use wick::gguf::write::{MetaValue, Writer};
use wick::gguf::{Gguf, Limits, Source, TensorType};
use wick::model::{Adapted, Adapter, Chunk, Decoder};

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

/// A model of a few KB, with experts.
static BASE: LazyLock<Arc<Gguf>> = LazyLock::new(|| small().open());

/// On the caller's thread, so that its allocations are counted there.
static COMPUTE: LazyLock<Arc<Mutex<Compute>>> = LazyLock::new(|| compute(1));

fn small() -> Tiny {
    let mut tiny = Tiny::new("qwen2moe");
    (tiny.width, tiny.heads, tiny.kv_heads, tiny.head_dim) = (8, 4, 2, 2);
    (tiny.feed_forward, tiny.vocab, tiny.layers, tiny.experts) = (6, 11, 1, (3, 2));
    tiny
}

/// Whether a file is an adapter of that model; then a pass is computed with it.
fn judge(bytes: &[u8]) -> bool {
    let source = Source::Memory(Box::new(bytes.to_vec()));
    let Ok(gguf) = Gguf::open(source, &Limits::default(), &mut |_, _| Ok(())) else { return false };
    let mut driver = Driver::with_compute(BASE.clone(), COMPUTE.clone());
    let adapter = match read(&driver, &gguf) {
        Ok(adapter) => adapter,
        Err(error) => {
            let kinds = [ErrorKind::ModelInvalid, ErrorKind::Unsupported, ErrorKind::OutOfMemory];
            assert!(kinds.contains(&error.kind()) && error.message().len() > 20, "{error}");
            return false;
        }
    };
    let with = Some(Adapted { adapter, scale: 1.0 });
    let sequences = [with, None].map(|with| driver.decoder.open_adapted(16, with).expect("a sequence"));
    let chunks = sequences.map(|sequence| Chunk { sequence, tokens: &[1, 2, 3], logits: 1 });
    let logits = driver.pass(&chunks);
    assert!(logits[1].iter().all(|logit| logit.is_finite()), "who has no adapter is not harmed");
    true
}

#[test]
fn mutants_are_adapters_that_compute_or_are_refused() {
    let (_, _) = (LazyLock::force(&BASE), LazyLock::force(&COMPUTE));
    let of = |rank, kind| TinyAdapter::of(&small(), rank, 1).of_type(kind).writer().to_bytes();
    let seeds = vec![("floats", of(3, TensorType::F32)), ("blocks", of(32, TensorType::Q8_0))];
    // The file, its header's tables, its values twice; a decoder and a pass of it.
    let target = Target { name: "adapters", seeds, judge, bound: |len| 8 * len + (4 << 20) };
    target.mutants(2000, |_| None);
}
