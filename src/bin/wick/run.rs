//! `wick run`: one prompt and its answer as it comes, or a conversation. Text goes to standard output,
//! everything else to standard error.

use super::input::{TextInput, wrong};
use super::lines::Lines;
use super::sampling::draws;
use super::show::{Interrupts, figures};
use super::talking::Talking;
use super::turns::INTERRUPTED;
use super::{converse, output};
use clap::Args;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use wick::{EndReason, Result, Runtime};

#[derive(Args)]
#[command(
    after_help = "Without a prompt, on a terminal: a conversation, as `wick chat` holds it. Ctrl-C stops an answer, /help tells the rest, Ctrl-D ends."
)]
pub struct Run {
    /// A .gguf file, or a folder with config.json, tokenizer.json and safetensors
    model: PathBuf,
    #[command(flatten)]
    prompt: TextInput,
    /// A conversation also where standard input is no terminal; a prompt is its first turn
    #[arg(short, long, conflicts_with = "raw")]
    interactive: bool,
    /// Continue the prompt as it stands, without the model's chat template
    #[arg(long, conflicts_with = "system")]
    raw: bool,
    /// The whole answer with its figures, as one JSON object
    #[arg(long, conflicts_with = "interactive")]
    json: bool,
    #[command(flatten)]
    talking: Talking,
}

impl Run {
    pub fn run(self) -> Result<ExitCode> {
        let asks = !self.prompt.is_given() && !self.raw && !self.json;
        let converses = self.interactive || (asks && std::io::stdin().is_terminal());
        let prompt = match converses && !self.prompt.is_given() {
            true => None,
            false => Some(self.prompt()?),
        };
        let runtime = self.talking.computing.runtime()?;
        let code = smol::future::block_on(self.answer(&runtime, prompt, converses));
        runtime.shutdown(None)?;
        code
    }

    fn prompt(&self) -> Result<String> {
        let prompt = self.prompt.read(self.raw)?;
        let is_empty = if self.raw { prompt.is_empty() } else { prompt.trim().is_empty() };
        if is_empty {
            return Err(wrong("nothing to answer: the prompt is empty"));
        }
        Ok(prompt)
    }

    async fn answer(&self, runtime: &Runtime, prompt: Option<String>, converses: bool) -> Result<ExitCode> {
        let mut interrupts = Interrupts::new()?;
        let opened = self.talking.open(runtime, &self.model, self.raw, converses, &mut interrupts).await?;
        let Some(mut turns) = opened else {
            return Ok(ExitCode::from(INTERRUPTED));
        };
        let prompt = match prompt {
            Some(prompt) if !converses => prompt,
            first => {
                return converse::converse(&mut turns, first, Lines::start(true)?, &mut interrupts).await;
            }
        };
        let end = if self.json {
            turns.answer_as_json(prompt, &mut interrupts).await?
        } else {
            let Some(end) = turns.answer(prompt, &mut interrupts).await? else {
                return Ok(ExitCode::SUCCESS);
            };
            output::tell(&format!("\n{}", figures(&end, draws(&turns.sampling))));
            end
        };
        let cancelled = end.reason == EndReason::Cancelled;
        Ok(if cancelled { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS })
    }
}
