//! Products by panels: unpack some blocks of a panel's rows, then take all tokens over it. Knows no thread.

use super::activations::{Activations, GROUP};
use super::panel::{self, Meaning, Memory, PANEL_K, place};
use super::tile::{Results, Tokens, blocks_32, blocks_256};
use super::tiles::Tiles;
use super::types::{Form, Type, Weights};
use super::{floats, scalar, simd::Scalar};
use std::ops::Range;

/// As `Kernels::product`, on an instruction set with tiles.
#[inline(always)]
pub(crate) fn product<S: Tiles>(
    s: S,
    weights: &Weights<'_>,
    rows: Range<usize>,
    activations: &Activations,
    tokens: Range<usize>,
    tile: &mut [f32],
    stride: usize,
) {
    if weights.ty().form() == Form::F32 {
        return floats::product(s, weights, rows, activations, tokens, tile, stride);
    }
    if rows.len() < S::ROWS {
        return scalar::product(Scalar, weights, rows, activations, tokens, tile, stride);
    }
    let mut first = rows.start;
    while first < rows.end {
        // A last, incomplete panel goes back over rows that are done already.
        let panel = first.min(rows.end - S::ROWS);
        let results = &mut tile[panel - rows.start..];
        rows_of_a_panel(s, weights, panel, activations, tokens.clone(), results, stride);
        first += S::ROWS;
    }
}

/// The rows from `row` on, as many as a panel has.
#[inline(always)]
fn rows_of_a_panel<S: Tiles>(
    s: S,
    weights: &Weights<'_>,
    row: usize,
    activations: &Activations,
    tokens: Range<usize>,
    tile: &mut [f32],
    stride: usize,
) {
    for results in tile.chunks_mut(stride).take(tokens.len()) {
        results[..S::ROWS].fill(0.0);
    }
    let (ty, row_bytes) = (weights.ty(), weights.row_bytes());
    let (blocks, per_panel) = (weights.cols() / ty.block_len(), PANEL_K / ty.block_len());
    let bytes = &weights.bytes()[row * row_bytes..(row + S::ROWS) * row_bytes];
    let mut memory = Memory([std::mem::MaybeUninit::uninit(); _]);
    let panel: *mut u8 = memory.0.as_mut_ptr().cast();
    for block in (0..blocks).step_by(per_panel) {
        let count = per_panel.min(blocks - block);
        // SAFETY: the blocks are within the rows' bytes, the panel has room for PANEL_K elements of 16 rows or fewer.
        unsafe {
            unpack_blocks(s, ty, bytes.as_ptr().add(block * ty.block_bytes()), row_bytes, count, panel)
        };
        for group in tokens.clone().step_by(GROUP) {
            let (first, width) = activations.group(group);
            let end = tokens.end.min(first + width) - first;
            for lane in (0..end).step_by(S::TOKENS) {
                let count_tokens = S::TOKENS.min(end - lane);
                let at = (first - tokens.start + lane) * stride;
                let results = Results { start: tile[at..].as_mut_ptr(), stride };
                let blocks = Blocks { ty, panel, block, count, blocks };
                assert!(tile.len() >= at + (count_tokens - 1) * stride + S::ROWS, "tile");
                // SAFETY: the panel was unpacked above; the group has that many tokens; the tile has room.
                unsafe { blocks.times(s, activations, first, width, lane, count_tokens, results) };
            }
        }
    }
}

/// Unpacks `count` blocks of a panel's rows, and asks for the same part of the panel behind it.
///
/// # Safety
/// The blocks are readable in each row; the panel has room.
#[inline(always)]
unsafe fn unpack_blocks<S: Tiles>(
    s: S,
    ty: Type,
    from: *const u8,
    stride: usize,
    count: usize,
    panel: *mut u8,
) {
    let size = if ty.form() == Form::Q32 { place::SIZE32 } else { place::SIZE256 };
    let step = ty.block_bytes();
    macro_rules! each {
        ($($ty:ident)*) => {
            match ty {
                $(Type::$ty => for b in 0..count {
                    // SAFETY: block b of the caller's blocks.
                    unsafe {
                        panel::unpack(s, Type::$ty, from.add(b * step), stride, panel.add(b * size * 4 * S::ROWS));
                    }
                },)*
                _ => for b in 0..count {
                    // SAFETY: block b of the caller's blocks.
                    unsafe {
                        panel::unpack(s, Type::IQ1_M, from.add(b * step), stride, panel.add(b * size * 4 * S::ROWS));
                    }
                },
            }
        };
    }
    each!(Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 IQ4_NL MXFP4 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_XS IQ2_XXS IQ2_XS IQ2_S IQ3_XXS IQ3_S IQ1_S);
}

