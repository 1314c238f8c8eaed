//! Work that recurses, on a stack that is not the caller's: a host's thread may have little. Knows nothing of
//! the work.

use crate::error::{Error, ErrorKind, Result};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Runs `work` on a new stack of this many bytes, of which only what is used is ever touched.
///
/// # Errors
/// `OutOfMemory` if the system refuses the memory; `work`'s.
pub(crate) fn on_own_stack<T>(bytes: usize, work: impl FnOnce() -> Result<T>) -> Result<T> {
    // Miri has one stack, which has no end.
    if cfg!(miri) {
        return work();
    }
    let started = Cell::new(false);
    let run = || {
        stacker::grow(bytes, || {
            started.set(true);
            work()
        })
    };
    // `stacker` panics when the system refuses the memory; nothing has been done then.
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        if started.get() {
            resume_unwind(panic);
        }
        Err(Error::new(ErrorKind::OutOfMemory, format!("the system refused {bytes} bytes of stack")))
    })
}
