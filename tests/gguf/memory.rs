//! Memory: bounded by the header's bytes whatever it claims, and by the budget before anything is reserved.

use crate::support::counting::peak_of;
use crate::support::gguf::*;
use crate::support::time::time_of;
use std::sync::atomic::{AtomicU64, Ordering};
use wick::error::{ErrorKind, Result};
use wick::gguf::write::{MetaValue, Writer};
use wick::gguf::{Gguf, Limits, ReadAt, Source, TensorType, ValueType};

/// What a file of `bytes` may take while its header is read: 4 times its bytes, and a first fetch.
fn bound(bytes: usize) -> usize {
    4 * bytes + (256 << 10)
}

#[track_caller]
fn assert_bounded(name: &str, file: Vec<u8>, opens: bool) {
    let len = file.len();
    let source = memory(file);
    let (result, peak) = peak_of(|| Gguf::open_header(source, &Limits::default()));
    assert_eq!(result.is_ok(), opens, "{name}: {:?}", result.err());
    assert!(peak <= bound(len), "{name}: {peak} bytes for a file of {len}");
}

#[test]
fn f7_metadata_takes_at_most_four_times_its_bytes() {
    let keys = (0..60_000).fold(Writer::new(), |w, i| w.meta(&format!("{i:x}"), MetaValue::U8(0)));
    assert_bounded("many keys", keys.to_bytes(), true);
    let empty: MetaValue = (0..500_000).map(|_| "").collect();
    assert_bounded("many empty strings", Writer::new().meta("tokens", empty).to_bytes(), true);
    let inner = MetaValue::Array(ValueType::U8, Vec::new());
    let arrays = MetaValue::Array(ValueType::Array, vec![inner.clone(); 300_000]);
    assert_bounded("arrays of arrays", Writer::new().meta("arrays", arrays).to_bytes(), true);
    let deep = (0..64).fold(inner, |inner, _| MetaValue::Array(ValueType::Array, vec![inner]));
    assert_bounded(
        "65 deep",
        Writer::new().meta("deep", deep).meta("pad", "x".repeat(1 << 20).as_str()).to_bytes(),
        false,
    );
    assert_bounded(
        "one long string",
        Writer::new().meta("text", "x".repeat(8 << 20).as_str()).to_bytes(),
        true,
    );
}

#[test]
fn f7_a_claim_reserves_nothing() {
    let file =
        Writer::new().meta("tokens", ["a", "b"].as_slice()).meta("pad", "x".repeat(4096).as_str()).to_bytes();
    for claim in [100u64, 1 << 30, 1 << 63] {
        let to = [b"\x08\0\0\0", &claim.to_le_bytes()[..]].concat();
        assert_bounded("claimed tokens", patch(file.clone(), b"\x08\0\0\0\x02\0\0\0\0\0\0\0", &to), false);
        for at in [8, 16] {
            let mut file = file.clone();
            file[at..at + 8].copy_from_slice(&claim.to_le_bytes());
            assert_bounded("claimed counts", file, false);
        }
    }
}

/// A reader of a file that is huge and hardly there: a header, then nothing that could be read.
struct Huge {
    header: Vec<u8>,
    size: u64,
    furthest: &'static AtomicU64,
}

impl ReadAt for Huge {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&mut self, offset: u64, dst: &mut [u8]) -> Result<()> {
        self.furthest.fetch_max(offset + dst.len() as u64, Ordering::Relaxed);
        dst.fill(0);
        if let Some(from) = self.header.get(offset as usize..) {
            let len = from.len().min(dst.len());
            dst[..len].copy_from_slice(&from[..len]);
        }
        Ok(())
    }
}

#[test]
fn a_hostile_header_is_refused_before_anything_of_a_tensors_size() {
    static FURTHEST: AtomicU64 = AtomicU64::new(0);
    let len = 1u64 << 40;
    let header = Writer::new()
        .tensor_at("huge", TensorType::I8.id(), &[len], 0, Vec::new())
        .tensor_at("bad", TensorType::I8.id(), &[len], len, Vec::new())
        .to_bytes();
    let source = Source::Reader(Box::new(Huge { header, size: len + (1 << 20), furthest: &FURTHEST }));
    let (error, peak) = peak_of(|| refused(source));
    assert_error(&error, ErrorKind::ModelInvalid, &["\"bad\"", "beyond the end"]);
    assert!(peak < 1 << 20, "{peak}");
    assert!(FURTHEST.load(Ordering::Relaxed) <= 1 << 20);
}

