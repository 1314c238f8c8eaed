//! AVX2 with FMA and F16C, without or with AVX-VNNI: 8 rows in a vector, 16 registers. Knows no kernel.

use super::books;
use crate::kernel::math::ROUND;
use crate::kernel::simd::{Simd, Task};
use crate::kernel::tiles::Tiles;
use std::arch::x86_64::*;

/// Proof that the processor has AVX2, FMA and F16C, and with `VNNI` also AVX-VNNI.
#[derive(Clone, Copy)]
pub(crate) struct Avx2<const VNNI: bool>(());

impl<const VNNI: bool> Avx2<VNNI> {
    /// # Safety
    /// The processor has what this type proves.
    pub(crate) const unsafe fn new_unchecked() -> Self {
        Self(())
    }

    /// Whether the processor has what this type proves.
    pub(crate) fn exists() -> bool {
        is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c")
            && (!VNNI || is_x86_feature_detected!("avxvnni"))
    }
}

// In every block below: owning `self` proves that the processor has the instruction; pointers are the
// caller's promise.

impl<const VNNI: bool> Simd for Avx2<VNNI> {
    type F = [__m256; 2];
    type Sums = [__m256i; 2];
    type Pairs = [__m256i; 2];
    const WIDE: bool = false;

    #[inline(always)]
    fn launch<T: Task<Self>>(self, task: T) {
        #[inline(never)]
        #[target_feature(enable = "avx2,fma,f16c")]
        fn compiled<S, T: Task<S>>(s: S, task: T) {
            task.run(s);
        }
        #[inline(never)]
        #[target_feature(enable = "avx2,fma,f16c,avxvnni")]
        fn compiled_vnni<S, T: Task<S>>(s: S, task: T) {
            task.run(s);
        }
        // Rust 1.95 forgets `inline(never)` beside `target_feature`: a pointer that the compiler does not
        // know.
        let apart: unsafe fn(Self, T) = if VNNI { compiled_vnni } else { compiled };
        // SAFETY: `self` proves these features.
        unsafe { std::hint::black_box(apart)(self, task) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> [__m256; 2] {
        // SAFETY: `self` proves AVX2.
        unsafe { [_mm256_set1_ps(x); 2] }
    }

    #[inline(always)]
    fn load(self, from: &[f32; 16]) -> [__m256; 2] {
        // SAFETY: `self` proves AVX2; 64 bytes are readable.
        unsafe { [_mm256_loadu_ps(from.as_ptr()), _mm256_loadu_ps(from.as_ptr().add(8))] }
    }

    #[inline(always)]
    fn load_f16(self, from: &[u16; 16]) -> [__m256; 2] {
        // SAFETY: `self` proves F16C; 32 bytes are readable.
        unsafe {
            let half = |at: usize| _mm256_cvtph_ps(_mm_loadu_si128(from.as_ptr().add(at).cast()));
            [half(0), half(8)]
        }
    }

    #[inline(always)]
    fn load_bf16(self, from: &[u16; 16]) -> [__m256; 2] {
        // SAFETY: `self` proves AVX2; 32 bytes are readable.
        unsafe {
            let half = |at: usize| {
                let wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.as_ptr().add(at).cast()));
                _mm256_castsi256_ps(_mm256_slli_epi32::<16>(wide))
            };
            [half(0), half(8)]
        }
    }

