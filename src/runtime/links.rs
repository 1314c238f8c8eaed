//! What the handles, the engine's task and the jobs of one runtime share; holds no thread and no executor.

use super::options::{Loaded, RuntimeOptions};
use super::pace::Share;
use crate::compute::float_state;
use crate::engine::{EngineFacts, Place, Request, SessionFacts, SessionOptions, TextDone};
use crate::error::{Error, ErrorKind, Result};
use crate::log::{Log, LogFn};
use crate::stream::{Consumer, Delivery, End, EndReason, Producer, Queue, StreamOptions, stream};
use crate::sync::{AtomicBool, AtomicU64, Ordering, Signal};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Wake, Waker};

/// What the engine is told; in the order of the telling.
pub(super) enum Command {
    AddModel(u64),
    SettleModel(u64, Result<Loaded>),
    KeepMapped(u64),
    RemoveModel(u64),
    AddSession {
        session: u64,
        model: u64,
        options: SessionOptions,
        facts: Arc<SessionFacts>,
    },
    ClearSession(u64),
    SetSystem(u64, Option<String>),
    RemoveSession(u64),
    Submit {
        session: u64,
        request: Box<Request>,
        producer: Producer,
        place: Place,
    },
    FinishText(TextDone),
    Pause(bool),
    Trim,
    /// Whether anything could give way comes back.
    MakeRoom(async_channel::Sender<bool>),
    Shutdown,
}

/// A load or text, in pieces where it can be.
pub(super) type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tells the engine that some stream's consumer wants something.
pub(super) struct Attention {
    flag: AtomicBool,
    signal: Arc<Signal>,
}

impl Attention {
    pub(super) fn take(&self) -> bool {
        self.flag.swap(false, Ordering::SeqCst)
    }
}

impl Wake for Attention {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.flag.store(true, Ordering::SeqCst);
        self.signal.raise();
    }
}

/// Ways to the engine and to the prepare thread, and what may be known without asking them.
pub(super) struct Links {
    commands: async_channel::Sender<Command>,
    jobs: async_channel::Sender<Job>,
    texts: async_channel::Sender<Job>,
    pub(super) signal: Arc<Signal>,
    pub(super) attention: Arc<Attention>,
    pub(super) facts: Arc<EngineFacts>,
    /// Streams that are pushed without a queue of the host's.
    pub(super) callbacks: Arc<Queue>,
    stopping: AtomicBool,
    names: AtomicU64,
    pub(super) log: Log,
    pub(super) pace: Share,
}

/// The receiving ends.
pub(super) struct Ends {
    pub(super) commands: async_channel::Receiver<Command>,
    /// Loads.
    pub(super) jobs: async_channel::Receiver<Job>,
    /// Text that becomes tokens.
    pub(super) texts: async_channel::Receiver<Job>,
}

impl Links {
    pub(super) fn new(options: &RuntimeOptions) -> (Arc<Self>, Ends) {
        let (commands, command_end) = async_channel::unbounded();
        let (jobs, job_end) = async_channel::unbounded();
        let (texts, text_end) = async_channel::unbounded();
        let signal = Arc::new(Signal::default());
        let attention = Arc::new(Attention { flag: AtomicBool::new(false), signal: signal.clone() });
        let sink = options.log.clone().map(in_hosts_state);
        let log = Log::new(sink, options.log_level);
        let links = Self {
            commands,
            jobs,
            texts,
            signal,
            attention,
            facts: Arc::new(EngineFacts::new(log.clone())),
            callbacks: Queue::new(),
            stopping: AtomicBool::new(false),
            names: AtomicU64::new(1),
            log,
            pace: Share::new(options.pace_percent),
        };
        (Arc::new(links), Ends { commands: command_end, jobs: job_end, texts: text_end })
    }

    /// A number that no other object of this runtime has.
    pub(super) fn name(&self) -> u64 {
        self.names.fetch_add(1, Ordering::Relaxed)
    }

    /// Tells the engine something; after its end nobody listens: a generation then ends at once, the rest is
    /// dropped.
    pub(super) fn tell(&self, command: Command) {
        if let Err(refused) = self.commands.try_send(command)
            && let Command::Submit { producer, .. } = refused.into_inner()
        {
            producer.end(End::new(EndReason::Shutdown));
        }
        self.signal.raise();
    }

    /// Has something that can be computed again give way to what found no room; false: nothing is left that
    /// can.
    #[cfg_attr(not(feature = "text"), allow(dead_code, reason = "only model files need it"))]
    pub(super) async fn make_room(&self) -> bool {
        let (sender, answer) = async_channel::bounded(1);
        self.tell(Command::MakeRoom(sender));
        answer.recv().await.unwrap_or(false)
    }

    /// Hands a load to the host's executor. During the shutdown it is done here: jobs are short then.
    pub(super) fn prepare(&self, job: Job) {
        hand(&self.jobs, job);
    }

    /// As [`Links::prepare`], to the text thread.
    pub(super) fn prepare_text(&self, job: Job) {
        hand(&self.texts, job);
    }

    pub(super) fn close_jobs(&self) {
        self.jobs.close();
        self.texts.close();
    }

    pub(super) fn close_commands(&self) {
        self.commands.close();
    }

    /// Begins the shutdown; whether this call did.
    pub(super) fn stop(&self) -> bool {
        !self.stopping.swap(true, Ordering::SeqCst)
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Refuses new work during the shutdown.
    pub(super) fn check_open(&self) -> Result<()> {
        if self.is_stopping() {
            return Err(Error::new(
                ErrorKind::Shutdown,
                "the runtime is being shut down; nothing new is taken",
            ));
        }
        Ok(())
    }

    /// A stream of this runtime, read as `reading` says.
    pub(super) fn stream(&self, starts: bool, reading: super::Reading) -> Result<(Producer, Consumer)> {
        let delivery = reading.delivery.unwrap_or(Delivery::Pull(None));
        let queue = match (&delivery, reading.queue) {
            (_, Some(queue)) => Some(queue),
            (Delivery::Push { .. }, None) => Some(self.callbacks.clone()),
            (Delivery::Pull(_), None) => None,
        };
        let key = reading.key.unwrap_or_else(|| self.name());
        let attention = Waker::from(self.attention.clone());
        stream(StreamOptions { key, starts, attention, queue, delivery })
            // A queue that ended with the runtime is not the host's fault.
            .map_err(|error| self.check_open().err().unwrap_or(error))
    }
}

/// The host's log, in the host's floating-point state.
fn in_hosts_state(log: LogFn) -> LogFn {
    Arc::new(move |level, text| float_state::lend(|| log(level, text)))
}

fn hand(jobs: &async_channel::Sender<Job>, job: Job) {
    if let Err(refused) = jobs.try_send(job) {
        smol::future::block_on(refused.into_inner());
    }
}
