//! Every instruction set against the plain kernels, bit for bit, and the plain ones against f64.

mod attention;
mod dequantise;
mod products;
mod rows;

use super::*;

/// A small generator of random numbers (xorshift64*).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Within [-1, 1).
    pub(super) fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    pub(super) fn values(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.unit()).collect()
    }
}

/// Random rows of `ty`: any codes, modest scales.
pub(super) fn weights(ty: Type, rows: usize, cols: usize, random: &mut Random) -> Vec<u8> {
    let size = ty.row_bytes(cols).expect("whole blocks");
    let mut bytes: Vec<u8> = (0..rows * size).map(|_| random.bits() as u8).collect();
    for block in bytes.chunks_exact_mut(ty.block_bytes()) {
        let mut half = |at: usize| {
            let scale = f32_to_f16(random.unit() * 0.1);
            block[at..at + 2].copy_from_slice(&scale.to_le_bytes());
        };
        match ty {
            Type::F32 => block.copy_from_slice(&random.unit().to_le_bytes()),
            Type::BF16 => block.copy_from_slice(&random.unit().to_le_bytes()[2..]),
            Type::F16 => half(0),
            Type::NVFP4 => block[..4].fill_with(|| 0x18 + (random.bits() % 32) as u8),
            Type::MXFP4 => block[0] = 118 + (random.bits() % 8) as u8,
            Type::Q4_1 | Type::Q5_1 | Type::Q4_K | Type::Q5_K => [0, 2].into_iter().for_each(half),
            Type::Q2_K => [80, 82].into_iter().for_each(half),
            Type::Q3_K => half(108),
            Type::Q6_K => half(208),
            Type::IQ1_M => {
                // Its scale is in the high nibbles of four 16-bit words.
                let scale = f32_to_f16(random.unit() * 0.1).to_le_bytes();
                for (i, nibble) in
                    [scale[0] & 15, scale[0] >> 4, scale[1] & 15, scale[1] >> 4].into_iter().enumerate()
                {
                    block[49 + 2 * i] = block[49 + 2 * i] & 15 | nibble << 4;
                }
            }
            _ => half(0),
        }
    }
    bytes
}

#[test]
#[allow(clippy::print_stdout)] // scripts/aarch64.sh reads it.
fn the_plain_table_comes_first_and_each_set_once() {
    let sets: Vec<_> = Kernels::available().iter().map(|kernels| kernels.set()).collect();
    println!("instruction sets: {sets:?}");
    assert_eq!((sets[0], sets.last()), (InstructionSet::Scalar, Some(&Kernels::best().set())));
    assert!((1..sets.len()).all(|i| !sets[..i].contains(&sets[i])), "{sets:?}");
}

/// Equal bits, or both NaN.
#[track_caller]
pub(super) fn same(ours: &[f32], truth: &[f32], what: &str) {
    assert_eq!(ours.len(), truth.len(), "{what}");
    for (i, (a, b)) in ours.iter().zip(truth).enumerate() {
        assert!(a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(), "{what}: [{i}] {a:e} is not {b:e}");
    }
}

/// Every form that `cols` allows.
pub(super) fn all_forms() -> Forms {
    Forms::NONE.with(Form::F32).with(Form::Q32).with(Form::Q256)
}

/// The rows of `x` as activations, quantised by `kernels`.
pub(super) fn activations(kernels: &Kernels, x: &[f32], cols: usize) -> Activations {
    let mut to = Activations::default();
    to.prepare(x.len() / cols, cols, all_forms()).expect("memory");
    to.f32[..x.len()].copy_from_slice(x);
    for first in (0..to.tokens()).step_by(GROUP) {
        let (_, width) = to.group(first);
        let (rows, part) = (&x[first * cols..(first + width) * cols], first * cols..(first + width) * cols);
        let by = |n: usize| part.start / n..part.end / n;
        if cols.is_multiple_of(32) {
            let out = Group32 {
                values: &mut to.q32.values[part.clone()],
                scales: &mut to.q32.scales[by(32)],
                scaled_sums: &mut to.q32.scaled_sums[by(32)],
                sums: &mut to.q32.sums[by(32)],
                sums16: &mut to.q32.sums16[by(16)],
            };
            kernels.quantise_32(rows, width, out);
        }
        if cols.is_multiple_of(256) {
            let out = Group256 {
                values: &mut to.q256.values[part.clone()],
                scales: &mut to.q256.scales[by(256)],
                sums16: &mut to.q256.sums16[by(16)],
                sums32: &mut to.q256.sums32[by(32)],
            };
            kernels.quantise_256(rows, width, out);
        }
    }
    to
}