    #[inline(always)]
    fn load_i8(self, from: &[i8; 16]) -> [__m256; 2] {
        // SAFETY: `self` proves AVX2; 16 bytes are readable.
        unsafe {
            let half = |at: usize| {
                let bytes = _mm_loadl_epi64(from.as_ptr().add(at).cast());
                _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes))
            };
            [half(0), half(8)]
        }
    }

    #[inline(always)]
    fn load_pairs(self, from: &[i8; 32]) -> [__m256i; 2] {
        // SAFETY: `self` proves AVX2; 32 bytes are readable.
        unsafe {
            let half = |at: usize| _mm256_cvtepi8_epi16(_mm_loadu_si128(from.as_ptr().add(at).cast()));
            [half(0), half(16)]
        }
    }

    #[inline(always)]
    fn zeros(self) -> [__m256i; 2] {
        // SAFETY: `self` proves AVX2.
        unsafe { [_mm256_setzero_si256(); 2] }
    }

    #[inline(always)]
    fn add_pairs(self, sums: [__m256i; 2], pairs: [__m256i; 2], by: u32) -> [__m256i; 2] {
        // SAFETY: `self` proves AVX2, and VNNI where it is asked for.
        let half = |sum, pairs| unsafe {
            let by = _mm256_set1_epi32(by as i32);
            if VNNI {
                return _mm256_dpwssd_avx_epi32(sum, pairs, by);
            }
            _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, by))
        };
        [half(sums[0], pairs[0]), half(sums[1], pairs[1])]
    }

    #[inline(always)]
    fn as_floats(self, x: [__m256i; 2]) -> [__m256; 2] {
        // SAFETY: `self` proves AVX2.
        unsafe { [_mm256_cvtepi32_ps(x[0]), _mm256_cvtepi32_ps(x[1])] }
    }

    #[inline(always)]
    fn store(self, x: [__m256; 2], to: &mut [f32; 16]) {
        // SAFETY: `self` proves AVX2; 64 bytes are writable.
        unsafe {
            _mm256_storeu_ps(to.as_mut_ptr(), x[0]);
            _mm256_storeu_ps(to.as_mut_ptr().add(8), x[1]);
        }
    }

    #[inline(always)]
    fn mul(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: `self` proves AVX2.
        unsafe { [_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn prefetch(self, at: *const u8) {
        // SAFETY: a prefetch of any address does nothing but load a line if there is one.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) }
    }

    #[inline(always)]
    fn fma(self, a: [__m256; 2], b: [__m256; 2], c: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: `self` proves FMA.
        unsafe { [_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])] }
    }

    #[inline(always)]
    fn magnitude(self, max: [__m256; 2], x: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: `self` proves AVX2.
        let half = |max, x| unsafe {
            let x = _mm256_and_si256(_mm256_castps_si256(x), _mm256_set1_epi32(i32::MAX));
            _mm256_castsi256_ps(_mm256_max_epu32(_mm256_castps_si256(max), x))
        };
        [half(max[0], x[0]), half(max[1], x[1])]
    }

    #[inline(always)]
    fn greatest(self, x: [__m256; 2]) -> f32 {
        // SAFETY: `self` proves AVX2.
        unsafe {
            let x = _mm256_max_epu32(_mm256_castps_si256(x[0]), _mm256_castps_si256(x[1]));
            let x = _mm_max_epu32(_mm256_castsi256_si128(x), _mm256_extracti128_si256::<1>(x));
            let x = _mm_max_epu32(x, _mm_unpackhi_epi64(x, x));
            let x = _mm_max_epu32(x, _mm_shuffle_epi32::<1>(x));
            _mm_cvtss_f32(_mm_castsi128_ps(x))
        }
    }

    #[inline(always)]
    fn round(self, x: [__m256; 2], by: [__m256; 2], to: &mut [i8; 16]) -> i32 {
        // SAFETY: `self` proves AVX2; 16 bytes are writable.
        unsafe {
            let half = |x, by| {
                let rounded = _mm256_add_ps(_mm256_mul_ps(x, by), _mm256_set1_ps(ROUND));
                // The lowest byte of each lane, in the first word of its half.
                let lowest = _mm256_set1_epi32(0x0c08_0400);
                let bytes = _mm256_shuffle_epi8(_mm256_castps_si256(rounded), lowest);
                _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256::<1>(bytes))
            };
            let bytes = _mm_unpacklo_epi64(half(x[0], by[0]), half(x[1], by[1]));
            _mm_storeu_si128(to.as_mut_ptr().cast(), bytes);
            // As unsigned bytes 128 greater, which one instruction adds up.
            let sums = _mm_sad_epu8(_mm_xor_si128(bytes, _mm_set1_epi8(i8::MIN)), _mm_setzero_si128());
            _mm_cvtsi128_si32(_mm_add_epi32(sums, _mm_unpackhi_epi64(sums, sums))) - 16 * 128
        }
    }
}

