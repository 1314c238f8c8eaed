//! Queries as attention wants them for a type of keys; knows no keys.

use super::kv::{KvLayout, KvType, SCALED};
use super::math::ROUND;

/// The greatest element of a rounded query.
const MOST: f32 = 32767.0;

/// Below it 32 elements count as zero: their inverse scale would overflow.
const TINY: f32 = 1e-30;

impl KvLayout {
    /// Writes `query`, `(key_dim)`, times `scale` to place `at.0` of `at.1` queries.
    ///
    /// For f16 keys queries are `(key_dim / 16 rounded up, queries, 16)` f32. For q8_0 they are `(key_dim /
    /// 32 rounded up, 2, queries, 16)`: 32 elements as pairs of 16-bit integers, then what these are
    /// multiplied with.
    pub(crate) fn place_query(&self, query: &[f32], scale: f32, to: &mut [[f32; 16]], at: (usize, usize)) {
        let (place, count) = at;
        match self.kv_type() {
            KvType::F16 => {
                for (part, from) in query.chunks(16).enumerate() {
                    for (to, &from) in to[part * count + place].iter_mut().zip(from) {
                        *to = from * scale;
                    }
                }
            }
            KvType::Q8_0 => {
                for (part, from) in query.chunks(SCALED).enumerate() {
                    let (pairs, factor) = rounded(from, scale);
                    to[2 * part * count + place] = pairs;
                    to[(2 * part + 1) * count + place] = [factor; 16];
                }
            }
        }
    }
}

/// At most 32 elements times `scale` as pairs of integers, and what these are multiplied with: NaN if one is
/// not finite.
fn rounded(from: &[f32], scale: f32) -> ([f32; 16], f32) {
    let mut x = [0.0; SCALED];
    for (x, &from) in x.iter_mut().zip(from) {
        *x = from * scale;
    }
    // As integers: a NaN is the greatest.
    let max = f32::from_bits(x.iter().fold(0, |max, x| max.max(x.abs().to_bits())));
    if max < TINY || !max.is_finite() {
        return ([0.0; 16], if max < TINY { 0.0 } else { f32::NAN });
    }
    let by = MOST / max;
    let integer = |x: f32| (x * by + ROUND).to_bits() as u16 as u32;
    let pairs = x.as_chunks::<2>().0;
    (std::array::from_fn(|i| f32::from_bits(integer(pairs[i][0]) | integer(pairs[i][1]) << 16)), max / MOST)
}
