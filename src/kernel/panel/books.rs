//! Unpacking the types with code books, ggml's IQ1 to IQ3; knows nothing of the others. Safety of each
//! `unpack`: see [`Format`].
//!
//! A book is too large for registers, and gathers are slow where the processor's microcode guards them. So
//! look-ups go row by row, an entry of four or eight codes at once ([`Tiles::fours`], [`Tiles::eights`]);
//! indices, signs and scales are vectors with one lane per row, as elsewhere. What the types mean (ggml:
//! `dequantize_row_iq2_xxs` to `dequantize_row_iq1_m`) is in `block/iq.rs`.
#![allow(clippy::needless_range_loop)] // Iterators over vectors are not always inlined.

use super::format::place::{D256, PAIRS, SCALES};
use super::format::{Format, Sink, bits};
use super::large::eight;
use crate::kernel::block::grids::{self, Eights, Fours};
use crate::kernel::tiles::Tiles;
use crate::kernel::types::Type;
use std::mem::MaybeUninit;

/// Entries of eight codes as they are looked up: a byte each, `times` the code plus `plus`.
const fn eights<const N: usize>(book: &Eights<N>, times: i64, plus: i64) -> [u64; N] {
    let mut entries = [0; N];
    let mut i = 0;
    while i < 8 * N {
        entries[i / 8] |= ((book.get(i / 8)[i % 8] as i64 * times + plus) as u64) << (8 * (i % 8));
        i += 1;
    }
    entries
}

/// Entries of four codes, plus 64.
const fn fours<const N: usize>(book: &Fours<N>) -> [u32; N] {
    let mut entries = [0; N];
    let mut i = 0;
    while i < 4 * N {
        entries[i / 4] |= ((book.get(i / 4)[i % 4] as i32 + 64) as u32) << (8 * (i % 4));
        i += 1;
    }
    entries
}

static IQ2_XXS: [u64; 256] = eights(&grids::IQ2_XXS, 1, 64);
static IQ2_XS: [u64; 512] = eights(&grids::IQ2_XS, 1, 64);
static IQ2_S: [u64; 1024] = eights(&grids::IQ2_S, 1, 64);
static IQ3_XXS: [u32; 256] = fours(&grids::IQ3_XXS);
static IQ3_S: [u32; 512] = fours(&grids::IQ3_S);
/// In eighths, all of them an eighth up.
static IQ1: [u64; 2048] = eights(&grids::IQ1, 8, 65);

/// What is added to a word of IQ1 that is an eighth down.
const DOWN: i32 = 0xfefe_fefeu32 as i32;

/// A block's indices on the way through memory, from vectors to addresses.
#[repr(align(64))]
struct Indices([MaybeUninit<u16>; 64 * 16]);

/// Where entries are, in a group of four whose indices were 16-bit halves of two vectors in this order.
const IN_ORDER: [usize; 4] = [0, 1, 2, 3];
/// The same if the first vector had the even ones.
const EVEN_FIRST: [usize; 4] = [0, 2, 1, 3];

impl Indices {
    const NONE: Self = Self([MaybeUninit::uninit(); _]);

    /// Takes the indices of four entries, group `group`.
    ///
    /// # Safety
    /// `group` is below 16.
    #[inline(always)]
    unsafe fn put<S: Tiles>(&mut self, s: S, group: usize, [first, second]: [S::I; 2]) {
        let to = self.0.as_mut_ptr().wrapping_add(4 * group * S::ROWS);
        // SAFETY: there is room for 16 groups of two vectors of at most 16 lanes; they are aligned as `self`
        // is.
        unsafe {
            s.store_i(first, to.cast());
            s.store_i(second, to.add(2 * S::ROWS).cast());
        }
    }

    /// The first row's index of entry `entry`; a row's is two further than that of the row before.
    #[inline(always)]
    fn at<S: Tiles>(&self, entry: usize) -> *const u16 {
        self.0.as_ptr().cast::<u16>().wrapping_add(entry / 2 * 2 * S::ROWS + entry % 2)
    }
}

/// Indices of 16 bits from four bytes: the even ones, then the odd ones.
#[inline(always)]
fn widened<S: Tiles>(s: S, bytes: S::I) -> [S::I; 2] {
    [bits(s, bytes, 0, 0x00ff_00ff), bits(s, bytes, 8, 0x00ff_00ff)]
}