/// F1: whatever byte of a header is another, and wherever the file ends, it is refused within 100 ms (times
/// twenty), with the place or the name of what is wrong, and before anything of a tensor's size is taken: the
/// tensors here are 2 GiB that are not there.
#[test]
fn f1_damage_is_named_before_anything_of_a_tensors_size_is_taken() {
    static FURTHEST: AtomicU64 = AtomicU64::new(0);
    let len = 1u64 << 30;
    let header = Writer::new()
        .meta("general.architecture", "llama")
        .meta("llama.block_count", 2u32)
        .meta("tokenizer.ggml.tokens", ["<s>", "a"].as_slice())
        .meta("tokenizer.ggml.scores", [0.0f32, -1.5].as_slice())
        .tensor_at("a.weight", TensorType::F32.id(), &[1 << 14, 1 << 14], 0, Vec::new())
        .tensor_at("b.weight", TensorType::Q4_0.id(), &[1 << 15, 1 << 15], len, Vec::new())
        .to_bytes();
    let whole = header.len() as u64 + 2 * len;
    let damaged = |header: Vec<u8>, size: u64, what: &str| {
        FURTHEST.store(0, Ordering::Relaxed);
        let source = Source::Reader(Box::new(Huge { header, size, furthest: &FURTHEST }));
        let mut reached = false;
        let mut stop = |_, _| {
            reached = true;
            Err(wick::error::Error::new(
                ErrorKind::StaleHandle,
                "the header is whole: no tensor is read here",
            ))
        };
        let ((opened, peak), took) =
            time_of(|| peak_of(|| Gguf::open(source, &Limits::default(), &mut stop)));
        assert!(took.as_secs() < 2, "{what}: {took:?}");
        // A text may claim a large part of the file: it is fetched; old and new memory lie side by side as it
        // grows.
        let furthest = FURTHEST.load(Ordering::Relaxed);
        assert!(
            peak as u64 <= 2 * furthest + (256 << 10),
            "{what}: {peak} bytes for {furthest} that were read"
        );
        assert!(furthest <= 256 << 20, "{what}: {furthest}");
        let error = opened.err().expect("no tensor was to be read");
        if !reached {
            assert!(
                matches!(error.kind(), ErrorKind::ModelInvalid | ErrorKind::Unsupported),
                "{what}: {error}"
            );
            assert!(error.message().contains(|c: char| c == '"' || c.is_ascii_digit()), "{what}: {error}");
        }
        reached
    };
    assert!(damaged(header.clone(), whole, "nothing"));
    for size in (0..header.len() as u64).step_by(64).chain([1, 4, 24, header.len() as u64, whole - (1 << 30)])
    {
        let there = header.get(..size as usize).unwrap_or(&header).to_vec();
        // An empty file has no place.
        assert!(size == 0 || !damaged(there, size, &format!("{size} bytes")));
    }
    let mut refused = 0;
    for at in 0..header.len() {
        for change in [0u8, 1, 0x80, 0xff] {
            let mut header = header.clone();
            header[at] ^= change;
            refused += usize::from(!damaged(header, whole, &format!("byte {at} ^ {change}")));
        }
    }
    assert!(refused > header.len() / 2, "{refused}");
}

#[test]
fn a_header_that_never_ends_is_refused() {
    static FURTHEST: AtomicU64 = AtomicU64::new(0);
    let claim = 1u64 << 39;
    let file = Writer::new().meta("endless", MetaValue::Array(ValueType::U8, Vec::new())).to_bytes();
    let header = patch(
        file,
        b"endless\x09\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        &[b"endless\x09\0\0\0\0\0\0\0", &claim.to_le_bytes()[..]].concat(),
    );
    let source = Source::Reader(Box::new(Huge { header, size: 1 << 40, furthest: &FURTHEST }));
    let (error, peak) = peak_of(|| refused(source));
    assert_error(&error, ErrorKind::ModelInvalid, &["\"endless\"", "longer than"]);
    assert!(peak < 1 << 20, "{peak}");
}

#[test]
fn f11_a_model_over_the_budget_is_refused_before_it_is_read() {
    static FURTHEST: AtomicU64 = AtomicU64::new(0);
    let len = 1u64 << 40;
    let header = Writer::new().tensor_at("huge", TensorType::I8.id(), &[len], 0, Vec::new()).to_bytes();
    let source = || {
        Source::Reader(Box::new(Huge { header: header.clone(), size: len + (1 << 20), furthest: &FURTHEST }))
    };
    let limits = Limits { max_bytes: Some(1 << 30) };
    let ((opened, header), peak) = peak_of(|| {
        (Gguf::open(source(), &limits, &mut |_, _| Ok(())).err(), Gguf::open_header(source(), &limits).err())
    });
    for error in [opened.unwrap(), header.unwrap()] {
        assert_error(&error, ErrorKind::OutOfMemory, &["1099511627", "1073741824", "budget"]);
    }
    assert!(peak < 1 << 20, "{peak}");
    assert!(FURTHEST.load(Ordering::Relaxed) <= 1 << 20);
}

#[test]
fn f11_the_budget_is_exact_and_binds_the_header_too() {
    let file = small().to_bytes();
    let gguf = open_bytes(file.clone()).unwrap();
    let needed = gguf.data_bytes() + gguf.metadata().byte_len() as u64;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.gguf");
    std::fs::write(&path, &file).unwrap();
    for no_mmap in [false, true] {
        let source = || Source::File { path: path.clone(), offset: 0, size: 0, no_mmap };
        let open =
            |max_bytes| Gguf::open(source(), &Limits { max_bytes: Some(max_bytes) }, &mut |_, _| Ok(()));
        open(needed).unwrap();
        for allowed in [needed - 1, 100, 0] {
            assert_error(
                &open(allowed).err().unwrap(),
                ErrorKind::OutOfMemory,
                &["small.gguf", &allowed.to_string()],
            );
        }
    }
}

#[test]
fn f11_a_header_over_the_budget_is_not_fetched() {
    let source = memory(Writer::new().meta("text", "x".repeat(8 << 20).as_str()).to_bytes());
    let limits = Limits { max_bytes: Some(1 << 20) };
    let (error, peak) = peak_of(|| Gguf::open_header(source, &limits).err().unwrap());
    assert_error(&error, ErrorKind::OutOfMemory, &["8388", "1048576"]);
    assert!(peak < 1 << 20, "{peak}");
}

#[test]
fn what_the_allocator_refuses_is_an_error() {
    static FURTHEST: AtomicU64 = AtomicU64::new(0);
    let len = 1u64 << 60;
    let header = Writer::new().tensor_at("huge", TensorType::I8.id(), &[len], 0, Vec::new()).to_bytes();
    let source = Source::Reader(Box::new(Huge { header, size: len + (1 << 20), furthest: &FURTHEST }));
    assert_error(&refused(source), ErrorKind::OutOfMemory, &["1152921504606846976 bytes refused"]);
}
