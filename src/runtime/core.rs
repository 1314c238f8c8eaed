//! A runtime's machinery: its lanes, with threads or on the host's, and its way down.

use super::drive::drive;
use super::lane::{Clock, Roll, run, spawn};
use super::links::{Command, Ends, Job, Links};
use super::names::Names;
use super::options::{Mode, RuntimeOptions, check};
#[cfg(feature = "native")]
use super::resources::compute;
use super::resources::{Resources, compute_threads, readers};
use crate::budget::Budget;
use crate::compute::float_state;
use crate::engine::{Engine, EngineLimits};
use crate::error::{Error, ErrorKind, Result};
use crate::log::Level;
use crate::stream::{Dispatched, Queue};
use crate::sync::{AtomicBool, Mutex, Ordering, Parker, lock};
use smol::future::FutureExt;
use smol::{Executor, Task};
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
#[cfg(feature = "native")]
use std::sync::PoisonError;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::thread::{JoinHandle, ThreadId};
use std::time::{Duration, Instant};

/// A slice where the host's frame waits for it.
const HOST_SLICE: Duration = Duration::from_micros(200);
/// A slice on a thread of the runtime.
const THREAD_SLICE: Duration = Duration::from_millis(1);
/// Text of at most this many bytes becomes tokens between two slices (under a millisecond); longer text is a
/// job for another thread.
const INLINE_BYTES: usize = 4096;
/// The same where the other thread is another task: what takes no longer than a slice.
const HOST_INLINE_BYTES: usize = 1024;
/// Callbacks that are run before the executor is asked for something else.
const CALLBACKS_AT_ONCE: u32 = 64;

/// What [`super::Runtime::step`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stepped {
    /// The budget is used up, work is left.
    More,
    /// Idle until something is asked, or until the given time.
    Idle(Option<Instant>),
}

pub(super) struct Core {
    pub(super) options: RuntimeOptions,
    pub(super) links: Arc<Links>,
    clock: Arc<Clock>,
    /// HOST_STEP: what the host's calls run.
    host: Option<Host>,
    /// Gone after the shutdown, which joins its threads.
    #[cfg(feature = "native")]
    compute: Arc<std::sync::Mutex<crate::compute::Compute>>,
    budget: Arc<Budget>,
    roll: Arc<Roll>,
    /// Threads that compute or read.
    names: Arc<Names>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    queues: Mutex<Vec<Weak<Queue>>>,
    /// Those of waits that are over, so that the next ones allocate nothing.
    parkers: Mutex<Vec<(Arc<Parker>, Waker)>>,
}

struct Host {
    executor: Arc<Executor<'static>>,
    /// Tasks that have not ended.
    tasks: Arc<Roll>,
    stepping: AtomicBool,
    /// Threads that run a task now.
    within: Mutex<Vec<ThreadId>>,
}

impl Host {
    /// Runs `work`, which runs tasks on this thread.
    fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        lock(&self.within).push(std::thread::current().id());
        let _within = Within(&self.within);
        float_state::own(work)
    }
}

/// Forgets that this thread runs tasks, also after a panic.
struct Within<'a>(&'a Mutex<Vec<ThreadId>>);

impl Drop for Within<'_> {
    fn drop(&mut self) {
        let own = std::thread::current().id();
        let mut threads = lock(self.0);
        if let Some(last) = threads.iter().rposition(|thread| *thread == own) {
            threads.remove(last);
        }
    }
}

