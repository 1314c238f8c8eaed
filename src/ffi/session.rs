//! Sessions: a conversation and its keys and values.

use super::border::error::wick_error;
use super::border::guard::{Handled, Tag, guard, guard_on};
use super::border::guest::LogSink;
use super::border::handles;
pub use super::border::ids::wick_session;
use super::border::ids::{wick_adapter, wick_model};
use super::border::lacking::lacking;
use super::border::out::{Out, check_buffer, write_items, write_text};
use super::border::sized::{self, Versioned};
use super::border::status::{WICK_OK, wick_status};
use super::border::str::{constant, copy, refuse, wick_str};
use super::info;
use super::json;
use super::messages::{self, Variables, wick_message};
use super::model::ModelObject;
use super::runtime::log_of;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::{Overflow, Session, SessionOptions};
use std::ffi::c_char;
use std::ptr;
use std::sync::Arc;

/// A full context ends the generation: END (CONTEXT_FULL).
pub const WICK_OVERFLOW_STOP: u32 = 0;
/// Before a turn for which the context has no room whole exchanges go, the oldest first: the user's message
/// and all up to the user's next, so that a call of a tool stays with its result. They go until the turn's
/// input, its `max_tokens` (which count as half of the context at most) and a quarter of the context are
/// free; without `max_tokens` there is room as long as one token of the answer has it. What stays is computed
/// again, but for its beginning that stays the same. A NOTE of the library's says what went; END's
/// session_tokens from before are void for wick_session_rewind (WICK_E_INVALID_ARGUMENT). A turn that comes
/// to nothing brings all back. If nothing more may go and it still does not fit: END (ERROR, CONTEXT_FULL).
/// An answer that fills the context ends with END (CONTEXT_FULL). Raw input, and an answer that goes on: as
/// WICK_OVERFLOW_STOP.
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
    /// WICK_OVERFLOW_STOP or WICK_OVERFLOW_ROLL.
    pub overflow: u32,
    /// With WICK_OVERFLOW_ROLL: so many messages stay too, and the rest of the exchange that they end in. The
    /// system and developer messages that the conversation begins with stay anyway, and do not count. With
    /// WICK_OVERFLOW_STOP anything but 0 is WICK_E_INVALID_ARGUMENT.
    pub pinned_messages: u32,
    /// An adapter of the same model, loaded or loading; id 0: none. Sessions share keys and values only where
    /// adapter and scale are the same.
    pub adapter: wick_adapter,
    /// How strongly the session takes it, besides its own alpha / rank; finite; 0: 1.
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
            overflow: self.overflow()?,
            adapter: self.adapter.scaled(self.adapter_scale)?,
        })
    }

    fn overflow(&self) -> Result<Overflow> {
        match (self.overflow, self.pinned_messages) {
            (WICK_OVERFLOW_ROLL, pinned) => Ok(Overflow::Roll { pinned_messages: pinned as usize }),
            (_, 0) => Ok(Overflow::Stop),
            (_, pinned) => {
                let message = format!(
                    "pinned_messages is {pinned}, which goes with WICK_OVERFLOW_ROLL; leave it 0, or set overflow"
                );
                Err(Error::new(ErrorKind::InvalidArgument, message))
            }
        }
    }

    fn refuse_the_rest(&self) -> Result<()> {
        constant(self.overflow, WICK_OVERFLOW_ROLL, "overflow", "WICK_OVERFLOW_…")?;
        let lacking = [(self.reserved != 0, "wick_session_options.reserved")];
        lacking.into_iter().try_for_each(|(given, name)| refuse(given, name))
    }
}

/// What a session's handle stands for.
pub(super) struct SessionObject {
    pub(super) session: Session,
    pub(super) runtime: u64,
}

impl Handled for SessionObject {
    fn log(&self) -> Option<Arc<LogSink>> {
        log_of(self.runtime)
    }
}

/// [ANY] A new, empty session; `options` NULL: all defaults. The model may still be loading.
/// WICK_E_INVALID_ARGUMENT for a context beyond the model's (while the model loads: as END (ERROR) of the
/// session's generations), and for another model's adapter; WICK_E_UNSUPPORTED for a model loaded with
/// vocab_only; after a failed load its error.
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

/// [ANY] A second session that begins as this one is: the same past, messages, system message, tools and
/// variables in force; a clear of it brings back what this one was made with. It shares the keys and values
/// of the past: a fork takes microseconds and no memory but for its lists. May be used at once, also where a
/// cancelled or closed generation of this one has not stopped yet: then it begins as that leaves it.
/// WICK_E_BUSY while a generation of it is live and not cancelled; after a failed load its error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_session_fork(
    session: wick_session,
    out: *mut wick_session,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::Any, error, || {
        let object = handles::get::<SessionObject>(session.id)?;
        // SAFETY: the caller's places, as this function's docs say.
        let out = unsafe { wick_error::check(error).and_then(|()| Out::required(out, "out")) }?;
        let twin = SessionObject { session: object.session.fork()?, runtime: object.runtime };
        out.set(wick_session { id: handles::insert(object.runtime, Arc::new(twin))? });
        Ok(WICK_OK)
    })
}

