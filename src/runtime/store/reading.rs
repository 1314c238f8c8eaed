//! A save that is read by a job: opened, checked against the model, its keys and values handed on. Knows not
//! what becomes of it.

use super::past::Transfer;
use crate::engine::{Arrival, Arriving, SessionAdapter};
use crate::error::Result;
use crate::gguf::{ReadAt, Source};
use crate::runtime::facts::ModelFacts;
use crate::runtime::job::Job;
use crate::store::{Opened, Records};

/// A save that is read.
pub(super) struct Reading<'a> {
    job: &'a Job,
    source: Box<dyn ReadAt>,
    /// Up to where.
    done: u64,
}

impl<'a> Reading<'a> {
    /// Opens a save of the model.
    ///
    /// # Errors
    /// `Io`; `Unsupported`: it is another model's, or a later release's.
    pub(super) async fn open(job: &'a Job, facts: &ModelFacts, source: Source) -> Result<(Opened, Self)> {
        let here = job.identity(facts).await?;
        let mut reading = Self { job, source: source.open()?, done: 0 };
        let size = reading.source.size();
        let opened = Opened::read(size, &mut |at, to| reading.read(at, to))?;
        opened.model(&mut |at, to| reading.read(at, to))?.check(&here)?;
        job.rest().await?;
        Ok((opened, reading))
    }

    /// Reads bytes, and tells how far it is.
    ///
    /// # Errors
    /// `Io`; the job is not wanted any more.
    pub(super) fn read(&mut self, at: u64, to: &mut [u8]) -> Result<()> {
        self.source.read_at(at, to)?;
        self.done = self.done.max(at.saturating_add(to.len() as u64));
        self.job.progress(self.done, self.source.size())
    }

    /// Takes the keys and values of `tokens` into the engine, for a sequence of at most `context` tokens or,
    /// `shared`, for the prefix cache; they were computed with `adapter`. `None`: there are none, or none
    /// that the model has a use for.
    ///
    /// # Errors
    /// `Io`: they are damaged, or cannot be read; `OutOfMemory`; `Unsupported`: nothing is shared.
    pub(super) async fn take(
        &mut self,
        opened: &Opened,
        tokens: &[u32],
        context: usize,
        adapter: Option<SessionAdapter>,
        shared: bool,
    ) -> Result<Option<Transfer>> {
        let past = opened.past(tokens.len(), &mut |at, to| self.read(at, to))?;
        let Some((past, offset)) = past else { return Ok(None) };
        let (transfer, job) = (Transfer::new(&self.job.model), self.job);
        let records = Records::new(past.clone());
        let arrival = Arrival { past, tokens: tokens.to_vec(), context, adapter, shared };
        match transfer.begin(arrival).await? {
            Arriving::Foreign => return Ok(None),
            Arriving::Known => {}
            Arriving::Wanted => {
                transfer.send(records, offset, job, &mut |at, to| self.read(at, to)).await?;
            }
        }
        Ok(Some(transfer))
    }
}
