//! Memory: bounded by the header's bytes whatever it claims, and by the budget before anything is reserved.

#[path = "gguf_common/counting.rs"]
mod counting;
mod gguf_common;

use counting::{Counting, peak_of};
use gguf_common::*;
use std::sync::atomic::{AtomicU64, Ordering};
use wick::error::{ErrorKind, Result};
use wick::gguf::write::{MetaValue, Writer};
use wick::gguf::{Gguf, Limits, ReadAt, Source, TensorType, ValueType};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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
fn metadata_takes_at_most_four_times_its_bytes() {
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
fn a_claim_reserves_nothing() {
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
fn a_model_over_the_budget_is_refused_before_it_is_read() {
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
fn the_budget_is_exact_and_binds_the_header_too() {
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
fn a_header_over_the_budget_is_not_fetched() {
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
