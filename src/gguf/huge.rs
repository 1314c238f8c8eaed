//! Mapped bytes into huge pages, under the addresses that they have. Knows pages; not what lies in them.
//!
//! Decoding reads all weights for every token. In pages of 4 KiB, a tenth of that time goes into finding the
//! pages; the page cache has no larger ones on most systems, anonymous memory has (transparent huge pages:
//! Linux, `Documentation/admin-guide/mm/transhuge.rst`). So the bytes are copied there, and the copies moved
//! over the mapping (`mremap`): who reads them meanwhile sees the same bytes at the same places.

use super::open::Gguf;
use super::placement::Placement;

/// Bytes of a huge page.
#[cfg(target_os = "linux")]
const HUGE: usize = 2 << 20;

/// How far the bytes of a model have been moved to huge pages.
pub struct Moving {
    /// Bytes that may be taken for good, asked before each piece.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "nothing is moved there"))]
    spare: Box<dyn FnMut() -> u64 + Send>,
    /// Nothing more is to be moved.
    over: bool,
    /// The piece of a file under way.
    part: usize,
    /// Bytes of it that are moved, from its first huge page on.
    #[cfg(target_os = "linux")]
    moved: usize,
    /// Copies on their way.
    #[cfg(target_os = "linux")]
    copies: Option<copies::Copies>,
}

impl Default for Moving {
    /// As far as the system and the process' control groups have memory to spare.
    fn default() -> Self {
        #[cfg(target_os = "linux")]
        return Self::within(super::spare::spare);
        #[cfg(not(target_os = "linux"))]
        Self::within(|| 0)
    }
}

impl Moving {
    /// As far as `spare` says: bytes that may be taken for good. It is asked before each piece; once it says
    /// less than all that is still to be moved, nothing more is.
    pub fn within(spare: impl FnMut() -> u64 + Send + 'static) -> Self {
        Self {
            spare: Box::new(spare),
            over: false,
            part: 0,
            #[cfg(target_os = "linux")]
            moved: 0,
            #[cfg(target_os = "linux")]
            copies: None,
        }
    }

    /// Bytes of copies that have not taken the place of mapped ones yet.
    pub fn held(&self) -> u64 {
        #[cfg(target_os = "linux")]
        return self.copies.as_ref().map_or(0, |copies| copies.len() as u64);
        #[cfg(not(target_os = "linux"))]
        0
    }

    /// Gives back the memory of these copies; they can be made again.
    pub fn drop_copies(&mut self) {
        #[cfg(target_os = "linux")]
        drop(self.copies.take());
    }
}

impl Gguf {
    /// The most that [`Moving::held`] comes to: of each file a part in 256, within 2 and 32 MiB.
    pub fn moving_bytes(&self) -> u64 {
        self.dense().map(|(_, range)| at_once(range.len()) as u64).max().unwrap_or(0)
    }

    /// Does the next piece of moving the mapped bytes, but for a table that is read by row, to huge pages;
    /// false: all is moved that can be. A piece is well under a millisecond, but for a virtual machine whose
    /// host has to find the memory first (5 ms measured).
    ///
    /// Moved bytes are the process' own: others that map the file no longer share them, and what happens to
    /// the file no longer shows. The bytes of the model, and where they are, stay as they were, also for
    /// those who read them meanwhile. It takes Linux 6.1 or later; where the system lacks huge pages or
    /// refuses memory, all stays mapped. Mapped pages the system can drop, these it cannot, and rather ends a
    /// process than to refuse memory: so nothing is moved unless there is memory to spare for all of it, and
    /// no more of it once there is not.
    pub fn move_to_huge_pages(&self, moving: &mut Moving) -> bool {
        while !moving.over {
            let mut pieces = self.dense().skip(moving.part);
            let Some(piece) = pieces.next().and_then(|(map, range)| map.get(range)) else { break };
            let later = pieces.map(|(_, range)| range.len() as u64).sum();
            if moving.next(piece, later, &self.placement) {
                return true;
            }
            moving.part += 1;
        }
        moving.drop_copies();
        moving.over = true;
        false
    }
}

/// Bytes that are copied before they are moved, of `len` in all: each move costs an entry of the process'
/// table of mappings.
fn at_once(len: usize) -> usize {
    (len / 256).clamp(2 << 20, 32 << 20)
}

#[cfg(not(target_os = "linux"))]
impl Moving {
    fn next(&mut self, _: &[u8], _: u64, _: &Placement) -> bool {
        false
    }
}

