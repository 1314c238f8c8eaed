//! Products with one token or the few of a group: each block goes from the file's bytes through registers,
//! past no panel. Knows no type but how it unpacks.
//!
//! The sums are those of [`super::tile`], in the same order.
#![allow(clippy::needless_range_loop)] // Iterators over vectors are not always inlined.

use super::activations::Quantised;
use super::panel::{Blocks, ForFormat, Format, Meaning, Sink, for_type, place};
use super::simd::Task;
use super::tiles::Tiles;
use super::types::Form;
use std::marker::PhantomData;
use std::mem::MaybeUninit;

/// As many whole rows as there are lanes, times the `N` tokens of a group.
#[derive(Clone, Copy)]
pub(crate) struct Few<'a, const N: usize> {
    blocks: Blocks,
    /// What to ask for meanwhile: as many bytes.
    ahead: *const u8,
    right: &'a Quantised,
    /// The group's first token.
    token: usize,
    /// One result per row, `stride` between tokens.
    results: *mut f32,
    stride: usize,
}

impl<'a, const N: usize> Few<'a, N> {
    /// # Safety
    /// The blocks are readable in each row; a group of `N` tokens begins with `token` and has those blocks;
    /// `results` has room for a vector of each. Panics when it runs over blocks of 256 with more than one
    /// token.
    pub(crate) unsafe fn new(
        blocks: Blocks,
        ahead: *const u8,
        right: &'a Quantised,
        token: usize,
        (results, stride): (*mut f32, usize),
    ) -> Self {
        Self { blocks, ahead, right, token, results, stride }
    }
}

/// Asks for a share of the bytes ahead with each word of a block's codes: asked for at once they would stand
/// in the way of the block's own.
#[inline(always)]
fn prefetch<S: Tiles, F: Format, const N: usize>(s: S, ahead: *const u8, word: usize) {
    let (bytes, words) = (S::ROWS * F::TYPE.block_bytes(), F::TYPE.block_len() / 4);
    if N > 1 {
        // Each line once: tokens keep the loads busy.
        let lines = bytes.div_ceil(64);
        for line in word * lines / words..(word + 1) * lines / words {
            s.prefetch(ahead.wrapping_add(line * 64));
        }
    } else if word.is_multiple_of(share(bytes, words)) {
        // Some lines twice: a processor may drop a request whose page it has to find first.
        let lines = bytes.div_ceil(64 * words);
        for line in 0..lines {
            s.prefetch(ahead.wrapping_add((word * lines + line) * bytes / (words * lines)));
        }
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

impl<S: Tiles, const N: usize> Task<S> for Few<'_, N> {
    #[inline(always)]
    fn run(self, s: S) {
        for_type(s, self.blocks.ty, self);
    }
}

impl<S: Tiles, const N: usize> ForFormat<S> for Few<'_, N> {
    #[inline(always)]
    fn with<F: Format>(self, s: S, format: F) {
        // SAFETY: as `new` was promised.
        unsafe {
            match F::TYPE.form() {
                Form::Q256 if N == 1 => self.large(s, format),
                Form::Q256 => unreachable!("blocks of 256 go with one token"),
                _ => self.small(s, format),
            }
        }
    }
}