impl Core {
    pub(super) fn new(options: RuntimeOptions) -> Result<Arc<Self>> {
        check(&options)?;
        let (links, ends) = Links::new(&options);
        let clock = Arc::new(Clock::new(links.signal.clone()));
        let slice = if options.mode == Mode::HostStep { HOST_SLICE } else { THREAD_SLICE };
        let (max_sequences, own_thread) = (options.max_sequences, options.mode == Mode::Threads);
        let inline_bytes = if own_thread { INLINE_BYTES } else { HOST_INLINE_BYTES };
        let limits = EngineLimits { max_sequences, slice, own_thread, inline_bytes, costs: None };
        let engine = Engine::new(limits, links.facts.clone());
        let names = Arc::<Names>::default();
        #[cfg(feature = "native")]
        let compute = Arc::new(std::sync::Mutex::new(compute(&options, &names)?));
        let budget = Budget::new(options.memory_budget);
        let mut core = Self {
            options,
            budget,
            links,
            clock,
            host: None,
            #[cfg(feature = "native")]
            compute,
            roll: Arc::default(),
            names,
            threads: Mutex::default(),
            queues: Mutex::default(),
            parkers: Mutex::default(),
        };
        match core.options.mode {
            Mode::HostStep => core.host = Some(core.host(engine, ends)),
            Mode::Threads => core.start_threads(engine, ends)?,
        }
        core.say_started();
        Ok(Arc::new(core))
    }

    fn say_started(&self) {
        let options = &self.options;
        #[cfg(feature = "native")]
        let kernels = Some(crate::kernel::Kernels::best().set().name());
        #[cfg(not(feature = "native"))]
        let kernels = None::<&str>;
        let (threads, chosen) = if self.is_host_step() { (0, None) } else { compute_threads(options) };
        self.links
            .log
            .line(Level::Info, "runtime_started")
            .with("version", env!("CARGO_PKG_VERSION"))
            .with("mode", if self.is_host_step() { "host_step" } else { "threads" })
            .with("threads", threads)
            .with_some("chosen", chosen)
            .with_some("kernels", kernels)
            .with("max_sequences", options.max_sequences)
            .with("max_waiting", options.max_waiting)
            .with_some("memory_budget", options.memory_budget)
            .send();
    }

    fn host(&self, engine: Engine, ends: Ends) -> Host {
        let executor = Arc::new(Executor::new());
        let tasks = Arc::<Roll>::default();
        let (links, clock) = (self.links.clone(), self.clock.clone());
        let engine = drive(engine, ends.commands, links, clock, true);
        executor.spawn(tasks.enter("engine").keep_during(engine)).detach();
        let loads = load_each(ends.jobs, Arc::downgrade(&executor), tasks.clone());
        executor.spawn(tasks.enter("loads").keep_during(loads)).detach();
        executor.spawn(tasks.enter("text").keep_during(prepare(ends.texts))).detach();
        executor.spawn(tasks.enter("events").keep_during(call_back(self.links.callbacks.clone()))).detach();
        Host { executor, tasks, stepping: AtomicBool::new(false), within: Mutex::default() }
    }

    fn start_threads(&self, engine: Engine, ends: Ends) -> Result<()> {
        let (links, clock) = (self.links.clone(), self.clock.clone());
        let engine_clock = clock.clone();
        let started = self
            .start(
                "engine",
                move |executor| executor.spawn(drive(engine, ends.commands, links, clock, false)),
                engine_clock,
            )
            .and_then(|()| {
                self.start("text", move |executor| executor.spawn(prepare(ends.texts)), Arc::default())
            })
            .and_then(|()| {
                let queue = self.links.callbacks.clone();
                self.start("events", move |executor| executor.spawn(call_back(queue)), Arc::default())
            });
        if started.is_err() {
            self.shut_down(None);
        }
        started
    }

