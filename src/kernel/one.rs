//! Products with one token: each block goes from the file's bytes through registers, past no panel. Knows no type but how it unpacks.
//!
//! The sums are those of [`super::tile`], in the same order.
#![allow(clippy::needless_range_loop)] // Iterators over vectors are not always inlined.

use super::activations::Quantised;
use super::panel::{Blocks, ForFormat, Format, Meaning, Sink, for_type, place};
use super::simd::Task;
use super::tiles::Tiles;
use super::types::Form;
use std::marker::PhantomData;

/// As many whole rows as there are lanes, times one token.
#[derive(Clone, Copy)]
pub(crate) struct One<'a> {
    blocks: Blocks,
    /// What to ask for meanwhile: as many bytes.
    ahead: *const u8,
    right: &'a Quantised,
    /// The token, alone in its group.
    token: usize,
    /// One result per row.
    results: *mut f32,
}

impl<'a> One<'a> {
    /// # Safety
    /// The blocks are readable in each row; `token` is the last one of the right-hand side, alone in its group, and has those blocks; `results`
    /// has room for a vector.
    pub(crate) unsafe fn new(
        blocks: Blocks,
        ahead: *const u8,
        right: &'a Quantised,
        token: usize,
        results: *mut f32,
    ) -> Self {
        Self { blocks, ahead, right, token, results }
    }
}

/// Asks for a share of the bytes ahead with each word of a block's codes, or each second or so if they are fewer lines: asked for at once
/// they would stand in the way of the block's own.
#[inline(always)]
fn prefetch<S: Tiles, F: Format>(s: S, ahead: *const u8, word: usize) {
    let (bytes, words) = (S::ROWS * F::TYPE.block_bytes(), F::TYPE.block_len() / 4);
    let (lines, each) = (bytes.div_ceil(64 * words), share(bytes, words));
    if !word.is_multiple_of(each) {
        return;
    }
    for line in 0..lines {
        s.prefetch(ahead.wrapping_add((word * lines + line) * bytes / (words * lines)));
    }
}

/// How many of `words` words have a line of `bytes` bytes at most, a power of two up to 4.
const fn share(bytes: usize, words: usize) -> usize {
    match 64 * words / bytes {
        4.. => 4,
        2.. => 2,
        _ => 1,
    }
}

impl<S: Tiles> Task<S> for One<'_> {
    #[inline(always)]
    fn run(self, s: S) {
        for_type(s, self.blocks.ty, self);
    }
}

impl<S: Tiles> ForFormat<S> for One<'_> {
    #[inline(always)]
    fn with<F: Format>(self, s: S, format: F) {
        // SAFETY: as `new` was promised.
        unsafe {
            match F::TYPE.form() {
                Form::Q256 => self.large(s, format),
                _ => self.small(s, format),
            }
        }
    }
}

impl One<'_> {
    /// Blocks of 32.
    ///
    /// # Safety
    /// See [`One::new`].
    #[inline(always)]
    unsafe fn small<S: Tiles, F: Format>(self, s: S, format: F) {
        let One { blocks, ahead, right, token, results } = self;
        let Meaning { bias, min, .. } = Meaning::of(F::TYPE, S::SIGNED);
        let (first, end) = (token * blocks.count, (token + 1) * blocks.count);
        let (scales, sums) = (&right.scales[first..end], &right.sums[first..end]);
        let scaled_sums = &right.scaled_sums[first..end];
        let values = right.values[first * 32..end * 32].as_ptr();
        let mut total = s.splat_r(0.0);
        for b in 0..blocks.count {
            let mut block = Small::<S, F> {
                values: values.wrapping_add(b * 32),
                ahead: ahead.wrapping_add(b * S::ROWS * blocks.ty.block_bytes()),
                sum: s.splat_i(sums[b].wrapping_mul(-bias)),
                d: total,
                m: total,
                format: PhantomData,
            };
            // SAFETY: as the caller promises.
            unsafe { format.unpack(s, blocks.at(b), blocks.stride, &mut block) };
            total = s.fma_r(s.mul_r(block.d, s.splat_r(scales[b])), s.to_float(block.sum), total);
            if min {
                total = s.fma_r(block.m, s.splat_r(scaled_sums[b]), total);
            }
        }
        // SAFETY: as the caller promises.
        unsafe { s.store_r(total, results) };
    }

    /// Blocks of 256.
    ///
    /// # Safety
    /// See [`One::new`].
    #[inline(always)]
    unsafe fn large<S: Tiles, F: Format>(self, s: S, format: F) {
        let One { blocks, ahead, right, token, results } = self;
        let Meaning { bias, min, sub, .. } = Meaning::of(F::TYPE, S::SIGNED);
        let (first, end) = (token * blocks.count, (token + 1) * blocks.count);
        let scales = &right.scales[first..end];
        let sums = if sub == 16 { &right.sums16[..] } else { &right.sums32[..] };
        let sums = sums[first * (256 / sub)..end * (256 / sub)].as_ptr();
        let values = right.values[first * 256..end * 256].as_ptr();
        let mut total = s.splat_r(0.0);
        for b in 0..blocks.count {
            let mut parts = [s.splat_i(0); 16];
            let mut block = Large::<S, F> {
                values: values.wrapping_add(b * 256),
                ahead: ahead.wrapping_add(b * S::ROWS * blocks.ty.block_bytes()),
                parts: &mut parts,
                sums: sums.wrapping_add(b * (256 / sub)),
                sum: s.splat_i(0),
                factored: s.splat_i(0),
                d: total,
                m: total,
                format: PhantomData,
            };
            // SAFETY: as the caller promises.
            unsafe { format.unpack(s, blocks.at(b), blocks.stride, &mut block) };
            let by = s.splat_r(scales[b]);
            if !min && bias != 0 {
                block.sum = s.add_i(block.sum, s.mul_i(block.factored, s.splat_i(-bias)));
            }
            total = s.fma_r(s.mul_r(block.d, by), s.to_float(block.sum), total);
            if min {
                total = s.fnma_r(s.mul_r(block.m, by), s.to_float(block.factored), total);
            }
        }
        // SAFETY: as the caller promises.
        unsafe { s.store_r(total, results) };
    }
}

