//! Register tiles: the rows of one or two panels times up to eight tokens. Knows no type of weights but what
//! its panel means.
#![allow(clippy::needless_range_loop)] // Iterators over vectors are not always inlined.

use super::activations::{GROUP, Quantised};
use super::ahead::{Ahead, rolled};
use super::panel::{SMALL, place};
use super::simd::Task;
use super::tiles::Tiles;
use std::mem::MaybeUninit;

/// Panels beside each other times all tokens of a range, to be added to the tile's results.
#[derive(Clone, Copy)]
pub(crate) struct Work<'a> {
    /// The first panel; the next follows `panel_bytes` behind it.
    pub(crate) panel: *const u8,
    pub(crate) panel_bytes: usize,
    /// Blocks of 256, or units of 32, in a panel.
    pub(crate) count: usize,
    /// The right-hand side, in the form of the weights.
    pub(crate) right: &'a Quantised,
    /// The panels' first block or unit, and how many a row has.
    pub(crate) block: usize,
    pub(crate) blocks: usize,
    /// Tokens of the right-hand side.
    pub(crate) all: usize,
    /// Which of them are meant, to the end; the first begins a group.
    pub(crate) tokens: (usize, usize),
    /// `(tokens, stride)` from the panels' first row on; unspecified before the first panel's work.
    pub(crate) results: *mut f32,
    pub(crate) stride: usize,
    /// What codes are kept plus.
    pub(crate) bias: i32,
    /// What to ask for meanwhile.
    pub(crate) ahead: Ahead<'a>,
}

impl Work<'_> {
    /// Index of the scale of the panels' first block, for token `lane` of the group of `width` that begins
    /// with `first`.
    #[inline(always)]
    fn scale(&self, (first, width, lane): (usize, usize, usize)) -> usize {
        first * self.blocks + self.block * width + lane
    }

    /// That token's first word.
    #[inline(always)]
    fn values(&self, (first, width, lane): (usize, usize, usize), block_len: usize) -> *const i8 {
        let at = (first * self.blocks + self.block * width) * block_len + lane * 32;
        self.right.values[at..].as_ptr()
    }
}

/// What is done with the tokens of one register tile.
trait Tile<S: Tiles> {
    /// Adds the products of `N` tokens, those of the group `at` (first token, width) from lane `at.2` on, to
    /// their `results`. `WHOLE`: the group has [`GROUP`] tokens.
    ///
    /// # Safety
    /// The group has those tokens; the work's pointers hold for them.
    unsafe fn tile<const N: usize, const WHOLE: bool>(
        &self,
        s: S,
        at: (usize, usize, usize),
        results: *mut f32,
    );
}

/// Takes all tokens of `work` in register tiles.
///
/// # Safety
/// See [`Tile::tile`], for each of them.
#[inline(always)]
unsafe fn sweep<S: Tiles>(s: S, work: &Work<'_>, tile: &impl Tile<S>) {
    let mut results = work.results;
    for first in (work.tokens.0..work.tokens.1).step_by(GROUP) {
        let width = GROUP.min(work.all - first);
        for lane in (0..width).step_by(S::TOKENS) {
            let (n, at) = (S::TOKENS.min(width - lane), (first, width, lane));
            // Only the arms that an instruction set can reach are compiled for it.
            // SAFETY: the tile ends within its group.
            unsafe {
                if const { S::TOKENS == 8 } && n > 4 {
                    match n {
                        5 => tile.tile::<5, false>(s, at, results),
                        6 => tile.tile::<6, false>(s, at, results),
                        7 => tile.tile::<7, false>(s, at, results),
                        _ => tile.tile::<8, true>(s, at, results),
                    }
                } else if const { S::TOKENS == 4 } && width == GROUP {
                    tile.tile::<4, true>(s, at, results);
                } else {
                    match n {
                        1 => tile.tile::<1, false>(s, at, results),
                        2 => tile.tile::<2, false>(s, at, results),
                        3 => tile.tile::<3, false>(s, at, results),
                        _ => tile.tile::<4, false>(s, at, results),
                    }
                }
                results = results.add(n * work.stride);
            }
        }
    }
}

