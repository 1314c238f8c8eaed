//! A map whose keys are numbers of our own counting; knows nothing else. Floor 0.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// By number. Nobody outside chooses the numbers, so the hash need not withstand anybody.
pub(crate) type IdMap<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

/// Multiplicative hashing (Knuth, The Art of Computer Programming 3, section 6.4).
#[derive(Debug, Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    /// The product's best bits are its highest; a map looks at the lowest too.
    fn finish(&self) -> u64 {
        self.0.rotate_left(32)
    }
}
