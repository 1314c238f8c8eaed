//! NEON with dot products, without or with products of matrices of bytes: sixteen f32 lanes. Knows no kernel.
//!
//! NEON itself is part of every aarch64 target.

use crate::kernel::math::ROUND;
use crate::kernel::simd::{Simd, Task};
use std::arch::aarch64::*;
use std::arch::asm;

/// Proof that the processor has the dot products of bytes (FEAT_DotProd: Armv8.4, and most of 8.2), and with
/// `MM` also the products of matrices of bytes (FEAT_I8MM: Armv8.6, and some before).
#[derive(Clone, Copy)]
pub(crate) struct Neon<const MM: bool>(());

impl<const MM: bool> Neon<MM> {
    /// # Safety
    /// The processor has what this type proves.
    pub(crate) const unsafe fn new_unchecked() -> Self {
        Self(())
    }

    /// Whether the processor has what this type proves, and words are as tensors have them.
    pub(crate) fn exists() -> bool {
        cfg!(target_endian = "little")
            && std::arch::is_aarch64_feature_detected!("dotprod")
            && (!MM || std::arch::is_aarch64_feature_detected!("i8mm"))
    }
}

impl<const MM: bool> Simd for Neon<MM> {
    type F = [float32x4_t; 4];
    type Sums = [int32x4_t; 4];
    /// The first bytes of lanes 0 to 7 and 8 to 15, then the second ones.
    type Pairs = [int16x8_t; 4];
    const WIDE: bool = false;

