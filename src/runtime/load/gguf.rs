//! A model's file, or its folder, to a decoder and a vocabulary; knows no stream.

use super::container::{Container, Words};
use super::opened::Opened;
use crate::budget::Share;
use crate::error::{Error, ErrorKind, Result};
use crate::gguf::{Gguf, Header, Limits, Opening};
use crate::log::Level;
use crate::model::{Decoder, KvType, Spec};
use crate::pause::Pauses;
use crate::runtime::identity::{Identity, Weights, hash_weights};
use crate::runtime::options::{Backend, ModelOptions, ModelSource};
use crate::runtime::resources::{Progress, Resources};
use crate::sample::Recommended;
use crate::text::Vocab;
use smol::future::yield_now;
use std::sync::Arc;

/// Bytes of a model that are read at once where the host's frame waits for it.
const HOST_PIECE: usize = 1 << 20;

/// Bytes of a mapped model that are brought in at once on a thread of its own: a few milliseconds of a
/// disk's.
const PRELOADED_PIECE: usize = 4 << 20;

/// What is wanted of the file.
pub(super) struct Wanted {
    pub(super) backend: Backend,
    pub(super) vocab_only: bool,
    pub(super) context_length: Option<usize>,
    pub(super) chat_template: Option<String>,
    pub(super) preload: bool,
    pub(super) kv_type: KvType,
    /// What the file says of sampling has to be fit to be used.
    pub(super) sampling: bool,
}

impl Wanted {
    /// What is wanted of which model.
    ///
    /// # Errors
    /// `Unsupported` for what is no file, and for a folder where the build reads none.
    pub(super) fn of(options: ModelOptions) -> Result<(Container, Self)> {
        let container = match options.source {
            // Looked at here: a file system may take its time.
            ModelSource::Gguf(source) => Container::of(source)?,
            ModelSource::Custom(_) => {
                return Err(Error::new(ErrorKind::Unsupported, "the model is no file, and has no header"));
            }
        };
        let wanted = Self {
            backend: options.backend,
            vocab_only: options.vocab_only,
            context_length: options.context_length,
            chat_template: options.chat_template,
            preload: options.preload,
            kv_type: options.kv_type,
            sampling: options.sampling_from_model,
        };
        Ok((container, wanted))
    }
}

/// Opens the model in `container`, with a pause after each piece of the work.
pub(super) async fn open(
    container: Container,
    wanted: &Wanted,
    resources: &Resources,
    progress: &mut Progress<'_>,
    pauses: &mut Pauses<'_>,
) -> Result<Opened> {
    let limits = Limits { max_bytes: resources.budget.limit() };
    if wanted.vocab_only {
        let (header, words) = container.header(&limits, pauses).await?;
        let (vocab, has_template) = vocabulary(&header, &words, wanted, resources, pauses).await?;
        let spec = Spec { vocab_size: vocab.len(), ..Spec::from_header(&header)? };
        let identity = Identity::new(Weights::Hashed(0));
        let recommended = recommended(&header, wanted)?;
        return Ok(Opened {
            decoder: None,
            vocab,
            spec,
            has_template,
            recommended,
            placement: None,
            identity,
        });
    }
    let maps = container.maps();
    let (mut opening, words) = container.opening(&limits, pauses).await?;
    let checked = check(opening.header(), wanted).map_err(|e| words.explain(e))?;
    let Checked { weight_bytes: needed, read_by_row } = checked;
    let recommended = recommended(opening.header(), wanted)?;
    let mut weights = Some(fit(resources, || resources.budget.take("weights", needed)).await?);
    let preloads = wanted.preload && maps;
    // Mapped pages count as there once they are.
    read(&mut opening, resources, &mut |done, total| progress(if preloads { 0 } else { done }, total))
        .await?;
    let gguf = opening.finish();
    let gguf = Arc::new(match read_by_row {
        Some(name) => gguf.read_by_row(name),
        None => gguf,
    });
    if preloads {
        preload(&gguf, resources, progress).await?;
    }
    let (vocab, has_template) = vocabulary(gguf.header(), &words, wanted, resources, pauses).await?;
    pauses.look_up().await?;
    let decoder = fit(resources, || decoder(&gguf, wanted, resources, &mut weights, &mut *progress)).await;
    let decoder = decoder.map_err(|e| words.explain(e))?;
    let spec = decoder.spec().clone();
    if spec.vocab_size != vocab.len() {
        let message = format!(
            "the vocabulary has {} tokens, the embedding {} rows; the file is damaged or not finished",
            vocab.len(),
            spec.vocab_size
        );
        return Err(Error::new(ErrorKind::ModelInvalid, message));
    }
    // Candle's are copies.
    let stays = spec.backend == "native";
    let placement = stays.then(|| gguf.placement());
    let identity = Identity::new(match stays {
        true => Weights::File(Arc::downgrade(&gguf)),
        false => Weights::Hashed(hash_weights(&gguf, pauses).await?),
    });
    Ok(Opened { decoder: Some(decoder), vocab, spec, has_template, recommended, placement, identity })
}

