//! Mutations of small saves under checksums that fit, with a fixed seed: no panic, no hang, no memory beyond
//! the bound, a fitting error. The corpus of the cargo-fuzz target is replayed too; `WICK_BLESS=1` writes it.

use crate::format::{past, places, save, session, tokens};
use crate::support::fuzz::harness::Target;
use crate::support::fuzz::saves::judge;
use wick::store::Session;

fn target() -> Target {
    let seeds = vec![
        ("whole", save(&session(), &tokens(), Some(places()), Some(past()))),
        ("without_past", save(&session(), &tokens(), Some(places()), None)),
        ("without_places", save(&session(), &tokens(), None, Some(past()))),
        ("empty", save(&Session::default(), &[], None, None)),
        ("text", b"# no save\n".to_vec()),
    ];
    // Values of JSON take a multiple of its bytes.
    Target { name: "save", seeds, judge, bound: |len| 128 * len + (1 << 20) }
}

#[test]
fn mutants_are_read_or_refused() {
    target().mutants(20_000, |_| None);
}

#[test]
fn the_corpus_is_replayed() {
    target().replay(3);
}