    #[inline(always)]
    fn launch<T: Task<Self>>(self, task: T) {
        #[inline(never)]
        #[target_feature(enable = "dotprod")]
        fn compiled<S, T: Task<S>>(s: S, task: T) {
            task.run(s);
        }
        #[inline(never)]
        #[target_feature(enable = "dotprod,i8mm")]
        fn compiled_mm<S, T: Task<S>>(s: S, task: T) {
            task.run(s);
        }
        // SAFETY: `self` proves these features.
        unsafe { if MM { compiled_mm(self, task) } else { compiled(self, task) } }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> [float32x4_t; 4] {
        // SAFETY: every aarch64 has NEON.
        unsafe { [vdupq_n_f32(x); 4] }
    }

    #[inline(always)]
    fn load(self, from: &[f32; 16]) -> [float32x4_t; 4] {
        let from = from.as_ptr();
        // SAFETY: 16 values are readable.
        unsafe { [vld1q_f32(from), vld1q_f32(from.add(4)), vld1q_f32(from.add(8)), vld1q_f32(from.add(12))] }
    }

    #[inline(always)]
    fn load_f16(self, from: &[u16; 16]) -> [float32x4_t; 4] {
        // SAFETY: 16 values are readable.
        unsafe {
            let (low, high) = (vld1q_u16(from.as_ptr()), vld1q_u16(from.as_ptr().add(8)));
            let ([a, b], [c, d]) = (from_halves(low), from_halves(high));
            [a, b, c, d]
        }
    }

    #[inline(always)]
    fn load_bf16(self, from: &[u16; 16]) -> [float32x4_t; 4] {
        // SAFETY: 16 values are readable.
        unsafe {
            let quarter = |at: usize| {
                let wide = vshll_n_u16::<16>(vld1_u16(from.as_ptr().add(at)));
                vreinterpretq_f32_u32(wide)
            };
            [quarter(0), quarter(4), quarter(8), quarter(12)]
        }
    }

    #[inline(always)]
    fn load_i8(self, from: &[i8; 16]) -> [float32x4_t; 4] {
        // SAFETY: 16 bytes are readable.
        unsafe {
            let bytes = vld1q_s8(from.as_ptr());
            let (low, high) = (vmovl_s8(vget_low_s8(bytes)), vmovl_high_s8(bytes));
            [
                vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))),
                vcvtq_f32_s32(vmovl_high_s16(low)),
                vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))),
                vcvtq_f32_s32(vmovl_high_s16(high)),
            ]
        }
    }

    #[inline(always)]
    fn load_pairs(self, from: &[i8; 32]) -> [int16x8_t; 4] {
        // SAFETY: 32 bytes are readable.
        unsafe {
            let int8x16x2_t(first, second) = vld2q_s8(from.as_ptr());
            [
                vmovl_s8(vget_low_s8(first)),
                vmovl_high_s8(first),
                vmovl_s8(vget_low_s8(second)),
                vmovl_high_s8(second),
            ]
        }
    }

    #[inline(always)]
    fn zeros(self) -> [int32x4_t; 4] {
        // SAFETY: every aarch64 has NEON.
        unsafe { [vdupq_n_s32(0); 4] }
    }

    #[inline(always)]
    fn add_pairs(self, sums: [int32x4_t; 4], pairs: [int16x8_t; 4], by: u32) -> [int32x4_t; 4] {
        let ([mut a, mut b, mut c, mut d], low, high) = (sums, by as i16, (by >> 16) as i16);
        // SAFETY: every aarch64 has NEON.
        unsafe {
            for (first, by) in [(0, low), (2, high)] {
                a = vmlal_n_s16(a, vget_low_s16(pairs[first]), by);
                b = vmlal_high_n_s16(b, pairs[first], by);
                c = vmlal_n_s16(c, vget_low_s16(pairs[first + 1]), by);
                d = vmlal_high_n_s16(d, pairs[first + 1], by);
            }
        }
        [a, b, c, d]
    }

    #[inline(always)]
    fn as_floats(self, x: [int32x4_t; 4]) -> [float32x4_t; 4] {
        // SAFETY: every aarch64 has NEON.
        unsafe { [vcvtq_f32_s32(x[0]), vcvtq_f32_s32(x[1]), vcvtq_f32_s32(x[2]), vcvtq_f32_s32(x[3])] }
    }

    #[inline(always)]
    fn store(self, x: [float32x4_t; 4], to: &mut [f32; 16]) {
        let to = to.as_mut_ptr();
        // SAFETY: 16 values are writable.
        unsafe {
            vst1q_f32(to, x[0]);
            vst1q_f32(to.add(4), x[1]);
            vst1q_f32(to.add(8), x[2]);
            vst1q_f32(to.add(12), x[3]);
        }
    }

    #[inline(always)]
    fn mul(self, a: [float32x4_t; 4], b: [float32x4_t; 4]) -> [float32x4_t; 4] {
        // SAFETY: every aarch64 has NEON.
        unsafe {
            [vmulq_f32(a[0], b[0]), vmulq_f32(a[1], b[1]), vmulq_f32(a[2], b[2]), vmulq_f32(a[3], b[3])]
        }
    }

    #[inline(always)]
    fn prefetch(self, at: *const u8) {
        // SAFETY: a prefetch of any address does nothing but load a line, into the second-level cache, if
        // there is one. It has no stable intrinsic.
        unsafe { asm!("prfm pldl2keep, [{0}]", in(reg) at, options(readonly, nostack, preserves_flags)) }
    }

    #[inline(always)]
    fn fma(self, a: [float32x4_t; 4], b: [float32x4_t; 4], c: [float32x4_t; 4]) -> [float32x4_t; 4] {
        // SAFETY: every aarch64 has NEON.
        unsafe {
            [
                vfmaq_f32(c[0], a[0], b[0]),
                vfmaq_f32(c[1], a[1], b[1]),
                vfmaq_f32(c[2], a[2], b[2]),
                vfmaq_f32(c[3], a[3], b[3]),
            ]
        }
    }

    #[inline(always)]
    fn magnitude(self, max: [float32x4_t; 4], x: [float32x4_t; 4]) -> [float32x4_t; 4] {
        // SAFETY: every aarch64 has NEON.
        let quarter = |max, x| unsafe {
            vreinterpretq_f32_u32(vmaxq_u32(vreinterpretq_u32_f32(max), vreinterpretq_u32_f32(vabsq_f32(x))))
        };
        [quarter(max[0], x[0]), quarter(max[1], x[1]), quarter(max[2], x[2]), quarter(max[3], x[3])]
    }

    #[inline(always)]
    fn greatest(self, x: [float32x4_t; 4]) -> f32 {
        // SAFETY: every aarch64 has NEON.
        unsafe {
            let low = vmaxq_u32(vreinterpretq_u32_f32(x[0]), vreinterpretq_u32_f32(x[1]));
            let high = vmaxq_u32(vreinterpretq_u32_f32(x[2]), vreinterpretq_u32_f32(x[3]));
            f32::from_bits(vmaxvq_u32(vmaxq_u32(low, high)))
        }
    }

    #[inline(always)]
    fn round(self, x: [float32x4_t; 4], by: [float32x4_t; 4], to: &mut [i8; 16]) -> i32 {
        // SAFETY: every aarch64 has NEON; 16 bytes are writable.
        unsafe {
            let quarter = |x, by| vreinterpretq_s32_f32(vaddq_f32(vmulq_f32(x, by), vdupq_n_f32(ROUND)));
            // The low half of each lane, then its low byte.
            let half = |a, b| vmovn_high_s32(vmovn_s32(a), b);
            let low = half(quarter(x[0], by[0]), quarter(x[1], by[1]));
            let high = half(quarter(x[2], by[2]), quarter(x[3], by[3]));
            let bytes = vmovn_high_s16(vmovn_s16(low), high);
            vst1q_s8(to.as_mut_ptr(), bytes);
            vaddlvq_s8(bytes) as i32
        }
    }
}

/// Eight f16 as f32.
#[inline(always)]
pub(super) fn from_halves(x: uint16x8_t) -> [float32x4_t; 2] {
    // SAFETY: every aarch64 has NEON.
    unsafe {
        let x = vreinterpretq_f16_u16(x);
        [vcvt_f32_f16(vget_low_f16(x)), vcvt_high_f32_f16(x)]
    }
}
