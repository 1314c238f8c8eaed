//! What attention asks of a type of keys and values; knows no type.

use super::section::{Section, UNIT};
use crate::kernel::simd::Simd;

/// Queries that have two vectors of sums each in the registers, at most; more have one.
pub(super) const MOST_WITH_TWO: usize = 12;

/// Scores or weights of a tile's queries, keys in ascending order.
pub(super) type Scores<const Q: usize> = [[f32; UNIT]; Q];

/// Memory that is asked for while other memory is computed with: as many lines as are read meanwhile.
#[derive(Clone, Copy)]
pub(super) struct Ahead(*const u8);

impl Ahead {
    /// What begins like `part`.
    #[inline(always)]
    pub(super) fn new<T>(part: &[T]) -> Self {
        Self(part.as_ptr().cast())
    }

    /// Asks for the line `bytes` behind the beginning.
    #[inline(always)]
    pub(super) fn line<S: Simd>(self, s: S, bytes: usize) {
        s.prefetch(self.0.wrapping_add(bytes));
    }
}

/// Keys and values as a type of block has them. Vectors must not go through closures or iterators over arrays
/// of vectors.
pub(super) trait Stored {
    /// Sixteen elements of a value.
    type Chunk: Copy;
    /// Elements of a value that share a scale, which weights are multiplied with; `None`: they have none.
    const SPAN: Option<usize>;

    /// Scores of the `Q` queries from `first` on and the 32 keys of a block to `at` and on: elements in
    /// ascending order, one lane per key. Meanwhile asks for the keys of the block `ahead`.
    #[inline(always)]
    fn score<S: Simd, const Q: usize>(
        s: S,
        section: &Section<'_>,
        block: &[u16],
        first: usize,
        scores: &mut Scores<Q>,
        at: usize,
        ahead: Ahead,
    ) {
        if Q > MOST_WITH_TWO {
            Self::score_by::<S, Q, 1>(s, section, block, first, scores, at, ahead);
        } else {
            Self::score_by::<S, Q, 2>(s, section, block, first, scores, at, ahead);
        }
    }

    /// As [`Stored::score`], `V` vectors of keys at a time.
    fn score_by<S: Simd, const Q: usize, const V: usize>(
        s: S,
        section: &Section<'_>,
        block: &[u16],
        first: usize,
        scores: &mut Scores<Q>,
        at: usize,
        ahead: Ahead,
    );

    /// Weights of a block's keys, at `at` and on, times the scales of the span of elements from `d` on. Reads
    /// of the first block, and asks meanwhile for the same of the second. Only where there is a
    /// [`Stored::SPAN`].
    fn scale<S: Simd, const Q: usize>(
        s: S,
        section: &Section<'_>,
        blocks: (&[u16], &[u16]),
        d: usize,
        weights: &Scores<Q>,
        at: usize,
        scaled: &mut Scores<Q>,
    );

    /// A head's values in its part of a block: `(32, value_stride / 16)`.
    fn values<'a>(section: &Section<'_>, block: &'a [u16]) -> &'a [Self::Chunk];

    /// Sixteen elements as f32.
    fn load<S: Simd>(s: S, chunk: &Self::Chunk) -> S::F;
}
