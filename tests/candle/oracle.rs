//! The candle backend's network against candle-transformers' own, where that one is right: another program,
//! the same weights.
#![cfg(feature = "oracle")]

use crate::support::candle::small::{VOCABULARY, small};
use crate::support::candle::{feed, load_bytes};
use candle_core::quantized::gguf_file::Content;
use candle_core::{Device, Result, Tensor};
use candle_transformers::models::{quantized_llama, quantized_qwen2, quantized_qwen3};
use std::io::Cursor;
use wick::gguf::write::MetaValue;
use wick::model::candle::Options;

/// A model's pass: tokens `(1, count)` from a position on.
type Forward = Box<dyn FnMut(&Tensor, usize) -> Result<Tensor>>;

/// The logits after each of two chunks, the second behind the first.
fn oracle(architecture: &str, bytes: &[u8], chunks: [&[u32]; 2]) -> Result<[Vec<f32>; 2]> {
    let (mut file, device) = (Cursor::new(bytes), Device::Cpu);
    let content = Content::read(&mut file)?;
    let mut forward: Forward = match architecture {
        "llama" => {
            let mut model = quantized_llama::ModelWeights::from_gguf(content, &mut file, &device)?;
            Box::new(move |tokens, start| model.forward(tokens, start))
        }
        "qwen2" => {
            let mut model = quantized_qwen2::ModelWeights::from_gguf(content, &mut file, &device)?;
            Box::new(move |tokens, start| model.forward(tokens, start))
        }
        _ => {
            let mut model = quantized_qwen3::ModelWeights::from_gguf(content, &mut file, &device)?;
            Box::new(move |tokens, start| model.forward(tokens, start))
        }
    };
    let mut logits = |tokens: &[u32], start| {
        forward(&Tensor::new(tokens, &device)?.unsqueeze(0)?, start)?.flatten_all()?.to_vec1()
    };
    Ok([logits(chunks[0], 0)?, logits(chunks[1], chunks[0].len())?])
}

#[test]
fn the_same_logits() {
    for architecture in ["llama", "qwen2", "qwen3"] {
        // For candle-transformers' qwen3: rotary tables in f32.
        let bytes = small(architecture).with("general.dtype", Some(MetaValue::U32(0))).bytes();
        let tokens: Vec<u32> = (0..20).map(|i| (i * i * 7 + i) % VOCABULARY as u32).collect();
        let (prompt, next) = tokens.split_at(19);
        let wanted = oracle(architecture, &bytes, [prompt, next]).expect(architecture);
        let mut decoder = load_bytes(bytes, &Options::default()).expect("a supported model");
        let sequence = decoder.open(64).expect("room");
        for (tokens, wanted) in [prompt, next].into_iter().zip(wanted) {
            let found = feed(&mut decoder, sequence, tokens);
            assert_eq!(found.len(), wanted.len());
            for (found, wanted) in found.iter().zip(&wanted) {
                assert!(
                    (found - wanted).abs() <= 1e-3 * (1.0 + wanted.abs()),
                    "{architecture}: {found} for {wanted}"
                );
            }
        }
    }
}