/// Indices of more than eight bits: those above byte i's begin at bit `step * i` of `high`; `mask` is where
/// they belong.
#[inline(always)]
fn heightened<S: Tiles>(s: S, bytes: S::I, high: S::I, step: u32, mask: i32) -> [S::I; 2] {
    let [even, odd] = widened(s, bytes);
    let low = |by| s.and(s.shl(high, 8 - by), s.splat_i(mask));
    let up = |by| s.and(s.shl(high, 24 - by), s.splat_i(mask << 16));
    [s.or(even, s.or(low(0), up(2 * step))), s.or(odd, s.or(low(step), up(3 * step)))]
}

/// Bytes of seven signs each, with an eighth that makes their number even.
#[inline(always)]
fn even_signs<S: Tiles>(s: S, sevens: S::I) -> S::I {
    // The eighth bit of four bits, or of three, that are set an odd number of times.
    const ODD: [u8; 16] = {
        let mut table = [0; 16];
        let mut i = 0u32;
        while i < 16 {
            table[i as usize] = (i.count_ones() as u8 & 1) << 7;
            i += 1;
        }
        table
    };
    let low = s.look_up(&ODD, bits(s, sevens, 0, 0x0f0f_0f0f));
    let high = s.look_up(&ODD, bits(s, sevens, 4, 0x0f0f_0f0f));
    s.or(sevens, s.xor(low, high))
}

/// Four times seven bits, as bytes.
#[inline(always)]
fn sevens<S: Tiles>(s: S, x: S::I) -> S::I {
    let low = s.or(bits(s, x, 0, 0x7f), s.and(s.shl(x, 1), s.splat_i(0x7f00)));
    let high = s.or(s.and(s.shl(x, 2), s.splat_i(0x7f_0000)), s.and(s.shl(x, 3), s.splat_i(0x7f00_0000)));
    s.or(low, high)
}

/// Writes entries of eight codes with their signs; `slots` and `bytes` say where a group has its indices and
/// their signs.
///
/// # Safety
/// Eight groups of indices were put, all below `N`.
#[inline(always)]
unsafe fn put_eights<S: Tiles, const N: usize>(
    s: S,
    to: &mut impl Sink<S>,
    (book, indices): (&[u64; N], &Indices),
    signs: [S::I; 8],
    (slots, bytes): ([usize; 4], [usize; 4]),
) {
    for group in 0..8 {
        let (word, at, signs) = (8 * group, |i: usize| indices.at::<S>(4 * group + slots[i]), signs[group]);
        // Written out: the compiler does not unroll a loop of this, and the places of signs are then
        // variable. SAFETY: a block has 32 entries in 64 words; the book has them.
        unsafe {
            put_mirrored(s, to, word, s.eights(book.as_ptr(), at(0)), signs, 8 * bytes[0]);
            put_mirrored(s, to, word + 2, s.eights(book.as_ptr(), at(1)), signs, 8 * bytes[1]);
            put_mirrored(s, to, word + 4, s.eights(book.as_ptr(), at(2)), signs, 8 * bytes[2]);
            put_mirrored(s, to, word + 6, s.eights(book.as_ptr(), at(3)), signs, 8 * bytes[3]);
        }
    }
}

/// Writes entries of four codes with their signs.
///
/// # Safety
/// 16 groups of indices were put, all below `N`.
#[inline(always)]
unsafe fn put_fours<S: Tiles, const N: usize>(
    s: S,
    to: &mut impl Sink<S>,
    (book, indices): (&[u32; N], &Indices),
    signs: [S::I; 8],
) {
    for group in 0..16 {
        let (word, at) = (4 * group, |i: usize| indices.at::<S>(4 * group + EVEN_FIRST[i]));
        let signs = s.shr(signs[group / 2], 16 * (group % 2) as u32);
        // SAFETY: a block has 64 entries, a word each; the book has them.
        unsafe {
            let (a, b) = (s.fours(book.as_ptr(), at(0)), s.fours(book.as_ptr(), at(1)));
            put_mirrored(s, to, word, [a, b], signs, 0);
            let (c, d) = (s.fours(book.as_ptr(), at(2)), s.fours(book.as_ptr(), at(3)));
            put_mirrored(s, to, word + 2, [c, d], signs, 8);
        }
    }
}

