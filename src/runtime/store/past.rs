//! Keys and values of a save, between the engine and the save's bytes. Knows no file.

use crate::engine::{Arrival, Arriving, PastOrder};
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::job::{Job, ask};
use crate::runtime::links::Command;
use crate::runtime::model::ModelShared;
use crate::store::Records;
use std::sync::Arc;

/// Bytes that go to the engine at once, but for the last part of a record.
const AT_ONCE: usize = 256 << 10;

/// Keys and values that leave the engine or come into it; dropped, it forgets them.
pub(in crate::runtime) struct Transfer {
    model: Arc<ModelShared>,
    id: u64,
}

impl Transfer {
    pub(in crate::runtime) fn new(model: &Arc<ModelShared>) -> Self {
        Self { model: model.clone(), id: model.links.name() }
    }

    /// Its number.
    pub(in crate::runtime) fn id(&self) -> u64 {
        self.id
    }

    /// The next bytes that leave; none: that was all.
    pub(super) async fn read(&self) -> Result<Vec<u8>> {
        self.tell(PastOrder::Read).await
    }

    /// Begins to come into the model.
    pub(super) async fn begin(&self, arrival: Arrival) -> Result<Arriving> {
        let (model, arrival) = (self.model.id, Box::new(arrival));
        self.tell(|answer| PastOrder::Begin { model, arrival, answer }).await
    }

    /// Sends what `read` gives of the records from `offset` of the save on. No part of a record is taken
    /// for good before its checksum was found right.
    pub(super) async fn send(
        &self,
        mut records: Records,
        mut offset: u64,
        job: &Job,
        read: &mut (dyn FnMut(u64, &mut [u8]) -> Result<()> + Send),
    ) -> Result<()> {
        let mut batch = Vec::new();
        while let Some(left) = records.left() {
            let length = left.min(AT_ONCE);
            let with_sum = if length == left { Records::CHECKSUM } else { 0 };
            let start = batch.len();
            batch.try_reserve(length + with_sum)?;
            batch.resize(start + length + with_sum, 0);
            read(offset, &mut batch[start..])?;
            offset += (length + with_sum) as u64;
            let sum = batch.split_off(start + length);
            records.take(&batch[start..]);
            if let Ok(sum) = sum.try_into() {
                records.check(sum, offset - Records::CHECKSUM as u64)?;
            }
            if batch.len() >= AT_ONCE || records.left().is_none() {
                let bytes = std::mem::take(&mut batch);
                self.tell(|answer| PastOrder::Write(bytes, answer)).await?;
                job.check()?;
            }
        }
        Ok(())
    }

    /// Has come whole, and is a prefix from now on.
    pub(super) async fn keep(self) -> Result<()> {
        self.tell(PastOrder::Keep).await
    }

    async fn tell<T: Send + 'static>(
        &self,
        order: impl FnOnce(crate::engine::Answer<T>) -> PastOrder,
    ) -> Result<T> {
        let (answer, given) = ask();
        self.model.links.tell(Command::MovePast(self.id, order(answer)));
        let gone = |_| Err(Error::new(ErrorKind::Shutdown, "the runtime is being shut down"));
        given.recv().await.unwrap_or_else(gone)
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        self.model.links.tell(Command::MovePast(self.id, PastOrder::End));
    }
}
