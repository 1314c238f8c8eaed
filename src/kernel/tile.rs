//! Register tiles: the rows of a panel times up to eight tokens. Knows no type of weights but what its panel means.

use super::activations::Quantised;
use super::panel::{Meaning, place};
use super::tiles::Tiles;

/// Where one or more tokens of a group begin, at some block.
#[derive(Clone, Copy)]
pub(crate) struct Tokens {
    pub(crate) values: *const i8,
    pub(crate) scales: *const f32,
    /// Blocks of 32: scaled sums. Null for blocks of 256.
    pub(crate) scaled_sums: *const f32,
    /// Blocks of 32: sums. Null for blocks of 256.
    pub(crate) sums: *const i32,
    /// Blocks of 256: sums of 16 or 32, as the weights' scales go. Null for blocks of 32.
    pub(crate) parts: *const i16,
    /// Tokens in the group: what lies between two words of the same token.
    pub(crate) width: usize,
}

impl Tokens {
    /// The tokens from `lane` on of the group that begins with token `first`, at block `block` of `blocks`.
    pub(crate) fn new_32(
        from: &Quantised,
        first: usize,
        width: usize,
        lane: usize,
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

    /// As [`Tokens::new_32`], with sums of each `sub` values.
    pub(crate) fn new_256(
        from: &Quantised,
        first: usize,
        width: usize,
        lane: usize,
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

/// The results of a tile: `(tokens, stride)` from the panel's first row on.
#[derive(Clone, Copy)]
pub(crate) struct Results {
    pub(crate) start: *mut f32,
    pub(crate) stride: usize,
}

impl Results {
    /// # Safety
    /// The tile has `N` tokens of `S::ROWS` results.
    #[inline(always)]
    unsafe fn load<S: Tiles, const N: usize>(self, s: S) -> [S::R; N] {
        // SAFETY: as the caller promises.
        std::array::from_fn(|t| unsafe { s.load_r(self.start.add(t * self.stride)) })
    }

    /// # Safety
    /// The tile has `N` tokens of `S::ROWS` results.
    #[inline(always)]
    unsafe fn store<S: Tiles, const N: usize>(self, s: S, sums: [S::R; N]) {
        for (t, sum) in sums.into_iter().enumerate() {
            // SAFETY: as the caller promises.
            unsafe { s.store_r(sum, self.start.add(t * self.stride)) };
        }
    }
}

/// Adds `blocks` blocks of 32 to `results`, for `N` tokens.
///
/// # Safety
/// The panel has `blocks` blocks, the tokens have as many, the results are `N` tokens of `S::ROWS`.
#[inline(always)]
pub(crate) unsafe fn blocks_32<
    S: Tiles,
    const N: usize,
    const BIAS: i32,
    const WIDE: bool,
    const MIN: bool,
>(
    s: S,
    mut panel: *const u8,
    mut tokens: Tokens,
    blocks: usize,
    results: Results,
) {
    let vector = 4 * S::ROWS;
    // SAFETY: pointers go through the blocks that the caller promises.
    unsafe {
        let mut totals: [S::R; N] = results.load(s);
        for _ in 0..blocks {
            let mut sums: [S::I; N] = std::array::from_fn(|t| match BIAS {
                0 => s.splat_i(0),
                _ => s.splat_i(tokens.sums.add(t).read().wrapping_mul(-BIAS)),
            });
            for j in 0..8 {
                let codes = s.load_i(panel.add(j * vector));
                let values = tokens.values.add(4 * j * tokens.width);
                for (t, sum) in sums.iter_mut().enumerate() {
                    *sum = s.dot::<WIDE>(*sum, codes, values.add(4 * t));
                }
            }
            let d = s.load_r(panel.add(place::D32 * vector).cast());
            for (t, total) in totals.iter_mut().enumerate() {
                let scale = s.mul_r(d, s.splat_r(tokens.scales.add(t).read()));
                *total = s.fma_r(scale, s.to_float(sums[t]), *total);
            }
            if MIN {
                let m = s.load_r(panel.add(place::M32 * vector).cast());
                for (t, total) in totals.iter_mut().enumerate() {
                    *total = s.fma_r(m, s.splat_r(tokens.scaled_sums.add(t).read()), *total);
                }
            }
            panel = panel.add(place::SIZE32 * vector);
            tokens.values = tokens.values.add(32 * tokens.width);
            tokens.scales = tokens.scales.add(tokens.width);
            tokens.scaled_sums = tokens.scaled_sums.add(tokens.width);
            tokens.sums = tokens.sums.add(tokens.width);
        }
        results.store(s, totals);
    }
}

/// Adds `blocks` blocks of 256 to `results`, for `N` tokens. `SUB` codes share a whole scale.
///
/// # Safety
/// The panel has `blocks` blocks, the tokens have as many, the results are `N` tokens of `S::ROWS`.
#[inline(always)]
pub(crate) unsafe fn blocks_256<
    S: Tiles,
    const N: usize,
    const SUB: usize,
    const WIDE: bool,
    const MIN: bool,
>(
    s: S,
    mut panel: *const u8,
    mut tokens: Tokens,
    blocks: usize,
    results: Results,
    meaning: Meaning,
) {
    let vector = 4 * S::ROWS;
    // SAFETY: pointers go through the blocks that the caller promises.
    unsafe {
        let mut totals: [S::R; N] = results.load(s);
        for _ in 0..blocks {
            let mut sums = [s.splat_i(0); N];
            for sub in 0..256 / SUB {
                let mut parts = [s.splat_i(0); N];
                for j in sub * SUB / 4..(sub + 1) * SUB / 4 {
                    let codes = s.load_i(panel.add(j * vector));
                    let values = tokens.values.add(4 * j * tokens.width);
                    for (t, part) in parts.iter_mut().enumerate() {
                        *part = s.dot::<WIDE>(*part, codes, values.add(4 * t));
                    }
                }
                let scale = s.load_i(panel.add((place::SCALES + sub) * vector));
                for (sum, part) in sums.iter_mut().zip(parts) {
                    *sum = s.add_i(*sum, s.mul_i(part, scale));
                }
            }
            let factored = factored::<S, N, SUB>(s, panel, tokens);
            if meaning.bias != 0 {
                let bias = s.splat_i(-meaning.bias);
                for (sum, factored) in sums.iter_mut().zip(factored) {
                    *sum = s.add_i(*sum, s.mul_i(factored, bias));
                }
            }
            let d = s.load_r(panel.add(place::D256 * vector).cast());
            for (t, total) in totals.iter_mut().enumerate() {
                let scale = s.mul_r(d, s.splat_r(tokens.scales.add(t).read()));
                *total = s.fma_r(scale, s.to_float(sums[t]), *total);
            }
            if MIN {
                let m = s.load_r(panel.add(place::M256 * vector).cast());
                for (t, total) in totals.iter_mut().enumerate() {
                    let scale = s.mul_r(m, s.splat_r(tokens.scales.add(t).read()));
                    *total = s.fnma_r(scale, s.to_float(factored[t]), *total);
                }
            }
            panel = panel.add(place::SIZE256 * vector);
            tokens.values = tokens.values.add(256 * tokens.width);
            tokens.scales = tokens.scales.add(tokens.width);
            tokens.parts = tokens.parts.add(256 / SUB * tokens.width);
        }
        results.store(s, totals);
    }
}

/// The sums of values times their factors: minima, or the scales that a bias was multiplied with.
///
/// # Safety
/// As for [`blocks_256`].
#[inline(always)]
unsafe fn factored<S: Tiles, const N: usize, const SUB: usize>(
    s: S,
    panel: *const u8,
    tokens: Tokens,
) -> [S::I; N] {
    let mut sums = [s.splat_i(0); N];
    for pair in 0..128 / SUB {
        // SAFETY: a panel has that many pairs, a token that many sums.
        unsafe {
            let factors = s.load_i(panel.add((place::PAIRS + pair) * 4 * S::ROWS));
            for (t, sum) in sums.iter_mut().enumerate() {
                *sum = s.dot_16(*sum, factors, tokens.parts.add(256 / SUB * t + 2 * pair));
            }
        }
    }
    sums
}
