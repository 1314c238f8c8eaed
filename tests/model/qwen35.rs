//! Qwen3.5: numbers of its delta nets, layers and positions that cannot be are refused by name and value.
#![cfg(feature = "native")]

use super::hyperparameters::{load, refused};
use crate::support::driver::{self, Driver, bits};
use crate::support::tiny::{Tiny, open, qwen35, random_tensor};
use wick::error::ErrorKind;
use wick::gguf::write::{MetaValue, Writer};
use wick::gguf::{TensorType, ValueType};

#[test]
fn f4_a_delta_nets_numbers_fit_together() {
    for (key, values) in [
        ("ssm.conv_kernel", &[0, 1, 3, 5, 65, u32::MAX][..]),
        ("ssm.group_count", &[0, 1, 3, 4, 1025, u32::MAX]),
        ("ssm.time_step_rank", &[0, 1, 2, 3, 5, 1025, u32::MAX]),
        ("ssm.state_size", &[0, 15, 17, 32, 513, u32::MAX]),
        ("ssm.inner_size", &[0, 63, 65, 128, u32::MAX]),
        ("full_attention_interval", &[0, 2, 3, 5, 1025, u32::MAX]),
        ("nextn_predict_layers", &[1, 4, 5, u32::MAX]),
    ] {
        for &value in values {
            let error = refused(&Tiny::new("qwen35").with(key, value), &format!("{key} {value}"));
            let named = error.message().contains(key) || error.message().contains("blk.");
            // With another interval, or fewer layers, others attend than the file has tensors of.
            let layers = matches!(key, "full_attention_interval" | "nextn_predict_layers");
            assert!(named || (layers && error.message().contains("layers attends")), "{error}");
        }
        let missing = Tiny { without: vec![format!("qwen35.{key}")], ..Tiny::new("qwen35") };
        match key {
            "full_attention_interval" | "nextn_predict_layers" => assert!(load(&missing).is_ok(), "{key}"),
            _ => assert!(refused(&missing, key).message().contains(key)),
        }
    }
}

#[test]
fn f4_which_layers_recur_is_said_of_each() {
    let flags = |flags: &[bool]| {
        let flags = flags.iter().copied().map(MetaValue::Bool).collect();
        Tiny::new("qwen35")
            .with("attention.recurrent_layers", MetaValue::Array(ValueType::Bool, flags))
            .with("full_attention_interval", 1u32)
    };
    assert!(load(&flags(&[true, true, true, false])).is_ok(), "flags win");
    for (given, what) in [
        (&[true, true, true][..], "3 entries"),
        (&[true, true, true, false, true], "5 entries"),
        (&[true; 4], "attention.recurrent_layers"),
        (&[false; 4], "blk.0"),
    ] {
        let error = refused(&flags(given), what);
        assert!(error.message().contains(what), "{error}");
    }
    for value in [MetaValue::Bool(true), 3u32.into(), "all".into()] {
        refused(&Tiny::new("qwen35").with("attention.recurrent_layers", value), "no array");
    }
}

#[test]
fn f4_sections_of_positions_are_four() {
    let sections = |value: MetaValue| Tiny::new("qwen35").with("rope.dimension_sections", value);
    for good in [&[2u32, 1, 1, 0][..], &[0, 0, 0, 1], &[1, 0, 0, 0], &[16, 16, 16, 16]] {
        assert!(load(&sections(good.into())).is_ok(), "{good:?}");
    }
    for bad in [&[2u32, 1, 1][..], &[2, 1, 1, 0, 0], &[0, 0, 0, 0], &[17, 0, 0, 0], &[u32::MAX; 4], &[]] {
        let error = refused(&sections(bad.into()), &format!("{bad:?}"));
        assert!(error.message().contains("rope.dimension_sections"), "{error}");
    }
    for bad in [4u32.into(), MetaValue::from("four"), (&[1i32, -1, 1, 1][..]).into()] {
        refused(&sections(bad), "sections that are none");
    }
    let missing = vec!["qwen35.rope.dimension_sections".to_owned()];
    refused(&Tiny { without: missing, ..Tiny::new("qwen35") }, "no sections");
}

