//! Which process has candle's and rayon's threads: a child of fork has their locks and queues, and no thread
//! to serve them.

use crate::error::{Error, ErrorKind, Result};
use std::process::id;
use std::sync::atomic::{AtomicU32, Ordering};

/// The first process that loaded a model; 0: none has.
static OWNER: AtomicU32 = AtomicU32::new(0);

/// Refuses to go on where waiting for candle would never end.
///
/// # Errors
/// `Unsupported` in a forked child of the process that has the threads.
pub(super) fn check() -> Result<()> {
    match OWNER.load(Ordering::Acquire) {
        owner if owner == 0 || owner == id() => Ok(()),
        owner => {
            let message = format!(
                "candle computes in process {owner}, which this one was forked from, and cannot here; exec, or take a model that the native backend has"
            );
            Err(Error::new(ErrorKind::Unsupported, message))
        }
    }
}

/// As [`check`]; the threads may start from here on.
pub(super) fn claim() -> Result<()> {
    // Whoever was first stays.
    let _ = OWNER.compare_exchange(0, id(), Ordering::AcqRel, Ordering::Acquire);
    check()
}
