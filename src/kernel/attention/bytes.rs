//! Keys and values in q8_0.
#![allow(clippy::needless_range_loop)] // Iterators over vectors are not always inlined.

use super::section::Section;
use super::stored::{Ahead, Scores, Stored};
use crate::kernel::kv::{KV_BLOCK, SCALED};
use crate::kernel::simd::Simd;
use bytemuck::cast_slice;

/// `(key_dim / 2, 32, 2)` bytes and their f16 scales as `(key_dim / 32, 32)`, then `(32, value_stride)` bytes
/// and their scales as `(value_dim / 32, 32)`.
///
/// Queries are rounded to 16 bits in blocks of 32 too, so that a block's sum is one of integers, which is
/// exact, and is scaled once; of values, weights are scaled.
pub(super) struct Bytes;

impl Bytes {
    /// Rows of scales behind `bytes` bytes of elements: one lane per token.
    #[inline(always)]
    fn scales(part: &[u16], bytes: usize) -> &[[[u16; 16]; 2]] {
        part.get(bytes / 2..).unwrap_or(&[]).as_chunks::<16>().0.as_chunks::<2>().0
    }
}

impl Stored for Bytes {
    type Chunk = [i8; 16];
    const SPAN: Option<usize> = Some(SCALED);

    #[inline(always)]
    fn score_by<S: Simd, const Q: usize, const V: usize>(
        s: S,
        section: &Section<'_>,
        block: &[u16],
        first: usize,
        scores: &mut Scores<Q>,
        at: usize,
        ahead: Ahead,
    ) {
        let stride = section.layout.key_stride();
        let keys = &cast_slice::<_, i8>(block).as_chunks::<32>().0.as_chunks::<2>().0[..stride / 2];
        let scales = Self::scales(block, stride * KV_BLOCK);
        for half in 0..2 / V {
            for (b, (keys, scales)) in keys.chunks(SCALED / 2).zip(scales).enumerate() {
                let queries = &section.queries[2 * b * section.query_stride + first..];
                let (factors, queries) = (&queries[section.query_stride..][..Q], &queries[..Q]);
                let mut sums = [[s.zeros(); V]; Q];
                if half == 0 {
                    ahead.line(s, stride * KV_BLOCK + b * size_of_val(scales));
                }
                for (pair, key) in keys.iter().enumerate() {
                    if half == 0 {
                        ahead.line(s, (b * SCALED / 2 + pair) * size_of_val(key));
                    }
                    let mut pairs = [s.load_pairs(&key[half * V]); V];
                    for v in 1..V {
                        pairs[v] = s.load_pairs(&key[half * V + v]);
                    }
                    for q in 0..Q {
                        for v in 0..V {
                            sums[q][v] = s.add_pairs(sums[q][v], pairs[v], queries[q][pair].to_bits());
                        }
                    }
                }
                let mut by = [s.splat(0.0); V];
                for v in 0..V {
                    by[v] = s.load_f16(&scales[half * V + v]);
                }
                for q in 0..Q {
                    let (chunks, _) = scores[q][at..][..KV_BLOCK].as_chunks_mut::<16>();
                    for v in 0..V {
                        let chunk = &mut chunks[half * V + v];
                        let (sum, by) = (s.as_floats(sums[q][v]), s.mul(by[v], s.splat(factors[q][0])));
                        // The first block's sum is the score so far.
                        let score = match b {
                            0 => s.mul(sum, by),
                            _ => s.fma(sum, by, s.load(chunk)),
                        };
                        s.store(score, chunk);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn scale<S: Simd, const Q: usize>(
        s: S,
        section: &Section<'_>,
        (block, ahead): (&[u16], &[u16]),
        d: usize,
        weights: &Scores<Q>,
        at: usize,
        scaled: &mut Scores<Q>,
    ) {
        let part = |block| {
            let values = <[u16]>::get(block, section.layout.keys_len()..).unwrap_or(&[]);
            Self::scales(values, KV_BLOCK * section.layout.value_stride())
        };
        let Some(scales) = part(block).get(d / SCALED) else { return };
        Ahead::new(part(ahead)).line(s, d / SCALED * size_of_val(scales));
        for half in 0..2 {
            let scale = s.load_f16(&scales[half]);
            for q in 0..Q {
                let weights = &weights[q][at..][..KV_BLOCK].as_chunks::<16>().0[half];
                let scaled = &mut scaled[q][at..][..KV_BLOCK].as_chunks_mut::<16>().0[half];
                s.store(s.mul(s.load(weights), scale), scaled);
            }
        }
    }

    #[inline(always)]
    fn values<'a>(section: &Section<'_>, block: &'a [u16]) -> &'a [[i8; 16]] {
        let values = block.get(section.layout.keys_len()..).unwrap_or(&[]);
        cast_slice(values).as_chunks().0
    }

    #[inline(always)]
    fn load<S: Simd>(s: S, chunk: &[i8; 16]) -> S::F {
        s.load_i8(chunk)
    }
}
