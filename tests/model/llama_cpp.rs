//! Small models of every architecture and type beside llama.cpp's logits, which `benches/peers`
//! (`agree small --record`) recorded.
#![cfg(feature = "native")]

use crate::support::driver::Driver;
use crate::support::tiny::known::{allowed, apart, models, tokens};

/// A model's name, and each fifth of llama.cpp's logits after its last token.
const RECORDED: &str = include_str!("../support/tiny/llama_cpp.txt");

#[test]
fn logits_are_llama_cpps() {
    let mut lines = RECORDED.lines();
    for (name, tiny) in models() {
        let line = lines.next().unwrap_or_else(|| panic!("{name} was not recorded"));
        let (recorded, logits) = line.split_once(": ").expect("a name and logits");
        assert_eq!(recorded, name, "the models were recorded in another order; record them anew");
        let wanted: Vec<f32> = logits.split(' ').map(|logit| logit.parse().expect("a logit")).collect();
        let mut driver = Driver::over(tiny.open(), 1);
        let sequence = driver.sequence();
        let found = driver.extend(sequence, &tokens(&tiny));
        let found: Vec<f32> = found.into_iter().step_by(5).collect();
        let apart = apart(&wanted, &found);
        // Some logits of one token: their distance is less even than that of all.
        let allowed = 1.5 * allowed(&tiny);
        assert!(apart <= allowed, "{name}: {apart} apart, {allowed} allowed");
    }
    assert_eq!(lines.next(), None, "a model that is no longer there; record them anew");
}
