//! Runtimes: made, stepped, paused, asked, shut down.

use super::border::deadline::Deadline;
use super::border::error::wick_error;
use super::border::guard::{Handled, Tag, adopt_thread, guard, guard_on, install_panic_hook, logging};
use super::border::guest::{Guest, LogSink, wick_log_fn};
use super::border::handles::{self, Reservation};
pub use super::border::ids::wick_runtime;
use super::border::out::{Out, write_text};
use super::border::sized::{self, Versioned};
use super::border::status::*;
use super::border::str::{copy, flag, refuse, wick_str};
use super::border::user::{UserData, wick_drop_fn};
use super::info;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::{Level, Mode, Runtime, RuntimeOptions, Stepped};
use crate::sync::TimedLock;
use std::ffi::{c_char, c_void};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The runtime owns its threads.
pub const WICK_MODE_THREADS: u32 = 0;
/// No thread at all: work is done in wick_runtime_step, and in [BLOCK] calls while they wait.
pub const WICK_MODE_HOST_STEP: u32 = 1;

/// What a runtime is made of. Zero means the default for every field but the first two.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wick_runtime_options {
    /// sizeof(wick_runtime_options).
    pub struct_size: u32,
    /// WICK_ABI_VERSION.
    pub abi_version: u32,
    /// WICK_MODE_…
    pub mode: u32,
    /// Compute threads, at most 1024; 0: one for each physical core that the process may use, of the
    /// performance cores only where the system tells them from slower ones (Linux): all threads wait for the
    /// slowest.
    pub threads: u32,
    /// Bytes for weights (mapped ones too), keys and values, caches and scratch; 0: no budget. When it is
    /// used up: caches go, then keys and values of idle sessions (computed again when needed), then
    /// WICK_E_OUT_OF_MEMORY.
    pub memory_budget: u64,
    /// Generations computed together, at most 4096; 0: 16.
    pub max_sequences: u32,
    /// Generations waiting for a place; 0: 1024.
    pub max_waiting: u32,
    /// What the threads' names begin with; absent: "wick".
    pub thread_name: wick_str,
    /// Called first (`start` 1) and last (0) on each thread of the runtime; may be NULL.
    pub on_thread: Option<unsafe extern "C" fn(user: *mut c_void, start: i32)>,
    /// For `on_thread`.
    pub thread_user: *mut c_void,
    /// Drops `thread_user`, once, at the shutdown.
    pub thread_drop: wick_drop_fn,
    /// Takes log lines; may be NULL.
    pub log: wick_log_fn,
    /// For `log`.
    pub log_user: *mut c_void,
    /// Drops `log_user`, once, at the shutdown.
    pub log_drop: wick_drop_fn,
    /// The least grave lines that are logged: 1 errors … 5 everything; 0: 2, warnings.
    pub log_level: i32,
    /// 0.
    pub reserved: u32,
    /// THREADS: of each 16.7 ms, the share in percent that the threads compute at most, loads and text apart;
    /// 0: 100. In HOST_STEP anything but 0 is WICK_E_UNSUPPORTED: the budget of each step is the pace.
    pub pace_percent: u32,
    /// 1: each thread keeps the policy, priority and processors of the thread that starts it; 0: it has the
    /// process' own (Linux; elsewhere threads have what the system gives them).
    pub keep_scheduling: u32,
}

// SAFETY: repr(C), begins with struct_size; integers, raw pointers and nullable functions only.
unsafe impl Versioned for wick_runtime_options {
    const NAME: &'static str = "wick_runtime_options";
}

/// What a runtime's handle stands for.
pub(super) struct RuntimeObject {
    pub(super) runtime: Runtime,
    pub(super) log: Arc<LogSink>,
    pub(super) steps_on_host: bool,
    threads: Arc<Guest>,
    /// Held while the runtime's objects and what the host lent are dropped: no other shutdown is done before
    /// that.
    dropping: TimedLock,
}

impl Handled for RuntimeObject {
    fn log(&self) -> Option<Arc<LogSink>> {
        Some(self.log.clone())
    }
}

/// The log of the runtime behind a handle, if it is not shut down.
pub(super) fn log_of(runtime: u64) -> Option<Arc<LogSink>> {
    handles::get::<RuntimeObject>(runtime).ok().map(|object| object.log.clone())
}

impl RuntimeObject {
    /// Drops all that goes with the runtime, and what the host lent for its life; whether nothing of it is in
    /// use any more.
    fn finish(&self, id: u64, deadline: Option<Instant>) -> bool {
        let Some(_dropping) = self.dropping.hold_by(deadline) else { return false };
        // The models go before what they may still log to.
        drop(handles::remove_owned(id));
        if !(self.threads.finish(deadline) && self.log.guest.finish(deadline)) {
            return false;
        }
        // Refused if another thread's shutdown came first.
        let _ = handles::remove::<Self>(id);
        // What another thread made meanwhile; from here on nothing can be.
        drop(handles::remove_owned(id));
        true
    }
}

