//! The model that is served: its load, and what is known of it then; knows no request.

use crate::failure::Failure;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use wick::{EndReason, Error, ErrorKind, EventKind, Model, ModelInfo, Next, Result, Stream, Vocab};

/// A model that is loaded.
pub struct Served {
    /// What clients call it.
    pub name: Rc<str>,
    pub model: Model,
    pub info: ModelInfo,
    pub vocab: Arc<dyn Vocab>,
    /// When it was loaded: seconds since 1970.
    pub created: u64,
}

/// How far the load is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes so far.
    pub done: u64,
    /// Bytes in all; 0: not known yet.
    pub total: u64,
}

enum State {
    Loading(Progress),
    Ready(Rc<Served>),
}

/// The one model of this server, loaded or on its way.
pub struct Place {
    name: Rc<str>,
    model: Model,
    state: RefCell<State>,
}

impl Place {
    /// For a model whose load has begun.
    pub fn new(name: &str, model: Model) -> Self {
        let state = RefCell::new(State::Loading(Progress { done: 0, total: 0 }));
        Self { name: name.into(), model, state }
    }

    /// What clients call the model.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The model.
    ///
    /// # Errors
    /// How far its load is.
    pub fn served(&self) -> std::result::Result<Rc<Served>, Progress> {
        match &*self.state.borrow() {
            State::Ready(served) => Ok(served.clone()),
            State::Loading(progress) => Err(*progress),
        }
    }

    /// Reads the load to its end.
    ///
    /// # Errors
    /// The load's.
    pub async fn load(&self, stream: Stream) -> Result<Rc<Served>> {
        loop {
            let Next::Event(event) = std::future::poll_fn(|context| stream.poll_next(context)).await else {
                return Err(Error::new(ErrorKind::Internal, "the load's stream ended without END"));
            };
            match event.kind {
                EventKind::Progress { done, total } => {
                    *self.state.borrow_mut() = State::Loading(Progress { done, total });
                }
                EventKind::End(end) if end.reason == EndReason::Ready => return self.adopt(),
                EventKind::End(end) => {
                    let why = format!("the load ended: {}", crate::metrics::reason_name(end.reason));
                    return Err(end.error.unwrap_or_else(|| Error::new(ErrorKind::Shutdown, why)));
                }
                _ => {}
            }
        }
    }

    fn adopt(&self) -> Result<Rc<Served>> {
        let served = Rc::new(Served {
            name: self.name.clone(),
            info: self.model.info()?,
            vocab: self.model.vocab()?,
            model: self.model.clone(),
            created: crate::openai::now(),
        });
        *self.state.borrow_mut() = State::Ready(served.clone());
        Ok(served)
    }
}

impl From<Progress> for Failure {
    fn from(progress: Progress) -> Self {
        let far = match progress {
            Progress { total: 0, .. } => String::new(),
            Progress { done, total } => format!(" ({} %)", done.saturating_mul(100) / total),
        };
        Self::unavailable("model_loading", format!("the model is being loaded{far}; try again"))
    }
}
