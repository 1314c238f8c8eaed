//! A model's load, on a thread of its own: from its source to a decoder and a vocabulary, with progress, cancellable. In HOST_STEP others
//! have their turn between its pieces.

use super::core::Core;
use super::links::{Command, Links};
use super::model::{LoadState, ModelFacts, ModelShared};
use super::options::{Level, Loaded, ModelOptions, ModelSource};
use crate::error::{Error, ErrorKind, Result};
use crate::gguf::{Readers, Source};
use crate::model::{Budget, Decoder, Spec};
use crate::pause::Pauses;
use crate::stream::{End, EndReason, Producer};
use crate::sync::lock;
use crate::text::Vocab;
use smol::future::FutureExt;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

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

/// One load.
pub(super) struct Load {
    model: Weak<ModelShared>,
    id: u64,
    links: Arc<Links>,
    options: ModelOptions,
    producer: Producer,
    resources: Resources,
}

impl Load {
    pub(super) fn new(
        model: &Arc<ModelShared>,
        options: ModelOptions,
        producer: Producer,
        core: &Core,
    ) -> Self {
        Self {
            model: Arc::downgrade(model),
            id: model.id,
            links: core.links.clone(),
            options,
            producer,
            resources: core.resources(),
        }
    }

    /// Loads, tells the engine and the handles, and ends the load's stream, in this order.
    pub(super) async fn run(self) {
        let Self { model, id, links, options, producer, resources } = self;
        let interrupted = || match () {
            () if producer.is_cancelled() => Some(EndReason::Cancelled),
            () if links.is_stopping() => Some(EndReason::Shutdown),
            () => None,
        };
        let wanted = || match interrupted() {
            Some(_) => Err(cancelled()),
            None => Ok(()),
        };
        let mut progress = |done, total| {
            producer.progress(done, total);
            wanted()
        };
        let mut look = wanted;
        let mut pauses = Pauses::new(&mut look, Some(resources.slice));
        let loaded = match interrupted() {
            Some(_) => Err(cancelled()),
            None => AssertUnwindSafe(open(options, &resources, &mut progress, &mut pauses))
                .catch_unwind()
                .await
                .unwrap_or_else(|_| {
                    Err(Error::new(ErrorKind::Internal, "a panic while the model was loaded"))
                }),
        };
        let reason = interrupted();
        let loaded = if reason.is_some() { Err(cancelled()) } else { loaded };
        let end = match (&loaded, reason) {
            (_, Some(reason)) => End::new(reason),
            (Ok(_), None) => End::new(EndReason::Ready),
            (Err(error), None) => {
                links.log(Level::Error, &format!("loading failed: {error}"));
                End::failed(error.clone())
            }
        };
        if let Some(model) = model.upgrade() {
            *lock(&model.state) = match &loaded {
                Ok(opened) => LoadState::Ready(Arc::new(opened.facts())),
                Err(error) => LoadState::Failed(error.clone()),
            };
        }
        links.tell(Command::SettleModel(id, loaded.and_then(Opened::for_engine)));
        producer.end(end);
    }
}

/// A model that is open: without a decoder if only its vocabulary was wanted.
pub(super) struct Opened {
    pub(super) decoder: Option<Box<dyn Decoder>>,
    pub(super) vocab: Arc<dyn Vocab>,
    pub(super) spec: Spec,
    pub(super) has_template: bool,
}

impl Opened {
    fn facts(&self) -> ModelFacts {
        let (spec, vocab) = (self.spec.clone(), self.vocab.clone());
        ModelFacts { spec, vocab, has_template: self.has_template }
    }

    fn for_engine(self) -> Result<Loaded> {
        match self.decoder {
            Some(decoder) => Ok((decoder, self.vocab)),
            None => Err(Error::new(ErrorKind::Unsupported, "the model was loaded for its vocabulary only")),
        }
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
            Ok(Opened { decoder: Some(decoder), vocab, spec, has_template: true })
        }
        // Looked at here: a file system may take its time.
        ModelSource::Gguf(Source::File { path, .. }) if path.join("config.json").is_file() => {
            Err(folder(&path))
        }
        #[cfg(feature = "text")]
        ModelSource::Gguf(source) => {
            let wanted = super::load_gguf::Wanted {
                backend: options.backend,
                vocab_only: options.vocab_only,
                context_length: options.context_length,
                chat_template: options.chat_template,
            };
            super::load_gguf::open(source, &wanted, resources, progress, pauses).await
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

fn cancelled() -> Error {
    Error::new(ErrorKind::StaleHandle, "the model's load was cancelled; load it again")
}