/// Maps or reads all tensors, with a rest after each piece.
pub(super) async fn read(
    opening: &mut Opening,
    resources: &Resources,
    progress: &mut Progress<'_>,
) -> Result<()> {
    progress(opening.done(), opening.total())?;
    yield_now().await;
    match &resources.readers {
        Some(readers) => {
            while opening.read_together(readers, progress)? {
                yield_now().await;
            }
        }
        None => {
            while opening.read(HOST_PIECE)? {
                progress(opening.done(), opening.total())?;
                yield_now().await;
            }
        }
    }
    Ok(())
}

/// Brings mapped pages into memory, with a rest after each piece.
async fn preload(gguf: &Gguf, resources: &Resources, progress: &mut Progress<'_>) -> Result<()> {
    let piece = if resources.readers.is_some() { PRELOADED_PIECE } else { HOST_PIECE };
    let (mut done, total) = (0, gguf.mapped_bytes());
    while done < total {
        done += gguf.preload(done, piece) as u64;
        progress(done, total)?;
        yield_now().await;
    }
    Ok(())
}

/// What `work` comes to when idle sessions have made room for it, as far as they can.
pub(super) async fn fit<T>(resources: &Resources, mut work: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match work() {
            Err(error) if error.kind() == ErrorKind::OutOfMemory => {
                if !resources.links.release_memory().await {
                    return work();
                }
            }
            result => return result,
        }
    }
}

async fn vocabulary(
    header: &Header,
    words: &Words,
    wanted: &Wanted,
    resources: &Resources,
    pauses: &mut Pauses<'_>,
) -> Result<(Arc<dyn Vocab>, bool)> {
    let (tokenizer, own) = words.read(header, pauses).await?;
    for note in tokenizer.notes() {
        resources.links.log.line(Level::Warning, "vocabulary").with("message", note).send();
    }
    match wanted.chat_template.as_deref().or(own.as_deref()) {
        Some(template) => Ok((Arc::new(tokenizer.with_template_in_pieces(template, pauses).await?), true)),
        None => Ok((Arc::new(tokenizer), false)),
    }
}

/// What the file says of sampling; nothing, if that is nonsense and not wanted.
fn recommended(header: &Header, wanted: &Wanted) -> Result<Recommended> {
    let read = Recommended::from_gguf(header.metadata());
    let read = read.and_then(|recommended| recommended.validate().map(|()| recommended));
    if wanted.sampling { read } else { Ok(read.unwrap_or_default()) }
}

/// What a header says of a model that can become a decoder.
struct Checked {
    /// Bytes that its weights take.
    weight_bytes: u64,
    read_by_row: Option<&'static str>,
}

