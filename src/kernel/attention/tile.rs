//! Some queries over one section: scores, weights, weighted sums of values. Knows not how keys and values are
//! stored.
#![allow(clippy::needless_range_loop)] // Iterators over vectors are not always inlined.

use super::bytes::Bytes;
use super::halves::Halves;
use super::merge::joined;
use super::section::{SECTION_UNITS, Section, UNIT, UNIT_BLOCKS};
use super::stored::{Ahead, MOST_WITH_TWO, Scores, Stored};
use crate::kernel::generic::{fold, tree};
use crate::kernel::kv::{KV_BLOCK, KvType};
use crate::kernel::math::{exp2, tanh};
use crate::kernel::simd::{Simd, Task};
use std::marker::PhantomData;
use std::ops::Range;

/// Queries of a tile in whole vectors.
const LANES: usize = 32;
/// Queries of a tile at most.
const MOST: usize = 24;

/// Writes the partial result of each query that sees some of the section: `(queries, value_stride + 2)`.
#[inline(always)]
pub(crate) fn attend<S: Simd>(s: S, section: &Section<'_>, out: &mut [f32]) {
    match section.layout.kv_type() {
        KvType::F16 => attend_to::<S, Halves>(s, section, out),
        KvType::Q8_0 => attend_to::<S, Bytes>(s, section, out),
    }
}

#[inline(always)]
fn attend_to<S: Simd, K: Stored>(s: S, section: &Section<'_>, out: &mut [f32]) {
    let mut scores = [[0.0; UNIT]; MOST];
    for unit in 0..SECTION_UNITS {
        let queries = section.visible.seeing(section.count, section.start + unit * UNIT, UNIT);
        let mut first = queries.start;
        while first < queries.end {
            let tile = Tile { section, unit, first, leads: first == queries.start };
            first += match (S::WIDE, queries.end - first) {
                (true, 24..) => tile.run::<S, K, 24>(s, &mut scores, out),
                // Two of 8 are better than one of 12 and one of 4.
                (true, 12..16 | 17..) => tile.run::<S, K, 12>(s, &mut scores, out),
                (true, 8..) => tile.run::<S, K, 8>(s, &mut scores, out),
                (true, 4..) => tile.run::<S, K, 4>(s, &mut scores, out),
                (true, 3) => tile.run::<S, K, 3>(s, &mut scores, out),
                (_, 2..) => tile.run::<S, K, 2>(s, &mut scores, out),
                _ => tile.run::<S, K, 1>(s, &mut scores, out),
            };
        }
    }
}

/// Some queries over one unit.
#[derive(Clone, Copy)]
struct Tile<'a> {
    section: &'a Section<'a>,
    unit: usize,
    /// The first query.
    first: usize,
    /// It is the unit's first tile: it asks for the next unit's memory.
    leads: bool,
}

/// What the queries of a tile see of a unit: each its own range, all of them the common part.
struct Ranges<const Q: usize> {
    each: [Range<usize>; Q],
    all: Range<usize>,
    common: Range<usize>,
}

/// How a tile's results join those of earlier units.
struct Joint<const Q: usize> {
    /// There are none: the results stay as they are.
    fresh: [bool; Q],
    /// What the earlier and the new sums are multiplied with.
    keep: [f32; LANES],
    gain: [f32; LANES],
}

