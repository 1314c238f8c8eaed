//! What jobs beside the engine (saves, restores, loads of adapters) wait for, and when they are over. Knows
//! no bytes.

use super::facts::ModelFacts;
use super::links::{Nudge, interrupted};
use super::model::ModelShared;
use crate::engine::Answer;
use crate::error::{Error, ErrorKind, Result};
use crate::pause::Pauses;
use crate::store::Model;
use crate::stream::{End, EndReason, Producer};
use smol::future::{or, yield_now};
use std::sync::Arc;
use std::time::Duration;

/// A job beside the engine, and the stream that tells of it.
pub(super) struct Job {
    /// The model that it is about.
    pub(super) model: Arc<ModelShared>,
    pub(super) producer: Producer,
    /// Comes when the stream's consumer may have cancelled.
    pub(super) nudge: Nudge,
    /// How long it goes on before others on its thread have their turn.
    pub(super) slice: Duration,
}

/// What the engine was asked for.
pub(super) type Asked<T> = async_channel::Receiver<Result<T>>;

/// A question to the engine, and where its answer comes.
pub(super) fn ask<T: Send + 'static>() -> (Answer<T>, Asked<T>) {
    let (sender, answer) = async_channel::bounded(1);
    let give = move |result| {
        let _ = sender.try_send(result);
    };
    (Box::new(give), answer)
}

impl Job {
    /// Whether the job is still wanted.
    ///
    /// # Errors
    /// It is not; [`Job::end`] knows why.
    pub(super) fn check(&self) -> Result<()> {
        match interrupted(&self.producer, &self.model.links) {
            Some(_) => Err(Error::new(ErrorKind::StaleHandle, "its stream was cancelled or closed")),
            None => Ok(()),
        }
    }

    /// The model, once it is loaded.
    ///
    /// # Errors
    /// The load's; the job is not wanted any more.
    pub(super) async fn model(&self) -> Result<Arc<ModelFacts>> {
        loop {
            self.check()?;
            let loaded = async {
                self.model.loaded().await;
                true
            };
            let nudged = async {
                self.nudged().await;
                false
            };
            if or(loaded, nudged).await {
                return self.model.facts();
            }
        }
    }

    /// Comes when its stream may have been cancelled.
    pub(super) async fn nudged(&self) {
        let _ = self.nudge.recv().await;
    }

    /// What the model is to its saves.
    ///
    /// # Errors
    /// `Shutdown`; as [`Job::check`].
    pub(super) async fn identity(&self, facts: &ModelFacts) -> Result<Arc<Model>> {
        let mut look = || self.check();
        let mut pauses = Pauses::new(&mut look, Some(self.slice));
        facts.identity.find(&facts.spec, &*facts.vocab, &mut pauses).await
    }

    /// Gives others on its thread their turn.
    ///
    /// # Errors
    /// As [`Job::check`].
    pub(super) async fn rest(&self) -> Result<()> {
        self.check()?;
        yield_now().await;
        Ok(())
    }

    /// How far it is.
    ///
    /// # Errors
    /// As [`Job::check`].
    pub(super) fn progress(&self, done: u64, total: u64) -> Result<()> {
        self.producer.progress(done, total);
        self.check()
    }

    /// Ends its stream.
    pub(super) fn end(self, result: Result<()>) {
        let reason = interrupted(&self.producer, &self.model.links);
        let end = match (reason, result) {
            (Some(reason), _) => End::new(reason),
            (None, Ok(())) => End::new(EndReason::Ready),
            (None, Err(error)) => End::failed(error),
        };
        self.producer.end(end);
    }
}
