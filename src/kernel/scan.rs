//! The recurrence of Mamba-2, a head at a time. Knows no model and no thread.
//!
//! A head keeps a matrix S, (states, values). A token with input x, vectors B and C, a step d and a decay a
//! makes S ← a·S + B ⊗ d·x, and gives y = SᵀC (Dao and Gu, 2024, "Transformers are SSMs", the recurrent form
//! of section 3). Tokens follow one another, so that a cut changes no bit. Columns of S have nothing to do
//! with each other: 16 of them are a tile, (states, 16), a row of which is one vector. Sums go down the rows,
//! even and odd ones apart, added at the end.

use super::simd::Simd;

/// Columns of a tile.
const TILE: usize = 16;

/// Tokens of one head.
#[derive(Debug, Clone, Copy)]
pub struct ScanHead<'a> {
    /// Width of an input.
    pub dim: usize,
    /// Width of B and of C.
    pub states: usize,
    /// (tokens, stride): each token's x, B and C begin at `places`.
    pub rows: &'a [f32],
    pub stride: usize,
    pub places: [usize; 3],
    /// Each token's: what the state is multiplied with.
    pub decay: &'a [f32],
    /// Each token's: what its input is multiplied with.
    pub step: &'a [f32],
}

impl<'a> ScanHead<'a> {
    /// Elements of the state of a head: tiles of whole vectors.
    pub const fn state_len(dim: usize, states: usize) -> usize {
        dim.next_multiple_of(TILE) * states
    }

    #[inline(always)]
    fn part(&self, token: usize, part: usize, len: usize) -> &'a [f32] {
        &self.rows[token * self.stride + self.places[part]..][..len]
    }
}

/// Takes `state`, (tiles, states, 16), past the head's tokens; their results are `out`, (tokens, dim).
#[inline(always)]
pub(crate) fn scan<S: Simd>(s: S, head: &ScanHead<'_>, state: &mut [f32], out: &mut [f32]) {
    let tokens = head.decay.len().min(head.step.len());
    for (index, tile) in state.as_chunks_mut::<TILE>().0.chunks_exact_mut(head.states).enumerate() {
        let first = index * TILE;
        let width = TILE.min(head.dim - first);
        for token in 0..tokens {
            let mut lanes = [0.0; TILE];
            lanes[..width].copy_from_slice(&head.part(token, 0, head.dim)[first..first + width]);
            let input = s.mul(s.load(&lanes), s.splat(head.step[token]));
            let vectors = [head.part(token, 1, head.states), head.part(token, 2, head.states)];
            let result = step(s, tile, s.splat(head.decay[token]), input, vectors);
            s.store(result, &mut lanes);
            out[token * head.dim + first..][..width].copy_from_slice(&lanes[..width]);
        }
    }
}

/// S ← decay · S + b ⊗ input of a tile, and Sᵀ c behind it.
#[inline(always)]
fn step<S: Simd>(s: S, tile: &mut [[f32; TILE]], decay: S::F, input: S::F, [b, c]: [&[f32]; 2]) -> S::F {
    let (mut even, mut odd) = (s.splat(0.0), s.splat(0.0));
    let (pairs, last) = tile.as_chunks_mut::<2>();
    let ((writes, last_write), (reads, last_read)) = (b.as_chunks::<2>(), c.as_chunks::<2>());
    for ((rows, write), read) in pairs.iter_mut().zip(writes).zip(reads) {
        let x = s.fma(s.splat(write[0]), input, s.mul(s.load(&rows[0]), decay));
        let y = s.fma(s.splat(write[1]), input, s.mul(s.load(&rows[1]), decay));
        s.store(x, &mut rows[0]);
        s.store(y, &mut rows[1]);
        even = s.fma(x, s.splat(read[0]), even);
        odd = s.fma(y, s.splat(read[1]), odd);
    }
    if let ([row], [write], [read]) = (last, last_write, last_read) {
        let x = s.fma(s.splat(*write), input, s.mul(s.load(row), decay));
        s.store(x, row);
        even = s.fma(x, s.splat(*read), even);
    }
    s.fma(even, s.splat(1.0), odd)
}
