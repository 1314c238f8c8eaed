//! How each thread of the library starts and ends: named, out of the way of the host's signals, in the
//! process' scheduling and wick's floating-point state, with the host's hook first and last. Knows nothing of
//! its work.

use super::cancellation::NotNow;
use super::signals::HeldOff;
use super::{float_state, scheduling};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle, Scope, ScopedJoinHandle};

/// Bytes of stack of every thread of the library: std's default, which it looks for in the environment
/// (RUST_MIN_STACK) unless it is told.
const STACK_SIZE: usize = 2 << 20;

/// Called on a thread of the library: with `true` when it starts, with `false` before it ends.
pub type OnThread = Arc<dyn Fn(bool) + Send + Sync>;

/// What a thread has of its host.
#[derive(Clone, Default)]
pub struct ThreadOptions {
    /// Called on the thread, first and last. A panic of it is caught.
    pub on_thread: Option<OnThread>,
    /// The thread keeps the policy, priority and processors of the thread that starts it; else it has the
    /// process' defaults (Linux; elsewhere the system gives it these).
    pub keep_scheduling: bool,
}

impl std::fmt::Debug for ThreadOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ThreadOptions")
            .field("keep_scheduling", &self.keep_scheduling)
            .finish_non_exhaustive()
    }
}

/// The host's part of a thread's life; dropped, its hook is called for the last time.
pub(crate) struct Life {
    on_thread: Option<OnThread>,
}

/// Starts a thread. `work` gets its [`Life`], to drop it when what the host may see of the thread is over.
pub(crate) fn start(
    name: String,
    options: &ThreadOptions,
    work: impl FnOnce(Life) + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let options = options.clone();
    let _signals = HeldOff::new();
    Builder::new().name(name).stack_size(STACK_SIZE).spawn(move || work(Life::begin(options)))
}

/// As [`start`], for work that borrows.
pub(crate) fn start_in<'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: String,
    options: &ThreadOptions,
    work: impl FnOnce(Life) + Send + 'scope,
) -> io::Result<ScopedJoinHandle<'scope, ()>> {
    let options = options.clone();
    let _signals = HeldOff::new();
    Builder::new().name(name).stack_size(STACK_SIZE).spawn_scoped(scope, move || work(Life::begin(options)))
}

impl Life {
    fn begin(options: ThreadOptions) -> Self {
        NotNow::ever();
        float_state::adopt_thread();
        if !options.keep_scheduling {
            scheduling::reset();
        }
        let life = Self { on_thread: options.on_thread };
        life.call(true);
        life
    }

    fn call(&self, start: bool) {
        if let Some(on_thread) = &self.on_thread {
            let _ = catch_unwind(AssertUnwindSafe(|| float_state::lend(|| on_thread(start))));
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.call(false);
    }
}
