//! Errors: one kind that programs act on, one message that people read.
//!
//! Floor 0: everything else may use it; it knows nothing.

use std::borrow::Cow;
use std::fmt;

/// What went wrong, as a program sees it. Each kind is one status code of the C ABI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument is malformed or out of range.
    InvalidArgument,
    /// The handle's object is gone.
    StaleHandle,
    /// The object is in use, or not ready yet.
    Busy,
    /// A blocking or exclusive call was made inside a callback.
    Reentrant,
    /// An architecture, tensor type, option or feature that this build lacks.
    Unsupported,
    /// Reading or writing failed.
    Io,
    /// A malformed or hostile model file.
    ModelInvalid,
    /// Over the memory budget, or the allocator said no.
    OutOfMemory,
    /// The prompt does not fit the session's context.
    ContextFull,
    /// The chat template failed or went over its limits.
    Template,
    /// The tokenizer failed.
    Tokenizer,
    /// The grammar is malformed or cannot be satisfied.
    Grammar,
    /// NaN or infinite logits.
    Numeric,
    /// The runtime is shut down.
    Shutdown,
    /// The time given was not enough.
    Timeout,
    /// Too many waiting generations.
    QueueFull,
    /// The caller's buffer is too small.
    BufferTooSmall,
    /// A caught panic: this operation is over, the runtime goes on.
    Internal,
    /// The object belongs to the process that this one was forked from.
    Forked,
}

/// An error: its kind, and a message that names the thing, the value and the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: Cow<'static, str>,
}

/// The result of everything in wick that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind` that reads as `message`.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into() }
    }

    /// What a program acts on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What a person reads.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The same error with `context` and a colon before its message.
    pub fn within(self, context: impl fmt::Display) -> Self {
        Self { kind: self.kind, message: format!("{context}: {}", self.message).into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<std::collections::TryReserveError> for Error {
    fn from(error: std::collections::TryReserveError) -> Self {
        Self::new(ErrorKind::OutOfMemory, format!("allocation refused: {error}"))
    }
}

impl From<smallvec::CollectionAllocErr> for Error {
    fn from(error: smallvec::CollectionAllocErr) -> Self {
        Self::new(ErrorKind::OutOfMemory, format!("allocation refused: {error}"))
    }
}
