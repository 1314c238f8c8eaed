//! Adapters (LoRA): what changes a model's matrices for some of its sessions.

use super::border::error::wick_error;
use super::border::guard::{Handled, Tag, guard, guard_on};
use super::border::guest::LogSink;
use super::border::handles;
use super::border::handles::unforked;
pub use super::border::ids::wick_adapter;
use super::border::ids::{wick_model, wick_queue, wick_stream};
use super::border::out::{Out, check_buffer, write_text};
use super::border::sized::{self, Versioned};
use super::border::status::{WICK_OK, wick_status};
use super::border::str::{refuse, wick_str};
use super::border::user::{UserData, wick_drop_fn};
use super::event::wick_event_fn;
use super::info;
use super::io::wick_io;
use super::model::ModelObject;
use super::reading::Reader;
use super::runtime::log_of;
use super::source::{GivenSource, SourceFields};
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::{Adapter, SessionAdapter};
use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::Arc;

/// What an adapter is loaded from: a GGUF. Exactly one of `path`, `data` and `io`, as in wick_model_options.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wick_adapter_options {
    /// sizeof(wick_adapter_options).
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// A .gguf file.
    pub path: wick_str,
    /// Where in the file the .gguf begins: in bytes.
    pub path_offset: u64,
    /// Bytes that it takes; 0: up to the end of the file.
    pub path_size: u64,
    /// The bytes of a .gguf: borrowed until `data_drop` is called.
    pub data: *const c_void,
    /// Bytes at `data`.
    pub data_len: usize,
    /// For `data_drop`.
    pub data_user: *mut c_void,
    /// Called once, with `data_user`, when `data` is not needed any more.
    pub data_drop: wick_drop_fn,
    /// A reader of a .gguf.
    pub io: *const wick_io,
    /// How the load's events are read: as in wick_generate_options.
    pub queue: wick_queue,
    /// As in wick_generate_options.
    pub on_event: wick_event_fn,
    /// As in wick_generate_options.
    pub user: *mut c_void,
    /// As in wick_generate_options.
    pub drop: wick_drop_fn,
}

// SAFETY: repr(C), begins with struct_size; integers, raw pointers and nullable functions only.
unsafe impl Versioned for wick_adapter_options {
    const NAME: &'static str = "wick_adapter_options";
}

impl wick_adapter_options {
    /// # Safety
    /// `io` is NULL or readable for its struct_size.
    unsafe fn take(&self) -> (GivenSource, UserData) {
        let fields = SourceFields {
            path: self.path,
            path_offset: self.path_offset,
            path_size: self.path_size,
            data: self.data,
            data_len: self.data_len,
            data_user: self.data_user,
            data_drop: self.data_drop,
            io: self.io,
        };
        // SAFETY: as promised by the caller.
        (unsafe { GivenSource::take(fields) }, UserData::new(self.user, self.drop))
    }
}

/// What an adapter's handle stands for.
pub(super) struct AdapterObject {
    pub(super) adapter: Adapter,
    runtime: u64,
}

impl Handled for AdapterObject {
    fn log(&self) -> Option<Arc<LogSink>> {
        log_of(self.runtime)
    }
}

impl wick_adapter {
    /// The adapter, for a session that takes it so strongly; 0: 1.
    ///
    /// # Errors
    /// `StaleHandle`; `InvalidArgument`: a scale without an adapter.
    pub(super) fn scaled(self, scale: f32) -> Result<Option<SessionAdapter>> {
        let scale = if scale == 0.0 { 1.0 } else { scale };
        match self.find()? {
            None if scale != 1.0 => {
                let message = format!("adapter_scale is {scale}, and there is no adapter; leave it 0");
                Err(Error::new(ErrorKind::InvalidArgument, message))
            }
            adapter => Ok(adapter.map(|adapter| adapter.scaled(scale))),
        }
    }

    /// The adapter; id 0: none.
    ///
    /// # Errors
    /// `StaleHandle`.
    pub(super) fn find(self) -> Result<Option<Adapter>> {
        match self.id {
            0 => Ok(None),
            id => {
                let object = handles::get::<AdapterObject>(id).map_err(|error| error.within("adapter"))?;
                Ok(Some(object.adapter.clone()))
            }
        }
    }
}

