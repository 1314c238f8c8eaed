//! Vectors of texts, and scores of texts for a query, as streams or waited for.

use super::border::deadline::Deadline;
use super::border::error::wick_error;
use super::border::guard::{Tag, guard, logging};
use super::border::handles;
use super::border::handles::unforked;
use super::border::ids::{wick_model, wick_queue, wick_stream};
use super::border::out::{Out, check_buffer, write_items};
use super::border::sized::{self, Versioned};
use super::border::status::{WICK_OK, wick_status};
use super::border::str::{array, copy, refuse, wick_str};
use super::border::user::{UserData, wick_drop_fn};
use super::event::wick_event_fn;
use super::model::ModelObject;
use super::reading::Reader;
use super::runtime::log_of;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::EmbedRequest;
use std::ffi::c_void;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How vectors or scores are computed and read; fields as in wick_generate_options.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wick_embed_options {
    /// sizeof(wick_embed_options).
    pub struct_size: u32,
    /// Higher is computed first.
    pub priority: i32,
    /// From now, in nanoseconds, until it ends at the latest; 0: none.
    pub deadline_ns: u64,
    /// Unread events after which it pauses; 0: never.
    pub buffer_events: u32,
    /// 0.
    pub reserved: u32,
    /// The queue that the events are read through; id 0: none.
    pub queue: wick_queue,
    /// Takes the events; may be NULL.
    pub on_event: wick_event_fn,
    /// Comes back with every event.
    pub user: *mut c_void,
    /// Drops `user`, once.
    pub drop: wick_drop_fn,
}

// SAFETY: repr(C), begins with struct_size; integers, raw pointers and nullable functions only.
unsafe impl Versioned for wick_embed_options {
    const NAME: &'static str = "wick_embed_options";
}

/// The texts, copied.
///
/// # Safety
/// `texts` is NULL or readable for `count` texts, which are readable.
unsafe fn read_texts(texts: *const wick_str, count: usize) -> Result<Vec<String>> {
    // SAFETY: as promised by the caller.
    let given = unsafe { array(texts, count, "texts") }?;
    let mut all = Vec::new();
    all.try_reserve_exact(given.len())?;
    for (index, text) in given.iter().enumerate() {
        // SAFETY: as promised by the caller.
        let text = unsafe { text.require("the text") }.and_then(copy);
        all.push(text.map_err(|error| error.within(format_args!("texts[{index}]")))?);
    }
    Ok(all)
}

/// What a function that starts a stream is given, checked: handle, options, places and texts, in this order.
struct Start {
    object: Arc<ModelObject>,
    reader: Reader,
    out: Option<Out<wick_stream>>,
    request: EmbedRequest,
}

impl Start {
    /// # Safety
    /// As the exported functions say of their arguments.
    unsafe fn check(
        model: wick_model,
        query: Option<wick_str>,
        (texts, count): (*const wick_str, usize),
        options: *const wick_embed_options,
        out: *mut wick_stream,
        error: *mut wick_error,
    ) -> Result<Self> {
        let object = unforked(handles::get::<ModelObject>(model.id))?;
        let take = |options: &wick_embed_options| UserData::new(options.user, options.drop);
        // SAFETY: as promised by the caller.
        unsafe {
            let (given, user) = match options.is_null() {
                // SAFETY: any bytes are valid options, as `Versioned` says; zeros are the defaults.
                true => (std::mem::zeroed(), UserData::new(std::ptr::null_mut(), None)),
                false => sized::input_with(options, take)?,
            };
            let reader = Reader { queue: given.queue, on_event: given.on_event, user };
            wick_error::check(error)?;
            let out = match given.on_event {
                Some(_) => Out::optional(out),
                None => Some(Out::required(out, "out")?),
            };
            let object = object?;
            refuse(given.reserved != 0, "wick_embed_options.reserved")?;
            let query = query.map(|query| query.require("query").and_then(copy)).transpose()?;
            let request = EmbedRequest {
                texts: read_texts(texts, count)?,
                query,
                priority: given.priority,
                deadline: match given.deadline_ns {
                    0 => None,
                    after => Instant::now().checked_add(Duration::from_nanos(after)),
                },
                buffer_events: given.buffer_events as usize,
            };
            Ok(Self { object, reader, out, request })
        }
    }

    fn run(self) -> Result<wick_status> {
        let Self { object, reader, out, request } = self;
        let (stream, reading) = reader.start(object.runtime, out.is_some())?;
        object.model.start_embed(request, reading, |started| stream.register(started))?;
        let id = stream.keep();
        out.into_iter().for_each(|out| out.set(wick_stream { id }));
        Ok(WICK_OK)
    }
}

