//! Sixteen f32 lanes, whatever registers they take: what the generic kernels are written in. Knows no kernel.

use super::float::f16_to_f32;

/// An instruction set. Owning a value proves that the processor has it, so its operations are safe.
pub(crate) trait Simd: Copy {
    /// 16 lanes of f32.
    type F: Copy;
    /// Whether there are registers for large tiles: 32 of 16 lanes.
    const WIDE: bool;

    fn splat(self, x: f32) -> Self::F;
    fn load(self, from: &[f32; 16]) -> Self::F;
    fn load_f16(self, from: &[u16; 16]) -> Self::F;
    fn load_bf16(self, from: &[u16; 16]) -> Self::F;
    fn store(self, x: Self::F, to: &mut [f32; 16]);
    /// `a * b + c`, rounded once.
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
}

/// No instruction set at all: one lane after the other.
#[derive(Clone, Copy)]
pub(crate) struct Scalar;

impl Simd for Scalar {
    type F = [f32; 16];
    const WIDE: bool = false;

    #[inline(always)]
    fn splat(self, x: f32) -> [f32; 16] {
        [x; 16]
    }

    #[inline(always)]
    fn load(self, from: &[f32; 16]) -> [f32; 16] {
        *from
    }

    #[inline(always)]
    fn load_f16(self, from: &[u16; 16]) -> [f32; 16] {
        from.map(f16_to_f32)
    }

    #[inline(always)]
    fn load_bf16(self, from: &[u16; 16]) -> [f32; 16] {
        from.map(super::float::bf16_to_f32)
    }

    #[inline(always)]
    fn store(self, x: [f32; 16], to: &mut [f32; 16]) {
        *to = x;
    }

    #[inline(always)]
    fn fma(self, a: [f32; 16], b: [f32; 16], c: [f32; 16]) -> [f32; 16] {
        std::array::from_fn(|lane| a[lane].mul_add(b[lane], c[lane]))
    }
}
