//! gpt-oss: what its files must say, and what counts of it.
#![cfg(feature = "native")]

use crate::support::driver::{Driver, bits, load};
use crate::support::tiny::Tiny;
use crate::support::tiny::known::apart;
use wick::error::ErrorKind;

fn tiny() -> Tiny {
    Tiny::new("gpt-oss")
}

fn logits(model: &Tiny) -> Vec<f32> {
    let mut driver = Driver::over(model.open(), 1);
    let sequence = driver.sequence();
    driver.extend(sequence, &[9, 8, 7, 6, 5, 4, 3, 2, 1])
}

#[test]
fn f4_what_a_file_must_say_is_missing_by_name() {
    let keys = ["attention.sliding_window", "expert_count", "expert_used_count"];
    let tensors = [
        "attn_sinks.weight",
        "attn_q.bias",
        "post_attention_norm.weight",
        "ffn_gate_inp.bias",
        "ffn_gate_exps.bias",
        "ffn_up_exps.bias",
        "ffn_down_exps.bias",
    ];
    let keys = keys.map(|key| format!("gpt-oss.{key}")).into_iter();
    for name in keys.chain(tensors.map(|tensor| format!("blk.2.{tensor}"))) {
        let error = load(Tiny { without: vec![name.clone()], ..tiny() }.open(), 1).err().expect("a refusal");
        assert!(error.kind() == ErrorKind::ModelInvalid && error.message().contains(&name), "{error}");
    }
}

#[test]
fn sinks_and_every_bias_count() {
    let plain = logits(&tiny());
    assert!(plain.iter().all(|logit| logit.is_finite()));
    for part in ["attn_sinks.weight", "ffn_gate_inp.bias", "ffn_gate_exps.bias", "ffn_up_exps.bias"] {
        let name = format!("blk.1.{part}");
        let (_, shape, kind) = tiny().tensors().into_iter().find(|(other, ..)| *other == name).expect(part);
        let len = shape.iter().product::<u64>() as usize;
        let file = |value: f32| {
            let data = value.to_le_bytes().repeat(len);
            let writer = Tiny { without: vec![name.clone()], ..tiny() }.writer();
            crate::support::tiny::open(writer.tensor(&name, kind, &shape, data).to_bytes())
        };
        let logits = |value| {
            let mut driver = Driver::over(file(value), 1);
            let sequence = driver.sequence();
            driver.extend(sequence, &[9, 8, 7, 6, 5, 4, 3, 2, 1])
        };
        // The same for all experts is no choice.
        let least = if part == "ffn_gate_inp.bias" { 0.0 } else { 1e-3 };
        assert!(apart(&logits(0.0), &logits(2.0)) >= least, "{part}");
        assert!(bits(&logits(0.0)) != bits(&plain), "{part}");
        for value in [f32::NAN, f32::INFINITY] {
            assert!(logits(value).iter().any(|logit| !logit.is_finite()), "{part} of {value}");
        }
    }
}

#[test]
fn windows_may_have_a_base_of_their_own() {
    let plain = bits(&logits(&tiny()));
    assert!(bits(&logits(&tiny().with("rope.freq_base_swa", 10_000.0))) == plain);
    assert!(bits(&logits(&tiny().with("rope.freq_base_swa", 500.0))) != plain);
    for value in [f32::NAN, f32::INFINITY, -1.0, 0.0] {
        let error = load(tiny().with("rope.freq_base_swa", value).open(), 1).err().expect("a refusal");
        assert!(error.message().contains("rope.freq_base_swa"), "{error}");
    }
}
