//! Status codes, and which kind of error is which; knows no object.

use crate::error::ErrorKind;

/// Raised when something in this header changes incompatibly: see `wick_runtime_options.abi_version`.
pub const WICK_ABI_VERSION: u32 = 1;
/// A timeout: wait as long as it takes.
pub const WICK_FOREVER: u64 = u64::MAX;

/// What a call came to: 0 or more is not an error. The values are frozen; treat an unknown negative one as an
/// error.
pub type wick_status = i32;

/// Done.
pub const WICK_OK: i32 = 0;
/// Nothing to read now, or the timeout passed.
pub const WICK_EMPTY: i32 = 1;
/// The stream has delivered its END event; the queue those of all its streams, and its runtime is shut down.
pub const WICK_ENDED: i32 = 2;
/// The budget is used up, work is left.
pub const WICK_MORE: i32 = 3;
/// An argument is malformed or out of range; the message names it.
pub const WICK_E_INVALID_ARGUMENT: i32 = -1;
/// The handle is none, closed, of another kind, or its runtime is shut down.
pub const WICK_E_STALE_HANDLE: i32 = -2;
/// The session has a live generation, the model is not loaded yet, or the object is in another [EXCL] call.
pub const WICK_E_BUSY: i32 = -3;
/// A [BLOCK] or [EXCL] function was called inside a callback.
pub const WICK_E_REENTRANT: i32 = -4;
/// An architecture, tensor type, option or feature that this build lacks; the message names it.
pub const WICK_E_UNSUPPORTED: i32 = -5;
/// Reading or writing failed.
pub const WICK_E_IO: i32 = -6;
/// A malformed or hostile model file; the message says what and where.
pub const WICK_E_MODEL_INVALID: i32 = -7;
/// Over the memory budget, or the system refused memory or a thread.
pub const WICK_E_OUT_OF_MEMORY: i32 = -8;
/// The input does not fit the session's context.
pub const WICK_E_CONTEXT_FULL: i32 = -9;
/// The chat template failed, or went over its limits.
pub const WICK_E_TEMPLATE: i32 = -10;
/// The tokenizer failed.
pub const WICK_E_TOKENIZER: i32 = -11;
/// The grammar is malformed or cannot be satisfied.
pub const WICK_E_GRAMMAR: i32 = -12;
/// NaN or infinite logits.
pub const WICK_E_NUMERIC: i32 = -13;
/// The runtime is being shut down: nothing new is taken.
pub const WICK_E_SHUTDOWN: i32 = -14;
/// The time given was not enough.
pub const WICK_E_TIMEOUT: i32 = -15;
/// Too many waiting generations.
pub const WICK_E_QUEUE_FULL: i32 = -16;
/// The buffer is too small; `*needed` says how much it takes.
pub const WICK_E_BUFFER_TOO_SMALL: i32 = -17;
/// A caught panic: this operation is over, the runtime goes on.
pub const WICK_E_INTERNAL: i32 = -18;
/// In a child of fork(): the runtime, or the object's runtime, is the parent's. No drop function runs there.
pub const WICK_E_FORKED: i32 = -19;

/// The status code of a kind of error.
pub(in crate::ffi) fn status_of(kind: ErrorKind) -> wick_status {
    match kind {
        ErrorKind::InvalidArgument => WICK_E_INVALID_ARGUMENT,
        ErrorKind::StaleHandle => WICK_E_STALE_HANDLE,
        ErrorKind::Busy => WICK_E_BUSY,
        ErrorKind::Reentrant => WICK_E_REENTRANT,
        ErrorKind::Unsupported => WICK_E_UNSUPPORTED,
        ErrorKind::Io => WICK_E_IO,
        ErrorKind::ModelInvalid => WICK_E_MODEL_INVALID,
        ErrorKind::OutOfMemory => WICK_E_OUT_OF_MEMORY,
        ErrorKind::ContextFull => WICK_E_CONTEXT_FULL,
        ErrorKind::Template => WICK_E_TEMPLATE,
        ErrorKind::Tokenizer => WICK_E_TOKENIZER,
        ErrorKind::Grammar => WICK_E_GRAMMAR,
        ErrorKind::Numeric => WICK_E_NUMERIC,
        ErrorKind::Shutdown => WICK_E_SHUTDOWN,
        ErrorKind::Timeout => WICK_E_TIMEOUT,
        ErrorKind::QueueFull => WICK_E_QUEUE_FULL,
        ErrorKind::BufferTooSmall => WICK_E_BUFFER_TOO_SMALL,
        ErrorKind::Internal => WICK_E_INTERNAL,
        ErrorKind::Forked => WICK_E_FORKED,
    }
}
