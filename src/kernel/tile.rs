//! Register tiles: the rows of a panel times up to eight tokens. Knows no type of weights but what its panel means.
#![allow(clippy::needless_range_loop)] // Iterators over vectors are not always inlined.

use super::activations::Quantised;
use super::panel::place;
use super::simd::Task;
use super::tiles::Tiles;

/// Where one or more tokens of a group begin, at some block.
#[derive(Clone, Copy)]
pub(crate) struct Tokens {
    values: *const i8,
    scales: *const f32,
    /// Blocks of 32: scaled sums.
    scaled_sums: *const f32,
    /// Blocks of 32: sums.
    sums: *const i32,
    /// Blocks of 256: sums of 16 or 32, as the weights' scales go.
    parts: *const i16,
    /// Tokens in the group: what lies between two words of the same token.
    width: usize,
}

impl Tokens {
    /// The tokens from `lane` on of a group of `width` tokens that begins with token `first`, at block `block` of `blocks`.
    pub(crate) fn new_32(
        from: &Quantised,
        (first, width, lane): (usize, usize, usize),
        block: usize,
        blocks: usize,
    ) -> Self {
        let at = first * blocks + block * width + lane;
        Self {
            values: from.values[(first * blocks + block * width) * 32 + lane * 4..].as_ptr(),
            scales: from.scales[at..].as_ptr(),
            scaled_sums: from.scaled_sums[at..].as_ptr(),
            sums: from.sums[at..].as_ptr(),
            parts: std::ptr::null(),
            width,
        }
    }

    /// As [`Tokens::new_32`] for blocks of 256, with sums of each `sub` values.
    pub(crate) fn new_256(
        from: &Quantised,
        (first, width, lane): (usize, usize, usize),
        block: usize,
        blocks: usize,
        sub: usize,
    ) -> Self {
        let at = first * blocks + block * width + lane;
        Self {
            values: from.values[(first * blocks + block * width) * 256 + lane * 4..].as_ptr(),
            scales: from.scales[at..].as_ptr(),
            scaled_sums: std::ptr::null(),
            sums: std::ptr::null(),
            parts: if sub == 16 { from.sums16[at * 16..].as_ptr() } else { from.sums32[at * 8..].as_ptr() },
            width,
        }
    }
}

/// A panel times some tokens, to be added to the tile's results.
#[derive(Clone, Copy)]
pub(crate) struct Work {
    pub(crate) panel: *const u8,
    /// Blocks in the panel.
    pub(crate) blocks: usize,
    pub(crate) tokens: Tokens,
    /// `(tokens, stride)` from the panel's first row on.
    pub(crate) results: *mut f32,
    pub(crate) stride: usize,
    /// What codes are kept plus; only for blocks of 256.
    pub(crate) bias: i32,
}

impl Work {
    /// # Safety
    /// There are results for `N` tokens of `S::ROWS` rows.
    #[inline(always)]
    unsafe fn load<S: Tiles, const N: usize>(&self, s: S) -> [S::R; N] {
        let mut totals = [s.splat_r(0.0); N];
        for t in 0..N {
            // SAFETY: as the caller promises.
            totals[t] = unsafe { s.load_r(self.results.add(t * self.stride)) };
        }
        totals
    }

    /// # Safety
    /// There are results for `N` tokens of `S::ROWS` rows.
    #[inline(always)]
    unsafe fn store<S: Tiles, const N: usize>(&self, s: S, totals: [S::R; N]) {
        for t in 0..N {
            // SAFETY: as the caller promises.
            unsafe { s.store_r(totals[t], self.results.add(t * self.stride)) };
        }
    }
}

/// Blocks of 32 times `N` tokens of a group of `WIDTH` (0: of any width). Codes are kept plus `BIAS`; `WIDE`: see [`Tiles::dot`].
pub(crate) struct Small<
    const N: usize,
    const WIDTH: usize,
    const BIAS: i32,
    const WIDE: bool,
    const MIN: bool,
> {
    work: Work,
}

impl<const N: usize, const WIDTH: usize, const BIAS: i32, const WIDE: bool, const MIN: bool>
    Small<N, WIDTH, BIAS, WIDE, MIN>
{
    /// # Safety
    /// The panel has the blocks of 32, the group has them for `N` tokens and has the width, results have `N` tokens of a panel's rows.
    pub(crate) unsafe fn new(work: Work) -> Self {
        Self { work }
    }
}

impl<S: Tiles, const N: usize, const WIDTH: usize, const BIAS: i32, const WIDE: bool, const MIN: bool> Task<S>
    for Small<N, WIDTH, BIAS, WIDE, MIN>
{
    #[inline(always)]
    fn run(self, s: S) {
        let (Work { mut panel, blocks, mut tokens, .. }, vector) = (self.work, 4 * S::ROWS);
        let width = if WIDTH == 0 { tokens.width } else { WIDTH };
        // SAFETY: pointers go through the blocks that `new` was promised.
        unsafe {
            let mut totals: [S::R; N] = self.work.load(s);
            for _ in 0..blocks {
                let mut sums = [s.splat_i(0); N];
                for t in 0..N {
                    if BIAS != 0 {
                        sums[t] = s.splat_i(tokens.sums.add(t).read().wrapping_mul(-BIAS));
                    }
                }
                for j in 0..8 {
                    let codes = s.load_i(panel.add(j * vector));
                    sums = s.dots::<WIDE, N>(sums, codes, tokens.values.add(4 * j * width));
                }
                let d = s.load_r(panel.add(place::D32 * vector).cast());
                for t in 0..N {
                    let scale = s.mul_r(d, s.splat_r(tokens.scales.add(t).read()));
                    totals[t] = s.fma_r(scale, s.to_float(sums[t]), totals[t]);
                }
                if MIN {
                    let m = s.load_r(panel.add(place::M32 * vector).cast());
                    for t in 0..N {
                        totals[t] = s.fma_r(m, s.splat_r(tokens.scaled_sums.add(t).read()), totals[t]);
                    }
                }
                panel = panel.add(place::SIZE32 * vector);
                tokens.values = tokens.values.add(32 * width);
                tokens.scales = tokens.scales.add(width);
                tokens.scaled_sums = tokens.scaled_sums.add(width);
                tokens.sums = tokens.sums.add(width);
            }
            self.work.store(s, totals);
        }
    }
}