#[cfg(target_os = "linux")]
impl Moving {
    /// The next piece of `map`, behind which `later` bytes are to be moved; false: none is left, or the
    /// system refused.
    fn next(&mut self, map: &[u8], later: u64, placement: &Placement) -> bool {
        // The pages at both ends, which are not whole, stay mapped.
        let skipped = map.as_ptr().align_offset(HUGE);
        let rest = map.get(skipped..).and_then(|from| from.get(self.moved..)).unwrap_or_default();
        let Some(rest) = rest.get(..rest.len() / HUGE * HUGE).filter(|rest| !rest.is_empty()) else {
            self.moved = 0;
            return false;
        };
        let went_on = match &mut self.copies {
            None => {
                let len = (at_once(map.len()) / HUGE * HUGE).min(rest.len());
                let fits = (self.spare)() >= later.saturating_add(rest.len() as u64);
                self.copies = if fits { copies::Copies::new(len) } else { None };
                self.copies.is_some()
            }
            Some(copies) if copies.is_full() => {
                let len = copies.len();
                let placed = self.copies.take().is_some_and(|copies| copies.place(&rest[..len]));
                self.moved += len;
                placement.add_moved(if placed { len as u64 } else { 0 });
                placed
            }
            Some(copies) => copies.fill(rest),
        };
        self.over |= !went_on;
        went_on
    }
}

#[cfg(target_os = "linux")]
mod copies {
    use super::HUGE;
    use std::ptr;

    /// Anonymous memory of whole huge pages, filled one after the other.
    pub(super) struct Copies {
        start: *mut u8,
        len: usize,
        filled: usize,
        /// The page behind these is there.
        ready: bool,
    }

    // SAFETY: the memory is this value's own, and nothing in it belongs to a thread.
    unsafe impl Send for Copies {}

    impl Copies {
        /// Memory for `len` bytes, whole huge pages; `None`: the system has none, or pages of another size.
        pub(super) fn new(len: usize) -> Option<Self> {
            // SAFETY: a question.
            if unsafe { libc::sysconf(libc::_SC_PAGESIZE) } != 4096 || len == 0 {
                return None;
            }
            let (access, kind) =
                (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
            let most = len.checked_add(HUGE)?;
            // SAFETY: new memory, wherever the system likes.
            let base = unsafe { libc::mmap(ptr::null_mut(), most, access, kind, -1, 0) };
            if base == libc::MAP_FAILED {
                return None;
            }
            let base: *mut u8 = base.cast();
            let before = base.align_offset(HUGE);
            let start = base.wrapping_add(before);
            // SAFETY: what lies before and behind the huge pages, of the memory just mapped and not used by
            // anybody.
            unsafe {
                if before > 0 {
                    libc::munmap(base.cast(), before);
                }
                libc::munmap(start.wrapping_add(len).cast(), HUGE - before);
            }
            let copies = Self { start, len, filled: 0, ready: false };
            // SAFETY: advice on memory of our own.
            let advised = unsafe { libc::madvise(start.cast(), len, libc::MADV_HUGEPAGE) };
            (advised == 0).then_some(copies)
        }

        pub(super) fn len(&self) -> usize {
            self.len
        }

        pub(super) fn is_full(&self) -> bool {
            self.filled == self.len
        }

        /// Copies the next huge page of `from`, in two pieces of work: the system clears a page first. False:
        /// it gave no huge page.
        pub(super) fn fill(&mut self, from: &[u8]) -> bool {
            let Some(from) = from.get(self.filled..).and_then(|from| from.get(..HUGE)) else { return false };
            let to = self.start.wrapping_add(self.filled);
            if !self.ready {
                // SAFETY: a whole page of our own that nobody else knows; the write brings it into being, the
                // advice makes it huge or fails.
                self.ready = unsafe {
                    to.write_volatile(0);
                    libc::madvise(to.cast(), HUGE, libc::MADV_COLLAPSE) == 0
                };
                return self.ready;
            }
            // SAFETY: as above.
            unsafe { ptr::copy_nonoverlapping(from.as_ptr(), to, HUGE) };
            (self.filled, self.ready) = (self.filled + HUGE, false);
            true
        }

        /// Puts the copies where the bytes are that they are copies of; false: these stay.
        pub(super) fn place(self, over: &[u8]) -> bool {
            if over.len() != self.len || !self.is_full() {
                return false;
            }
            let to = over.as_ptr().cast_mut();
            // SAFETY: `over` is whole pages of a file's mapping that is only read, and that nobody but its
            // owner unmaps. The move replaces them at once as far as other threads see (they wait for it at a
            // page that is missing), by pages with the same bytes that can only be read, and that the owner
            // unmaps with the rest.
            let moved = unsafe {
                libc::mprotect(self.start.cast(), self.len, libc::PROT_READ) == 0
                    && libc::mremap(
                        self.start.cast(),
                        self.len,
                        self.len,
                        libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED,
                        to,
                    ) != libc::MAP_FAILED
            };
            if moved {
                std::mem::forget(self);
            }
            moved
        }
    }

    impl Drop for Copies {
        fn drop(&mut self) {
            // SAFETY: memory of our own that nobody else knows.
            unsafe { libc::munmap(self.start.cast(), self.len) };
        }
    }
}
