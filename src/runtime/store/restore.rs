//! A session on its way out of a save. Knows no engine's inside.

use super::past::Transfer;
use super::reading::Reading;
use crate::engine::{Saved, check_saved};
use crate::error::{Error, ErrorKind, Result};
use crate::gguf::Source;
use crate::runtime::adapter::Adapter;
use crate::runtime::job::{Job, ask};
use crate::runtime::links::Command;
use crate::runtime::model::ModelShared;
use std::sync::Arc;

/// One restore.
pub(in crate::runtime) struct Restore {
    pub(in crate::runtime) job: Job,
    pub(in crate::runtime) session: u64,
    pub(in crate::runtime) source: Source,
    /// What it was saved with.
    pub(in crate::runtime) adapter: Option<Adapter>,
}

impl Restore {
    /// Reads it, tells the engine, and ends its stream, in this order.
    pub(in crate::runtime) async fn run(self) {
        let Self { job, session, source, adapter } = self;
        let waiting = Waiting { model: job.model.clone(), session: Some(session) };
        let result = match read(&job, source, adapter).await.and_then(|read| job.check().map(|()| read)) {
            Ok((saved, transfer)) => waiting.tell(Ok(saved), transfer).await,
            Err(error) => waiting.tell(Err(error), None).await,
        };
        job.end(result);
    }
}

/// A session that waits for what it is to be; dropped, it refuses all that is asked of it.
struct Waiting {
    model: Arc<ModelShared>,
    session: Option<u64>,
}

impl Waiting {
    async fn tell(mut self, saved: Result<Saved>, transfer: Option<Transfer>) -> Result<()> {
        let Some(session) = self.session.take() else { return Ok(()) };
        let (answer, done) = ask();
        let (saved, past) = (saved.map(Box::new), transfer.as_ref().map(Transfer::id));
        self.model.links.tell(Command::FinishRestore { session, saved, past, answer });
        let gone = |_| Err(Error::new(ErrorKind::StaleHandle, "the session was closed"));
        done.recv().await.unwrap_or_else(gone)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            let saved = Err(Error::new(ErrorKind::Internal, "a panic while the session was restored"));
            let answer = Box::new(drop);
            self.model.links.tell(Command::FinishRestore { session, saved, past: None, answer });
        }
    }
}

/// What is saved, and its keys and values, if they have come.
async fn read(job: &Job, source: Source, adapter: Option<Adapter>) -> Result<(Saved, Option<Transfer>)> {
    let facts = job.model().await?;
    let (opened, mut reading) = Reading::open(job, &facts, source).await?;
    let session = opened.session(&mut |at, to| reading.read(at, to))?;
    let adapter = Adapter::of_save(adapter.as_ref(), session.adapter, job).await?;
    job.rest().await?;
    let tokens = opened.tokens(facts.spec.vocab_size, &mut |at, to| reading.read(at, to))?;
    job.rest().await?;
    let vocab_size = facts.spec.vocab_size;
    let places = opened.places(&session, tokens.len(), vocab_size, &mut |at, to| reading.read(at, to))?;
    job.rest().await?;
    let context = check_saved(session.context_length, tokens.len(), facts.spec.context_length)?;
    let transfer = match reading.take(&opened, &tokens, context, adapter.clone(), false).await {
        // It is computed again.
        Err(error) if error.kind() == ErrorKind::OutOfMemory => None,
        taken => taken?,
    };
    Ok((Saved { session, tokens, places, adapter, past: None }, transfer))
}
