//! The program's arguments, checked once; knows no request.

use clap::{Args, Parser, ValueEnum};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use wick::{KvType, Level, LogFn, ModelOptions, Result, RuntimeOptions};

/// An OpenAI-compatible HTTP server for one model.
#[derive(Parser, Debug)]
#[command(name = "wick-serve", version, about)]
pub struct Options {
    #[command(flatten)]
    pub source: ModelArguments,
    #[command(flatten)]
    pub network: Network,
    #[command(flatten)]
    pub limits: Limits,
    /// The library's log on standard error; twice: per request
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// Which model, and how it is computed.
#[derive(Args, Debug)]
pub struct ModelArguments {
    /// A .gguf file, or a folder with config.json, tokenizer.json and safetensors
    #[cfg_attr(feature = "testing", arg(required_unless_present = "fake"))]
    #[cfg_attr(not(feature = "testing"), arg(required = true))]
    model: Option<PathBuf>,
    /// The script of a fake model, in JSON (wick::testing::Script)
    #[cfg(feature = "testing")]
    #[arg(long, value_name = "JSON", conflicts_with = "model")]
    fake: Option<String>,
    /// What clients call the model; else the file's name without its ending
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    name: Option<String>,
    /// Compute threads, at most 1024; 0: as many as there are physical cores, of performance cores where
    /// there are slower ones
    #[arg(short, long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u16).range(..=1024))]
    threads: u16,
    /// The most tokens of prompt and answer; 0: the model's own
    #[arg(short, long, default_value_t = 0, value_name = "N")]
    context: usize,
    /// What keys and values are kept as
    #[arg(long, value_enum, default_value_t)]
    kv_type: KvName,
    /// MiB for weights, keys and values, and scratch; 0: no budget
    #[arg(long, default_value_t = 0, value_name = "MIB", value_parser = clap::value_parser!(u64).range(..=1 << 40))]
    memory: u64,
    /// A chat template in place of the model's: chatml, llama2, llama3, gemma, phi3, mistral or zephyr, or a
    /// file of Jinja text
    #[arg(long, value_name = "NAME or FILE")]
    chat_template: Option<String>,
}

/// Where the server listens, and to whom.
#[derive(Args, Debug)]
pub struct Network {
    /// The address to listen on; 0.0.0.0 or ::, all of them: then give a token, too
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_name = "ADDRESS")]
    pub host: IpAddr,
    /// The port to listen on; 0: one that is free
    #[arg(short, long, default_value_t = 8080, value_name = "N")]
    pub port: u16,
    /// A file with the tokens that clients have to bring (`Authorization: Bearer …`), one a line
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// What a client may take. Times in seconds.
#[derive(Args, Debug)]
pub struct Limits {
    /// Generations that are computed together
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub parallel: u16,
    /// Generations that wait for a place; those beyond are refused with 429
    #[arg(long, default_value_t = 256, value_name = "N", value_parser = clap::value_parser!(u16))]
    pub queue: u16,
    /// Connections at once; those beyond are refused with 503
    #[arg(long, default_value_t = 1024, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: u32,
    /// KiB of a request's body; longer ones are refused with 413
    #[arg(long, default_value_t = 4096, value_name = "KIB", value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    max_body: u32,
    /// The most tokens of an answer; 0: until the context is full
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub max_tokens: u32,
    /// How long a generation may take, waiting included; 0: as long as it does
    #[arg(long, default_value_t = 600, value_name = "S", value_parser = clap::value_parser!(u32))]
    max_seconds: u32,
    /// How long a request's head, and its body, may be on their way, and a connection idle
    #[arg(long, default_value_t = 30, value_name = "S", value_parser = clap::value_parser!(u32).range(1..))]
    read_seconds: u32,
    /// How long a client may take nothing of its answer; then it counts as gone
    #[arg(long, default_value_t = 60, value_name = "S", value_parser = clap::value_parser!(u32).range(1..))]
    stall_seconds: u32,
    /// After how long a silence a stream gets a comment, so that nobody on the way takes it for dead
    #[arg(long, default_value_t = 15, value_name = "S", value_parser = clap::value_parser!(u32).range(1..))]
    heartbeat_seconds: u32,
    /// How long a job waits for a reader before it is cancelled
    #[arg(long, default_value_t = 60, value_name = "S", value_parser = clap::value_parser!(u32).range(1..))]
    job_seconds: u32,
    /// How long answers may go on behind a SIGTERM before they are ended
    #[arg(long, default_value_t = 30, value_name = "S", value_parser = clap::value_parser!(u32))]
    drain_seconds: u32,
}

/// A type of keys and values on the command line.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum KvName {
    /// Half precision floats
    #[default]
    F16,
    /// Bytes with a scale for each 32: half of the memory
    #[value(name = "q8_0")]
    Q8_0,
}

