//! Random weights, the same everywhere: of sizes that keep a forward pass tame.

use wick::gguf::TensorType;

/// SplitMix64: the same numbers everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Within [-1, 1).
    pub fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// Random values of a size that keeps a forward pass tame: norms about 1, matrices about 1 / sqrt(row).
pub fn random_tensor(seed: u64, name: &str, shape: &[u64], kind: TensorType) -> Vec<u8> {
    let mut random =
        Random(name.bytes().fold(seed, |hash, byte| hash.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte)));
    let count: u64 = shape.iter().product();
    let row = shape.first().copied().unwrap_or(1) as f32;
    let size = 1.7 / row.sqrt();
    let mut value = || match shape.len() {
        _ if name.ends_with("norm.weight") || name.contains("ffw_norm_") => 1.0 + 0.3 * random.unit(),
        _ if name.ends_with(".scale") => 0.75 + 0.25 * random.unit(),
        _ if name.ends_with("scale.weight") => 0.8 + 0.2 * random.unit(),
        _ if name.ends_with("ssm_a") => -1.1 - random.unit(),
        _ if name.starts_with("rope_") => 2.5 + 1.5 * random.unit(),
        1 => 0.3 * random.unit(),
        _ => size * random.unit(),
    };
    match kind {
        TensorType::F32 => (0..count).flat_map(|_| value().to_le_bytes()).collect(),
        TensorType::F16 => (0..count).flat_map(|_| half::f16::from_f32(value()).to_le_bytes()).collect(),
        TensorType::BF16 => (0..count).flat_map(|_| half::bf16::from_f32(value()).to_le_bytes()).collect(),
        _ => random_blocks(&mut random, count / kind.block_len(), kind, size),
    }
}

/// Random codes under scales that give values of about `size`.
fn random_blocks(random: &mut Random, blocks: u64, kind: TensorType, size: f32) -> Vec<u8> {
    // Where the f16 scale lies, the greatest code times inner scale; where the f16 minimum lies, which makes
    // the mean zero.
    let (at, codes, minimum) = match kind {
        TensorType::Q4_0 => (0, 8.0, None),
        TensorType::IQ4_NL => (0, 127.0, None),
        TensorType::Q4_1 => (0, 8.0, Some((2, -size))),
        TensorType::Q5_0 => (0, 16.0, None),
        TensorType::Q5_1 => (0, 16.0, Some((2, -size))),
        TensorType::Q8_0 => (0, 127.0, None),
        TensorType::Q2_K => (80, 3.0 * 15.0, Some((82, size / 30.0))),
        TensorType::Q3_K => (108, 4.0 * 32.0, None),
        TensorType::Q4_K => (0, 15.0 * 63.0, Some((2, size / 126.0))),
        TensorType::Q5_K => (0, 31.0 * 63.0, Some((2, size / 126.0))),
        TensorType::Q6_K => (208, 32.0 * 127.0, None),
        TensorType::IQ4_XS => (0, 127.0 * 32.0, None),
        TensorType::IQ2_XXS | TensorType::IQ2_XS | TensorType::IQ2_S => (0, 43.0 * 4.0, None),
        TensorType::IQ3_XXS => (0, 62.0 * 8.0, None),
        TensorType::IQ3_S => (0, 15.0 * 31.0, None),
        TensorType::IQ1_S | TensorType::IQ1_M => (0, 15.0, None),
        TensorType::MXFP4 => (0, 12.0, None),
        TensorType::NVFP4 => (0, 6.0, None),
        TensorType::Q1_0 => (0, 1.7, None),
        TensorType::Q2_0 => (0, 2.0, None),
        other => panic!("no random blocks of {}", other.name()),
    };
    let mut bytes = Vec::new();
    for _ in 0..blocks {
        let mut block: Vec<u8> = (0..kind.block_bytes()).map(|_| random.next() as u8).collect();
        let mut put = |at: usize, value: f32| {
            let [low, high] = half::f16::from_f32(value).to_le_bytes();
            match kind {
                // A power of two, by its exponent.
                TensorType::MXFP4 => block[0] = (value.to_bits() >> 23) as u8,
                // Four bits of exponent and three of mantissa, of each 16; some are twice as great.
                TensorType::NVFP4 => {
                    let seven = (value.to_bits() >> 20) as u8 & 0x7f ^ 0x40;
                    block[..4].iter_mut().for_each(|scale| *scale = seven + (*scale & 8));
                }
                // A nibble atop each of the four words of scales.
                TensorType::IQ1_M => {
                    for (word, nibble) in [low & 15, low >> 4, high & 15, high >> 4].into_iter().enumerate() {
                        let byte = &mut block[49 + 2 * word];
                        *byte = *byte & 15 | nibble << 4;
                    }
                }
                _ => block[at..at + 2].copy_from_slice(&[low, high]),
            }
        };
        put(at, size / codes);
        if let Some((at, value)) = minimum {
            put(at, value);
        }
        bytes.extend(block);
    }
    bytes
}
