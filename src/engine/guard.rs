//! Work whose panic is its own and nobody else's; knows not what it does.

use crate::error::{Error, ErrorKind, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `work` so that a panic is an error of this work only.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Error::new(
            ErrorKind::Internal,
            "a panic while the model computed; the runtime goes on, this is over",
        ))
    })
}

/// Runs `work`, after which things go on even if it panics.
pub(super) fn quietly(work: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(work));
}
