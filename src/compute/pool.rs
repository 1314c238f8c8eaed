//! The pool: starts, feeds and joins its threads; knows not what is computed.
//!
//! A job is a number of chunks, taken one by one from a counter. It is over when every chunk is done, not
//! when every thread has come: a thread that wakes up late finds the job closed and stalls nobody.

use super::pace::Pace;
use super::team::{Job, Shared, Work, live};
use super::thread::{ThreadOptions, start};
use crate::error::{Error, ErrorKind, Result};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How a pool is made.
#[derive(Clone)]
pub struct PoolOptions {
    /// Threads, the caller's among them; 0 and 1 mean the caller alone.
    pub threads: usize,
    /// Threads are called `{name}-1`, `{name}-2`, …
    pub name: String,
    /// What each thread has of the host.
    pub life: ThreadOptions,
    /// How long a thread without work looks for some before it sleeps.
    pub spin: Duration,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            threads: super::default_threads(),
            name: "wick-compute".into(),
            life: ThreadOptions::default(),
            spin: Duration::from_micros(20),
        }
    }
}

/// Threads that work on one job at a time, together with the caller.
///
/// The threads end and are joined when the pool is dropped.
pub struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// Starts the threads. `OutOfMemory` if the system refuses one: those already started are joined again.
    pub fn new(options: &PoolOptions) -> Result<Self> {
        let count = options.threads.max(1);
        let mut pool = Pool { shared: Arc::new(Shared::new(count, options.spin)), threads: Vec::new() };
        pool.threads.try_reserve_exact(count - 1)?;
        for index in 1..count {
            let shared = pool.shared.clone();
            let name = format!("{}-{index}", options.name);
            let started = start(name.clone(), &options.life, move |_life| live(&shared, index));
            let thread = started.map_err(|error| {
                let message = format!("cannot start thread {name}: {error}; ask for fewer threads");
                Error::new(ErrorKind::OutOfMemory, message)
            })?;
            pool.threads.push(thread);
        }
        Ok(pool)
    }

    /// No thread but the caller's.
    pub fn alone() -> Self {
        Pool { shared: Arc::new(Shared::new(1, Duration::ZERO)), threads: Vec::new() }
    }

    /// Threads, the caller's among them.
    pub fn threads(&self) -> usize {
        self.threads.len() + 1
    }

    /// Calls `work(chunk, thread)` once for each chunk below `chunks`, on all threads, and waits for all;
    /// `thread` is 0 on the caller's and below [`Pool::threads`]. A panic in `work` is raised here, once all
    /// threads have left; the pool stays usable.
    pub fn run(&mut self, chunks: usize, work: &Work<'_>) {
        self.run_from(0, chunks, &Pace::UNBOUNDED, work);
    }

    /// As [`Pool::run`] for the chunks from `start` on, until `pace` is over; returns the first chunk that
    /// was not done. At least one chunk is done.
    pub fn run_from(&mut self, start: usize, chunks: usize, pace: &Pace, work: &Work<'_>) -> usize {
        if self.threads.is_empty() || chunks <= start + 1 {
            for chunk in start..chunks {
                work(chunk, 0);
                if pace.is_over() {
                    return chunk + 1;
                }
            }
            return chunks;
        }
        // SAFETY: only the lifetime changes; `join` is dropped, and so waits for all threads, before `work`'s
        // borrow ends.
        let work: &Work<'static> = unsafe { std::mem::transmute(work) };
        let join = self.shared.open(Job::new(work, chunks), start);
        for (index, thread) in self.threads.iter().enumerate().take(chunks - start - 1) {
            if self.shared.take_sleeping(index + 1) {
                thread.thread().unpark();
            }
        }
        while let Some(chunk) = self.shared.take_chunk(chunks) {
            work(chunk, 0);
            if pace.is_over() {
                break;
            }
        }
        let next = join.wait();
        if let Some(panic) = self.shared.take_panic() {
            resume_unwind(panic);
        }
        next.min(chunks)
    }

    /// Has the threads end, without waiting for them. Later jobs run on the caller's thread and those left.
    pub fn end_threads(&self) {
        self.shared.end();
        for thread in &self.threads {
            thread.thread().unpark();
        }
    }

    /// Ends and joins the threads; later jobs run on the caller's thread.
    pub fn shutdown(&mut self) {
        self.end_threads();
        for thread in self.threads.drain(..) {
            // A thread catches every panic of its jobs.
            drop(thread.join());
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shutdown();
    }
}

#[cfg(test)]
mod tests;
