//! The names of threads that others than the runtime's lanes start for it: they compute, or read files. Knows
//! no thread but the one that it runs on.

use super::ThreadFn;
use crate::sync::{Condvar, Mutex, lock, wait_until};
use std::sync::Arc;
use std::time::Instant;

/// Names of the threads that run.
#[derive(Default)]
pub(super) struct Names {
    present: Mutex<Vec<Arc<str>>>,
    left: Condvar,
}

impl Names {
    /// The names.
    pub(super) fn present(&self) -> Vec<Arc<str>> {
        lock(&self.present).clone()
    }

    /// Waits until the host's hook has run for the last time on all of them, or `deadline` (none: never)
    /// passes; whether it has.
    #[cfg_attr(not(feature = "native"), allow(dead_code, reason = "nothing else computes"))]
    pub(super) fn wait_empty(&self, deadline: Option<Instant>) -> bool {
        let mut present = lock(&self.present);
        while !present.is_empty() {
            present = match wait_until(&self.left, present, deadline) {
                Some(present) => present,
                None => return false,
            };
        }
        true
    }

    /// What such a thread calls first and last: its name is known between, and `hook` is called.
    pub(super) fn watch(self: &Arc<Self>, hook: Option<ThreadFn>) -> ThreadFn {
        let names = self.clone();
        Arc::new(move |start| {
            let thread = std::thread::current();
            let name = thread.name().unwrap_or("unnamed");
            if start {
                lock(&names.present).push(name.into());
            }
            let _leaving = (!start).then(|| Leaving { names: &names, name });
            hook.iter().for_each(|hook| hook(start));
        })
    }
}

/// A thread whose host is called for the last time; dropped, also by a panic of that call, its name goes.
struct Leaving<'a> {
    names: &'a Names,
    name: &'a str,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        let mut present = lock(&self.names.present);
        if let Some(index) = present.iter().position(|one| **one == *self.name) {
            present.swap_remove(index);
        }
        drop(present);
        self.names.left.notify_all();
    }
}

#[cfg(all(test, not(feature = "shuttle")))]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::time::Duration;

    #[test]
    fn a_name_goes_behind_the_hosts_last_call_also_if_that_panics() {
        let names = Arc::<Names>::default();
        let hook: ThreadFn = Arc::new(|start| assert!(start, "the host's"));
        let (begin, end) = (names.watch(None), names.watch(Some(hook)));
        begin(true);
        assert_eq!(names.present().len(), 1);
        assert!(!names.wait_empty(Some(Instant::now())));
        assert!(!names.wait_empty(Instant::now().checked_add(Duration::from_millis(2))));
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| names.wait_empty(None));
            assert!(catch_unwind(AssertUnwindSafe(|| end(false))).is_err());
            assert!(waiter.join().expect("no panic"));
        });
        assert!(names.present().is_empty());
    }
}
