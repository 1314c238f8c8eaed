//! A save's keys and values on their way into the prefix cache of its model. Knows no engine's inside.

use super::reading::Reading;
use crate::engine::check_saved;
use crate::error::{Error, ErrorKind, Result};
use crate::gguf::Source;
use crate::runtime::adapter::Adapter;
use crate::runtime::job::Job;
use crate::runtime::model::Model;
use crate::runtime::options;
use crate::runtime::stream::Stream;

/// One save that is taken in.
struct Warm {
    job: Job,
    source: Source,
    /// What it was saved with.
    adapter: Option<Adapter>,
}

impl Model {
    /// Puts the keys and values of the save that `source` gives into the prefix cache: a session whose tokens
    /// begin as the saved ones need not compute them, as if another had computed them before. They give way
    /// like any prefix. Waits for the model's load. The stream tells of the progress in bytes and ends with
    /// [`EndReason::Ready`](crate::stream::EndReason::Ready); its drop before that cancels.
    ///
    /// # Errors
    /// `Shutdown`; `StaleHandle` for a closed queue; `Unsupported` for a model that was loaded for its
    /// vocabulary only; the load's error after a failed load. As the stream's end: `Io` for a save that is
    /// damaged, with the place, or that cannot be read; `Unsupported` for another model's, a later release's,
    /// one without keys and values or with those of another layout, and for a model whose sessions share
    /// nothing; `OutOfMemory`.
    pub fn warm(&self, source: Source, reading: options::Reading) -> Result<Stream> {
        self.start_warm(source, None, reading, |stream| stream)
    }

    /// As [`Model::warm`], of a session that was saved with this adapter, known by its content, which may
    /// still load; hands the stream to `adopt` before its first event can be delivered.
    ///
    /// # Errors
    /// As [`Model::warm`]. As the stream's end: `Unsupported` for a save that was made with another adapter,
    /// or none; the error of the adapter's load.
    pub fn start_warm<T>(
        &self,
        source: Source,
        adapter: Option<Adapter>,
        reading: options::Reading,
        adopt: impl FnOnce(Stream) -> T,
    ) -> Result<T> {
        self.check_computes()?;
        let (source, core) = (source.anchored(), &self.owner.core);
        let (producer, consumer, nudge) = self.shared.links.job_stream(reading)?;
        let adopted = adopt(Stream::new(consumer, core));
        let job = Job { model: self.shared.clone(), producer, nudge, slice: core.slice() };
        core.load(Box::pin(Warm { job, source, adapter }.run()));
        Ok(adopted)
    }
}

impl Warm {
    async fn run(self) {
        let Self { job, source, adapter } = self;
        let result = take(&job, source, adapter).await;
        job.end(result);
    }
}

async fn take(job: &Job, source: Source, adapter: Option<Adapter>) -> Result<()> {
    let lacks = |what| Error::new(ErrorKind::Unsupported, what);
    let facts = job.model().await?;
    let (opened, mut reading) = Reading::open(job, &facts, source).await?;
    let session = opened.session(&mut |at, to| reading.read(at, to))?;
    let adapter = Adapter::of_save(adapter.as_ref(), session.adapter, job).await?;
    let tokens = opened.tokens(facts.spec.vocab_size, &mut |at, to| reading.read(at, to))?;
    job.rest().await?;
    if !opened.has_past() {
        return Err(lacks("the save has no keys and values; save the session with them (with_kv)"));
    }
    let context = check_saved(None, tokens.len(), facts.spec.context_length)?;
    let transfer = reading.take(&opened, &tokens, context, adapter, true).await?.ok_or_else(|| {
        lacks("the save's keys and values are of another layout than the model's now; save the session again")
    })?;
    job.check()?;
    transfer.keep().await
}
