//! `wick chat`: a conversation with a model; knows its arguments only.

use super::converse;
use super::lines::Lines;
use super::show::Interrupts;
use super::talking::Talking;
use super::turns::INTERRUPTED;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use wick::{Result, Runtime};

#[derive(Args)]
#[command(after_help = "Each line is a turn; a \\ at its end, or \"\"\" around them, makes of several one. \
    Ctrl-C stops an answer, /help tells the rest, Ctrl-D ends.")]
pub struct Chat {
    /// A .gguf file, or a folder with config.json, tokenizer.json and safetensors
    model: PathBuf,
    /// Go on with a conversation that /save wrote
    #[arg(short, long, value_name = "FILE", conflicts_with = "system")]
    load: Option<PathBuf>,
    /// Keep no history of what is typed
    #[arg(long)]
    no_history: bool,
    #[command(flatten)]
    talking: Talking,
}

impl Chat {
    pub fn run(self) -> Result<ExitCode> {
        let runtime = self.talking.computing.runtime()?;
        let code = smol::future::block_on(self.talk(&runtime));
        runtime.shutdown(None)?;
        code
    }

    async fn talk(&self, runtime: &Runtime) -> Result<ExitCode> {
        let mut interrupts = Interrupts::new()?;
        let opened = self.talking.open(runtime, &self.model, false, true, &mut interrupts).await?;
        let Some(mut turns) = opened else {
            return Ok(ExitCode::from(INTERRUPTED));
        };
        if let Some(path) = &self.load {
            turns.load(path, &mut interrupts).await?;
        }
        converse::converse(&mut turns, None, Lines::start(!self.no_history)?, &mut interrupts).await
    }
}
