//! What all requests of a server share; one thread.

use crate::auth::Tokens;
use crate::count::Count;
use crate::drain::Drain;
use crate::failure::Failure;
use crate::jobs::Jobs;
use crate::metrics::{Metrics, Now};
use crate::model::{Place, Served};
use crate::options::Options;
use smol::LocalExecutor;
use std::rc::Rc;
use wick::Runtime;

/// The server, as its requests see it.
pub struct App {
    pub options: Options,
    pub executor: Rc<LocalExecutor<'static>>,
    pub runtime: Runtime,
    pub model: Place,
    pub tokens: Tokens,
    pub metrics: Rc<Metrics>,
    pub jobs: Rc<Jobs>,
    pub drain: Drain,
    /// Connections that are served.
    pub connections: Count,
    /// Generations that somebody reads, or may still read.
    pub answers: Count,
}

impl App {
    /// The model, for new work.
    ///
    /// # Errors
    /// 503 while it loads, and on the way down.
    pub fn open(&self) -> Result<Rc<Served>, Failure> {
        if self.drain.has_begun() {
            return Err(Failure::unavailable("shutting_down", "the server is shutting down; ask another"));
        }
        Ok(self.model.served()?)
    }

    /// What `/metrics` shows of this moment.
    pub fn now(&self) -> Now {
        Now {
            ready: self.open().is_ok(),
            connections: self.connections.get(),
            jobs: self.jobs.len(),
            runtime: self.runtime.info(),
        }
    }
}
