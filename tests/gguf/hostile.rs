//! Malformed and hostile files are refused, with a kind and a message that names the thing.

use crate::support::gguf::*;
use crate::support::time::time_of;
use std::time::Duration;
use wick::error::ErrorKind::{Io, ModelInvalid, Unsupported};
use wick::gguf::write::{MetaValue, Writer};
use wick::gguf::{Source, TensorType, ValueType};

/// Twenty times the goal, in time that was computed.
const GENEROUS: Duration = Duration::from_secs(2);

fn tensor(dims: &[u64], type_id: u32, offset: u64) -> Vec<u8> {
    Writer::new().tensor_at("blk.0.attn_q.weight", type_id, dims, offset, bytes(256)).to_bytes()
}

#[test]
fn f1_every_truncation_is_refused() {
    let file = small().to_bytes();
    for len in 0..file.len() - 32 {
        let (error, took) = time_of(|| refused(memory(&file[..len])));
        assert_error(&error, ModelInvalid, &[]);
        let named =
            ["byte", "tensor", "empty", "not a GGUF"].iter().any(|part| error.message().contains(part));
        assert!(named, "{len}: {error}");
        assert!(took <= GENEROUS, "{len}: {took:?}");
    }
}

#[test]
fn f1_a_real_vocabulary_cut_at_every_64th_byte_is_refused() {
    let Some(path) = vocabularies().into_iter().find(|path| path.ends_with("ggml-vocab-gpt-2.gguf")) else {
        return;
    };
    let file = std::fs::read(path).unwrap();
    // Every 64th byte of the first part; further on the cuts fall into the same two arrays of strings.
    for len in (0..64 << 10).step_by(64).chain((64 << 10..file.len()).step_by(64 << 8)) {
        let (error, took) = time_of(|| refused(memory(&file[..len])));
        assert_error(&error, ModelInvalid, &[]);
        assert!(took <= GENEROUS, "{len}: {took:?}");
    }
}

#[test]
fn f1_every_byte_mutated_is_read_or_refused() {
    let file = small().to_bytes();
    let (mut read, mut refused) = (0, 0);
    for at in 0..file.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff, file[at] ^ 1, file[at].wrapping_add(1)] {
            let mut mutant = file.clone();
            mutant[at] = value;
            match open_bytes(mutant) {
                Ok(gguf) => {
                    exercise(&gguf);
                    read += 1;
                }
                Err(error) => {
                    assert!(matches!(error.kind(), ModelInvalid | Unsupported), "{at}: {error}");
                    refused += 1;
                }
            }
        }
    }
    assert!(read > 0 && refused > 0);
}

#[test]
fn f1_random_bytes_are_refused() {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    for case in 0..2000 {
        let mut file: Vec<u8> = (0..case)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state as u8
            })
            .collect();
        if case % 2 == 0 {
            file.splice(0..0, *b"GGUF\x03\0\0\0");
        }
        let error = refused(memory(file));
        assert_error(&error, ModelInvalid, &[]);
    }
}

#[test]
fn f1_what_is_no_model_is_named() {
    assert_refused(b"".as_slice(), ModelInvalid, &["empty"]);
    assert_refused(b"G".as_slice(), ModelInvalid, &["not a GGUF", "\"G\""]);
    assert_refused(b"# A text file\n".as_slice(), ModelInvalid, &["not a GGUF", "\"# A \""]);
    assert_refused(b"PK\x03\x04\0\0".as_slice(), ModelInvalid, &["not a GGUF", r"PK\x03\x04"]);
    let folder = tempfile::tempdir().unwrap();
    assert_error(
        &refused(Source::path(folder.path())),
        Io,
        &["is a directory", folder.path().to_str().unwrap()],
    );
    assert_error(
        &refused(Source::path(folder.path().join("none.gguf"))),
        Io,
        &["none.gguf", "cannot be opened"],
    );
    let empty = folder.path().join("empty.gguf");
    std::fs::write(&empty, "").unwrap();
    assert_error(&refused(Source::path(&empty)), ModelInvalid, &["empty.gguf", "is empty"]);
}

#[cfg(unix)]
#[test]
fn a_device_is_refused_without_waiting() {
    assert_error(&refused(Source::path("/dev/zero")), Io, &["/dev/zero", "not a regular file"]);
}

#[cfg(unix)]
#[test]
fn a_pipe_is_refused_without_waiting_for_its_writer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe.gguf");
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    assert_error(&refused(Source::path(&path)), Io, &["pipe.gguf", "not a regular file"]);
}

