//! What the fuzz targets and the tests that replay their corpora share: mutations that know the fields of
//! GGUF and of saves, and a judge for each target.
//!
//! Written for both: the targets in `fuzz/` include this folder, so that nothing exists twice.
#![allow(dead_code, unused_imports)] // Each test and each target uses a part of it.

mod bytes;
mod description;
mod values;

pub mod saves;

#[cfg(feature = "native")]
pub mod adapter;
#[cfg(feature = "text")]
pub mod calls;
#[cfg(feature = "native")]
pub mod decoder;
#[cfg(feature = "text")]
pub mod grammar;
#[cfg(feature = "text")]
pub mod tokenizer;

#[cfg(test)]
pub mod harness;

pub use bytes::awkward;
pub use description::Description;

/// Files that the mutations make are at most this long.
pub const MAX_LEN: usize = 64 << 10;

/// Marsaglia's xorshift64.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        // No state may be 0; the multiplication spreads seeds that lie side by side.
        Self((seed.wrapping_add(0x005e_ed0f_9901)).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Below `limit`; 0 if that is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        ((self.next() >> 16) % limit.max(1) as u64) as usize
    }

    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}

/// `file` with a few of its fields, or of its bytes, changed for the worse.
pub fn mutant(random: &mut Random, file: &[u8]) -> Vec<u8> {
    if let Some(save) = saves::mutant(random, file) {
        return save;
    }
    let described = if random.below(8) > 0 { Description::of(file) } else { None };
    let mut mutant = match described {
        Some(mut description) => {
            for _ in 0..random.pick(&[1, 1, 1, 2, 3, 5]) {
                description.edit(random);
            }
            let mutant = description.to_bytes();
            if random.below(16) > 0 {
                return mutant;
            }
            mutant
        }
        None => file.to_vec(),
    };
    for _ in 0..random.pick(&[1, 1, 2, 4]) {
        bytes::mutate(random, &mut mutant);
    }
    mutant
}
