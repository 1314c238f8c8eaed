//! A model's load, on a thread of its own: from its source to a decoder and a vocabulary, with progress,
//! cancellable. In HOST_STEP others have their turn between its pieces.

#[cfg(feature = "text")]
mod gguf;
mod lines;
mod opened;

use super::facts::LoadState;
use super::links::{Command, Links};
use super::options::{ModelOptions, ModelSource};
use super::resources::{Progress, Resources};
use crate::error::{Error, ErrorKind, Result};
use crate::gguf::Source;
use crate::pause::Pauses;
use crate::stream::{End, EndReason, Producer};
use crate::sync::{Mutex, lock};
use lines::Lines;
use opened::Opened;
use smol::future::FutureExt;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::{Arc, Weak};

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
}

impl Load {
    /// Loads, tells the engine and the handles, and ends the load's stream, in this order.
    pub(super) async fn run(self) {
        let Self { model, state, links, options, producer, resources } = self;
        let lines = Lines::begin(&links.log, model, &options);
        let interrupted = || match () {
            () if producer.is_cancelled() => Some(EndReason::Cancelled),
            () if links.is_stopping() => Some(EndReason::Shutdown),
            () => None,
        };
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
                Ok(opened) => LoadState::Ready(Arc::new(opened.facts())),
                Err(error) => LoadState::Failed(error.clone()),
            };
        }
        links.tell(Command::SettleModel(model, loaded.and_then(Opened::for_engine)));
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
            Ok(Opened { decoder: Some(decoder), vocab, spec, has_template: true, placement: None })
        }
        // Looked at here: a file system may take its time.
        ModelSource::Gguf(Source::File { path, .. }) if path.join("config.json").is_file() => {
            Err(folder(&path))
        }
        #[cfg(feature = "text")]
        ModelSource::Gguf(source) => {
            let wanted = gguf::Wanted {
                backend: options.backend,
                vocab_only: options.vocab_only,
                context_length: options.context_length,
                chat_template: options.chat_template,
                preload: options.preload,
            };
            gguf::open(source, &wanted, resources, progress, pauses).await
        }
        #[cfg(not(feature = "text"))]
        ModelSource::Gguf(_) => {
            let _ = (resources, pauses);
            let why =
                "this build reads no model files: build it with the features text, and native or candle";
            Err(Error::new(ErrorKind::Unsupported, why))
        }
        ModelSource::Folder(path) => Err(folder(&path)),
    }
}

fn folder(path: &Path) -> Error {
    let path = path.display();
    let message = format!("{path}: folders with safetensors are not read yet; convert the model to GGUF");
    Error::new(ErrorKind::Unsupported, message)
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
