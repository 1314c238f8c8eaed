//! Sessions: a conversation and its keys and values.

use super::border::error::wick_error;
use super::border::guard::{Tag, guard};
use super::border::handles;
pub use super::border::ids::wick_session;
use super::border::ids::{wick_adapter, wick_model};
use super::border::lacking::lacking;
use super::border::out::{Out, check_buffer, write_items, write_text};
use super::border::sized::{self, Versioned};
use super::border::status::{WICK_OK, wick_status};
use super::border::str::{constant, copy, refuse, wick_str};
use super::json;
use super::messages::{self, Variables, wick_message};
use super::model::ModelObject;
use super::runtime::heard;
use crate::error::Result;
use crate::runtime::{Session, SessionOptions};
use std::ffi::c_char;
use std::ptr;
use std::sync::Arc;

/// A full context ends the generation: END (CONTEXT_FULL).
pub const WICK_OVERFLOW_STOP: u32 = 0;
/// The oldest messages of a full context go. Not in this release.
pub const WICK_OVERFLOW_ROLL: u32 = 1;

/// What a session is made of.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wick_session_options {
    /// sizeof(wick_session_options).
    pub struct_size: u32,
    /// The most tokens; 0: the model's context. More than that: WICK_E_INVALID_ARGUMENT or, while the
    /// model loads, END (ERROR) of the generations.
    pub context_length: u32,
    /// The persona: a system message before all others that belongs to the session, so that neither a
    /// cancelled turn nor a clear loses it; absent: none. Such a session takes messages only, and no system
    /// message as the conversation's first.
    pub system: wick_str,
    /// JSON: tools for the template in every turn, until a generation brings its own; a clear brings these
    /// back. Absent: none.
    pub tools_json: wick_str,
    /// A JSON object: more variables for the template in every turn, until a generation brings its own; a
    /// clear brings these back. Absent: none.
    pub template_json: wick_str,
    /// WICK_OVERFLOW_STOP. WICK_OVERFLOW_ROLL is WICK_E_UNSUPPORTED in this release.
    pub overflow: u32,
    /// 0. With WICK_OVERFLOW_ROLL: so many messages after the system's stay too.
    pub pinned_messages: u32,
    /// id 0: none. Anything else is WICK_E_UNSUPPORTED in this release.
    pub adapter: wick_adapter,
    /// 0.
    pub adapter_scale: f32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: repr(C), begins with struct_size; integers, floats and raw pointers only.
unsafe impl Versioned for wick_session_options {
    const NAME: &'static str = "wick_session_options";
}

impl wick_session_options {
    /// # Errors
    /// `InvalidArgument` for malformed fields; `Unsupported` for those that this release does not honour.
    ///
    /// # Safety
    /// The texts are readable.
    unsafe fn read(&self) -> Result<SessionOptions> {
        self.refuse_the_rest()?;
        // SAFETY: as promised by the caller.
        let (system, variables) =
            unsafe { (self.system.read("system")?, Variables::read(self.tools_json, self.template_json)?) };
        Ok(SessionOptions {
            context_length: Some(self.context_length as usize).filter(|length| *length != 0),
            system: system.map(copy).transpose()?,
            tools: variables.tools,
            template: variables.template,
        })
    }

    fn refuse_the_rest(&self) -> Result<()> {
        constant(self.overflow, WICK_OVERFLOW_ROLL, "overflow", "WICK_OVERFLOW_…")?;
        let lacking = [
            (self.overflow != WICK_OVERFLOW_STOP, "overflow"),
            (self.pinned_messages != 0, "pinned_messages"),
            (self.adapter.id != 0, "wick_session_options.adapter"),
            (self.adapter_scale != 0.0, "adapter_scale"),
            (self.reserved != 0, "wick_session_options.reserved"),
        ];
        lacking.into_iter().try_for_each(|(given, name)| refuse(given, name))
    }
}

/// What a session's handle stands for.
pub(super) struct SessionObject {
    pub(super) session: Session,
    pub(super) runtime: u64,
}

/// [ANY] A new, empty session; `options` NULL: all defaults. The model may still be loading.
/// WICK_E_INVALID_ARGUMENT for a context beyond the model's (while the model loads: as END (ERROR) of the
/// session's generations); WICK_E_UNSUPPORTED for a model loaded with vocab_only; after a failed load its
/// error.
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
            let options: wick_session_options = sized::input_or_zero(options)?;
            (options.read()?, Out::required(out, "out")?)
        };
        let session = SessionObject { session: object.model.session_with(options)?, runtime: object.runtime };
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

