//! Any bytes are a model or an error: `tests/gguf_fuzz.rs` replays the corpus of this target with the same check.
#![no_main]

#[path = "../../tests/gguf_common/judge.rs"]
mod judge;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    judge::judge(bytes);
});