/// Refuses by its header what cannot become a decoder: nothing of a tensor's size is read or reserved before.
fn check(header: &Header, wanted: &Wanted) -> Result<Checked> {
    let context = wanted.context_length;
    match chosen(wanted.backend) {
        #[cfg(feature = "native")]
        Backend::Native => {
            let outline = crate::model::NativeOutline::new(header, context, wanted.kv_type)?;
            Ok(Checked { weight_bytes: outline.weight_bytes(), read_by_row: outline.read_by_row() })
        }
        #[cfg(feature = "candle")]
        Backend::Candle => {
            use crate::model::candle::{CandleDecoder, Precision};
            has_kv_type(wanted.kv_type)?;
            CandleDecoder::check(header, context)?;
            let weight_bytes = CandleDecoder::weight_bytes(header, Precision::default());
            Ok(Checked { weight_bytes, read_by_row: None })
        }
        backend => Err(lacking(backend)),
    }
}

#[cfg_attr(not(feature = "candle"), allow(unused_variables, reason = "only candle copies weights"))]
fn decoder(
    gguf: &Arc<Gguf>,
    wanted: &Wanted,
    resources: &Resources,
    weights: &mut Option<Share>,
    progress: &mut Progress<'_>,
) -> Result<Box<dyn Decoder>> {
    match chosen(wanted.backend) {
        #[cfg(feature = "native")]
        Backend::Native => native(gguf, wanted, resources, weights),
        #[cfg(feature = "candle")]
        Backend::Candle => candle(gguf, wanted, resources, weights, progress),
        backend => Err(lacking(backend)),
    }
}

/// The backend that is asked for; `Auto`: the native one, or candle in a build without it. Both read one
/// description, so that candle has nothing that the native one lacks.
pub(super) fn chosen(backend: Backend) -> Backend {
    match backend {
        Backend::Auto if cfg!(feature = "candle") && !cfg!(feature = "native") => Backend::Candle,
        Backend::Auto => Backend::Native,
        asked => asked,
    }
}

/// Whether the candle backend has keys and values of this type.
///
/// # Errors
/// `Unsupported` for all but f16.
#[cfg(feature = "candle")]
fn has_kv_type(kv_type: KvType) -> Result<()> {
    if kv_type == KvType::F16 {
        return Ok(());
    }
    let message = format!(
        "kv_type is {}, which the candle backend has not; leave it f16, or take the native backend",
        kv_type.name()
    );
    Err(Error::new(ErrorKind::Unsupported, message))
}

/// The build has no such backend.
pub(super) fn lacking(backend: Backend) -> Error {
    let name = if backend == Backend::Candle { "candle" } else { "native" };
    let message = format!("this build lacks the {name} backend: build it with the feature {name}");
    Error::new(ErrorKind::Unsupported, message)
}

#[cfg(feature = "native")]
fn native(
    gguf: &Arc<Gguf>,
    wanted: &Wanted,
    resources: &Resources,
    weights: &mut Option<Share>,
) -> Result<Box<dyn Decoder>> {
    use crate::model::{NativeDecoder, NativeOptions};
    let options = NativeOptions {
        context_length: wanted.context_length,
        kv_type: wanted.kv_type,
        budget: resources.budget.clone(),
        ..NativeOptions::new(resources.compute.clone())
    };
    let decoder = NativeDecoder::load(gguf.clone(), options)?;
    Ok(Box::new(decoder.with_weights(weights.take())))
}

#[cfg(feature = "candle")]
fn candle(
    gguf: &Arc<Gguf>,
    wanted: &Wanted,
    resources: &Resources,
    weights: &mut Option<Share>,
    progress: &mut Progress<'_>,
) -> Result<Box<dyn Decoder>> {
    use crate::model::candle::{CandleDecoder, Options};
    let options = Options {
        context_length: wanted.context_length,
        budget: resources.budget.clone(),
        ..Options::default()
    };
    let decoder = CandleDecoder::load(gguf, &options, progress)?;
    Ok(Box::new(decoder.with_weights(weights.take())))
}
