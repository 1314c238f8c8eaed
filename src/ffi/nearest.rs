//! The nearest of many vectors, as C asks for them.

use super::border::guard::{Tag, guard};
use super::border::out::Out;
use super::border::status::{WICK_OK, wick_status};
use super::border::str::array;
use crate::error::{Error, ErrorKind};
use std::ptr;

/// The `count` rows of `dim` floats at `vectors` that have the largest dot product with `query` (of vectors
/// of length 1: the cosine similarity), best first, ties by the lower index, NaN last: *found = min(k, count)
/// are written to `indices` and, unless it is NULL, to `scores`, which have room for that many.
/// WICK_E_INVALID_ARGUMENT for a dim of 0, a count over UINT32_MAX, or a count * dim that no memory has.
/// Every row is looked at: exact, pure, and the same on every machine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_nearest(
    query: *const f32,
    vectors: *const f32,
    count: usize,
    dim: usize,
    k: usize,
    indices: *mut u32,
    scores: *mut f32,
    found: *mut usize,
) -> wick_status {
    guard(Tag::Any, ptr::null_mut(), || {
        let bad = |what: String| Err(Error::new(ErrorKind::InvalidArgument, what));
        let Some(floats) = count.checked_mul(dim).filter(|_| u32::try_from(count).is_ok()) else {
            return bad(format!("count is {count}; at most {} vectors are looked at together", u32::MAX));
        };
        // SAFETY: the caller's floats and places, as this function's docs say.
        let (query, vectors, found) = unsafe {
            (array(query, dim, "query")?, array(vectors, floats, "vectors")?, Out::required(found, "found")?)
        };
        if indices.is_null() && k.min(count) > 0 {
            return bad("indices is NULL".to_owned());
        }
        let nearest = crate::nearest::nearest(query, vectors, k)?;
        for (at, neighbour) in nearest.iter().enumerate() {
            // SAFETY: as this function's docs say: room for min(k, count), which is how many there are.
            unsafe {
                indices.add(at).write_unaligned(neighbour.index);
                if !scores.is_null() {
                    scores.add(at).write_unaligned(neighbour.score);
                }
            }
        }
        found.set(nearest.len());
        Ok(WICK_OK)
    })
}
