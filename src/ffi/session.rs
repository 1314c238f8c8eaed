//! Sessions: a conversation and its keys and values.

use super::error::wick_error;
use super::guard::{Tag, guard};
use super::handles;
use super::model::{ModelObject, wick_model};
use super::out::{Out, check_buffer, write_text};
use super::sized::{self, Versioned};
use super::status::{WICK_OK, wick_status};
use crate::error::{Error, ErrorKind};
use crate::runtime::Session;
use std::ffi::c_char;
use std::ptr;
use std::sync::Arc;

/// A session's handle; id 0 is none.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct wick_session {
    /// The handle.
    pub id: u64,
}

/// What a session is made of.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wick_session_options {
    /// sizeof(wick_session_options).
    pub struct_size: u32,
    /// The most tokens; 0: the model's context.
    pub context_length: u32,
}

// SAFETY: repr(C), begins with struct_size; integers only.
unsafe impl Versioned for wick_session_options {
    const NAME: &'static str = "wick_session_options";
}

/// What a session's handle stands for.
pub(super) struct SessionObject {
    pub(super) session: Session,
    pub(super) runtime: u64,
}

/// [ANY] A new, empty session. The model may still be loading. WICK_E_UNSUPPORTED for a model loaded with vocab_only; after a failed load
/// its error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_session_create(
    model: wick_model,
    options: *const wick_session_options,
    out: *mut wick_session,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::Any, error, || {
        let object = handles::get::<ModelObject>(model.id)?;
        // SAFETY: the caller's structs and places, as this function's docs say.
        let (options, out) = unsafe {
            wick_error::check(error)?;
            (sized::input(options)?, Out::required(out, "out")?)
        };
        let context = Some(options.context_length as usize).filter(|length| *length != 0);
        let session = SessionObject { session: object.model.session(context)?, runtime: object.runtime };
        out.set(wick_session { id: handles::insert(object.runtime, Arc::new(session))? });
        Ok(WICK_OK)
    })
}

/// [ANY] A second session with the same past. WICK_E_UNSUPPORTED in this release.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_session_fork(
    session: wick_session,
    out: *mut wick_session,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::Any, error, || {
        handles::get::<SessionObject>(session.id)?;
        // SAFETY: the caller's places, as this function's docs say.
        unsafe { wick_error::check(error).and_then(|()| Out::required(out, "out")) }?;
        Err(lacking("wick_session_fork"))
    })
}

/// [ANY] Empties the session. WICK_E_BUSY while a generation of it is live and not cancelled.
#[unsafe(no_mangle)]
pub extern "C" fn wick_session_clear(session: wick_session) -> wick_status {
    guard(Tag::Any, ptr::null_mut(), || {
        handles::get::<SessionObject>(session.id)?.session.clear()?;
        Ok(WICK_OK)
    })
}

/// [ANY] Keeps the first `token_count` tokens. WICK_E_UNSUPPORTED in this release.
#[unsafe(no_mangle)]
pub extern "C" fn wick_session_rewind(session: wick_session, token_count: u32) -> wick_status {
    guard(Tag::Any, ptr::null_mut(), || {
        handles::get::<SessionObject>(session.id)?;
        let _ = token_count;
        Err(lacking("wick_session_rewind"))
    })
}

/// [ANY] What is known of the session, as JSON: `state` ("idle", "generating", "stopping"), `tokens`, `messages`, `context_length`, `context_left` (integers;
/// the last two null while the model loads, if the session was given no length). `(json, cap, needed)` as in wick_build_info.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_session_info(
    session: wick_session,
    json: *mut c_char,
    cap: usize,
    needed: *mut usize,
) -> wick_status {
    guard(Tag::Any, ptr::null_mut(), || {
        let object = handles::get::<SessionObject>(session.id)?;
        check_buffer(json, cap)?;
        // SAFETY: the caller's buffer, as this function's docs say.
        unsafe { write_text(&object.session.info().to_string(), json, cap, needed) }?;
        Ok(WICK_OK)
    })
}

/// [ANY] Lets go of the session; a running generation is cancelled.
#[unsafe(no_mangle)]
pub extern "C" fn wick_session_close(session: wick_session) -> wick_status {
    guard(Tag::Any, ptr::null_mut(), || {
        drop(handles::remove::<SessionObject>(session.id)?);
        Ok(WICK_OK)
    })
}

/// A function that this release does not have.
pub(super) fn lacking(function: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("{function} is not supported by this release"))
}
