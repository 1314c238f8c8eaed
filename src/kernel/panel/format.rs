//! What the formats of blocks are to a panel: where their parts go, and who takes them. Knows no format.

use crate::kernel::tiles::Tiles;
use crate::kernel::types::Type;

/// Where the parts of a panel are, in vectors.
pub(crate) mod place {
    pub(crate) const D32: usize = 8;
    pub(crate) const M32: usize = 9;
    /// The second half's scale, where halves have their own: such types have no minimum.
    pub(crate) const HIGH_D32: usize = M32;
    pub(crate) const SIZE32: usize = 10;
    pub(crate) const SCALES: usize = 64;
    pub(crate) const PAIRS: usize = 80;
    pub(crate) const D256: usize = 88;
    pub(crate) const M256: usize = 89;
    pub(crate) const SIZE256: usize = 90;
}

/// Where the vectors of a block of 256, or of one unit of 32 after the other, go: words of codes first, in
/// any order but 2i before 2i + 1, then scales, factors, d and m, at their [`place`]s. Where halves have
/// scales of their own, a half's codes and its scale come before the other half's.
pub(crate) trait Sink<S: Tiles> {
    /// The first four bytes of each row's block of units of 32, which is at `from` and at each further
    /// `stride`; a sink may have them already.
    ///
    /// # Safety
    /// At least 16 bytes are readable in each row.
    #[inline(always)]
    unsafe fn head(&self, s: S, from: *const u8, stride: usize) -> S::I {
        // SAFETY: as the caller promises.
        unsafe { first_word(s, from, stride) }
    }
    /// Word `index` of the codes: 4 * index to 4 * index + 3 of each row.
    ///
    /// # Safety
    /// A block or unit has that word; the one before an odd word came before.
    unsafe fn code(&mut self, s: S, index: usize, codes: S::I);
    /// A scale or a pair of factors.
    ///
    /// # Safety
    /// A block has that vector.
    unsafe fn put(&mut self, s: S, place: usize, x: S::I);
    /// d or m.
    ///
    /// # Safety
    /// A block has that vector.
    unsafe fn put_r(&mut self, s: S, place: usize, x: S::R);
    /// A unit is complete, and the block has another.
    ///
    /// # Safety
    /// It has.
    unsafe fn next(&mut self, s: S);
}

/// How the blocks of a type are unpacked.
pub(crate) trait Format: Copy {
    /// The type, or one that its [`Meaning`] is the same as.
    const TYPE: Type;

    /// Unpacks one block of as many rows as there are lanes.
    ///
    /// # Safety
    /// A block is readable at `from` and at each further `stride`.
    unsafe fn unpack<S: Tiles>(self, s: S, from: *const u8, stride: usize, to: &mut impl Sink<S>);
}

/// The first word of a block of at least 16 bytes: quicker than reading those words one by one.
#[inline(always)]
pub(super) unsafe fn first_word<S: Tiles>(s: S, from: *const u8, stride: usize) -> S::I {
    // SAFETY: within the block.
    let [first, ..] = unsafe { s.words(from, stride) };
    first
}

/// `x` shifted right by `by`, then masked.
#[inline(always)]
pub(super) fn bits<S: Tiles>(s: S, x: S::I, by: u32, mask: i32) -> S::I {
    s.and(if by == 0 { x } else { s.shr(x, by) }, s.splat_i(mask))
}

/// The code book of the IQ4 types as panels keep it: signed, or plus 128.
#[inline(always)]
pub(super) fn iq4_table<S: Tiles>() -> [u8; 16] {
    crate::kernel::block::IQ4_CODES.map(|code| if S::SIGNED { code as u8 } else { code as u8 ^ 0x80 })
}
