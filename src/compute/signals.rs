//! Signals that are the host's to take: held off wick's threads from their first instruction on. Knows masks;
//! not who starts what.

/// Blocks signals on this thread, for threads that it starts meanwhile: they inherit the mask. Dropped, the
/// mask is what it was.
///
/// Not those that a thread's own instructions bring about, and what ends a process by its own will: blocked,
/// the system would end the process without calling the host's handler (`signal(7)`, `pthread_sigmask(3)`).
pub(super) struct HeldOff {
    #[cfg(unix)]
    before: Option<libc::sigset_t>,
}

#[cfg(unix)]
const OWN_DOING: [libc::c_int; 7] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGABRT, libc::SIGSYS];

#[cfg(unix)]
impl HeldOff {
    pub(super) fn new() -> Self {
        // Miri knows no masks.
        if cfg!(miri) {
            return Self { before: None };
        }
        // SAFETY: sets of signals are plain numbers, for which zero is a value.
        let (mut set, mut before): (libc::sigset_t, libc::sigset_t) = unsafe { std::mem::zeroed() };
        // SAFETY: both are sets of this frame's.
        let blocked = unsafe {
            libc::sigfillset(&mut set);
            for signal in OWN_DOING {
                libc::sigdelset(&mut set, signal);
            }
            libc::pthread_sigmask(libc::SIG_BLOCK, &set, &mut before) == 0
        };
        Self { before: blocked.then_some(before) }
    }
}

#[cfg(unix)]
impl Drop for HeldOff {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // SAFETY: the mask that this thread had.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before, std::ptr::null_mut()) };
        }
    }
}

#[cfg(not(unix))]
impl HeldOff {
    pub(super) fn new() -> Self {
        Self {}
    }
}
