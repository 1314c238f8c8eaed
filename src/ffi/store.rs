//! Sessions on disk: the shape is there, this release refuses to do it.

use super::border::error::wick_error;
use super::border::guard::{Tag, guard};
use super::border::handles;
use super::border::handles::unforked;
use super::border::ids::{wick_adapter, wick_model, wick_queue, wick_session, wick_stream};
use super::border::lacking::lacking;
use super::border::out::Out;
use super::border::sized::{self, Versioned};
use super::border::status::wick_status;
use super::border::str::wick_str;
use super::border::user::{UserData, wick_drop_fn};
use super::event::wick_event_fn;
use super::io::wick_io;
use super::model::ModelObject;
use super::session::SessionObject;
use crate::error::Result;
use std::ffi::c_void;

/// Where a session is saved to or restored from. Exactly one of `path` and `io`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wick_store_options {
    /// sizeof(wick_store_options).
    pub struct_size: u32,
    /// 1: with keys and values: large, and no prefill after a restore; 0: tokens and messages only.
    pub with_kv: u8,
    /// 0.
    pub reserved: [u8; 3],
    /// A file, written atomically.
    pub path: wick_str,
    /// Or the host's own storage.
    pub io: *const wick_io,
    /// How the events are read: as in wick_generate_options.
    pub queue: wick_queue,
    /// As in wick_generate_options.
    pub on_event: wick_event_fn,
    /// As in wick_generate_options.
    pub user: *mut c_void,
    /// As in wick_generate_options.
    pub drop: wick_drop_fn,
    /// wick_session_restore, wick_model_warm: the adapter that it was saved with; id 0: none.
    pub adapter: wick_adapter,
}

// SAFETY: repr(C), begins with struct_size; integers, raw pointers and nullable functions only.
unsafe impl Versioned for wick_store_options {
    const NAME: &'static str = "wick_store_options";
}

/// Takes, and so drops, what came with the options.
///
/// # Safety
/// `options` and its `io` are NULL or readable for their struct_size.
unsafe fn take(options: *const wick_store_options) -> Result<()> {
    let take = |options: &wick_store_options| {
        drop(UserData::new(options.user, options.drop));
        match options.io.is_null() {
            true => Ok(()),
            // SAFETY: as promised by the caller.
            false => unsafe { sized::input_with(options.io, wick_io::user) }.map(drop),
        }
    };
    // SAFETY: as promised by the caller.
    unsafe { sized::input_with(options, take) }?.1
}

/// [ANY] Saves the session. WICK_E_UNSUPPORTED in this release; the drop functions have been called then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_session_save(
    session: wick_session,
    options: *const wick_store_options,
    out: *mut wick_stream,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::Any, error, || {
        let object = unforked(handles::get::<SessionObject>(session.id))?;
        // SAFETY: the caller's structs and places, as this function's docs say.
        unsafe {
            take(options)?;
            wick_error::check(error)?;
            Out::required(out, "out")?;
        }
        object?;
        Err(lacking("wick_session_save"))
    })
}

/// [ANY] Restores a session. WICK_E_UNSUPPORTED in this release; the drop functions have been called then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_session_restore(
    model: wick_model,
    options: *const wick_store_options,
    out: *mut wick_session,
    stream: *mut wick_stream,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::Any, error, || {
        let object = unforked(handles::get::<ModelObject>(model.id))?;
        // SAFETY: the caller's structs and places, as this function's docs say.
        unsafe {
            take(options)?;
            wick_error::check(error)?;
            Out::required(out, "out")?;
            Out::required(stream, "stream")?;
        }
        object?;
        Err(lacking("wick_session_restore"))
    })
}

/// [ANY] Puts a save with keys and values into the prefix cache. `stream` may be NULL. WICK_E_UNSUPPORTED in
/// this release; the drop functions have been called then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_model_warm(
    model: wick_model,
    options: *const wick_store_options,
    stream: *mut wick_stream,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::Any, error, || {
        let object = unforked(handles::get::<ModelObject>(model.id))?;
        // SAFETY: the caller's structs, as this function's docs say.
        unsafe {
            take(options)?;
            wick_error::check(error)?;
        }
        object?;
        let _ = stream;
        Err(lacking("wick_model_warm"))
    })
}
