//! How the system schedules this process' threads unless it is told otherwise: policy, nice value and
//! processors. Knows no thread's work.
//!
//! On Linux a new thread inherits all three from the one that starts it (`sched(7)`): a runtime made on a
//! real-time thread that is bound to one processor would compute there for good. Elsewhere threads begin with
//! the process' own.

#[cfg(all(target_os = "linux", not(miri)))]
mod system {
    use std::sync::OnceLock;

    /// The processors of the process: of its first thread when this library was loaded, or when it is asked
    /// first.
    static PROCESSORS: OnceLock<Option<libc::cpu_set_t>> = OnceLock::new();

    /// Run when the library is loaded: later, the first thread may be bound to less, as any other.
    #[used]
    #[unsafe(link_section = ".init_array")]
    static AT_LOAD: extern "C" fn() = at_load;

    extern "C" fn at_load() {
        of_process();
    }

    fn of_process() -> Option<&'static libc::cpu_set_t> {
        // SAFETY: getpid has no preconditions; the first thread has its number.
        PROCESSORS.get_or_init(|| processors_of(unsafe { libc::getpid() })).as_ref()
    }

    /// Processors that a thread may run on; 0: this one. `None`: the system has more of them than a set
    /// holds, or says no.
    fn processors_of(thread: libc::pid_t) -> Option<libc::cpu_set_t> {
        // SAFETY: a set of processors is plain numbers, for which zero is a value.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: `set` is of the size given.
        let found = unsafe { libc::sched_getaffinity(thread, size_of::<libc::cpu_set_t>(), &mut set) };
        (found == 0).then_some(set)
    }

    fn numbers(set: &libc::cpu_set_t) -> Vec<usize> {
        // SAFETY: the index is below CPU_SETSIZE.
        (0..libc::CPU_SETSIZE as usize).filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, set) }).collect()
    }

    /// Numbers of the processors of the process, or, with `own`, of this thread.
    pub(crate) fn processors(own: bool) -> Option<Vec<usize>> {
        if own { processors_of(0).as_ref().map(numbers) } else { of_process().map(numbers) }
    }

    /// Whether this thread may run where the process may.
    fn is_everywhere() -> bool {
        match (processors_of(0), of_process()) {
            (Some(own), Some(process)) => numbers(&own) == numbers(process),
            _ => true,
        }
    }

    /// Gives this thread the process' defaults. What the system refuses stays.
    pub(crate) fn reset() {
        if let Some(process) = of_process().filter(|_| !is_everywhere()) {
            // SAFETY: a set that the system gave; 0 is this thread.
            unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), process) };
        }
        // SAFETY: getpid has no preconditions.
        let first = unsafe { libc::getpid() };
        let wanted = match policy(first) {
            // Of all its threads, then: that is how a process is started that shall not be in the way.
            background @ (libc::SCHED_BATCH | libc::SCHED_IDLE) => background,
            _ => libc::SCHED_OTHER,
        };
        if policy(0) != wanted {
            // SAFETY: parameters are plain numbers, for which zero is a value: the only priority of these
            // policies.
            let parameters: libc::sched_param = unsafe { std::mem::zeroed() };
            // SAFETY: as above. Not by the C library's function, which musl leaves out.
            unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, wanted, &raw const parameters) };
        }
        let nice = nice(first);
        if self::nice(0) != nice {
            // SAFETY: numbers.
            unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) };
        }
    }

    /// Without the flag that what a thread starts has the default one.
    fn policy(thread: libc::pid_t) -> libc::c_int {
        // SAFETY: a question.
        let policy = unsafe { libc::syscall(libc::SYS_sched_getscheduler, thread) };
        policy as libc::c_int & !libc::SCHED_RESET_ON_FORK
    }

    fn nice(thread: libc::pid_t) -> libc::c_int {
        // SAFETY: a question.
        unsafe { libc::getpriority(libc::PRIO_PROCESS, thread.unsigned_abs()) }
    }
}

#[cfg(not(all(target_os = "linux", not(miri))))]
mod system {
    pub(crate) fn processors(_: bool) -> Option<Vec<usize>> {
        None
    }

    pub(crate) fn reset() {}
}

pub(super) use system::{processors, reset};
