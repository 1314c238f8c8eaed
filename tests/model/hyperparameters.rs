//! Hyper-parameters and shapes that cannot be are refused by kind, name and value; nothing is sized by them
//! first, nothing panics.
#![cfg(feature = "native")]

use crate::support::counting::peak_of;
use crate::support::driver;

use crate::support::tiny::{AHEAD, ARCHITECTURES, Tiny, open};
use wick::budget::Budget;
use wick::error::{Error, ErrorKind};
use wick::gguf::write::MetaValue;
use wick::gguf::{TensorType, ValueType};
use wick::model::{NativeDecoder, NativeOptions, Runner};

pub fn load(model: &Tiny) -> Result<Runner<NativeDecoder>, Error> {
    driver::load(model.open(), 1)
}

pub fn refused(model: &Tiny, what: &str) -> Error {
    let error = match load(model) {
        Err(error) => error,
        Ok(_) => panic!("{what} was accepted"),
    };
    let kind = error.kind();
    assert!(matches!(kind, ErrorKind::ModelInvalid | ErrorKind::Unsupported), "{what}: {kind:?}: {error}");
    error
}

#[test]
fn every_architecture_loads() {
    for &architecture in ARCHITECTURES {
        let loaded = load(&Tiny::new(architecture));
        assert!(loaded.is_ok(), "{architecture}: {:?}", loaded.err());
    }
}

#[test]
fn f10_an_unknown_architecture_is_unsupported_by_name() {
    let mut model = Tiny::new("llama");
    model.architecture = "qwen4exp";
    let error = refused(&model, "qwen4exp");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("qwen4exp"), "{error}");
    // Families of today that are not computed.
    for name in ["cohere2", "spark2_5", "apertus", "falcon-h1", "nemotron_h", "deepseek2", "rwkv7", "mamba2"]
    {
        model.architecture = name;
        let error = refused(&model, name);
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.message().contains(&format!("architecture {name:?} is unknown")), "{error}");
    }
    for (name, nearest) in [("gemma3n", "gemma3"), ("exaone5", "exaone"), ("xyz", ""), ("", "")] {
        model.architecture = name;
        let error = refused(&model, name);
        assert!(error.message().contains(&format!("the nearest that is known is {nearest}")), "{error}");
    }
}

#[test]
fn f10_architectures_that_are_written_ahead_are_unsupported_by_name() {
    for &architecture in AHEAD {
        let error = refused(&Tiny::new(architecture), architecture);
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.message().contains(&format!("{architecture:?}")), "{error}");
    }
}

#[test]
fn f4_impossible_numbers_are_refused() {
    let keys = [
        "attention.head_count",
        "attention.head_count_kv",
        "block_count",
        "rope.dimension_count",
        "embedding_length",
        "feed_forward_length",
        "attention.key_length",
        "attention.value_length",
    ];
    for architecture in ["llama", "gemma3", "gemma4", "phi3", "olmo2"] {
        for key in keys {
            for value in [0, 5, 11, i32::MAX as u32, u32::MAX] {
                refused(
                    &Tiny::new(architecture).with(key, value),
                    &format!("{architecture}.{key} = {value}"),
                );
            }
        }
        for value in [0, i32::MAX as u32, u32::MAX] {
            refused(
                &Tiny::new(architecture).with("context_length", value),
                &format!("context_length = {value}"),
            );
        }
    }
    for value in [0, i32::MAX as u32, u32::MAX] {
        refused(&Tiny::new("gemma2").with("attention.sliding_window", value), &format!("window {value}"));
        refused(&Tiny::new("qwen3moe").with("expert_used_count", value), &format!("experts used {value}"));
        refused(&Tiny::new("qwen3moe").with("expert_count", value), &format!("experts {value}"));
    }
}