/// [ANY] Empties the session, but for what it was made with: its system message, tools and template
/// variables. WICK_E_BUSY while a generation of it is live and not cancelled.
#[unsafe(no_mangle)]
pub extern "C" fn wick_session_clear(session: wick_session) -> wick_status {
    guard_on(Tag::Any, "wick_session_clear", session.id, |object: &Arc<SessionObject>| {
        object.session.clear()?;
        Ok(WICK_OK)
    })
}

/// [ANY] Goes back to where the session had its first `token_count` tokens; more than it has: nothing
/// changes; 0: as wick_session_clear. Raw input goes back to any token; a conversation to the state right
/// behind the turn whose END said so many session_tokens, or behind a turn's input (its prompt_tokens), with
/// the tools and variables in force then; in between to the messages that are whole within them. What is
/// still known of the past is kept, the rest is computed by the next generation. Takes effect between two
/// slices of the engine (in HOST_STEP in the next wick_runtime_step, or call that waits), behind what was
/// asked before; what is asked of the session afterwards finds it done, but wick_session_info, _messages and
/// _tokens may show it as it was. WICK_E_INVALID_ARGUMENT if messages have gone since it had so many
/// (WICK_OVERFLOW_ROLL); where a cancelled generation has not stopped yet, that is not known, and the session
/// then stays as that leaves it. WICK_E_BUSY while a generation of it is live and not cancelled.
#[unsafe(no_mangle)]
pub extern "C" fn wick_session_rewind(session: wick_session, token_count: u32) -> wick_status {
    guard_on(Tag::Any, "wick_session_rewind", session.id, |object: &Arc<SessionObject>| {
        object.session.rewind(token_count as usize)?;
        Ok(WICK_OK)
    })
}

/// [ANY] What is known of the session, as JSON: `state` ("idle", "generating", "stopping": cancelled, and not
/// stopped yet; "restoring": out of a save that is still being read), `tokens` that it holds, `messages` of
/// the conversation (without the session's own system message), `rolled_messages` and `rolled_tokens` (what
/// has gone with WICK_OVERFLOW_ROLL since it was made or cleared), `context_length` (the most tokens),
/// `context_left` (those that may still come); integers, the last two null while the model loads, if the
/// session was given no length. `(json, cap, needed)` as in wick_build_info.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_session_info(
    session: wick_session,
    json: *mut c_char,
    cap: usize,
    needed: *mut usize,
) -> wick_status {
    guard_on(Tag::Any, "wick_session_info", session.id, |object: &Arc<SessionObject>| {
        check_buffer(json, cap)?;
        // SAFETY: the caller's buffer, as this function's docs say.
        unsafe { write_text(&info::session(&object.session.info()), json, cap, needed) }?;
        Ok(WICK_OK)
    })
}

/// [ANY] Another system message for the session, from the next turn on; absent: none. Also while a generation
/// is live, which keeps the one it was started with. The past is computed again then. WICK_E_INVALID_ARGUMENT
/// for a session with raw input, or whose conversation begins with a system message of its own; also while a
/// generation is live that brings it.
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

/// [ANY] Another adapter of the same model for the session, from the next turn on; id 0: none; scale 0: 1.
/// Also while a generation is live, which keeps what it was started with. The past is computed again then.
/// WICK_E_INVALID_ARGUMENT for another model's, and for a scale that is not finite; WICK_E_BUSY while the
/// session is being restored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_session_set_adapter(
    session: wick_session,
    adapter: wick_adapter,
    scale: f32,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::Any, error, || {
        let object = handles::get::<SessionObject>(session.id)?;
        // SAFETY: the caller's struct, as this function's docs say.
        unsafe { wick_error::check(error) }?;
        object.session.set_adapter(adapter.scaled(scale)?)?;
        Ok(WICK_OK)
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
    guard_on(Tag::Any, "wick_session_messages", session.id, |object: &Arc<SessionObject>| {
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
    guard_on(Tag::Any, "wick_session_tokens", session.id, |object: &Arc<SessionObject>| {
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

/// [ANY] Of the last answer only the first `bytes` bytes of its text (answer_prefix counts; down to a whole
/// character) were shown or spoken: the rest is forgotten, and the next turn goes on behind what is left.
/// More than it has: all stays; 0: the answer goes, its input stays. The last ids of what stays may be others
/// than the model's. For dialogue that is interrupted: wick_stream_cancel, then this, then the next
/// wick_generate, without a wait. It takes effect when the generation has stopped; where that came to nothing
/// there is nothing to forget: an earlier answer stays as it is. As wick_session_rewind otherwise.
/// WICK_E_INVALID_ARGUMENT without an answer; WICK_E_BUSY while a generation of it is live and not cancelled.
#[unsafe(no_mangle)]
pub extern "C" fn wick_session_keep(session: wick_session, bytes: usize) -> wick_status {
    guard_on(Tag::Any, "wick_session_keep", session.id, |object: &Arc<SessionObject>| {
        object.session.keep(bytes)?;
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