impl<const N: usize> Few<'_, N> {
    /// Blocks of units of 32.
    ///
    /// # Safety
    /// See [`Few::new`].
    #[inline(always)]
    unsafe fn small<S: Tiles, F: Format>(self, s: S, format: F) {
        let Few { blocks, ahead, right, token, results, stride } = self;
        let units = blocks.count * F::TYPE.units();
        let (first, end) = (token * units, (token + N) * units);
        let mut heads = Heads::new();
        for b in 0..LEAD.min(blocks.count) {
            // SAFETY: the caller promises the block.
            unsafe { heads.copy::<S>(&blocks, b) };
        }
        let mut row = Small::<S, F, N> {
            values: right.values[first * 32..end * 32].as_ptr(),
            scales: right.scales[first..end].as_ptr(),
            sums_of: right.sums[first..end].as_ptr(),
            halves_of: right.sums16[2 * first..2 * end].as_ptr(),
            scaled_sums: right.scaled_sums[first..end].as_ptr(),
            ahead,
            word: 0,
            head: s.splat_i(0),
            sums: [s.splat_i(0); N],
            totals: [s.splat_r(0.0); N],
            d: s.splat_r(0.0),
            m: s.splat_r(0.0),
            format: PhantomData,
        };
        for b in 0..blocks.count {
            // SAFETY: the caller promises the blocks, and that the right-hand side has their units. The
            // block's head was copied, and no more than `LEAD` others since.
            unsafe {
                if b + LEAD < blocks.count {
                    heads.copy::<S>(&blocks, b + LEAD);
                }
                row.head = heads.get(s, b);
                row.ahead = ahead.wrapping_add(b * S::ROWS * blocks.ty.block_bytes());
                row.word = 0;
                row.begin(s);
                format.unpack(s, blocks.at(b), blocks.stride, &mut row);
                row.end(s);
            }
        }
        for t in 0..N {
            // SAFETY: as the caller promises.
            unsafe { s.store_r(row.totals[t], results.add(t * stride)) };
        }
    }

    /// Blocks of 256, and one token: more have too many sums for registers.
    ///
    /// # Safety
    /// See [`Few::new`].
    #[inline(always)]
    unsafe fn large<S: Tiles, F: Format>(self, s: S, format: F) {
        let Few { blocks, ahead, right, token, results, .. } = self;
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

/// Blocks of units of 32 on their way: all pointers are at a unit of the group's tokens.
struct Small<S: Tiles, F, const N: usize> {
    /// What the unit is multiplied with.
    values: *const i8,
    /// Those values' scales, sums, sums by halves, and scaled sums.
    scales: *const f32,
    sums_of: *const i32,
    halves_of: *const i16,
    scaled_sums: *const f32,
    /// What to ask for meanwhile.
    ahead: *const u8,
    /// Words of the block before this unit's.
    word: usize,
    head: S::I,
    sums: [S::I; N],
    totals: [S::R; N],
    d: S::R,
    m: S::R,
    format: PhantomData<F>,
}

impl<S: Tiles, F: Format, const N: usize> Small<S, F, N> {
    /// What codes are kept plus, taken out before anything is added.
    ///
    /// # Safety
    /// The pointers are at a unit.
    #[inline(always)]
    unsafe fn begin(&mut self, s: S) {
        let bias = Meaning::of(F::TYPE, S::SIGNED).bias;
        for t in 0..N {
            // SAFETY: each token has a sum, or two.
            let sum = unsafe {
                match F::TYPE.has_halves() {
                    true => self.halves_of.add(2 * t).read() as i32,
                    false => self.sums_of.add(t).read(),
                }
            };
            self.sums[t] = s.splat_i(sum.wrapping_mul(-bias));
        }
    }

    /// Adds the first half, and begins the second.
    ///
    /// # Safety
    /// The pointers are at a unit.
    #[inline(always)]
    unsafe fn half(&mut self, s: S) {
        let bias = Meaning::of(F::TYPE, S::SIGNED).bias;
        for t in 0..N {
            // SAFETY: each token has a scale and two sums.
            let (scale, sum) = unsafe { (self.scales.add(t).read(), self.halves_of.add(2 * t + 1).read()) };
            let scale = s.mul_r(self.d, s.splat_r(scale));
            self.totals[t] = s.fma_r(scale, s.to_float(self.sums[t]), self.totals[t]);
            self.sums[t] = s.splat_i((sum as i32).wrapping_mul(-bias));
        }
    }

    /// Adds the unit, or its second half, and goes to the next one.
    ///
    /// # Safety
    /// The pointers are at a unit.
    #[inline(always)]
    unsafe fn end(&mut self, s: S) {
        for t in 0..N {
            // SAFETY: each token has a scale and a scaled sum.
            let (scale, scaled) = unsafe { (self.scales.add(t).read(), self.scaled_sums.add(t)) };
            let scale = s.mul_r(self.d, s.splat_r(scale));
            self.totals[t] = s.fma_r(scale, s.to_float(self.sums[t]), self.totals[t]);
            if F::TYPE.has_min() {
                // SAFETY: as above.
                let scaled = unsafe { scaled.read() };
                self.totals[t] = s.fma_r(self.m, s.splat_r(scaled), self.totals[t]);
            }
        }
        self.values = self.values.wrapping_add(N * 32);
        self.scales = self.scales.wrapping_add(N);
        self.sums_of = self.sums_of.wrapping_add(N);
        self.halves_of = self.halves_of.wrapping_add(2 * N);
        self.scaled_sums = self.scaled_sums.wrapping_add(N);
    }
}

impl<S: Tiles, F: Format, const N: usize> Sink<S> for Small<S, F, N> {
    #[inline(always)]
    unsafe fn head(&self, _: S, _: *const u8, _: usize) -> S::I {
        self.head
    }

    #[inline(always)]
    unsafe fn code(&mut self, s: S, index: usize, codes: S::I) {
        prefetch::<S, F, N>(s, self.ahead, self.word + index);
        for t in 0..N {
            // SAFETY: each token has 32 values here.
            self.sums[t] =
                unsafe { dot::<S, F>(s, self.sums[t], codes, self.values.add(32 * t + 4 * index)) };
        }
    }

    #[inline(always)]
    unsafe fn put(&mut self, _: S, _: usize, _: S::I) {}

    #[inline(always)]
    unsafe fn put_r(&mut self, s: S, place: usize, x: S::R) {
        match place {
            place::D32 => {
                self.d = x;
                if F::TYPE.has_halves() {
                    // SAFETY: the pointers are at a unit.
                    unsafe { self.half(s) };
                }
            }
            // The second half's scale, which is all that is still to be multiplied.
            _ if F::TYPE.has_halves() => self.d = x,
            _ => self.m = x,
        }
    }

    #[inline(always)]
    unsafe fn next(&mut self, s: S) {
        // SAFETY: the caller promises another unit.
        unsafe {
            self.end(s);
            self.begin(s);
        }
        self.word += 8;
    }
}

/// Blocks between the one that is multiplied and the one whose head is copied: a vector can be read only some
/// time after its parts were written.
const LEAD: usize = 4;

/// The first four bytes of some blocks of 32, with their scales, brought together by writes and reads: the
/// codes need all that can shuffle.
#[repr(align(64))]
struct Heads([[MaybeUninit<u32>; 16]; 2 * LEAD]);

impl Heads {
    #[inline(always)]
    fn new() -> Self {
        Self([[MaybeUninit::uninit(); 16]; 2 * LEAD])
    }

    /// Copies the heads of block `b`.
    ///
    /// # Safety
    /// The block is readable in each row.
    #[inline(always)]
    unsafe fn copy<S: Tiles>(&mut self, blocks: &Blocks, b: usize) {
        let (from, to) = (blocks.at(b), &mut self.0[b % (2 * LEAD)]);
        for r in 0..S::ROWS {
            // SAFETY: a block has at least four bytes. Volatile: the compiler would make vectors of them, by
            // shuffles.
            unsafe {
                let head = from.add(r * blocks.stride).cast::<u32>().read_unaligned();
                to[r].as_mut_ptr().write_volatile(head);
            }
        }
    }

    /// Those of block `b`, one per lane.
    ///
    /// # Safety
    /// They were copied, and no more than `LEAD` blocks ago.
    #[inline(always)]
    unsafe fn get<S: Tiles>(&self, s: S, b: usize) -> S::I {
        // SAFETY: as many were copied as there are lanes, aligned to a vector.
        unsafe { s.load_i(self.0[b % (2 * LEAD)].as_ptr().cast()) }
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
    /// Sums that a whole scale is still to be multiplied with; as many count as there are scales. Apart, so
    /// that all else stays in registers where a loop over them is not unrolled.
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
        prefetch::<S, F, 1>(s, self.ahead, index);
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

    #[inline(always)]
    unsafe fn next(&mut self, _: S) {}
}
