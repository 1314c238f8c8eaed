//! Mapped bytes brought into memory before they are needed, piece by piece. Knows pages; not what lies in
//! them.

use super::open::Gguf;
use memmap2::Mmap;

/// Every page has a byte in steps of this many, whatever the system's pages are.
const STEP: usize = 4096;

impl Gguf {
    /// Bytes that are pages of files, in all parts of the model, but for a table that is read by row.
    pub fn mapped_bytes(&self) -> u64 {
        self.dense().map(|(_, range)| range.len() as u64).sum()
    }

    /// Brings these bytes from `done` on into memory, `most` of them at most; how many that were. 0: it
    /// is past the last one. It reads what is not in the page cache from the disk, and so takes its time; the
    /// pages stay the system's to drop.
    pub fn preload(&self, done: u64, most: usize) -> usize {
        let mut before = 0;
        for (map, range) in self.dense() {
            if let Some(from) = done.checked_sub(before).and_then(|from| usize::try_from(from).ok())
                && from < range.len()
            {
                let len = most.clamp(1, range.len() - from);
                bring_in(map, range.start + from, len);
                return len;
            }
            before += range.len() as u64;
        }
        0
    }
}

fn bring_in(map: &Mmap, from: usize, len: usize) {
    // Linux 5.14 and later; a file that was cut short is an error here, where a read would be a fault of the
    // process.
    #[cfg(target_os = "linux")]
    match map.advise_range(memmap2::Advice::PopulateRead, from, len) {
        Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => {}
        _ => return,
    }
    #[cfg(unix)]
    let _ = map.advise_range(memmap2::Advice::WillNeed, from, len);
    for byte in map[from..from + len].iter().step_by(STEP) {
        std::hint::black_box(*byte);
    }
}
