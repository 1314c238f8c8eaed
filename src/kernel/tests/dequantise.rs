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
fn float_rows_by_hand() {
    let mut out = [0.0; 2];
    dequantise(Type::F16, &[0x00, 0x3c, 0x00, 0xc0], &mut out);
    assert_eq!(out, [1.0, -2.0]);
    dequantise(Type::BF16, &[0x80, 0x3f, 0x00, 0xc0], &mut out);
    assert_eq!(out, [1.0, -2.0]);
}
