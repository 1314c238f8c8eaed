//! What a runtime, a model and a generation are started with.

use crate::compute::ThreadOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::gguf::Source;
use crate::log::{Level, LogFn};
use crate::model::{Decoder, KvType, PrefixCache};
use crate::stream::{Delivery, Queue};
use crate::text::Vocab;
use std::sync::Arc;

/// Who computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// The runtime owns its threads.
    #[default]
    Threads,
    /// No thread at all: work is done in [`super::Runtime::step`], and in blocking reads while they wait.
    HostStep,
}

/// Called first (`true`) and last (`false`) on each thread of the runtime.
pub type ThreadFn = Arc<dyn Fn(bool) + Send + Sync>;

/// What a runtime is made of.
#[derive(Clone)]
pub struct RuntimeOptions {
    /// Who computes.
    pub mode: Mode,
    /// Compute threads, at most 1,024; 0: one for each physical core that the process may use, of the
    /// performance cores only where the system tells them from slower ones (Linux): all threads wait for the
    /// slowest. Without meaning in [`Mode::HostStep`].
    pub threads: usize,
    /// Bytes for weights, keys and values, and scratch of all models; `None`: no budget. When it is used up,
    /// caches go, then the keys and values of idle sessions, which are computed again when they are needed;
    /// what then finds no room ends with `OutOfMemory`.
    pub memory_budget: Option<u64>,
    /// Generations computed together: 1 to 4,096.
    pub max_sequences: usize,
    /// Generations waiting for a place.
    pub max_waiting: usize,
    /// What the threads' names begin with.
    pub thread_name: String,
    /// Of each 16.7 ms, the share in percent that the threads compute at most: 1 to 100; 0: 100. Only
    /// with [`Mode::Threads`]: on the host's thread the budget of each step is the pace.
    pub pace_percent: u32,
    /// Called on each thread of the runtime.
    pub on_thread: Option<ThreadFn>,
    /// Threads keep the policy, priority and processors of the thread that starts them: the one that makes
    /// the runtime, or that begins a load. Else they have those that the process was started with: a thread
    /// that is bound to a processor, or a real-time thread, makes none of its kind.
    pub keep_scheduling: bool,
    /// Takes log lines.
    pub log: Option<LogFn>,
    /// The least grave lines that are logged.
    pub log_level: Level,
}

impl RuntimeOptions {
    /// What each thread of the runtime has of the host.
    pub(super) fn threads_as(&self) -> ThreadOptions {
        ThreadOptions { on_thread: self.on_thread.clone(), keep_scheduling: self.keep_scheduling }
    }
}

impl Default for RuntimeOptions {
    fn default() -> Self {
        Self {
            mode: Mode::Threads,
            threads: 0,
            memory_budget: None,
            max_sequences: 16,
            max_waiting: 1024,
            thread_name: "wick".to_owned(),
            pace_percent: 0,
            on_thread: None,
            keep_scheduling: false,
            log: None,
            log_level: Level::Warning,
        }
    }
}

/// Which decoder computes a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backend {
    /// The native one; candle in a build without it.
    #[default]
    Auto,
    /// wick's own.
    Native,
    /// The one on candle-core: without prefix cache, drafts and adapters, and with fewer operations; a model
    /// with another is refused by its name.
    Candle,
}

/// A decoder with its vocabulary.
pub type Loaded = (Box<dyn Decoder>, Arc<dyn Vocab>);
/// Makes a decoder in place of a file. Given what takes its progress, `(done, total)`, and stops the load by
/// an error.
pub type Loader = Box<dyn FnOnce(&mut dyn FnMut(u64, u64) -> Result<()>) -> Result<Loaded> + Send>;

/// Where a model comes from.
pub enum ModelSource {
    /// A GGUF: a file or a part of one, memory, or a host's reader.
    Gguf(Source),
    /// Something else that decodes.
    Custom(Loader),
}

