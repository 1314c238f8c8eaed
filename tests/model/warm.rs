//! Weights that move to huge pages keep within the decoder's budget, and stay what they are.
#![cfg(all(feature = "native", target_os = "linux"))]

use crate::support::driver;
use crate::support::driver::Driver;
use crate::support::tiny::Tiny;
use std::sync::Arc;
use std::time::Duration;
use wick::budget::Budget;
use wick::gguf::{Gguf, Limits, Source};
use wick::model::NativeOptions;

/// Copies of weights on their way to huge pages count, give way to keys and values, and are made again when
/// there is room.
#[test]
fn copies_of_weights_keep_within_the_budget() {
    let tiny = Tiny { vocab: 20_000, kv_heads: 4, head_dim: 64, context: 1500, ..Tiny::new("llama") };
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), tiny.writer().to_bytes()).expect("written");
    let gguf = Gguf::open(Source::path(file.path()), &Limits::default(), &mut |_, _| Ok(()));
    let gguf = Arc::new(gguf.expect("a model"));
    let copies = gguf.moving_bytes();
    assert!(copies > 0, "the file is not mapped");
    let with = |budget| {
        let options = NativeOptions { budget: Budget::new(budget), ..NativeOptions::new(driver::compute(1)) };
        let decoder = driver::run(gguf.clone(), options).expect("a model that loads");
        Driver { decoder, slice: Duration::from_secs(1) }
    };
    let ids: Vec<u32> = (0..1500).collect();
    let mut free = with(None);
    let sequence = free.sequence();
    let wanted = free.extend(sequence, &ids);
    let needed = free.decoder.memory();
    assert!(needed > copies, "the budget would have no room for copies at all");

    // Room for the pass, or for copies.
    let mut tight = with(Some(needed));
    let sequence = tight.sequence();
    let begun = tight.decoder.warm_up();
    assert_eq!(begun, tight.decoder.memory() >= copies, "copies are not counted");
    assert_eq!(tight.extend(sequence, &ids), wanted);
    assert!(tight.decoder.memory() <= needed, "{} held, {needed} allowed", tight.decoder.memory());
    assert!(!tight.decoder.warm_up(), "copies beyond the budget");

    // Room for both.
    let mut wide = with(Some(needed + copies));
    let sequence = wide.sequence();
    assert_eq!(wide.extend(sequence, &ids), wanted);
    while wide.decoder.warm_up() {
        assert!(wide.decoder.memory() <= needed + copies);
    }
    wide.decoder.close(sequence);
    let again = wide.sequence();
    assert_eq!(wide.extend(again, &ids), wanted, "moved weights are the same");
}
