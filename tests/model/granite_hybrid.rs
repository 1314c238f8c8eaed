//! Granite 4's hybrids: what Mamba-2 cannot be is refused by name; rates, steps and skips that are no numbers
//! show.
#![cfg(feature = "native")]

use crate::support::driver::{self, Driver, bits};
use crate::support::tiny::{Tiny, open};
use wick::error::{Error, ErrorKind};
use wick::gguf::TensorType;
use wick::gguf::write::MetaValue;

/// Three layers, of which the third attends.
fn tiny() -> Tiny {
    Tiny::new("granitehybrid")
}

fn refused(model: &Tiny, what: &str) -> Error {
    match driver::load(model.open(), 1) {
        Err(error) => error,
        Ok(_) => panic!("{what} was accepted"),
    }
}

fn logits(gguf: std::sync::Arc<wick::gguf::Gguf>) -> Vec<f32> {
    let mut driver = Driver::over(gguf, 1);
    let sequence = driver.sequence();
    driver.extend(sequence, &[9, 8, 7, 6, 5, 4])
}

#[test]
fn f4_numbers_that_do_not_divide_are_refused_by_name() {
    for (key, value) in [
        ("ssm.inner_size", 130),
        ("ssm.inner_size", 1 << 20),
        ("ssm.time_step_rank", 3),
        ("ssm.time_step_rank", 1 << 20),
        ("ssm.group_count", 3),
        ("ssm.group_count", 8),
        ("ssm.state_size", 513),
        ("ssm.conv_kernel", 1),
        ("ssm.conv_kernel", 65),
    ] {
        let error = refused(&tiny().with(key, value), &format!("{key} {value}"));
        assert!(error.kind() == ErrorKind::ModelInvalid && error.message().contains(key), "{error}");
    }
    // In range, and not what the tensors have.
    for (key, value) in [("ssm.inner_size", 64), ("ssm.state_size", 17), ("ssm.time_step_rank", 2)] {
        let error = refused(&tiny().with(key, value), &format!("{key} {value}"));
        assert!(error.message().contains("blk.0.ssm_in.weight"), "{error}");
    }
    for key in ["inner_size", "state_size", "time_step_rank", "group_count", "conv_kernel"] {
        let missing = vec![format!("granitehybrid.ssm.{key}")];
        let error = refused(&Tiny { without: missing, ..tiny() }, key);
        assert!(error.message().contains(key), "{error}");
    }
    let heads = &[0u32, 0, 0][..];
    let error = refused(&tiny().with("attention.head_count_kv", heads), "no attention");
    assert!(error.message().contains("attention.head_count_kv"), "{error}");
    // Experts without a shared one, and a shared one that no key speaks of.
    let experts = Tiny { experts: (4, 2), ..tiny() };
    assert!(driver::load(experts.open(), 1).is_ok());
    let key = "expert_shared_feed_forward_length";
    let error = refused(&experts.clone().with(key, 0u32), "strangers");
    assert!(error.kind() == ErrorKind::Unsupported && error.message().contains("shexp"), "{error}");
    assert!(refused(&experts.with(key, 95u32), "a width").message().contains("shexp"));
}

#[test]
fn a_convolution_without_a_bias_has_none() {
    let name = "blk.0.ssm_conv1d.bias".to_owned();
    let without = Tiny { without: vec![name.clone()], ..tiny() };
    let zeros = without.writer().tensor(&name, TensorType::F32, &[192], vec![0; 192 * 4]);
    let (found, wanted) = (logits(without.open()), logits(open(zeros.to_bytes())));
    assert!(bits(&found) == bits(&wanted) && bits(&found) != bits(&logits(tiny().open())));
}

#[test]
fn what_is_no_number_shows() {
    for part in ["ssm_a", "ssm_d", "ssm_dt.bias", "ssm_conv1d.bias"] {
        let name = format!("blk.0.{part}");
        let (_, shape, kind) = tiny().tensors().into_iter().find(|(other, ..)| *other == name).expect(part);
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let data = value.to_le_bytes().repeat(shape.iter().product::<u64>() as usize);
            let model = Tiny { without: vec![name.clone()], ..tiny() };
            let found = logits(open(model.writer().tensor(&name, kind, &shape, data).to_bytes()));
            assert!(found.iter().any(|logit| !logit.is_finite()), "{part} of {value}");
        }
    }
}

#[test]
fn models_without_rope_say_so() {
    let plain = logits(tiny().open());
    let switch = "rope.scaling.finetuned";
    assert!(bits(&logits(tiny().with(switch, MetaValue::Bool(true)).open())) == bits(&plain));
    assert!(bits(&logits(tiny().with(switch, MetaValue::Bool(false)).open())) != bits(&plain));
    // They were made for more tokens than there are angles for.
    let long = Tiny { context: 1 << 20, ..tiny() };
    let decoder = driver::load(long.open(), 1).expect("a model");
    assert_eq!(decoder.spec().context_length, 1_000_000);
}
