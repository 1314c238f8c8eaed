//! Panels: some blocks of as many rows as a vector has lanes, unpacked so that every token can use them.
//! Knows no token.
//!
//! A panel of one unit of 32: 8 words of codes (word j: codes 4j to 4j + 3 of each row), d, m. A panel of
//! one block of 256: 64 words of codes, 16 whole scales (one per 16 codes; 8 used if one per 32), 8 pairs of
//! 16-bit factors for the sums of values, d, m. All are vectors with one lane per row.

mod books;
mod format;
mod large;
mod small;

pub(crate) use format::{Format, Sink, place};

use super::ahead::Ahead;
use super::simd::Task;
use super::tiles::Tiles;
use super::types::{Form, Type};
use std::mem::MaybeUninit;

/// Blocks of 256 in a panel at most: it takes a third of a first-level cache.
const LARGE: usize = 2;

/// Units of 32 in a panel at most: as many as fit where blocks of 256 do.
pub(crate) const SMALL: usize = LARGE * place::SIZE256 / place::SIZE32;

/// Blocks in each panel but the last, for rows of `blocks` blocks of `ty`: as few panels as can be, of equal
/// sizes.
pub(crate) fn per_panel(ty: Type, blocks: usize) -> usize {
    let most = if ty.form() == Form::Q256 { LARGE } else { SMALL / ty.units() };
    blocks.div_ceil(blocks.div_ceil(most).max(1))
}

/// Memory for a panel.
#[repr(align(64))]
pub(crate) struct Memory(#[allow(dead_code)] [MaybeUninit<u8>; LARGE * place::SIZE256 * 64]);

impl Memory {
    /// Nothing yet.
    pub(crate) const EMPTY: Self = Self([MaybeUninit::uninit(); _]);
}

/// How codes and factors of a type are to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// Codes are kept plus this.
    pub(crate) bias: i32,
    /// Codes take all eight bits.
    pub(crate) wide: bool,
    /// There are minima.
    pub(crate) min: bool,
    /// Codes per scale: in blocks of 256 a whole one.
    pub(crate) sub: usize,
}

impl Meaning {
    pub(crate) const fn of(ty: Type, signed: bool) -> Self {
        let (bias, wide, sub) = match ty {
            Type::Q4_0 => (8, false, 32),
            Type::Q5_0 | Type::MXFP4 => (16, false, 32),
            Type::NVFP4 => (16, false, 16),
            Type::Q1_0 | Type::Q2_0 => (1, false, 32),
            Type::Q4_1 | Type::Q5_1 | Type::Q4_K | Type::Q5_K => (0, false, 32),
            Type::Q2_K => (0, false, 16),
            Type::Q3_K => (4, false, 16),
            Type::Q6_K => (32, false, 16),
            Type::Q8_0 | Type::IQ4_NL | Type::IQ4_XS => (if signed { 0 } else { 128 }, true, 32),
            Type::IQ2_XXS | Type::IQ3_XXS | Type::IQ3_S | Type::IQ1_S => (64, false, 32),
            Type::IQ2_XS | Type::IQ2_S | Type::IQ1_M => (64, false, 16),
            Type::F32 | Type::F16 | Type::BF16 => (0, false, 32),
        };
        Self { bias, wide, min: ty.has_min(), sub }
    }
}

/// Work on blocks, compiled for each of their formats.
pub(crate) trait ForFormat<S: Tiles> {
    /// Does it.
    fn with<F: Format>(self, s: S, format: F);
}

