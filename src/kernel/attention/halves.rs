//! Keys and values in f16.
#![allow(clippy::needless_range_loop)] // Iterators over vectors are not always inlined.

use super::section::Section;
use super::stored::{Ahead, Scores, Stored};
use crate::kernel::kv::KV_BLOCK;
use crate::kernel::simd::Simd;

/// `(key_dim, 32)` f16, then `(32, value_stride)` f16.
pub(super) struct Halves;

impl Stored for Halves {
    type Chunk = [u16; 16];
    const SPAN: Option<usize> = None;

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
        let keys = &block.as_chunks::<16>().0.as_chunks::<2>().0[..section.layout.key_dim()];
        for half in 0..2 / V {
            let mut sums = [[s.splat(0.0); V]; Q];
            for (part, keys) in keys.chunks(16).enumerate() {
                let queries = &section.queries[part * section.query_stride + first..][..Q];
                for (d, key) in keys.iter().enumerate() {
                    if half == 0 {
                        ahead.line(s, (part * 16 + d) * 64);
                    }
                    let mut vectors = [s.splat(0.0); V];
                    for v in 0..V {
                        vectors[v] = s.load_f16(&key[half * V + v]);
                    }
                    for q in 0..Q {
                        let query = s.splat(queries[q][d % 16]);
                        for v in 0..V {
                            sums[q][v] = s.fma(vectors[v], query, sums[q][v]);
                        }
                    }
                }
            }
            for q in 0..Q {
                let (chunks, _) = scores[q][at..][..KV_BLOCK].as_chunks_mut::<16>();
                for v in 0..V {
                    s.store(sums[q][v], &mut chunks[half * V + v]);
                }
            }
        }
    }

    #[inline(always)]
    fn scale<S: Simd, const Q: usize>(
        _: S,
        _: &Section<'_>,
        _: (&[u16], &[u16]),
        _: usize,
        _: &Scores<Q>,
        _: usize,
        _: &mut Scores<Q>,
    ) {
    }

    #[inline(always)]
    fn values<'a>(section: &Section<'_>, block: &'a [u16]) -> &'a [[u16; 16]] {
        block.get(section.layout.keys_len()..).unwrap_or(&[]).as_chunks().0
    }

    #[inline(always)]
    fn load<S: Simd>(s: S, chunk: &[u16; 16]) -> S::F {
        s.load_f16(chunk)
    }
}
