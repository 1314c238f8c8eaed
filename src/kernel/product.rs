//! Products by panels: unpack some blocks of a panel's rows, then take all tokens over it. Knows no thread.

use super::activations::{Activations, GROUP};
use super::panel::{Meaning, Memory, PANEL_K, Unpack};
use super::simd::Task;
use super::tile::{Large, Small, Tokens, Work};
use super::tiles::Tiles;
use super::types::{Form, Type, Weights};
use super::{floats, scalar, simd::Scalar};
use std::mem::MaybeUninit;
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
    let (mut first, end) = (rows.start, rows.end);
    while first < end {
        // A last, incomplete panel goes back over rows that are done already.
        let row = first.min(end - S::ROWS);
        let results = &mut tile[row - rows.start..];
        rows_of_a_panel(s, weights, row, activations, tokens.clone(), results, stride);
        first += S::ROWS;
    }
}

/// Bytes between what is used and what is asked for, besides a panel's rows.
const AHEAD: usize = 4096;

/// The rows from `row` on, as many as a panel has.
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
    let mut memory = Memory([MaybeUninit::uninit(); _]);
    let panel: *mut u8 = memory.0.as_mut_ptr().cast();
    for block in (0..blocks).step_by(per_panel) {
        let count = per_panel.min(blocks - block);
        let from = bytes[block * ty.block_bytes()..].as_ptr();
        // The rows behind these are asked for as they lie, far enough ahead of the first use of their last.
        let ahead = bytes.as_ptr().wrapping_add(S::ROWS * (row_bytes + block * ty.block_bytes()) + AHEAD);
        // SAFETY: `count` blocks are within each row's bytes; the panel has room for PANEL_K elements.
        s.launch(unsafe { Unpack::new(ty, from, row_bytes, count, ahead, panel) });
        for first in tokens.clone().step_by(GROUP) {
            let (_, width) = activations.group(first);
            for lane in (0..width).step_by(S::TOKENS) {
                let n = S::TOKENS.min(width - lane);
                let at = (first - tokens.start + lane) * stride;
                assert!(tile.len() >= at + (n - 1) * stride + S::ROWS, "tile");
                let meaning = Meaning::of(ty, S::SIGNED);
                let group = (first, width, lane);
                let tokens = match ty.form() {
                    Form::Q256 => Tokens::new_256(&activations.q256, group, block, blocks, meaning.sub),
                    _ => Tokens::new_32(&activations.q32, group, block, blocks),
                };
                let results = tile[at..].as_mut_ptr();
                let work = Work { panel, blocks: count, tokens, results, stride, bias: meaning.bias };
                // SAFETY: the panel was unpacked above, the group has `n` tokens from `lane` on, the tile has room.
                unsafe { multiply(s, ty, meaning, n, width, work) };
            }
        }
    }
}

/// Calls `$call` with constants for the number of tokens and the width of their group.
macro_rules! by_tokens {
    ($tokens:expr, $width:expr, |$n:ident, $w:ident| $call:expr) => {
        by_tokens!(@ $tokens, $width, $n, $w, $call, (1 1) (2 2) (3 3) (4 4) (5 5) (6 6) (7 7) (8 8))
    };
    (@ $tokens:expr, $width:expr, $n:ident, $w:ident, $call:expr, $(($a:literal $b:literal))*) => {
        match ($tokens, $width) {
            $(($a, $b) if $a <= S::TOKENS => {
                const $n: usize = $a;
                const $w: usize = $b;
                $call
            })*
            (4, 8) if S::TOKENS == 4 => {
                const $n: usize = 4;
                const $w: usize = 8;
                $call
            }
            (n, _) if S::TOKENS == 4 => {
                const $w: usize = 0;
                match n {
                    1 => { const $n: usize = 1; $call }
                    2 => { const $n: usize = 2; $call }
                    3 => { const $n: usize = 3; $call }
                    _ => { const $n: usize = 4; $call }
                }
            }
            _ => unreachable!("a group is at most as wide as a tile"),
        }
    };
}

/// Chooses the tile for what the panel means and for the number of tokens.
///
/// # Safety
/// See [`Small::new`] and [`Large::new`].
unsafe fn multiply<S: Tiles>(s: S, ty: Type, meaning: Meaning, tokens: usize, width: usize, work: Work) {
    let Meaning { bias, wide, min, sub } = meaning;
    // SAFETY: as the caller promises.
    unsafe {
        match (ty.form(), sub, min, wide, bias) {
            (Form::Q256, 16, true, ..) => {
                by_tokens!(tokens, width, |N, W| s.launch(Large::<N, W, 16, false, true>::new(work)))
            }
            (Form::Q256, 16, ..) => {
                by_tokens!(tokens, width, |N, W| s.launch(Large::<N, W, 16, false, false>::new(work)))
            }
            (Form::Q256, _, true, ..) => {
                by_tokens!(tokens, width, |N, W| s.launch(Large::<N, W, 32, false, true>::new(work)))
            }
            (Form::Q256, ..) => {
                by_tokens!(tokens, width, |N, W| s.launch(Large::<N, W, 32, true, false>::new(work)))
            }
            (_, _, true, ..) => {
                by_tokens!(tokens, width, |N, W| s.launch(Small::<N, W, 0, false, true>::new(work)))
            }
            (_, _, _, true, 128) => {
                by_tokens!(tokens, width, |N, W| s.launch(Small::<N, W, 128, true, false>::new(work)))
            }
            (_, _, _, true, _) => {
                by_tokens!(tokens, width, |N, W| s.launch(Small::<N, W, 0, true, false>::new(work)))
            }
            (.., 8) => {
                by_tokens!(tokens, width, |N, W| s.launch(Small::<N, W, 8, false, false>::new(work)))
            }
            _ => {
                by_tokens!(tokens, width, |N, W| s.launch(Small::<N, W, 16, false, false>::new(work)))
            }
        }
    }
}