/// `words` words, a multiple of 4, of `R` panels times those of `N` tokens at `values`, 32 bytes apart. The
/// sums are [`Tiles::mixed`].
///
/// # Safety
/// The panels at `panel`, `panel_bytes` apart, and the tokens have those words.
#[inline(always)]
unsafe fn dots<S: Tiles, const R: usize, const WIDE: bool, const N: usize>(
    s: S,
    mut sums: [[S::I; N]; R],
    (panel, panel_bytes): (*const u8, usize),
    values: *const i8,
    words: usize,
) -> [[S::I; N]; R] {
    // SAFETY: as the caller promises.
    unsafe {
        if R == 1 {
            sums[0] = s.dots::<WIDE, N>(sums[0], panel, values, words);
            return sums;
        }
        for j in 0..words {
            let mut codes = [s.splat_i(0); R];
            for r in 0..R {
                codes[r] = s.load_i(panel.add(r * panel_bytes + j * 4 * S::ROWS));
            }
            // Token by token, so that each word is loaded once for all panels.
            for t in 0..N {
                for r in 0..R {
                    sums[r][t] = s.dot::<WIDE>(sums[r][t], codes[r], values.add(32 * t + 4 * j));
                }
            }
        }
    }
    sums
}

/// What the first of a row's panels adds to.
///
/// # Safety
/// `results` has room for `N` tokens and `R` panels' rows.
#[inline(always)]
unsafe fn clear<S: Tiles, const R: usize, const N: usize>(s: S, work: &Work<'_>, results: *mut f32) {
    for t in 0..N {
        for r in 0..R {
            // SAFETY: as the caller promises.
            unsafe { s.store_r(s.splat_r(0.0), results.add(t * work.stride + r * S::ROWS)) };
        }
    }
}

/// Units of 32 of `R` panels; `SUB` codes share a scale: 32 or 16. `WIDE`: see [`Tiles::dot`].
pub(crate) struct Small<'a, const R: usize, const SUB: usize, const WIDE: bool, const MIN: bool>(Work<'a>);

impl<'a, const R: usize, const SUB: usize, const WIDE: bool, const MIN: bool> Small<'a, R, SUB, WIDE, MIN> {
    /// # Safety
    /// There are `R` panels of units of 32, the right-hand side has those units, results have room for the
    /// tokens and `R` panels' rows.
    pub(crate) unsafe fn new(work: Work<'a>) -> Self {
        Self(work)
    }
}

impl<S: Tiles, const R: usize, const SUB: usize, const WIDE: bool, const MIN: bool> Task<S>
    for Small<'_, R, SUB, WIDE, MIN>
{
    #[inline(always)]
    fn run(self, s: S) {
        // SAFETY: as `new` was promised.
        unsafe { sweep(s, &self.0, &self) }
    }
}

