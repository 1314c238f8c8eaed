//! Callbacks that a runtime keeps for its whole life, log and on_thread: finished once, when none of them
//! runs.

use super::inside::callback;
use super::user::UserData;
use crate::error::{Error, ErrorKind};
use crate::log::{Level, Log};
use crate::sync::{Condvar, Mutex, lock, wait_until};
use std::cell::Cell;
use std::ffi::c_void;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Instant;

/// Takes log lines: `level` 1 error, 2 warning, 3 info, 4 debug, 5 trace; `text` is UTF-8 of `len` bytes,
/// valid during the call. Any thread, also concurrently, also inside a call into this library.
pub type wick_log_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, level: i32, text: *const std::ffi::c_char, len: usize)>;

thread_local! {
    /// The log hears of a refused call on this thread.
    static REFUSING: Cell<bool> = const { Cell::new(false) };
}

/// The log has heard of a refused call.
struct Done;

impl Drop for Done {
    fn drop(&mut self) {
        REFUSING.set(false);
    }
}

/// A user pointer that is in use while callbacks run, and dropped by [`Guest::finish`].
pub(in crate::ffi) struct Guest {
    state: Mutex<State>,
    left: Condvar,
}

struct State {
    user: Option<UserData>,
    running: usize,
}

impl Guest {
    pub(in crate::ffi) fn new(user: UserData) -> Self {
        Self { state: Mutex::new(State { user: Some(user), running: 0 }), left: Condvar::new() }
    }

    /// Runs a callback with the pointer, unless it is finished.
    pub(in crate::ffi) fn call(&self, call: impl FnOnce(*mut c_void)) {
        let user = {
            let mut state = lock(&self.state);
            let Some(user) = &state.user else { return };
            let user = user.pointer();
            state.running += 1;
            user
        };
        struct Leave<'a>(&'a Guest);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                lock(&self.0.state).running -= 1;
                self.0.left.notify_all();
            }
        }
        let _leave = Leave(self);
        callback(|| call(user));
    }

    /// Drops the pointer when no callback runs with it; whether that was so before `deadline` (`None`: waits
    /// for ever).
    pub(in crate::ffi) fn finish(&self, deadline: Option<Instant>) -> bool {
        let mut state = lock(&self.state);
        while state.running > 0 {
            state = match wait_until(&self.left, state, deadline) {
                Some(state) => state,
                None => return false,
            };
        }
        let user = state.user.take();
        drop(state);
        drop(user);
        true
    }
}

/// A runtime's log.
pub(in crate::ffi) struct LogSink {
    pub(in crate::ffi) guest: Guest,
    pub(in crate::ffi) log: wick_log_fn,
    pub(in crate::ffi) level: i32,
}

impl LogSink {
    /// A log that ends here.
    fn lines(self: &Arc<Self>) -> Log {
        let sink = self.clone();
        let level = match self.level {
            ..=1 => Level::Error,
            2 => Level::Warning,
            3 => Level::Info,
            4 => Level::Debug,
            _ => Level::Trace,
        };
        Log::new(Some(Arc::new(move |level, text: &str| sink.write(level as i32, text))), level)
    }

    /// Says why a call was refused that has no wick_error to say it; not of calls that the log's own callback
    /// makes meanwhile, which would go on for ever.
    pub(in crate::ffi) fn refused(self: &Arc<Self>, call: &str, error: &Error) {
        // So one learns the size of a result, and waits for a shutdown.
        let usual = matches!(error.kind(), ErrorKind::BufferTooSmall | ErrorKind::Timeout);
        if self.log.is_some() && self.level >= Level::Debug as i32 && !usual && !REFUSING.replace(true) {
            let _done = Done;
            self.lines()
                .line(Level::Debug, "refused")
                .with("call", call)
                .with("kind", format_args!("{:?}", error.kind()))
                .with("message", error.message())
                .send();
        }
    }

    /// Says that something panicked inside wick, and where.
    pub(in crate::ffi) fn panicked(self: &Arc<Self>, what: &str, place: Option<impl Display>) {
        self.lines().line(Level::Error, "panic").with("message", what).with_some("at", place).send();
    }

    /// Hands a line to the host, if it wants lines this grave.
    pub(in crate::ffi) fn write(&self, level: i32, text: &str) {
        if let Some(log) = self.log.filter(|_| level <= self.level) {
            // SAFETY: the host's function, with its own pointer and a text that lives during the call.
            self.guest.call(|user| unsafe { log(user, level, text.as_ptr().cast(), text.len()) });
        }
    }
}