/// Some unpacked blocks of a matrix' rows.
struct Blocks {
    ty: Type,
    panel: *const u8,
    /// The first of them.
    block: usize,
    /// How many.
    count: usize,
    /// Blocks in a row.
    blocks: usize,
}

impl Blocks {
    /// Adds these blocks times the tokens from `lane` on of a group to `results`.
    ///
    /// # Safety
    /// The panel holds these blocks; the group has `tokens` tokens from `lane` on; the results have room for them.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    unsafe fn times<S: Tiles>(
        &self,
        s: S,
        activations: &Activations,
        first: usize,
        width: usize,
        lane: usize,
        tokens: usize,
        results: Results,
    ) {
        let meaning = Meaning::of(self.ty, S::SIGNED);
        let (panel, count) = (self.panel, self.count);
        if self.ty.form() == Form::Q32 {
            let from = Tokens::new_32(&activations.q32, first, width, lane, self.block, self.blocks);
            // SAFETY: as the caller promises.
            unsafe { dispatch_32(s, panel, from, count, tokens, results, meaning) }
        } else {
            let from =
                Tokens::new_256(&activations.q256, first, width, lane, self.block, self.blocks, meaning.sub);
            // SAFETY: as the caller promises.
            unsafe { dispatch_256(s, panel, from, count, tokens, results, meaning) }
        }
    }
}

/// Calls `$function` with the constant number of tokens that `$tokens` is.
macro_rules! by_tokens {
    ($tokens:expr, $n:ident => $call:expr) => {
        match $tokens {
            1 => {
                const $n: usize = 1;
                $call
            }
            2 => {
                const $n: usize = 2;
                $call
            }
            3 => {
                const $n: usize = 3;
                $call
            }
            4 => {
                const $n: usize = 4;
                $call
            }
            5 if S::TOKENS > 4 => {
                const $n: usize = 5;
                $call
            }
            6 if S::TOKENS > 4 => {
                const $n: usize = 6;
                $call
            }
            7 if S::TOKENS > 4 => {
                const $n: usize = 7;
                $call
            }
            8 if S::TOKENS > 4 => {
                const $n: usize = 8;
                $call
            }
            _ => {}
        }
    };
}

/// # Safety
/// As for [`blocks_32`].
#[inline(always)]
unsafe fn dispatch_32<S: Tiles>(
    s: S,
    panel: *const u8,
    from: Tokens,
    count: usize,
    tokens: usize,
    results: Results,
    meaning: Meaning,
) {
    // SAFETY: as the caller promises.
    unsafe {
        match (meaning.bias, meaning.wide) {
            (_, true) if S::SIGNED => {
                by_tokens!(tokens, N => blocks_32::<S, N, 0, true, false>(s, panel, from, count, results))
            }
            (_, true) => {
                by_tokens!(tokens, N => blocks_32::<S, N, 128, true, false>(s, panel, from, count, results))
            }
            (8, _) => {
                by_tokens!(tokens, N => blocks_32::<S, N, 8, false, false>(s, panel, from, count, results))
            }
            (16, _) => {
                by_tokens!(tokens, N => blocks_32::<S, N, 16, false, false>(s, panel, from, count, results))
            }
            _ => by_tokens!(tokens, N => blocks_32::<S, N, 0, false, true>(s, panel, from, count, results)),
        }
    }
}

/// # Safety
/// As for [`blocks_256`].
#[inline(always)]
unsafe fn dispatch_256<S: Tiles>(
    s: S,
    panel: *const u8,
    from: Tokens,
    count: usize,
    tokens: usize,
    results: Results,
    meaning: Meaning,
) {
    // SAFETY: as the caller promises.
    unsafe {
        match (meaning.sub, meaning.min, meaning.wide) {
            (16, true, _) => {
                by_tokens!(tokens, N => blocks_256::<S, N, 16, false, true>(s, panel, from, count, results, meaning))
            }
            (16, _, _) => {
                by_tokens!(tokens, N => blocks_256::<S, N, 16, false, false>(s, panel, from, count, results, meaning))
            }
            (_, true, _) => {
                by_tokens!(tokens, N => blocks_256::<S, N, 32, false, true>(s, panel, from, count, results, meaning))
            }
            _ => {
                by_tokens!(tokens, N => blocks_256::<S, N, 32, true, false>(s, panel, from, count, results, meaning))
            }
        }
    }
}