/// [ANY] Empties the session, but for what it was made with: its system message, tools and template
/// variables. WICK_E_BUSY while a generation of it is live and not cancelled.
#[unsafe(no_mangle)]
pub extern "C" fn wick_session_clear(session: wick_session) -> wick_status {
    guard(Tag::Any, ptr::null_mut(), || {
        let object = handles::get::<SessionObject>(session.id)?;
        heard(object.runtime, "wick_session_clear", || object.session.clear())?;
        Ok(WICK_OK)
    })
}

/// [ANY] Keeps the first `token_count` tokens. WICK_E_UNSUPPORTED in this release.
#[unsafe(no_mangle)]
pub extern "C" fn wick_session_rewind(session: wick_session, token_count: u32) -> wick_status {
    guard(Tag::Any, ptr::null_mut(), || {
        let object = handles::get::<SessionObject>(session.id)?;
        let _ = token_count;
        let call = "wick_session_rewind";
        heard(object.runtime, call, || Err(lacking(call)))
    })
}

/// [ANY] What is known of the session, as JSON: `state` ("idle", "generating", "stopping"), `tokens`,
/// `messages`, `context_length`, `context_left` (integers; the last two null while the model loads, if the
/// session was given no length). `(json, cap, needed)` as in wick_build_info.
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

/// [ANY] Another system message for the session, from the next turn on; absent: none. Also while a generation
/// is live, which keeps the one it was started with. The past is computed again then. WICK_E_INVALID_ARGUMENT
/// for a session with raw input, or whose conversation begins with a system message of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_session_set_system(
    session: wick_session,
    system: wick_str,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::Any, error, || {
        let object = handles::get::<SessionObject>(session.id)?;
        // SAFETY: the caller's struct and text, as this function's docs say.
        let system = unsafe { wick_error::check(error).and_then(|()| system.read("system")) }?;
        object.session.set_system(system.map(copy).transpose()?)?;
        Ok(WICK_OK)
    })
}

/// [ANY] Another adapter for the session, from the next turn on; id 0: none. WICK_E_UNSUPPORTED in this
/// release.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_session_set_adapter(
    session: wick_session,
    adapter: wick_adapter,
    scale: f32,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::Any, error, || {
        handles::get::<SessionObject>(session.id)?;
        // SAFETY: the caller's struct, as this function's docs say.
        unsafe { wick_error::check(error) }?;
        let _ = (adapter, scale);
        Err(lacking("wick_session_set_adapter"))
    })
}

/// [ANY] The conversation, as a JSON array of {"role", "content", and the keys of extra_json}, the session's
/// system message first; of raw input "[]". As the last generation that stopped left it: a live one shows,
/// its input too, when its END can be read, a cancelled or closed one when it has stopped.
/// `(json, cap, needed)` as in wick_build_info.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_session_messages(
    session: wick_session,
    json: *mut c_char,
    cap: usize,
    needed: *mut usize,
) -> wick_status {
    guard(Tag::Any, ptr::null_mut(), || {
        let object = handles::get::<SessionObject>(session.id)?;
        check_buffer(json, cap)?;
        let messages = json::written_messages(|| object.session.messages())?;
        // SAFETY: the caller's buffer, as this function's docs say.
        unsafe { write_text(&messages, json, cap, needed) }?;
        Ok(WICK_OK)
    })
}

/// [ANY] The ids that the session holds, all of its past, of the same moment as wick_session_messages.
/// `(ids, cap, needed)`: `*needed`, unless NULL, is set to the count of all ids.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_session_tokens(
    session: wick_session,
    ids: *mut u32,
    cap: usize,
    needed: *mut usize,
) -> wick_status {
    guard(Tag::Any, ptr::null_mut(), || {
        let object = handles::get::<SessionObject>(session.id)?;
        check_buffer(ids, cap)?;
        // SAFETY: the caller's buffer, as this function's docs say.
        unsafe { write_items(&object.session.tokens()?, ids, cap, needed) }?;
        Ok(WICK_OK)
    })
}

/// [ANY] How many tokens the whole next prompt has, if these messages came next. WICK_E_UNSUPPORTED in this
/// release.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_session_count(
    session: wick_session,
    messages: *const wick_message,
    count: usize,
    tokens: *mut usize,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::Any, error, || {
        handles::get::<SessionObject>(session.id)?;
        // SAFETY: the caller's structs, places and texts, as this function's docs say.
        unsafe {
            wick_error::check(error)?;
            Out::required(tokens, "tokens")?;
            messages::read(messages, count)?;
        }
        Err(lacking("wick_session_count"))
    })
}

/// [ANY] Forgets the last answer behind its first `bytes` bytes. WICK_E_UNSUPPORTED in this release.
#[unsafe(no_mangle)]
pub extern "C" fn wick_session_keep(session: wick_session, bytes: usize) -> wick_status {
    guard(Tag::Any, ptr::null_mut(), || {
        handles::get::<SessionObject>(session.id)?;
        let _ = bytes;
        Err(lacking("wick_session_keep"))
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
