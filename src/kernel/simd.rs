//! Sixteen f32 lanes, whatever registers they take: what the generic kernels are written in. Knows no kernel.

use super::float::f16_to_f32;
use super::generic::tree;
use super::math::ROUND;

/// An instruction set. Owning a value proves that the processor has it, so its operations are safe.
#[cfg_attr(
    not(all(feature = "native", any(target_arch = "x86_64", target_arch = "aarch64"))),
    allow(dead_code)
)]
pub(crate) trait Simd: Copy {
    /// 16 lanes of f32.
    type F: Copy;
    /// 16 lanes of i32.
    type Sums: Copy;
    /// Two bytes for each of 16 lanes.
    type Pairs: Copy;
    /// Whether there are registers for large tiles: 32 of 16 lanes.
    const WIDE: bool;

    fn splat(self, x: f32) -> Self::F;
    fn load(self, from: &[f32; 16]) -> Self::F;
    fn load_f16(self, from: &[u16; 16]) -> Self::F;
    fn load_bf16(self, from: &[u16; 16]) -> Self::F;
    fn load_i8(self, from: &[i8; 16]) -> Self::F;
    fn load_pairs(self, from: &[i8; 32]) -> Self::Pairs;
    fn zeros(self) -> Self::Sums;
    /// The sums plus each lane's two bytes times the two halves of `by`, signed, the low one first. It must
    /// not overflow.
    fn add_pairs(self, sums: Self::Sums, pairs: Self::Pairs, by: u32) -> Self::Sums;
    fn as_floats(self, x: Self::Sums) -> Self::F;
    /// Runs `task` in a function of its own that is compiled for this instruction set.
    fn launch<T: Task<Self>>(self, task: T);
    fn store(self, x: Self::F, to: &mut [f32; 16]);
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    /// Asks for the cache line of `at`, which may be any address.
    fn prefetch(self, at: *const u8);
    /// `a * b + c`, rounded once.
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// The sum of each vector's lanes, as [`tree`] adds them.
    #[inline(always)]
    fn trees(self, x: [Self::F; 4]) -> [f32; 4] {
        let mut sums = [0.0; 4];
        for i in 0..4 {
            let mut lanes = [0.0; 16];
            self.store(x[i], &mut lanes);
            sums[i] = tree(lanes);
        }
        sums
    }
    /// The greater of `max`, which is not negative, and |x|, compared as integers: a NaN is the greatest.
    fn magnitude(self, max: Self::F, x: Self::F) -> Self::F;
    /// The greatest lane, compared as integers.
    fn greatest(self, x: Self::F) -> f32;
    /// x * by, each rounded to an integer within [-127, 127], ties to even; returns their sum.
    fn round(self, x: Self::F, by: Self::F, to: &mut [i8; 16]) -> i32;
}

/// Work that is compiled once per instruction set. `run` must be `#[inline(always)]`, as must be all it
/// calls, and must not pass vectors through closures or iterators over arrays of them: what is not inlined is
/// compiled without the instruction set.
pub(crate) trait Task<S> {
    fn run(self, s: S);
}

/// No instruction set at all: one lane after the other.
#[derive(Clone, Copy)]
pub(crate) struct Scalar;

impl Simd for Scalar {
    type F = [f32; 16];
    type Sums = [i32; 16];
    type Pairs = [i8; 32];
    const WIDE: bool = false;

    #[inline(always)]
    fn launch<T: Task<Self>>(self, task: T) {
        task.run(self);
    }

    #[inline(always)]
    fn splat(self, x: f32) -> [f32; 16] {
        [x; 16]
    }

    #[inline(always)]
    fn load(self, from: &[f32; 16]) -> [f32; 16] {
        *from
    }

    // As `fma`: its steps stand here once.
    #[inline(never)]
    fn load_f16(self, from: &[u16; 16]) -> [f32; 16] {
        from.map(f16_to_f32)
    }

    #[inline(always)]
    fn load_bf16(self, from: &[u16; 16]) -> [f32; 16] {
        from.map(super::float::bf16_to_f32)
    }

    #[inline(always)]
    fn load_i8(self, from: &[i8; 16]) -> [f32; 16] {
        from.map(f32::from)
    }

    #[inline(always)]
    fn load_pairs(self, from: &[i8; 32]) -> [i8; 32] {
        *from
    }

    #[inline(always)]
    fn zeros(self) -> [i32; 16] {
        [0; 16]
    }

    #[inline(always)]
    fn add_pairs(self, sums: [i32; 16], pairs: [i8; 32], by: u32) -> [i32; 16] {
        let (low, high) = (by as i16 as i32, (by >> 16) as i16 as i32);
        std::array::from_fn(|l| sums[l] + pairs[2 * l] as i32 * low + pairs[2 * l + 1] as i32 * high)
    }

    #[inline(always)]
    fn as_floats(self, x: [i32; 16]) -> [f32; 16] {
        x.map(|x| x as f32)
    }

    #[inline(always)]
    fn store(self, x: [f32; 16], to: &mut [f32; 16]) {
        *to = x;
    }

    #[inline(always)]
    fn mul(self, a: [f32; 16], b: [f32; 16]) -> [f32; 16] {
        std::array::from_fn(|lane| a[lane] * b[lane])
    }

    #[inline(always)]
    fn prefetch(self, _: *const u8) {}

    // A processor without an instruction for it calls a function sixteen times: they stand here once.
    #[inline(never)]
    fn fma(self, a: [f32; 16], b: [f32; 16], c: [f32; 16]) -> [f32; 16] {
        std::array::from_fn(|lane| a[lane].mul_add(b[lane], c[lane]))
    }

    #[inline(always)]
    fn magnitude(self, max: [f32; 16], x: [f32; 16]) -> [f32; 16] {
        std::array::from_fn(|lane| f32::from_bits(max[lane].to_bits().max(x[lane].to_bits() & 0x7fff_ffff)))
    }

    #[inline(always)]
    fn greatest(self, x: [f32; 16]) -> f32 {
        f32::from_bits(x.into_iter().fold(0, |max, x| max.max(x.to_bits())))
    }

    #[inline(always)]
    fn round(self, x: [f32; 16], by: [f32; 16], to: &mut [i8; 16]) -> i32 {
        *to = std::array::from_fn(|lane| (x[lane] * by[lane] + ROUND).to_bits() as i8);
        to.iter().map(|&value| value as i32).sum()
    }
}
