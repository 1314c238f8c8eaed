//! Look-ups in tables that are too large for registers, for both instruction sets. Knows no type of weights.

use std::arch::asm;
use std::arch::x86_64::*;

/// Lane i is `book[indices[2 * i]]`.
///
/// # Safety
/// There are those indices, and `book` has what they stand for.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn fours(book: *const u32, indices: *const u16) -> __m256i {
    // SAFETY: the caller promises the indices and what they stand for.
    unsafe {
        let found = |i: usize| four(book, index(indices, i));
        let x = _mm256_blend_epi32::<0b10>(found(0), found(1));
        let x = _mm256_blend_epi32::<0b100>(x, found(2));
        let x = _mm256_blend_epi32::<0b1000>(x, found(3));
        let y = _mm256_blend_epi32::<0b10_0000>(found(4), found(5));
        let y = _mm256_blend_epi32::<0b100_0000>(y, found(6));
        let y = _mm256_blend_epi32::<0b1000_0000>(y, found(7));
        _mm256_blend_epi32::<0b1111_0000>(x, y)
    }
}

/// Eight bytes of lane i are `book[indices[2 * rows[i]]]`.
///
/// # Safety
/// See [`fours`].
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn eights(book: *const u64, indices: *const u16, rows: [usize; 4]) -> __m256i {
    // SAFETY: the caller promises the indices and what they stand for.
    unsafe {
        let found = |i: usize| eight(book, index(indices, rows[i]));
        let x = _mm256_blend_epi32::<0b1100>(found(0), found(1));
        let y = _mm256_blend_epi32::<0b1100_0000>(found(2), found(3));
        _mm256_blend_epi32::<0b1111_0000>(x, y)
    }
}

/// Row `row`'s index. Volatile, or the compiler takes it from the vector that was stored there, which costs
/// more than a load.
///
/// # Safety
/// There is one.
#[inline(always)]
unsafe fn index(indices: *const u16, row: usize) -> usize {
    // SAFETY: the caller promises it.
    unsafe { indices.add(2 * row).read_volatile() as usize }
}

/// An entry in each lane. In assembly, or the compiler makes gathers of several, or puts them together by
/// shuffles.
///
/// # Safety
/// `book` has it.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn four(book: *const u32, index: usize) -> __m256i {
    let found;
    // SAFETY: a load of what the caller promises.
    unsafe {
        asm!("vpbroadcastd {0}, dword ptr [{1} + 4 * {2}]", out(ymm_reg) found, in(reg) book, in(reg) index,
            options(pure, readonly, nostack, preserves_flags));
    }
    found
}

/// As [`four`], of eight bytes.
///
/// # Safety
/// `book` has it.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn eight(book: *const u64, index: usize) -> __m256i {
    let found;
    // SAFETY: a load of what the caller promises.
    unsafe {
        asm!("vpbroadcastq {0}, qword ptr [{1} + 8 * {2}]", out(ymm_reg) found, in(reg) book, in(reg) index,
            options(pure, readonly, nostack, preserves_flags));
    }
    found
}
