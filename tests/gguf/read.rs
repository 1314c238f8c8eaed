//! What a valid file says is what comes out: values, tensors, versions, sources.

#![allow(clippy::print_stdout)]

use crate::support::gguf::*;
use std::io::Write;
use std::sync::{Arc, Mutex};
use wick::error::{Error, ErrorKind, Result};
use wick::gguf::write::{MetaValue, Writer};
use wick::gguf::{Array, Gguf, Limits, ReadAt, Source, Strs, TensorType, Value, ValueType};

fn assert_small(gguf: &Gguf) {
    let metadata = gguf.metadata();
    assert_eq!(metadata.require::<&str>("general.architecture").unwrap(), "llama");
    assert_eq!(metadata.len(), 16);
    let names: Vec<_> = gguf.tensors().iter().map(|t| t.name()).collect();
    assert_eq!(names, ["f32", "q4_0", "f16", "q6_k"]);
    for (name, shape, len) in [
        ("f32", &[3][..], 12),
        ("q4_0", &[64, 3], 108),
        ("f16", &[2, 2, 2], 16),
        ("q6_k", &[256, 1, 1, 2], 420),
    ] {
        let tensor = gguf.tensor(name).unwrap();
        assert_eq!(tensor.shape(), shape);
        assert_eq!(tensor.elements(), shape.iter().product::<u64>());
        assert_eq!(gguf.bytes(tensor), bytes(len));
    }
    assert!(gguf.tensor("f33").is_none());
    assert_eq!(exercise(gguf), 12 + 108 + 16 + 420);
}

#[test]
fn every_value_type_comes_back() {
    let gguf = open_bytes(small().to_bytes()).unwrap();
    let metadata = gguf.metadata();
    let expected = [
        ("llama.block_count", Value::U32(2)),
        ("u8", Value::U8(200)),
        ("i8", Value::I8(-100)),
        ("u16", Value::U16(60_000)),
        ("i16", Value::I16(-30_000)),
        ("i32", Value::I32(-2_000_000_000)),
        ("u64", Value::U64(u64::MAX)),
        ("i64", Value::I64(i64::MIN)),
        ("epsilon", Value::F32(1e-5)),
        ("f64", Value::F64(0.1)),
        ("bool", Value::Bool(true)),
    ];
    for (key, value) in expected {
        assert_eq!(metadata.get(key), Some(value), "{key}");
    }
    let tokens: Strs = metadata.require("tokenizer.ggml.tokens").unwrap();
    assert_eq!(tokens.len(), 4);
    assert_eq!(tokens.collect::<Vec<_>>(), ["<s>", "a", "世界", ""]);
    let scores: Array = metadata.require("tokenizer.ggml.scores").unwrap();
    assert_eq!(scores.floats().unwrap().collect::<Vec<_>>(), [0.0, -1.5, -2.5, 3.0]);
    assert!(scores.integers().is_none() && scores.strs().is_none());
    let types: Array = metadata.require("tokenizer.ggml.token_type").unwrap();
    assert_eq!(types.integers().unwrap().collect::<Vec<_>>(), [3, 1, 1, 6]);
    assert!(types.floats().is_none());
    let nested: Array = metadata.require("nested").unwrap();
    let inner: Vec<_> = nested.iter().collect();
    let Value::Array(numbers) = inner[0] else { panic!("{:?}", inner[0]) };
    assert_eq!(numbers.integers().unwrap().collect::<Vec<_>>(), [-1, i128::from(i64::MAX)]);
    assert_eq!(inner.len(), 2);
}

