//! Sessions on disk: saved, restored, and put into a model's prefix cache; knows no format.

use super::border::error::wick_error;
use super::border::guard::{Tag, guard};
use super::border::handles;
use super::border::handles::unforked;
use super::border::ids::{wick_adapter, wick_model, wick_queue, wick_session, wick_stream};
use super::border::out::Out;
use super::border::sized::{self, Versioned};
use super::border::status::{WICK_OK, wick_status};
use super::border::str::{flag, refuse, wick_str};
use super::border::user::{UserData, wick_drop_fn};
use super::event::{wick_event, wick_event_fn};
use super::io::{HostReader, HostWriter, wick_io};
use super::model::ModelObject;
use super::reading::Reader;
use super::session::SessionObject;
use super::source::file;
use crate::error::{Error, ErrorKind, Result};
use crate::gguf::Source;
use crate::runtime::{Adapter, SavePlace};
use std::ffi::c_void;
use std::path::PathBuf;
use std::sync::Arc;

/// Where a session is saved to or restored from. Exactly one of `path` and `io`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wick_store_options {
    /// sizeof(wick_store_options).
    pub struct_size: u32,
    /// 1: with keys and values: large, and no prefill after a restore; 0: tokens and messages only. Where a
    /// backend's cannot be copied (candle) the save is made without them.
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
    /// wick_session_restore, wick_model_warm: the adapter that it was saved with, known by its content;
    /// id 0: none. None or another: END (ERROR, UNSUPPORTED). wick_session_save: id 0.
    pub adapter: wick_adapter,
}

// SAFETY: repr(C), begins with struct_size; integers, raw pointers and nullable functions only.
unsafe impl Versioned for wick_store_options {
    const NAME: &'static str = "wick_store_options";
}

/// Options whose user pointers are taken: they are dropped with this.
struct Given {
    options: wick_store_options,
    user: UserData,
    io: Result<Option<(wick_io, UserData)>>,
}

impl Given {
    /// # Errors
    /// `InvalidArgument`: NULL, or of a wrong size; nothing is taken then.
    ///
    /// # Safety
    /// `options` and its `io` are NULL or readable for their struct_size.
    unsafe fn take(options: *const wick_store_options) -> Result<Self> {
        let take = |options: &wick_store_options| {
            let user = UserData::new(options.user, options.drop);
            let io = match options.io.is_null() {
                true => Ok(None),
                // SAFETY: as promised by the caller.
                false => unsafe { sized::input_with(options.io, wick_io::user) }.map(Some),
            };
            Self { options: *options, user, io }
        };
        // SAFETY: as promised by the caller.
        Ok(unsafe { sized::input_with(options, take) }?.1)
    }

    /// Where a save goes, and whether with keys and values.
    ///
    /// # Errors
    /// `InvalidArgument`, `Unsupported`; the user pointers are dropped then.
    ///
    /// # Safety
    /// The path is readable.
    unsafe fn place(self) -> Result<(SavePlace, bool, Reader)> {
        let with_kv = flag(self.options.with_kv, "with_kv")?;
        refuse(self.options.adapter.id != 0, "wick_store_options.adapter")?;
        // SAFETY: as promised by the caller.
        let (given, reader) = unsafe { self.check() }?;
        let place = match given {
            Storage::File(file) => SavePlace::File(file),
            Storage::Host(io, user) => SavePlace::Storage(Box::new(HostWriter::new(&io, user)?)),
        };
        Ok((place, with_kv, reader))
    }

    /// What a save is read from.
    ///
    /// # Errors
    /// As [`Given::place`].
    ///
    /// # Safety
    /// The path is readable.
    unsafe fn source(self) -> Result<(Source, Option<Adapter>, Reader)> {
        let adapter = self.options.adapter.find()?;
        // SAFETY: as promised by the caller.
        let (given, reader) = unsafe { self.check() }?;
        let source = match given {
            Storage::File(file) => Source::path(file),
            Storage::Host(io, user) => Source::Reader(Box::new(HostReader::new(&io, user)?)),
        };
        Ok((source, adapter, reader))
    }

    /// # Safety
    /// The path is readable.
    unsafe fn check(self) -> Result<(Storage, Reader)> {
        let Self { options: given, user, io } = self;
        let io = io?;
        flag(given.with_kv, "with_kv")?;
        refuse(given.reserved != [0; 3], "wick_store_options.reserved")?;
        // SAFETY: as promised by the caller.
        let path = unsafe { given.path.read("path") }?;
        let storage = match (path, io) {
            (Some(path), None) => Storage::File(file(path)?),
            (None, Some((io, user))) => Storage::Host(io, user),
            _ => {
                return Err(Error::new(ErrorKind::InvalidArgument, "give exactly one of path and io"));
            }
        };
        Ok((storage, Reader { queue: given.queue, on_event: given.on_event, user }))
    }
}