impl<const VNNI: bool> Tiles for Avx2<VNNI> {
    const ROWS: usize = 8;
    const TOKENS: usize = 4;
    // A dot product without VNNI takes two registers more.
    const PANELS: usize = if VNNI { 2 } else { 1 };
    const DIRECT: usize = 4;
    // Without VNNI the sums of two products are 16 bits wide, which unsigned codes of eight bits would not
    // fit.
    const SIGNED: bool = !VNNI;
    const NARROW: bool = !VNNI;
    type I = __m256i;
    type R = __m256;

    #[inline(always)]
    unsafe fn load_i(self, from: *const u8) -> __m256i {
        // SAFETY: `self` proves AVX2; the caller promises aligned bytes.
        unsafe { _mm256_load_si256(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store_i(self, x: __m256i, to: *mut u8) {
        // SAFETY: `self` proves AVX2; the caller promises aligned bytes.
        unsafe { _mm256_store_si256(to.cast(), x) }
    }

    #[inline(always)]
    unsafe fn load_r(self, from: *const f32) -> __m256 {
        // SAFETY: `self` proves AVX2; the caller promises 8 values.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store_r(self, x: __m256, to: *mut f32) {
        // SAFETY: `self` proves AVX2; the caller promises 8 values.
        unsafe { _mm256_storeu_ps(to, x) }
    }

    #[inline(always)]
    unsafe fn words(self, from: *const u8, stride: usize) -> [__m256i; 4] {
        // SAFETY: `self` proves AVX2; the caller promises 16 bytes in each of 8 rows.
        unsafe {
            let row = |r: usize| _mm_loadu_si128(from.add(r * stride).cast());
            // Rows i and 4 + i in the halves of a vector.
            let halves = |i: usize| _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(row(i)), row(4 + i));
            let (a, b, c, d) = (halves(0), halves(1), halves(2), halves(3));
            let (ab_low, ab_high) = (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
            let (cd_low, cd_high) = (_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
            [
                _mm256_unpacklo_epi64(ab_low, cd_low),
                _mm256_unpackhi_epi64(ab_low, cd_low),
                _mm256_unpacklo_epi64(ab_high, cd_high),
                _mm256_unpackhi_epi64(ab_high, cd_high),
            ]
        }
    }

    #[inline(always)]
    unsafe fn word(self, from: *const u8, stride: usize) -> __m256i {
        // SAFETY: `self` proves AVX2; the caller promises 4 bytes in each of 8 rows.
        unsafe {
            let row = |r: usize| from.add(r * stride).cast::<i32>().read_unaligned();
            _mm256_setr_epi32(row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7))
        }
    }

    #[inline(always)]
    fn splat_i(self, x: i32) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_set1_epi32(x) }
    }

    #[inline(always)]
    fn splat_r(self, x: f32) -> __m256 {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_set1_ps(x) }
    }

