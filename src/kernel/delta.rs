//! The gated delta rule, a head at a time, and the convolution before it. Knows no model and no thread.
//!
//! A head keeps a matrix S, (keys, values). A token with query q, key k and value v, a decay a and a strength
//! b makes S ← a·S, then S ← S + k ⊗ b·(v − Sᵀk), and gives o = Sᵀq (Yang, Kautz and Hatamizadeh, 2024,
//! "Gated Delta Networks", equation 10). Tokens follow one another, so that a cut changes no bit. Columns of
//! S have nothing to do with each other: 16 of them are a tile, (keys, 16), a row of which is one vector.
//! Sums go down the rows, even and odd ones apart, added at the end.

use super::math::silu;
use super::simd::Simd;

/// Columns of a tile.
const TILE: usize = 16;

/// The causal convolution of a delta net or of Mamba-2, channel by channel, with SiLU behind it.
#[derive(Debug, Clone, Copy)]
pub struct CausalConv<'a> {
    /// Channels.
    pub width: usize,
    /// (taps, width), the oldest tap first; at least one.
    pub kernel: &'a [f32],
    /// Added to each row's result: (width); empty: nothing.
    pub bias: &'a [f32],
    /// (rows, width).
    pub inputs: &'a [f32],
    /// Inputs of the taps − 1 rows before the first: (taps − 1, width); empty: zeros.
    pub past: &'a [f32],
}

impl<'a> CausalConv<'a> {
    /// Row `at` of the past with the inputs behind it, of `past` rows; `None`: zeros.
    fn row_at(&self, at: usize, past: usize) -> Option<&'a [f32]> {
        let (rows, at) = if at < past { (self.past, at) } else { (self.inputs, at - past) };
        rows.get(at * self.width..(at + 1) * self.width)
    }

    /// Inputs of the last taps − 1 of `rows` rows, older ones from the past: (taps − 1, width).
    ///
    /// Panics if the lengths do not fit together.
    pub fn last(&self, rows: usize, out: &mut [f32]) {
        let past = self.kernel.len() / self.width - 1;
        for (index, out) in out.chunks_exact_mut(self.width).enumerate().take(past) {
            match self.row_at(rows + index, past) {
                Some(row) => out.copy_from_slice(row),
                None => out.fill(0.0),
            }
        }
    }
}

/// Result of row `row`: silu(bias + Σ kernel[tap] · x[row − taps + 1 + tap]), taps in ascending order.
#[inline(always)]
pub(crate) fn convolve(conv: &CausalConv<'_>, row: usize, out: &mut [f32]) {
    let past = conv.kernel.len() / conv.width - 1;
    match conv.bias.is_empty() {
        true => out.fill(0.0),
        false => out.copy_from_slice(conv.bias),
    }
    for (tap, kernel) in conv.kernel.chunks_exact(conv.width).enumerate() {
        match conv.row_at(row + tap, past) {
            Some(inputs) => {
                for ((out, &kernel), &input) in out.iter_mut().zip(kernel).zip(inputs) {
                    *out = kernel.mul_add(input, *out);
                }
            }
            // As behind a cut, where they are there.
            None => {
                for (out, &kernel) in out.iter_mut().zip(kernel) {
                    *out = kernel.mul_add(0.0, *out);
                }
            }
        }
    }
    for out in out {
        *out = silu(*out);
    }
}

/// Tokens of one head.
#[derive(Debug, Clone, Copy)]
pub struct DeltaHead<'a> {
    /// Width of a query, a key and a value.
    pub dim: usize,
    /// (tokens, stride): each token's query, key and value begin at `places`.
    pub rows: &'a [f32],
    pub stride: usize,
    pub places: [usize; 3],
    /// Each token's: what the state is multiplied with.
    pub decay: &'a [f32],
    /// Each token's: how much of what the state lacks is written.
    pub strength: &'a [f32],
}

impl<'a> DeltaHead<'a> {
    /// Elements of the state of a head `dim` wide: tiles of whole vectors.
    pub const fn state_len(dim: usize) -> usize {
        dim.next_multiple_of(TILE) * dim
    }

    #[inline(always)]
    fn part(&self, token: usize, part: usize) -> &'a [f32] {
        &self.rows[token * self.stride + self.places[part]..][..self.dim]
    }
}