/// [ANY] Starts to load an adapter for `model` out of a GGUF of low-rank matrices (LoRA); returns at once. A
/// stream like a model's load: PROGRESS in bytes and END; `stream` may be NULL; closing it before END cancels
/// the load. Sessions may be made with the adapter at once: their generations wait for it, and end with its
/// error if it fails. The load waits for the model's. What the adapter holds counts in the memory budget and
/// is never evicted; of its file nothing is needed behind the END. END (ERROR): WICK_E_UNSUPPORTED for
/// another architecture's adapter, one of another kind, one that changes what adapters may not change (the
/// embedding, norms), and for a model whose backend computes none; WICK_E_MODEL_INVALID for what is no
/// adapter, or for a tensor that is missing or of another shape, by name; WICK_E_OUT_OF_MEMORY; WICK_E_IO.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_adapter_load(
    model: wick_model,
    options: *const wick_adapter_options,
    out: *mut wick_adapter,
    stream: *mut wick_stream,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::Any, error, || {
        let object = unforked(handles::get::<ModelObject>(model.id))?;
        // SAFETY: the caller's structs and places, as this function's docs say.
        let (given, (source, user)) = unsafe { sized::input_with(options, |options| options.take()) }?;
        // SAFETY: as above.
        let out = unsafe { wick_error::check(error).and_then(|()| Out::required(out, "out")) }?;
        // SAFETY: as above.
        let stream = unsafe { Out::optional(stream) };
        let object = object?;
        refuse(given.reserved != 0, "wick_adapter_options.reserved")?;
        // SAFETY: as above.
        let source = unsafe { source.open(false) }?;
        let reader = Reader { queue: given.queue, on_event: given.on_event, user };
        let unread = stream.is_none() && given.on_event.is_none() && given.queue.id == 0;
        let (new, reading) = reader.start(object.runtime, stream.is_some())?;
        let adopt =
            |adapter: &Adapter, load| if unread { adapter.keep_load(load) } else { new.register(load) };
        let (adapter, ()) = object.model.start_load_adapter(source, reading, adopt)?;
        let adapter = Arc::new(AdapterObject { adapter, runtime: object.runtime });
        let id = handles::insert(object.runtime, adapter).inspect_err(|_| new.abandon())?;
        out.set(wick_adapter { id });
        if !unread {
            let id = new.keep();
            stream.into_iter().for_each(|stream| stream.set(wick_stream { id }));
        }
        Ok(WICK_OK)
    })
}

/// [ANY] What is known of an adapter, as JSON: `state` ("loading": nothing else is known yet; "ready"),
/// `name`, `architecture`, `content` (32 hexadecimal digits that saves know it by: a hash of what it
/// computes), strings; `alpha`, a float; `rank` (the largest of its matrices), `matrices` that it changes,
/// `bytes` that it holds, integers. `(json, cap, needed)` as in wick_build_info. After a failed load: its
/// error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_adapter_info(
    adapter: wick_adapter,
    json: *mut c_char,
    cap: usize,
    needed: *mut usize,
) -> wick_status {
    guard_on(Tag::Any, "wick_adapter_info", adapter.id, |object: &Arc<AdapterObject>| {
        check_buffer(json, cap)?;
        let info = info::adapter(object.adapter.info())?;
        // SAFETY: the caller's buffer, as this function's docs say.
        unsafe { write_text(&info, json, cap, needed) }?;
        Ok(WICK_OK)
    })
}

/// [ANY] Lets go of an adapter; never blocks. Sessions keep what they need; a load without any is cancelled.
#[unsafe(no_mangle)]
pub extern "C" fn wick_adapter_close(adapter: wick_adapter) -> wick_status {
    guard(Tag::Any, ptr::null_mut(), || {
        drop(handles::remove::<AdapterObject>(adapter.id)?);
        Ok(WICK_OK)
    })
}