/// Every hyper-parameter of F4 of `docs/scenarios.md`, in every one of its values: what is not refused
/// computes, and nothing is sized by a number before it is checked.
#[test]
fn f4_every_number_in_every_value_is_refused_or_computes() {
    let keys = [
        "attention.head_count",
        "attention.head_count_kv",
        "attention.key_length",
        "attention.sliding_window",
        "block_count",
        "context_length",
        "embedding_length",
        "expert_count",
        "expert_gating_func",
        "expert_used_count",
        "feed_forward_length",
        "full_attention_interval",
        "leading_dense_block_count",
        "nextn_predict_layers",
        "rope.dimension_count",
        "shortconv.l_cache",
        "ssm.conv_kernel",
        "ssm.group_count",
        "ssm.inner_size",
        "ssm.state_size",
        "ssm.time_step_rank",
    ];
    let values = [0, 1, 3, 5, 7, 17, i32::MAX as u32, u32::MAX];
    let (mut computed, mut refusals) = (0, 0);
    for &architecture in ARCHITECTURES {
        for key in keys {
            for value in values {
                let gguf = Tiny::new(architecture).with(key, value).open();
                let what = format!("{architecture}.{key} = {value}");
                let compute = driver::compute(1);
                let options = NativeOptions::new(compute);
                let (loaded, peak) = peak_of(|| driver::run(gguf, options));
                assert!(peak < 1 << 20, "{what}: {peak} bytes");
                match loaded {
                    Ok(decoder) => {
                        assert!(!large(value) || !is_read(architecture, key), "{what} was accepted");
                        assert!(speaks(decoder), "{what}");
                        computed += 1;
                    }
                    Err(error) => {
                        let kind = error.kind();
                        assert!(
                            matches!(kind, ErrorKind::ModelInvalid | ErrorKind::Unsupported),
                            "{what}: {error}"
                        );
                        assert!(
                            error.message().chars().any(|c| c == '"' || c.is_ascii_digit()),
                            "{what}: {error}"
                        );
                        refusals += 1;
                    }
                }
            }
        }
    }
    assert!(computed > 100 && refusals > 700, "{computed} computed, {refusals} were refused");
}

fn large(value: u32) -> bool {
    value > 1 << 24
}

/// Whether `architecture` has use for `key`; keys without use are not looked at.
fn is_read(architecture: &str, key: &str) -> bool {
    match key {
        "attention.sliding_window" => [
            "gemma2",
            "gemma3",
            "gemma4",
            "gemma-embedding",
            "phi3",
            "olmo2",
            "lfm2",
            "gpt-oss",
            "granite_swa",
        ]
        .contains(&architecture),
        "shortconv.l_cache" => architecture.starts_with("lfm2"),
        "full_attention_interval" | "nextn_predict_layers" => architecture.starts_with("qwen35"),
        _ if key.starts_with("ssm.") => architecture.starts_with("qwen35") || architecture == "granitehybrid",
        "leading_dense_block_count" | "expert_gating_func" => architecture == "lfm2moe",
        "expert_used_count" => architecture.ends_with("moe") || architecture == "gpt-oss",
        // Experts alone have a feed-forward, of a width of their own.
        "feed_forward_length" => !architecture.ends_with("moe") && architecture != "gpt-oss",
        _ => true,
    }
}

/// A pass of a few tokens gives finite logits.
fn speaks(mut decoder: Runner<NativeDecoder>) -> bool {
    let context = decoder.spec().context_length;
    let sequence = decoder.open(context).expect("a sequence");
    let tokens: Vec<u32> = (0..context.min(5) as u32).collect();
    let mut driver = driver::Driver { decoder, slice: std::time::Duration::from_secs(1) };
    driver.extend(sequence, &tokens).iter().all(|logit| logit.is_finite())
}

#[test]
fn f4_ones_either_compute_or_are_refused() {
    // One head as wide as the model, one layer of three: right shapes are what decides.
    for key in ["attention.head_count", "attention.head_count_kv", "embedding_length", "feed_forward_length"]
    {
        refused(&Tiny::new("llama").with(key, 1), &format!("{key} = 1"));
    }
    // Layers that the file has and the number leaves out.
    refused(&Tiny::new("llama").with("block_count", 1), "block_count = 1");
    assert!(load(&Tiny::new("llama").with("context_length", 1)).is_ok());
    assert!(load(&Tiny::new("gemma3").with("attention.sliding_window", 1)).is_ok());
}

#[test]
fn f4_broken_floats_are_refused() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -1.0, 1.0, 1e30] {
        let model = Tiny::new("llama").with("attention.layer_norm_rms_epsilon", value);
        refused(&model, &format!("epsilon {value}"));
    }
    for value in [f32::NAN, f32::INFINITY, -1.0, 0.0] {
        refused(&Tiny::new("llama").with("rope.freq_base", value), &format!("rope base {value}"));
    }
    for value in [f32::NAN, f32::INFINITY, -1.0] {
        refused(&Tiny::new("gemma2").with("attn_logit_softcapping", value), &format!("cap {value}"));
        refused(&Tiny::new("granite").with("logit_scale", value), &format!("logit scale {value}"));
        refused(&Tiny::new("llama").with("rope.scaling.factor", value), &format!("rope factor {value}"));
    }
}

