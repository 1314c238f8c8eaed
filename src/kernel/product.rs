//! Products by panels: unpack some blocks of a panel's rows, then take all tokens over it. Knows no thread.

use super::activations::{Activations, GROUP};
use super::ahead::Ahead;
use super::direct::Few;
use super::panel::{Blocks, Meaning, Memory, Unpack, per_panel};
use super::tile::{Large, Small, Work};
use super::tiles::Tiles;
use super::types::{Form, Type, Weights};
use super::{floats, scalar, simd::Scalar};
use std::cell::Cell;
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
    let most = if weights.ty().form() == Form::Q32 { S::DIRECT } else { 1 };
    if tokens.len() <= most {
        return few(s, weights, rows, activations, tokens, (tile, stride));
    }
    let (mut first, end) = (rows.start, rows.end);
    while first < end {
        // Two panels share each token's bytes where registers suffice.
        let two = S::PANELS == 2 && end - first >= 2 * S::ROWS;
        let panels = if two { 2 } else { 1 };
        // A last, incomplete panel goes back over rows that are done already.
        let row = first.min(end - panels * S::ROWS);
        let results = &mut tile[row - rows.start..];
        rows_of_panels(s, weights, (row, panels), activations, tokens.clone(), results, stride);
        first += panels * S::ROWS;
    }
}

/// Bytes between what is used and what is asked for, besides a panel's rows.
const AHEAD: usize = 4096;

/// Unpacking takes about as long as this many tokens.
const UNPACKING: usize = 4;

/// The tokens of a group, few enough for weights to go from the file's bytes through registers.
#[inline(always)]
fn few<S: Tiles>(
    s: S,
    weights: &Weights<'_>,
    rows: Range<usize>,
    activations: &Activations,
    tokens: Range<usize>,
    results: (&mut [f32], usize),
) {
    let work = (weights, rows, activations, tokens.start);
    match tokens.len() {
        1 => direct::<S, 1>(s, work, results),
        2 => direct::<S, 2>(s, work, results),
        3 => direct::<S, 3>(s, work, results),
        4 => direct::<S, 4>(s, work, results),
        n => {
            // Instruction sets that do not take so many are spared the code.
            if const { S::DIRECT > 4 } {
                match n {
                    5 => direct::<S, 5>(s, work, results),
                    6 => direct::<S, 6>(s, work, results),
                    7 => direct::<S, 7>(s, work, results),
                    _ => direct::<S, 8>(s, work, results),
                }
            }
        }
    }
}

