//! The nearest of many vectors, by looking at all of them; knows nothing of where they come from.

use crate::error::{Error, ErrorKind, Result};
use crate::kernel::{Activations, Form, Forms, Kernels, Type, Weights};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Vectors whose products are computed before any of them is compared: they stay in the nearest cache.
const ROWS: usize = 64;

/// One of the vectors, and its dot product with the query.
#[derive(Debug, Clone, Copy)]
pub struct Neighbour {
    /// Which of the vectors.
    pub index: u32,
    /// Its dot product with the query.
    pub score: f32,
}

impl Neighbour {
    /// Less is nearer: the higher score, of equal ones the lower index; NaN comes last.
    fn compare(&self, other: &Self) -> Ordering {
        let by_score = match (self.score.is_nan(), other.score.is_nan()) {
            (false, false) => other.score.partial_cmp(&self.score).unwrap_or(Ordering::Equal),
            (one, another) => one.cmp(&another),
        };
        by_score.then(self.index.cmp(&other.index))
    }
}

impl PartialEq for Neighbour {
    fn eq(&self, other: &Self) -> bool {
        self.compare(other) == Ordering::Equal
    }
}

impl Eq for Neighbour {}

impl PartialOrd for Neighbour {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Neighbour {
    fn cmp(&self, other: &Self) -> Ordering {
        self.compare(other)
    }
}

/// The `k` of `vectors` `(count, dim)` that have the largest dot product with `query` `(dim)`, nearest first:
/// of vectors of length 1 the cosine similarity. Equal ones by their index, NaN last. Exact: every vector is
/// looked at, once; scores are the same bits on every machine (docs/kernels.md: products of F32). O(count *
/// dim + count * log k), and memory for `k`.
///
/// # Errors
/// `InvalidArgument` for an empty query, vectors that are not whole rows, or more than 2^32 - 1 of them;
/// `OutOfMemory`.
pub fn nearest(query: &[f32], vectors: &[f32], k: usize) -> Result<Vec<Neighbour>> {
    nearest_with(Kernels::best(), query, vectors, k)
}

fn nearest_with(kernels: &Kernels, query: &[f32], vectors: &[f32], k: usize) -> Result<Vec<Neighbour>> {
    let bad = |message: String| Err(Error::new(ErrorKind::InvalidArgument, message));
    let dim = query.len();
    if dim == 0 {
        return bad("dim is 0; give the length of a vector".to_owned());
    }
    if !vectors.len().is_multiple_of(dim) {
        return bad(format!("{} floats are no whole vectors of {dim}", vectors.len()));
    }
    let count = vectors.len() / dim;
    if u32::try_from(count).is_err() {
        return bad(format!("count is {count}; at most {} vectors are looked at together", u32::MAX));
    }
    let k = k.min(count);
    if k == 0 {
        return Ok(Vec::new());
    }
    let mut one = Activations::default();
    one.prepare(1, dim, Forms::NONE.with(Form::F32))?;
    one.f32.copy_from_slice(query);
    let all = Weights::new(Type::F32, count, dim, bytemuck::cast_slice(vectors))?;
    // The farthest of the nearest is on top.
    let mut found = BinaryHeap::new();
    found.try_reserve_exact(k)?;
    let mut scores = [0.0; ROWS];
    for first in (0..count).step_by(ROWS) {
        let rows = first..count.min(first + ROWS);
        kernels.product(&all, rows.clone(), &one, 0..1, &mut scores, ROWS);
        for (index, &score) in rows.zip(&scores) {
            let this = Neighbour { index: index as u32, score };
            if found.len() < k {
                found.push(this);
            } else if let Some(mut farthest) = found.peek_mut().filter(|farthest| this < **farthest) {
                *farthest = this;
            }
        }
    }
    Ok(found.into_sorted_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn indices(query: &[f32], vectors: &[f32], k: usize) -> Vec<u32> {
        nearest(query, vectors, k).unwrap().iter().map(|found| found.index).collect()
    }

    #[test]
    fn the_largest_dot_products_come_first_and_equal_ones_by_their_index() {
        let vectors = [1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, -1.0, 0.0];
        assert_eq!(indices(&[1.0, 0.5], &vectors, 9), [2, 0, 3, 1, 4]);
        assert_eq!(indices(&[1.0, 0.5], &vectors, 2), [2, 0]);
        assert_eq!(indices(&[1.0, 0.5], &vectors, 0), [0u32; 0]);
        assert_eq!(indices(&[1.0], &[], 3), [0u32; 0]);
    }

    #[test]
    fn nan_comes_after_minus_infinity() {
        let vectors = [f32::NAN, f32::NEG_INFINITY, 0.0, f32::NAN, f32::INFINITY];
        assert_eq!(indices(&[1.0], &vectors, 5), [4, 2, 1, 0, 3]);
        assert_eq!(indices(&[1.0], &vectors, 3), [4, 2, 1]);
    }

    #[test]
    fn what_is_no_list_of_vectors_is_refused() {
        assert!(nearest(&[], &[], 1).unwrap_err().message().contains("dim"));
        assert!(nearest(&[0.0; 3], &[0.0; 4], 1).unwrap_err().message().contains("4 floats"));
    }

    #[test]
    fn the_scores_are_the_same_bits_whatever_computes() {
        // Values of many sizes, so that another order of the sum is another sum.
        let value = |at: usize| {
            let bits = (at as u32).wrapping_mul(2_654_435_761).rotate_left(9);
            (bits as f32 / 2f32.powi(31) - 1.0) * 2f32.powi((bits % 23) as i32 - 11)
        };
        for (dim, count) in [(1, 130), (3, 64), (16, 65), (37, 200), (384, 70)] {
            let query: Vec<f32> = (0..dim).map(value).collect();
            let vectors: Vec<f32> = (0..dim * count).map(|at| value(at + 7)).collect();
            let found = |kernels: &Kernels| -> Vec<(u32, u32)> {
                let found = nearest_with(kernels, &query, &vectors, count).unwrap();
                found.iter().map(|one| (one.index, one.score.to_bits())).collect()
            };
            let truth = found(Kernels::scalar());
            for kernels in Kernels::available() {
                assert!(found(kernels) == truth, "{:?}, {dim} x {count}", kernels.set());
            }
            for (index, score) in truth {
                let row = &vectors[index as usize * dim..][..dim];
                let products = || row.iter().zip(&query).map(|(a, b)| f64::from(*a) * f64::from(*b));
                let (sum, most) = (products().sum::<f64>(), products().map(f64::abs).sum::<f64>());
                assert!((f64::from(f32::from_bits(score)) - sum).abs() <= most * 1e-6, "{index}");
            }
        }
    }

    proptest! {
        #[test]
        fn it_is_a_sort_of_all_scores(dim in 1usize..70, count in 0usize..60, k in 0usize..70, seed in any::<u32>()) {
            // Small integers: sums are exact in any order, and many are equal.
            let value = |at: usize| (((at as u32).wrapping_mul(2_654_435_761) ^ seed) >> 7) % 5;
            let query: Vec<f32> = (0..dim).map(|at| value(at) as f32 - 2.0).collect();
            let vectors: Vec<f32> = (0..dim * count).map(|at| value(at + 1000) as f32 - 2.0).collect();
            let score = |row: &[f32]| row.iter().zip(&query).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
            let mut expected: Vec<(usize, f64)> = vectors.chunks_exact(dim).map(score).enumerate().collect();
            // -0.0 and 0.0 are one score.
            let by_score = |one: &f64, other: &f64| other.partial_cmp(one).expect("no NaN among integers");
            expected.sort_by(|one, other| by_score(&one.1, &other.1).then(one.0.cmp(&other.0)));
            expected.truncate(k);
            let found = nearest(&query, &vectors, k).unwrap();
            let found: Vec<(usize, f64)> = found.iter().map(|n| (n.index as usize, f64::from(n.score))).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
