//! Models of types that no logits are recorded for, and with factors beside their matrices, against the same
//! values in f32; what is refused of such factors.
#![cfg(feature = "native")]

use crate::support::driver::{Driver, load};
use crate::support::tiny::known::{apart, newer_types, tokens};
use crate::support::tiny::{Tiny, open, random_tensor};
use wick::ErrorKind;
use wick::gguf::TensorType;
use wick::kernel::{Type, dequantise};

/// Logits may be this far apart, as a share of their spread: activations of quantised weights are rounded,
/// those of f32 are not.
const ALLOWED: f64 = 0.05;

/// The same for a model of experts: of two that score nearly the same, either may be chosen.
const ALLOWED_EXPERTS: f64 = 0.1;

/// The same model with every factor multiplied into its matrix, all in f32.
fn in_floats(tiny: &Tiny) -> Vec<u8> {
    let mut writer = tiny.writer_of_keys();
    let read = |name: &str, shape: &[u64], kind: TensorType| {
        let bytes = random_tensor(tiny.seed, name, shape, kind);
        let mut values = vec![0.0; shape.iter().product::<u64>() as usize];
        let ty = Type::ALL.into_iter().find(|ty| ty.to_string() == kind.name()).expect("a type with kernels");
        dequantise(ty, &bytes, &mut values);
        values
    };
    let tensors = tiny.tensors();
    for (name, shape, kind) in &tensors {
        if name.ends_with("scale") {
            continue;
        }
        let mut values = read(name, shape, *kind);
        let factors = name.strip_suffix(".weight").map(|base| format!("{base}.scale"));
        if let Some((name, shape, kind)) = tensors.iter().find(|(name, ..)| Some(name) == factors.as_ref()) {
            let factors = read(name, shape, *kind);
            let each = values.len() / factors.len();
            for (values, factor) in values.chunks_exact_mut(each).zip(factors) {
                values.iter_mut().for_each(|value| *value *= factor);
            }
        }
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        writer = writer.tensor(name, TensorType::F32, shape, bytes);
    }
    writer.to_bytes()
}

#[test]
fn logits_are_those_of_the_same_values_in_f32() {
    for (name, tiny) in newer_types() {
        let logits = |file: Vec<u8>| {
            let mut driver = Driver::over(open(file), 1);
            let sequence = driver.sequence();
            driver.extend(sequence, &tokens(&tiny))
        };
        let (found, wanted) = (logits(tiny.writer().to_bytes()), logits(in_floats(&tiny)));
        let allowed = if tiny.experts.0 > 0 { ALLOWED_EXPERTS } else { ALLOWED };
        let apart = apart(&wanted, &found);
        assert!(apart <= allowed, "{name}: {apart} apart, {allowed} allowed");
    }
}

#[test]
fn a_factor_of_another_shape_or_of_no_matrix_is_refused() {
    let tiny = |name: &str, shape: &[u64]| Tiny::new("llama").with_tensor(name, shape).open();
    let refused = |name: &str, shape: &[u64]| {
        let error = load(tiny(name, shape), 1).err().expect("a refusal");
        assert!(error.message().contains(name), "{error}");
        error.kind()
    };
    assert_eq!(refused("blk.0.attn_q.scale", &[64]), ErrorKind::ModelInvalid);
    assert_eq!(refused("blk.0.ffn_down.scale", &[2]), ErrorKind::ModelInvalid);
    assert_eq!(refused("blk.0.attn_norm.scale", &[1]), ErrorKind::Unsupported);
    assert_eq!(refused("token_embd.scale", &[1]), ErrorKind::Unsupported);
    assert_eq!(refused("blk.9.attn_q.input_scale", &[1]), ErrorKind::ModelInvalid);
}
