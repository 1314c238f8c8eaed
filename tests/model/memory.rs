//! What the native decoder says it holds, and keeps its budget by, is what it takes: never less, and at most
//! a quarter more.
#![cfg(feature = "native")]

use crate::support::counting::bytes;
use crate::support::driver::Driver;
use crate::support::tiny::Tiny;
use crate::support::tiny::known::dense_behind;
use wick::gguf::TensorType;
use wick::model::{Chunk, Sequence};

/// Of a width at which the lists beside the buffers no longer count.
fn model(architecture: &'static str, kind: TensorType, width: u64) -> Tiny {
    let mut tiny = Tiny::new(architecture).of(kind);
    (tiny.width, tiny.heads, tiny.kv_heads, tiny.head_dim) = (width, 8, 4, width / 8);
    (tiny.feed_forward, tiny.vocab, tiny.context) = (2 * width, 1000, 600);
    tiny.layers = 2;
    tiny
}

/// Keys, values and scratch for passes of these sizes: (sequences, tokens of each).
fn compare(tiny: &Tiny, sizes: &[(usize, usize)]) {
    for &(count, tokens) in sizes {
        let mut driver = Driver::over(tiny.open(), 1);
        let sequences: Vec<Sequence> = (0..count).map(|_| driver.sequence()).collect();
        let ids: Vec<u32> = (0..tokens as u32).collect();
        let chunks = sequences.iter().map(|&sequence| Chunk { sequence, tokens: &ids, logits: 1 });
        let chunks: Vec<_> = chunks.collect();
        let before = bytes();
        driver.decoder.begin(&chunks).expect("a pass");
        driver.run();
        let taken = (bytes() - before) as u64;
        let predicted = driver.decoder.memory();
        let what = format!("{}, {}, {count} x {tokens}", tiny.architecture, tiny.matrices.name());
        // Lists of a few words are not counted.
        assert!(predicted + 1024 >= taken, "{what}: {predicted} predicted, {taken} taken");
        assert!(predicted * 4 <= taken * 5, "{what}: {predicted} predicted, {taken} taken");
        driver.decoder.finish();
        // Given back as it was taken, but for lists of a few words.
        sequences.iter().for_each(|&sequence| driver.decoder.close(sequence));
        driver.decoder.trim();
        assert_eq!(driver.decoder.memory(), 0);
        assert!(
            bytes() - before < 4096 + 1024 * count as isize,
            "{what}: {} bytes are left",
            bytes() - before
        );
    }
}

#[test]
fn what_is_predicted_for_keys_values_and_scratch_is_what_is_taken() {
    let sizes = [(1, 1), (1, 7), (1, 32), (1, 256), (8, 1), (8, 31), (64, 1), (3, 40)];
    compare(&model("llama", TensorType::F32, 256), &sizes);
    compare(&model("llama", TensorType::Q4_0, 512), &sizes);
    compare(&model("llama", TensorType::Q4_K, 512), &sizes);
    compare(&model("gemma3", TensorType::Q8_0, 256), &sizes);
    compare(&model("gemma4", TensorType::Q8_0, 256), &sizes);
    compare(&dense_behind(model("gemma-embedding", TensorType::Q8_0, 256)), &sizes);
    compare(&model("qwen2", TensorType::BF16, 256), &sizes);
    compare(&model("gpt-oss", TensorType::Q8_0, 256), &sizes);
    compare(&model("qwen3moe", TensorType::Q8_0, 256), &sizes);
    compare(&model("qwen2moe", TensorType::F32, 256), &sizes);
    // Two layers with states, one with keys and values.
    compare(&Tiny { layers: 3, ..model("lfm2", TensorType::Q8_0, 256) }, &sizes);
    // Three with states, one with keys and values.
    compare(&Tiny { layers: 4, ..model("qwen35", TensorType::Q8_0, 256) }, &sizes);
    compare(&Tiny { layers: 3, ..model("granitehybrid", TensorType::Q8_0, 256) }, &sizes);
}