impl<S: Tiles, const R: usize, const SUB: usize, const WIDE: bool, const MIN: bool> Tile<S>
    for Small<'_, R, SUB, WIDE, MIN>
{
    #[inline(always)]
    unsafe fn tile<const N: usize, const WHOLE: bool>(
        &self,
        s: S,
        at: (usize, usize, usize),
        results: *mut f32,
    ) {
        let (work, vector, first) = (&self.0, 4 * S::ROWS, self.0.scale(at));
        let width = if WHOLE { GROUP } else { at.1 };
        let last = first + (work.count - 1) * width + N;
        let (scales, sums_of) = (&work.right.scales[first..last], &work.right.sums[first..last]);
        let scaled_sums = &work.right.scaled_sums[first..last];
        // What the codes' bias adds to each token's sum of a part, to be taken out again. As many as there
        // are sums; zeroed they would be a call.
        let mut biases = [MaybeUninit::uninit(); 2 * SMALL * GROUP];
        if SUB == 32 {
            for (bias, sum) in biases.iter_mut().zip(sums_of) {
                bias.write(sum.wrapping_mul(-work.bias));
            }
        } else {
            for (bias, &sum) in biases.iter_mut().zip(&work.right.sums16[2 * first..2 * last]) {
                bias.write((sum as i32).wrapping_mul(-work.bias));
            }
        }
        let (mut panel, mut values) = (work.panel, work.values(at, 32));
        let place = |t: usize, r: usize| t * work.stride + r * S::ROWS;
        let (parts, words) = (32 / SUB, rolled(SUB / 4));
        // SAFETY: pointers go through the blocks that `new` was promised; slices end with the last block's
        // last token.
        unsafe {
            // One panel's totals stay in registers; those of two come from the first-level cache, once per
            // block.
            let mut totals = [s.splat_r(0.0); N];
            if R > 1 && work.block == 0 {
                clear::<S, R, N>(s, work, results);
            } else if R == 1 && work.block != 0 {
                for t in 0..N {
                    totals[t] = s.load_r(results.add(place(t, 0)));
                }
            }
            for b in 0..work.count {
                work.ahead.step(s);
                for part in 0..parts {
                    let mut sums = [[s.splat_i(0); N]; R];
                    for t in 0..N {
                        let at = (b * width + t) * parts + part;
                        let bias = s.splat_i(biases.get_unchecked(at).assume_init());
                        for r in 0..R {
                            sums[r][t] = bias;
                        }
                    }
                    for r in 0..R {
                        sums[r] = s.mixed(sums[r]);
                    }
                    let codes = panel.add(part * SUB / 4 * vector);
                    let values = values.add(part * SUB);
                    sums = dots::<S, R, WIDE, N>(s, sums, (codes, work.panel_bytes), values, words);
                    for r in 0..R {
                        let panel = panel.add(r * work.panel_bytes);
                        let d = s.load_r(panel.add((place::D32 + part) * vector).cast());
                        let m = s.load_r(panel.add(place::M32 * vector).cast());
                        let sums = s.ordered(sums[r]);
                        for t in 0..N {
                            let (at, to) = (b * width + t, results.add(place(t, r)));
                            let total = if R == 1 { totals[t] } else { s.load_r(to) };
                            let scale = s.mul_r(d, s.splat_r(*scales.get_unchecked(at)));
                            let mut total = s.fma_r(scale, s.to_float(sums[t]), total);
                            if MIN {
                                total = s.fma_r(m, s.splat_r(*scaled_sums.get_unchecked(at)), total);
                            }
                            if R == 1 {
                                totals[t] = total;
                            } else {
                                s.store_r(total, to);
                            }
                        }
                    }
                }
                panel = panel.add(place::SIZE32 * vector);
                values = values.add(32 * width);
            }
            for t in 0..N {
                if R == 1 {
                    s.store_r(totals[t], results.add(place(t, 0)));
                }
            }
        }
    }
}

/// Blocks of 256 of `R` panels. `SUB` codes share a whole scale.
pub(crate) struct Large<'a, const R: usize, const SUB: usize, const WIDE: bool, const MIN: bool>(Work<'a>);

impl<'a, const R: usize, const SUB: usize, const WIDE: bool, const MIN: bool> Large<'a, R, SUB, WIDE, MIN> {
    /// # Safety
    /// There are `R` panels of blocks of 256, the right-hand side has those blocks, results have room for the
    /// tokens and `R` panels' rows.
    pub(crate) unsafe fn new(work: Work<'a>) -> Self {
        Self(work)
    }

    /// Codes times values, times their whole scales.
    ///
    /// # Safety
    /// `panel` and `values` are at a block.
    #[inline(always)]
    unsafe fn dots<S: Tiles, const N: usize>(
        &self,
        s: S,
        panel: *const u8,
        values: *const i8,
        width: usize,
    ) -> [[S::I; N]; R] {
        let (mut sums, vector) = ([[s.splat_i(0); N]; R], 4 * S::ROWS);
        let words = rolled(SUB / 4);
        for sub in 0..rolled(256 / SUB) {
            self.0.ahead.step(s);
            let mut parts = [[s.splat_i(0); N]; R];
            // SAFETY: within the block.
            unsafe {
                let k = sub * SUB;
                let (panel, values) = (panel.add(k / 4 * vector), values.add(k / 32 * 32 * width + k % 32));
                parts = dots::<S, R, WIDE, N>(s, parts, (panel, self.0.panel_bytes), values, words);
            }
            for r in 0..R {
                // SAFETY: within the block.
                let scale =
                    unsafe { s.load_i(panel.add(r * self.0.panel_bytes + (place::SCALES + sub) * vector)) };
                sums[r] = s.add_scaled(sums[r], parts[r], scale);
            }
        }
        for r in 0..R {
            sums[r] = s.ordered(sums[r]);
        }
        sums
    }

