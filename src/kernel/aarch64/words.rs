//! Two registers of lanes, one lane per row of a panel, and what is done to both. Knows no kernel.

use std::arch::aarch64::*;

/// 8 lanes, one per row of a panel.
pub(super) type Words = [uint32x4_t; 2];
pub(super) type Floats = [float32x4_t; 2];

/// `f` of both registers.
#[inline(always)]
pub(super) fn one<A: Copy, Y>(a: [A; 2], f: impl Fn(A) -> Y) -> [Y; 2] {
    [f(a[0]), f(a[1])]
}

/// `f` of both registers of `a` and `b`.
#[inline(always)]
pub(super) fn two<A: Copy, B: Copy, Y>(a: [A; 2], b: [B; 2], f: impl Fn(A, B) -> Y) -> [Y; 2] {
    [f(a[0], b[0]), f(a[1], b[1])]
}
