//! A GGUF to an adapter of a model that is loaded; knows no stream.

use super::gguf::{fit, read};
use crate::error::Result;
use crate::gguf::{Limits, Opening, Source};
use crate::model::{Adaptable, Adapter, AdapterReader};
use crate::pause::Pauses;
use crate::runtime::resources::{Progress, Resources};
use smol::future::yield_now;
use std::sync::Arc;

/// Opens the adapter in `source`, with a pause after each piece of the work. What is wrong with its header is
/// said before a tensor is read.
pub(in crate::runtime) async fn open(
    source: Source,
    base: &Arc<Adaptable>,
    resources: &Resources,
    progress: &mut Progress<'_>,
    pauses: &mut Pauses<'_>,
) -> Result<Arc<Adapter>> {
    let limits = Limits { max_bytes: resources.budget.limit() };
    let mut opening = Opening::begin(source, &limits, pauses).await?;
    let mut reader = AdapterReader::new(opening.header(), base)?;
    let (own, file) = (reader.bytes(), opening.total());
    // The file's bytes go when the adapter has its own.
    let needed = own.saturating_add(file);
    let mut share = fit(resources, || resources.budget.take("an adapter", needed)).await?;
    read(&mut opening, resources, &mut |done, total| progress(done, total)).await?;
    let gguf = opening.finish();
    while reader.read_next(&gguf)? {
        pauses.look_up().await?;
        yield_now().await;
    }
    drop(gguf);
    share.shrink(own);
    Ok(reader.finish(share))
}
