//! Adapters as sessions have them: loaded, or on their way. Knows no load and no matrix.

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Adapted, Adapter};
use crate::stream::Control;
use crate::sync::{Mutex, SetOnce, lock};
use std::any::Any;
use std::sync::Arc;

/// An adapter that is loaded, or will be, for one model. Who holds it wants it: behind the last of them its
/// load is cancelled.
pub struct PendingAdapter {
    model: u64,
    loaded: SetOnce<Result<Arc<Adapter>>>,
    load: Control,
    /// What its load lasts as long as.
    kept: Mutex<Option<Box<dyn Any + Send>>>,
}

/// An adapter, and how strongly a session takes it.
#[derive(Clone)]
pub struct SessionAdapter {
    pub(crate) adapter: Arc<PendingAdapter>,
    /// Finite.
    pub(crate) scale: f32,
}

impl PendingAdapter {
    /// One for the model of this number, which `load` cancels.
    pub fn new(model: u64, load: Control) -> Arc<Self> {
        Arc::new(Self { model, loaded: SetOnce::default(), load, kept: Mutex::new(None) })
    }

    /// The number of its model.
    pub fn model(&self) -> u64 {
        self.model
    }

    /// The load is over.
    pub fn finish(&self, loaded: Result<Arc<Adapter>>) {
        self.loaded.set(loaded);
    }

    /// The adapter.
    ///
    /// # Errors
    /// `Busy` while it loads; the load's error after a failed load.
    pub fn get(&self) -> Result<Arc<Adapter>> {
        match self.loaded.get() {
            Some(loaded) => loaded.clone(),
            None => {
                Err(Error::new(ErrorKind::Busy, "the adapter is not loaded yet; wait for its load's END"))
            }
        }
    }

    /// Keeps something for as long as the adapter is wanted.
    pub fn keep(&self, kept: Box<dyn Any + Send>) {
        *lock(&self.kept) = Some(kept);
    }
}

impl Drop for PendingAdapter {
    fn drop(&mut self) {
        self.load.cancel();
    }
}

impl SessionAdapter {
    /// Whether it is loaded by now.
    ///
    /// # Errors
    /// It never will be.
    pub(super) fn is_ready(&self) -> Result<bool> {
        match self.adapter.loaded.get() {
            Some(Ok(_)) => Ok(true),
            Some(Err(error)) => Err(error.clone()),
            None => Ok(false),
        }
    }

    /// As its model's runner takes it.
    ///
    /// # Errors
    /// As [`PendingAdapter::get`].
    pub(super) fn adapted(&self) -> Result<Adapted> {
        Ok(Adapted { adapter: self.adapter.get()?, scale: self.scale })
    }
}

impl PartialEq for SessionAdapter {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.adapter, &other.adapter) && self.scale.to_bits() == other.scale.to_bits()
    }
}

impl Eq for SessionAdapter {}

impl std::fmt::Debug for SessionAdapter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionAdapter").field("scale", &self.scale).finish_non_exhaustive()
    }
}