#[test]
fn integers_convert_where_they_fit_and_errors_name_the_key() {
    let gguf = open_bytes(small().to_bytes()).unwrap();
    let metadata = gguf.metadata();
    assert_eq!(metadata.find::<u32>("u8").unwrap(), Some(200));
    assert_eq!(metadata.find::<i64>("i8").unwrap(), Some(-100));
    assert_eq!(metadata.find::<u64>("u64").unwrap(), Some(u64::MAX));
    assert_eq!(metadata.find::<u32>("nothing").unwrap(), None);
    let invalid = ErrorKind::ModelInvalid;
    assert_error(&metadata.find::<u32>("i8").unwrap_err(), invalid, &["\"i8\"", "-100", "0 to 4294967295"]);
    assert_error(&metadata.find::<u32>("u64").unwrap_err(), invalid, &["\"u64\"", "18446744073709551615"]);
    assert_error(&metadata.find::<u32>("epsilon").unwrap_err(), invalid, &["\"epsilon\"", "F32"]);
    assert_error(&metadata.find::<bool>("u8").unwrap_err(), invalid, &["\"u8\"", "200", "a bool"]);
    assert_error(
        &metadata.find::<&str>("nested").unwrap_err(),
        invalid,
        &["an array of 2 Array", "a string"],
    );
    assert_error(
        &metadata.find::<Strs>("tokenizer.ggml.scores").unwrap_err(),
        invalid,
        &["array of strings"],
    );
    assert_error(&metadata.require::<u32>("nothing").unwrap_err(), invalid, &["\"nothing\"", "missing"]);
}

#[test]
fn versions_2_and_3_read_alike() {
    for version in [2, 3] {
        let gguf = open_bytes(small().version(version).to_bytes()).unwrap();
        assert_eq!(gguf.version(), version);
        assert_small(&gguf);
    }
}

#[test]
fn alignments_other_than_the_default_hold() {
    for alignment in [1u32, 8, 64, 4096, 1 << 20] {
        let file = Writer::new()
            .alignment(alignment)
            .tensor("a", TensorType::I8, &[5], bytes(5))
            .tensor("b", TensorType::I8, &[7], bytes(7))
            .to_bytes();
        let gguf = open_bytes(file).unwrap();
        assert_eq!(gguf.alignment(), u64::from(alignment));
        assert_eq!(gguf.tensor_data_offset() % u64::from(alignment), 0);
        assert_eq!(gguf.bytes(gguf.tensor("b").unwrap()), bytes(7));
    }
}

#[test]
fn a_file_is_mapped_or_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.gguf");
    std::fs::write(&path, small().to_bytes()).unwrap();
    let mapped = open(Source::path(&path)).unwrap();
    assert!(mapped.is_mapped());
    assert_small(&mapped);
    let owned = open(Source::File { path, offset: 0, size: 0, no_mmap: true }).unwrap();
    assert!(!owned.is_mapped());
    assert_small(&owned);
    assert_eq!(owned.bytes(owned.tensor("f32").unwrap()).as_ptr().align_offset(64), 0);
    assert_eq!(owned.file_bytes(), small().to_bytes().len() as u64);
}

#[test]
fn a_part_of_a_file_at_any_offset_is_mapped() {
    let file = small().to_bytes();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("game.pak");
    for offset in [1u64, 63, 4096, 5001] {
        let pak = [bytes(offset as usize), file.clone(), b"GGUF and more".to_vec()].concat();
        std::fs::write(&path, pak).unwrap();
        for size in [0, file.len() as u64] {
            for no_mmap in [false, true] {
                let gguf = open(Source::File { path: path.clone(), offset, size, no_mmap }).unwrap();
                assert_eq!(gguf.is_mapped(), !no_mmap);
                assert_small(&gguf);
            }
        }
        let short =
            Source::File { path: path.clone(), offset, size: file.len() as u64 - 400, no_mmap: false };
        assert_error(&refused(short), ErrorKind::ModelInvalid, &["q6_k", "beyond the end"]);
    }
    let beyond = Source::File { path: path.clone(), offset: 1 << 40, size: 0, no_mmap: false };
    assert_error(&refused(beyond), ErrorKind::InvalidArgument, &["game.pak", "1099511627776"]);
    let wrapping = Source::File { path, offset: 1, size: u64::MAX, no_mmap: false };
    assert_error(&refused(wrapping), ErrorKind::InvalidArgument, &["18446744073709551615"]);
}

