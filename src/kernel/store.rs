//! Writing a token's keys and values into a block of the KV cache; knows not who owns the block.

use super::kv::{KV_BLOCK, KvLayout};
use super::table::Kernels;

/// Elements of a key that are rounded at once.
const KEYS: usize = 64;

impl KvLayout {
    /// Writes the keys `(heads, key_dim)` and values `(heads, value_dim)` of the token at `place` of a block,
    /// its layer and slot, rounded to f16.
    ///
    /// Panics if the slot is not below [`KV_BLOCK`] or a slice is too short.
    pub fn store(
        &self,
        kernels: &Kernels,
        block: &mut [u16],
        place: (usize, usize),
        keys: &[f32],
        values: &[f32],
    ) {
        let (layer, slot) = place;
        assert!(slot < KV_BLOCK && layer < self.layers, "no slot {slot} in layer {layer}");
        for head in 0..self.heads() {
            let to = &mut block[self.keys(layer, head)];
            let key = &keys[head * self.key_dim()..][..self.key_dim()];
            for (to, key) in to.chunks_mut(KEYS * KV_BLOCK).zip(key.chunks(KEYS)) {
                let mut halves = [0; KEYS];
                kernels.to_f16(key, &mut halves);
                for (to, half) in to.as_chunks_mut::<KV_BLOCK>().0.iter_mut().zip(halves) {
                    to[slot] = half;
                }
            }
            let to = &mut block[self.values(layer, head)][slot * self.value_stride()..];
            kernels.to_f16(&values[head * self.value_dim()..][..self.value_dim()], to);
        }
    }
}