/// Calls `work` with the format of `ty`.
#[inline(always)]
pub(crate) fn for_type<S: Tiles>(s: S, ty: Type, work: impl ForFormat<S>) {
    match ty {
        Type::Q4_0 => work.with(s, small::Q40),
        Type::Q4_1 => work.with(s, small::Q41),
        Type::Q5_0 => work.with(s, small::Q50),
        Type::Q5_1 => work.with(s, small::Q51),
        Type::Q8_0 => work.with(s, small::Q80),
        Type::IQ4_NL => work.with(s, small::Iq4Nl),
        Type::MXFP4 => work.with(s, small::Mxfp4),
        Type::NVFP4 => work.with(s, small::Nvfp4),
        Type::Q1_0 => work.with(s, small::Q10),
        Type::Q2_0 => work.with(s, small::Q20),
        Type::Q2_K => work.with(s, large::Q2K),
        Type::Q3_K => work.with(s, large::Q3K),
        Type::Q4_K => work.with(s, large::Q4K),
        Type::Q5_K => work.with(s, large::Q5K),
        Type::Q6_K => work.with(s, large::Q6K),
        Type::IQ4_XS => work.with(s, large::Iq4Xs),
        Type::IQ2_XXS => work.with(s, books::Iq2Xxs),
        Type::IQ2_XS => work.with(s, books::Iq2Xs),
        Type::IQ2_S => work.with(s, books::Iq2S),
        Type::IQ3_XXS => work.with(s, books::Iq3Xxs),
        Type::IQ3_S => work.with(s, books::Iq3S),
        Type::IQ1_S => work.with(s, books::Iq1S),
        Type::IQ1_M => work.with(s, books::Iq1M),
        Type::F32 | Type::F16 | Type::BF16 => unreachable!("{ty} has no blocks"),
    }
}

/// Some blocks of as many rows as there are lanes, where a file has them.
#[derive(Clone, Copy)]
pub(crate) struct Blocks {
    pub(crate) ty: Type,
    pub(crate) from: *const u8,
    /// Bytes from one row to the next.
    pub(crate) stride: usize,
    pub(crate) count: usize,
}

impl Blocks {
    /// Where block `b` begins.
    #[inline(always)]
    pub(crate) fn at(&self, b: usize) -> *const u8 {
        self.from.wrapping_add(b * self.ty.block_bytes())
    }
}

/// Unpacks blocks to a panel.
pub(crate) struct Unpack<'a> {
    blocks: Blocks,
    to: *mut u8,
    ahead: Ahead<'a>,
}

impl<'a> Unpack<'a> {
    /// # Safety
    /// The blocks are readable in each row; `to` has room for them, aligned to a vector.
    pub(crate) unsafe fn new(blocks: Blocks, to: *mut u8, ahead: Ahead<'a>) -> Self {
        Self { blocks, to, ahead }
    }
}

impl<S: Tiles> Task<S> for Unpack<'_> {
    #[inline(always)]
    fn run(self, s: S) {
        for_type(s, self.blocks.ty, self);
    }
}

impl<S: Tiles> ForFormat<S> for Unpack<'_> {
    #[inline(always)]
    fn with<F: Format>(self, s: S, format: F) {
        let ty = self.blocks.ty;
        let size = if ty.form() == Form::Q32 { place::SIZE32 * ty.units() } else { place::SIZE256 };
        for b in 0..self.blocks.count {
            let mut panel = Panel(self.to.wrapping_add(b * size * 4 * S::ROWS));
            // SAFETY: as `new` was promised.
            unsafe { format.unpack(s, self.blocks.at(b), self.blocks.stride, &mut panel) };
            self.ahead.step(s);
        }
    }
}

/// One block of 256 of a panel, or one unit of 32.
struct Panel(*mut u8);

impl<S: Tiles> Sink<S> for Panel {
    #[inline(always)]
    unsafe fn code(&mut self, s: S, index: usize, codes: S::I) {
        // SAFETY: as the caller promises.
        unsafe { s.store_word(codes, self.0, index) }
    }

    #[inline(always)]
    unsafe fn put(&mut self, s: S, place: usize, x: S::I) {
        // SAFETY: as the caller promises.
        unsafe { s.store_i(x, self.0.add(place * 4 * S::ROWS)) }
    }

    #[inline(always)]
    unsafe fn put_r(&mut self, s: S, place: usize, x: S::R) {
        // SAFETY: as the caller promises.
        unsafe { s.store_r(x, self.0.add(place * 4 * S::ROWS).cast()) }
    }

    #[inline(always)]
    unsafe fn next(&mut self, _: S) {
        self.0 = self.0.wrapping_add(place::SIZE32 * 4 * S::ROWS);
    }
}
