//! Small models of every architecture and type beside llama.cpp's logits, which `benches/peers`
//! (`agree small --record`) recorded.
#![cfg(feature = "native")]

use crate::support::driver::Driver;
use crate::support::tiny::known::{ahead, allowed, apart, models, tokens};

/// A line of each model: its name, and each fifth of llama.cpp's logits after its last token, or of the
/// vector that it makes of all tokens. The first line says which llama.cpp.
const RECORDED: &str = include_str!("../support/tiny/llama_cpp.txt");

/// Names and logits.
fn recorded() -> Vec<(&'static str, Vec<f32>)> {
    let line = |line: &'static str| {
        let (name, logits) = line.split_once(": ").expect("a name and logits");
        (name, logits.split(' ').map(|logit| logit.parse().expect("a logit")).collect())
    };
    RECORDED.lines().skip(1).map(line).collect()
}

#[test]
fn logits_are_llama_cpps() {
    let recorded = recorded();
    let mut found_apart = Vec::new();
    for (name, tiny) in models() {
        let mut lines = recorded.iter().filter(|(other, _)| *other == name);
        let (_, wanted) = lines.next().unwrap_or_else(|| panic!("{name} was not recorded"));
        let mut driver = Driver::over(tiny.open(), 1);
        let sequence = driver.sequence();
        let found = driver.extend(sequence, &tokens(&tiny));
        let found: Vec<f32> = found.into_iter().step_by(5).collect();
        // Some logits of one token: their distance is less even than that of all.
        let (apart, allowed) = (apart(wanted, &found), 1.5 * allowed(&tiny));
        if apart > allowed || apart.is_nan() {
            found_apart.push(format!("{name}: {apart} apart, {allowed} allowed"));
        }
    }
    assert!(found_apart.is_empty(), "{}", found_apart.join("; "));
}

#[test]
fn every_recorded_model_is_there_once() {
    let mut written: Vec<String> = models().into_iter().chain(ahead()).map(|(name, _)| name).collect();
    let mut recorded: Vec<&str> = recorded().into_iter().map(|(name, _)| name).collect();
    written.sort();
    recorded.sort();
    assert_eq!(written, recorded, "record them anew");
}
