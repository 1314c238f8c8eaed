//! Mutated turns of all forms of calls, with a fixed seed: taken apart without a loss, a panic or a hang. The
//! corpus of the cargo-fuzz target is replayed too; `WICK_BLESS=1` writes it.
#![cfg(feature = "text")]

use crate::support::fuzz::calls::{judge, seeds};
use crate::support::fuzz::harness::Target;

fn target() -> Target {
    Target { name: "calls", seeds: seeds(), judge, bound: |len| 256 * len + (4 << 20) }
}

#[test]
fn mutants_of_turns_are_taken_apart() {
    target().mutants(3000, |_| None);
}

#[test]
fn the_corpus_of_turns_is_replayed() {
    target().replay(seeds().len());
}
