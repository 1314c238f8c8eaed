//! A host's pointer with its drop function: dropped exactly once, by whoever lets go of it last; knows
//! nothing of its use.

use super::handles;
use super::inside::callback;
use std::ffi::c_void;

/// Frees a `user` pointer. Called exactly once; inside it, [BLOCK] and [EXCL] functions return
/// WICK_E_REENTRANT.
pub type wick_drop_fn = Option<unsafe extern "C" fn(user: *mut c_void)>;

/// A `user` pointer that is dropped when this is. Not in a forked child: there the host's memory is a copy.
pub(in crate::ffi) struct UserData {
    user: *mut c_void,
    drop: wick_drop_fn,
    epoch: u64,
}

// SAFETY: the contract says that the host's functions may be called with this pointer on any thread.
unsafe impl Send for UserData {}
// SAFETY: as above; shared access only reads the pointer's value.
unsafe impl Sync for UserData {}

impl UserData {
    pub(in crate::ffi) fn new(user: *mut c_void, drop: wick_drop_fn) -> Self {
        Self { user, drop, epoch: handles::epoch() }
    }

    pub(in crate::ffi) fn pointer(&self) -> *mut c_void {
        self.user
    }
}

impl Drop for UserData {
    fn drop(&mut self) {
        if let Some(drop) = self.drop.take()
            && handles::epoch() == self.epoch
        {
            // SAFETY: the host gave this function for this pointer; `take` makes it the only call.
            callback(|| unsafe { drop(self.user) });
        }
    }
}