/// [`few`] for the `N` tokens of the group that begins with `token`.
#[inline(always)]
fn direct<S: Tiles, const N: usize>(
    s: S,
    (weights, rows, activations, token): (&Weights<'_>, Range<usize>, &Activations, usize),
    (tile, by): (&mut [f32], usize),
) {
    let width = GROUP.min(activations.tokens() - token);
    assert!(token.is_multiple_of(GROUP) && width == N, "{N} tokens of the {width} from {token} on");
    assert!(tile.len() >= (N - 1) * by + rows.len(), "tile");
    let (ty, stride) = (weights.ty(), weights.row_bytes());
    let right = if ty.form() == Form::Q256 { &activations.q256 } else { &activations.q32 };
    let (mut first, end) = (rows.start, rows.end);
    while first < end {
        // Incomplete last rows go back over some that are done already.
        let row = first.min(end - S::ROWS);
        let bytes = &weights.bytes()[row * stride..(row + S::ROWS) * stride];
        let blocks = Blocks { ty, from: bytes.as_ptr(), stride, count: weights.cols() / ty.block_len() };
        let ahead = bytes.as_ptr().wrapping_add(S::ROWS * stride + AHEAD);
        let results = tile[row - rows.start..].as_mut_ptr();
        // SAFETY: the blocks are within each row's bytes, the right-hand side has them for the group's
        // tokens, results have room.
        s.launch(unsafe { Few::<N>::new(blocks, ahead, right, token, (results, by)) });
        first += S::ROWS;
    }
}

/// The rows from `row` on, as many as `panels` panels have.
fn rows_of_panels<S: Tiles>(
    s: S,
    weights: &Weights<'_>,
    (row, panels): (usize, usize),
    activations: &Activations,
    tokens: Range<usize>,
    tile: &mut [f32],
    stride: usize,
) {
    assert!(tokens.start.is_multiple_of(GROUP), "a group of tokens begins at {}", tokens.start);
    assert!(tile.len() >= (tokens.len() - 1) * stride + panels * S::ROWS, "tile");
    let (ty, row_bytes) = (weights.ty(), weights.row_bytes());
    let blocks = weights.cols() / ty.block_len();
    let per_panel = per_panel(ty, blocks);
    let bytes = &weights.bytes()[row * row_bytes..(row + panels * S::ROWS) * row_bytes];
    let mut memory = [Memory::EMPTY; 2];
    let panel: *mut u8 = memory.as_mut_ptr().cast();
    for block in (0..blocks).step_by(per_panel) {
        let count = per_panel.min(blocks - block);
        // The rows behind these are asked for as they lie, far enough ahead of the first use of their last.
        let behind = panels * S::ROWS * (row_bytes + block * ty.block_bytes()) + AHEAD;
        let lines = (panels * S::ROWS * count * ty.block_bytes()).div_ceil(64);
        let next = Cell::new((bytes.as_ptr().wrapping_add(behind), lines));
        let share = lines * UNPACKING / (UNPACKING + tokens.len());
        let ahead = Ahead { next: &next, lines: share.div_ceil(panels * count) };
        for p in 0..panels {
            let from = bytes[p * S::ROWS * row_bytes + block * ty.block_bytes()..].as_ptr();
            let to = panel.wrapping_add(p * size_of::<Memory>());
            let part = Blocks { ty, from, stride: row_bytes, count };
            // SAFETY: `count` blocks are within each row's bytes; a panel has room for them.
            s.launch(unsafe { Unpack::new(part, to, ahead) });
        }
        let (meaning, units) = (Meaning::of(ty, S::SIGNED), count * ty.units());
        let work = Work {
            panel,
            panel_bytes: size_of::<Memory>(),
            count: units,
            right: if ty.form() == Form::Q256 { &activations.q256 } else { &activations.q32 },
            block: block * ty.units(),
            blocks: blocks * ty.units(),
            all: activations.tokens(),
            tokens: (tokens.start, tokens.end),
            results: tile.as_mut_ptr(),
            stride,
            bias: meaning.bias,
            ahead: Ahead {
                lines: next.get().1.div_ceil(steps(ty, meaning, units, tokens.len(), S::TOKENS)),
                ..ahead
            },
        };
        // SAFETY: the panels were unpacked above, the right-hand side has all their blocks, the tile has
        // room.
        unsafe {
            match panels {
                2 => multiply::<S, 2>(s, ty, meaning, work),
                _ => multiply::<S, 1>(s, ty, meaning, work),
            }
        }
    }
}

/// How often the tiles of a panel step.
fn steps(ty: Type, meaning: Meaning, count: usize, tokens: usize, per_tile: usize) -> usize {
    let per_block = if ty.form() == Form::Q256 { 256 / meaning.sub } else { 1 };
    count * per_block * tokens.div_ceil(per_tile)
}

/// Chooses the tile for what the panels mean.
///
/// # Safety
/// See [`Small::new`] and [`Large::new`].
unsafe fn multiply<S: Tiles, const R: usize>(s: S, ty: Type, meaning: Meaning, work: Work<'_>) {
    let large = ty.form() == Form::Q256;
    // SAFETY: as the caller promises.
    unsafe {
        // All types with wide codes: no minima, and one scale per 32 codes.
        if const { S::NARROW } && meaning.wide {
            return match large {
                true => s.launch(Large::<R, 32, true, false>::new(work)),
                false => s.launch(Small::<R, 32, true, false>::new(work)),
            };
        }
        match (large, meaning.sub, meaning.min) {
            (true, 16, true) => s.launch(Large::<R, 16, false, true>::new(work)),
            (true, 16, false) => s.launch(Large::<R, 16, false, false>::new(work)),
            (true, _, true) => s.launch(Large::<R, 32, false, true>::new(work)),
            (true, _, false) => s.launch(Large::<R, 32, false, false>::new(work)),
            (false, 16, _) => s.launch(Small::<R, 16, false, false>::new(work)),
            (false, _, true) => s.launch(Small::<R, 32, false, true>::new(work)),
            (false, _, false) => s.launch(Small::<R, 32, false, false>::new(work)),
        }
    }
}