/// Takes `state`, (tiles, dim, 16), past the head's tokens; their results are `out`, (tokens, dim).
#[inline(always)]
pub(crate) fn delta<S: Simd>(s: S, head: &DeltaHead<'_>, state: &mut [f32], out: &mut [f32]) {
    let tokens = head.decay.len().min(head.strength.len());
    for (index, tile) in state.as_chunks_mut::<TILE>().0.chunks_exact_mut(head.dim).enumerate() {
        let first = index * TILE;
        let mut known = s.splat(0.0);
        for token in 0..tokens {
            let [query, key, value] = [head.part(token, 0), head.part(token, 1), head.part(token, 2)];
            if token == 0 {
                known = read(s, tile, key);
            }
            let value = match value[first..].first_chunk() {
                Some(whole) => s.load(whole),
                None => s.load(&padded(&value[first..])),
            };
            let (decay, strength) = (head.decay[token], head.strength[token]);
            // Sᵀk is read before the decay: the next token's while this one's is written.
            let lacking = s.fma(known, s.splat(-decay), value);
            let change = s.mul(lacking, s.splat(strength));
            let next = if token + 1 < tokens { head.part(token + 1, 1) } else { key };
            let (result, read) = write(s, tile, s.splat(decay), change, [key, query, next]);
            known = read;
            let out = &mut out[token * head.dim + first..(token + 1) * head.dim];
            match out.first_chunk_mut() {
                Some(whole) => s.store(result, whole),
                None => {
                    let mut lanes = [0.0; TILE];
                    s.store(result, &mut lanes);
                    out.copy_from_slice(&lanes[..out.len()]);
                }
            }
        }
    }
}

/// The last columns of a row, as those of a whole tile.
fn padded(columns: &[f32]) -> [f32; TILE] {
    let mut whole = [0.0; TILE];
    whole[..columns.len()].copy_from_slice(columns);
    whole
}

/// Sᵀk of a tile.
#[inline(always)]
fn read<S: Simd>(s: S, tile: &[[f32; TILE]], key: &[f32]) -> S::F {
    let (mut even, mut odd) = (s.splat(0.0), s.splat(0.0));
    let (pairs, last) = tile.as_chunks::<2>();
    let (keys, last_key) = key.as_chunks::<2>();
    for (rows, key) in pairs.iter().zip(keys) {
        even = s.fma(s.load(&rows[0]), s.splat(key[0]), even);
        odd = s.fma(s.load(&rows[1]), s.splat(key[1]), odd);
    }
    if let ([row], [key]) = (last, last_key) {
        even = s.fma(s.load(row), s.splat(*key), even);
    }
    s.fma(even, s.splat(1.0), odd)
}

/// S ← decay · S + key ⊗ change of a tile; Sᵀ query and Sᵀ next behind it.
#[inline(always)]
fn write<S: Simd>(
    s: S,
    tile: &mut [[f32; TILE]],
    decay: S::F,
    change: S::F,
    [key, query, next]: [&[f32]; 3],
) -> (S::F, S::F) {
    let (mut even, mut odd) = (s.splat(0.0), s.splat(0.0));
    let (mut next_even, mut next_odd) = (s.splat(0.0), s.splat(0.0));
    let (pairs, last) = tile.as_chunks_mut::<2>();
    let ((keys, last_key), (queries, last_query), (nexts, last_next)) =
        (key.as_chunks::<2>(), query.as_chunks::<2>(), next.as_chunks::<2>());
    for (((rows, key), query), next) in pairs.iter_mut().zip(keys).zip(queries).zip(nexts) {
        let x = s.fma(s.splat(key[0]), change, s.mul(s.load(&rows[0]), decay));
        let y = s.fma(s.splat(key[1]), change, s.mul(s.load(&rows[1]), decay));
        s.store(x, &mut rows[0]);
        s.store(y, &mut rows[1]);
        even = s.fma(x, s.splat(query[0]), even);
        odd = s.fma(y, s.splat(query[1]), odd);
        next_even = s.fma(x, s.splat(next[0]), next_even);
        next_odd = s.fma(y, s.splat(next[1]), next_odd);
    }
    if let ([row], [key], [query], [next]) = (last, last_key, last_query, last_next) {
        let x = s.fma(s.splat(*key), change, s.mul(s.load(row), decay));
        s.store(x, row);
        even = s.fma(x, s.splat(*query), even);
        next_even = s.fma(x, s.splat(*next), next_even);
    }
    (s.fma(even, s.splat(1.0), odd), s.fma(next_even, s.splat(1.0), next_odd))
}