/// Blocks of 256 times `N` tokens of a group of `WIDTH` (0: of any width). `SUB` codes share a whole scale.
pub(crate) struct Large<
    const N: usize,
    const WIDTH: usize,
    const SUB: usize,
    const WIDE: bool,
    const MIN: bool,
> {
    work: Work,
}

impl<const N: usize, const WIDTH: usize, const SUB: usize, const WIDE: bool, const MIN: bool>
    Large<N, WIDTH, SUB, WIDE, MIN>
{
    /// # Safety
    /// The panel has the blocks of 256, the group has them for `N` tokens and has the width, results have `N` tokens of a panel's rows.
    pub(crate) unsafe fn new(work: Work) -> Self {
        Self { work }
    }

    /// Codes times values, times their whole scales.
    ///
    /// # Safety
    /// `panel` and `tokens` are at a block.
    #[inline(always)]
    unsafe fn dots<S: Tiles>(s: S, panel: *const u8, tokens: &Tokens, width: usize) -> [S::I; N] {
        let (mut sums, vector) = ([s.splat_i(0); N], 4 * S::ROWS);
        for sub in 0..256 / SUB {
            let mut parts = [s.splat_i(0); N];
            // SAFETY: within the block.
            unsafe {
                let (panel, values) =
                    (panel.add(sub * SUB / 4 * vector), tokens.values.add(sub * SUB * width));
                for j in 0..SUB / 4 {
                    let codes = s.load_i(panel.add(j * vector));
                    parts = s.dots::<WIDE, N>(parts, codes, values.add(4 * j * width));
                }
            }
            // SAFETY: within the block.
            let scale = unsafe { s.load_i(panel.add((place::SCALES + sub) * vector)) };
            for t in 0..N {
                sums[t] = s.add_i(sums[t], s.mul_i(parts[t], scale));
            }
        }
        sums
    }

    /// The sums of values times their factors: minima, or the scales that the bias was multiplied with.
    ///
    /// # Safety
    /// `panel` and `tokens` are at a block.
    #[inline(always)]
    unsafe fn factored<S: Tiles>(s: S, panel: *const u8, tokens: &Tokens) -> [S::I; N] {
        let mut sums = [s.splat_i(0); N];
        for pair in 0..128 / SUB {
            // SAFETY: a panel has that many pairs, a token that many sums.
            unsafe {
                let factors = s.load_i(panel.add((place::PAIRS + pair) * 4 * S::ROWS));
                for t in 0..N {
                    sums[t] = s.dot_16(sums[t], factors, tokens.parts.add(256 / SUB * t + 2 * pair));
                }
            }
        }
        sums
    }
}

impl<S: Tiles, const N: usize, const WIDTH: usize, const SUB: usize, const WIDE: bool, const MIN: bool>
    Task<S> for Large<N, WIDTH, SUB, WIDE, MIN>
{
    #[inline(always)]
    fn run(self, s: S) {
        let (Work { mut panel, blocks, mut tokens, bias, .. }, vector) = (self.work, 4 * S::ROWS);
        let width = if WIDTH == 0 { tokens.width } else { WIDTH };
        // SAFETY: pointers go through the blocks that `new` was promised.
        unsafe {
            let mut totals: [S::R; N] = self.work.load(s);
            for _ in 0..blocks {
                let mut sums = Self::dots(s, panel, &tokens, width);
                let d = s.load_r(panel.add(place::D256 * vector).cast());
                if MIN {
                    let minima = Self::factored(s, panel, &tokens);
                    let m = s.load_r(panel.add(place::M256 * vector).cast());
                    for t in 0..N {
                        let by = s.splat_r(tokens.scales.add(t).read());
                        totals[t] = s.fma_r(s.mul_r(d, by), s.to_float(sums[t]), totals[t]);
                        totals[t] = s.fnma_r(s.mul_r(m, by), s.to_float(minima[t]), totals[t]);
                    }
                } else {
                    if bias != 0 {
                        let factored = Self::factored(s, panel, &tokens);
                        let bias = s.splat_i(-bias);
                        for t in 0..N {
                            sums[t] = s.add_i(sums[t], s.mul_i(factored[t], bias));
                        }
                    }
                    for t in 0..N {
                        let scale = s.mul_r(d, s.splat_r(tokens.scales.add(t).read()));
                        totals[t] = s.fma_r(scale, s.to_float(sums[t]), totals[t]);
                    }
                }
                panel = panel.add(place::SIZE256 * vector);
                tokens.values = tokens.values.add(256 * width);
                tokens.scales = tokens.scales.add(width);
                tokens.parts = tokens.parts.add(256 / SUB * width);
            }
            self.work.store(s, totals);
        }
    }
}
