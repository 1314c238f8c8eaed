//! Asking memory for what comes next while the sums keep the processor busy; knows not what the bytes are.

use super::tiles::Tiles;
use std::cell::Cell;

/// Bytes to ask for, a few lines at each step of the tiles: memory then brings them while the sums keep the
/// processor busy.
#[derive(Clone, Copy)]
pub(crate) struct Ahead<'a> {
    /// The next of them, and how many are left.
    pub(crate) next: &'a Cell<(*const u8, usize)>,
    /// Lines of a step.
    pub(crate) lines: usize,
}

impl Ahead<'_> {
    /// Asks for a step's lines, if any are left.
    #[inline(always)]
    pub(super) fn step<S: Tiles>(&self, s: S) {
        let (next, left) = self.next.get();
        if left == 0 {
            return;
        }
        let (end, line) = (next.wrapping_add(self.lines * 64), rolled(64));
        let mut at = next;
        while at < end {
            s.prefetch(at);
            at = at.wrapping_add(line);
        }
        self.next.set((end, left.saturating_sub(self.lines)));
    }
}

/// A loop's end or step that the compiler does not know: it unrolls the loop otherwise, and then sums no
/// longer stay in registers, and what is asked for ahead comes a quarter slower.
#[inline(always)]
pub(super) fn rolled(number: usize) -> usize {
    std::hint::black_box(number)
}
