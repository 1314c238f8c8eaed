//! An adapter's handle: its load, what is known of it, what sessions are given of it. Knows no matrix.

use super::job::Job;
use super::links::Command;
use super::load;
use super::model::Model;
use super::options::Reading;
use super::resources::Resources;
use super::stream::Stream;
use crate::engine::{PendingAdapter, SessionAdapter};
use crate::error::{Error, ErrorKind, Result};
use crate::gguf::Source;
use crate::model::{self, AdapterAbout};
use crate::store;
use smol::future::{FutureExt, or};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};

/// An adapter of a model (LoRA), loaded or on its way. Cheap to clone. Sessions keep what they need of it:
/// when the last clone and the last of them are dropped, it goes, and its load is cancelled.
#[derive(Clone)]
pub struct Adapter {
    pending: Arc<PendingAdapter>,
    /// Closed when the load is over.
    loaded: async_channel::Receiver<()>,
}

impl Model {
    /// Starts to load an adapter for this model out of a GGUF; returns at once. Sessions may be made with it
    /// at once ([`Adapter::scaled`]): their generations wait for the load, and end with its error if it
    /// fails. It waits for the model's own load. The stream tells of the progress in bytes and ends with
    /// [`EndReason::Ready`](super::EndReason::Ready); its drop before that cancels the load
    /// ([`Adapter::keep_load`]). The file is read on a thread of the runtime's or, in
    /// [`super::Mode::HostStep`], on the host's; nothing of it is needed afterwards.
    ///
    /// # Errors
    /// `Shutdown`; `StaleHandle` for a closed queue; `Unsupported` for a model that was loaded for its
    /// vocabulary only; the error of the model's load after a failed one. As the stream's end: `Unsupported`
    /// for another architecture's adapter, one of another kind, or one that changes what adapters may not
    /// change, and for a model whose backend computes none; `ModelInvalid` for what is no adapter, or for a
    /// tensor that is missing or of another shape; `OutOfMemory`; `Io`.
    pub fn load_adapter(&self, source: Source, reading: Reading) -> Result<(Adapter, Stream)> {
        self.start_load_adapter(source, reading, |_, stream| stream)
    }

    /// As [`Model::load_adapter`], and hands the stream to `adopt` before its first event can be delivered.
    ///
    /// # Errors
    /// As [`Model::load_adapter`].
    pub fn start_load_adapter<T>(
        &self,
        source: Source,
        reading: Reading,
        adopt: impl FnOnce(&Adapter, Stream) -> T,
    ) -> Result<(Adapter, T)> {
        self.check_computes()?;
        let (source, core) = (source.anchored(), &self.owner.core);
        let (producer, consumer, nudge) = self.shared.links.job_stream(reading)?;
        let (over, loaded) = async_channel::bounded(1);
        let pending = PendingAdapter::new(self.shared.id, consumer.control());
        let state = Arc::downgrade(&pending);
        let adapter = Adapter { pending, loaded };
        let adopted = adopt(&adapter, Stream::new(consumer, core));
        let job = Job { model: self.shared.clone(), producer, nudge, slice: core.slice() };
        let load = LoadAdapter { job, state, source, resources: core.resources(), over };
        core.load(Box::pin(load.run()));
        Ok((adapter, adopted))
    }

    /// # Errors
    /// `InvalidArgument` for another model's adapter, and for a scale that is not finite.
    pub(super) fn check_adapter(&self, adapter: Option<&SessionAdapter>) -> Result<()> {
        let invalid = |message: String| Err(Error::new(ErrorKind::InvalidArgument, message));
        match adapter {
            Some(SessionAdapter { adapter, .. }) if adapter.model() != self.shared.id => {
                invalid("the adapter was loaded for another model; load it for the session's".into())
            }
            Some(SessionAdapter { scale, .. }) if !scale.is_finite() => {
                invalid(format!("the adapter's scale is {scale}; a finite number is possible"))
            }
            _ => Ok(()),
        }
    }
}

