//! Makes GGUF files of plain f32: what candle cannot unpack itself becomes an oracle's file, and llama2.c's
//! models become GGUF.
//!
//! cargo run --release --bin convert -- f32 IN.gguf OUT.gguf
//! cargo run --release --bin convert -- llama2c MODEL.bin VOCABULARY.gguf OUT.gguf
//!
//! The first unpacks by ggml's reference. The second reads the layout of llama2.c's version 0: seven numbers,
//! then f32 arrays in a fixed order.

use peers::Result;
use peers::args::Args;
use peers::llama::unpacked;
use std::io::BufWriter;
use std::path::Path;
use std::process::ExitCode;
use wick::gguf::write::{MetaValue, Writer};
use wick::gguf::{Gguf, Limits, Source, TensorType};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("convert: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut args = Args::of_process();
    let kind = args.word("f32 or llama2c")?;
    let source = args.word("the file to read")?;
    let (writer, out) = match kind.as_str() {
        "f32" => (plain(Path::new(&source))?, args.word("the file to write")?),
        "llama2c" => {
            let vocabulary = args.word("a GGUF file with a vocabulary")?;
            (llama2c(Path::new(&source), Path::new(&vocabulary))?, args.word("the file to write")?)
        }
        other => return Err(format!("{other}: neither f32 nor llama2c").into()),
    };
    args.words()?;
    Ok(writer.write_to(&mut BufWriter::new(std::fs::File::create(&out)?))?)
}

fn open(path: &Path) -> Result<Gguf> {
    Ok(Gguf::open(Source::path(path), &Limits::default(), &mut |_, _| Ok(()))?)
}

fn bytes(weights: &[f32]) -> Vec<u8> {
    weights.iter().flat_map(|weight| weight.to_le_bytes()).collect()
}

/// The same file with every tensor as f32.
fn plain(path: &Path) -> Result<Writer<'static>> {
    let gguf = open(path)?;
    let mut writer = Writer::new();
    for (key, value) in gguf.metadata().iter().filter(|(key, _)| *key != "general.alignment") {
        writer = writer.meta(key, value);
    }
    for tensor in gguf.tensors() {
        let weights = unpacked(tensor.kind().id(), gguf.bytes(tensor), tensor.elements() as usize)?;
        writer = writer.tensor(tensor.name(), TensorType::F32, tensor.shape(), bytes(&weights));
    }
    Ok(writer)
}

/// A llama model of llama2.c, with another file's vocabulary of as many tokens.
fn llama2c(path: &Path, vocabulary: &Path) -> Result<Writer<'static>> {
    let file = std::fs::read(path)?;
    let mut words = file.as_chunks::<4>().0.iter().copied();
    let mut number = || words.next().map(i32::from_le_bytes).filter(|&n| n > 0).ok_or("not of llama2.c");
    let [width, inner, layers, heads, kv_heads, vocab, context] =
        [number()?, number()?, number()?, number()?, number()?, number()?, number()?].map(|n| n as u64);
    let mut writer = Writer::new().meta("general.architecture", "llama").meta("general.name", "llama2.c");
    let mut put = |key: &str, value: MetaValue| {
        writer = std::mem::take(&mut writer).meta(&format!("llama.{key}"), value)
    };
    put("context_length", (context as u32).into());
    put("embedding_length", (width as u32).into());
    put("block_count", (layers as u32).into());
    put("feed_forward_length", (inner as u32).into());
    put("rope.dimension_count", ((width / heads) as u32).into());
    put("attention.head_count", (heads as u32).into());
    put("attention.head_count_kv", (kv_heads as u32).into());
    put("attention.layer_norm_rms_epsilon", 1e-5.into());
    for (key, value) in open(vocabulary)?.metadata().iter().filter(|(key, _)| key.starts_with("tokenizer.")) {
        writer = writer.meta(key, value);
    }
    // Each array holds all layers of one tensor; a norm has one row.
    let kv = width / heads * kv_heads;
    let arrays: [(&str, u64, u64); 9] = [
        ("attn_norm", width, 1),
        ("attn_q", width, width),
        ("attn_k", width, kv),
        ("attn_v", width, kv),
        ("attn_output", width, width),
        ("ffn_norm", width, 1),
        ("ffn_gate", width, inner),
        ("ffn_down", inner, width),
        ("ffn_up", width, inner),
    ];
    let mut take = |name: String, shape: &[u64], writer: Writer<'static>| {
        let count = shape.iter().product::<u64>() as usize;
        let data: Vec<u8> = words.by_ref().take(count).flatten().collect();
        let whole = data.len() == 4 * count;
        whole.then(|| writer.tensor(&name, TensorType::F32, shape, data)).ok_or("the file ends too early")
    };
    writer = take("token_embd.weight".to_owned(), &[width, vocab], writer)?;
    for (part, columns, rows) in arrays {
        let shape: &[u64] = if rows == 1 { &[columns] } else { &[columns, rows] };
        for layer in 0..layers {
            writer = take(format!("blk.{layer}.{part}.weight"), shape, writer)?;
        }
    }
    Ok(take("output_norm.weight".to_owned(), &[width], writer)?)
}
