//! Unpacking any block of 256 by its plain definition, row by row; for types without a faster way. Scales must fit a byte.

use super::large::put_signed_scales;
use super::place::D256;
use super::{Format, Sink};
use crate::kernel::block::{self, Block};
use crate::kernel::tiles::Tiles;
use crate::kernel::types::Type;

/// Codes plus 64, one whole scale per 16 codes, no minima.
#[derive(Clone, Copy)]
pub(super) struct ByRows(pub(super) Type);

impl Format for ByRows {
    const TYPE: Type = Type::IQ2_XXS;

    #[inline(always)]
    unsafe fn unpack<S: Tiles>(self, s: S, from: *const u8, stride: usize, _: S::I, to: &mut impl Sink<S>) {
        let mut block = Block::default();
        let (mut codes, mut scales, mut ds) = ([[0u8; 256]; 16], [[0u8; 16]; 16], [0.0; 16]);
        for r in 0..S::ROWS {
            // SAFETY: the caller promises a block in each row.
            let bytes = unsafe { std::slice::from_raw_parts(from.add(r * stride), self.0.block_bytes()) };
            block::unpack(self.0, bytes, &mut block);
            codes[r] = block.codes.map(|code| (code + 64) as u8);
            scales[r] = block.scales.map(|scale| scale as u8);
            ds[r] = block.d;
        }
        // SAFETY: 256 codes and 16 scales in each of 16 rows; a block has 64 words of codes.
        unsafe {
            for j in 0..16 {
                let [a, b, c, d] = s.words(codes.as_ptr().cast::<u8>().add(16 * j), 256);
                to.code(s, 4 * j, a);
                to.code(s, 4 * j + 1, b);
                to.code(s, 4 * j + 2, c);
                to.code(s, 4 * j + 3, d);
            }
            put_signed_scales(s, to, s.words(scales.as_ptr().cast(), 16));
            to.put_r(s, D256, s.load_r(ds.as_ptr()));
        }
    }
}