#[test]
fn other_versions_and_big_endian_files_are_unsupported() {
    for version in [0, 1, 4, 0xffff] {
        let found = format!("GGUF version {version};");
        assert_refused(small().version(version).to_bytes(), Unsupported, &[&found, "2 and 3"]);
    }
    for version in [2u32, 3] {
        assert_refused(small().version(version.swap_bytes()).to_bytes(), Unsupported, &["big-endian GGUF"]);
    }
    assert_refused(b"FUGG\0\0\0\x03".as_slice(), Unsupported, &["big-endian GGUF"]);
}

#[test]
fn f2_alignment_is_a_power_of_two() {
    for alignment in [0, 3, 33, 48, 1 << 21, u32::MAX] {
        let found = alignment.to_string();
        let file = Writer::new().meta("general.alignment", alignment).to_bytes();
        assert_refused(file, ModelInvalid, &["general.alignment", &found]);
    }
    let file = Writer::new().meta("general.alignment", "32").to_bytes();
    assert_refused(file, ModelInvalid, &["general.alignment", "\"32\""]);
}

#[test]
fn f3_impossible_shapes_are_refused() {
    let f32 = TensorType::F32.id();
    let name = "blk.0.attn_q.weight";
    assert_refused(tensor(&[], f32, 0), ModelInvalid, &[name, "0 dimensions"]);
    assert_refused(tensor(&[1, 1, 1, 1, 1], f32, 0), ModelInvalid, &[name, "5 dimensions"]);
    assert_refused(tensor(&[4, 0], f32, 0), ModelInvalid, &[name, "[4, 0]"]);
    assert_refused(tensor(&[1 << 32, 1 << 32], f32, 0), ModelInvalid, &[name, "2^64"]);
    assert_refused(
        tensor(&[1 << 16, 1 << 16, 1 << 16, (1 << 16) + 1], f32, 0),
        ModelInvalid,
        &[name, "2^64"],
    );
    assert_refused(tensor(&[1 << 62, 1], f32, 0), ModelInvalid, &[name, "2^64"]);
    assert_refused(tensor(&[u64::MAX], TensorType::I8.id(), 0), ModelInvalid, &[name, "beyond the end"]);
    assert_refused(tensor(&[33], TensorType::Q4_0.id(), 0), ModelInvalid, &[name, "33", "Q4_0", "32"]);
    assert_refused(tensor(&[128], TensorType::Q4_K.id(), 0), ModelInvalid, &[name, "128", "Q4_K", "256"]);
}

#[test]
fn f3_tensors_lie_inside_the_file_aligned_and_apart() {
    let f32 = TensorType::F32.id();
    assert_refused(tensor(&[65], f32, 0), ModelInvalid, &["260 bytes", "beyond the end"]);
    assert_refused(tensor(&[64], f32, 32), ModelInvalid, &["256 bytes", "offset 32", "beyond the end"]);
    for offset in [1 << 62, u64::MAX - 31] {
        assert_refused(tensor(&[64], f32, offset), ModelInvalid, &["beyond the end"]);
    }
    assert_refused(tensor(&[4], f32, 4), ModelInvalid, &["offset 4", "alignment 32"]);
    let two = |offset| {
        let writer = Writer::new().tensor("a", TensorType::F32, &[16], bytes(64));
        writer.tensor_at("b", f32, &[16], offset, bytes(64)).to_bytes()
    };
    open_bytes(two(64)).unwrap();
    for offset in [0, 32] {
        assert_refused(two(offset), ModelInvalid, &["offset", "inside the tensor before it"]);
    }
}

#[test]
fn f3_names_and_keys_are_unique_and_not_empty() {
    let twice = Writer::new().meta("a", 1u32).meta("b", 1u32).meta("a", 2u32);
    assert_refused(twice.to_bytes(), ModelInvalid, &["metadata key \"a\" is there twice"]);
    let two = |a, b| {
        Writer::new()
            .tensor(a, TensorType::I8, &[1], vec![0])
            .tensor(b, TensorType::I8, &[1], vec![0])
            .to_bytes()
    };
    assert_refused(two("w", "w"), ModelInvalid, &["tensor \"w\" is there twice"]);
    assert_refused(two("w", ""), ModelInvalid, &["name of 0 bytes"]);
    assert_refused(Writer::new().meta("", 1u32).to_bytes(), ModelInvalid, &["key of 0 bytes"]);
    let long = "k".repeat(65_536);
    assert_refused(Writer::new().meta(&long, 1u32).to_bytes(), ModelInvalid, &["65536"]);
    open_bytes(Writer::new().meta(&long[1..], 1u32).to_bytes()).unwrap();
}