/// [ANY] A running runtime. WICK_E_INVALID_ARGUMENT for an option out of range or another ABI version;
/// WICK_E_OUT_OF_MEMORY if the system refuses a thread. If it fails, thread_drop and log_drop have been
/// called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_runtime_create(
    options: *const wick_runtime_options,
    out: *mut wick_runtime,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::Any, error, || {
        // SAFETY: the caller's struct, as this function's docs say.
        let (options, (log, threads)) = unsafe { sized::input_with(options, wick_runtime_options::users) }?;
        // SAFETY: the caller's places, as this function's docs say.
        let out = unsafe { wick_error::check(error).and_then(|()| Out::required(out, "out")) }?;
        install_panic_hook();
        let object = create(&options, log, threads)?;
        let reservation = Reservation::new()?;
        handles::fill(reservation.id(), Arc::new(object));
        out.set(wick_runtime { id: reservation.keep() });
        Ok(WICK_OK)
    })
}

impl wick_runtime_options {
    /// What `log` and `on_thread` bring.
    fn users(&self) -> (UserData, UserData) {
        (UserData::new(self.log_user, self.log_drop), UserData::new(self.thread_user, self.thread_drop))
    }
}

fn create(options: &wick_runtime_options, log: UserData, threads: UserData) -> Result<RuntimeObject> {
    let mut checked = check(options)?;
    let level = checked.log_level as i32;
    let log = Arc::new(LogSink { guest: Guest::new(log), log: options.log, level });
    let threads = Arc::new(Guest::new(threads));
    let sink = log.clone();
    checked.log = Some(Arc::new(move |level, text: &str| sink.write(level as i32, text)));
    let (sink, guest, call) = (log.clone(), threads.clone(), options.on_thread);
    checked.on_thread = Some(Arc::new(move |start| {
        if start {
            adopt_thread(&sink);
        }
        if let Some(call) = call {
            // SAFETY: the host's function with its own pointer.
            guest.call(|user| unsafe { call(user, i32::from(start)) });
        }
    }));
    let steps_on_host = checked.mode == Mode::HostStep;
    let runtime = Runtime::new(checked)?;
    Ok(RuntimeObject { runtime, log, steps_on_host, threads, dropping: TimedLock::default() })
}

fn check(options: &wick_runtime_options) -> Result<RuntimeOptions> {
    let bad = |what: String| Err(Error::new(ErrorKind::InvalidArgument, what));
    if options.abi_version != WICK_ABI_VERSION {
        let given = options.abi_version;
        return bad(format!(
            "abi_version is {given}, this library has {WICK_ABI_VERSION}; set it to WICK_ABI_VERSION"
        ));
    }
    let mode = match options.mode {
        WICK_MODE_THREADS => Mode::Threads,
        WICK_MODE_HOST_STEP => Mode::HostStep,
        other => return bad(format!("mode is {other}; give WICK_MODE_THREADS or WICK_MODE_HOST_STEP")),
    };
    let log_level = match options.log_level {
        0 | 2 => Level::Warning,
        1 => Level::Error,
        3 => Level::Info,
        4 => Level::Debug,
        5 => Level::Trace,
        other => return bad(format!("log_level is {other}; give 1 to 5, or 0 for warnings")),
    };
    refuse(options.reserved != 0, "wick_runtime_options.reserved")?;
    let keep_scheduling = flag(options.keep_scheduling, "keep_scheduling")?;
    let defaults = RuntimeOptions::default();
    let or = |given: u32, default: usize| if given == 0 { default } else { given as usize };
    // SAFETY: the caller's text, as the docs of wick_runtime_create say.
    let thread_name = match unsafe { options.thread_name.read("thread_name") }? {
        Some(name) => copy(name)?,
        None => defaults.thread_name.clone(),
    };
    Ok(RuntimeOptions {
        mode,
        threads: options.threads as usize,
        memory_budget: Some(options.memory_budget).filter(|budget| *budget != 0),
        max_sequences: or(options.max_sequences, defaults.max_sequences),
        max_waiting: or(options.max_waiting, defaults.max_waiting),
        thread_name,
        pace_percent: options.pace_percent,
        keep_scheduling,
        log_level,
        ..defaults
    })
}

/// [EXCL] HOST_STEP only (else WICK_E_UNSUPPORTED): runs the runtime's work, callbacks included, on this
/// thread for about `budget_ns`, at least one slice. WICK_MORE: call again; WICK_EMPTY: idle.
/// `*next_wake_ns`, unless NULL, says in how many nanoseconds something is due: 0 with WICK_MORE,
/// WICK_FOREVER if nothing is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_runtime_step(
    runtime: wick_runtime,
    budget_ns: u64,
    next_wake_ns: *mut u64,
) -> wick_status {
    guard_on(Tag::NotInCallback, "wick_runtime_step", runtime.id, |object: &Arc<RuntimeObject>| {
        let step = || object.runtime.step(Duration::from_nanos(budget_ns));
        let (status, wake) = match logging(&object.log, step)? {
            Stepped::More => (WICK_MORE, 0),
            Stepped::Idle(None) => (WICK_EMPTY, WICK_FOREVER),
            Stepped::Idle(Some(due)) => {
                let left = due.saturating_duration_since(Instant::now()).as_nanos();
                (WICK_EMPTY, u64::try_from(left).unwrap_or(WICK_FOREVER))
            }
        };
        // SAFETY: the caller's place, as this function's docs say.
        if let Some(out) = unsafe { Out::optional(next_wake_ns) } {
            out.set(wake);
        }
        Ok(status)
    })
}