    #[inline(always)]
    fn and(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_and_si256(a, b) }
    }

    #[inline(always)]
    fn or(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_or_si256(a, b) }
    }

    #[inline(always)]
    fn xor(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_xor_si256(a, b) }
    }

    #[inline(always)]
    fn shl(self, x: __m256i, by: u32) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_sllv_epi32(x, _mm256_set1_epi32(by as i32)) }
    }

    #[inline(always)]
    fn shr(self, x: __m256i, by: u32) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_srlv_epi32(x, _mm256_set1_epi32(by as i32)) }
    }

    #[inline(always)]
    fn sar(self, x: __m256i, by: u32) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_srav_epi32(x, _mm256_set1_epi32(by as i32)) }
    }

    #[inline(always)]
    fn add_i(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_add_epi32(a, b) }
    }

    #[inline(always)]
    fn mul_i(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_mullo_epi32(a, b) }
    }

    #[inline(always)]
    fn sub_16(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_sub_epi16(a, b) }
    }

    #[inline(always)]
    fn add_8(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_add_epi8(a, b) }
    }

    #[inline(always)]
    fn look_up(self, table: &[u8; 16], x: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2; the table has 16 bytes.
        unsafe {
            let table = _mm256_broadcastsi128_si256(_mm_loadu_si128(table.as_ptr().cast()));
            _mm256_shuffle_epi8(table, x)
        }
    }

    #[inline(always)]
    fn spread(self, bits: __m256i, first: u32, value: u8) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe {
            // Each lane's byte with the four bits, four times; then each byte's own bit.
            let lanes = _mm256_setr_epi32(
                0,
                0x0404_0404,
                0x0808_0808,
                0x0c0c_0c0c,
                0,
                0x0404_0404,
                0x0808_0808,
                0x0c0c_0c0c,
            );
            let byte = _mm256_add_epi8(lanes, _mm256_set1_epi8((first / 8) as i8));
            let own = _mm256_set1_epi32((0x0804_0201u32 << (first % 8)) as i32);
            let set = _mm256_cmpeq_epi8(_mm256_and_si256(_mm256_shuffle_epi8(bits, byte), own), own);
            _mm256_and_si256(set, _mm256_set1_epi8(value as i8))
        }
    }

    #[inline(always)]
    unsafe fn fours(self, book: *const u32, indices: *const u16) -> __m256i {
        // SAFETY: `self` proves AVX2; the caller promises the indices and what they stand for.
        unsafe { books::fours(book, indices) }
    }

    #[inline(always)]
    unsafe fn eights(self, book: *const u64, indices: *const u16) -> [__m256i; 2] {
        // SAFETY: `self` proves AVX2; the caller promises the indices and what they stand for.
        unsafe {
            // Rows so that both words come in order.
            let a = _mm256_castsi256_ps(books::eights(book, indices, [0, 1, 4, 5]));
            let b = _mm256_castsi256_ps(books::eights(book, indices, [2, 3, 6, 7]));
            [
                _mm256_castps_si256(_mm256_shuffle_ps::<0b10_00_10_00>(a, b)),
                _mm256_castps_si256(_mm256_shuffle_ps::<0b11_01_11_01>(a, b)),
            ]
        }
    }

    #[inline(always)]
    fn low_halves(self, x: __m256i) -> __m256 {
        // SAFETY: `self` proves AVX2 and F16C.
        unsafe {
            let low = _mm256_and_si256(x, _mm256_set1_epi32(0xffff));
            let packed = _mm256_packus_epi32(low, low);
            let packed = _mm256_permute4x64_epi64::<0b1000>(packed);
            _mm256_cvtph_ps(_mm256_castsi256_si128(packed))
        }
    }

    #[inline(always)]
    unsafe fn dot<const WIDE: bool>(self, sum: __m256i, codes: __m256i, values: *const i8) -> __m256i {
        // SAFETY: `self` proves AVX2, and VNNI where it is asked for; the caller promises 4 bytes.
        unsafe {
            let values = _mm256_set1_epi32(values.cast::<i32>().read_unaligned());
            if VNNI {
                return _mm256_dpbusd_avx_epi32(sum, codes, values);
            }
            // Pairs fit 16 bits: 2 * 128 * 127 at most.
            let pairs = if WIDE {
                _mm256_maddubs_epi16(_mm256_abs_epi8(codes), _mm256_sign_epi8(values, codes))
            } else {
                _mm256_maddubs_epi16(codes, values)
            };
            _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
        }
    }

    #[inline(always)]
    unsafe fn dot_16(self, sum: __m256i, a: __m256i, b: *const i16) -> __m256i {
        // SAFETY: `self` proves AVX2, and VNNI where it is asked for; the caller promises two values.
        unsafe {
            let b = _mm256_set1_epi32(b.cast::<i32>().read_unaligned());
            if VNNI {
                return _mm256_dpwssd_avx_epi32(sum, a, b);
            }
            _mm256_add_epi32(sum, _mm256_madd_epi16(a, b))
        }
    }

    #[inline(always)]
    fn to_float(self, x: __m256i) -> __m256 {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_cvtepi32_ps(x) }
    }

    #[inline(always)]
    fn mul_r(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    fn fma_r(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn fnma_r(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_fnmadd_ps(a, b, c) }
    }
}
