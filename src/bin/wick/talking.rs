//! What `wick run` and `wick chat` have in common: how a model is opened, and how it answers; knows no
//! prompt.

use super::form::Form;
use super::input::wrong;
use super::model::{Computing, KvName, Template, named};
use super::sampling::Sampling;
use super::show::{Interrupts, load};
use super::turns::Turns;
use clap::Args;
use std::path::Path;
use std::sync::Arc;
use wick::{EndReason, Model, ModelOptions, Reading, Result, Runtime, SessionOptions};

#[derive(Args)]
pub struct Talking {
    /// A system message before all others
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
    /// The most tokens to generate; 0 or -1: until the context is full
    #[arg(short = 'n', long, default_value_t = 512, value_name = "N", value_parser = clap::value_parser!(i64).range(-1..=i64::from(u32::MAX)), allow_negative_numbers = true)]
    max_tokens: i64,
    #[command(flatten)]
    pub sampling: Sampling,
    #[command(flatten)]
    form: Form,
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
    pub computing: Computing,
}

impl Talking {
    /// Loads the model in `file` and makes a session of it; `None`: Ctrl-C came before the load was over.
    ///
    /// # Errors
    /// The load's, naming the file; `InvalidArgument` for a conversation without a chat template.
    pub async fn open(
        &self,
        runtime: &Runtime,
        file: &Path,
        raw: bool,
        converses: bool,
        interrupts: &mut Interrupts,
    ) -> Result<Option<Turns>> {
        let context_length = (self.context != 0).then_some(self.context);
        let kv_type = self.kv_type.kv_type();
        let grammar = self.form.grammar()?;
        let options = ModelOptions { context_length, kv_type, ..self.computing.model(file) };
        let (model, loading) = runtime.load(self.template.applied(options)?, Reading::default())?;
        let loaded = load(loading, interrupts).await.map_err(|error| named(error, file))?;
        if loaded.reason == EndReason::Cancelled {
            return Ok(None);
        }
        let session =
            SessionOptions { context_length, system: self.system.clone(), ..SessionOptions::default() };
        Ok(Some(Turns {
            sampling: self.sampling.options(file).map_err(|error| named(error, file))?,
            templated: self.is_templated(&model, file, raw, converses)?,
            session: model.session_with(session)?,
            model: file.to_owned(),
            max_tokens: u32::try_from(self.max_tokens).unwrap_or(0),
            stop: self.stop.clone(),
            grammar: grammar.map(Arc::new),
        }))
    }

    /// Whether the model's chat template is used.
    fn is_templated(&self, model: &Model, file: &Path, raw: bool, converses: bool) -> Result<bool> {
        let has_template = model.info()?.has_template;
        let wants = match (converses, &self.system) {
            _ if has_template => return Ok(!raw),
            (true, _) => "a conversation",
            (_, Some(_)) => "--system",
            _ => return Ok(false),
        };
        Err(wrong(format!(
            "{}: {wants} needs a chat template, and this model has none; give one with --chat-template",
            file.display()
        )))
    }
}
