//! Gemma 4: layers that read the keys and values of others, heads by layer, embeddings by layer. What its
//! files cannot say is refused by name.
#![cfg(feature = "native")]

use crate::support::counting::peak_of;
use crate::support::driver::{self, Driver, bits};
use crate::support::tiny::known::experts;
use crate::support::tiny::{Random, Tiny, open};
use wick::error::{Error, ErrorKind};
use wick::gguf::write::MetaValue;
use wick::gguf::{TensorType, ValueType};
use wick::model::{Decoder, NativeDecoder, NativeOptions};

/// Six layers, of which the third and sixth have no window; the last three read what the second and third
/// keep.
fn tiny() -> Tiny {
    Tiny::new("gemma4")
}

fn refused(model: &Tiny, what: &str) -> Error {
    match driver::load(model.open(), 1) {
        Err(error) => error,
        Ok(_) => panic!("{what} was accepted"),
    }
}

fn windows(layers: &[bool]) -> MetaValue {
    MetaValue::Array(ValueType::Bool, layers.iter().copied().map(MetaValue::Bool).collect())
}

#[test]
fn only_layers_with_keys_and_values_of_their_own_keep_any() {
    let groups = |model: &Tiny| {
        let decoder = NativeDecoder::load(model.open(), NativeOptions::new(driver::compute(1))).unwrap();
        let spec = decoder.cache_spec();
        spec.groups.iter().map(|group| group.bytes / spec.block as u64).collect::<Vec<_>>()
    };
    // Two heads of 16 in windows, one of 32 elsewhere: keys and values, two bytes each.
    let layer = 2 * 32 * 2;
    assert_eq!(groups(&tiny()), [2 * layer, layer]);
    assert_eq!(groups(&Tiny { shared_kv: false, ..tiny() }), [4 * layer, 2 * layer]);
}

/// Layers behind the last that keeps anything compute only rows whose logits are wanted.
#[test]
fn rows_without_logits_change_nothing() {
    let mut random = Random(5);
    let tokens: Vec<u32> = (0..90).map(|_| random.below(160) as u32).collect();
    let mut driver = Driver::over(tiny().open(), 2);
    let one_by_one = driver.sequence();
    let mut each = Vec::new();
    for &token in &tokens {
        each.push(bits(&driver.extend(one_by_one, &[token])));
    }
    for most in [1, 7, 64, 90] {
        let sequence = driver.sequence();
        assert!(bits(&driver.extend_by(sequence, &tokens, most)) == each[89], "cuts of {most}");
    }
    // Logits of several tokens of a pass.
    let sequence = driver.sequence();
    driver.extend(sequence, &tokens[..80]);
    let chunk = wick::model::Chunk { sequence, tokens: &tokens[80..], logits: 5 };
    driver.decoder.begin(&[chunk]).unwrap();
    driver.run();
    for at in 0..5 {
        assert!(bits(driver.decoder.logits(0, at)) == each[85 + at], "logits {at}");
    }
}

#[test]
fn f4_a_layer_shares_with_one_of_its_kind_or_is_refused() {
    for shared in [4, 5, 6, 1 << 20, u32::MAX] {
        let error = refused(&tiny().with("attention.shared_kv_layers", shared), "shared layers");
        assert_eq!(error.kind(), ErrorKind::ModelInvalid);
        let message = error.message();
        assert!(message.contains("shared_kv_layers") && message.contains(&shared.to_string()), "{message}");
    }
    // Layer 2 is without a window and the last with keys and values of its own but one.
    let pattern = windows(&[true, false, false, true, true, false]);
    let error = refused(&tiny().with("attention.sliding_window_pattern", pattern), "another kind");
    assert!(error.message().contains("layer 3") && error.message().contains("layer 1"), "{error}");
    let heads = &[2u32, 2, 1, 2, 1, 1][..];
    let error = refused(&tiny().with("attention.head_count_kv", heads), "other heads");
    assert!(error.message().contains("layer 4") && error.message().contains("heads"), "{error}");
}

#[test]
fn f4_what_a_file_must_say_is_missing_by_name() {
    for key in [
        "embedding_length_per_layer_input",
        "attention.key_length_swa",
        "attention.sliding_window",
        "attention.sliding_window_pattern",
    ] {
        let error = refused(&Tiny { without: vec![format!("gemma4.{key}")], ..tiny() }, key);
        assert!(error.kind() == ErrorKind::ModelInvalid && error.message().contains(key), "{error}");
    }
    let error = refused(&tiny().with("attention.sliding_window_pattern", 3u32), "a period");
    assert!(error.message().contains("sliding_window_pattern"), "{error}");
    for tensor in ["rope_freqs.weight", "per_layer_token_embd.weight", "blk.0.inp_gate.weight"] {
        let error = refused(&Tiny { without: vec![tensor.into()], ..tiny() }, tensor);
        assert!(error.message().contains(tensor), "{error}");
    }
}

