//! What the commands that load a model have in common: which one, and how it is computed; knows no request.

use clap::{Args, ValueEnum};
use std::path::PathBuf;
use wick::{Backend, ModelOptions, Result, Runtime, RuntimeOptions};

/// How a model is computed.
#[derive(Args, Clone, Default)]
pub struct Computing {
    /// Compute threads; 0: as many as there are physical cores
    #[arg(long, default_value_t = 0, value_name = "N", allow_negative_numbers = true)]
    pub threads: usize,
    /// What computes the model
    #[arg(long, value_enum, default_value_t)]
    pub backend: BackendName,
}

/// A backend's name on the command line.
#[derive(Clone, Copy, Default, ValueEnum)]
pub enum BackendName {
    /// The native one; candle is tried with what it does not support
    #[default]
    Auto,
    /// wick's own decoder
    Native,
    /// candle
    Candle,
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
        Runtime::new(RuntimeOptions { threads: self.threads, ..RuntimeOptions::default() })
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
}