#[test]
fn f4_broken_numbers_of_one_family_are_refused_by_name() {
    let broken = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1.0];
    for (architecture, key) in [
        ("mistral3", "attention.temperature_scale"),
        ("mistral3", "rope.scaling.yarn_beta_fast"),
        ("mistral3", "rope.scaling.yarn_beta_slow"),
        ("mistral3", "rope.scaling.yarn_log_multiplier"),
        ("mistral3", "rope.scaling.factor"),
        ("hunyuan-dense", "rope.scaling.alpha"),
        ("minicpm", "embedding_scale"),
        ("minicpm", "residual_scale"),
        ("minicpm", "logit_scale"),
    ] {
        for value in broken {
            let error = refused(&Tiny::new(architecture).with(key, value), &format!("{key} {value}"));
            assert!(error.message().contains(&format!("{architecture}.{key}")), "{error}");
        }
        // Large or small: what is no number in the end is refused, the rest computes.
        for value in [f32::MIN_POSITIVE, 1e-30, 1e30, f32::MAX] {
            if let Ok(decoder) = load(&Tiny::new(architecture).with(key, value)) {
                let _ = speaks(decoder);
            }
        }
    }
    for value in [0, (1 << 24) + 1, u32::MAX] {
        let key = "rope.scaling.original_context_length";
        refused(&Tiny::new("mistral3").with(key, value), &format!("{key} {value}"));
        let window = Tiny { layers: 64, ..Tiny::new("exaone4") }.with("attention.sliding_window", value);
        refused(&window, &format!("window {value}"));
    }
}

/// Queries and keys twice as long make scores four times as large, bit for bit.
#[test]
fn the_attention_factor_counts_whatever_the_scaling_is_and_in_every_layer() {
    for (architecture, scaling) in
        [("llama", None), ("llama", Some("none")), ("llama", Some("linear")), ("gemma3", None)]
    {
        let logits = |scale: f32, factor: f32| {
            let model = Tiny::new(architecture).with("attention.scale", scale);
            let model = match scaling {
                Some(scaling) => model.with("rope.scaling.type", scaling),
                None => model,
            };
            let model = model.with("rope.scaling.attn_factor", factor);
            let mut driver = driver::Driver::over(model.open(), 1);
            let sequence = driver.sequence();
            driver::bits(&driver.extend(sequence, &[9, 8, 7, 6, 5, 4]))
        };
        assert!(logits(0.25, 2.0) == logits(1.0, 1.0), "{architecture}, {scaling:?}");
        assert!(logits(0.25, 2.0) != logits(0.25, 1.0), "{architecture}, {scaling:?}: it does not count");
    }
}

#[test]
fn f4_values_of_another_type_are_refused() {
    refused(&Tiny::new("llama").with("block_count", "three"), "a text");
    refused(&Tiny::new("llama").with("attention.head_count", MetaValue::I64(-4)), "a negative number");
    refused(&Tiny::new("llama").with("attention.layer_norm_rms_epsilon", 1u32), "an integer");
    refused(&Tiny::new("llama").with("rope.scaling.type", "spiral"), "an unknown scaling");
    refused(&Tiny::new("llama").with("attention.head_count_kv", &[2u32, 1, 2][..]), "heads that differ");
    assert!(load(&Tiny::new("llama").with("attention.head_count_kv", &[2u32, 2, 2][..])).is_ok());
}

#[test]
fn attention_that_looks_ahead_is_unsupported_by_name() {
    let error = refused(&Tiny::new("llama").with("attention.causal", MetaValue::Bool(false)), "not causal");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("llama.attention.causal"), "{error}");
    assert!(load(&Tiny::new("llama").with("attention.causal", MetaValue::Bool(true))).is_ok());
}

#[test]
fn tokens_with_several_positions_are_unsupported_by_name() {
    let sections = &[2u32, 1, 1, 0][..];
    let error = refused(&Tiny::new("glm4").with("rope.dimension_sections", sections), "sections");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("glm4.rope.dimension_sections"), "{error}");
}

