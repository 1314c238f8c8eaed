//! Embeddings and reranking: the shape is there, this release refuses to compute them.

use super::border::error::wick_error;
use super::border::guard::{Tag, guard};
use super::border::handles;
use super::border::handles::unforked;
use super::border::ids::{wick_model, wick_queue, wick_stream};
use super::border::lacking::lacking;
use super::border::out::{Out, check_buffer};
use super::border::sized::{self, Versioned};
use super::border::status::wick_status;
use super::border::str::{array, wick_str};
use super::border::user::{UserData, wick_drop_fn};
use super::event::wick_event_fn;
use super::model::ModelObject;
use crate::error::Result;
use std::ffi::c_void;

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

/// Checks texts that are to be computed.
///
/// # Safety
/// `texts` is NULL or readable for `count` texts, which are readable.
unsafe fn check_texts(texts: *const wick_str, count: usize) -> Result<()> {
    // SAFETY: as promised by the caller.
    for (index, text) in unsafe { array(texts, count, "texts") }?.iter().enumerate() {
        // SAFETY: as promised by the caller.
        let text = unsafe { text.require("the text") };
        text.map_err(|error| error.within(format_args!("texts[{index}]")))?;
    }
    Ok(())
}

/// What both functions that start a stream check: handle, options, places and texts, in this order.
///
/// # Safety
/// As the exported functions say of their arguments.
unsafe fn check_start(
    model: wick_model,
    query: Option<wick_str>,
    (texts, count): (*const wick_str, usize),
    options: *const wick_embed_options,
    out: *mut wick_stream,
    error: *mut wick_error,
) -> Result<()> {
    let object = unforked(handles::get::<ModelObject>(model.id))?;
    let take = |options: &wick_embed_options| UserData::new(options.user, options.drop);
    // SAFETY: as promised by the caller.
    unsafe {
        let (given, _user) = match options.is_null() {
            true => (None, None),
            false => sized::input_with(options, take).map(|(given, user)| (Some(given), Some(user)))?,
        };
        wick_error::check(error)?;
        if given.is_none_or(|given| given.on_event.is_none()) {
            Out::required(out, "out")?;
        }
        object?;
        query.map(|query| query.require("query")).transpose()?;
        check_texts(texts, count)
    }
}

/// [ANY][BLOCK] `count` embeddings of `count` texts, L2-normalised, one after the other in `out`.
/// WICK_E_UNSUPPORTED in this release.
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
        handles::get::<ModelObject>(model.id)?;
        // SAFETY: the caller's structs and texts, as this function's docs say.
        unsafe { wick_error::check(error).and_then(|()| check_texts(texts, count)) }?;
        check_buffer(out, cap)?;
        let _ = (needed, timeout_ns);
        Err(lacking("wick_embed"))
    })
}

/// [ANY] The same as a stream. `options` NULL: defaults. WICK_E_UNSUPPORTED in this release; `drop` has been
/// called then.
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
        unsafe { check_start(model, None, (texts, count), options, out, error) }?;
        Err(lacking("wick_embed_start"))
    })
}

/// [ANY][BLOCK] How well each of `count` texts answers `query`, by a cross-encoder: raw scores, in the order
/// of the texts. WICK_E_UNSUPPORTED in this release.
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
        handles::get::<ModelObject>(model.id)?;
        // SAFETY: the caller's structs and texts, as this function's docs say.
        unsafe {
            wick_error::check(error)?;
            query.require("query")?;
            check_texts(texts, count)?;
        }
        check_buffer(scores, cap)?;
        let _ = (needed, timeout_ns);
        Err(lacking("wick_rerank"))
    })
}

/// [ANY] The same as a stream. `options` NULL: defaults. WICK_E_UNSUPPORTED in this release; `drop` has been
/// called then.
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
        unsafe { check_start(model, Some(query), (texts, count), options, out, error) }?;
        Err(lacking("wick_rerank_start"))
    })
}