impl Tile<'_> {
    /// The unit's `Q` queries from `first` on; returns `Q`.
    #[inline(always)]
    fn run<S: Simd, K: Stored, const Q: usize>(
        self,
        s: S,
        scores: &mut Scores<MOST>,
        out: &mut [f32],
    ) -> usize {
        let Some(scores) = scores.first_chunk_mut::<Q>() else { return Q };
        let (stride, width) = (self.section.stride(), self.section.layout.value_stride());
        let Some(out) = out.get_mut(self.first * stride..(self.first + Q) * stride) else { return Q };
        let ranges = &self.ranges::<Q>();
        s.launch(Score::<K, Q> { tile: self, ranges, scores, stored: PhantomData });
        let mut joint = Joint { fresh: [false; Q], keep: [0.0; LANES], gain: [0.0; LANES] };
        s.launch(Weigh { tile: self, ranges, scores, joint: &mut joint, out });
        let joint = &joint;
        let Some(span) = K::SPAN else {
            self.mix_span::<S, K, Q>(s, ranges, scores, (joint, 0..width), out);
            return Q;
        };
        let mut scaled = [[0.0; UNIT]; Q];
        for d in (0..width).step_by(span) {
            let to = &mut scaled;
            s.launch(Scale::<K, Q> {
                tile: self,
                ranges,
                weights: scores,
                scaled: to,
                d,
                stored: PhantomData,
            });
            self.mix_span::<S, K, Q>(s, ranges, &scaled, (joint, d..width.min(d + span)), out);
        }
        Q
    }

    /// The sums of the elements `span`.
    #[inline(always)]
    fn mix_span<S: Simd, K: Stored, const Q: usize>(
        self,
        s: S,
        ranges: &Ranges<Q>,
        weights: &Scores<Q>,
        (joint, span): (&Joint<Q>, Range<usize>),
        out: &mut [f32],
    ) {
        let mut d = span.start;
        while d + 64 <= span.end && S::WIDE && Q <= 4 {
            self.mix::<S, K, Q, 4>(s, ranges, weights, (joint, d), out);
            d += 64;
        }
        while d + 32 <= span.end && Q <= MOST_WITH_TWO {
            self.mix::<S, K, Q, 2>(s, ranges, weights, (joint, d), out);
            d += 32;
        }
        while d < span.end {
            self.mix::<S, K, Q, 1>(s, ranges, weights, (joint, d), out);
            d += 16;
        }
    }

    /// The sums of `16 * N` elements from `d` on.
    #[inline(always)]
    fn mix<S: Simd, K: Stored, const Q: usize, const N: usize>(
        self,
        s: S,
        ranges: &Ranges<Q>,
        weights: &Scores<Q>,
        (joint, d): (&Joint<Q>, usize),
        out: &mut [f32],
    ) {
        s.launch(Mix::<K, Q, N> { tile: self, ranges, weights, joint, d, out, stored: PhantomData });
    }

    #[inline(always)]
    fn ranges<const Q: usize>(&self) -> Ranges<Q> {
        let start = self.section.start + self.unit * UNIT;
        let each: [Range<usize>; Q] = std::array::from_fn(|q| {
            let seen = self.section.visible.query(self.first + q);
            seen.start.clamp(start, start + UNIT) - start..seen.end.clamp(start, start + UNIT) - start
        });
        let (mut all, mut common) = (each[0].clone(), each[0].clone());
        for range in &each {
            all = all.start.min(range.start)..all.end.max(range.end);
            common = common.start.max(range.start)..common.end.min(range.end);
        }
        common.end = common.end.max(common.start);
        Ranges { each, all, common }
    }

    /// Block `b` of the unit, and the one of the next unit that is asked for meanwhile.
    #[inline(always)]
    fn block(&self, b: usize) -> (&[u16], &[u16]) {
        let block = self.section.blocks[self.unit * UNIT_BLOCKS + b];
        let next = self.section.blocks[(self.unit + 1) * UNIT_BLOCKS + b];
        // What is there already costs next to nothing to ask for.
        (block, if self.leads && !next.is_empty() { next } else { block })
    }
}

/// Scores of a tile.
struct Score<'a, K, const Q: usize> {
    tile: Tile<'a>,
    ranges: &'a Ranges<Q>,
    scores: &'a mut Scores<Q>,
    stored: PhantomData<K>,
}

impl<S: Simd, K: Stored, const Q: usize> Task<S> for Score<'_, K, Q> {
    #[inline(always)]
    fn run(self, s: S) {
        let Self { tile, ranges, scores, .. } = self;
        for b in ranges.all.start / KV_BLOCK..ranges.all.end.div_ceil(KV_BLOCK) {
            let (block, ahead) = tile.block(b);
            let ahead = Ahead::new(ahead);
            K::score::<S, Q>(s, tile.section, block, tile.first, scores, b * KV_BLOCK, ahead);
        }
    }
}

/// A tile's scores to weights; maxima and sums of weights to `out`, joined with those of earlier units.
struct Weigh<'a, const Q: usize> {
    tile: Tile<'a>,
    ranges: &'a Ranges<Q>,
    scores: &'a mut Scores<Q>,
    joint: &'a mut Joint<Q>,
    out: &'a mut [f32],
}

impl<S: Simd, const Q: usize> Task<S> for Weigh<'_, Q> {
    #[inline(always)]
    fn run(self, _: S) {
        let Self { tile, ranges, scores, joint, out } = self;
        let (stride, tail) = (tile.section.stride(), tile.section.layout.value_stride());
        let start = tile.section.start + tile.unit * UNIT;
        let (mut totals, mut parts) = ([[0.0; 2]; LANES], [[0.0; 2]; LANES]);
        for q in 0..Q {
            parts[q] = weigh(tile.section.soft_cap, &ranges.each[q], &mut scores[q]);
            // Whoever sees something before this unit in this section has a result already.
            joint.fresh[q] = tile.unit == 0 || tile.section.visible.query(tile.first + q).start >= start;
            if !joint.fresh[q] {
                totals[q] = [out[q * stride + tail], out[q * stride + tail + 1]];
            }
        }
        let (mut maxima, mut sums) = ([0.0; LANES], [0.0; LANES]);
        for q in 0..Q.next_multiple_of(16) {
            (maxima[q], sums[q], joint.keep[q], joint.gain[q]) = joined(totals[q], parts[q]);
        }
        for q in 0..Q {
            let [max, sum] = if joint.fresh[q] { parts[q] } else { [maxima[q], sums[q]] };
            (out[q * stride + tail], out[q * stride + tail + 1]) = (max, sum);
        }
    }
}

