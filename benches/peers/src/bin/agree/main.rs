//! How far wick's and llama.cpp's logits are from a reference, on the same tokens, teacher-forced.
//!
//! cargo run --release --bin agree -- reference MODEL.gguf REFERENCE.json PREFIX [--threads 2]
//!     against recorded greedy ids: llama.cpp in several of its own settings, wick, candle
//! cargo run --release --bin agree -- text MODEL.gguf [TEXT] [--oracle F32.gguf] [--tokens 2000] [--threads 2]
//!     against candle's f32 logits of the dequantised weights (of MODEL, or of a file that holds the same in f32): mean KL divergence and best ids
//! cargo run --release --bin agree -- small [NAME] [--record FILE]
//!     small models with random weights of every architecture and type (or those whose name contains NAME): how far logits are from llama.cpp's,
//!     some of which are written to FILE

mod candidates;
#[cfg(feature = "candle")]
mod cases;
mod small;
#[cfg(feature = "candle")]
mod text;

use peers::Result;
use peers::args::Args;
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("agree: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut args = Args::of_process();
    match args.word("reference, text or small")?.as_str() {
        "small" => {
            let record: Option<PathBuf> = args.value("--record")?;
            small::compare(args.words()?.first().map_or("", String::as_str), record.as_deref())
        }
        what => beside_candle(what, args),
    }
}

#[cfg(not(feature = "candle"))]
fn beside_candle(what: &str, _: Args) -> Result<()> {
    Err(format!("{what}: built without the feature candle, there is `small` only").into())
}

#[cfg(feature = "candle")]
fn beside_candle(what: &str, mut args: Args) -> Result<()> {
    let threads: usize = args.value("--threads")?.unwrap_or(2);
    let oracle: Option<PathBuf> = args.value("--oracle")?;
    let tokens: usize = args.value("--tokens")?.unwrap_or(2000);
    match what {
        "reference" => {
            let model = PathBuf::from(args.word("a model file")?);
            let file = PathBuf::from(args.word("a file of reference ids")?);
            let prefix = args.word("the beginning of the cases' names")?;
            args.words()?;
            cases::compare(&model, &file, &prefix, threads)
        }
        "text" => {
            let model = PathBuf::from(args.word("a model file")?);
            let text = args.words()?.into_iter().next().map(PathBuf::from);
            text::compare(&model, text.as_deref(), &oracle.unwrap_or(model.clone()), tokens, threads)
        }
        other => Err(format!("{other}: neither reference, text nor small").into()),
    }
}
