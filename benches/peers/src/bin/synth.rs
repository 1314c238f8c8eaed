//! Writes a GGUF with random weights: the shapes of well-known models, in the types people use, with a
//! vocabulary of as many made-up words. For speed, not for sense.
//!
//! cargo run --release --no-default-features --bin synth -- OUT.gguf [--type q4_0|q8_0|q4_k_m] [--shape NAME]
//!     [--layers N] [--width N] [--feed-forward N] [--heads N] [--kv-heads N] [--vocabulary N] [--context N]
//!     [--seed N]
//!
//! Keys and tensors are those of the small models of wick's own tests, in another size. The types are those
//! that llama.cpp's own quantiser chooses; blocks are random codes under scales that keep a pass tame.

use peers::args::Args;
use peers::tiny::Tiny;
use peers::{Failure, Result};
use std::fs::File;
use std::io::BufWriter;
use std::process::ExitCode;
use wick::gguf::TensorType;

/// A model's shape, without its types.
type Shape = fn() -> Tiny;

/// Of TinyLlama, of Llama 3.2 with 3B, of LFM2.5-350M, of Qwen3.5-0.8B, and of Gemma 4 E2B.
const SHAPES: [(&str, Shape); 5] = [
    ("1.1b", Tiny::billion),
    ("3b", llama_3b),
    ("lfm2.5-350m", lfm2_350m),
    ("qwen3.5-0.8b", qwen35_800m),
    ("gemma4-e2b", gemma4_e2b),
];

fn llama_3b() -> Tiny {
    Tiny {
        width: 3072,
        layers: 28,
        heads: 24,
        kv_heads: 8,
        head_dim: 128,
        feed_forward: 8192,
        ..Tiny::billion()
    }
}

fn lfm2_350m() -> Tiny {
    Tiny {
        width: 1024,
        layers: 16,
        heads: 16,
        kv_heads: 8,
        head_dim: 64,
        feed_forward: 4608,
        vocab: 65_536,
        context: 2048,
        tied: true,
        attends: |layer| [2, 5, 8, 10, 12, 14].contains(&layer),
        ..Tiny::new("lfm2")
    }
}

fn qwen35_800m() -> Tiny {
    Tiny {
        width: 1024,
        layers: 24,
        heads: 8,
        kv_heads: 2,
        head_dim: 256,
        feed_forward: 3584,
        vocab: 248_320,
        context: 2048,
        tied: true,
        delta: (16, 16, 128),
        ..Tiny::new("qwen35")
    }
    .with("rope.dimension_count", 64u32)
    .with("rope.dimension_sections", &[11u32, 11, 10, 0][..])
    .with("rope.freq_base", 10_000_000.0)
}

fn gemma4_e2b() -> Tiny {
    Tiny {
        width: 1536,
        layers: 35,
        heads: 8,
        kv_heads: 1,
        head_dim: 256,
        feed_forward: 6144,
        vocab: 262_144,
        context: 2048,
        tied: true,
        per_layer: 256,
        own_kv: 15,
        attends: |layer| layer % 5 == 4,
        ..Tiny::new("gemma4")
    }
    .with("attention.sliding_window", 512u32)
    .with("rope.freq_base", 1_000_000.0)
    .with("rope.freq_base_swa", 10_000.0)
}

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

    fn usual(self) -> TensorType {
        match self {
            Self::Q4_0 => TensorType::Q4_0,
            Self::Q8_0 => TensorType::Q8_0,
            Self::Q4KM => TensorType::Q4_K,
        }
    }

    /// The type of the matrix `name` of a model whose others are of the usual type.
    fn of(self, name: &str, model: &Tiny) -> TensorType {
        let (layer, part) = match name.strip_prefix("blk.").and_then(|rest| rest.split_once('.')) {
            Some((layer, part)) => (layer.parse().unwrap_or(0), part),
            None => (0, name),
        };
        // The layers that get more bits: the first and the last eighth, and every third between.
        let eighth = model.layers / 8;
        let more = layer < eighth || layer >= 7 * model.layers / 8 || (layer - eighth) % 3 == 2;
        match (self, part) {
            (_, "per_layer_model_proj.weight") => TensorType::BF16,
            (Self::Q8_0, _) => TensorType::Q8_0,
            (_, "output.weight") => TensorType::Q6_K,
            (_, "token_embd.weight" | "per_layer_token_embd.weight") if model.tied => TensorType::Q6_K,
            (Self::Q4KM, "attn_v.weight" | "ffn_down.weight") if more => TensorType::Q6_K,
            _ => self.usual(),
        }
    }
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
    let model = model(&mut args, mix)?;
    let out = args.word("the file to write")?;
    args.words()?;
    let file = ("general.file_type".to_owned(), mix.file_type().into());
    let model = Tiny { keys: model.keys.iter().cloned().chain([file]).collect(), ..model };
    let mut writer = model.clone().speaking().writer_of_keys();
    let mut tensors = 0;
    for (name, shape, kind) in model.tensors() {
        let kind = if kind == mix.usual() { mix.of(&name, &model) } else { kind };
        writer = writer.tensor(&name, kind, &shape, model.data(&name, &shape, kind));
        tensors += 1;
    }
    writer.write_to(&mut BufWriter::new(File::create(&out).map_err(|e| format!("{out}: {e}"))?))?;
    println!("{out}: {tensors} tensors, {mix:?}");
    Ok(())
}

/// A named shape, each of its numbers replaced by what the command line says.
fn model(args: &mut Args, mix: Mix) -> Result<Tiny> {
    let name: String = args.value("--shape")?.unwrap_or("1.1b".to_owned());
    let names = || SHAPES.map(|(name, _)| name).join(", ");
    let known = SHAPES.iter().find(|(known, _)| *known == name);
    let (_, shape) = known.ok_or_else(|| format!("there is no shape {name}; there are {}", names()))?;
    let mut model = Tiny { matrices: mix.usual(), ..shape() };
    for (option, number) in [
        ("--layers", &mut model.layers),
        ("--width", &mut model.width),
        ("--feed-forward", &mut model.feed_forward),
        ("--heads", &mut model.heads),
        ("--kv-heads", &mut model.kv_heads),
        ("--vocabulary", &mut model.vocab),
        ("--seed", &mut model.seed),
    ] {
        *number = args.value(option)?.unwrap_or(*number);
    }
    model.context = args.value("--context")?.unwrap_or(model.context);
    let (heads, kv_heads) = (model.heads, model.kv_heads);
    if heads == 0 || kv_heads == 0 || !heads.is_multiple_of(kv_heads) {
        return Err(Failure::from(format!("{heads} heads are no multiple of {kv_heads} KV heads")));
    }
    Ok(model)
}
