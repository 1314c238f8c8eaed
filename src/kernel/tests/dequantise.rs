//! What the types mean, by cases worked out by hand.

use super::*;

#[test]
fn blocks_of_32_by_hand() {
    let one = f32_to_f16(1.0).to_le_bytes();
    let two = f32_to_f16(2.0).to_le_bytes();
    let read = |ty: Type, parts: &[&[u8]]| {
        let mut out = vec![0.0; 32];
        dequantise(ty, &parts.concat(), &mut out);
        (out[0], out[1], out[16], out[31])
    };
    let mut codes = [0x88u8; 16];
    codes[0] = 0x2f;
    codes[15] = 0x70;
    assert_eq!(read(Type::Q4_0, &[&two, &codes]), (14.0, 0.0, -12.0, -2.0));
    assert_eq!(read(Type::Q4_1, &[&two, &one, &codes]), (31.0, 17.0, 5.0, 15.0));
    let high = 0x8001_0001u32.to_le_bytes();
    assert_eq!(read(Type::Q5_0, &[&one, &high, &codes]), (15.0, -8.0, 2.0, 7.0));
    assert_eq!(read(Type::Q5_1, &[&one, &two, &high, &codes]), (33.0, 10.0, 20.0, 25.0));
    assert_eq!(read(Type::IQ4_NL, &[&one, &codes]), (113.0, 1.0, -83.0, -10.0));
    assert_eq!(read(Type::MXFP4, &[&[128], &codes]), (-12.0, 0.0, 2.0, 12.0));
    let bytes: Vec<u8> = (0..32u8).map(|k| if k == 31 { 0x80 } else { k }).collect();
    assert_eq!(read(Type::Q8_0, &[&two, &bytes]), (0.0, 2.0, 32.0, -256.0));
}

#[test]
fn blocks_of_several_units_by_hand() {
    let read = |ty: Type, bytes: &[u8], at: &[usize]| -> Vec<f32> {
        let mut out = vec![0.0; ty.block_len()];
        dequantise(ty, bytes, &mut out);
        at.iter().map(|&at| out[at]).collect()
    };
    // One, 1.125, the greatest, the least; low nibbles are elements 0 to 7 of each 16.
    let mut block = [0u8; 36];
    block[..4].copy_from_slice(&[0x38, 0x39, 0x7e, 0x01]);
    (block[4], block[11], block[12], block[20], block[28]) = (0x72, 0xf1, 0x21, 0x71, 0x0f);
    let values = read(Type::NVFP4, &block, &[0, 8, 7, 15, 16, 24, 32, 40, 48, 56]);
    assert_eq!(values, [1.0, 6.0, 0.5, -6.0, 0.5625, 1.125, 224.0, 2688.0, -6.0 / 512.0, 0.0]);
    // What E4M3 calls NaN is zero; the sign does not count.
    block[..4].copy_from_slice(&[0x7f, 0xff, 0xb8, 0x00]);
    assert_eq!(read(Type::NVFP4, &block, &[0, 16, 32, 40, 48]), [0.0, 0.0, 0.5, 6.0, 0.0]);
    let two = f32_to_f16(2.0).to_le_bytes();
    let mut block = [0u8; 18];
    block[..2].copy_from_slice(&two);
    (block[2], block[17]) = (0b0000_0101, 0x80);
    assert_eq!(read(Type::Q1_0, &block, &[0, 1, 2, 3, 126, 127]), [2.0, -2.0, 2.0, -2.0, -2.0, 2.0]);
    (block[2], block[17]) = (0b1110_0100, 0xc0);
    assert_eq!(read(Type::Q2_0, &block, &[0, 1, 2, 3, 62, 63]), [-2.0, 0.0, 2.0, 4.0, -2.0, 4.0]);
}

