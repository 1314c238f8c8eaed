//! What a runtime lends to the loads of its models, threads before all, and what hears of their progress;
//! knows no model.

use super::links::Links;
use super::names::Names;
#[cfg(feature = "native")]
use super::options::Mode;
use super::options::RuntimeOptions;
use crate::budget::Budget;
use crate::compute::{ThreadOptions, cores, processors};
use crate::error::Result;
use crate::gguf::Readers;
use std::sync::Arc;
use std::time::Duration;

/// Threads that read a model at most: more than a few only wait for each other, or for the disk.
const MAX_READERS: usize = 8;

/// What a runtime lends to the decoders of its models.
#[cfg_attr(not(feature = "text"), allow(dead_code, reason = "only model files need it"))]
pub(super) struct Resources {
    /// What the native decoder computes with: the engine's thread is the first of its threads.
    #[cfg(feature = "native")]
    pub(super) compute: Arc<std::sync::Mutex<crate::compute::Compute>>,
    /// What all models of the runtime take from.
    pub(super) budget: Arc<Budget>,
    /// How long the load goes on before others on its thread have their turn.
    pub(super) slice: Duration,
    /// Who reads files that are not mapped; `None`: the load's thread alone, with a rest after each piece.
    pub(super) readers: Option<Readers>,
    /// The way to the engine, whose idle sessions give way to a model.
    pub(super) links: Arc<Links>,
}

/// What hears of bytes that are there, and of how many there are in all; stops the load by an error.
pub(super) type Progress<'a> = dyn FnMut(u64, u64) -> Result<()> + Send + 'a;

/// What threads that are not the runtime's lanes are: their names are known while they run.
fn watched(options: &RuntimeOptions, names: &Arc<Names>) -> ThreadOptions {
    let life = options.threads_as();
    ThreadOptions { on_thread: Some(names.watch(life.on_thread.clone())), ..life }
}

/// The threads that read a model's file: no more than compute, and than there are processors.
pub(super) fn readers(options: &RuntimeOptions, names: &Arc<Names>) -> Readers {
    let (threads, _) = compute_threads(options);
    let processors = processors(options.keep_scheduling);
    Readers {
        threads: threads.min(processors).min(MAX_READERS),
        name: format!("{}-read", options.thread_name),
        life: watched(options, names),
    }
}

/// How many threads compute, and how that was chosen, if it was.
pub(super) fn compute_threads(options: &RuntimeOptions) -> (usize, Option<&'static str>) {
    match options.threads {
        0 => {
            let (count, chosen) = cores(options.keep_scheduling);
            (count, Some(chosen.name()))
        }
        given => (given, None),
    }
}

/// The threads that compute: those asked for, or none beside the host's.
#[cfg(feature = "native")]
pub(super) fn compute(options: &RuntimeOptions, names: &Arc<Names>) -> Result<crate::compute::Compute> {
    use crate::compute::{Compute, Pool, PoolOptions};
    if options.mode == Mode::HostStep {
        return Compute::alone();
    }
    let (threads, _) = compute_threads(options);
    let name = format!("{}-compute", options.thread_name);
    let life = watched(options, names);
    let pool = Pool::new(&PoolOptions { threads, name, life, ..PoolOptions::default() })?;
    Compute::new(pool, crate::kernel::Kernels::best())
}