    fn start(
        &self,
        name: &str,
        task: impl FnOnce(&Executor<'static>) -> Task<()> + Send + 'static,
        clock: Arc<Clock>,
    ) -> Result<()> {
        let name = format!("{}-{name}", self.options.thread_name);
        let work = move || {
            let executor = Executor::new();
            let task = task(&executor);
            run(&executor, task, &clock);
        };
        let thread = spawn(name, &self.roll, &self.options.threads_as(), work)?;
        lock(&self.threads).push(thread);
        Ok(())
    }

    /// Begins a load, a save or a restore, which waits for nobody else's: its reader is the host's and may
    /// block.
    pub(super) fn load(&self, job: Job) {
        if self.is_host_step() {
            return self.links.prepare(job);
        }
        let mut threads = lock(&self.threads);
        for thread in threads.extract_if(.., |thread| thread.is_finished()) {
            let _ = thread.join();
        }
        if self.links.is_stopping() {
            drop(threads);
            // It ends at once.
            return smol::future::block_on(job);
        }
        // Still under the lock: a shutdown that begins now joins this thread.
        let slot = Arc::new(Mutex::new(Some(job)));
        let (name, own) = (format!("{}-prepare", self.options.thread_name), slot.clone());
        let work = move || {
            let job = lock(&own).take();
            job.into_iter().for_each(smol::future::block_on);
        };
        let refused = match spawn(name, &self.roll, &self.options.threads_as(), work) {
            Ok(thread) => return threads.push(thread),
            Err(refused) => refused,
        };
        drop(threads);
        // The text's thread is there.
        let job = lock(&slot).take();
        job.into_iter().for_each(|job| self.links.prepare_text(job));
        let line = self.links.log.line(Level::Warning, "thread_refused");
        line.with("message", refused.message()).send();
    }

    /// What loads may lend to decoders.
    pub(super) fn resources(&self) -> Resources {
        Resources {
            #[cfg(feature = "native")]
            compute: self.compute.clone(),
            budget: self.budget.clone(),
            slice: self.slice(),
            readers: (!self.is_host_step()).then(|| readers(&self.options, &self.names)),
            links: self.links.clone(),
        }
    }

    /// How long a job goes on before others on its thread have their turn.
    pub(super) fn slice(&self) -> Duration {
        if self.is_host_step() { HOST_SLICE } else { THREAD_SLICE }
    }

    pub(super) fn is_host_step(&self) -> bool {
        self.host.is_some()
    }

    /// Names of the threads that run.
    pub(super) fn thread_names(&self) -> Vec<Arc<str>> {
        [self.roll.present(), self.names.present()].concat()
    }

    /// A queue that ends with this runtime.
    pub(super) fn queue(&self) -> Result<Arc<Queue>> {
        let mut queues = lock(&self.queues);
        self.links.check_open()?;
        queues.retain(|queue| queue.strong_count() > 0);
        let queue = Queue::new();
        queues.push(Arc::downgrade(&queue));
        Ok(queue)
    }

    pub(super) fn queues(&self) -> Vec<Arc<Queue>> {
        lock(&self.queues).iter().filter_map(Weak::upgrade).collect()
    }

    /// Runs the runtime's work on this thread for about `budget`, at least one slice.
    pub(super) fn step(&self, budget: Duration) -> Result<Stepped> {
        let Some(host) = &self.host else {
            let why = "wick_runtime_step is for HOST_STEP; this runtime has threads of its own";
            return Err(Error::new(ErrorKind::Unsupported, why));
        };
        if host.stepping.swap(true, Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Busy, "another thread is stepping this runtime"));
        }
        let stepping = Stepping(&host.stepping);
        let until = Instant::now().checked_add(budget);
        let stepped = loop {
            self.clock.strike();
            if !host.within(|| host.executor.try_tick()) {
                // What another thread is doing in a call that waits may leave work behind.
                let alone = lock(&host.within).is_empty();
                break if alone { Stepped::Idle(self.clock.due()) } else { Stepped::More };
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                break if host.executor.is_empty() { Stepped::Idle(None) } else { Stepped::More };
            }
        };
        drop(stepping);
        Ok(stepped)
    }

    /// Waits until `poll` is ready or `deadline` passes. In HOST_STEP this thread does the runtime's work
    /// meanwhile.
    pub(super) fn wait<T>(
        &self,
        deadline: Option<Instant>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Option<T> {
        let idle = lock(&self.parkers).pop();
        let (parker, waker) = idle.unwrap_or_else(Parker::new);
        let mut context = Context::from_waker(&waker);
        let result = loop {
            if let Poll::Ready(value) = poll(&mut context) {
                break Some(value);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                break None;
            }
            let Some(host) = &self.host else {
                parker.park(deadline);
                continue;
            };
            self.clock.strike();
            let mut tick = pin!(host.executor.tick());
            if host.within(|| tick.as_mut().poll(&mut context)).is_pending() {
                let due = self.clock.sleep_until(&context);
                parker.park(deadline.into_iter().chain(due).min());
            }
        };
        // Whoever still holds its waker wakes the next wait once too often, which looks and sleeps again.
        lock(&self.parkers).push((parker, waker));
        result
    }

    /// Ends everything and waits for the threads until `deadline` (none: for ever); whether all have ended.
    pub(super) fn shut_down(&self, deadline: Option<Instant>) -> bool {
        if self.links.stop() {
            self.links.log.line(Level::Info, "shutdown_started").with("live", self.links.facts.live()).send();
            self.links.tell(Command::Shutdown);
            self.links.close_jobs();
            self.links.callbacks.finish();
            for queue in self.queues() {
                queue.finish();
            }
        }
        let ended = match &self.host {
            Some(host) => self.finish_on_host(host, deadline),
            None => self.join(deadline),
        };
        ended && self.end_compute(deadline)
    }

    /// Ends the threads that compute; whether they have ended by `deadline`: the host's hook is the last
    /// thing that they run.
    #[cfg(feature = "native")]
    fn end_compute(&self, deadline: Option<Instant>) -> bool {
        // Nobody computes any more, so that the lock is free.
        let compute = || self.compute.lock().unwrap_or_else(PoisonError::into_inner);
        compute().end_threads();
        if !self.names.wait_empty(deadline) {
            return false;
        }
        // They are past their last line.
        compute().shutdown();
        true
    }

    #[cfg(not(feature = "native"))]
    fn end_compute(&self, _: Option<Instant>) -> bool {
        true
    }

    fn finish_on_host(&self, host: &Host, deadline: Option<Instant>) -> bool {
        // Also a call that may not wait brings the end nearer.
        float_state::own(|| host.executor.try_tick());
        self.wait(deadline, |context| host.tasks.poll_empty(context)).is_some()
    }

    fn join(&self, deadline: Option<Instant>) -> bool {
        if !self.roll.wait_empty(deadline) {
            return false;
        }
        // They are past their last line: this does not wait. A thread that drops the last handle cannot join
        // itself.
        let own = std::thread::current().id();
        // Under the lock: another thread's shutdown is not done before these are joined.
        let mut threads = lock(&self.threads);
        for thread in threads.drain(..).filter(|thread| thread.thread().id() != own) {
            let _ = thread.join();
        }
        true
    }

    /// Begins the shutdown without waiting for it, for a thread that must not wait.
    pub(super) fn abandon(&self) {
        self.shut_down(Some(Instant::now()));
    }

    /// Whether this thread is one of the runtime's own or, in HOST_STEP, is inside one of its callbacks: then
    /// it cannot wait for the end.
    pub(super) fn is_own_thread(&self) -> bool {
        let own = std::thread::current().id();
        if let Some(host) = &self.host {
            return lock(&host.within).contains(&own);
        }
        lock(&self.threads).iter().any(|thread| thread.thread().id() == own)
    }
}

