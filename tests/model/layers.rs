//! What a file says of its layers: how often they run, and which have rope.
#![cfg(feature = "native")]

use crate::support::driver::{Driver, load};
use crate::support::tiny::Tiny;
use std::time::Duration;
use wick::error::{Error, ErrorKind};
use wick::gguf::ValueType;
use wick::gguf::write::MetaValue;

fn refused(model: &Tiny, what: &str) -> Error {
    let error = load(model.open(), 1).err().unwrap_or_else(|| panic!("{what} was accepted"));
    assert_eq!(error.kind(), ErrorKind::ModelInvalid, "{what}: {error}");
    error
}

#[test]
fn f4_loops_and_ropes_by_layer_are_refused_or_compute() {
    for value in [0, 65, 342, u32::MAX] {
        let error = refused(&Tiny::new("nanbeige").with("num_loops", value), &format!("{value} loops"));
        assert!(error.message().contains("nanbeige.num_loops"), "{error}");
    }
    for loops in [1, 3, 64] {
        let decoder = load(Tiny::new("nanbeige").with("num_loops", loops as u32).open(), 1).expect("a model");
        // Each time its own keys and values.
        assert_eq!(decoder.spec().kv_bytes_per_token, loops * 3 * 2 * 2 * 16 * 2);
        let mut driver = Driver { decoder, slice: Duration::from_secs(1) };
        let sequence = driver.sequence();
        assert!(driver.extend(sequence, &[1, 2, 3]).iter().all(|logit| logit.is_finite()), "{loops} loops");
    }
    // Elsewhere the key is nobody's.
    let decoder = load(Tiny::new("llama").with("num_loops", 7u32).open(), 1).expect("a model");
    assert_eq!(decoder.spec().kv_bytes_per_token, 3 * 2 * 2 * 16 * 2);
    let flags = |len| MetaValue::Array(ValueType::Bool, vec![MetaValue::Bool(true); len]);
    for value in [flags(2), flags(4), 3u32.into(), "all".into()] {
        let error = refused(&Tiny::new("granite_swa").with("attention.rope_pattern", value), "a pattern");
        assert!(error.message().contains("granite_swa.attention.rope_pattern"), "{error}");
    }
}