/// Where a save is to be.
enum Storage {
    File(PathBuf),
    Host(wick_io, UserData),
}

/// [ANY] Saves the session as it is at this call: its conversation, its tokens, what it was made with. It may
/// go on at once, and be closed. The stream has PROGRESS in bytes and END: READY when all of it is on the
/// disk and in place. Until then the file that was there stays as it was, whatever happens: cancelled,
/// closed, failed, or the process killed (a file ".NAME.….saving" beside it may be left then). A link is
/// replaced, not followed. With `io`, write_at is called in ascending order, without gaps, on a thread of the
/// runtime (in HOST_STEP: inside wick_runtime_step); that a save is whole is the host's to keep.
/// WICK_E_BUSY while a generation of the session is live and not cancelled. END (ERROR): WICK_E_IO where it
/// cannot be written, WICK_E_UNSUPPORTED for a session that has more than a save holds.
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
        let (given, out) = unsafe {
            let given = Given::take(options)?;
            (given, wick_error::check(error).and_then(|()| Out::required(out, "out"))?)
        };
        let object = object?;
        // SAFETY: as above, for the text.
        let (place, with_kv, reader) = unsafe { given.place() }?;
        let (stream, reading) = reader.start(object.runtime, true)?;
        object.session.start_save(place, with_kv, reading, |save| stream.register(save))?;
        out.set(wick_stream { id: stream.keep() });
        Ok(WICK_OK)
    })
}

/// [ANY] A session out of a save, with what it was made with. It can be used at once, like a model that
/// loads: generations wait for the restore, and end with its error if it fails; wick_session_messages,
/// _tokens and _set_system return WICK_E_BUSY until its END can be read. The stream has PROGRESS in bytes and
/// END; closing it before that cancels the restore. END (ERROR): WICK_E_IO for a save that is damaged, with
/// the section and the byte, or that cannot be read; WICK_E_UNSUPPORTED for another model's or a later
/// release's; WICK_E_INVALID_ARGUMENT or WICK_E_CONTEXT_FULL where the model's context is shorter now than
/// what the session has; the error of the model's load. The session is to be closed all the same.
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
        let (given, out, stream) = unsafe {
            let given = Given::take(options)?;
            wick_error::check(error)?;
            (given, Out::required(out, "out")?, Out::required(stream, "stream")?)
        };
        let object = object?;
        // SAFETY: as above, for the text.
        let (source, adapter, reader) = unsafe { given.source() }?;
        let (new, reading) = reader.start(object.runtime, true)?;
        let started =
            object.model.start_restore(source, adapter, reading, |_, restore| new.register(restore))?;
        let session = SessionObject { session: started.0, runtime: object.runtime };
        let id = handles::insert(object.runtime, Arc::new(session)).inspect_err(|_| new.abandon())?;
        out.set(wick_session { id });
        stream.set(wick_stream { id: new.keep() });
        Ok(WICK_OK)
    })
}

/// Nobody listens.
unsafe extern "C" fn ignore(_user: *mut c_void, _event: *const wick_event) {}

/// [ANY] Puts a save with keys and values into the model's prefix cache: a session whose tokens begin as the
/// saved ones need not compute them, as if another had computed them before. They count in prefix_cache_bytes
/// and give way like any prefix. Reads as wick_session_restore does, and waits for the model's load; `stream`
/// may be NULL: without a callback and a queue nothing is told then. END (ERROR): as for
/// wick_session_restore; WICK_E_UNSUPPORTED also for a save without keys and values, or of another layout,
/// and for a model with no_prefix_cache; WICK_E_OUT_OF_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_model_warm(
    model: wick_model,
    options: *const wick_store_options,
    stream: *mut wick_stream,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::Any, error, || {
        let object = unforked(handles::get::<ModelObject>(model.id))?;
        // SAFETY: the caller's structs and places, as this function's docs say.
        let (given, stream) = unsafe {
            let given = Given::take(options)?;
            wick_error::check(error)?;
            (given, Out::optional(stream))
        };
        let object = object?;
        // SAFETY: as above, for the text.
        let (source, adapter, mut reader) = unsafe { given.source() }?;
        if stream.is_none() && reader.queue.id == 0 {
            reader.on_event = reader.on_event.or(Some(ignore));
        }
        let (new, reading) = reader.start(object.runtime, stream.is_some())?;
        object.model.start_warm(source, adapter, reading, |warm| new.register(warm))?;
        let id = new.keep();
        stream.into_iter().for_each(|stream| stream.set(wick_stream { id }));
        Ok(WICK_OK)
    })
}
