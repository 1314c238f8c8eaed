//! Structured mutations of small valid files, with a fixed seed: no panic, no hang, no memory beyond the
//! bound, a fitting error.
//!
//! `WICK_FUZZ_CASES` sets their number (20,000 by default). The corpus of the cargo-fuzz target is replayed
//! too; `WICK_BLESS=1` writes it.

use crate::support::fuzz::harness::Target;
use crate::support::fuzz::{Random, awkward};
use crate::support::gguf::*;
use wick::gguf::write::{MetaValue, Writer};
use wick::gguf::{TensorType, ValueType};

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

fn target() -> Target {
    // The judge's own copy, the header's copy and its tables, a message.
    Target { name: "gguf", seeds: seeds(), judge, bound: |len| 6 * len + 4096 }
}

#[test]
fn mutants_are_read_or_refused() {
    target().mutants(20_000, |random| (random.below(3) == 0).then(|| invent(random)));
}

#[test]
fn the_corpus_is_replayed() {
    target().replay(6);
}
