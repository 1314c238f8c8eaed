//! A session on its way into a save, piece by piece. Knows no engine's inside.

use super::past::Transfer;
use super::place::{Output, SavePlace};
use crate::engine::Saved;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::job::{Asked, Job};
use crate::store::{Records, head};

/// Bytes that are written before others have their turn.
const PIECE: usize = 64 << 10;

/// One save.
pub(in crate::runtime) struct Save {
    pub(in crate::runtime) job: Job,
    /// Its keys and values.
    pub(in crate::runtime) transfer: Transfer,
    /// What the session was at the call.
    pub(in crate::runtime) saved: Asked<Saved>,
    pub(in crate::runtime) place: SavePlace,
}

impl Save {
    /// Writes it, and ends its stream.
    pub(in crate::runtime) async fn run(self) {
        let Self { job, transfer, saved, place } = self;
        let result = write(&job, transfer, saved, place).await;
        job.end(result);
    }
}

async fn write(job: &Job, transfer: Transfer, saved: Asked<Saved>, place: SavePlace) -> Result<()> {
    job.check()?;
    let gone = |_| Err(Error::new(ErrorKind::StaleHandle, "the session was closed before it was restored"));
    let Saved { session, tokens, places, past, .. } = saved.recv().await.unwrap_or_else(gone)?;
    let facts = job.model().await?;
    let model = job.identity(&facts).await?;
    let head = head(&model, &session, &tokens, places.as_ref(), past.as_ref())?;
    job.rest().await?;
    let mut output = place.begin()?;
    for piece in head.bytes.chunks(PIECE) {
        put(&mut output, piece, head.size, job).await?;
    }
    let mut records = past.map(Records::new);
    let mut bytes = Vec::new();
    while let Some(records) = records.as_mut().filter(|records| records.left().is_some()) {
        let contents = transfer.read().await?;
        if contents.is_empty() {
            return Err(Error::new(ErrorKind::Internal, "the session's keys and values end too early"));
        }
        bytes.clear();
        records.write(&contents, &mut bytes)?;
        put(&mut output, &bytes, head.size, job).await?;
    }
    drop(transfer);
    output.flush()?;
    job.check()?;
    output.finish()
}

async fn put(output: &mut Output, piece: &[u8], total: u64, job: &Job) -> Result<()> {
    output.write(piece)?;
    job.progress(output.done(), total)?;
    job.rest().await
}