/// A block of 32 on its way.
struct Small<S: Tiles, F> {
    /// What the block is multiplied with.
    values: *const i8,
    /// What to ask for meanwhile.
    ahead: *const u8,
    sum: S::I,
    d: S::R,
    m: S::R,
    format: PhantomData<F>,
}

impl<S: Tiles, F: Format> Sink<S> for Small<S, F> {
    #[inline(always)]
    unsafe fn code(&mut self, s: S, index: usize, codes: S::I) {
        prefetch::<S, F>(s, self.ahead, index);
        // SAFETY: the token has 32 values here.
        self.sum = unsafe { dot::<S, F>(s, self.sum, codes, self.values.add(4 * index)) };
    }

    #[inline(always)]
    unsafe fn put(&mut self, _: S, _: usize, _: S::I) {}

    #[inline(always)]
    unsafe fn put_r(&mut self, _: S, place: usize, x: S::R) {
        match place {
            place::D32 => self.d = x,
            _ => self.m = x,
        }
    }
}

/// [`Tiles::dot`] of a format's codes.
///
/// # Safety
/// `values` has 4 readable bytes.
#[inline(always)]
unsafe fn dot<S: Tiles, F: Format>(s: S, sum: S::I, codes: S::I, values: *const i8) -> S::I {
    // SAFETY: as the caller promises.
    unsafe {
        match Meaning::of(F::TYPE, S::SIGNED).wide {
            true => s.dot::<true>(sum, codes, values),
            false => s.dot::<false>(sum, codes, values),
        }
    }
}

/// A block of 256 on its way.
struct Large<'a, S: Tiles, F> {
    /// What the block is multiplied with.
    values: *const i8,
    /// What to ask for meanwhile.
    ahead: *const u8,
    /// Sums that a whole scale is still to be multiplied with; as many count as there are scales. Apart, so that all else stays in
    /// registers where a loop over them is not unrolled.
    parts: &'a mut [S::I; 16],
    /// The sums of the values that share a scale.
    sums: *const i16,
    sum: S::I,
    factored: S::I,
    d: S::R,
    m: S::R,
    format: PhantomData<F>,
}

impl<S: Tiles, F: Format> Sink<S> for Large<'_, S, F> {
    #[inline(always)]
    unsafe fn code(&mut self, s: S, index: usize, codes: S::I) {
        prefetch::<S, F>(s, self.ahead, index);
        let part = &mut self.parts[index / (Meaning::of(F::TYPE, S::SIGNED).sub / 4)];
        // SAFETY: the token has 256 values here.
        *part = unsafe { dot::<S, F>(s, *part, codes, self.values.add(4 * index)) };
    }

    #[inline(always)]
    unsafe fn put(&mut self, s: S, place: usize, x: S::I) {
        if place < place::PAIRS {
            let part = self.parts[place - place::SCALES];
            self.sum = s.add_i(self.sum, s.mul_i(part, x));
        } else {
            // SAFETY: the token has a sum for each factor.
            self.factored = unsafe { s.dot_16(self.factored, x, self.sums.add(2 * (place - place::PAIRS))) };
        }
    }

    #[inline(always)]
    unsafe fn put_r(&mut self, _: S, place: usize, x: S::R) {
        match place {
            place::D256 => self.d = x,
            _ => self.m = x,
        }
    }
}
