//! Unpacking any block of 256 by its plain definition, row by row; for types without a faster way. Scales must fit a byte.

use super::large::put_signed_scales;
use super::place::{D256, M256};
use super::put;
use crate::kernel::block::{self, Block};
use crate::kernel::tiles::Tiles;
use crate::kernel::types::Type;

/// Codes plus 64, one whole scale per 16 codes, no minima.
///
/// # Safety
/// See [`super::Unpack::new`], for one block.
#[inline(always)]
pub(super) unsafe fn by_rows<S: Tiles>(s: S, ty: Type, from: *const u8, stride: usize, to: *mut u8) {
    let mut block = Block::default();
    let (mut codes, mut scales) = ([[0u8; 256]; 16], [[0u8; 16]; 16]);
    for r in 0..S::ROWS {
        // SAFETY: the caller promises a block in each row.
        let bytes = unsafe { std::slice::from_raw_parts(from.add(r * stride), ty.block_bytes()) };
        block::unpack(ty, bytes, &mut block);
        codes[r] = block.codes.map(|code| (code + 64) as u8);
        scales[r] = block.scales.map(|scale| scale as u8);
        // SAFETY: lane r of two of a panel's vectors.
        unsafe {
            to.add((D256 * S::ROWS + r) * 4).cast::<f32>().write(block.d);
            to.add((M256 * S::ROWS + r) * 4).cast::<f32>().write(block.m);
        }
    }
    // SAFETY: 256 codes and 16 scales in each of 16 rows; a panel has 64 words of codes.
    unsafe {
        for j in 0..16 {
            let [a, b, c, d] = s.words(codes.as_ptr().cast::<u8>().add(16 * j), 256);
            put(s, to, 4 * j, a);
            put(s, to, 4 * j + 1, b);
            put(s, to, 4 * j + 2, c);
            put(s, to, 4 * j + 3, d);
        }
        put_signed_scales(s, to, s.words(scales.as_ptr().cast(), 16));
    }
}