/// A tile's weights to what the elements from `d` on, a span, are multiplied with.
struct Scale<'a, K, const Q: usize> {
    tile: Tile<'a>,
    ranges: &'a Ranges<Q>,
    weights: &'a Scores<Q>,
    scaled: &'a mut Scores<Q>,
    d: usize,
    stored: PhantomData<K>,
}

impl<S: Simd, K: Stored, const Q: usize> Task<S> for Scale<'_, K, Q> {
    #[inline(always)]
    fn run(self, s: S) {
        let Self { tile, ranges, weights, scaled, d, .. } = self;
        for b in ranges.all.start / KV_BLOCK..ranges.all.end.div_ceil(KV_BLOCK) {
            K::scale::<S, Q>(s, tile.section, tile.block(b), d, weights, b * KV_BLOCK, scaled);
        }
    }
}

/// The weighted sums of `16 * N` elements of the values from `d` on, keys in ascending order, joined with
/// those of earlier units.
struct Mix<'a, K, const Q: usize, const N: usize> {
    tile: Tile<'a>,
    ranges: &'a Ranges<Q>,
    weights: &'a Scores<Q>,
    joint: &'a Joint<Q>,
    d: usize,
    out: &'a mut [f32],
    stored: PhantomData<K>,
}

impl<S: Simd, K: Stored, const Q: usize, const N: usize> Task<S> for Mix<'_, K, Q, N> {
    #[inline(always)]
    fn run(self, s: S) {
        let Ranges { all, common, .. } = self.ranges;
        let mut sums = [[s.splat(0.0); N]; Q];
        self.add::<S, false>(s, all.start..common.start, &mut sums);
        self.add::<S, true>(s, common.clone(), &mut sums);
        self.add::<S, false>(s, common.end..all.end, &mut sums);
        let (stride, joint) = (self.tile.section.stride(), self.joint);
        for q in 0..Q {
            let (to, _) = self.out[q * stride + self.d..][..16 * N].as_chunks_mut::<16>();
            for n in 0..N {
                let mut sum = sums[q][n];
                if !joint.fresh[q] {
                    let total = s.mul(s.load(&to[n]), s.splat(joint.keep[q]));
                    sum = s.fma(sum, s.splat(joint.gain[q]), total);
                }
                s.store(sum, &mut to[n]);
            }
        }
    }
}

impl<K: Stored, const Q: usize, const N: usize> Mix<'_, K, Q, N> {
    /// Adds the values of `keys`, which all queries see or each as its range says.
    #[inline(always)]
    fn add<S: Simd, const ALL: bool>(&self, s: S, keys: Range<usize>, sums: &mut [[S::F; N]; Q]) {
        let Self { tile, ranges, weights, .. } = self;
        let row = tile.section.layout.value_stride() / 16;
        if keys.is_empty() {
            return;
        }
        // In registers.
        let mut own = [[s.splat(0.0); N]; Q];
        for q in 0..Q {
            for n in 0..N {
                own[q][n] = sums[q][n];
            }
        }
        for b in keys.start / KV_BLOCK..keys.end.div_ceil(KV_BLOCK) {
            let (block, ahead) = tile.block(b);
            let (values, ahead) = (K::values(tile.section, block), K::values(tile.section, ahead));
            let ahead = Ahead::new(ahead);
            for j in keys.start.max(b * KV_BLOCK)..keys.end.min((b + 1) * KV_BLOCK) {
                let at = (j - b * KV_BLOCK) * row + self.d / 16;
                let Some(chunks) = values.get(at..).and_then(|rest| rest.first_chunk::<N>()) else { break };
                for n in 0..(N * size_of::<K::Chunk>()).div_ceil(64) {
                    ahead.line(s, at * size_of::<K::Chunk>() + 64 * n);
                }
                let mut values = [s.splat(0.0); N];
                for n in 0..N {
                    values[n] = K::load(s, &chunks[n]);
                }
                for q in 0..Q {
                    if ALL || ranges.each[q].contains(&j) {
                        let weight = s.splat(weights[q][j % UNIT]);
                        for n in 0..N {
                            own[q][n] = s.fma(weight, values[n], own[q][n]);
                        }
                    }
                }
            }
        }
        for q in 0..Q {
            for n in 0..N {
                sums[q][n] = own[q][n];
            }
        }
    }
}

/// Scores to weights `2^(score - max)`; returns the maximum and the sum of weights. What is not visible
/// counts as weight 0.
#[inline(always)]
fn weigh(soft_cap: Option<f32>, visible: &Range<usize>, scores: &mut [f32; UNIT]) -> [f32; 2] {
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
            chunk[lane] = exp2(chunk[lane] - max);
            sums[lane] += chunk[lane];
        }
    }
    [max, tree(sums)]
}
