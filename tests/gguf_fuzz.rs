//! Structured mutations of small valid files, with a fixed seed: no panic, no hang, no memory beyond the bound, a fitting error.
//!
//! `WICK_FUZZ_CASES` sets their number (20,000 by default). The corpus of the cargo-fuzz target is replayed too; `WICK_BLESS=1` writes it.
#![allow(clippy::print_stdout)]

#[path = "gguf_common/counting.rs"]
mod counting;
mod gguf_common;

use counting::{Counting, peak_of};
use gguf_common::*;
use std::path::Path;
use std::time::{Duration, Instant};
use wick::gguf::write::{MetaValue, Writer};
use wick::gguf::{TensorType, ValueType};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Small files that differ in what they exercise: the seeds of the mutations, and of the corpus.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let deep = (0..63).fold(MetaValue::Array(ValueType::Bool, vec![MetaValue::Bool(false)]), |inner, _| {
        MetaValue::Array(ValueType::Array, vec![inner])
    });
    let types = TensorType::ALL.iter().filter(|kind| kind.block_bytes() <= 40);
    let types = types.fold(Writer::new().alignment(8), |writer, &kind| {
        writer.tensor(kind.name(), kind, &[kind.block_len(), 2], bytes(2 * kind.block_bytes() as usize))
    });
    let split = Writer::new()
        .meta("split.no", MetaValue::U16(0))
        .meta("split.count", MetaValue::U16(1))
        .meta("split.tensors.count", MetaValue::I32(1))
        .tensor("t", TensorType::I8, &[3], bytes(3));
    vec![
        ("small", small().to_bytes()),
        ("version2", small().version(2).to_bytes()),
        ("empty", Writer::new().to_bytes()),
        ("deep", Writer::new().meta("deep", deep).to_bytes()),
        ("types", types.to_bytes()),
        ("split", split.to_bytes()),
        ("huge_shape", Writer::new().tensor_at("t", 0, &[1 << 32, 1 << 32], 0, bytes(64)).to_bytes()),
        ("alignment0", Writer::new().alignment(0).tensor("t", TensorType::I8, &[3], bytes(3)).to_bytes()),
        ("text", b"# no model\n".to_vec()),
    ]
}

/// Marsaglia's xorshift64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}

/// A number that parsers stumble over, near the file's own or near a power of two.
fn awkward(random: &mut Random, len: usize) -> u64 {
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

fn mutate(random: &mut Random, file: &mut Vec<u8>) {
    let at = random.below(file.len());
    let len = random.below(file.len() - at).min(random.pick(&[1, 4, 8, 24, 64, 4096]));
    let width = random.pick(&[1usize, 2, 4, 8]);
    match random.below(7) {
        0 => {
            if let Some(byte) = file.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
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

/// A file with fields chosen badly rather than bytes: shapes, types, offsets, alignments, names.
fn invent(random: &mut Random) -> Vec<u8> {
    let mut writer = Writer::new().version(random.pick(&[2, 3, 3, 3]));
    if random.below(2) == 0 {
        writer = writer.alignment(random.pick(&[0, 1, 8, 16, 32, 33, 4096]));
    }
    for _ in 0..random.below(4) {
        let name = random.pick(&["k0", "k1", "k2", "general.alignment", "split.count"]);
        writer = writer.meta(name, random.pick(&[0u32, 7, 1 << 31, u32::MAX]));
    }
    let mut offset = 0;
    for tensor in 0..random.below(4) {
        let kind = random.pick(&TensorType::ALL);
        let shape: Vec<u64> = (0..random.pick(&[1, 1, 2, 3, 4, 5]))
            .map(|i| {
                if random.below(8) == 0 {
                    awkward(random, 64)
                } else if i == 0 {
                    kind.block_len()
                } else {
                    1
                }
            })
            .collect();
        let id = if random.below(16) == 0 { awkward(random, 40) as u32 } else { kind.id() };
        let len = kind.byte_len(&shape).unwrap_or(64).min(1024);
        let place = if random.below(8) == 0 { awkward(random, 64) } else { offset };
        writer = writer.tensor_at(&format!("t{}", tensor % 3), id, &shape, place, bytes(len as usize));
        offset = (offset + len).next_multiple_of(32);
    }
    writer.to_bytes()
}

#[test]
fn mutants_are_read_or_refused() {
    let cases = std::env::var_os("WICK_FUZZ_CASES").map_or(20_000, |n| n.to_str().unwrap().parse().unwrap());
    let seeds = seeds();
    let mut random = Random(0x005e_ed0f_9901);
    let (mut models, mut slowest) = (0u64, Duration::ZERO);
    for case in 0..cases {
        let mut file = if random.below(3) == 0 {
            invent(&mut random)
        } else {
            seeds[random.below(seeds.len())].1.clone()
        };
        for _ in 0..random.pick(&[0, 1, 1, 1, 2, 3, 8]) {
            if !file.is_empty() {
                mutate(&mut random, &mut file);
            }
        }
        let start = Instant::now();
        let (model, peak) = peak_of(|| judge(&file));
        slowest = slowest.max(start.elapsed());
        assert!(slowest < Duration::from_secs(2), "case {case}: {slowest:?}");
        // The judge's own copy, the header's copy and its tables, a message.
        assert!(peak <= 6 * file.len() + 4096, "case {case}: {peak} bytes for {}", file.len());
        models += u64::from(model);
    }
    println!("{cases} cases, {models} models, slowest {slowest:?}");
    assert!(cases < 1000 || (models > cases / 50 && models < cases / 2), "{models} of {cases} open");
}

#[test]
fn the_corpus_is_replayed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/gguf");
    for (name, bytes) in seeds() {
        let path = folder.join(name);
        if std::env::var_os("WICK_BLESS").is_some() {
            std::fs::write(&path, &bytes).unwrap();
        }
        assert!(
            std::fs::read(&path).unwrap() == bytes,
            "{name} is not what `seeds` makes; WICK_BLESS=1 writes it"
        );
    }
    let mut opened = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        opened += usize::from(judge(&std::fs::read(entry.unwrap().path()).unwrap()));
    }
    assert!(opened >= 6, "{opened} of the corpus open");
}
