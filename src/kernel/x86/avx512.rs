//! AVX-512 F, BW, VL and VNNI: 16 rows in a vector, 32 registers. Knows no kernel.

use super::books;
use crate::kernel::math::ROUND;
use crate::kernel::simd::{Simd, Task};
use crate::kernel::tiles::Tiles;
use std::arch::x86_64::*;

/// Proof that the processor has AVX-512 F, BW, VL, VNNI, and what goes with them (AVX2, FMA, F16C).
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// # Safety
    /// The processor has what this type proves.
    pub(crate) const unsafe fn new_unchecked() -> Self {
        Self(())
    }

    /// Whether the processor has what this type proves.
    pub(crate) fn exists() -> bool {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni")
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c")
    }
}

// In every block below: owning `self` proves that the processor has the instruction; pointers are the
// caller's promise.

impl Simd for Avx512 {
    type F = __m512;
    type Sums = __m512i;
    type Pairs = __m512i;
    const WIDE: bool = true;

    #[inline(always)]
    fn launch<T: Task<Self>>(self, task: T) {
        #[inline(never)]
        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma,f16c")]
        fn compiled<T: Task<Avx512>>(s: Avx512, task: T) {
            task.run(s);
        }
        // Rust 1.95 forgets `inline(never)` beside `target_feature`: a pointer that the compiler does not
        // know.
        let apart: unsafe fn(Avx512, T) = compiled;
        // SAFETY: `self` proves these features.
        unsafe { std::hint::black_box(apart)(self, task) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    fn load(self, from: &[f32; 16]) -> __m512 {
        // SAFETY: `self` proves AVX-512; 64 bytes are readable.
        unsafe { _mm512_loadu_ps(from.as_ptr()) }
    }

    #[inline(always)]
    fn load_f16(self, from: &[u16; 16]) -> __m512 {
        // SAFETY: `self` proves AVX-512; 32 bytes are readable.
        unsafe {
            // Not `_mm512_cvtph_ps`: it forbids exceptions, and so its operand in memory, which spares a
            // shuffle.
            _mm512_cvt_roundph_ps::<_MM_FROUND_CUR_DIRECTION>(_mm256_loadu_si256(from.as_ptr().cast()))
        }
    }

    #[inline(always)]
    fn load_bf16(self, from: &[u16; 16]) -> __m512 {
        // SAFETY: `self` proves AVX-512; 32 bytes are readable.
        unsafe {
            let wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.as_ptr().cast()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide))
        }
    }

    #[inline(always)]
    fn load_i8(self, from: &[i8; 16]) -> __m512 {
        // SAFETY: `self` proves AVX-512; 16 bytes are readable.
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(from.as_ptr().cast()))) }
    }

    #[inline(always)]
    fn load_pairs(self, from: &[i8; 32]) -> __m512i {
        // SAFETY: `self` proves AVX-512 BW; 32 bytes are readable.
        unsafe { _mm512_cvtepi8_epi16(_mm256_loadu_si256(from.as_ptr().cast())) }
    }

    #[inline(always)]
    fn zeros(self) -> __m512i {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    fn add_pairs(self, sums: __m512i, pairs: __m512i, by: u32) -> __m512i {
        // SAFETY: `self` proves AVX-512 VNNI.
        unsafe { _mm512_dpwssd_epi32(sums, pairs, _mm512_set1_epi32(by as i32)) }
    }

    #[inline(always)]
    fn as_floats(self, x: __m512i) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_cvtepi32_ps(x) }
    }

    #[inline(always)]
    fn store(self, x: __m512, to: &mut [f32; 16]) {
        // SAFETY: `self` proves AVX-512; 64 bytes are writable.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), x) }
    }

    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn prefetch(self, at: *const u8) {
        // SAFETY: a prefetch of any address does nothing but load a line if there is one.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) }
    }

    #[inline(always)]
    fn fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn magnitude(self, max: __m512, x: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe {
            let x = _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(i32::MAX));
            _mm512_castsi512_ps(_mm512_max_epu32(_mm512_castps_si512(max), x))
        }
    }

    #[inline(always)]
    fn trees(self, [a, b, c, d]: [__m512; 4]) -> [f32; 4] {
        let mut sums = [0.0f32; 4];
        // SAFETY: `self` proves AVX-512; four floats are writable.
        unsafe {
            // What is 8 lanes apart, of two vectors in one; then what is 4 apart, of all four.
            let (low, high) = (_mm512_shuffle_f32x4::<0x44>(a, b), _mm512_shuffle_f32x4::<0xEE>(a, b));
            let ab = _mm512_add_ps(low, high);
            let (low, high) = (_mm512_shuffle_f32x4::<0x44>(c, d), _mm512_shuffle_f32x4::<0xEE>(c, d));
            let cd = _mm512_add_ps(low, high);
            let (low, high) = (_mm512_shuffle_f32x4::<0x88>(ab, cd), _mm512_shuffle_f32x4::<0xDD>(ab, cd));
            let four = _mm512_add_ps(low, high);
            let two = _mm512_add_ps(four, _mm512_permute_ps::<0x4E>(four));
            let one = _mm512_add_ps(two, _mm512_permute_ps::<0xB1>(two));
            let first = _mm512_castps512_ps128(_mm512_maskz_compress_ps(0x1111, one));
            _mm_storeu_ps(sums.as_mut_ptr(), first);
        }
        sums
    }

    #[inline(always)]
    fn greatest(self, x: __m512) -> f32 {
        // SAFETY: `self` proves AVX-512.
        f32::from_bits(unsafe { _mm512_reduce_max_epu32(_mm512_castps_si512(x)) })
    }

    #[inline(always)]
    fn round(self, x: __m512, by: __m512, to: &mut [i8; 16]) -> i32 {
        // SAFETY: `self` proves AVX-512, VNNI and VL; 16 bytes are writable.
        unsafe {
            let rounded = _mm512_add_ps(_mm512_mul_ps(x, by), _mm512_set1_ps(ROUND));
            let bytes = _mm512_cvtepi32_epi8(_mm512_castps_si512(rounded));
            _mm_storeu_si128(to.as_mut_ptr().cast(), bytes);
            let sums = _mm_dpbusd_epi32(_mm_setzero_si128(), _mm_set1_epi8(1), bytes);
            let sums = _mm_add_epi32(sums, _mm_unpackhi_epi64(sums, sums));
            _mm_cvtsi128_si32(_mm_add_epi32(sums, _mm_shuffle_epi32::<1>(sums)))
        }
    }
}

