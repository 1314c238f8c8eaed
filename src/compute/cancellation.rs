//! `pthread_cancel`, held off: it would unwind through frames that cannot be left half-way. Knows no thread.

/// Keeps the calling thread from being cancelled while this lives; a request that comes meanwhile waits for
/// the thread's next cancellation point after that (`pthread_setcancelstate(3)`).
pub(crate) struct NotNow(Option<i32>);

impl NotNow {
    /// From here on.
    pub(crate) fn new() -> Self {
        Self(system::set(system::DISABLED))
    }

    /// For the rest of the thread's life.
    pub(super) fn ever() {
        std::mem::forget(Self::new());
    }
}

impl Drop for NotNow {
    fn drop(&mut self) {
        if let Some(before) = self.0 {
            system::set(before);
        }
    }
}

#[cfg(all(
    any(all(target_os = "linux", any(target_env = "gnu", target_env = "musl")), target_vendor = "apple"),
    not(miri)
))]
mod system {
    pub(super) const DISABLED: i32 = if cfg!(target_vendor = "apple") { 0 } else { 1 };

    unsafe extern "C" {
        fn pthread_setcancelstate(state: i32, before: *mut i32) -> i32;
    }

    /// The state before.
    pub(super) fn set(state: i32) -> Option<i32> {
        let mut before = 0;
        // SAFETY: DISABLED or a state that this thread had, and a place for the one before.
        let done = unsafe { pthread_setcancelstate(state, &mut before) };
        (done == 0).then_some(before)
    }
}

/// There is no such thing, or nothing is known of it.
#[cfg(not(all(
    any(all(target_os = "linux", any(target_env = "gnu", target_env = "musl")), target_vendor = "apple"),
    not(miri)
)))]
mod system {
    pub(super) const DISABLED: i32 = 0;

    pub(super) fn set(_: i32) -> Option<i32> {
        None
    }
}
