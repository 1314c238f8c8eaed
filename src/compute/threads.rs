//! How many threads a machine is worth; knows nothing of the pool.

use super::scheduling;
use super::thread::{ThreadOptions, start};

/// Physical cores that this process may use: limited by its affinity and by its cgroup's quota. At least 1.
///
/// Reads `/sys` on Linux, which takes well under a millisecond; elsewhere it is what the standard library
/// says.
pub fn default_threads() -> usize {
    cores(false)
}

/// As [`default_threads`], for threads that keep the scheduling of the one that starts them, or not.
pub(crate) fn cores(keep_scheduling: bool) -> usize {
    let available = processors(keep_scheduling);
    physical_cores(keep_scheduling).map_or(available, |cores| cores.clamp(1, available))
}

/// Processors that the process, or with `keep_scheduling` this thread, may use, hyper-threads counted. At
/// least 1.
pub(crate) fn processors(keep_scheduling: bool) -> usize {
    let ask = || std::thread::available_parallelism().map_or(1, |count| count.get());
    if keep_scheduling || scheduling::is_everywhere() {
        return ask();
    }
    // The standard library asks for the thread that it runs on.
    let (sender, answer) = std::sync::mpsc::channel();
    let asking = start("wick-ask".to_owned(), &ThreadOptions::default(), move |_| {
        let _ = sender.send(ask());
    });
    asking.ok().and_then(|thread| thread.join().ok()).and_then(|()| answer.recv().ok()).unwrap_or_else(ask)
}

/// Distinct sets of hyper-threads among the processors.
fn physical_cores(keep_scheduling: bool) -> Option<usize> {
    let mut cores = std::collections::BTreeSet::new();
    for cpu in scheduling::processors(keep_scheduling)? {
        let path = format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
        cores.insert(std::fs::read_to_string(path).ok()?);
    }
    (!cores.is_empty()).then_some(cores.len())
}

#[cfg(test)]
mod tests {
    #[test]
    fn at_least_one_thread_and_no_more_than_processors() {
        let threads = super::default_threads();
        assert!(threads >= 1 && threads <= super::processors(false));
    }

    #[test]
    #[cfg(all(target_os = "linux", not(miri)))]
    fn a_thread_bound_to_one_processor_counts_those_of_the_process() {
        let all = super::processors(false);
        let bound = std::thread::Builder::new().spawn(move || {
            // SAFETY: a set of processors is plain numbers, for which zero is a value.
            let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
            let first = super::scheduling::processors(true).expect("processors")[0];
            // SAFETY: below CPU_SETSIZE, and `set` is of the size given; 0 is this thread.
            let done = unsafe {
                libc::CPU_SET(first, &mut set);
                libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set)
            };
            assert_eq!(done, 0);
            (super::processors(true), super::processors(false))
        });
        assert_eq!(bound.expect("a thread").join().expect("counted"), (1, all));
    }
}