#[test]
fn memory_of_any_alignment_works() {
    struct Shifted(Vec<u8>, usize);
    impl AsRef<[u8]> for Shifted {
        fn as_ref(&self) -> &[u8] {
            &self.0[self.1..]
        }
    }
    for shift in 0..65 {
        let bytes = [bytes(shift), small().to_bytes()].concat();
        assert_small(&open(Source::Memory(Box::new(Shifted(bytes, shift)))).unwrap());
    }
}

#[test]
fn the_hosts_memory_is_given_back() {
    struct Lent {
        bytes: Vec<u8>,
        _alive: Arc<()>,
    }
    impl AsRef<[u8]> for Lent {
        fn as_ref(&self) -> &[u8] {
            &self.bytes
        }
    }
    let alive = Arc::new(());
    let lend = |bytes| Source::Memory(Box::new(Lent { bytes, _alive: Arc::clone(&alive) }));
    let gguf = open(lend(small().to_bytes())).unwrap();
    assert_eq!(Arc::strong_count(&alive), 2);
    drop(gguf);
    refused(lend(b"no model".to_vec()));
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
#[should_panic(expected = "does not lie in this model")]
fn another_models_tensor_has_no_bytes_here() {
    let other = open_bytes(small().to_bytes()).unwrap();
    let tiny = open_bytes(Writer::new().tensor("f32", TensorType::F32, &[1], bytes(4)).to_bytes()).unwrap();
    tiny.bytes(other.tensor("q6_k").unwrap());
}

/// A host's reader that notes what it is asked for.
struct Host {
    bytes: Vec<u8>,
    calls: Arc<Mutex<Vec<(u64, usize)>>>,
    fail_from: u64,
}

impl ReadAt for Host {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&mut self, offset: u64, dst: &mut [u8]) -> Result<()> {
        self.calls.lock().unwrap().push((offset, dst.len()));
        if offset + dst.len() as u64 > self.fail_from {
            return Err(Error::new(ErrorKind::Io, "the pak is gone"));
        }
        dst.copy_from_slice(&self.bytes[offset as usize..][..dst.len()]);
        Ok(())
    }
}

#[test]
fn a_reader_is_read_in_pieces_of_at_most_16_mib() {
    let len = 40 << 20;
    let file = small().tensor("large", TensorType::I8, &[len], vec![7; len as usize]).to_bytes();
    let total = file.len() as u64;
    let calls = Arc::new(Mutex::new(Vec::new()));
    let source = |fail_from| {
        Source::Reader(Box::new(Host { bytes: file.clone(), calls: Arc::clone(&calls), fail_from }))
    };
    let mut seen = Vec::new();
    let gguf = Gguf::open(source(u64::MAX), &Limits::default(), &mut |done, all| {
        seen.push((done, all));
        Ok(())
    })
    .unwrap();
    assert!(gguf.bytes(gguf.tensor("large").unwrap()).iter().all(|&b| b == 7));
    assert!(!gguf.is_mapped());
    assert!(
        calls.lock().unwrap().iter().all(|&(offset, len)| len <= 16 << 20 && offset + len as u64 <= total)
    );
    assert_eq!(seen.first(), Some(&(0, gguf.data_bytes())));
    assert_eq!(seen.last(), Some(&(gguf.data_bytes(), gguf.data_bytes())));
    assert!(seen.is_sorted());
    for fail_from in [0, 20 << 20] {
        assert_error(&refused(source(fail_from)), ErrorKind::Io, &["the pak is gone"]);
    }
}

