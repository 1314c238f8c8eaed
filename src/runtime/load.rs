//! A model's load, on the prepare thread: from its source to a decoder and a vocabulary, with progress, cancellable.

use super::core::Core;
use super::links::{Command, Links};
use super::model::{LoadState, ModelFacts, ModelShared};
use super::options::{Level, Loaded, ModelOptions, ModelSource};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Decoder, Spec};
use crate::stream::{End, EndReason, Producer};
use crate::sync::lock;
use crate::text::Vocab;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

/// One load.
pub(super) struct Load {
    model: Weak<ModelShared>,
    id: u64,
    links: Arc<Links>,
    options: ModelOptions,
    producer: Producer,
    budget: Option<u64>,
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
            budget: core.options.memory_budget,
        }
    }

    /// Loads, tells the engine and the handles, and ends the load's stream, in this order.
    pub(super) fn run(self) {
        let Self { model, id, links, options, producer, budget } = self;
        let interrupted = || match () {
            () if links.is_stopping() => Some(EndReason::Shutdown),
            () if producer.is_cancelled() => Some(EndReason::Cancelled),
            () => None,
        };
        let mut progress = |done, total| {
            producer.progress(done, total);
            interrupted().is_none()
        };
        let loaded = match interrupted() {
            Some(_) => Err(cancelled()),
            None => {
                catch_unwind(AssertUnwindSafe(|| open(options, budget, &mut progress))).unwrap_or_else(|_| {
                    Err(Error::new(ErrorKind::Internal, "a panic while the model was loaded"))
                })
            }
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

fn open(
    options: ModelOptions,
    budget: Option<u64>,
    progress: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<Opened> {
    match options.source {
        ModelSource::Custom(load) => {
            let (decoder, vocab) = load(progress)?;
            let spec = decoder.spec().clone();
            Ok(Opened { decoder: Some(decoder), vocab, spec, has_template: true })
        }
        ModelSource::Gguf(_) | ModelSource::Folder(_) => {
            let _ = budget;
            let why = "this build reads no model files: build it with the features text and native or candle";
            Err(Error::new(ErrorKind::Unsupported, why))
        }
    }
}

fn cancelled() -> Error {
    Error::new(ErrorKind::StaleHandle, "the model's load was cancelled; load it again")
}