/// Writes two words with the signs that begin at bit `first`.
///
/// # Safety
/// A block has those words.
#[inline(always)]
unsafe fn put_mirrored<S: Tiles>(
    s: S,
    to: &mut impl Sink<S>,
    word: usize,
    [x, y]: [S::I; 2],
    signs: S::I,
    first: usize,
) {
    // SAFETY: as the caller promises.
    unsafe {
        to.code(s, word, s.mirror(x, signs, first as u32));
        to.code(s, word + 1, s.mirror(y, signs, first as u32 + 4));
    }
}

/// Writes the scales, which are odd, from what they are twice of, and one; and their pairs.
#[inline(always)]
unsafe fn put_scales<S: Tiles, const N: usize>(s: S, to: &mut impl Sink<S>, halves: [S::I; N]) {
    let odd = |x| s.or(s.shl(x, 1), s.splat_i(1));
    for i in 0..N / 2 {
        let (first, second) = (odd(halves[2 * i]), odd(halves[2 * i + 1]));
        // SAFETY: a block has at most 16 scales and half as many pairs.
        unsafe {
            to.put(s, SCALES + 2 * i, first);
            to.put(s, SCALES + 2 * i + 1, second);
            to.put(s, PAIRS + i, s.or(first, s.shl(second, 16)));
        }
    }
}

/// Writes d from the low halves of words, times `by`, a power of two.
#[inline(always)]
unsafe fn put_d<S: Tiles>(s: S, to: &mut impl Sink<S>, words: S::I, by: f32) {
    // SAFETY: a block has a d.
    unsafe { to.put_r(s, D256, s.mul_r(s.low_halves(words), s.splat_r(by))) }
}

/// Writes the d that a block of at least 16 bytes begins with.
#[inline(always)]
unsafe fn put_first_d<S: Tiles>(s: S, to: &mut impl Sink<S>, from: *const u8, stride: usize, by: f32) {
    // SAFETY: within the block.
    unsafe {
        let [first, ..] = s.words(from, stride);
        put_d(s, to, first, by);
    }
}

#[derive(Clone, Copy)]
pub(super) struct Iq2Xxs;

impl Format for Iq2Xxs {
    const TYPE: Type = Type::IQ2_XXS;

    #[inline(always)]
    unsafe fn unpack<S: Tiles>(self, s: S, from: *const u8, stride: usize, to: &mut impl Sink<S>) {
        let (mut indices, mut signs, mut scales) = (Indices::NONE, [s.splat_i(0); 8], [s.splat_i(0); 8]);
        // SAFETY: within a block of 66 bytes; indices have eight bits.
        unsafe {
            for i in 0..4 {
                let [a, b, c, d] = s.words(from.add(2 + 16 * i), stride);
                indices.put(s, 2 * i, widened(s, a));
                indices.put(s, 2 * i + 1, widened(s, c));
                signs[2 * i] = even_signs(s, sevens(s, b));
                signs[2 * i + 1] = even_signs(s, sevens(s, d));
                scales[2 * i] = s.shr(b, 28);
                scales[2 * i + 1] = s.shr(d, 28);
            }
            put_eights(s, to, (&IQ2_XXS, &indices), signs, (EVEN_FIRST, IN_ORDER));
            put_scales(s, to, scales);
            put_first_d(s, to, from, stride, 1.0 / 8.0);
        }
    }
}

/// Scales of IQ2_XS and IQ2_S: a nibble for each 16 codes.
#[inline(always)]
unsafe fn put_nibble_scales<S: Tiles>(s: S, to: &mut impl Sink<S>, words: [S::I; 2]) {
    let mut scales = [s.splat_i(0); 16];
    for j in 0..16 {
        scales[j] = bits(s, words[j / 8], 4 * (j % 8) as u32, 15);
    }
    // SAFETY: 16 scales.
    unsafe { put_scales(s, to, scales) }
}

#[derive(Clone, Copy)]
pub(super) struct Iq2Xs;

impl Format for Iq2Xs {
    const TYPE: Type = Type::IQ2_XS;

