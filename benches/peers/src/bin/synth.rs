//! Writes a GGUF of the llama architecture with random weights: any shape, in the types people use, with a
//! real vocabulary. For speed, not for sense.
//!
//! cargo run --release --bin synth -- VOCABULARY.gguf OUT.gguf [--type q4_0|q8_0|q4_k_m] [--shape 1.1b|3b]
//!     [--layers N] [--width N] [--feed-forward N] [--heads N] [--kv-heads N] [--context N] [--seed N]
//!
//! Quantised by candle's reference quantisers. The mix of q4_k_m and the output's type are those that
//! llama.cpp's own quantiser chooses.

use candle_core::quantized::gguf_file::{self, Content, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use peers::args::Args;
use peers::{Failure, Result};
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The shape of a llama model; heads divide the width.
#[derive(Debug, Clone, Copy)]
struct Shape {
    layers: usize,
    width: usize,
    feed_forward: usize,
    heads: usize,
    kv_heads: usize,
}

/// TinyLlama's, and that of Llama 3.2 with 3B.
const SHAPES: [(&str, Shape); 2] = [
    ("1.1b", Shape { layers: 22, width: 2048, feed_forward: 5632, heads: 32, kv_heads: 4 }),
    ("3b", Shape { layers: 28, width: 3072, feed_forward: 8192, heads: 24, kv_heads: 8 }),
];

/// How a file's matrices are kept.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mix {
    Q4_0,
    Q8_0,
    Q4KM,
}

impl Mix {
    fn named(name: &str) -> Result<Self> {
        match name {
            "q4_0" => Ok(Self::Q4_0),
            "q8_0" => Ok(Self::Q8_0),
            "q4_k_m" => Ok(Self::Q4KM),
            _ => Err(format!("there is no type {name}; there are q4_0, q8_0 and q4_k_m").into()),
        }
    }

    /// `general.file_type` of GGUF's specification.
    fn file_type(self) -> u32 {
        match self {
            Self::Q4_0 => 2,
            Self::Q8_0 => 7,
            Self::Q4KM => 15,
        }
    }

    /// The type of a matrix: `part` is its name without the layer.
    fn of(self, part: &str, layer: usize, layers: usize) -> GgmlDType {
        // The layers that get more bits: the first and the last eighth, and every third between.
        let eighth = layers / 8;
        let more = layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2;
        match (self, part) {
            (Self::Q8_0, _) => GgmlDType::Q8_0,
            (_, "output.weight") => GgmlDType::Q6K,
            (Self::Q4_0, _) => GgmlDType::Q4_0,
            (Self::Q4KM, "attn_v.weight" | "ffn_down.weight") if more => GgmlDType::Q6K,
            (Self::Q4KM, _) => GgmlDType::Q4K,
        }
    }
}