#[test]
fn f4_its_numbers_are_refused_or_compute() {
    let keys = [
        "embedding_length_per_layer_input",
        "attention.shared_kv_layers",
        "attention.key_length_swa",
        "attention.value_length_swa",
        "rope.dimension_count_swa",
    ];
    let mut computed = 0;
    for key in keys {
        for value in [0, 1, 2, 3, 5, 8, 15, 17, 32, 512, 514, 1 << 14, i32::MAX as u32, u32::MAX] {
            let gguf = tiny().with(key, value).open();
            let what = format!("{key} = {value}");
            let (loaded, peak) = peak_of(|| driver::load(gguf, 1));
            assert!(peak < 1 << 20, "{what}: {peak} bytes");
            match loaded {
                Ok(decoder) => {
                    assert!(value <= 32, "{what} was accepted");
                    let mut driver = Driver { decoder, slice: std::time::Duration::from_secs(1) };
                    let sequence = driver.sequence();
                    assert!(driver.extend(sequence, &[1, 2, 3]).iter().all(|logit| logit.is_finite()));
                    computed += 1;
                }
                Err(error) => {
                    let kinds = [ErrorKind::ModelInvalid, ErrorKind::Unsupported];
                    assert!(kinds.contains(&error.kind()), "{what}: {error}");
                    assert!(error.message().chars().any(|c| c.is_ascii_digit()), "{what}: {error}");
                }
            }
        }
    }
    assert!((3..10).contains(&computed), "{computed} computed");
    for value in [f32::NAN, f32::INFINITY, -1.0, 0.0] {
        refused(&tiny().with("rope.freq_base_swa", value), &format!("base {value}"));
    }
    for value in [f32::NAN, f32::INFINITY, -1.0] {
        refused(&tiny().with("final_logit_softcapping", value), &format!("cap {value}"));
    }
}

#[test]
fn f4_its_experts_are_whole_or_refused_by_name() {
    let tensors = ["ffn_gate_inp.scale", "ffn_gate_inp.weight", "ffn_down_exps.weight", "ffn_gate.weight"];
    let norms = ["pre_ffw_norm_2.weight", "post_ffw_norm_1.weight", "post_ffw_norm_2.weight"];
    for tensor in tensors.into_iter().chain(norms) {
        let name = format!("blk.1.{tensor}");
        let error = refused(&Tiny { without: vec![name.clone()], ..experts() }, tensor);
        assert!(error.kind() == ErrorKind::ModelInvalid && error.message().contains(&name), "{error}");
    }
    // Neither in one tensor nor in two.
    let fused = "blk.0.ffn_gate_up_exps.weight".to_owned();
    let error = refused(&Tiny { without: vec![fused], ..experts() }, "no gate");
    assert!(error.message().contains("blk.0.ffn_gate_exps.weight"), "{error}");
    for key in ["expert_count", "expert_used_count", "expert_feed_forward_length"] {
        for value in [0, 7, 1025, 1 << 21, u32::MAX] {
            let error = refused(&experts().with(key, value), &format!("{key} = {value}"));
            assert!(error.message().chars().any(|c| c == '"' || c.is_ascii_digit()), "{error}");
        }
    }
    // Tensors of experts that no key speaks of.
    let error = refused(&experts().with("expert_count", 0u32), "no experts");
    assert!(error.kind() == ErrorKind::Unsupported && error.message().contains("blk.0."), "{error}");
}

#[test]
fn gate_and_up_of_experts_may_be_apart() {
    let (inner, width, count) = (96, 64, 6);
    let fused = experts();
    let gguf = fused.open();
    let mut apart = fused.clone();
    let names = |layer, part: &str| format!("blk.{layer}.ffn_{part}_exps.weight");
    apart.without = (0..fused.layers).map(|layer| names(layer, "gate_up")).collect();
    let mut writer = apart.writer();
    for layer in 0..fused.layers {
        let bytes = gguf.bytes(gguf.tensor(&names(layer, "gate_up")).expect("a tensor"));
        let experts = || bytes.chunks_exact(2 * inner * width * 4);
        let (gates, ups): (Vec<&[u8]>, Vec<&[u8]>) =
            experts().map(|both| both.split_at(both.len() / 2)).unzip();
        let shape = [width as u64, inner as u64, count];
        for (part, halves) in [("gate", gates), ("up", ups)] {
            writer = writer.tensor(&names(layer, part), TensorType::F32, &shape, halves.concat());
        }
    }
    let logits = |gguf| {
        let mut driver = Driver::over(gguf, 1);
        let sequence = driver.sequence();
        bits(&driver.extend(sequence, &[9, 8, 7, 6, 5, 4]))
    };
    assert!(logits(open(writer.to_bytes())) == logits(fused.open()));
}

/// Scores are taken as they are, and layers without a scale have none.
#[test]
fn what_counts_and_what_does_not() {
    let logits = |model: &Tiny| {
        let mut driver = Driver::over(model.open(), 1);
        let sequence = driver.sequence();
        bits(&driver.extend(sequence, &[9, 8, 7, 6, 5, 4]))
    };
    let plain = logits(&tiny());
    assert!(logits(&tiny().with("attention.scale", 0.5)) == plain, "the scale of attention");
    for name in ["blk.1.layer_output_scale.weight", "gemma4.final_logit_softcapping"] {
        assert!(logits(&Tiny { without: vec![name.into()], ..tiny() }) != plain, "{name}");
    }
}
