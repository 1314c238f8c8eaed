//! The candle backend beside the native one, which reads the same description: every small model gives the
//! same logits, or is refused by the name of what is lacking.
#![cfg(feature = "native")]

use crate::support::candle::{feed, load};
use crate::support::driver::Driver;
use crate::support::tiny::Tiny;
use crate::support::tiny::known::{allowed, apart, known, models, newer_types, tokens};
use std::collections::BTreeSet;
use wick::error::ErrorKind;
use wick::gguf::TensorType;
use wick::model::candle::{Options, Precision};

/// What candle lacks of a small model, in the words of its refusal.
fn lacking(tiny: &Tiny) -> Option<&'static str> {
    let what = match tiny.architecture {
        "qwen35" | "qwen35moe" => "a gated delta net",
        "lfm2" | "lfm2moe" => "a short convolution",
        "granitehybrid" => "Mamba-2",
        "granite_swa" | "gpt-oss" => "attention sinks",
        "bert" | "nomic-bert" => "norms behind the sums",
        "gemma-embedding" => "attention to tokens behind",
        "gemma4" if tiny.per_layer > 0 => "embeddings for each layer",
        "gemma4" => "norms of values",
        _ if tiny.experts.0 > 0 => "experts",
        _ => {
            let named = tiny.matrices.name();
            let lacks = named.starts_with("IQ") || ["MXFP4", "NVFP4", "Q1_0", "Q2_0"].contains(&named);
            return lacks.then_some(named);
        }
    };
    Some(what)
}

/// How far the logits of both are apart, candle's rounded or not.
fn distance(tiny: &Tiny, precision: Precision) -> f64 {
    let (gguf, tokens) = (tiny.open(), tokens(tiny));
    let mut native = Driver::over(gguf.clone(), 1);
    let sequence = native.sequence();
    let wanted = native.extend(sequence, &tokens);
    let mut candle = load(&gguf, &Options { precision, ..Options::default() }).expect("a model that it has");
    let sequence = candle.open(tokens.len()).expect("room");
    apart(&wanted, &feed(&mut candle, sequence, &tokens))
}

/// Models of this architecture and kind that llama.cpp does not take, beside those that it does.
fn more() -> Vec<(String, Tiny)> {
    let mut all = newer_types();
    for (key, value) in [("attn_logit_softcapping", 2.0), ("final_logit_softcapping", 1.5)] {
        all.push((format!("llama, {key}"), known("llama").with(key, value)));
    }
    all.push(("phi3, windows".into(), known("phi3").with("attention.sliding_window", 40u32)));
    all.push(("qwen2 of Q4_0, with factors".into(), known("qwen2").of(TensorType::Q4_0).with_factors()));
    all
}

#[test]
fn logits_are_the_native_decoders_or_the_model_is_refused_by_name() {
    let (mut wrong, mut taken) = (Vec::new(), BTreeSet::new());
    for (name, tiny) in models().into_iter().chain(more()) {
        if let Some(what) = lacking(&tiny) {
            let refused = load(&tiny.open(), &Options::default()).err();
            let error = refused.unwrap_or_else(|| panic!("{name} was loaded, which has {what}"));
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{name}: {error}");
            let message = error.message();
            for said in [what, "candle backend", "native backend"] {
                assert!(message.contains(said), "{name}: {said:?} is not in: {message}");
            }
            continue;
        }
        taken.insert(tiny.architecture);
        let plain = matches!(tiny.matrices, TensorType::F32 | TensorType::F16 | TensorType::BF16);
        let precision = if plain { Precision::F32 } else { Precision::Quantised };
        // Those of one token: their distance is less even than that of all.
        let (apart, allowed) = (distance(&tiny, precision), 1.5 * allowed(&tiny));
        if apart > allowed || apart.is_nan() {
            wrong.push(format!("{name}: {apart} apart, {allowed} allowed"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("; "));
    let known = "ernie4_5 exaone exaone4 gemma gemma2 gemma3 glm4 granite hunyuan-dense llama minicpm mistral3 \
                 nanbeige olmo2 phi3 qwen2 qwen3 smollm3";
    assert_eq!(taken, known.split_whitespace().collect());
}

/// What is wrong is wrong whoever computes: both say it in the same words.
#[test]
fn both_refuse_a_file_in_the_same_words() {
    for (key, value) in [("attention.head_count", 3u32), ("block_count", 0), ("rope.dimension_count", 5)] {
        let gguf = known("llama").with(key, value).open();
        let candle = load(&gguf, &Options::default()).err().expect("a file that is wrong");
        let native = crate::support::driver::load(gguf, 1).err().expect("a file that is wrong");
        assert_eq!((candle.kind(), candle.message()), (native.kind(), native.message()));
    }
}
