//! How long a thread has computed: not while it slept, and not while others had its processor. Knows no work.

use std::time::Duration;

/// Of the calling thread since its start; `None`: the system does not say.
///
/// Source: `clock_gettime(3)`, CLOCK_THREAD_CPUTIME_ID.
pub(crate) fn of_thread() -> Option<Duration> {
    system::of_thread()
}

#[cfg(all(unix, not(miri)))]
mod system {
    use std::time::Duration;

    pub(super) fn of_thread() -> Option<Duration> {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: a place for the answer.
        let told = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) } == 0;
        told.then(|| Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
    }
}

#[cfg(not(all(unix, not(miri))))]
mod system {
    pub(super) fn of_thread() -> Option<std::time::Duration> {
        None
    }
}

#[cfg(all(test, unix, not(miri)))]
mod tests {
    use super::of_thread;
    use std::time::{Duration, Instant};

    #[test]
    fn sleep_does_not_count_and_work_does() {
        let before = of_thread().expect("a system that says");
        std::thread::sleep(Duration::from_millis(300));
        let slept = of_thread().expect("a system that says") - before;
        assert!(slept < Duration::from_millis(150), "{slept:?}");
        // Until it is counted, however long others keep the processor.
        let begun = Instant::now();
        while of_thread().expect("a system that says") - before < slept + Duration::from_millis(5) {
            assert!(begun.elapsed() < Duration::from_secs(300), "work does not count");
        }
    }
}