/// [ANY][BLOCK] The vectors of `count` texts, each of length 1 (L2), one after the other in `out`: count *
/// dim floats, where dim is `vector_length` of wick_model_info. The same bits as from wick_embed_start,
/// whatever else is computed. `(out, cap, needed)`: `cap` too small: WICK_E_BUFFER_TOO_SMALL, nothing is
/// computed. Waits for the model's load too; WICK_E_TIMEOUT after `timeout_ns`: given up. Errors as the END
/// of wick_embed_start has them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_embed(
    model: wick_model,
    texts: *const wick_str,
    count: usize,
    out: *mut f32,
    cap: usize,
    needed: *mut usize,
    timeout_ns: u64,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::NotInCallback, error, || {
        let object = handles::get::<ModelObject>(model.id)?;
        // SAFETY: the caller's structs and texts, as this function's docs say.
        let texts = unsafe { wick_error::check(error).and_then(|()| read_texts(texts, count)) }?;
        check_buffer(out, cap)?;
        let deadline = match Deadline::after(timeout_ns) {
            Deadline::Poll => Some(Instant::now()),
            Deadline::At(at) => at,
        };
        let waited = || -> Result<(usize, Option<Vec<f32>>)> {
            let dim = object.model.vector_length(deadline)?;
            let all = count.checked_mul(dim).ok_or_else(|| {
                let why = format!("{count} vectors of {dim} floats are more than memory has");
                Error::new(ErrorKind::InvalidArgument, why)
            })?;
            // Nothing is computed for a buffer that is too small.
            let vectors = if cap < all { None } else { Some(object.model.embed_blocking(texts, deadline)?) };
            Ok((all, vectors))
        };
        // In HOST_STEP this thread does the runtime's work.
        let (all, vectors) = match log_of(object.runtime) {
            Some(log) => logging(&log, waited),
            None => waited(),
        }?;
        // SAFETY: the caller's buffer, as this function's docs say.
        unsafe { put_floats(vectors.as_deref(), all, out, cap, needed) }
    })
}

/// Writes `all` floats, or says that they have no room.
///
/// # Safety
/// `out` is NULL or writable for `cap` floats, `needed` NULL or writable.
unsafe fn put_floats(
    values: Option<&[f32]>,
    all: usize,
    out: *mut f32,
    cap: usize,
    needed: *mut usize,
) -> Result<wick_status> {
    if let Some(values) = values {
        // SAFETY: as promised by the caller.
        unsafe { write_items(values, out, cap, needed) }?;
        return Ok(WICK_OK);
    }
    // SAFETY: as promised by the caller.
    unsafe { Out::optional(needed) }.into_iter().for_each(|needed| needed.set(all));
    Err(Error::new(ErrorKind::BufferTooSmall, format!("cap is {cap}, {all} floats are needed")))
}

/// [ANY] The same as a stream: a VECTOR for each text, in order (`done` is the text's index, `total` how many
/// there are), PROGRESS in tokens, then END (READY). Returns at once, also while the model loads; many texts
/// are computed at once, beside generations, which have every other slice of the time; by `priority`. All
/// texts become tokens before the first VECTOR: a text with more tokens than the model's context takes is END
/// (ERROR, CONTEXT_FULL), one without any END (ERROR, INVALID_ARGUMENT), both naming its index; nothing is
/// cut. A model that makes no vectors: END (ERROR, UNSUPPORTED). `options` NULL: defaults. Not WICK_OK: there
/// is no stream, and `drop` has been called; WICK_E_QUEUE_FULL as of wick_generate.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_embed_start(
    model: wick_model,
    texts: *const wick_str,
    count: usize,
    options: *const wick_embed_options,
    out: *mut wick_stream,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::Any, error, || {
        // SAFETY: the caller's structs, places and texts, as this function's docs say.
        unsafe { Start::check(model, None, (texts, count), options, out, error) }?.run()
    })
}

/// [ANY][BLOCK] How well each of `count` texts goes with `query`, by a cross-encoder: raw scores (no
/// sigmoid), in the order of the texts, which a host sorts. `(scores, cap, needed)`: `cap` too small:
/// WICK_E_BUFFER_TOO_SMALL, nothing is computed. A query and a text have to fit the model's context together.
/// WICK_E_UNSUPPORTED for a model that is no cross-encoder (`ranks` in wick_model_info); the rest as
/// wick_embed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_rerank(
    model: wick_model,
    query: wick_str,
    texts: *const wick_str,
    count: usize,
    scores: *mut f32,
    cap: usize,
    needed: *mut usize,
    timeout_ns: u64,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::NotInCallback, error, || {
        let object = handles::get::<ModelObject>(model.id)?;
        // SAFETY: the caller's structs and texts, as this function's docs say.
        let (query, texts) = unsafe {
            wick_error::check(error)?;
            (query.require("query").and_then(copy)?, read_texts(texts, count)?)
        };
        check_buffer(scores, cap)?;
        if cap < count {
            // SAFETY: the caller's places, as this function's docs say.
            return unsafe { put_floats(None, count, scores, cap, needed) };
        }
        let deadline = match Deadline::after(timeout_ns) {
            Deadline::Poll => Some(Instant::now()),
            Deadline::At(at) => at,
        };
        let waited = || object.model.rerank_blocking(query, texts, deadline);
        // In HOST_STEP this thread does the runtime's work.
        let found = match log_of(object.runtime) {
            Some(log) => logging(&log, waited),
            None => waited(),
        }?;
        // SAFETY: the caller's buffer, as this function's docs say.
        unsafe { put_floats(Some(&found), count, scores, cap, needed) }
    })
}

/// [ANY] The same as a stream: a VECTOR of one value, the score, for each text; as wick_embed_start. Another
/// model: END (ERROR, UNSUPPORTED).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_rerank_start(
    model: wick_model,
    query: wick_str,
    texts: *const wick_str,
    count: usize,
    options: *const wick_embed_options,
    out: *mut wick_stream,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::Any, error, || {
        // SAFETY: the caller's structs, places and texts, as this function's docs say.
        unsafe { Start::check(model, Some(query), (texts, count), options, out, error) }?.run()
    })
}