#[test]
fn f4_windows_by_layer_fit_the_layers() {
    let pattern = |value: MetaValue| Tiny::new("gemma3").with("attention.sliding_window_pattern", value);
    let flags = |len| MetaValue::Array(ValueType::Bool, vec![MetaValue::Bool(true); len]);
    assert!(load(&pattern(flags(7))).is_ok() && load(&pattern(3.into())).is_ok());
    for (value, what) in [(flags(6), "6 entries"), ((1 << 20).into(), "1048576"), ("six".into(), "pattern")] {
        let error = refused(&pattern(value), what);
        assert!(error.message().contains(what), "{error}");
    }
}

#[test]
fn f5_missing_tensors_and_wrong_shapes_are_refused_by_name() {
    for tensor in ["token_embd.weight", "output_norm.weight", "blk.1.attn_k.weight", "blk.2.ffn_down.weight"]
    {
        let mut model = Tiny::new("llama");
        model.without.push(tensor.into());
        let error = refused(&model, tensor);
        assert!(error.message().contains(tensor), "{error}");
    }
    let mut model = Tiny::new("llama");
    model.without.push("blk.0.attn_q.weight".into());
    let file = model.writer().tensor("blk.0.attn_q.weight", TensorType::F32, &[64, 63], vec![0; 64 * 63 * 4]);
    let error = driver::load(open(file.to_bytes()), 1).err();
    assert!(error.is_some_and(|error| error.message().contains("blk.0.attn_q.weight")));
}

#[test]
fn f5_every_tensor_in_every_other_shape_is_invalid() {
    let mut changed = 0;
    for &architecture in ARCHITECTURES {
        // The third layer of LFM2 and Granite's hybrids, and the fourth of Qwen3.5, is the first with
        // attention.
        let layers = match architecture {
            "lfm2" | "lfm2moe" | "granitehybrid" => 3,
            "qwen35" | "qwen35moe" => 4,
            _ => 1,
        };
        let whole = Tiny { layers, ..Tiny::new(architecture) };
        for (name, shape, _) in whole.tensors() {
            let last = shape.len() - 1;
            let mut others = vec![[&shape[..], &[2]].concat()];
            if last > 0 {
                others.push(shape[..last].to_vec());
            }
            for dimension in 0..=last {
                for size in [1, shape[dimension] - 1, shape[dimension] + 1] {
                    let mut other = shape.clone();
                    other[dimension] = size;
                    others.push(other);
                }
            }
            for other in others.into_iter().filter(|other| *other != shape && !other.contains(&0)) {
                // How many tokens, and kinds of a text's parts, nothing else tells of these; one kind may be
                // a vector.
                let free = match &*name {
                    "token_embd.weight" => other.len() == 2,
                    "token_types.weight" => other.len() < 3,
                    _ => false,
                };
                if architecture.ends_with("bert") && free && other[0] == shape[0] {
                    continue;
                }
                let without = vec![name.clone()];
                let data = vec![0; other.iter().product::<u64>() as usize * 4];
                let writer = Tiny { without, ..whole.clone() }.writer();
                let file = writer.tensor(&name, TensorType::F32, &other, data).to_bytes();
                let what = format!("{architecture}, {name} of {other:?} for {shape:?}");
                let error = match driver::load(open(file), 1) {
                    Err(error) => error,
                    Ok(_) => panic!("{what} was accepted"),
                };
                assert_eq!(error.kind(), ErrorKind::ModelInvalid, "{what}: {error}");
                // How many rows there are only the other matrix of the vocabulary can tell.
                let rows = name == "token_embd.weight" && other.len() == 2 && other[0] == shape[0];
                let named = if rows { "output.weight" } else { &name };
                assert!(error.message().contains(named), "{what}: {error}");
                changed += 1;
            }
        }
    }
    assert!(changed > 1000, "{changed} shapes");
}

#[test]
fn a_tensor_that_nothing_computes_with_is_unsupported_by_name() {
    let file =
        Tiny::new("llama").writer().tensor("blk.0.attn_sinks.weight", TensorType::F32, &[4], vec![0; 16]);
    let error = driver::load(open(file.to_bytes()), 1).err();
    assert!(error.is_some_and(|e| e.kind() == ErrorKind::Unsupported && e.message().contains("attn_sinks")));
}

#[test]
fn f10_a_tensor_type_without_kernels_is_unsupported() {
    let mut model = Tiny::new("llama");
    model.without.push("blk.0.attn_q.weight".into());
    let file = model.writer().tensor("blk.0.attn_q.weight", TensorType::I8, &[64, 64], vec![0; 64 * 64]);
    let error = driver::load(open(file.to_bytes()), 1).err();
    assert!(error.is_some_and(|e| e.kind() == ErrorKind::Unsupported && e.message().contains("I8")));
}