impl Avx512 {
    /// The bytes b of lanes whose bit `first + b` is set; `first` is a multiple of 4.
    #[inline(always)]
    fn set(self, bits: __m512i, first: u32) -> __mmask64 {
        // SAFETY: `self` proves AVX-512.
        unsafe {
            // Each lane's byte with the four bits, four times; then each byte's own bit.
            let byte = _mm512_set_epi32(
                0x0c, 0x08, 0x04, 0, 0x0c, 0x08, 0x04, 0, 0x0c, 0x08, 0x04, 0, 0x0c, 0x08, 0x04, 0,
            );
            let byte = _mm512_mullo_epi32(byte, _mm512_set1_epi32(0x0101_0101));
            let byte = _mm512_add_epi8(byte, _mm512_set1_epi8((first / 8) as i8));
            let copies = _mm512_shuffle_epi8(bits, byte);
            let own = _mm512_set1_epi32((0x0804_0201u32 << (first % 8)) as i32);
            _mm512_test_epi8_mask(copies, own)
        }
    }
}

impl Tiles for Avx512 {
    const ROWS: usize = 16;
    const TOKENS: usize = 8;
    const PANELS: usize = 2;
    const DIRECT: usize = 8;
    const SIGNED: bool = false;
    const NARROW: bool = false;
    type I = __m512i;
    type R = __m512;

    #[inline(always)]
    unsafe fn load_i(self, from: *const u8) -> __m512i {
        // SAFETY: `self` proves AVX-512; the caller promises aligned bytes.
        unsafe { _mm512_load_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store_i(self, x: __m512i, to: *mut u8) {
        // SAFETY: `self` proves AVX-512; the caller promises aligned bytes.
        unsafe { _mm512_store_si512(to.cast(), x) }
    }

    #[inline(always)]
    unsafe fn load_r(self, from: *const f32) -> __m512 {
        // SAFETY: `self` proves AVX-512; the caller promises 16 values.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store_r(self, x: __m512, to: *mut f32) {
        // SAFETY: `self` proves AVX-512; the caller promises 16 values.
        unsafe { _mm512_storeu_ps(to, x) }
    }

    #[inline(always)]
    unsafe fn words(self, from: *const u8, stride: usize) -> [__m512i; 4] {
        // SAFETY: `self` proves AVX-512; the caller promises 16 bytes in each of 16 rows.
        unsafe {
            let row = |r: usize| _mm_loadu_si128(from.add(r * stride).cast());
            // Rows i, 4 + i, 8 + i and 12 + i in the quarters of a vector.
            let quarters = |i: usize| {
                let x = _mm512_castsi128_si512(row(i));
                let x = _mm512_inserti32x4::<1>(x, row(4 + i));
                let x = _mm512_inserti32x4::<2>(x, row(8 + i));
                _mm512_inserti32x4::<3>(x, row(12 + i))
            };
            let (a, b, c, d) = (quarters(0), quarters(1), quarters(2), quarters(3));
            let (ab_low, ab_high) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
            let (cd_low, cd_high) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
            [
                _mm512_unpacklo_epi64(ab_low, cd_low),
                _mm512_unpackhi_epi64(ab_low, cd_low),
                _mm512_unpacklo_epi64(ab_high, cd_high),
                _mm512_unpackhi_epi64(ab_high, cd_high),
            ]
        }
    }

    #[inline(always)]
    unsafe fn word(self, from: *const u8, stride: usize) -> __m512i {
        // SAFETY: `self` proves AVX-512; the caller promises 4 bytes in each of 16 rows.
        unsafe {
            let row = |r: usize| from.add(r * stride).cast::<i32>().read_unaligned();
            _mm512_setr_epi32(
                row(0),
                row(1),
                row(2),
                row(3),
                row(4),
                row(5),
                row(6),
                row(7),
                row(8),
                row(9),
                row(10),
                row(11),
                row(12),
                row(13),
                row(14),
                row(15),
            )
        }
    }

    #[inline(always)]
    fn splat_i(self, x: i32) -> __m512i {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_set1_epi32(x) }
    }

    #[inline(always)]
    fn splat_r(self, x: f32) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    fn and(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_and_si512(a, b) }
    }

