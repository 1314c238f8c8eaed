//! Checksums: XXH3 of 64 bits (Collet), seeded with what the bytes are. Knows no section.

use twox_hash::XxHash3_64;

/// Bytes of a checksum in a save.
pub(super) const CHECKSUM: usize = 8;

/// That of bytes which come one after the other.
pub(super) struct Checksum(XxHash3_64);

impl Checksum {
    /// Of none yet.
    pub(super) fn new(seed: u64) -> Self {
        Self(XxHash3_64::with_seed(seed))
    }

    /// Takes the next ones.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        std::hash::Hasher::write(&mut self.0, bytes);
    }

    /// As a save holds it.
    pub(super) fn to_bytes(&self) -> [u8; CHECKSUM] {
        std::hash::Hasher::finish(&self.0).to_le_bytes()
    }
}

/// That of all `bytes`.
pub(super) fn of(seed: u64, bytes: &[u8]) -> [u8; CHECKSUM] {
    XxHash3_64::oneshot_with_seed(seed, bytes).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_xxh3_however_the_bytes_come() {
        // The reference implementation's value for no bytes.
        assert_eq!(of(0, b""), 0x2d06_8005_38d3_94c2_u64.to_le_bytes());
        let bytes: Vec<u8> = (0..1000u32).map(|index| (index * 7) as u8).collect();
        for cut in [0, 1, 16, 255, 256, 999] {
            let mut checksum = Checksum::new(5);
            checksum.add(&bytes[..cut]);
            checksum.add(&bytes[cut..]);
            assert_eq!(checksum.to_bytes(), of(5, &bytes));
        }
        assert_ne!(of(5, &bytes), of(6, &bytes));
    }
}