    /// The sums of values times their factors: minima, or the scales that the bias was multiplied with.
    ///
    /// # Safety
    /// `panel` is at a block, `parts` at its tokens' sums.
    #[inline(always)]
    unsafe fn factored<S: Tiles, const N: usize>(s: S, panel: *const u8, parts: *const i16) -> [S::I; N] {
        let mut sums = [s.splat_i(0); N];
        for pair in 0..128 / SUB {
            // SAFETY: a panel has that many pairs, a token that many sums.
            unsafe {
                let factors = s.load_i(panel.add((place::PAIRS + pair) * 4 * S::ROWS));
                for t in 0..N {
                    sums[t] = s.dot_16(sums[t], factors, parts.add(256 / SUB * t + 2 * pair));
                }
            }
        }
        sums
    }
}

impl<S: Tiles, const R: usize, const SUB: usize, const WIDE: bool, const MIN: bool> Task<S>
    for Large<'_, R, SUB, WIDE, MIN>
{
    #[inline(always)]
    fn run(self, s: S) {
        // SAFETY: as `new` was promised.
        unsafe { sweep(s, &self.0, &self) }
    }
}

impl<S: Tiles, const R: usize, const SUB: usize, const WIDE: bool, const MIN: bool> Tile<S>
    for Large<'_, R, SUB, WIDE, MIN>
{
    #[inline(always)]
    unsafe fn tile<const N: usize, const WHOLE: bool>(
        &self,
        s: S,
        at: (usize, usize, usize),
        results: *mut f32,
    ) {
        let (work, vector, first) = (&self.0, 4 * S::ROWS, self.0.scale(at));
        let width = if WHOLE { GROUP } else { at.1 };
        let sums_of = if SUB == 16 { &work.right.sums16[..] } else { &work.right.sums32[..] };
        let mut scales = work.right.scales[first..first + (work.count - 1) * width + N].as_ptr();
        let mut parts = sums_of[first * (256 / SUB)..].as_ptr();
        let (mut panel, mut values) = (work.panel, work.values(at, 256));
        // SAFETY: pointers go through the blocks that `new` was promised.
        unsafe {
            if work.block == 0 {
                clear::<S, R, N>(s, work, results);
            }
            for _ in 0..work.count {
                let mut sums = self.dots::<S, N>(s, panel, values, width);
                for r in 0..R {
                    let panel = panel.add(r * work.panel_bytes);
                    let d = s.load_r(panel.add(place::D256 * vector).cast());
                    let m = s.load_r(panel.add(place::M256 * vector).cast());
                    let mut factored = [s.splat_i(0); N];
                    if MIN || work.bias != 0 {
                        factored = Self::factored::<S, N>(s, panel, parts);
                    }
                    if !MIN && work.bias != 0 {
                        let bias = s.splat_i(-work.bias);
                        for t in 0..N {
                            sums[r][t] = s.add_i(sums[r][t], s.mul_i(factored[t], bias));
                        }
                    }
                    for t in 0..N {
                        let (to, by) =
                            (results.add(t * work.stride + r * S::ROWS), s.splat_r(scales.add(t).read()));
                        let mut total = s.load_r(to);
                        total = s.fma_r(s.mul_r(d, by), s.to_float(sums[r][t]), total);
                        if MIN {
                            total = s.fnma_r(s.mul_r(m, by), s.to_float(factored[t]), total);
                        }
                        s.store_r(total, to);
                    }
                }
                panel = panel.add(place::SIZE256 * vector);
                values = values.add(256 * width);
                scales = scales.add(width);
                parts = parts.add(256 / SUB * width);
            }
        }
    }
}
