//! Whether a thread runs wick's code or one of the host's callbacks; knows no function of either.

use crate::compute::float_state;
use std::cell::Cell;

thread_local! {
    /// Whether this thread runs wick's code, and not a host's callback.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    /// How many host callbacks this thread is in.
    static CALLBACKS: Cell<u32> = const { Cell::new(0) };
}

/// Runs one of the host's callbacks, in the host's floating-point state. The thread still cannot be
/// cancelled: the callback's frame is not the last one that would have to be left.
pub(in crate::ffi) fn callback<T>(call: impl FnOnce() -> T) -> T {
    let _outside = Restore::set(&INSIDE, false);
    let _counted = Counted::new();
    float_state::lend(call)
}

/// From here on, until the result is dropped, this thread counts as inside wick.
pub(in crate::ffi) fn enter() -> Restore {
    Restore::set(&INSIDE, true)
}

/// Makes this thread count as inside wick for good.
pub(in crate::ffi) fn adopt_thread() {
    INSIDE.set(true);
}

/// Whether this thread runs wick's code.
pub(in crate::ffi) fn is_inside() -> bool {
    INSIDE.get()
}

/// Whether this thread is in one of the host's callbacks.
pub(in crate::ffi) fn in_callback() -> bool {
    CALLBACKS.get() > 0
}

/// Gives a thread-local flag its old value back.
pub(in crate::ffi) struct Restore {
    flag: &'static std::thread::LocalKey<Cell<bool>>,
    old: bool,
}

impl Restore {
    fn set(flag: &'static std::thread::LocalKey<Cell<bool>>, value: bool) -> Self {
        Self { flag, old: flag.replace(value) }
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        self.flag.set(self.old);
    }
}

struct Counted;

impl Counted {
    fn new() -> Self {
        CALLBACKS.set(CALLBACKS.get() + 1);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        CALLBACKS.set(CALLBACKS.get() - 1);
    }
}
