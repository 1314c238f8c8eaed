//! The plain products: the truth that every instruction set is compared with, and the fallback. Knows no
//! vector.

use super::activations::{Activations, Quantised};
use super::block::{self, Block};
use super::float::{bf16_to_f32, f16_to_f32};
use super::generic::tree;
use super::simd::Scalar;
use super::types::{Form, Type, Weights};
use std::ops::Range;

/// `tile[t][r] = row r of weights . token t`, with `tile` as `(tokens, stride)`.
pub(crate) fn product(
    _: Scalar,
    weights: &Weights<'_>,
    rows: Range<usize>,
    activations: &Activations,
    tokens: Range<usize>,
    tile: &mut [f32],
    stride: usize,
) {
    let size = weights.row_bytes();
    let bytes = &weights.bytes()[rows.start * size..rows.end * size];
    for (r, row) in bytes.chunks_exact(size.max(1)).enumerate() {
        for (t, token) in tokens.clone().enumerate() {
            tile[t * stride + r] = match weights.ty().form() {
                Form::F32 => float_dot(weights.ty(), row, activations, token),
                Form::Q32 => dot_32(weights.ty(), row, activations, token),
                Form::Q256 => dot_256(weights.ty(), row, activations, token),
            };
        }
    }
}

/// Lane = k mod 16; the lanes are added in one tree.
fn float_dot(ty: Type, row: &[u8], activations: &Activations, token: usize) -> f32 {
    let x = &activations.f32[token * activations.cols()..(token + 1) * activations.cols()];
    let mut lanes = [0.0; 16];
    for (k, (bytes, &x)) in row.chunks_exact(ty.block_bytes()).zip(x).enumerate() {
        let weight = match *bytes {
            [a, b, c, d] => f32::from_le_bytes([a, b, c, d]),
            [a, b] if ty == Type::F16 => f16_to_f32(u16::from_le_bytes([a, b])),
            [a, b] => bf16_to_f32(u16::from_le_bytes([a, b])),
            _ => f32::NAN,
        };
        lanes[k % 16] = weight.mul_add(x, lanes[k % 16]);
    }
    tree(lanes)
}

/// One token of an interleaved group.
struct Token<'a> {
    /// The group's values: `(cols / 32, width, 32)`.
    values: &'a [i8],
    /// Tokens before this group, times blocks: where the group's scales begin.
    group: usize,
    /// The group's width.
    width: usize,
    /// Which of the group.
    lane: usize,
}

impl<'a> Token<'a> {
    fn new(from: &'a Quantised, activations: &Activations, token: usize, block: usize) -> Self {
        let (first, width) = activations.group(token);
        let cols = activations.cols();
        let values = &from.values[first * cols..(first + width) * cols];
        Self { values, group: first * (cols / block), width, lane: token - first }
    }

    /// Element `k` of the row.
    fn value(&self, k: usize) -> i32 {
        self.values[(k / 32 * self.width + self.lane) * 32 + k % 32] as i32
    }

    /// Index of block `b`'s scale.
    fn scale(&self, b: usize) -> usize {
        self.group + b * self.width + self.lane
    }
}

fn dot_32(ty: Type, row: &[u8], activations: &Activations, token: usize) -> f32 {
    let from = &activations.q32;
    let token = Token::new(from, activations, token, 32);
    let (mut block, mut sum) = (Block::default(), 0.0f32);
    for (b, bytes) in row.chunks_exact(ty.block_bytes()).enumerate() {
        for unit in 0..ty.units() {
            block::unpack(ty, bytes, unit, &mut block);
            let unit = b * ty.units() + unit;
            let dot = |codes: Range<usize>| -> i32 {
                codes.map(|k| block.codes[k] as i32 * token.value(unit * 32 + k)).sum()
            };
            let at = token.scale(unit);
            if ty.has_halves() {
                sum = (block.d * from.scales[at]).mul_add(dot(0..16) as f32, sum);
                sum = (block.high_d * from.scales[at]).mul_add(dot(16..32) as f32, sum);
                continue;
            }
            sum = (block.d * from.scales[at]).mul_add(dot(0..32) as f32, sum);
            if ty.has_min() {
                sum = block.m.mul_add(from.scaled_sums[at], sum);
            }
        }
    }
    sum
}

fn dot_256(ty: Type, row: &[u8], activations: &Activations, token: usize) -> f32 {
    let from = &activations.q256;
    let token = Token::new(from, activations, token, 256);
    let (mut block, mut sum) = (Block::default(), 0.0f32);
    for (b, bytes) in row.chunks_exact(ty.block_bytes()).enumerate() {
        block::unpack(ty, bytes, 0, &mut block);
        let at = token.scale(b);
        let (mut dot, mut minimum) = (0i32, 0i32);
        for j in 0..16 {
            let part: i32 =
                (j * 16..j * 16 + 16).map(|k| block.codes[k] as i32 * token.value(b * 256 + k)).sum();
            dot += block.scales[j] as i32 * part;
            minimum += block.mins[j] as i32 * from.sums16[at * 16 + j] as i32;
        }
        sum = (block.d * from.scales[at]).mul_add(dot as f32, sum);
        if ty.has_min() {
            sum = (-(block.m * from.scales[at])).mul_add(minimum as f32, sum);
        }
    }
    sum
}
