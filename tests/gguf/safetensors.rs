//! Headers of safetensors files, mutated with a fixed seed: no panic, no memory beyond the bound, and what is
//! read lies inside the file and apart (F12).
#![cfg(feature = "folders")]

use crate::support::fuzz::harness::Target;
use crate::support::fuzz::{Random, awkward};
use wick::ErrorKind;
use wick::gguf::entries;

/// Bytes of data behind every header.
const DATA: u64 = 4096;

fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let plain = r#"{"__metadata__":{"format":"pt"},"a.weight":{"dtype":"F32","shape":[4,8],"data_offsets":[0,128]},"b":{"dtype":"BF16","shape":[64],"data_offsets":[128,256]}}"#;
    let others = r#"{"x":{"dtype":"F8_E4M3","shape":[16,1,3,3,3],"data_offsets":[512,700]},"y":{"dtype":"I64","shape":[],"data_offsets":[0,8]},"z":{"dtype":"F16","shape":[0,7],"data_offsets":[8,8]}}"#;
    let deep = format!("{{\"__metadata__\":{}1{}}}", "[".repeat(300), "]".repeat(300));
    vec![
        ("plain", plain.into()),
        ("others", others.into()),
        ("empty", b"{}   ".to_vec()),
        ("deep", deep.into_bytes()),
        ("text", b"no header".to_vec()),
    ]
}

/// A header with fields chosen badly rather than bytes.
fn invent(random: &mut Random) -> Vec<u8> {
    let mut parts = Vec::new();
    let mut end = 0;
    for _ in 0..random.below(5) {
        let name = random.pick(&["a", "b", "c", "__metadata__", "\\u0000", "\\ud800"]);
        let dtype = random.pick(&["F32", "F16", "BF16", "I8", "F64", "BOOL", "F4"]);
        let sizes = (0..random.below(10)).map(|_| match random.below(4) {
            0 => awkward(random, DATA as usize).to_string(),
            1 => random.pick(&["-1", "1.0", "1e30", "null", "\"2\""]).to_owned(),
            _ => random.below(4).to_string(),
        });
        let sizes = sizes.collect::<Vec<_>>().join(",");
        let begin = if random.below(4) == 0 { awkward(random, DATA as usize) } else { end };
        end = if random.below(4) == 0 { awkward(random, DATA as usize) } else { begin.wrapping_add(8) };
        parts.push(format!(
            "\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":[{sizes}],\"data_offsets\":[{begin},{end}]}}"
        ));
    }
    format!("{{{}}}", parts.join(",")).into_bytes()
}

/// Whether a header is read; panics where what is read breaks a promise.
fn judge(header: &[u8]) -> bool {
    let entries = match entries(header, DATA) {
        Ok(entries) => entries,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::ModelInvalid, "{error}");
            assert!(error.message().len() < 1024, "{} bytes of message", error.message().len());
            return false;
        }
    };
    let mut last_end = 0;
    for entry in &entries {
        assert!(entry.offset >= last_end && entry.shape.len() <= 8);
        last_end = entry.offset + entry.byte_len;
        if let Some(kind) = entry.kind() {
            assert_eq!(entry.shape.iter().product::<u64>() * kind.block_bytes(), entry.byte_len);
        }
    }
    assert!(last_end <= DATA);
    let mut names: Vec<_> = entries.iter().map(|entry| &entry.name).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), entries.len());
    true
}

fn target() -> Target {
    // An entry has a hundred bytes and more, the shortest of a header sixty; a list grows by doubling.
    Target { name: "safetensors", seeds: seeds(), judge, bound: |len| 8 * len + 4096 }
}

#[test]
fn f12_mutants_of_headers_are_read_or_refused() {
    target().mutants(20_000, |random| (random.below(3) == 0).then(|| invent(random)));
}

#[test]
fn f12_the_corpus_of_headers_is_replayed() {
    target().replay(3);
}

#[test]
fn f12_a_long_name_is_cut_in_the_message() {
    let name = "n".repeat(60_000);
    let header = format!("{{\"{name}\":{{\"dtype\":\"F32\",\"shape\":[9],\"data_offsets\":[0,4]}}}}");
    assert!(!judge(header.as_bytes()));
    let long = format!("{{\"{name}{name}\":{{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}}}");
    assert!(entries(long.as_bytes(), DATA).unwrap_err().message().contains("65535"));
}