#[test]
fn progress_stops_the_load_with_its_own_error() {
    let file = small().tensor("large", TensorType::I8, &[40 << 20], vec![7; 40 << 20]).to_bytes();
    for stop_at in [0, 16 << 20] {
        let calls = Arc::default();
        let source = Source::Reader(Box::new(Host { bytes: file.clone(), calls, fail_from: u64::MAX }));
        let mut reports = 0;
        let stopped = Gguf::open(source, &Limits::default(), &mut |done, _| {
            reports += 1;
            if done >= stop_at { Err(Error::new(ErrorKind::Busy, "stopped")) } else { Ok(()) }
        });
        assert_eq!(stopped.err(), Some(Error::new(ErrorKind::Busy, "stopped")));
        assert_eq!(reports, if stop_at == 0 { 1 } else { 2 });
    }
}

#[test]
fn a_header_needs_no_tensor_data() {
    let file = small().tensor("large", TensorType::I8, &[40 << 20], vec![7; 40 << 20]).to_bytes();
    let calls = Arc::new(Mutex::new(Vec::new()));
    let source =
        Source::Reader(Box::new(Host { bytes: file, calls: Arc::clone(&calls), fail_from: u64::MAX }));
    let header = Gguf::open_header(source, &Limits::default()).unwrap();
    exercise_header(&header);
    assert_eq!(header.tensors().len(), 5);
    assert!(calls.lock().unwrap().iter().map(|&(_, len)| len).sum::<usize>() <= 1 << 20);
}

#[test]
fn what_is_written_again_is_equal() {
    let first = small().to_bytes();
    let gguf = open_bytes(first.clone()).unwrap();
    let mut writer = Writer::new();
    for (key, value) in gguf.metadata().iter() {
        writer = writer.meta(key, MetaValue::from(value));
    }
    for tensor in gguf.tensors() {
        writer = writer.tensor(tensor.name(), tensor.kind(), tensor.shape(), gguf.bytes(tensor));
    }
    assert_eq!(writer.to_bytes(), first);
    let mut streamed = Vec::new();
    writer.write_to(&mut streamed).unwrap();
    streamed.flush().unwrap();
    assert_eq!(streamed, first);
}

#[test]
fn types_have_the_ids_and_sizes_of_ggml() {
    let known = [
        ("F32", 0, 1, 4),
        ("Q4_0", 2, 32, 18),
        ("Q8_0", 8, 32, 34),
        ("Q2_K", 10, 256, 84),
        ("Q6_K", 14, 256, 210),
        ("IQ2_XXS", 16, 256, 66),
        ("IQ4_XS", 23, 256, 136),
        ("BF16", 30, 1, 2),
        ("MXFP4", 39, 32, 17),
        ("NVFP4", 40, 64, 36),
        ("Q1_0", 41, 128, 18),
        ("Q2_0", 42, 64, 18),
    ];
    for (name, id, len, bytes) in known {
        let kind = TensorType::from_id(id).unwrap();
        assert_eq!((kind.name(), kind.block_len(), kind.block_bytes()), (name, len, bytes));
    }
    for kind in TensorType::ALL {
        assert_eq!(TensorType::from_id(kind.id()), Some(kind));
        assert_eq!(format!("{kind:?}"), kind.name());
    }
    for kind in ValueType::ALL {
        assert_eq!(ValueType::from_id(kind.id()), Some(kind));
    }
}

#[test]
fn it_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>(value: T) -> Arc<T> {
        Arc::new(value)
    }
    let gguf = shared(open_bytes(small().to_bytes()).unwrap());
    assert_small(&gguf);
}

#[test]
fn real_vocabularies_and_models_are_read() {
    for path in vocabularies().into_iter().chain(models()) {
        let gguf = open(Source::path(&path)).unwrap();
        exercise_header(&gguf);
        let architecture: &str = gguf.metadata().require("general.architecture").unwrap();
        let tokens: Strs = gguf.metadata().require("tokenizer.ggml.tokens").unwrap();
        let (count, tensors) = (tokens.len(), gguf.tensors().len());
        println!("{}: {architecture}, {count} tokens, {tensors} tensors", path.display());
        assert_eq!(tokens.count(), count);
        for tensor in gguf.tensors() {
            assert_eq!(gguf.bytes(tensor).len() as u64, tensor.byte_len());
        }
    }
}