impl Adapter {
    /// For [`SessionOptions::adapter`](super::SessionOptions::adapter) and
    /// [`Session::set_adapter`](super::Session::set_adapter): what it adds is multiplied by `scale`, besides
    /// its own alpha / rank.
    pub fn scaled(&self, scale: f32) -> SessionAdapter {
        SessionAdapter { adapter: self.pending.clone(), scale }
    }

    /// Lets the load go on without anybody reading its stream.
    pub fn keep_load(&self, stream: Stream) {
        self.pending.keep(Box::new(stream));
    }

    /// What is known of it.
    ///
    /// # Errors
    /// `Busy` while it loads; the load's error after a failed load.
    pub fn info(&self) -> Result<AdapterAbout> {
        Ok(self.pending.get()?.about().clone())
    }

    /// It, once it is loaded.
    ///
    /// # Errors
    /// The load's; `job` is not wanted any more.
    async fn loaded(&self, job: &Job) -> Result<Arc<model::Adapter>> {
        loop {
            job.check()?;
            let loaded = async {
                let _ = self.loaded.recv().await;
                true
            };
            let nudged = async {
                job.nudged().await;
                false
            };
            if or(loaded, nudged).await {
                return self.pending.get();
            }
        }
    }

    /// What a session is to be computed with that was `saved` with an adapter or without.
    ///
    /// # Errors
    /// `Unsupported` unless `given` is the same; as [`Adapter::loaded`].
    pub(super) async fn of_save(
        given: Option<&Self>,
        saved: Option<store::Adapter>,
        job: &Job,
    ) -> Result<Option<SessionAdapter>> {
        let refused = |why: String| Err(Error::new(ErrorKind::Unsupported, why));
        match (saved, given) {
            (None, None) => Ok(None),
            (None, Some(_)) => refused("the save was made without an adapter; give none".into()),
            (Some(saved), None) => {
                let content = saved.content;
                refused(format!("the save was made with the adapter {content:032x}; load it, and give it"))
            }
            (Some(saved), Some(given)) => match given.loaded(job).await?.about().content {
                content if content == saved.content => Ok(Some(given.scaled(saved.scale))),
                content => refused(format!(
                    "the save was made with the adapter {:032x}, not with {content:032x}; give that one",
                    saved.content
                )),
            },
        }
    }
}

impl std::fmt::Debug for Adapter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Adapter").field("about", &self.info().ok()).finish_non_exhaustive()
    }
}

/// One load.
struct LoadAdapter {
    job: Job,
    /// What its handles and sessions look at; gone when nobody wants it.
    state: Weak<PendingAdapter>,
    source: Source,
    resources: Resources,
    /// Dropped when all is over.
    over: async_channel::Sender<()>,
}

impl LoadAdapter {
    /// Loads, tells the handles and the engine, and ends the load's stream, in this order.
    async fn run(self) {
        let Self { job, state, source, resources, over } = self;
        let read = AssertUnwindSafe(read(&job, source, &resources)).catch_unwind().await;
        let loaded = read
            .unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "a panic while the adapter was loaded")));
        let loaded = match job.check() {
            Ok(()) => loaded,
            Err(_) => Err(Error::new(
                ErrorKind::StaleHandle,
                "the adapter's load was stopped: cancelled, or its stream closed before its END; load it again",
            )),
        };
        if let Some(state) = state.upgrade() {
            state.finish(loaded.clone());
        }
        drop(over);
        job.model.links.tell(Command::AdapterLoaded);
        job.end(loaded.map(drop));
    }
}

async fn read(job: &Job, source: Source, resources: &Resources) -> Result<Arc<model::Adapter>> {
    let facts = job.model().await?;
    let base = facts.adaptable.as_ref().ok_or_else(|| {
        let backend = facts.spec.backend;
        let why = format!("the {backend} backend computes no adapters; load the model with the native one");
        Error::new(ErrorKind::Unsupported, why)
    })?;
    load::adapter(source, base, resources, &mut |done, total| job.progress(done, total), &mut || job.check())
        .await
}