fn seconds(count: u32) -> Duration {
    Duration::from_secs(count.into())
}

impl Limits {
    /// Bytes of a request's body.
    pub fn body(&self) -> usize {
        self.max_body as usize * 1024
    }

    /// How long a generation may take; `None`: as long as it does.
    pub fn generation(&self) -> Option<Duration> {
        (self.max_seconds > 0).then(|| seconds(self.max_seconds))
    }

    /// How long a head, a body or the next request may be on its way.
    pub fn read(&self) -> Duration {
        seconds(self.read_seconds)
    }

    /// How long a client may take nothing.
    pub fn stall(&self) -> Duration {
        seconds(self.stall_seconds)
    }

    /// The longest silence of a stream.
    pub fn heartbeat(&self) -> Duration {
        seconds(self.heartbeat_seconds)
    }

    /// How long a job waits for its reader.
    pub fn job(&self) -> Duration {
        seconds(self.job_seconds)
    }

    /// How long answers may go on when the server is told to end.
    pub fn drain(&self) -> Duration {
        seconds(self.drain_seconds)
    }

    /// Generations that may be live at once.
    pub fn generations(&self) -> usize {
        usize::from(self.parallel) + usize::from(self.queue)
    }
}

impl Options {
    /// What the runtime is made of.
    pub fn runtime(&self) -> RuntimeOptions {
        // Unasked, the log would say a second time what errors say.
        let log: LogFn = Arc::new(|_, line| crate::server::tell(line));
        RuntimeOptions {
            threads: self.source.threads.into(),
            memory_budget: (self.source.memory > 0).then_some(self.source.memory << 20),
            max_sequences: self.limits.parallel.into(),
            max_waiting: self.limits.queue.into(),
            log: (self.verbose > 0).then_some(log),
            log_level: if self.verbose > 1 { Level::Debug } else { Level::Info },
            ..RuntimeOptions::default()
        }
    }
}

impl ModelArguments {
    /// What clients call the model.
    pub fn name(&self) -> String {
        let file = self.model.as_ref().and_then(|path| path.file_stem());
        let of_file = || file.map_or_else(|| "fake".to_owned(), |stem| stem.to_string_lossy().into_owned());
        self.name.clone().unwrap_or_else(of_file)
    }

    /// What the model is loaded with.
    ///
    /// # Errors
    /// `Io` for a chat template that cannot be read; `InvalidArgument` for a script that is none.
    pub fn model(&self) -> Result<ModelOptions> {
        Ok(ModelOptions {
            context_length: (self.context > 0).then_some(self.context),
            kv_type: match self.kv_type {
                KvName::F16 => KvType::F16,
                KvName::Q8_0 => KvType::Q8_0,
            },
            chat_template: self.template()?,
            ..self.origin()?
        })
    }

    /// The text of the template's file, or its name.
    fn template(&self) -> Result<Option<String>> {
        match &self.chat_template {
            Some(name) if std::path::Path::new(name).is_file() => {
                let text = std::fs::read_to_string(name).map_err(|error| {
                    wick::Error::new(wick::ErrorKind::Io, format!("--chat-template {name}: {error}"))
                })?;
                Ok(Some(text))
            }
            name => Ok(name.clone()),
        }
    }

    #[cfg(feature = "testing")]
    fn origin(&self) -> Result<ModelOptions> {
        use wick::testing::{Script, loader};
        match &self.fake {
            Some(script) => {
                let source = wick::ModelSource::Custom(loader(Script::parse(script)?).0);
                Ok(ModelOptions::from_source(source))
            }
            None => Ok(self.file()),
        }
    }

    #[cfg(not(feature = "testing"))]
    fn origin(&self) -> Result<ModelOptions> {
        Ok(self.file())
    }

    fn file(&self) -> ModelOptions {
        ModelOptions::path(self.model.clone().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> std::result::Result<Options, clap::Error> {
        Options::try_parse_from([&["wick-serve"], arguments].concat())
    }

    #[test]
    fn unless_told_otherwise_only_this_machine_is_listened_to() {
        let options = parsed(&["/models/Small.Q4_1.gguf"]).expect("valid");
        assert!(options.network.host.is_loopback());
        assert_eq!(options.source.name(), "Small.Q4_1");
        assert!(options.network.token_file.is_none());
    }

    #[test]
    fn a_limit_of_zero_is_refused_where_it_would_let_nobody_in() {
        for argument in ["--parallel=0", "--max-connections=0", "--max-body=0", "--stall-seconds=0"] {
            assert!(parsed(&["model.gguf", argument]).is_err(), "{argument}");
        }
        assert!(parsed(&[]).is_err(), "there has to be a model");
        assert_eq!(parsed(&["m.gguf", "--max-seconds=0"]).expect("valid").limits.generation(), None);
    }
}
