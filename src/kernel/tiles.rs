//! Vectors with one lane per weight row: what unpacking and integer products are written in. Knows no type of
//! weights.
#![allow(clippy::needless_range_loop)] // Iterators over vectors are not always inlined.

use super::simd::Simd;

/// An instruction set with vectors of 32-bit lanes, one lane per row of a panel.
///
/// Integer vectors are also words of four bytes: four consecutive codes of each row.
pub(crate) trait Tiles: Simd {
    /// Rows of a panel: lanes of a vector.
    const ROWS: usize;
    /// Tokens of a register tile at most: 4 or 8.
    const TOKENS: usize;
    /// Panels of a register tile: 2 where 2 * `TOKENS` sums and a panel's words fit the registers, else 1. Of
    /// two, words are taken by `dot`: `store_word` and `mixed` are then those below.
    const PANELS: usize;
    /// Tokens whose sums and totals fit the registers beside a block of 32 that is unpacked: 1 to
    /// [`super::activations::GROUP`].
    const DIRECT: usize;
    /// Whether 8-bit codes are kept signed. Else they are kept plus 128, unsigned.
    const SIGNED: bool;
    /// Whether `dot` takes all eight bits only if it is `WIDE`; else that changes nothing.
    const NARROW: bool;
    /// `ROWS` lanes of 32 bits.
    type I: Copy;
    /// `ROWS` lanes of f32.
    type R: Copy;

    /// A vector from aligned memory of a panel.
    ///
    /// # Safety
    /// `from` has `4 * ROWS` readable bytes and that alignment.
    unsafe fn load_i(self, from: *const u8) -> Self::I;
    /// A vector to aligned memory of a panel.
    ///
    /// # Safety
    /// `to` has `4 * ROWS` writable bytes and that alignment.
    unsafe fn store_i(self, x: Self::I, to: *mut u8);
    /// Word `index` of a block's codes to the block's place in a panel, as `dots` takes it. Word 2i comes
    /// before 2i + 1.
    ///
    /// # Safety
    /// The block is aligned and has room for its words; that before an odd one was stored.
    #[inline(always)]
    unsafe fn store_word(self, codes: Self::I, panel: *mut u8, index: usize) {
        // SAFETY: as the caller promises.
        unsafe { self.store_i(codes, panel.add(index * 4 * Self::ROWS)) }
    }
    /// As `load_i`, of any alignment.
    ///
    /// # Safety
    /// `from` has `ROWS` readable values.
    unsafe fn load_r(self, from: *const f32) -> Self::R;
    /// As `store_i`, of any alignment.
    ///
    /// # Safety
    /// `to` has `ROWS` writable values.
    unsafe fn store_r(self, x: Self::R, to: *mut f32);
    /// The 16 bytes at `from` and at each further `stride`, as four vectors: vector j has word j of each row.
    ///
    /// # Safety
    /// 16 bytes are readable in each of `ROWS` rows.
    unsafe fn words(self, from: *const u8, stride: usize) -> [Self::I; 4];
    /// The four bytes at `from` and at each further `stride`.
    ///
    /// # Safety
    /// 4 bytes are readable in each of `ROWS` rows.
    unsafe fn word(self, from: *const u8, stride: usize) -> Self::I;

