//! Adapters (LoRA): the shape is there, this release refuses to load one.

use super::border::error::wick_error;
use super::border::guard::{Handled, Tag, guard, guard_on};
use super::border::guest::LogSink;
use super::border::handles;
use super::border::handles::unforked;
pub use super::border::ids::wick_adapter;
use super::border::ids::{wick_model, wick_queue, wick_stream};
use super::border::lacking::lacking;
use super::border::out::{Out, check_buffer};
use super::border::sized::{self, Versioned};
use super::border::status::{WICK_OK, wick_status};
use super::border::str::{refuse, wick_str};
use super::border::user::{UserData, wick_drop_fn};
use super::event::wick_event_fn;
use super::io::wick_io;
use super::model::ModelObject;
use super::source::{GivenSource, SourceFields};
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

/// What an adapter's handle stands for: there is none in this release, so that every handle is stale.
enum AdapterObject {}

impl Handled for AdapterObject {
    fn log(&self) -> Option<Arc<LogSink>> {
        match *self {}
    }
}

/// [ANY] Starts to load an adapter for `model`. WICK_E_UNSUPPORTED in this release; the drop functions have
/// been called then.
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
        let (given, (source, _user)) = unsafe { sized::input_with(options, |options| options.take()) }?;
        // SAFETY: as above.
        unsafe { wick_error::check(error).and_then(|()| Out::required(out, "out")) }?;
        object?;
        refuse(given.reserved != 0, "wick_adapter_options.reserved")?;
        // SAFETY: as above.
        drop(unsafe { source.open(false) }?);
        let _ = stream;
        Err(lacking("wick_adapter_load"))
    })
}

/// [ANY] What is known of an adapter, as JSON. In this release every handle is stale.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_adapter_info(
    adapter: wick_adapter,
    json: *mut c_char,
    cap: usize,
    needed: *mut usize,
) -> wick_status {
    guard_on(Tag::Any, "wick_adapter_info", adapter.id, |object: &Arc<AdapterObject>| {
        check_buffer(json, cap)?;
        let _ = needed;
        match **object {}
    })
}

/// [ANY] Lets go of an adapter; sessions keep what they need. In this release every handle is stale.
#[unsafe(no_mangle)]
pub extern "C" fn wick_adapter_close(adapter: wick_adapter) -> wick_status {
    guard(Tag::Any, ptr::null_mut(), || {
        drop(handles::remove::<AdapterObject>(adapter.id)?);
        Ok(WICK_OK)
    })
}
