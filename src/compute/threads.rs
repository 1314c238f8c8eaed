//! How many threads a machine is worth, and what a thread tells of its life; knows nothing of the pool.

use std::sync::Arc;

/// Called on each of the pool's threads: with `true` when it starts, with `false` before it ends.
pub type OnThread = Arc<dyn Fn(bool) + Send + Sync>;

/// Physical cores that this process may use: limited by its affinity and by its cgroup's quota. At least 1.
///
/// Reads `/sys` on Linux, which takes well under a millisecond; elsewhere it is what the standard library says.
pub fn default_threads() -> usize {
    let available = std::thread::available_parallelism().map_or(1, |n| n.get());
    physical_cores().map_or(available, |cores| cores.clamp(1, available))
}

/// Distinct sets of hyper-threads among the processors of this process' affinity.
#[cfg(target_os = "linux")]
fn physical_cores() -> Option<usize> {
    let mut cores = std::collections::BTreeSet::new();
    for cpu in affinity()? {
        let path = format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
        cores.insert(std::fs::read_to_string(path).ok()?);
    }
    (!cores.is_empty()).then_some(cores.len())
}

#[cfg(target_os = "linux")]
fn affinity() -> Option<Vec<usize>> {
    // SAFETY: an all-zero cpu_set_t is an empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is valid and of the size given; 0 is this thread.
    if unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set) } != 0 {
        return None;
    }
    // SAFETY: the index is below CPU_SETSIZE.
    Some((0..libc::CPU_SETSIZE as usize).filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) }).collect())
}

#[cfg(not(target_os = "linux"))]
fn physical_cores() -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    #[test]
    fn at_least_one_thread_and_no_more_than_processors() {
        let threads = super::default_threads();
        assert!(threads >= 1 && threads <= std::thread::available_parallelism().map_or(1, |n| n.get()));
    }
}