/// [ANY] From the next slice on the threads compute `percent` of each 16.7 ms at most; 0: 100.
/// WICK_E_INVALID_ARGUMENT beyond 100; WICK_E_UNSUPPORTED in HOST_STEP.
#[unsafe(no_mangle)]
pub extern "C" fn wick_runtime_set_pace(runtime: wick_runtime, percent: u32) -> wick_status {
    with_runtime("wick_runtime_set_pace", runtime, |runtime| runtime.set_pace(percent))
}

/// [ANY] Stops computing within a slice; events, cancel, deadlines, close and shutdown still work. Not
/// counted.
#[unsafe(no_mangle)]
pub extern "C" fn wick_runtime_pause(runtime: wick_runtime) -> wick_status {
    with_runtime("wick_runtime_pause", runtime, |runtime| {
        runtime.pause();
        Ok(())
    })
}

/// [ANY] Computes again.
#[unsafe(no_mangle)]
pub extern "C" fn wick_runtime_resume(runtime: wick_runtime) -> wick_status {
    with_runtime("wick_runtime_resume", runtime, |runtime| {
        runtime.resume();
        Ok(())
    })
}

/// [ANY] Gives back memory whose contents can be computed again: prefixes that no session uses, keys and
/// values of idle sessions, and what passes work in. For the system's low-memory warning. Returns at once;
/// what a pass under way holds comes back behind it.
#[unsafe(no_mangle)]
pub extern "C" fn wick_runtime_trim(runtime: wick_runtime) -> wick_status {
    with_runtime("wick_runtime_trim", runtime, |runtime| {
        runtime.trim();
        Ok(())
    })
}

fn with_runtime(call: &str, runtime: wick_runtime, act: impl FnOnce(&Runtime) -> Result<()>) -> wick_status {
    guard_on(Tag::Any, call, runtime.id, |object: &Arc<RuntimeObject>| {
        act(&object.runtime)?;
        Ok(WICK_OK)
    })
}

/// [ANY] Counts, memory and queues as JSON; never waits for compute: `version`; `mode` ("threads",
/// "host_step"); `state` ("running", "shutting down"); `threads` (array: the names of those that run);
/// `generations` {`live`, `running`, `waiting`}; `limits` {`max_sequences`, `max_waiting`}; `passes`
/// (computed so far); `memory` {`weights`, `kv_and_scratch` (with those of prefixes that no session uses),
/// `budget`} in bytes, `budget` null if there is none; `queues` {`count`, `streams` (array: how many streams
/// each queue has)}. All else are integers. `(json, cap, needed)` as in wick_build_info.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_runtime_info(
    runtime: wick_runtime,
    json: *mut c_char,
    cap: usize,
    needed: *mut usize,
) -> wick_status {
    guard_on(Tag::Any, "wick_runtime_info", runtime.id, |object: &Arc<RuntimeObject>| {
        // SAFETY: the caller's buffer, as this function's docs say.
        unsafe { write_text(&info::runtime(&object.runtime.info()), json, cap, needed) }?;
        Ok(WICK_OK)
    })
}

/// [ANY][BLOCK] Ends every live stream with SHUTDOWN, takes nothing new, and joins the threads. WICK_OK: none
/// of this runtime's threads runs, no callback can run save by wick_queue_dispatch, its drop functions have
/// run, its memory is returned, and the handles of it, its models and its sessions are stale. Streams and
/// queues stay readable, and keep their drops, until they are closed; close them before you unload the code
/// of their callbacks. WICK_E_TIMEOUT: not all has ended after `timeout_ns`; call again.
#[unsafe(no_mangle)]
pub extern "C" fn wick_runtime_shutdown(runtime: wick_runtime, timeout_ns: u64) -> wick_status {
    guard_on(Tag::NotInCallback, "wick_runtime_shutdown", runtime.id, |object: &Arc<RuntimeObject>| {
        let deadline = match Deadline::after(timeout_ns) {
            Deadline::Poll => Some(Instant::now()),
            Deadline::At(at) => at,
        };
        let timeout = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        logging(&object.log, || object.runtime.shutdown(timeout))?;
        if object.finish(runtime.id, deadline) {
            return Ok(WICK_OK);
        }
        Err(Error::new(ErrorKind::Timeout, "a log, thread or drop callback is still running; call again"))
    })
}
