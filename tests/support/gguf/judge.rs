//! The judge of fuzzed files: whatever the bytes, a consistent model or a fitting error. Tests and the fuzz
//! target share it.
#![allow(dead_code)] // Tests of valid files use a part of it.

use wick::error::ErrorKind;
use wick::gguf::{Gguf, Header, Limits, Source, Value};

/// Opens `bytes` and asks everything; whether they were a model. Panics where a promise is broken.
pub fn judge(bytes: &[u8]) -> bool {
    let source = Source::Memory(Box::new(bytes.to_vec()));
    match Gguf::open(source, &Limits::default(), &mut |_, _| Ok(())) {
        Ok(gguf) => {
            exercise(&gguf);
            true
        }
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::ModelInvalid | ErrorKind::Unsupported), "{error}");
            assert!(error.message().len() > 20, "{error}");
            false
        }
    }
}

/// Asks everything of a model; gives the bytes of its tensors.
pub fn exercise(gguf: &Gguf) -> u64 {
    exercise_header(gguf);
    let mut sum = 0u64;
    for tensor in gguf.tensors() {
        let bytes = gguf.bytes(tensor);
        assert_eq!(bytes.len() as u64, tensor.byte_len());
        std::hint::black_box(bytes.iter().fold(0u8, |sum, b| sum ^ b)); // Every byte can be read.
        sum += bytes.len() as u64;
    }
    assert!(sum <= gguf.data_bytes());
    sum
}

/// The same for a header alone.
pub fn exercise_header(header: &Header) {
    assert!(header.alignment().is_power_of_two());
    let mut keys = 0;
    for (key, value) in header.metadata().iter() {
        assert_eq!(header.metadata().get(key).map(|v| v.kind()), Some(value.kind()));
        exercise_value(value);
        keys += 1;
    }
    assert_eq!(keys, header.metadata().len());
    for tensor in header.tensors() {
        assert!(header.tensor(tensor.name()).is_some_and(|found| std::ptr::eq(found, tensor)));
        assert!((1..=4).contains(&tensor.shape().len()));
        assert_eq!(tensor.kind().byte_len(tensor.shape()).unwrap(), tensor.byte_len());
        assert_eq!(tensor.offset() % header.alignment(), 0);
    }
    assert!(header.data_bytes() <= header.file_bytes());
}

fn exercise_value(value: Value) {
    let _ = value.to_string();
    if let Value::Str(text) = value {
        assert!(std::str::from_utf8(text.as_bytes()).is_ok());
    }
    let Value::Array(array) = value else { return };
    let mut items = 0;
    for item in array.iter() {
        assert_eq!(item.kind(), array.kind());
        exercise_value(item);
        items += 1;
    }
    assert_eq!(items, array.len());
    if let Some(strings) = array.strs() {
        assert_eq!(strings.len(), array.len());
        assert_eq!(strings.count(), array.len());
    }
    if let Some(numbers) = array.integers() {
        assert_eq!(numbers.count(), array.len());
    }
    if let Some(numbers) = array.floats() {
        assert_eq!(numbers.count(), array.len());
    }
}