    fn splat_i(self, x: i32) -> Self::I;
    fn splat_r(self, x: f32) -> Self::R;
    fn and(self, a: Self::I, b: Self::I) -> Self::I;
    fn or(self, a: Self::I, b: Self::I) -> Self::I;
    fn xor(self, a: Self::I, b: Self::I) -> Self::I;
    /// Each lane shifted left.
    fn shl(self, x: Self::I, by: u32) -> Self::I;
    /// Each lane shifted right, zeros coming in.
    fn shr(self, x: Self::I, by: u32) -> Self::I;
    /// Each lane shifted right, signs coming in.
    fn sar(self, x: Self::I, by: u32) -> Self::I;
    fn add_i(self, a: Self::I, b: Self::I) -> Self::I;
    /// The low 32 bits of each lane's product.
    fn mul_i(self, a: Self::I, b: Self::I) -> Self::I;
    /// Differences of 16-bit halves.
    fn sub_16(self, a: Self::I, b: Self::I) -> Self::I;
    /// Sums of bytes.
    fn add_8(self, a: Self::I, b: Self::I) -> Self::I;
    /// `table[byte]` for each byte, which is below 16.
    fn look_up(self, table: &[u8; 16], x: Self::I) -> Self::I;
    /// Byte b of each lane becomes `value` if bit `first + b` of the lane is set, else 0; `first` is a
    /// multiple of 4.
    fn spread(self, bits: Self::I, first: u32, value: u8) -> Self::I;
    /// Byte b of each lane, at most 128, is taken from 128 if bit `first + b` of the lane of `bits` is set;
    /// `first` is a multiple of 4.
    #[inline(always)]
    fn mirror(self, x: Self::I, bits: Self::I, first: u32) -> Self::I {
        // From x to 255 - x by turning its bits, and from there to 128 - x.
        let set = self.spread(bits, first, 0xff);
        self.add_8(self.xor(x, set), self.and(set, self.splat_i(0x8181_8181u32 as i32)))
    }
    /// The four pairs of bits of byte `index` of each lane, the lowest first, as four bytes.
    #[inline(always)]
    fn quarters(self, x: Self::I, index: u32) -> Self::I {
        let byte = self.and(self.shr(x, 8 * index), self.splat_i(0xff));
        let two = self.or(byte, self.shl(byte, 6));
        self.and(self.or(two, self.shl(two, 12)), self.splat_i(0x0303_0303))
    }
    /// Row r's four bytes are `book[indices[2 * r]]`.
    ///
    /// # Safety
    /// There are indices for `ROWS` rows, and `book` has what they stand for.
    unsafe fn fours(self, book: *const u32, indices: *const u16) -> Self::I;
    /// As `fours`, of eight bytes: the first four, and the others.
    ///
    /// # Safety
    /// See `fours`.
    unsafe fn eights(self, book: *const u64, indices: *const u16) -> [Self::I; 2];
    /// The low halves of the lanes, f16, as f32.
    fn low_halves(self, x: Self::I) -> Self::R;
    /// `sum + codes . values`, four of each per lane. Codes are unsigned and below 128, unless `WIDE`: then
    /// see `SIGNED`, and `NARROW`.
    ///
    /// # Safety
    /// `values` has 4 readable bytes.
    unsafe fn dot<const WIDE: bool>(self, sum: Self::I, codes: Self::I, values: *const i8) -> Self::I;
    /// [`Tiles::dot`] of the words that `store_word` stored at `codes` with each of `N` tokens, whose words
    /// lie 32 bytes apart; `words` is a multiple of 4. The sums are `mixed`.
    ///
    /// # Safety
    /// `codes` is aligned and has `words` vectors, `values` as many words of each token.
    #[inline(always)]
    unsafe fn dots<const WIDE: bool, const N: usize>(
        self,
        mut sums: [Self::I; N],
        codes: *const u8,
        values: *const i8,
        words: usize,
    ) -> [Self::I; N] {
        for j in 0..words {
            // SAFETY: as the caller promises.
            unsafe {
                let codes = self.load_i(codes.add(j * 4 * Self::ROWS));
                for t in 0..N {
                    sums[t] = self.dot::<WIDE>(sums[t], codes, values.add(32 * t + 4 * j));
                }
            }
        }
        sums
    }
    /// Sums of `N` tokens as `dots` has them: some instruction sets keep those of two tokens among each
    /// other. Nothing else may be done with them then but `add_scaled` and `ordered`.
    #[inline(always)]
    fn mixed<const N: usize>(self, sums: [Self::I; N]) -> [Self::I; N] {
        sums
    }
    /// The reverse of `mixed`: a vector for each token, a lane for each row.
    #[inline(always)]
    fn ordered<const N: usize>(self, sums: [Self::I; N]) -> [Self::I; N] {
        sums
    }
    /// `sums + parts * scale` with `mixed` sums and parts; `scale` has a lane for each row.
    #[inline(always)]
    fn add_scaled<const N: usize>(
        self,
        mut sums: [Self::I; N],
        parts: [Self::I; N],
        scale: Self::I,
    ) -> [Self::I; N] {
        for t in 0..N {
            sums[t] = self.add_i(sums[t], self.mul_i(parts[t], scale));
        }
        sums
    }
    /// `sum + a . b`, two 16-bit integers of each per lane.
    ///
    /// # Safety
    /// `b` has two readable values.
    unsafe fn dot_16(self, sum: Self::I, a: Self::I, b: *const i16) -> Self::I;
    fn to_float(self, x: Self::I) -> Self::R;
    fn mul_r(self, a: Self::R, b: Self::R) -> Self::R;
    /// `a * b + c`, rounded once.
    fn fma_r(self, a: Self::R, b: Self::R, c: Self::R) -> Self::R;
    /// `c - a * b`, rounded once.
    fn fnma_r(self, a: Self::R, b: Self::R, c: Self::R) -> Self::R;
}
