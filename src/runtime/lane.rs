//! A lane: one executor and, with threads, the one thread that runs it; knows no engine.

use crate::compute::ThreadOptions;
use crate::compute::thread::start;
use crate::error::{Error, ErrorKind, Result};
use crate::sync::{Mutex, Parker, Signal, Waiters, lock};
use smol::{Executor, Task};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Instant;

/// The one time that something is due on a lane without being woken for it.
#[derive(Default)]
pub(super) struct Clock {
    due: Mutex<Due>,
    signal: Arc<Signal>,
}

#[derive(Default)]
struct Due {
    at: Option<Instant>,
    /// Who sleeps until then.
    sleepers: Waiters,
}

impl Clock {
    pub(super) fn new(signal: Arc<Signal>) -> Self {
        Self { due: Mutex::default(), signal }
    }

    /// Raises the signal at `at`, or not at all. Who sleeps longer than that is woken, to look again.
    pub(super) fn set(&self, at: Option<Instant>) {
        let mut due = lock(&self.due);
        let before = std::mem::replace(&mut due.at, at);
        let earlier = at.is_some_and(|at| before.is_none_or(|before| at < before));
        let sleepers = if earlier { std::mem::take(&mut due.sleepers) } else { Waiters::default() };
        drop(due);
        sleepers.wake();
    }

    pub(super) fn due(&self) -> Option<Instant> {
        lock(&self.due).at
    }

    /// Until when to sleep; `context` is woken if that becomes earlier.
    pub(super) fn sleep_until(&self, context: &Context<'_>) -> Option<Instant> {
        let mut due = lock(&self.due);
        let (left, at) = (due.sleepers.add(context.waker()), due.at);
        drop(due);
        left.wake();
        at
    }

    /// Raises the signal if it is time; whether it was.
    pub(super) fn strike(&self) -> bool {
        let mut due = lock(&self.due);
        if due.at.is_none_or(|at| Instant::now() < at) {
            return false;
        }
        due.at = None;
        drop(due);
        self.signal.raise();
        true
    }
}

/// Runs `task` and whatever it spawned to its end on this thread, and strikes `clock` on time.
pub(super) fn run<T>(executor: &Executor<'static>, task: Task<T>, clock: &Clock) -> T {
    let (parker, waker) = Parker::new();
    let mut context = Context::from_waker(&waker);
    let mut running = pin!(executor.run(task));
    loop {
        if let Poll::Ready(result) = running.as_mut().poll(&mut context) {
            return result;
        }
        if !parker.park(clock.due()) {
            clock.strike();
        }
    }
}

/// Counts the threads that have not come to their last line, for those who wait for that.
#[derive(Default)]
pub(super) struct Roll {
    names: Mutex<Vec<Arc<str>>>,
    wakers: Mutex<Vec<std::task::Waker>>,
}

impl Roll {
    /// Names of the threads that run.
    pub(super) fn present(&self) -> Vec<Arc<str>> {
        lock(&self.names).clone()
    }

    /// Waits until no thread is left or `deadline` passes; whether none is left.
    pub(super) fn wait_empty(&self, deadline: Option<Instant>) -> bool {
        let (parker, waker) = Parker::new();
        loop {
            lock(&self.wakers).push(waker.clone());
            if lock(&self.names).is_empty() {
                return true;
            }
            if !parker.park(deadline) {
                return lock(&self.names).is_empty();
            }
        }
    }

    /// Whether nobody is left; if not, `context` is woken when somebody leaves.
    pub(super) fn poll_empty(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut wakers = lock(&self.wakers);
        if !wakers.iter().any(|waker| waker.will_wake(context.waker())) {
            wakers.push(context.waker().clone());
        }
        drop(wakers);
        if lock(&self.names).is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Puts a name on the roll.
    pub(super) fn enter(self: &Arc<Self>, name: &str) -> Entry {
        let name: Arc<str> = name.into();
        lock(&self.names).push(name.clone());
        Entry { roll: self.clone(), name }
    }

    fn leave(&self, name: &Arc<str>) {
        let mut names = lock(&self.names);
        if let Some(index) = names.iter().position(|one| Arc::ptr_eq(one, name)) {
            names.swap_remove(index);
        }
        drop(names);
        let wakers = std::mem::take(&mut *lock(&self.wakers));
        wakers.into_iter().for_each(std::task::Waker::wake);
    }
}

/// A name on a roll; dropped, it leaves.
pub(super) struct Entry {
    roll: Arc<Roll>,
    name: Arc<str>,
}

impl Entry {
    /// `work`, on the roll until it has ended or was dropped.
    pub(super) async fn keep_during<T>(self, work: impl Future<Output = T>) -> T {
        // Also what the work held is gone before the name is.
        let result = Box::pin(work).await;
        drop(self);
        result
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.roll.leave(&self.name);
    }
}

/// Starts a thread of the runtime that is on the roll until the host's hook has run for the last time.
pub(super) fn spawn(
    name: String,
    roll: &Arc<Roll>,
    options: &ThreadOptions,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>> {
    let entry: Arc<str> = name.as_str().into();
    lock(&roll.names).push(entry.clone());
    let (on_roll, own) = (roll.clone(), entry.clone());
    let thread = start(name.clone(), options, move |life| {
        let _ = catch_unwind(AssertUnwindSafe(work));
        drop(life);
        on_roll.leave(&own);
    });
    thread.map_err(|error| {
        roll.leave(&entry);
        Error::new(ErrorKind::OutOfMemory, format!("the system refused the thread {name:?}: {error}"))
    })
}

#[cfg(all(test, not(feature = "shuttle")))]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn who_sleeps_is_woken_when_something_is_due_earlier() {
        let clock = Clock::default();
        let (parker, waker) = Parker::new();
        let context = Context::from_waker(&waker);
        let woken = || parker.park(Some(Instant::now()));
        let now = Instant::now();
        assert_eq!(clock.sleep_until(&context), None);
        clock.set(Some(now + Duration::from_secs(200)));
        assert!(woken());
        assert_eq!(clock.sleep_until(&context), Some(now + Duration::from_secs(200)));
        clock.set(Some(now + Duration::from_secs(300)));
        clock.set(None);
        assert!(!woken(), "nothing is due earlier");
        clock.set(Some(now + Duration::from_secs(100)));
        assert!(woken());
    }
}
