//! Where the bytes of a model's tensors are, for who asks at any time. Knows numbers of bytes; not how they
//! come to be elsewhere.

use std::sync::atomic::{AtomicU64, Ordering};

/// At each end of a file's bytes, less than this cannot be moved: a huge page.
const END: u64 = 2 << 20;

/// Bytes by where they are. Any thread.
#[derive(Debug)]
pub struct Placement {
    /// Of mapped files, at first.
    mapped: u64,
    /// How many files are mapped.
    files: u64,
    /// Of their bytes, moved to huge pages.
    moved: AtomicU64,
}

impl Placement {
    pub(super) fn new(mapped: impl Iterator<Item = u64>) -> Self {
        let (files, mapped) = mapped.fold((0, 0), |(files, all), bytes| (files + 1, all + bytes));
        Self { mapped, files, moved: AtomicU64::new(0) }
    }

    pub(super) fn add_moved(&self, bytes: u64) {
        self.moved.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes in pages of mapped files: shared with others that map them, and dropped by the system when
    /// memory is short.
    pub fn mapped(&self) -> u64 {
        self.mapped.saturating_sub(self.huge())
    }

    /// Bytes that were moved to huge pages: the process' own.
    pub fn huge(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    /// In a word: "mapped", "huge" (but for the ends), "partly" huge, or "owned": read into memory, or the
    /// host's.
    pub fn word(&self) -> &'static str {
        match (self.mapped(), self.huge()) {
            (0, 0) => "owned",
            (_, 0) => "mapped",
            (rest, _) if rest < self.files * 2 * END => "huge",
            _ => "partly",
        }
    }
}
