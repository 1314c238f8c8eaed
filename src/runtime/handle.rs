//! A runtime's handle: models, queues, steps, and the way down.

use super::core::{Core, Stepped};
use super::estimate::{Estimate, Sessions};
use super::info::RuntimeInfo;
use super::links::Command;
use super::load;
use super::model::Model;
use super::options::{ModelOptions, Reading, RuntimeOptions, check_pace};
use super::owner::Owner;
use super::stream::Stream;
use crate::error::{Error, ErrorKind, Result};
use crate::stream::{Queue, QueueNext};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An engine with its threads, or with none of its own. Several live side by side in a process.
///
/// Cheap to clone. When the last of its clones, models and sessions is dropped it shuts down: every stream
/// gets its end, and the threads are joined (save by a thread of the runtime itself, which cannot wait for
/// its own end).
#[derive(Clone)]
pub struct Runtime {
    owner: Arc<Owner>,
}

impl Runtime {
    /// A running runtime.
    ///
    /// # Errors
    /// `InvalidArgument` for an option out of range; `OutOfMemory` if the system refuses a thread.
    pub fn new(options: RuntimeOptions) -> Result<Self> {
        Ok(Self { owner: Arc::new(Owner { core: Core::new(options)? }) })
    }

    /// Starts to load a model; returns at once. Sessions and generations may be made at once: they wait for
    /// the load. Dropping the stream before its end cancels the load.
    ///
    /// # Errors
    /// `Shutdown`; `StaleHandle` for a closed queue. What is wrong with the model comes as the stream's end.
    pub fn load(&self, options: ModelOptions, reading: Reading) -> Result<(Model, Stream)> {
        Model::load(&self.owner, options, reading, |_, stream| stream)
    }

    /// As [`Runtime::load`], and hands the stream to `adopt` before its first event can be delivered.
    ///
    /// # Errors
    /// As [`Runtime::load`].
    pub fn start_load(
        &self,
        options: ModelOptions,
        reading: Reading,
        adopt: impl FnOnce(&Model, Stream),
    ) -> Result<Model> {
        Model::load(&self.owner, options, reading, adopt).map(|(model, ())| model)
    }

    /// What a model would take in this runtime, by its header alone, which takes milliseconds: the bytes that
    /// the memory budget will count when `sessions` sessions with nothing in common are full, of `context`
    /// tokens each (`None`: the model's). Nothing is loaded, and no tensor is read. Other models' bytes are
    /// not part of it, nor is what only takes room that is there: weights on their way to huge pages, and the
    /// logits of drafts.
    ///
    /// # Errors
    /// What the load would end with for such a file, but for the budget; `Unsupported` for the candle
    /// backend, and for a model that is no file; `InvalidArgument` for a context beyond the model's;
    /// `Timeout` if the header is not read by `deadline`; `Shutdown`.
    pub fn estimate(
        &self,
        options: ModelOptions,
        sessions: usize,
        context: Option<usize>,
        deadline: Option<Instant>,
    ) -> Result<Estimate> {
        let core = &self.owner.core;
        core.links.check_open()?;
        let sessions = Sessions {
            count: sessions,
            context,
            together: core.options.max_sequences,
            prefixes: options.prefix_cache,
            limit: core.options.memory_budget,
        };
        load::estimate(options, &sessions, deadline)
    }

    /// A queue: many streams, one place to read. It ends with the runtime.
    ///
    /// # Errors
    /// `Shutdown`.
    pub fn queue(&self) -> Result<Arc<Queue>> {
        self.owner.core.queue()
    }

    /// Runs the runtime's work on this thread for about `budget`, at least one slice. Any thread, one at a
    /// time.
    ///
    /// # Errors
    /// `Unsupported` unless in [`super::Mode::HostStep`]; `Busy` while another thread steps.
    pub fn step(&self, budget: Duration) -> Result<Stepped> {
        self.owner.core.step(budget)
    }

    /// The next event of the queue's pulled streams by `deadline` (`None`: for ever). In
    /// [`super::Mode::HostStep`] this thread does the runtime's work while it waits.
    pub fn wait_queue(&self, queue: &Queue, deadline: Option<Instant>) -> QueueNext {
        let next = self.owner.core.wait(deadline, |context| queue.poll_next(context));
        next.unwrap_or_else(|| queue.try_next())
    }

    /// Stops computing within a slice; events, cancels, deadlines and closes still work. Not counted.
    pub fn pause(&self) {
        self.owner.core.links.tell(Command::Pause(true));
    }

    /// Computes again.
    pub fn resume(&self) {
        self.owner.core.links.tell(Command::Pause(false));
    }

    /// From the next slice on the threads compute `percent` of each 16.7 ms at most; 0: 100.
    ///
    /// # Errors
    /// `InvalidArgument` beyond 100; `Unsupported` in [`super::Mode::HostStep`].
    pub fn set_pace(&self, percent: u32) -> Result<()> {
        let core = &self.owner.core;
        check_pace(core.options.mode, percent, "percent")?;
        core.links.pace.set(percent);
        // It may rest by the old one.
        core.links.signal.raise();
        Ok(())
    }

    /// Gives back memory whose contents can be computed again: prefixes that no session uses, what idle
    /// sessions hold, and what passes work in. What is under way keeps its own, and gives the rest back
    /// behind the pass.
    pub fn trim(&self) {
        self.owner.core.links.tell(Command::Trim);
    }

    /// Counts, memory and queue depths. Never waits for compute.
    pub fn info(&self) -> RuntimeInfo {
        self.owner.core.info()
    }

    /// Ends every live stream with [`super::EndReason::Shutdown`], takes nothing new, and joins the threads.
    /// Streams and queues stay readable. In [`super::Mode::HostStep`] the work is done on this thread.
    ///
    /// # Errors
    /// `Timeout` if not all is over after `timeout` (`None`: wait as long as it takes): call again.
    /// `Reentrant` on a thread of the runtime.
    pub fn shutdown(&self, timeout: Option<Duration>) -> Result<()> {
        if self.owner.core.is_own_thread() {
            let why = "a thread of the runtime cannot wait for its own end; shut down from another";
            return Err(Error::new(ErrorKind::Reentrant, why));
        }
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        if self.owner.core.shut_down(deadline) {
            return Ok(());
        }
        let names = match self.owner.core.thread_names() {
            names if names.is_empty() => "threads that compute".to_owned(),
            names => names.join(", "),
        };
        Err(Error::new(ErrorKind::Timeout, format!("not all has ended yet ({names}); call again")))
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("mode", &self.owner.core.options.mode).finish_non_exhaustive()
    }
}
