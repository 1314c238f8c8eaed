//! The mutations of all targets: of GGUF's fields mostly, of plain bytes sometimes, as libFuzzer makes them.

use crate::fuzz::{Random, mutant};
use libfuzzer_sys::fuzzer_mutate;

/// Changes the first `size` bytes of `data`, of which there are `max_size`; returns how many there are then.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut random = Random::new(seed.into());
    if random.below(8) == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let mutant = mutant(&mut random, data.get(..size).unwrap_or_default());
    match data.get_mut(..mutant.len().min(max_size)) {
        Some(to) if to.len() == mutant.len() => {
            to.copy_from_slice(&mutant);
            mutant.len()
        }
        _ => fuzzer_mutate(data, size, max_size),
    }
}
