//! Any text is a grammar that is followed to an end or an error, or is refused: `tests/text/grammars.rs` has
//! the same judge look at schemas that were changed.
#![no_main]

#[path = "../../tests/support/fuzz/mod.rs"]
mod fuzz;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzz::grammar::judge(bytes);
});
