//! How many threads a machine is worth; knows nothing of the pool.

use super::quota::quota;
use super::scheduling;
use super::topology::{self, Chosen};
use crate::cgroup::read_file;

/// Physical cores that this process may use, the fast ones only where some are slower: limited by its
/// affinity and by its cgroup's quota. At least 1.
///
/// Reads `/sys` on Linux, which takes well under a millisecond; elsewhere it is what the standard library
/// says.
pub fn default_threads() -> usize {
    cores(false).0
}

/// As [`default_threads`], for threads that keep the scheduling of the one that starts them, or not; and how
/// it was chosen.
pub(crate) fn cores(keep_scheduling: bool) -> (usize, Chosen) {
    let found = scheduling::processors(keep_scheduling);
    let found = found.and_then(|processors| topology::cores(&processors, &read_file));
    match (found, processors(keep_scheduling)) {
        (Some((cores, _)), paid) if cores > paid => (paid, Chosen::Quota),
        (Some(found), _) => found,
        (None, all) => (all, Chosen::All),
    }
}

/// Processors that the process, or with `keep_scheduling` this thread, may use, hyper-threads counted. At
/// least 1.
pub(crate) fn processors(keep_scheduling: bool) -> usize {
    // The standard library counts those of the thread that asks it.
    let own = || std::thread::available_parallelism().map_or(1, |count| count.get());
    let of_process = if keep_scheduling { None } else { scheduling::processors(false) };
    of_process.map_or_else(own, |all| all.len().min(quota()).max(1))
}

#[cfg(test)]
mod tests {
    #[test]
    fn at_least_one_thread_and_no_more_than_processors() {
        let threads = super::default_threads();
        assert!(threads >= 1 && threads <= super::processors(false));
    }

    #[test]
    fn a_thread_that_is_not_bound_counts_what_the_standard_library_counts() {
        assert_eq!(super::processors(false), super::processors(true));
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
