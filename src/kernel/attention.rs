//! Attention of some queries to one unit of keys and values, and how units add up; knows no sequence and no
//! mask but a range.
//!
//! A unit is 128 tokens at fixed absolute positions (four KV blocks). A query's result is its units' partial
//! results, merged in ascending order, so it does not depend on how a prompt was cut or which threads
//! computed which units.

use super::generic::{fold, tree};
use super::kv::KV_BLOCK;
use super::math::{exp, exp_low, tanh};
use super::simd::Simd;
use std::ops::Range;

/// KV blocks in a unit.
pub const UNIT_BLOCKS: usize = 4;
/// Tokens in a unit.
pub const UNIT: usize = UNIT_BLOCKS * KV_BLOCK;

/// Which part of a unit each query sees: itself and what is before it, as far as its window goes.
#[derive(Debug, Clone)]
pub(crate) struct Visible {
    /// The unit's first position.
    pub(crate) start: usize,
    /// The position of the first query's token; each token has `heads` queries, one token follows the other.
    pub(crate) position: usize,
    pub(crate) heads: usize,
    /// A token sees itself and the `window - 1` tokens before it.
    pub(crate) window: usize,
}

impl Visible {
    /// What the token at `position` sees of the unit that begins at `start`; empty where it sees nothing.
    pub(crate) fn of(position: usize, window: usize, start: usize) -> Range<usize> {
        let clip = |p: usize| p.clamp(start, start + UNIT) - start;
        clip((position + 1).saturating_sub(window))..clip(position + 1)
    }

    /// What query `query` sees.
    #[inline(always)]
    fn query(&self, query: usize) -> Range<usize> {
        Self::of(self.position + query / self.heads, self.window, self.start)
    }
}

