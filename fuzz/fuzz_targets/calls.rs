//! Whatever a model says is taken apart without a loss: `tests/text/fuzz_calls.rs` replays the corpus of this
//! target with the same judge.
#![no_main]

#[path = "../../tests/support/fuzz/mod.rs"]
mod fuzz;
mod mutator;

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutator::mutate(data, size, max_size, seed)
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzz::calls::judge(bytes);
});