/// A tensor to be made: rows first; `scale` is the standard deviation of its weights, none for a norm.
struct Plan {
    name: String,
    shape: Vec<usize>,
    kind: GgmlDType,
    scale: Option<f32>,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("synth: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut args = Args::of_process();
    let mix = Mix::named(&args.value("--type")?.unwrap_or("q4_0".to_owned()))?;
    let shape = shape(&mut args)?;
    let context: u32 = args.value("--context")?.unwrap_or(2048);
    let seed: u64 = args.value("--seed")?.unwrap_or(1);
    let vocabulary = args.word("a GGUF file with a vocabulary")?;
    let out = args.word("the file to write")?;
    args.words()?;

    let mut metadata = tokenizer(&vocabulary)?;
    let tokens = metadata.iter().find(|(key, _)| key == "tokenizer.ggml.tokens");
    let (_, tokens) = tokens.ok_or("no vocabulary in that file")?;
    let plans = plans(&shape, mix, tokens.to_vec()?.len());
    metadata.splice(0..0, keys(&shape, mix, context));
    let tensors = make(&plans, seed)?;
    let metadata: Vec<(&str, &Value)> = metadata.iter().map(|(key, value)| (key.as_str(), value)).collect();
    let tensors: Vec<(&str, &QTensor)> =
        plans.iter().zip(&tensors).map(|(plan, tensor)| (plan.name.as_str(), tensor)).collect();
    let mut file = BufWriter::new(File::create(&out)?);
    gguf_file::write(&mut file, &metadata, &tensors)?;
    file.flush()?;
    println!("{out}: {} tensors, {shape:?}, {mix:?}", plans.len());
    Ok(())
}

/// A named shape, each of its numbers replaced by what the command line says.
fn shape(args: &mut Args) -> Result<Shape> {
    let name: String = args.value("--shape")?.unwrap_or("1.1b".to_owned());
    let known = SHAPES.iter().find(|(known, _)| *known == name);
    let (_, base) = known.ok_or_else(|| format!("there is no shape {name}; there are 1.1b and 3b"))?;
    let shape = Shape {
        layers: args.value("--layers")?.unwrap_or(base.layers),
        width: args.value("--width")?.unwrap_or(base.width),
        feed_forward: args.value("--feed-forward")?.unwrap_or(base.feed_forward),
        heads: args.value("--heads")?.unwrap_or(base.heads),
        kv_heads: args.value("--kv-heads")?.unwrap_or(base.kv_heads),
    };
    let divides = |part: usize, whole: usize| part > 0 && whole.is_multiple_of(part);
    if !divides(shape.heads, shape.width) || !divides(shape.kv_heads, shape.heads) {
        return Err(format!("{shape:?}: heads divide the width, and KV heads the heads").into());
    }
    Ok(shape)
}

/// All that a file says of its vocabulary.
fn tokenizer(path: &str) -> Result<Vec<(String, Value)>> {
    let file = File::open(path).map_err(|e| format!("{path}: {e}"))?;
    let content = Content::read(&mut BufReader::new(file))?;
    let mut keys: Vec<_> =
        content.metadata.into_iter().filter(|(key, _)| key.starts_with("tokenizer.")).collect();
    keys.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(keys)
}

fn keys(shape: &Shape, mix: Mix, context: u32) -> Vec<(String, Value)> {
    let number = |value: usize| Value::U32(value as u32);
    [
        ("general.architecture", Value::String("llama".to_owned())),
        ("general.name", Value::String("random weights".to_owned())),
        ("general.file_type", Value::U32(mix.file_type())),
        ("llama.context_length", Value::U32(context)),
        ("llama.embedding_length", number(shape.width)),
        ("llama.block_count", number(shape.layers)),
        ("llama.feed_forward_length", number(shape.feed_forward)),
        ("llama.rope.dimension_count", number(shape.width / shape.heads)),
        ("llama.rope.freq_base", Value::F32(10_000.0)),
        ("llama.attention.head_count", number(shape.heads)),
        ("llama.attention.head_count_kv", number(shape.kv_heads)),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

fn plans(shape: &Shape, mix: Mix, vocab: usize) -> Vec<Plan> {
    let Shape { layers, width, feed_forward, heads, kv_heads } = *shape;
    let kv = width / heads * kv_heads;
    let mut plans = Vec::new();
    let mut put = |prefix: &str, part: &str, rows: usize, columns: usize, gain: f32, layer: usize| {
        let (name, kind) = (format!("{prefix}{part}"), mix.of(part, layer, layers));
        let scale = Some(gain / (columns as f32).sqrt());
        plans.push(Plan { name, shape: vec![rows, columns], kind, scale });
    };
    // Embeddings of size 1; what is added to the stream is smaller; logits of size 2.
    put("", "token_embd.weight", vocab, width, (width as f32).sqrt(), 0);
    for layer in 0..layers {
        let prefix = format!("blk.{layer}.");
        let mut put = |part, rows, columns, gain| put(&prefix, part, rows, columns, gain, layer);
        put("attn_q.weight", width, width, 1.0);
        put("attn_k.weight", kv, width, 1.0);
        put("attn_v.weight", kv, width, 1.0);
        put("attn_output.weight", width, width, 0.5);
        put("ffn_gate.weight", feed_forward, width, 1.0);
        put("ffn_up.weight", feed_forward, width, 1.0);
        put("ffn_down.weight", width, feed_forward, 0.5);
    }
    put("", "output.weight", vocab, width, 2.0, 0);
    let layer_norms =
        (0..layers).flat_map(|n| ["attn", "ffn"].map(|part| format!("blk.{n}.{part}_norm.weight")));
    for name in layer_norms.chain(["output_norm.weight".to_owned()]) {
        plans.push(Plan { name, shape: vec![width], kind: GgmlDType::F32, scale: None });
    }
    plans
}

/// The tensors of all plans, in their order, on as many threads as there are.
fn make(plans: &[Plan], seed: u64) -> Result<Vec<QTensor>> {
    let next = AtomicUsize::new(0);
    let made = Mutex::new((0..plans.len()).map(|_| None).collect::<Vec<_>>());
    let work = || {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(plan) = plans.get(place) else { return };
            let tensor = tensor(plan, seed.wrapping_add(place as u64 * 0x1_0000_0001));
            made.lock().expect("no thread panics with it")[place] = Some(tensor);
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
        (1..threads).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    let made = made.into_inner().expect("no thread panics with it");
    made.into_iter().map(|tensor| tensor.ok_or("a tensor was not made")?.map_err(Failure::from)).collect()
}

fn tensor(plan: &Plan, seed: u64) -> candle_core::Result<QTensor> {
    let count = plan.shape.iter().product();
    let mut random = Random(seed);
    let values: Vec<f32> = match plan.scale {
        None => vec![1.0; count],
        Some(scale) => (0..count).map(|_| scale * random.normal()).collect(),
    };
    QTensor::quantize(&Tensor::from_vec(values, plan.shape.as_slice(), &Device::Cpu)?, plan.kind)
}

/// SplitMix64: the same numbers everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// About normal, variance 1: the sum of four uniform numbers.
    fn normal(&mut self) -> f32 {
        let bits = self.next();
        let sum: u64 = (0..4).map(|part| bits >> (16 * part) & 0xffff).sum();
        // Each has variance 2^32 / 12.
        (sum as f32 - 2.0 * 65535.0) / (65536.0 / 3f32.sqrt())
    }
}
