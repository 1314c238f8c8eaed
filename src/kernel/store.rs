//! Writing a token's keys and values into a block of the KV cache; knows not who owns the block.

use super::float::f32_to_f16;
use super::kv::{KV_BLOCK, KvLayout, KvType, SCALED};
use super::quantise::Group32;
use super::table::Kernels;
use bytemuck::cast_slice_mut;

/// Elements of a key that are rounded at once.
const KEYS: usize = 64;

impl KvLayout {
    /// Writes the keys `(heads, key_dim)` and values `(heads, value_dim)` of the token at `place` of a block,
    /// its layer and slot, rounded to the type of the layout.
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
            let key = &keys[head * self.key_dim()..][..self.key_dim()];
            let value = &values[head * self.value_dim()..][..self.value_dim()];
            let (keys, values) = block[self.head(layer, head)].split_at_mut(self.keys_len());
            match self.kv_type() {
                KvType::F16 => self.store_f16(kernels, (keys, values), slot, key, value),
                KvType::Q8_0 => self.store_q8_0(kernels, (keys, values), slot, key, value),
            }
        }
    }

    fn store_f16(
        &self,
        kernels: &Kernels,
        (keys, values): (&mut [u16], &mut [u16]),
        slot: usize,
        key: &[f32],
        value: &[f32],
    ) {
        for (to, key) in keys.chunks_mut(KEYS * KV_BLOCK).zip(key.chunks(KEYS)) {
            let mut halves = [0; KEYS];
            kernels.to_f16(key, &mut halves);
            for (to, half) in to.as_chunks_mut::<KV_BLOCK>().0.iter_mut().zip(halves) {
                to[slot] = half;
            }
        }
        kernels.to_f16(value, &mut values[slot * self.value_stride()..]);
    }

    fn store_q8_0(
        &self,
        kernels: &Kernels,
        (keys, values): (&mut [u16], &mut [u16]),
        slot: usize,
        key: &[f32],
        value: &[f32],
    ) {
        let (bytes, scales) = keys.split_at_mut(self.elements(self.key_stride()));
        let blocks = cast_slice_mut::<_, i8>(bytes).chunks_mut(SCALED * KV_BLOCK);
        for ((to, part), scale) in blocks.zip(key.chunks(SCALED)).zip(scales.chunks_exact_mut(KV_BLOCK)) {
            let (codes, of_all) = quantised(kernels, part);
            scale[slot] = of_all;
            let pairs = to.as_chunks_mut::<2>().0.chunks_exact_mut(KV_BLOCK);
            for (to, pair) in pairs.zip(codes.as_chunks::<2>().0) {
                to[slot] = *pair;
            }
        }
        let (bytes, scales) = values.split_at_mut(self.elements(self.value_stride()));
        let row = &mut cast_slice_mut::<_, i8>(bytes)[slot * self.value_stride()..][..self.value_stride()];
        let blocks = row.chunks_mut(SCALED).zip(value.chunks(SCALED));
        for ((to, part), scale) in blocks.zip(scales.chunks_exact_mut(KV_BLOCK)) {
            let (codes, of_all) = quantised(kernels, part);
            scale[slot] = of_all;
            to[..part.len()].copy_from_slice(&codes[..part.len()]);
        }
    }
}

/// A block of at most [`SCALED`] elements: bytes, and their scale.
fn quantised(kernels: &Kernels, part: &[f32]) -> ([i8; SCALED], u16) {
    let (mut x, mut codes, mut scale) = ([0.0; SCALED], [0; SCALED], [0.0]);
    x[..part.len()].copy_from_slice(part);
    let (scaled_sums, sums, sums16) = (&mut [0.0][..], &mut [0][..], &mut [0; 2][..]);
    kernels.quantise_32(&x, 1, Group32 { values: &mut codes, scales: &mut scale, scaled_sums, sums, sums16 });
    (codes, f32_to_f16(scale[0]))
}
