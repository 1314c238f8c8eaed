//! Unpacking any block of 256 by its plain definition, row by row; for types without a faster way.

use super::place::{D256, M256, PAIRS, SCALES};
use crate::kernel::block::{self, Block};
use crate::kernel::tiles::Tiles;
use crate::kernel::types::Type;

/// Codes plus 64, one whole scale per 16 codes, no minima.
///
/// # Safety
/// See [`super::unpack`].
pub(super) unsafe fn by_rows<S: Tiles>(ty: Type, from: *const u8, stride: usize, to: *mut u8) {
    let mut block = Block::default();
    for r in 0..S::ROWS {
        // SAFETY: the caller promises a block in each row.
        let bytes = unsafe { std::slice::from_raw_parts(from.add(r * stride), ty.block_bytes()) };
        block::unpack(ty, bytes, &mut block);
        // SAFETY: lane r of a panel's vectors.
        unsafe {
            let lane = |index: usize| to.add((index * S::ROWS + r) * 4);
            for (j, codes) in block.codes.as_chunks::<4>().0.iter().enumerate() {
                lane(j).cast::<[u8; 4]>().write(codes.map(|code| (code + 64) as u8));
            }
            for (j, &scale) in block.scales.iter().enumerate() {
                lane(SCALES + j).cast::<i32>().write(scale as i32);
            }
            for (p, &pair) in block.scales.as_chunks::<2>().0.iter().enumerate() {
                lane(PAIRS + p).cast::<[i16; 2]>().write(pair);
            }
            lane(D256).cast::<f32>().write(block.d);
            lane(M256).cast::<f32>().write(block.m);
        }
    }
}