#[test]
fn f5_the_vocabulary_is_the_embedding() {
    let tokens: Vec<String> = (0..159).map(|id| format!("t{id}")).collect();
    let mut model = Tiny::new("llama");
    model.keys.push(("tokenizer.ggml.tokens".into(), tokens.iter().collect()));
    refused(&model, "159 tokens for 160 rows");
    let tokens: Vec<String> = (0..161).map(|id| format!("t{id}")).collect();
    let mut model = Tiny::new("llama");
    model.keys.push(("tokenizer.ggml.tokens".into(), tokens.iter().collect()));
    refused(&model, "161 tokens for 160 rows");
}

#[test]
fn f5b_what_else_a_file_says_of_its_vocabulary_is_no_fault() {
    for value in [0, 159, 161, u32::MAX] {
        assert!(load(&Tiny::new("llama").with("vocab_size", value)).is_ok(), "vocab_size {value}");
        for key in ["bos", "eos", "eot", "padding", "unknown", "mask"] {
            let mut model = Tiny::new("llama");
            model.keys.push((format!("tokenizer.ggml.{key}_token_id"), value.into()));
            assert!(load(&model).is_ok(), "{key} {value}");
        }
    }
}

#[test]
fn f5b_a_vector_may_be_a_matrix_of_one_column() {
    for (architecture, norms) in [
        ("llama", &["output_norm.weight", "blk.0.attn_norm.weight", "blk.1.ffn_norm.weight"][..]),
        ("qwen3", &["blk.2.attn_q_norm.weight", "blk.0.attn_k_norm.weight"]),
        ("gemma2", &["blk.0.post_attention_norm.weight", "blk.1.post_ffw_norm.weight"]),
        ("qwen2", &["blk.0.attn_q.bias"]),
    ] {
        for name in norms {
            let tiny = Tiny::new(architecture);
            let len = tiny.tensors().into_iter().find(|(other, ..)| other == name).unwrap().1[0];
            let with = |shape: &[u64]| {
                let mut model = tiny.clone();
                model.without.push((*name).to_owned());
                let kind = TensorType::F32;
                let values = vec![0; len as usize * 4 * shape.iter().skip(1).product::<u64>() as usize];
                driver::load(open(model.writer().tensor(name, kind, shape, values).to_bytes()), 1)
            };
            assert!(with(&[len, 1]).is_ok(), "{name}");
            assert!(with(&[len, 2]).is_err(), "{name}");
            assert!(with(&[len - 1, 1]).is_err(), "{name}");
        }
    }
}

#[test]
fn f11_a_model_over_the_budget_says_both_numbers() {
    let mut options = NativeOptions::new(driver::compute(1));
    options.budget = Budget::new(Some(1000));
    let error = NativeDecoder::load(Tiny::new("llama").open(), options).err();
    assert!(error.is_some_and(|e| e.kind() == ErrorKind::OutOfMemory && e.message().contains("1000")));
}

#[test]
fn f4_a_short_convolution_needs_taps_and_attention_beside() {
    for taps in [0, 1, 2, 4, 65, u32::MAX] {
        refused(&Tiny::new("lfm2").with("shortconv.l_cache", taps), &format!("{taps} taps of 3"));
    }
    let heads = |heads: &[u32]| Tiny::new("lfm2").with("attention.head_count_kv", heads);
    assert!(load(&heads(&[0, 0, 2])).is_ok());
    let error = refused(&heads(&[0, 0, 0]), "no attention");
    assert!(error.message().contains("attention.head_count_kv"), "{error}");
    for (counts, what) in [(&[0, 0][..], "2 entries"), (&[0, 0, 3], "3"), (&[0, 0, u32::MAX], "4294967295")] {
        let error = refused(&heads(counts), what);
        assert!(error.message().contains(what), "{error}");
    }
    // Elsewhere every layer has heads.
    refused(&Tiny::new("llama").with("attention.head_count_kv", &[2u32, 0, 2][..]), "no heads");
    for gating in [0, 3, u32::MAX] {
        refused(&Tiny::new("lfm2moe").with("expert_gating_func", gating), &format!("gating {gating}"));
    }
    refused(&Tiny::new("lfm2moe").with("leading_dense_block_count", 4), "4 dense layers of 3");
}
