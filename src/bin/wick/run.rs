//! `wick run`: one prompt and its answer as it comes, or a conversation. Text goes to standard output,
//! everything else to standard error.

use super::input::{TextInput, wrong};
use super::model::{Computing, KvName, Template, named};
use super::sampling::{Sampling, draws};
use super::show::{Interrupts, figures, load};
use super::turns::{INTERRUPTED, Turns};
use super::{converse, output};
use clap::Args;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use wick::{EndReason, Model, ModelOptions, Reading, Result, Runtime, SessionOptions};

#[derive(Args)]
#[command(
    after_help = "Without a prompt, on a terminal: a conversation, a line a turn. Ctrl-C stops an answer, /clear forgets, Ctrl-D ends."
)]
pub struct Run {
    /// A .gguf file, or a folder with config.json, tokenizer.json and safetensors
    model: PathBuf,
    #[command(flatten)]
    prompt: TextInput,
    /// A conversation also where standard input is no terminal; a prompt is its first turn
    #[arg(short, long, conflicts_with = "raw")]
    interactive: bool,
    /// A system message before all others
    #[arg(long, value_name = "TEXT", conflicts_with = "raw")]
    system: Option<String>,
    /// Continue the prompt as it stands, without the model's chat template
    #[arg(long)]
    raw: bool,
    /// The most tokens to generate; 0 or -1: until the context is full
    #[arg(short = 'n', long, default_value_t = 512, value_name = "N", value_parser = clap::value_parser!(i64).range(-1..=i64::from(u32::MAX)), allow_negative_numbers = true)]
    max_tokens: i64,
    #[command(flatten)]
    sampling: Sampling,
    /// End the answer before this text; may be given more than once
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    stop: Vec<String>,
    /// The most tokens of prompt and answer; 0: the model's own
    #[arg(short, long, default_value_t = 0, value_name = "N", allow_negative_numbers = true)]
    context: usize,
    /// What keys and values are kept as
    #[arg(long, value_enum, default_value_t)]
    kv_type: KvName,
    #[command(flatten)]
    template: Template,
    #[command(flatten)]
    computing: Computing,
}

impl Run {
    pub fn run(self) -> Result<ExitCode> {
        let converses =
            self.interactive || (!self.prompt.is_given() && !self.raw && std::io::stdin().is_terminal());
        let prompt = match converses && !self.prompt.is_given() {
            true => None,
            false => Some(self.prompt()?),
        };
        let runtime = self.computing.runtime()?;
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
        let context_length = (self.context != 0).then_some(self.context);
        let kv_type = self.kv_type.kv_type();
        let options = ModelOptions { context_length, kv_type, ..self.computing.model(&self.model) };
        let (model, loading) = runtime.load(self.template.applied(options)?, Reading::default())?;
        let loaded = load(loading, &mut interrupts).await.map_err(|error| named(error, &self.model))?;
        if loaded.reason == EndReason::Cancelled {
            return Ok(ExitCode::from(INTERRUPTED));
        }
        let session =
            SessionOptions { context_length, system: self.system.clone(), ..SessionOptions::default() };
        let turns = Turns {
            sampling: self.sampling.options(&self.model).map_err(|error| named(error, &self.model))?,
            templated: self.is_templated(&model, converses)?,
            session: model.session_with(session)?,
            model: self.model.clone(),
            max_tokens: u32::try_from(self.max_tokens).unwrap_or(0),
            stop: self.stop.clone(),
        };
        match prompt {
            Some(prompt) if !converses => {
                let Some(end) = turns.answer(prompt, &mut interrupts).await? else {
                    return Ok(ExitCode::SUCCESS);
                };
                output::tell(&format!("\n{}", figures(&end, draws(&turns.sampling))));
                let cancelled = end.reason == EndReason::Cancelled;
                Ok(if cancelled { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS })
            }
            first => converse::converse(&turns, first, &mut interrupts).await,
        }
    }

    /// Whether the model's chat template is used.
    fn is_templated(&self, model: &Model, converses: bool) -> Result<bool> {
        let has_template = model.info()?.has_template;
        let file = self.model.display();
        let wants = match (converses, &self.system) {
            _ if has_template => return Ok(!self.raw),
            (true, _) => "a conversation",
            (_, Some(_)) => "--system",
            _ => return Ok(false),
        };
        Err(wrong(format!(
            "{file}: {wants} needs a chat template, and this model has none; give one with --chat-template"
        )))
    }
}