/// Lets others step again, also after a panic.
struct Stepping<'a>(&'a AtomicBool);

impl Drop for Stepping<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// Begins each load as a task of its own until no more can come: none waits for another.
async fn load_each(jobs: async_channel::Receiver<Job>, executor: Weak<Executor<'static>>, tasks: Arc<Roll>) {
    while let Ok(job) = jobs.recv().await {
        let Some(executor) = executor.upgrade() else { return };
        let load = async {
            let _ = AssertUnwindSafe(job).catch_unwind().await;
        };
        executor.spawn(tasks.enter("prepare").keep_during(load)).detach();
    }
}

/// Does the jobs until no more can come.
async fn prepare(jobs: async_channel::Receiver<Job>) {
    while let Ok(job) = jobs.recv().await {
        let _ = AssertUnwindSafe(job).catch_unwind().await;
        smol::future::yield_now().await;
    }
}

/// Runs the callbacks of the streams that have no queue until every stream is over.
async fn call_back(queue: Arc<Queue>) {
    loop {
        match poll_fn(|context| queue.poll_dispatchable(context)).await {
            Dispatched::Ended | Dispatched::Closed => return,
            Dispatched::Empty | Dispatched::More => {
                queue.dispatch(CALLBACKS_AT_ONCE, None);
            }
        }
        smol::future::yield_now().await;
    }
}
