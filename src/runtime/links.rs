//! What the handles, the engine's task and the jobs of one runtime share; holds no thread and no executor.

use super::options::RuntimeOptions;
use super::pace::Share;
use crate::compute::float_state;
use crate::engine::Runnable;
use crate::engine::{
    Answer, EmbedRequest, EngineFacts, PastOrder, Place, Request, SaveOrder, Saved, SessionAdapter,
    SessionFacts, SessionOptions, TextDone, TextsDone,
};
use crate::error::{Error, ErrorKind, Result};
use crate::log::{Log, LogFn};
use crate::sample::Recommended;
use crate::stream::{Consumer, Delivery, End, EndReason, Producer, Queue, StreamOptions, stream};
use crate::sync::{AtomicBool, AtomicU64, Ordering, Signal};
use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Wake, Waker};

/// What the engine is told; in the order of the telling.
pub(super) enum Command {
    AddModel {
        model: u64,
        drafts: bool,
    },
    FinishLoad(u64, Result<Runnable>),
    KeepMapped(u64),
    Recommend(u64, Recommended),
    RemoveModel(u64),
    AddSession {
        session: u64,
        model: u64,
        options: SessionOptions,
        facts: Arc<SessionFacts>,
    },
    /// A session that begins as another is.
    ForkSession {
        from: u64,
        session: u64,
        facts: Arc<SessionFacts>,
    },
    /// A session that comes out of a save.
    AddRestored {
        session: u64,
        model: u64,
        facts: Arc<SessionFacts>,
    },
    FinishRestore {
        session: u64,
        saved: Result<Box<Saved>>,
        /// The number of its keys and values.
        past: Option<u64>,
        answer: Answer<()>,
    },
    SaveSession(u64, SaveOrder),
    /// About the keys and values of the save or restore of this number.
    MovePast(u64, PastOrder),
    ClearSession(u64),
    RewindSession(u64, usize),
    KeepSaid(u64, usize),
    SetSystem(u64, Option<String>),
    SetAdapter(u64, Option<SessionAdapter>),
    AdapterLoaded,
    RemoveSession(u64),
    Submit {
        session: u64,
        request: Box<Request>,
        producer: Producer,
        place: Place,
    },
    /// Vectors of texts are wanted, which keep their model.
    Embed {
        model: u64,
        request: Box<EmbedRequest>,
        producer: Producer,
        kept: (Box<dyn Any + Send>, Place),
    },
    FinishText(TextDone),
    FinishTexts(TextsDone),
    Pause(bool),
    Trim,
    /// Whether anything could give way comes back.
    ReleaseMemory(async_channel::Sender<bool>),
    Shutdown,
}

/// A load or text, in pieces where it can be.
pub(super) type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tells the engine that some stream's consumer wants something.
pub(super) struct StreamsChanged {
    flag: AtomicBool,
    signal: Arc<Signal>,
}

impl StreamsChanged {
    pub(super) fn take(&self) -> bool {
        self.flag.swap(false, Ordering::SeqCst)
    }
}

impl Wake for StreamsChanged {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.flag.store(true, Ordering::SeqCst);
        self.signal.raise();
    }
}

/// Comes when the consumer of a job's stream may have cancelled.
pub(super) type Nudge = async_channel::Receiver<()>;

struct Nudges(async_channel::Sender<()>);

impl Wake for Nudges {
    fn wake(self: Arc<Self>) {
        // One that was not taken yet is as good.
        let _ = self.0.try_send(());
    }
}

/// Why a job that `producer` tells of is to end, if it is.
pub(super) fn interrupted(producer: &Producer, links: &Links) -> Option<EndReason> {
    match () {
        () if producer.is_cancelled() => Some(EndReason::Cancelled),
        () if links.is_stopping() => Some(EndReason::Shutdown),
        () => None,
    }
}

/// Ways to the engine and to the prepare thread, and what may be known without asking them.
pub(super) struct Links {
    commands: async_channel::Sender<Command>,
    jobs: async_channel::Sender<Job>,
    texts: async_channel::Sender<Job>,
    pub(super) signal: Arc<Signal>,
    pub(super) streams_changed: Arc<StreamsChanged>,
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
        let streams_changed =
            Arc::new(StreamsChanged { flag: AtomicBool::new(false), signal: signal.clone() });
        let sink = options.log.clone().map(in_hosts_state);
        let log = Log::new(sink, options.log_level);
        let links = Self {
            commands,
            jobs,
            texts,
            signal,
            streams_changed,
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

    /// Tells the engine something; after its end nobody listens: a generation or request then ends at once,
    /// the rest is dropped.
    pub(super) fn tell(&self, command: Command) {
        if let Err(refused) = self.commands.try_send(command)
            && let Command::Submit { producer, .. } | Command::Embed { producer, .. } = refused.into_inner()
        {
            producer.end(End::new(EndReason::Shutdown));
        }
        self.signal.raise();
    }

    /// Has something that can be computed again give way to what found no room; false: nothing is left that
    /// can.
    #[cfg_attr(not(feature = "text"), allow(dead_code, reason = "only model files need it"))]
    pub(super) async fn release_memory(&self) -> bool {
        let (sender, answer) = async_channel::bounded(1);
        self.tell(Command::ReleaseMemory(sender));
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
        self.stream_with(starts, reading, Waker::from(self.streams_changed.clone()))
    }

    /// As [`Links::stream`], of a job that may wait.
    pub(super) fn job_stream(&self, reading: super::Reading) -> Result<(Producer, Consumer, Nudge)> {
        let (nudges, nudge) = async_channel::bounded(1);
        let (producer, consumer) = self.stream_with(false, reading, Waker::from(Arc::new(Nudges(nudges))))?;
        Ok((producer, consumer, nudge))
    }

    fn stream_with(
        &self,
        starts: bool,
        reading: super::Reading,
        on_change: Waker,
    ) -> Result<(Producer, Consumer)> {
        let delivery = reading.delivery.unwrap_or(Delivery::Pull(None));
        let queue = match (&delivery, reading.queue) {
            (_, Some(queue)) => Some(queue),
            (Delivery::Push { .. }, None) => Some(self.callbacks.clone()),
            (Delivery::Pull(_), None) => None,
        };
        let key = reading.key.unwrap_or_else(|| self.name());
        stream(StreamOptions { key, starts, on_change, queue, delivery })
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
