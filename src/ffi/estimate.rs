//! What a model would take, by its header alone: the shape is there, this release refuses to say it.

use super::border::error::wick_error;
use super::border::guard::{Tag, guard};
use super::border::handles;
use super::border::ids::wick_runtime;
use super::border::lacking::lacking;
use super::border::sized::{self, Output, Versioned};
use super::border::status::wick_status;
use super::model::wick_model_options;
use super::runtime::RuntimeObject;

/// What a model would take, in bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wick_estimate {
    /// sizeof(wick_estimate), set by the caller.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// The file.
    pub file_bytes: u64,
    /// Weights, mapped or owned.
    pub weight_bytes: u64,
    /// Keys and values.
    pub kv_bytes: u64,
    /// Recurrent states.
    pub state_bytes: u64,
    /// What a pass computes in.
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

/// [ANY][BLOCK] What a model would take in this runtime, by its header alone, for `sequences` sessions (0: 1)
/// of `context` tokens (0: the model's). Takes nothing: no drop function is called, `data` and `io` are used
/// during the call only. WICK_E_UNSUPPORTED in this release.
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
        handles::get::<RuntimeObject>(runtime.id)?;
        // SAFETY: the caller's structs, as this function's docs say.
        unsafe {
            wick_error::check(error)?;
            sized::input(options)?;
            Output::new(out)?;
        }
        let _ = (context, sequences, timeout_ns);
        Err(lacking("wick_model_estimate"))
    })
}