#[test]
fn f5_a_drafting_block_is_checked_and_others_behind_the_layers_are_refused() {
    for architecture in ["qwen35", "qwen35moe"] {
        let whole = qwen35::with_drafter(Tiny::new(architecture));
        assert!(load(&whole).is_ok(), "{architecture}");
        // In place of the embedding and the output of the model.
        let [more, less] = [160, 159].map(|vocab| {
            let own = ["embed_tokens", "shared_head_head"];
            own.map(|part| (format!("blk.4.nextn.{part}.weight"), vec![64, vocab]))
        });
        let with = |tensors: &[(String, Vec<u64>)]| {
            let put = |tiny: Tiny, (name, shape): &(String, Vec<u64>)| tiny.with_tensor(name, shape);
            tensors.iter().fold(whole.clone(), put)
        };
        assert!(load(&with(&more)).is_ok(), "{architecture}");
        for (name, shape) in less {
            let error = refused(&with(&[(name.clone(), shape)]), &name);
            assert!(error.message().contains(&name), "{error}");
        }
        // All of the block's tensors or none: each by itself missing, of another shape, of a type for counts.
        let block = whole.more.clone();
        assert!(block.len() >= 15 && block.iter().all(|(name, _)| name.starts_with("blk.4.")));
        let optional = "blk.4.nextn.shared_head_norm.weight";
        for (name, shape) in &block {
            let without = Tiny { without: vec![name.clone()], ..whole.clone() };
            if name == optional {
                assert!(load(&without).is_ok(), "{architecture}");
            } else {
                let error = refused(&without, name);
                assert!(error.message().contains(name), "{architecture} without {name}: {error}");
            }
            let wider = shape.iter().map(|dim| dim + 32).collect();
            let mut other = without.clone();
            other.without.clear();
            other.more.iter_mut().find(|(own, _)| own == name).expect("its own").1 = wider;
            let error = refused(&other, name);
            assert!(error.message().contains(name), "{architecture}, {name} is wider: {error}");
            let count = shape.iter().product::<u64>() as usize * 4;
            let counts = without.writer().tensor(name, TensorType::I32, shape, vec![0; count]);
            let error = driver::load(open(counts.to_bytes()), 1).err().expect("counts are refused");
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.message().contains(name) && error.message().contains("I32"), "{error}");
        }
        let none = Tiny { more: Vec::new(), ..whole.clone() };
        assert!(load(&none).is_ok(), "{architecture} without the block");
        let strange = whole.clone().with_tensor("blk.4.nextn.other.weight", &[64]);
        assert!(refused(&strange, "a stranger").message().contains("blk.4.nextn.other.weight"));
        for count in [0, 2] {
            let other = whole.clone().with("nextn_predict_layers", count);
            refused(&other, "fewer blocks, or more");
        }
        refused(&whole.with_tensor("blk.5.nextn.enorm.weight", &[64]), "a tensor beyond the layers");
    }
    // Only drafting blocks: nothing to draft for.
    refused(&Tiny::new("qwen35").with("block_count", 1u32).with("nextn_predict_layers", 1u32), "no layers");
}

/// The logits of some tokens.
fn logits(file: Writer<'_>) -> Vec<u32> {
    let mut driver = Driver::over(open(file.to_bytes()), 1);
    let sequence = driver.sequence();
    bits(&driver.extend(sequence, &[3, 1, 4, 1, 5, 9, 2, 6]))
}

#[test]
fn gates_of_experts_may_lie_with_what_they_gate() {
    let apart = Tiny::new("qwen35moe");
    let (width, inner, count) = (apart.width, apart.feed_forward, apart.experts.0);
    let mut both = apart.clone();
    let mut put = Vec::new();
    for layer in 0..apart.layers {
        let name = |part: &str| format!("blk.{layer}.ffn_{part}_exps.weight");
        let data =
            |part: &str| random_tensor(apart.seed, &name(part), &[width, inner, count], TensorType::F32);
        let (gate, up) = (data("gate"), data("up"));
        let each = gate.len() / count as usize;
        let pairs = gate.chunks(each).zip(up.chunks(each));
        put.push((name("gate_up"), pairs.flat_map(|(gate, up)| [gate, up].concat()).collect::<Vec<u8>>()));
        both.without.extend([name("gate"), name("up")]);
    }
    let file = put.into_iter().fold(both.writer(), |file, (name, data)| {
        file.tensor(&name, TensorType::F32, &[width, 2 * inner, count], data)
    });
    assert_eq!(logits(file), logits(apart.writer()));
}

#[test]
fn experts_without_a_width_share_that_of_the_feed_forward() {
    let given = Tiny::new("qwen35moe").with("expert_shared_feed_forward_length", 96u32);
    let missing = vec!["qwen35moe.expert_feed_forward_length".to_owned()];
    let shared = Tiny { without: missing, ..given.clone() };
    let divided = shared.clone().with("feed_forward_length", 192u32);
    assert_eq!(logits(divided.writer()), logits(given.writer()));
    for width in [95, 96, 191, 193] {
        let error = refused(&shared.clone().with("feed_forward_length", width), &format!("width {width}"));
        let named = error.message().contains("feed_forward_length") || error.message().contains("exps");
        assert!(named, "{error}");
    }
}