/// The keys and values of one head in one unit, and queries that see some of it.
pub(crate) struct Unit<'a> {
    /// `(key_dim, 32)` f16 per block; empty beyond the sequence's last block.
    pub(crate) keys: [&'a [u16]; UNIT_BLOCKS],
    /// `(32, value_stride)` f16 per block.
    pub(crate) values: [&'a [u16]; UNIT_BLOCKS],
    /// What of the unit the queries see; nobody sees nothing.
    pub(crate) visible: Visible,
    /// How many queries there are.
    pub(crate) count: usize,
    /// `(key_dim / 16 rounded up, query_stride, 16)`, already scaled: a tile's elements lie at distances that
    /// the compiler knows.
    pub(crate) queries: &'a [[f32; 16]],
    pub(crate) query_stride: usize,
    pub(crate) key_dim: usize,
    /// A multiple of 16.
    pub(crate) value_stride: usize,
    /// Scores become `cap * tanh(score / cap)`.
    pub(crate) soft_cap: Option<f32>,
}

/// Extra elements of a partial result behind its `value_stride` sums: the maximum score, the sum of weights.
pub(crate) const PARTIAL_TAIL: usize = 2;

/// Writes one partial result per query: `(queries, value_stride + 2)`.
#[inline(always)]
pub(crate) fn attend<S: Simd>(s: S, unit: &Unit<'_>, out: &mut [f32]) {
    let stride = unit.value_stride + PARTIAL_TAIL;
    let mut first = 0;
    while first < unit.count {
        let out = &mut out[first * stride..];
        first += match (S::WIDE, unit.count - first) {
            // Two of 8 are better than one of 12 and one of 4.
            (true, 12..16 | 17..) => tile::<S, 12>(s, unit, first, out),
            (true, 8..) => tile::<S, 8>(s, unit, first, out),
            (true, 4..) => tile::<S, 4>(s, unit, first, out),
            (true, 3) => tile::<S, 3>(s, unit, first, out),
            (_, 2..) => tile::<S, 2>(s, unit, first, out),
            _ => tile::<S, 1>(s, unit, first, out),
        };
    }
}

/// What the queries of a tile see: each its own range, all of them the common part.
struct Ranges<const Q: usize> {
    each: [Range<usize>; Q],
    all: Range<usize>,
    common: Range<usize>,
}

impl<const Q: usize> Ranges<Q> {
    #[inline(always)]
    fn new(visible: &Visible, first: usize) -> Self {
        let each: [Range<usize>; Q] = std::array::from_fn(|q| visible.query(first + q));
        let (mut all, mut common) = (each[0].clone(), each[0].clone());
        for range in &each {
            all = all.start.min(range.start)..all.end.max(range.end);
            common = common.start.max(range.start)..common.end.min(range.end);
        }
        common.end = common.end.max(common.start);
        Self { each, all, common }
    }
}

/// The `Q` queries of the unit from `first` on; returns `Q`.
#[inline(always)]
fn tile<S: Simd, const Q: usize>(s: S, unit: &Unit<'_>, first: usize, out: &mut [f32]) -> usize {
    let ranges = Ranges::<Q>::new(&unit.visible, first);
    let mut scores = [[0.0; UNIT]; Q];
    score::<S, Q>(s, unit, &ranges.all, first, &mut scores);
    let stride = unit.value_stride + PARTIAL_TAIL;
    for (q, scores) in scores.iter_mut().enumerate() {
        let (max, sum) = weigh(unit.soft_cap, &ranges.each[q], scores);
        out[q * stride + unit.value_stride] = max;
        out[q * stride + unit.value_stride + 1] = sum;
    }
    let mut d = 0;
    while d + 64 <= unit.value_stride && S::WIDE && Q <= 4 {
        mix::<S, Q, 4>(s, unit, &ranges, &scores, d, out);
        d += 64;
    }
    while d + 32 <= unit.value_stride {
        mix::<S, Q, 2>(s, unit, &ranges, &scores, d, out);
        d += 32;
    }
    if d < unit.value_stride {
        mix::<S, Q, 1>(s, unit, &ranges, &scores, d, out);
    }
    Q
}

/// Query times key for the blocks that have some of `visible`, elements in ascending order, one lane per key.
#[inline(always)]
fn score<S: Simd, const Q: usize>(
    s: S,
    unit: &Unit<'_>,
    visible: &Range<usize>,
    first: usize,
    scores: &mut [[f32; UNIT]; Q],
) {
    let blocks = visible.start / KV_BLOCK..visible.end.div_ceil(KV_BLOCK);
    for b in blocks {
        let keys = &unit.keys[b].as_chunks::<16>().0.as_chunks::<2>().0[..unit.key_dim];
        let mut sums = [[s.splat(0.0); 2]; Q];
        for (part, keys) in keys.chunks(16).enumerate() {
            let queries = &unit.queries[part * unit.query_stride + first..][..Q];
            for (d, [low, high]) in keys.iter().enumerate() {
                let (low, high) = (s.load_f16(low), s.load_f16(high));
                for (sums, query) in sums.iter_mut().zip(queries) {
                    let query = s.splat(query[d % 16]);
                    *sums = [s.fma(low, query, sums[0]), s.fma(high, query, sums[1])];
                }
            }
        }
        for (scores, sums) in scores.iter_mut().zip(sums) {
            let (chunks, _) = scores[b * KV_BLOCK..(b + 1) * KV_BLOCK].as_chunks_mut::<16>();
            for (chunk, sum) in chunks.iter_mut().zip(sums) {
                s.store(sum, chunk);
            }
        }
    }
}

/// Scores to weights `exp(score - max)`; returns the maximum and the sum of weights. What is not visible
/// counts as weight 0.
#[inline(always)]
fn weigh(soft_cap: Option<f32>, visible: &Range<usize>, scores: &mut [f32; UNIT]) -> (f32, f32) {
    // A weight is added in lane (token mod 16), and those of whole chunks beside the visible part are zeros.
    let chunks = visible.start / 16..visible.end.div_ceil(16);
    scores[chunks.start * 16..visible.start].fill(f32::NEG_INFINITY);
    scores[visible.end..chunks.end * 16].fill(f32::NEG_INFINITY);
    if let Some(cap) = soft_cap {
        for score in scores[visible.clone()].iter_mut() {
            // An infinite score becomes NaN, not the cap: broken weights must not look sound.
            *score = cap * tanh(*score / cap) + *score * 0.0;
        }
    }
    let chunks = &mut scores.as_chunks_mut::<16>().0[chunks];
    let mut lanes = [f32::NEG_INFINITY; 16];
    for chunk in chunks.iter() {
        for lane in 0..16 {
            lanes[lane] = if chunk[lane] > lanes[lane] { chunk[lane] } else { lanes[lane] };
        }
    }
    let max = fold(lanes, |a, b| if b > a { b } else { a });
    let mut sums = [0.0; 16];
    for chunk in chunks {
        for lane in 0..16 {
            chunk[lane] = exp_low(chunk[lane] - max);
            sums[lane] += chunk[lane];
        }
    }
    (max, tree(sums))
}

/// The weighted sum of `16 * N` elements of the values from `d` on, keys in ascending order.
#[inline(always)]
fn mix<S: Simd, const Q: usize, const N: usize>(
    s: S,
    unit: &Unit<'_>,
    ranges: &Ranges<Q>,
    weights: &[[f32; UNIT]; Q],
    d: usize,
    out: &mut [f32],
) {
    let Ranges { each, all, common } = ranges;
    let mut sums = [[s.splat(0.0); N]; Q];
    for (keys, everybody) in
        [(all.start..common.start, false), (common.start..common.end, true), (common.end..all.end, false)]
    {
        for j in keys {
            let row = &unit.values[j / KV_BLOCK][j % KV_BLOCK * unit.value_stride + d..][..16 * N];
            let mut values = [s.splat(0.0); N];
            for (value, chunk) in values.iter_mut().zip(row.as_chunks::<16>().0) {
                *value = s.load_f16(chunk);
            }
            for ((sums, weights), range) in sums.iter_mut().zip(weights).zip(each) {
                if everybody || range.contains(&j) {
                    let weight = s.splat(weights[j % UNIT]);
                    for (sum, value) in sums.iter_mut().zip(values) {
                        *sum = s.fma(weight, value, *sum);
                    }
                }
            }
        }
    }
    let stride = unit.value_stride + PARTIAL_TAIL;
    for (q, sums) in sums.into_iter().enumerate() {
        let (chunks, _) = out[q * stride + d..][..16 * N].as_chunks_mut::<16>();
        for (chunk, sum) in chunks.iter_mut().zip(sums) {
            s.store(sum, chunk);
        }
    }
}

/// Adds the partial result of a later unit to `total`; both are `value_stride + 2` long.
#[inline(always)]
pub(crate) fn merge(total: &mut [f32], part: &[f32]) {
    let Some(tail) = total.len().checked_sub(PARTIAL_TAIL) else { return };
    let (max, sum, part_max, part_sum) = (total[tail], total[tail + 1], part[tail], part[tail + 1]);
    let new_max = if part_max > max { part_max } else { max };
    let (keep, gain) = (exp(max - new_max), exp(part_max - new_max));
    for (total, &part) in total[..tail].iter_mut().zip(part) {
        *total = part.mul_add(gain, *total * keep);
    }
    total[tail] = new_max;
    total[tail + 1] = part_sum.mul_add(gain, sum * keep);
}

/// The attention's output: sums over the sum of weights.
#[inline(always)]
pub(crate) fn finish(total: &[f32], value_stride: usize, out: &mut [f32]) {
    let sum = total[value_stride + 1];
    for (out, &value) in out.iter_mut().zip(&total[..value_stride]) {
        *out = value / sum;
    }
}
