//! Mutations of bytes: bits, awkward numbers, pieces cut out, doubled or moved. Knows no field.

use super::Random;

/// A number that parsers stumble over, near the file's own length or near a power of two.
pub fn awkward(random: &mut Random, len: usize) -> u64 {
    let near = random.pick(&[
        0,
        1,
        8,
        32,
        64,
        255,
        1 << 16,
        1 << 31,
        1 << 32,
        1 << 62,
        1 << 63,
        len as u64,
        len as u64 / 33,
    ]);
    match random.below(4) {
        0 => random.next() >> random.below(64),
        1 => near.wrapping_sub(1),
        2 => near.wrapping_add(1),
        _ => near,
    }
}

/// One change of `file`; none if it is empty.
pub fn mutate(random: &mut Random, file: &mut Vec<u8>) {
    if file.is_empty() {
        return;
    }
    let at = random.below(file.len());
    let len = random.below(file.len() - at).min(random.pick(&[1, 4, 8, 24, 64, 4096]));
    let width = random.pick(&[1usize, 2, 4, 8]);
    match random.below(7) {
        0 => file[at] ^= 1 << random.below(8),
        1..=3 => {
            let number = awkward(random, file.len()).to_le_bytes();
            for (to, from) in file.iter_mut().skip(at).zip(&number[..width]) {
                *to = *from;
            }
        }
        4 => {
            file.drain(at..at + len);
        }
        5 => {
            let piece = file[at..at + len].to_vec();
            let to = random.below(file.len());
            file.splice(to..to, piece);
        }
        _ if random.below(4) == 0 => file.truncate(at),
        _ => {
            let piece = file[at..at + len].to_vec();
            let to = random.below(file.len() - len + 1);
            file[to..to + len].copy_from_slice(&piece);
        }
    }
}
