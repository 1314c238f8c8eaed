//! A model's load, on a thread of its own: from its source to a decoder and a vocabulary, with progress,
//! cancellable. In HOST_STEP others have their turn between its pieces.

#[cfg(all(feature = "native", feature = "text"))]
mod adapter;
#[cfg(feature = "text")]
mod container;
#[cfg(feature = "text")]
mod estimate;
#[cfg(feature = "text")]
mod gguf;
mod lines;
mod opened;

use super::estimate::{Estimate, Sessions};
use super::facts::LoadState;
use super::identity::{Identity, Weights};
use super::links::{Command, Links, interrupted};
use super::options::{ModelOptions, ModelSource};
use super::resources::{Progress, Resources};
use crate::error::{Error, ErrorKind, Result};
use crate::gguf::Source;
use crate::model::{Adaptable, Adapter};
use crate::pause::Pauses;
use crate::sample::Recommended;
use crate::stream::{End, EndReason, Producer};
use crate::sync::{Mutex, lock};
use lines::Lines;
use opened::Opened;
use smol::future::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};
use std::time::Instant;

/// One load.
pub(super) struct Load {
    /// The model's number in the runtime.
    pub(super) model: u64,
    /// What its handles look at; gone when the last of them is.
    pub(super) state: Weak<Mutex<LoadState>>,
    pub(super) links: Arc<Links>,
    pub(super) options: ModelOptions,
    pub(super) producer: Producer,
    pub(super) resources: Resources,
    /// Dropped when all is over.
    pub(super) over: async_channel::Sender<()>,
}

impl Load {
    /// Loads, tells the engine and the handles, and ends the load's stream, in this order.
    pub(super) async fn run(self) {
        let Self { model, state, links, options, producer, resources, over: _over } = self;
        let lines = Lines::begin(&links.log, model, &options);
        let (prefixes, drafts) = (options.prefix_cache, options.drafts);
        let recommends = options.sampling_from_model;
        let interrupted = || interrupted(&producer, &links);
        let wanted = || interrupted().map_or(Ok(()), |reason| Err(stopped(&producer, reason)));
        let mut progress = |done, total| {
            producer.progress(done, total);
            wanted()
        };
        let mut look = wanted;
        let mut pauses = Pauses::new(&mut look, Some(resources.slice));
        let loaded = match interrupted() {
            Some(reason) => Err(stopped(&producer, reason)),
            None => AssertUnwindSafe(open(options, &resources, &mut progress, &mut pauses))
                .catch_unwind()
                .await
                .unwrap_or_else(|_| {
                    Err(Error::new(ErrorKind::Internal, "a panic while the model was loaded"))
                }),
        };
        let reason = interrupted();
        let loaded = reason.map_or(loaded, |reason| Err(stopped(&producer, reason)));
        let end = match (&loaded, reason) {
            (_, Some(reason)) => End::new(reason),
            (Ok(_), None) => End::new(EndReason::Ready),
            (Err(error), None) => End::failed(error.clone()),
        };
        lines.end(&loaded, &end);
        if let Some(state) = state.upgrade() {
            *lock(&state) = match &loaded {
                Ok(opened) => LoadState::Ready(Arc::new(opened.facts(prefixes, drafts))),
                Err(error) => LoadState::Failed(error.clone()),
            };
        }
        if let (true, Ok(opened)) = (recommends, &loaded) {
            links.tell(Command::Recommend(model, opened.recommended));
        }
        links.tell(Command::FinishLoad(
            model,
            loaded.and_then(|opened| opened.for_engine(&resources.budget, prefixes)),
        ));
        producer.end(end);
    }
}

/// Loads what `options` name. `resources` are what the runtime lends to decoders.
async fn open(
    options: ModelOptions,
    resources: &Resources,
    progress: &mut Progress<'_>,
    pauses: &mut Pauses<'_>,
) -> Result<Opened> {
    match options.source {
        ModelSource::Custom(load) => {
            let (decoder, vocab) = load(progress)?;
            let spec = decoder.spec().clone();
            let identity = Identity::new(Weights::Hashed(0));
            let (has_template, recommended) = (true, Recommended::default());
            let decoder = Some(decoder);
            Ok(Opened { decoder, vocab, spec, has_template, recommended, placement: None, identity })
        }
        #[cfg(feature = "text")]
        _ => {
            let (container, wanted) = gguf::Wanted::of(options)?;
            gguf::open(container, &wanted, resources, progress, pauses).await
        }
        #[cfg(not(feature = "text"))]
        ModelSource::Gguf(_) => {
            let _ = (resources, pauses);
            Err(no_files())
        }
    }
}

/// What the model that `options` name would take for such sessions, by its header alone; until `deadline`.
///
/// # Errors
/// As a load's, but for the budget; `InvalidArgument` for a context beyond the model's; `Timeout`.
pub(super) fn estimate(
    options: ModelOptions,
    sessions: &Sessions,
    deadline: Option<Instant>,
) -> Result<Estimate> {
    #[cfg(feature = "text")]
    return estimate::estimate(options, sessions, deadline);
    #[cfg(not(feature = "text"))]
    {
        let _ = (options, sessions, deadline);
        Err(no_files())
    }
}

/// The adapter in `source`, for a model with these matrices; `look` stops it by an error.
///
/// # Errors
/// As [`super::Model::load_adapter`]'s stream.
pub(super) async fn adapter(
    source: Source,
    base: &Arc<Adaptable>,
    resources: &Resources,
    progress: &mut Progress<'_>,
    look: &mut (dyn FnMut() -> Result<()> + Send),
) -> Result<Arc<Adapter>> {
    #[cfg(all(feature = "native", feature = "text"))]
    {
        let mut pauses = Pauses::new(look, Some(resources.slice));
        adapter::open(source, base, resources, progress, &mut pauses).await
    }
    #[cfg(not(all(feature = "native", feature = "text")))]
    {
        let _ = (source, base, resources, progress, look);
        let why = "this build reads no adapters: build it with the features text and native";
        Err(Error::new(ErrorKind::Unsupported, why))
    }
}

#[cfg(not(feature = "text"))]
fn no_files() -> Error {
    let why = "this build reads no model files: build it with the features text, and native or candle";
    Error::new(ErrorKind::Unsupported, why)
}

/// Why a load ended for `reason`, in the words of what else is asked of its model.
fn stopped(producer: &Producer, reason: EndReason) -> Error {
    let why = match reason {
        EndReason::Shutdown => "the model's load was stopped by the runtime's shutdown",
        _ if producer.is_closed() => {
            "the model's load was cancelled: its stream was closed before its END; pass NULL for load (in Rust: Model::keep_load) to take no interest"
        }
        _ => "the model's load was cancelled through its stream; load the model again",
    };
    Error::new(ErrorKind::StaleHandle, why)
}
