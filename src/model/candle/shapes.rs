//! Which tensors a description asks for, of which shape, and whether a file has exactly these; reads no
//! tensor.

use super::hyperparameters::Hyperparameters;
use crate::error::{Error, ErrorKind, Result};
use crate::gguf::{Header, TensorInfo, TensorType};
use candle_core::quantized::GgmlDType;
use std::collections::HashSet;

/// The most entries of a vocabulary.
const MAX_VOCABULARY: u64 = 1 << 24;

/// Checks all tensors of a file against its numbers; returns the size of the vocabulary.
///
/// # Errors
/// `ModelInvalid`, naming the tensor, for one that is missing, of another shape, or too many; `Unsupported`
/// for a type that candle lacks, and for a tensor that the description has no use for: computing without it
/// would be wrong.
pub(super) fn check(header: &Header, numbers: &Hyperparameters) -> Result<usize> {
    let embeddings = find(header, "token_embd.weight")?;
    let vocabulary = match *embeddings.shape() {
        [_, rows] if (1..=MAX_VOCABULARY).contains(&rows) => rows,
        _ => return Err(wrong_shape(embeddings, &[numbers.embedding_length as u64, 0])),
    };
    check_vocabulary(header, vocabulary)?;
    let mut seen = HashSet::new();
    let mut check = |name: String, shape: &[u64], optional: bool| -> Result<()> {
        if optional && header.tensor(&name).is_none() {
            return Ok(());
        }
        let tensor = find(header, &name)?;
        // A vector may be written as a matrix of one column.
        let same = tensor.shape() == shape
            || matches!((tensor.shape(), shape), ([length, 1], [wanted]) if length == wanted);
        if !same {
            return Err(wrong_shape(tensor, shape));
        }
        dtype(tensor)?;
        seen.insert(name);
        Ok(())
    };
    let width = numbers.embedding_length as u64;
    check("token_embd.weight".into(), &[width, vocabulary], false)?;
    check("output.weight".into(), &[width, vocabulary], true)?;
    check("output_norm.weight".into(), &[width], false)?;
    check("rope_freqs.weight".into(), &[numbers.head_dim as u64 / 2], true)?;
    for layer in 0..numbers.block_count {
        for (name, shape) in layer_shapes(numbers) {
            check(format!("blk.{layer}.{name}"), &shape, false)?;
        }
    }
    match header.tensors().iter().find(|tensor| !seen.contains(tensor.name())) {
        Some(other) => {
            let name = numbers.architecture.name;
            let message =
                format!("tensor {:?} has no place in {name} as the candle backend knows it", other.name());
            Err(Error::new(ErrorKind::Unsupported, message))
        }
        None => Ok(vocabulary as usize),
    }
}

/// Candle's name of a tensor's type.
///
/// # Errors
/// `Unsupported` for a type that candle cannot multiply by.
pub(super) fn dtype(tensor: &TensorInfo) -> Result<GgmlDType> {
    Ok(match tensor.kind() {
        TensorType::F32 => GgmlDType::F32,
        TensorType::F16 => GgmlDType::F16,
        TensorType::BF16 => GgmlDType::BF16,
        TensorType::Q4_0 => GgmlDType::Q4_0,
        TensorType::Q4_1 => GgmlDType::Q4_1,
        TensorType::Q5_0 => GgmlDType::Q5_0,
        TensorType::Q5_1 => GgmlDType::Q5_1,
        TensorType::Q8_0 => GgmlDType::Q8_0,
        TensorType::Q2_K => GgmlDType::Q2K,
        TensorType::Q3_K => GgmlDType::Q3K,
        TensorType::Q4_K => GgmlDType::Q4K,
        TensorType::Q5_K => GgmlDType::Q5K,
        TensorType::Q6_K => GgmlDType::Q6K,
        other => {
            let message = format!(
                "tensor {:?} is {}, a type that the candle backend lacks",
                tensor.name(),
                other.name()
            );
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
    })
}

/// The tensor called `name`.
///
/// # Errors
/// `ModelInvalid` if there is none.
pub(super) fn find<'a>(header: &'a Header, name: &str) -> Result<&'a TensorInfo> {
    header
        .tensor(name)
        .ok_or_else(|| Error::new(ErrorKind::ModelInvalid, format!("tensor {name:?} is missing")))
}

/// Names within a layer and shapes, the row first, as GGUF has them.
fn layer_shapes(numbers: &Hyperparameters) -> Vec<(&'static str, Vec<u64>)> {
    let architecture = numbers.architecture;
    let width = numbers.embedding_length as u64;
    let hidden = numbers.feed_forward_length as u64;
    let head = numbers.head_dim as u64;
    let queries = numbers.head_count as u64 * head;
    let keys = numbers.head_count_kv as u64 * head;
    let mut shapes = vec![
        ("attn_norm.weight", vec![width]),
        ("attn_q.weight", vec![width, queries]),
        ("attn_k.weight", vec![width, keys]),
        ("attn_v.weight", vec![width, keys]),
        ("attn_output.weight", vec![queries, width]),
        ("ffn_norm.weight", vec![width]),
        ("ffn_gate.weight", vec![width, hidden]),
        ("ffn_up.weight", vec![width, hidden]),
        ("ffn_down.weight", vec![hidden, width]),
    ];
    if architecture.qkv_bias {
        shapes.push(("attn_q.bias", vec![queries]));
        shapes.push(("attn_k.bias", vec![keys]));
        shapes.push(("attn_v.bias", vec![keys]));
    }
    if architecture.qk_norm {
        shapes.push(("attn_q_norm.weight", vec![head]));
        shapes.push(("attn_k_norm.weight", vec![head]));
    }
    if architecture.post_norms {
        shapes.push(("post_attention_norm.weight", vec![width]));
        shapes.push(("post_ffw_norm.weight", vec![width]));
    }
    shapes
}

/// Where the file has a vocabulary, the embeddings must agree.
fn check_vocabulary(header: &Header, rows: u64) -> Result<()> {
    let key = "tokenizer.ggml.tokens";
    let tokens = header.metadata().find::<crate::gguf::Array>(key)?;
    match tokens.map(|tokens| tokens.len() as u64).filter(|&count| count != rows) {
        Some(count) => {
            let message = format!("{key} has {count} tokens, and \"token_embd.weight\" {rows} rows");
            Err(Error::new(ErrorKind::ModelInvalid, message))
        }
        None => Ok(()),
    }
}

fn wrong_shape(tensor: &TensorInfo, wanted: &[u64]) -> Error {
    let (name, shape) = (tensor.name(), tensor.shape());
    let message = format!("tensor {name:?} has shape {shape:?}; the metadata asks for {wanted:?}");
    Error::new(ErrorKind::ModelInvalid, message)
}