#[test]
fn f7_arrays_nest_64_deep_at_most() {
    let nested = |depth| {
        let innermost = MetaValue::Array(ValueType::U8, vec![MetaValue::U8(1)]);
        let value = (1..depth).fold(innermost, |inner, _| MetaValue::Array(ValueType::Array, vec![inner]));
        Writer::new().meta("deep", value).to_bytes()
    };
    for depth in [1, 2, 64] {
        exercise(&open_bytes(nested(depth)).unwrap());
    }
    for depth in [65, 66, 5000] {
        assert_refused(nested(depth), ModelInvalid, &["\"deep\"", "deeper than 64"]);
    }
}

#[test]
fn f7_claimed_lengths_are_checked_against_the_file() {
    let text = Writer::new().meta("key", "value").to_bytes();
    let tokens = Writer::new().meta("tokenizer.ggml.tokens", ["a", "b"].as_slice()).to_bytes();
    let scores = Writer::new().meta("scores", [1.0f32, 2.0, 3.0].as_slice()).to_bytes();
    for claim in [1u64 << 30, 1 << 31, 1 << 32, 1 << 62, 1 << 63, u64::MAX] {
        let word = claim.to_le_bytes();
        let found = claim.to_string();
        let long_value = patch(text.clone(), b"\x05\0\0\0\0\0\0\0value", &[&word[..], b"value"].concat());
        assert_refused(long_value, ModelInvalid, &["\"key\"", "byte", &found]);
        let long_key = patch(text.clone(), b"\x03\0\0\0\0\0\0\0key", &[&word[..], b"key"].concat());
        assert_refused(long_key, ModelInvalid, &["byte", &found]);
        let many =
            patch(tokens.clone(), b"\x08\0\0\0\x02\0\0\0\0\0\0\0", &[b"\x08\0\0\0", &word[..]].concat());
        assert_refused(many, ModelInvalid, &["tokenizer.ggml.tokens", "byte", &found]);
        let many =
            patch(scores.clone(), b"\x06\0\0\0\x03\0\0\0\0\0\0\0", &[b"\x06\0\0\0", &word[..]].concat());
        assert_refused(many, ModelInvalid, &["\"scores\"", "byte", &found]);
        for (at, what) in [(8, "tensors"), (16, "metadata keys")] {
            let mut file = small().to_bytes();
            file[at..at + 8].copy_from_slice(&word);
            assert_refused(file, ModelInvalid, &[what, &found]);
        }
    }
}

#[test]
fn f6_text_is_utf8_and_bools_are_bools() {
    let bad_key = patch(Writer::new().meta("key", 1u32).to_bytes(), b"key", b"k\xffy");
    assert_refused(bad_key, ModelInvalid, &["byte 33", "metadata key is not UTF-8"]);
    let bad_value = patch(Writer::new().meta("key", "abc").to_bytes(), b"abc", b"\xed\xa0\x80");
    assert_refused(bad_value, ModelInvalid, &["\"key\"", "byte", "not UTF-8"]);
    let bad_token = patch(Writer::new().meta("tokens", ["ab", "cd"].as_slice()).to_bytes(), b"cd", b"c\xc3");
    assert_refused(bad_token, ModelInvalid, &["\"tokens\"", "byte", "not UTF-8"]);
    let file = Writer::new().tensor("name", TensorType::I8, &[1], vec![0]).to_bytes();
    assert_refused(patch(file, b"name", b"nam\x80"), ModelInvalid, &["byte", "tensor's name is not UTF-8"]);
    let file = Writer::new().meta("flag", true).to_bytes();
    let at = file.windows(5).position(|w| w == b"\x07\0\0\0\x01").unwrap();
    let mut two = file;
    two[at + 4] = 2;
    assert_refused(two, ModelInvalid, &["\"flag\"", "a bool is 2"]);
}

#[test]
fn f10_unknown_types_are_named() {
    for id in [4, 5, 31, 36, 1000, u32::MAX] {
        let found = format!("id {id}");
        assert_refused(tensor(&[32], id, 0), Unsupported, &["blk.0.attn_q.weight", "tensor type", &found]);
    }
    let file = Writer::new().meta("key", "value").to_bytes();
    let odd = patch(file, b"key\x08\0\0\0", b"key\x0d\0\0\0");
    assert_refused(odd, ModelInvalid, &["\"key\"", "value type, id 13"]);
}

#[test]
fn messages_quote_names_safely() {
    let name = format!("\u{1b}[2J\n{}", "x".repeat(1000));
    let file = Writer::new().tensor_at(&name, 99, &[1], 0, vec![0]).to_bytes();
    let error = refused(memory(file));
    assert_error(&error, Unsupported, &[r"\u{1b}[2J\nxxx", "..."]);
    assert!(error.message().len() < 248 && !error.message().contains(['\u{1b}', '\n']));
}
