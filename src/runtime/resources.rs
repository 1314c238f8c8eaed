//! What a runtime lends to the loads of its models, and what hears of their progress; knows no model.

use super::links::Links;
use crate::budget::Budget;
use crate::error::Result;
use crate::gguf::Readers;
use std::sync::Arc;
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
