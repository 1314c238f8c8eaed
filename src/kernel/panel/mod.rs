//! Panels: some blocks of as many rows as a vector has lanes, unpacked so that every token can use them. Knows no token.
//!
//! A panel of one block of 32: 8 words of codes (word j: codes 4j to 4j + 3 of each row), d, m. A panel of one block of 256: 64 words of
//! codes, 16 whole scales (one per 16 codes; 8 used if one per 32), 8 pairs of 16-bit factors for the sums of values, d, m.
//! All are vectors with one lane per row.

mod large;
mod other;
mod small;

use super::simd::Task;
use super::tiles::Tiles;
use super::types::{Form, Type};

/// Where the parts of a panel are, in vectors.
pub(crate) mod place {
    pub(crate) const D32: usize = 8;
    pub(crate) const M32: usize = 9;
    pub(crate) const SIZE32: usize = 10;
    pub(crate) const SCALES: usize = 64;
    pub(crate) const PAIRS: usize = 80;
    pub(crate) const D256: usize = 88;
    pub(crate) const M256: usize = 89;
    pub(crate) const SIZE256: usize = 90;
}

/// Elements of k in a panel: with its scales it takes a third of a first-level cache.
pub(crate) const PANEL_K: usize = 512;

/// Memory for a panel.
#[repr(align(64))]
pub(crate) struct Memory(pub(crate) [std::mem::MaybeUninit<u8>; 2 * place::SIZE256 * 64]);

const _: () = assert!(2 * place::SIZE256 >= PANEL_K / 32 * place::SIZE32);

/// How codes and factors of a type are to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// Codes are kept plus this.
    pub(crate) bias: i32,
    /// Codes take all eight bits.
    pub(crate) wide: bool,
    /// There are minima.
    pub(crate) min: bool,
    /// Codes per whole scale, in blocks of 256.
    pub(crate) sub: usize,
}

impl Meaning {
    pub(crate) const fn of(ty: Type, signed: bool) -> Self {
        let (bias, wide, sub) = match ty {
            Type::Q4_0 => (8, false, 32),
            Type::Q5_0 | Type::MXFP4 => (16, false, 32),
            Type::Q4_1 | Type::Q5_1 | Type::Q4_K | Type::Q5_K => (0, false, 32),
            Type::Q2_K => (0, false, 16),
            Type::Q3_K => (4, false, 16),
            Type::Q6_K => (32, false, 16),
            Type::Q8_0 | Type::IQ4_NL | Type::IQ4_XS => (if signed { 0 } else { 128 }, true, 32),
            _ => (64, false, 16),
        };
        Self { bias, wide, min: ty.has_min(), sub }
    }
}

/// Unpacks some blocks of as many rows as a panel has.
pub(crate) struct Unpack {
    ty: Type,
    from: *const u8,
    stride: usize,
    count: usize,
    /// What to ask for meanwhile: as many bytes as are unpacked.
    ahead: *const u8,
    to: *mut u8,
}

impl Unpack {
    /// The `count` blocks at `from` and at each further `stride`, to the panel at `to`.
    ///
    /// # Safety
    /// The blocks are readable in each of a panel's rows; `to` has room for them, aligned to a vector.
    pub(crate) unsafe fn new(
        ty: Type,
        from: *const u8,
        stride: usize,
        count: usize,
        ahead: *const u8,
        to: *mut u8,
    ) -> Self {
        Self { ty, from, stride, count, ahead, to }
    }
}

impl<S: Tiles> Task<S> for Unpack {
    #[inline(always)]
    fn run(self, s: S) {
        // SAFETY: as `new` was promised.
        unsafe {
            match self.ty {
                Type::Q4_0 => each(s, self, |s, from, stride, to| small::q4_0(s, from, stride, to)),
                Type::Q4_1 => each(s, self, |s, from, stride, to| small::q4_1(s, from, stride, to)),
                Type::Q5_0 => each(s, self, |s, from, stride, to| small::q5_0(s, from, stride, to)),
                Type::Q5_1 => each(s, self, |s, from, stride, to| small::q5_1(s, from, stride, to)),
                Type::Q8_0 => each(s, self, |s, from, stride, to| small::q8_0(s, from, stride, to)),
                Type::IQ4_NL => each(s, self, |s, from, stride, to| small::iq4_nl(s, from, stride, to)),
                Type::MXFP4 => each(s, self, |s, from, stride, to| small::mxfp4(s, from, stride, to)),
                Type::Q2_K => each(s, self, |s, from, stride, to| large::q2_k(s, from, stride, to)),
                Type::Q3_K => each(s, self, |s, from, stride, to| large::q3_k(s, from, stride, to)),
                Type::Q4_K => each(s, self, |s, from, stride, to| large::q4_k(s, from, stride, to)),
                Type::Q5_K => each(s, self, |s, from, stride, to| large::q5_k(s, from, stride, to)),
                Type::Q6_K => each(s, self, |s, from, stride, to| large::q6_k(s, from, stride, to)),
                Type::IQ4_XS => each(s, self, |s, from, stride, to| large::iq4_xs(s, from, stride, to)),
                ty => each(s, self, |_, from, stride, to| other::by_rows::<S>(ty, from, stride, to)),
            }
        }
    }
}

/// Calls `one(s, from, stride, to)` for each block, and asks for the bytes ahead.
#[inline(always)]
fn each<S: Tiles>(s: S, blocks: Unpack, one: impl Fn(S, *const u8, usize, *mut u8)) {
    let size = if blocks.ty.form() == Form::Q32 { place::SIZE32 } else { place::SIZE256 };
    let bytes = blocks.ty.block_bytes();
    for b in 0..blocks.count {
        for line in (0..S::ROWS * bytes).step_by(64) {
            s.prefetch(blocks.ahead.wrapping_add(b * S::ROWS * bytes + line));
        }
        one(
            s,
            blocks.from.wrapping_add(b * bytes),
            blocks.stride,
            blocks.to.wrapping_add(b * size * 4 * S::ROWS),
        );
    }
}

/// Writes vector `index` of a panel.
///
/// # Safety
/// The panel has that vector.
#[inline(always)]
unsafe fn put<S: Tiles>(s: S, to: *mut u8, index: usize, x: S::I) {
    // SAFETY: as the caller promises.
    unsafe { s.store_i(x, to.add(index * 4 * S::ROWS)) }
}

/// Writes vector `index` of a panel, as floats.
///
/// # Safety
/// The panel has that vector.
#[inline(always)]
unsafe fn put_r<S: Tiles>(s: S, to: *mut u8, index: usize, x: S::R) {
    // SAFETY: as the caller promises.
    unsafe { s.store_r(x, to.add(index * 4 * S::ROWS).cast()) }
}

/// The code book of the IQ4 types as panels keep it: signed, or plus 128.
#[inline(always)]
fn iq4_table<S: Tiles>() -> [u8; 16] {
    super::block::IQ4_CODES.map(|code| if S::SIGNED { code as u8 } else { code as u8 ^ 0x80 })
}