/// What a model is loaded with.
pub struct ModelOptions {
    /// Where it comes from.
    pub source: ModelSource,
    /// Which decoder computes it.
    pub backend: Backend,
    /// Tokenizer and chat template only; sessions are refused.
    pub vocab_only: bool,
    /// Tokens of context at most; `None`: the model's own. Models with two sets of rope factors (Phi 3) take
    /// the short one if no context is longer than those of the training.
    pub context_length: Option<usize>,
    /// Jinja text that replaces the model's own, or the name of a built-in one: chatml, llama2, llama3,
    /// gemma, phi3, mistral, zephyr.
    pub chat_template: Option<String>,
    /// A mapped file's pages are brought into memory before the load's end, with progress, so that the first
    /// prompt need not wait for the disk. They stay the system's to drop.
    pub preload: bool,
    /// Keys and values that are kept while no session uses them. The beginning that a session's tokens have
    /// in common with another's, live, cleared or closed, is not computed again, unless this is
    /// [`PrefixCache::Off`].
    pub prefix_cache: PrefixCache,
    /// What keys and values are kept as. The candle backend has f16 alone. Answers of two types are not the
    /// same bits.
    pub kv_type: KvType,
    /// Where a text repeats what its session has said or read, or what another of the model has said, several
    /// tokens are computed at once, as long as that is quicker. The text is the same; its pace and
    /// [`Stats::draft_accepted`](crate::Stats::draft_accepted) may hint at what the others said. False: one
    /// token after the other.
    pub drafts: bool,
    /// Sampling fields that are 0 are as the file says ([`Recommended`](crate::Recommended)). A negative
    /// temperature is then greedy, other negative fields are off, but for `penalty_last_n`. A file whose
    /// values are out of range does not load.
    pub sampling_from_model: bool,
}

impl ModelOptions {
    /// The model in the file or, with the feature `folders`, in the folder at `path`; the load looks there.
    pub fn path(path: impl Into<std::path::PathBuf>) -> Self {
        let source = Source::File { path: path.into(), offset: 0, size: 0, no_mmap: false };
        Self::from_source(ModelSource::Gguf(source))
    }

    /// The same model whatever the process' working directory is later: a relative path means what it means
    /// at this call.
    pub(super) fn anchored(mut self) -> Self {
        if let ModelSource::Gguf(source) = self.source {
            self.source = ModelSource::Gguf(source.anchored());
        }
        self
    }

    /// The model that `source` gives.
    pub fn from_source(source: ModelSource) -> Self {
        Self {
            source,
            backend: Backend::Auto,
            vocab_only: false,
            context_length: None,
            chat_template: None,
            preload: false,
            prefix_cache: PrefixCache::default(),
            kv_type: KvType::F16,
            drafts: true,
            sampling_from_model: false,
        }
    }
}

/// How a stream is read.
#[derive(Default)]
pub struct Reading {
    /// Read through this queue.
    pub queue: Option<Arc<Queue>>,
    /// Pushed to a callback: by the queue's dispatch if there is a queue, else by a thread of the runtime.
    pub delivery: Option<Delivery>,
    /// The stream's key among others; `None`: the runtime's next.
    pub key: Option<u64>,
}

pub(super) fn check(options: &RuntimeOptions) -> Result<()> {
    let bad = |what: &str, value: usize, range: &str| {
        Err(Error::new(ErrorKind::InvalidArgument, format!("{what} is {value}; give {range}")))
    };
    match options {
        RuntimeOptions { threads, .. } if *threads > 1024 => bad("threads", *threads, "0 to 1024"),
        RuntimeOptions { max_sequences, .. } if !(1..=4096).contains(max_sequences) => {
            bad("max_sequences", *max_sequences, "1 to 4096")
        }
        RuntimeOptions { thread_name, .. } if thread_name.contains('\0') => {
            Err(Error::new(ErrorKind::InvalidArgument, "thread_name holds a NUL byte; leave it out"))
        }
        RuntimeOptions { mode, pace_percent, .. } if *pace_percent != 0 => {
            check_pace(*mode, *pace_percent, "pace_percent")
        }
        _ => Ok(()),
    }
}

/// # Errors
/// `InvalidArgument` beyond 100 percent; `Unsupported` on the host's thread.
pub(super) fn check_pace(mode: Mode, percent: u32, name: &str) -> Result<()> {
    if percent > 100 {
        let message = format!("{name} is {percent}; give 1 to 100, or 0 for 100");
        return Err(Error::new(ErrorKind::InvalidArgument, message));
    }
    if mode == Mode::HostStep {
        let message =
            format!("{name} is for threads of the runtime; in HOST_STEP the budget of each step is the pace");
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    Ok(())
}
