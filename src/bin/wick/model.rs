//! What the commands that load a model have in common: which one, and how it is computed; knows no request.

use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wick::{
    Backend, EndReason, Error, ErrorKind, KvType, Level, LogFn, Model, ModelOptions, Reading, Result,
    Runtime, RuntimeOptions,
};

/// How a model is computed.
#[derive(Args, Clone, Default)]
pub struct Computing {
    /// Compute threads, at most 1024; 0: as many as there are physical cores, of performance cores where
    /// there are slower ones
    #[arg(short, long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u16).range(..=1024), allow_negative_numbers = true)]
    pub threads: u16,
    /// What computes the model
    #[arg(long, value_enum, default_value_t)]
    pub backend: BackendName,
    /// The library's log on standard error; twice: per request
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// A backend's name on the command line.
#[derive(Clone, Copy, Default, ValueEnum)]
pub enum BackendName {
    /// The native one; candle in a build without it
    #[default]
    Auto,
    /// wick's own decoder
    Native,
    /// candle, where the build has it
    Candle,
}

/// A type of keys and values on the command line.
#[derive(Clone, Copy, Default, ValueEnum)]
pub enum KvName {
    /// Half precision floats
    #[default]
    F16,
    /// Bytes with a scale for each 32: half of the memory
    #[value(name = "q8_0")]
    Q8_0,
}

impl KvName {
    /// What it names.
    pub fn kv_type(self) -> KvType {
        match self {
            Self::F16 => KvType::F16,
            Self::Q8_0 => KvType::Q8_0,
        }
    }
}

impl BackendName {
    /// As an argument for another process.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Native => "native",
            Self::Candle => "candle",
        }
    }
}

impl Computing {
    /// A runtime with these threads.
    pub fn runtime(&self) -> Result<Runtime> {
        // Unasked, the log would say a second time what errors say.
        let log: LogFn = Arc::new(|_, line| super::output::tell(line));
        Runtime::new(RuntimeOptions {
            threads: self.threads.into(),
            log: (self.verbose > 0).then_some(log),
            log_level: if self.verbose > 1 { Level::Debug } else { Level::Info },
            ..RuntimeOptions::default()
        })
    }

    /// The model at `path` on this backend.
    pub fn model(&self, path: impl Into<PathBuf>) -> ModelOptions {
        let backend = match self.backend {
            BackendName::Auto => Backend::Auto,
            BackendName::Native => Backend::Native,
            BackendName::Candle => Backend::Candle,
        };
        ModelOptions { backend, ..ModelOptions::path(path) }
    }

    /// The model at `path`, loaded in `runtime`.
    ///
    /// # Errors
    /// The load's, naming the file.
    pub fn open(&self, runtime: &Runtime, path: &Path) -> Result<Model> {
        load(runtime, self.model(path), path)
    }
}

/// A chat template that takes the place of the model's own.
#[derive(Args)]
pub struct Template {
    /// A chat template in place of the model's: chatml, llama2, llama3, gemma, phi3, mistral or zephyr, or a
    /// file of Jinja text
    #[arg(long, value_name = "NAME or FILE")]
    chat_template: Option<String>,
}

impl Template {
    /// `options` with this template.
    ///
    /// # Errors
    /// `Io` for a file that cannot be read.
    pub fn applied(&self, options: ModelOptions) -> Result<ModelOptions> {
        let chat_template = match &self.chat_template {
            Some(name) if Path::new(name).is_file() => Some(super::input::read(Path::new(name))?),
            name => name.clone(),
        };
        Ok(ModelOptions { chat_template, ..options })
    }
}

/// Tokenizer and chat template, without weights, of the model at `path`.
///
/// # Errors
/// The load's, naming the file.
pub fn vocabulary(runtime: &Runtime, path: &Path, template: Option<&Template>) -> Result<Model> {
    let options = ModelOptions { vocab_only: true, ..ModelOptions::path(path) };
    let options = match template {
        Some(template) => template.applied(options)?,
        None => options,
    };
    load(runtime, options, path)
}

fn load(runtime: &Runtime, options: ModelOptions, path: &Path) -> Result<Model> {
    let (model, mut loading) = runtime.load(options, Reading::default())?;
    let (_, end) = loading.collect_text().map_err(|error| named(error, path))?;
    if end.reason != EndReason::Ready {
        let message = format!("{}: the load's END says {:?}", path.display(), end.reason);
        return Err(Error::new(ErrorKind::Internal, message));
    }
    Ok(model)
}

/// `error` with the file's name before it, where it is not there already.
pub fn named(error: Error, path: &Path) -> Error {
    let name = path.display().to_string();
    if error.message().contains(&name) { error } else { error.within(name) }
}