    #[inline(always)]
    fn or(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_or_si512(a, b) }
    }

    #[inline(always)]
    fn xor(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_xor_si512(a, b) }
    }

    #[inline(always)]
    fn shl(self, x: __m512i, by: u32) -> __m512i {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_sllv_epi32(x, _mm512_set1_epi32(by as i32)) }
    }

    #[inline(always)]
    fn shr(self, x: __m512i, by: u32) -> __m512i {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_srlv_epi32(x, _mm512_set1_epi32(by as i32)) }
    }

    #[inline(always)]
    fn sar(self, x: __m512i, by: u32) -> __m512i {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_srav_epi32(x, _mm512_set1_epi32(by as i32)) }
    }

    #[inline(always)]
    fn add_i(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_add_epi32(a, b) }
    }

    #[inline(always)]
    fn mul_i(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_mullo_epi32(a, b) }
    }

    #[inline(always)]
    fn sub_16(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_sub_epi16(a, b) }
    }

    #[inline(always)]
    fn add_8(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_add_epi8(a, b) }
    }

    #[inline(always)]
    fn look_up(self, table: &[u8; 16], x: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512; the table has 16 bytes.
        unsafe {
            let table = _mm512_broadcast_i32x4(_mm_loadu_si128(table.as_ptr().cast()));
            _mm512_shuffle_epi8(table, x)
        }
    }

    #[inline(always)]
    fn spread(self, bits: __m512i, first: u32, value: u8) -> __m512i {
        let set = self.set(bits, first);
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_maskz_mov_epi8(set, _mm512_set1_epi8(value as i8)) }
    }

    #[inline(always)]
    fn mirror(self, x: __m512i, bits: __m512i, first: u32) -> __m512i {
        let set = self.set(bits, first);
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_mask_sub_epi8(x, set, _mm512_set1_epi8(i8::MIN), x) }
    }

    #[inline(always)]
    unsafe fn fours(self, book: *const u32, indices: *const u16) -> __m512i {
        // SAFETY: `self` proves AVX-512; the caller promises the indices and what they stand for.
        unsafe {
            let half = |row: usize| books::fours(book, indices.add(2 * row));
            _mm512_inserti64x4::<1>(_mm512_castsi256_si512(half(0)), half(8))
        }
    }

    #[inline(always)]
    unsafe fn eights(self, book: *const u64, indices: *const u16) -> [__m512i; 2] {
        // SAFETY: `self` proves AVX-512; the caller promises the indices and what they stand for.
        unsafe {
            // Rows so that both words come in order.
            let half = |row: usize| books::eights(book, indices.add(2 * row), [0, 1, 4, 5]);
            let both = |a, b| _mm512_castsi512_ps(_mm512_inserti64x4::<1>(_mm512_castsi256_si512(a), b));
            let (a, b) = (both(half(0), half(8)), both(half(2), half(10)));
            [
                _mm512_castps_si512(_mm512_shuffle_ps::<0b10_00_10_00>(a, b)),
                _mm512_castps_si512(_mm512_shuffle_ps::<0b11_01_11_01>(a, b)),
            ]
        }
    }

    #[inline(always)]
    fn low_halves(self, x: __m512i) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_cvtph_ps(_mm512_cvtepi32_epi16(x)) }
    }

    #[inline(always)]
    unsafe fn dot<const WIDE: bool>(self, sum: __m512i, codes: __m512i, values: *const i8) -> __m512i {
        // SAFETY: `self` proves AVX-512 and VNNI; the caller promises 4 bytes.
        unsafe {
            let values = _mm512_set1_epi32(values.cast::<i32>().read_unaligned());
            _mm512_dpbusd_epi32(sum, codes, values)
        }
    }

    #[inline(always)]
    unsafe fn dot_16(self, sum: __m512i, a: __m512i, b: *const i16) -> __m512i {
        // SAFETY: `self` proves AVX-512 and VNNI; the caller promises two values.
        unsafe {
            let b = _mm512_set1_epi32(b.cast::<i32>().read_unaligned());
            _mm512_dpwssd_epi32(sum, a, b)
        }
    }

    #[inline(always)]
    fn to_float(self, x: __m512i) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_cvtepi32_ps(x) }
    }

    #[inline(always)]
    fn mul_r(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn fma_r(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn fnma_r(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_fnmadd_ps(a, b, c) }
    }
}
