//! What a model would take, by its header alone, as C asks for it.

use super::border::deadline::Deadline;
use super::border::error::wick_error;
use super::border::guard::{Tag, guard};
use super::border::handles;
use super::border::handles::unforked;
use super::border::ids::wick_runtime;
use super::border::sized::{self, Output, Versioned};
use super::border::status::{WICK_OK, wick_status};
use super::model::{Given, wick_model_options};
use super::runtime::RuntimeObject;
use std::time::Instant;

/// What a model would take, in bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wick_estimate {
    /// sizeof(wick_estimate), set by the caller.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// The file, or all files of a split model.
    pub file_bytes: u64,
    /// Weights, mapped or owned, with the header's metadata.
    pub weight_bytes: u64,
    /// Keys and values of all sessions, and, of layers with a window, what the prefix cache keeps of those
    /// behind it.
    pub kv_bytes: u64,
    /// Recurrent states and their snapshots; 0 for a model without.
    pub state_bytes: u64,
    /// What passes compute in: the largest one of so many sessions.
    pub scratch_bytes: u64,
    /// What the memory budget will count: weights, keys and values, states and scratch.
    pub total_bytes: u64,
    /// 0.
    pub reserved1: [u64; 4],
}

// SAFETY: repr(C), begins with struct_size; integers only.
unsafe impl Versioned for wick_estimate {
    const NAME: &'static str = "wick_estimate";
}

/// [ANY][BLOCK] What a model would take in this runtime, by its header alone, which takes milliseconds: the
/// bytes that its memory budget will count when `sequences` sessions (0: 1) that have nothing in common are
/// full, of `context` tokens each (0: the model's). A mapped file's weights count as owned ones do. Not
/// counted: other models, and what only takes room that is there: weights on their way to huge pages, and the
/// logits of drafts. Takes nothing: no drop function is called, `data` and `io` are used during the call
/// only; queue, on_event and user are ignored. With vocab_only all but `file_bytes` is 0. Errors as the
/// load's END would have them, but for the budget; WICK_E_UNSUPPORTED also for the candle backend;
/// WICK_E_INVALID_ARGUMENT for a context beyond the model's; WICK_E_TIMEOUT: the header was not read after
/// `timeout_ns`, which is looked at between two reads.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_model_estimate(
    runtime: wick_runtime,
    options: *const wick_model_options,
    context: u32,
    sequences: u32,
    out: *mut wick_estimate,
    timeout_ns: u64,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::NotInCallback, error, || {
        let object = unforked(handles::get::<RuntimeObject>(runtime.id))?;
        // SAFETY: the caller's structs, as this function's docs say.
        let (options, out) = unsafe {
            wick_error::check(error)?;
            (sized::input_with(options, |options| Given::lend(options))?.1, Output::new(out)?)
        };
        let object = object?;
        let deadline = match Deadline::after(timeout_ns) {
            Deadline::Poll => Some(Instant::now()),
            Deadline::At(at) => at,
        };
        // SAFETY: as above, for what the options point to.
        let options = unsafe { options.check() }?.0;
        let context = Some(context as usize).filter(|context| *context != 0);
        let found = object.runtime.estimate(options, sequences.max(1) as usize, context, deadline)?;
        out.write(&wick_estimate {
            struct_size: 0,
            reserved: 0,
            file_bytes: found.file_bytes,
            weight_bytes: found.weight_bytes,
            kv_bytes: found.kv_bytes,
            state_bytes: found.state_bytes,
            scratch_bytes: found.scratch_bytes,
            total_bytes: found.total_bytes(),
            reserved1: [0; 4],
        });
        Ok(WICK_OK)
    })
}