    #[inline(always)]
    unsafe fn unpack<S: Tiles>(self, s: S, from: *const u8, stride: usize, to: &mut impl Sink<S>) {
        let (mut indices, mut signs) = (Indices::NONE, [s.splat_i(0); 8]);
        // SAFETY: within a block of 74 bytes; indices have nine bits.
        unsafe {
            for i in 0..4 {
                let [a, b, c, d] = s.words(from.add(2 + 16 * i), stride);
                let index = |x| bits(s, x, 0, 0x01ff_01ff);
                indices.put(s, 2 * i, [index(a), index(b)]);
                indices.put(s, 2 * i + 1, [index(c), index(d)]);
                // The even entries' signs come first.
                let sevens = |x, y| s.or(bits(s, x, 9, 0x007f_007f), bits(s, y, 1, 0x7f00_7f00));
                signs[2 * i] = even_signs(s, sevens(a, b));
                signs[2 * i + 1] = even_signs(s, sevens(c, d));
            }
            put_eights(s, to, (&IQ2_XS, &indices), signs, (IN_ORDER, EVEN_FIRST));
            let [.., a, b] = s.words(from.add(58), stride);
            put_nibble_scales(s, to, [a, b]);
            put_first_d(s, to, from, stride, 1.0 / 8.0);
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Iq2S;

impl Format for Iq2S {
    const TYPE: Type = Type::IQ2_S;

    #[inline(always)]
    unsafe fn unpack<S: Tiles>(self, s: S, from: *const u8, stride: usize, to: &mut impl Sink<S>) {
        let mut indices = Indices::NONE;
        // SAFETY: within a block of 82 bytes; indices have eight bits and two.
        unsafe {
            let [high_a, high_b, scales @ ..] = s.words(from.add(66), stride);
            let (low, high) = (eight(s, from.add(2), stride), [high_a, high_b]);
            for i in 0..8 {
                let high = s.shr(high[i / 4], 8 * (i % 4) as u32);
                indices.put(s, i, heightened(s, low[i], high, 2, 0x300));
            }
            let signs = eight(s, from.add(34), stride);
            put_eights(s, to, (&IQ2_S, &indices), signs, (EVEN_FIRST, IN_ORDER));
            put_nibble_scales(s, to, scales);
            put_first_d(s, to, from, stride, 1.0 / 8.0);
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Iq3Xxs;

impl Format for Iq3Xxs {
    const TYPE: Type = Type::IQ3_XXS;

    #[inline(always)]
    unsafe fn unpack<S: Tiles>(self, s: S, from: *const u8, stride: usize, to: &mut impl Sink<S>) {
        let (mut indices, mut scales) = (Indices::NONE, [s.splat_i(0); 8]);
        // SAFETY: within a block of 98 bytes; indices have eight bits.
        unsafe {
            for half in 0..2 {
                let low = eight(s, from.add(2 + 32 * half), stride);
                for i in 0..8 {
                    indices.put(s, 8 * half + i, widened(s, low[i]));
                }
            }
            let mut signs = eight(s, from.add(66), stride);
            for i in 0..8 {
                scales[i] = s.shr(signs[i], 28);
                signs[i] = even_signs(s, sevens(s, signs[i]));
            }
            put_fours(s, to, (&IQ3_XXS, &indices), signs);
            put_scales(s, to, scales);
            put_first_d(s, to, from, stride, 1.0 / 4.0);
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Iq3S;

impl Format for Iq3S {
    const TYPE: Type = Type::IQ3_S;

    #[inline(always)]
    unsafe fn unpack<S: Tiles>(self, s: S, from: *const u8, stride: usize, to: &mut impl Sink<S>) {
        let (mut indices, mut scales) = (Indices::NONE, [s.splat_i(0); 8]);
        // SAFETY: within a block of 110 bytes; indices have eight bits and one.
        unsafe {
            let [high_a, high_b, ..] = s.words(from.add(66), stride);
            let high = [high_a, high_b];
            for half in 0..2 {
                let low = eight(s, from.add(2 + 32 * half), stride);
                for i in 0..8 {
                    let high = s.shr(high[half], 4 * i as u32);
                    indices.put(s, 8 * half + i, heightened(s, low[i], high, 1, 0x100));
                }
            }
            put_fours(s, to, (&IQ3_S, &indices), eight(s, from.add(74), stride));
            let [.., nibbles] = s.words(from.add(94), stride);
            for i in 0..8 {
                scales[i] = bits(s, nibbles, 4 * i as u32, 15);
            }
            put_scales(s, to, scales);
            put_first_d(s, to, from, stride, 1.0);
        }
    }
}

/// Writes entries of IQ1. If bit `first + step * i` of a group's `downs` is set, its entry i is an eighth
/// down.
///
/// # Safety
/// Eight groups of indices were put, all of eleven bits.
#[inline(always)]
unsafe fn put_eighths<S: Tiles>(
    s: S,
    to: &mut impl Sink<S>,
    indices: &Indices,
    downs: [S::I; 8],
    (first, step): (u32, u32),
) {
    for group in 0..8 {
        let (word, at, downs) =
            (8 * group, |i: usize| indices.at::<S>(4 * group + EVEN_FIRST[i]), downs[group]);
        // SAFETY: a block has 32 entries in 64 words; the book has all of eleven bits.
        unsafe {
            put_lowered(s, to, word, s.eights(IQ1.as_ptr(), at(0)), downs, first);
            put_lowered(s, to, word + 2, s.eights(IQ1.as_ptr(), at(1)), downs, first + step);
            put_lowered(s, to, word + 4, s.eights(IQ1.as_ptr(), at(2)), downs, first + 2 * step);
            put_lowered(s, to, word + 6, s.eights(IQ1.as_ptr(), at(3)), downs, first + 3 * step);
        }
    }
}

/// Writes two words of IQ1, an eighth down if bit `bit` of `downs` is set.
///
/// # Safety
/// A block has those words.
#[inline(always)]
unsafe fn put_lowered<S: Tiles>(
    s: S,
    to: &mut impl Sink<S>,
    word: usize,
    [x, y]: [S::I; 2],
    downs: S::I,
    bit: u32,
) {
    let down = s.and(s.sar(s.shl(downs, 31 - bit), 31), s.splat_i(DOWN));
    // SAFETY: as the caller promises.
    unsafe {
        to.code(s, word, s.add_8(x, down));
        to.code(s, word + 1, s.add_8(y, down));
    }
}

#[derive(Clone, Copy)]
pub(super) struct Iq1S;

impl Format for Iq1S {
    const TYPE: Type = Type::IQ1_S;

    #[inline(always)]
    unsafe fn unpack<S: Tiles>(self, s: S, from: *const u8, stride: usize, to: &mut impl Sink<S>) {
        let (mut indices, mut high, mut scales) = (Indices::NONE, [s.splat_i(0); 8], [s.splat_i(0); 8]);
        // SAFETY: within a block of 50 bytes; indices have eight bits and three.
        unsafe {
            let (low, pairs) = (eight(s, from.add(2), stride), s.words(from.add(34), stride));
            for i in 0..8 {
                high[i] = s.shr(pairs[i / 2], 16 * (i % 2) as u32);
                scales[i] = bits(s, high[i], 12, 7);
                indices.put(s, i, heightened(s, low[i], high[i], 3, 0x700));
            }
            put_eighths(s, to, &indices, high, (15, 0));
            put_scales(s, to, scales);
            put_first_d(s, to, from, stride, 1.0 / 8.0);
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Iq1M;

impl Format for Iq1M {
    const TYPE: Type = Type::IQ1_M;

    #[inline(always)]
    unsafe fn unpack<S: Tiles>(self, s: S, from: *const u8, stride: usize, to: &mut impl Sink<S>) {
        let (mut indices, mut high, mut scales) = (Indices::NONE, [s.splat_i(0); 8], [s.splat_i(0); 16]);
        // SAFETY: within a block of 56 bytes; indices have eight bits and three.
        unsafe {
            let (low, pairs) = (eight(s, from, stride), s.words(from.add(32), stride));
            for i in 0..8 {
                high[i] = s.shr(pairs[i / 2], 16 * (i % 2) as u32);
                indices.put(s, i, heightened(s, low[i], high[i], 4, 0x700));
            }
            put_eighths(s, to, &indices, high, (3, 4));
            let [.., a, b] = s.words(from.add(40), stride);
            for j in 0..16 {
                let (word, at) = (if j < 8 { a } else { b }, 16 * (j / 4 % 2) + 3 * (j % 4));
                scales[j] = bits(s, word, at as u32, 7);
            }
            put_scales(s, to, scales);
            // d is in the high nibbles of the four 16-bit words.
            let low = s.or(bits(s, a, 12, 0xf), bits(s, a, 24, 0xf0));
            let high = s.or(bits(s, b, 4, 0xf00), bits(s, b, 16, 0xf000));
            put_d(s, to, s.or(low, high), 1.0 / 8.0);
        }
    }
}