#[test]
fn float_rows_by_hand() {
    let mut out = [0.0; 2];
    dequantise(Type::F16, &[0x00, 0x3c, 0x00, 0xc0], &mut out);
    assert_eq!(out, [1.0, -2.0]);
    dequantise(Type::BF16, &[0x80, 0x3f, 0x00, 0xc0], &mut out);
    assert_eq!(out, [1.0, -2.0]);
}

/// FNV-1a over the bits of 16 dequantised blocks of pseudo-random bytes, as the reference has them:
/// `gguf.quants.dequantize` of the Python package gguf 0.19.0. It lacks Q1_0 and Q2_0: theirs are by numpy,
/// from the description of their layouts.
const REFERENCE: [(Type, u64); 23] = [
    (Type::Q4_0, 0x29ead405e8633b25),
    (Type::Q4_1, 0xa8aae4485e9f7b25),
    (Type::Q5_0, 0xf2fd455dc38a7325),
    (Type::Q5_1, 0x8c4ac66f5fb1cf25),
    (Type::Q8_0, 0x94229f0c3d542025),
    (Type::IQ4_NL, 0xc683f0dcfab53e25),
    (Type::MXFP4, 0xd0fdeb33b8454b25),
    (Type::NVFP4, 0x5fdf1fcb7c387325),
    (Type::Q1_0, 0x21065add1548c325),
    (Type::Q2_0, 0x832f4a58440f7325),
    (Type::Q2_K, 0x475f4c7185c01d25),
    (Type::Q3_K, 0xea98ff0b5f8a0425),
    (Type::Q4_K, 0x5c1f417761507385),
    (Type::Q5_K, 0x03d585145488be45),
    (Type::Q6_K, 0x06b900809fecc41d),
    (Type::IQ4_XS, 0x060235c95283f28d),
    (Type::IQ2_XXS, 0x4cd10b43d47a9c25),
    (Type::IQ2_XS, 0x302cd8159df1a925),
    (Type::IQ2_S, 0x9d7471cef970a325),
    (Type::IQ3_XXS, 0xe5cb7caafaab6565),
    (Type::IQ3_S, 0x6dff74e8c5e401e5),
    (Type::IQ1_S, 0x386cb500bb9d0b25),
    (Type::IQ1_M, 0x643f7910e0777925),
];

/// 16 blocks of bytes from a linear congruential generator, with fixed scales.
fn reference_bytes(ty: Type) -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let mut bytes: Vec<u8> = (0..16 * ty.block_bytes()).map(|_| next()).collect();
    let (scale, min) = ([0xec, 0x35], [0xb8, 0xb2]);
    for block in bytes.chunks_exact_mut(ty.block_bytes()) {
        let mut put = |at: usize, half: [u8; 2]| block[at..at + 2].copy_from_slice(&half);
        match ty {
            Type::MXFP4 => block[0] = 120,
            Type::NVFP4 => {}
            Type::IQ1_M => {
                for (i, nibble) in [0xc, 0xe, 0x5, 0x3].into_iter().enumerate() {
                    block[49 + 2 * i] = block[49 + 2 * i] & 15 | nibble << 4;
                }
            }
            Type::Q4_1 | Type::Q5_1 | Type::Q4_K | Type::Q5_K => {
                put(0, scale);
                put(2, min);
            }
            Type::Q2_K => {
                put(80, scale);
                put(82, min);
            }
            Type::Q3_K => put(108, scale),
            Type::Q6_K => put(208, scale),
            _ => put(0, scale),
        }
    }
    bytes
}

#[test]
fn every_quantised_type_agrees_with_the_reference() {
    for (ty, expected) in REFERENCE {
        let mut out = vec![0.0; 16 * ty.block_len()];
        dequantise(ty, &reference_bytes(ty), &mut out);
        let hash = out.iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, value| {
            // Zeros have no sign here.
            (hash ^ (value + 0.0).to_bits() as u64).wrapping_mul(0x100_0000_01b3)
        });
        assert_eq!(hash, expected, "{ty}");
    }
}
