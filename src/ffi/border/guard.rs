//! The way through the border: no panic passes it, callbacks are known as such, and the log hears of panics
//! inside and of what is refused without an error. Knows no function.

use super::error::{report, wick_error};
use super::guest::LogSink;
use super::status::{WICK_E_INTERNAL, status_of, wick_status};
use super::{handles, inside};
use crate::compute::{NotNow, float_state};
use crate::error::{Error, ErrorKind, Result};
use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::ptr;
use std::sync::{Arc, Once, Weak};

/// Which of the contract's tags a function has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::ffi) enum Tag {
    /// [ANY], or none.
    Any,
    /// [BLOCK] or [EXCL]: refused inside a callback.
    NotInCallback,
}

impl Tag {
    /// # Errors
    /// `Reentrant` inside a callback, if the function may not be called there.
    fn check(self) -> Result<()> {
        if self == Self::NotInCallback && inside::in_callback() {
            let why =
                "this function may not be called inside a callback; call it from another thread, or later";
            return Err(Error::new(ErrorKind::Reentrant, why));
        }
        Ok(())
    }
}

/// What a handle stands for.
pub(in crate::ffi) trait Handled: Any + Send + Sync {
    /// The log of its runtime, if that is not shut down.
    fn log(&self) -> Option<Arc<LogSink>>;
}

thread_local! {
    /// Who hears of a panic on this thread.
    static LOG: RefCell<Option<Weak<LogSink>>> = const { RefCell::new(None) };
}

/// Runs the body of an exported function: its result or its error is the status, a panic is WICK_E_INTERNAL.
/// `error` (NULL: none) gets the details. Inside, the thread is in wick's floating-point state and cannot be
/// cancelled.
pub(in crate::ffi) fn guard(
    tag: Tag,
    error: *mut wick_error,
    body: impl FnOnce() -> Result<wick_status>,
) -> wick_status {
    let _inside = inside::enter();
    let _uncancelled = NotNow::new();
    float_state::own(|| protected(error, || tag.check().and_then(|()| body())))
}

/// As [`guard`], for the function `call` on the object behind a handle: it has no wick_error, so the object's
/// log says why it was refused.
pub(in crate::ffi) fn guard_on<T: Handled>(
    tag: Tag,
    call: &str,
    handle: u64,
    body: impl FnOnce(&Arc<T>) -> Result<wick_status>,
) -> wick_status {
    guard(Tag::Any, ptr::null_mut(), || {
        let object = handles::get::<T>(handle);
        let answer = tag.check().and_then(|()| body(object.as_ref().map_err(Clone::clone)?));
        answer.inspect_err(|error| {
            if let Some(log) = object.ok().and_then(|object| object.log()) {
                log.refused(call, error);
            }
        })
    })
}

fn protected(error: *mut wick_error, body: impl FnOnce() -> Result<wick_status>) -> wick_status {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(status)) => {
            report(error, super::status::WICK_OK, "");
            status
        }
        Ok(Err(failure)) => {
            let status = status_of(failure.kind());
            report(error, status, failure.message());
            status
        }
        Err(_) => {
            report(error, WICK_E_INTERNAL, "a panic inside wick; the runtime goes on, this call is over");
            WICK_E_INTERNAL
        }
    }
}

/// Makes this thread, one of a runtime's own, count as inside wick for good.
pub(in crate::ffi) fn adopt_thread(log: &Arc<LogSink>) {
    inside::adopt_thread();
    LOG.set(Some(Arc::downgrade(log)));
}

/// Lets panics on this thread be heard by `log` during `work`.
pub(in crate::ffi) fn logging<T>(log: &Arc<LogSink>, work: impl FnOnce() -> T) -> T {
    struct Reset(Option<Weak<LogSink>>);
    impl Drop for Reset {
        fn drop(&mut self) {
            LOG.set(self.0.take());
        }
    }
    let _reset = Reset(LOG.replace(Some(Arc::downgrade(log))));
    work()
}

/// Installs the hook that keeps panics inside wick from being printed; all others go to the hook before it.
pub(in crate::ffi) fn install_panic_hook() {
    static INSTALLED: Once = Once::new();
    if std::thread::panicking() {
        return;
    }
    INSTALLED.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if inside::is_inside() {
                log_panic(info);
            } else {
                previous(info);
            }
        }));
    });
}

fn log_panic(info: &PanicHookInfo<'_>) {
    // Not borrowed during the call: the callback may come back here.
    let log = LOG.try_with(|log| log.try_borrow().ok().and_then(|log| log.clone()));
    let Some(log) = log.ok().flatten().and_then(|log| log.upgrade()) else { return };
    let place = info.location().map(|place| format!("{}:{}", place.file(), place.line()));
    log.panicked(info.payload_as_str().unwrap_or("a panic inside wick, without a message"), place);
}
