//! Locks, atomics and a set-once cell that are std's, or shuttle's when schedules are explored; knows nothing
//! else.
//!
//! Floor 0. A poisoned lock is taken all the same: whoever holds one leaves its data valid at every step.

#[cfg(feature = "shuttle")]
pub(crate) use shuttle::sync::{
    Condvar, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};
#[cfg(not(feature = "shuttle"))]
pub(crate) use std::sync::{
    Condvar, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};

use smallvec::SmallVec;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

/// Locks `mutex`, poisoned or not.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Waits for `changed`, without `held` meanwhile; `None` once `deadline` (none: never) has passed.
pub(crate) fn wait_until<'a, T>(
    changed: &Condvar,
    held: MutexGuard<'a, T>,
    deadline: Option<Instant>,
) -> Option<MutexGuard<'a, T>> {
    let Some(deadline) = deadline else {
        return Some(changed.wait(held).unwrap_or_else(|poisoned| poisoned.into_inner()));
    };
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return None;
    }
    Some(changed.wait_timeout(held, left).unwrap_or_else(|poisoned| poisoned.into_inner()).0)
}

/// A lock that can be waited for until a deadline.
#[derive(Debug, Default)]
pub(crate) struct TimedLock {
    held: Mutex<bool>,
    free: Condvar,
}

/// The hold on a [`TimedLock`]; dropped, the lock is free.
pub(crate) struct Held<'a>(&'a TimedLock);

impl TimedLock {
    /// Takes the lock by `deadline` (none: whenever that is); `None` if another has it for longer.
    pub(crate) fn hold_by(&self, deadline: Option<Instant>) -> Option<Held<'_>> {
        let mut held = lock(&self.held);
        while *held {
            held = wait_until(&self.free, held, deadline)?;
        }
        *held = true;
        Some(Held(self))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        *lock(&self.0.held) = false;
        self.0.free.notify_one();
    }
}

/// A point at which another thread may run: where a library that counts as atomic is called. Nothing without
/// shuttle.
#[inline]
pub(crate) fn yield_point() {
    #[cfg(feature = "shuttle")]
    // Not yield_now, which would also put this thread behind all others.
    AtomicBool::new(false).load(Ordering::SeqCst);
}

/// Alone in its cache lines (two, which processors fetch together): what one thread writes is not in the way
/// of what another reads.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Apart<T>(pub(crate) T);

impl<T> std::ops::Deref for Apart<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Between a change and a look at whether anybody has to hear of it, and between saying so and looking for
/// changes: of two threads that do one each, at least one then sees the other.
#[inline]
pub(crate) fn announce_point() {
    // Shuttle's atomics are in one order anyway.
    #[cfg(not(feature = "shuttle"))]
    std::sync::atomic::fence(Ordering::SeqCst);
}

/// A cell that is written at most once and can be read from then on. Its calls count as atomic.
#[derive(Debug)]
pub(crate) struct SetOnce<T>(std::sync::OnceLock<T>);

impl<T> Default for SetOnce<T> {
    fn default() -> Self {
        Self(std::sync::OnceLock::new())
    }
}

impl<T> SetOnce<T> {
    /// Whether `value` is the one that stays.
    pub(crate) fn set(&self, value: T) -> bool {
        yield_point();
        let first = self.0.set(value).is_ok();
        yield_point();
        first
    }

    /// The value, once there is one.
    pub(crate) fn get(&self) -> Option<&T> {
        yield_point();
        let value = self.0.get();
        yield_point();
        value
    }

    /// Whether there is a value.
    pub(crate) fn is_set(&self) -> bool {
        self.get().is_some()
    }
}

/// One thread's place to sleep, woken through a [`Waker`]; a wake before the sleep counts.
#[derive(Debug, Default)]
pub(crate) struct Parker {
    woken: Mutex<bool>,
    signal: Condvar,
}

impl Parker {
    /// A parker and the waker that wakes it.
    pub(crate) fn new() -> (Arc<Self>, Waker) {
        let parker = Arc::new(Self::default());
        let waker = Waker::from(parker.clone());
        (parker, waker)
    }

    /// Sleeps until woken or until `deadline` (none: until woken), and whether it was woken.
    pub(crate) fn park(&self, deadline: Option<Instant>) -> bool {
        let mut woken = lock(&self.woken);
        while !*woken {
            woken = match wait_until(&self.signal, woken, deadline) {
                Some(woken) => woken,
                None => return false,
            };
        }
        *woken = false;
        true
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Signalled after the lock is free: else the sleeper wakes only to wait for it.
        let woken = std::mem::replace(&mut *lock(&self.woken), true);
        if !woken {
            self.signal.notify_one();
        }
    }
}

/// Where threads wait for what others poll for; keeps a parker from one wait to the next, so that a wait need
/// not allocate.
#[derive(Debug, Default)]
pub(crate) struct WaitingRoom {
    spare: Mutex<Option<Arc<Parker>>>,
}

impl WaitingRoom {
    /// Polls until ready; `None` once `deadline` (none: never) has passed.
    pub(crate) fn wait<T>(
        &self,
        deadline: Option<Instant>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Option<T> {
        let spare = lock(&self.spare).take();
        let (parker, waker) = match spare {
            Some(parker) => (parker.clone(), Waker::from(parker)),
            None => Parker::new(),
        };
        let mut context = Context::from_waker(&waker);
        let value = loop {
            if let Poll::Ready(value) = poll(&mut context) {
                break Some(value);
            }
            if !parker.park(deadline) {
                break None;
            }
        };
        *lock(&self.spare) = Some(parker);
        value
    }
}

/// How many wait at once before the eldest is asked to look again; more would keep each other awake.
const MAX_WAITERS: usize = 256;

/// Who waits for a change; all are woken together, so that no reader can take another's only wake.
#[derive(Debug, Default)]
pub(crate) struct Waiters(SmallVec<[Waker; 1]>);

impl Waiters {
    /// Whether nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds `waker` unless it waits already. Who had to leave for it is to be woken, outside every lock: it
    /// comes again if it still waits, and is forgotten if it has given up.
    #[must_use]
    pub(crate) fn add(&mut self, waker: &Waker) -> Self {
        let mut left = Self::default();
        if self.0.iter().any(|waiting| waiting.will_wake(waker)) {
            return left;
        }
        if self.0.len() >= MAX_WAITERS {
            left.0.push(self.0.remove(0));
        }
        self.0.push(waker.clone());
        left
    }

    /// Wakes everyone. Not under a lock: a waker may do anything.
    pub(crate) fn wake(self) {
        self.0.into_iter().for_each(Waker::wake);
    }
}

/// Who waits for a change that is made without a lock: when nobody does, telling them costs a look.
#[derive(Debug, Default)]
pub(crate) struct WaitList {
    /// Whether there are any; written under their lock.
    present: AtomicBool,
    waiters: Mutex<Waiters>,
}

impl WaitList {
    /// From here on `waker` hears of changes; who adds it looks for them afterwards.
    pub(crate) fn add(&self, waker: &Waker) {
        let left = {
            let mut waiters = lock(&self.waiters);
            self.present.store(true, Ordering::SeqCst);
            waiters.add(waker)
        };
        left.wake();
        announce_point();
    }

    /// Wakes everyone; an [`announce_point`] lies between the change and this.
    pub(crate) fn wake(&self) {
        if !self.present.load(Ordering::SeqCst) {
            return;
        }
        let waiters = {
            let mut waiters = lock(&self.waiters);
            self.present.store(false, Ordering::SeqCst);
            std::mem::take(&mut *waiters)
        };
        waiters.wake();
    }
}

/// A flag that one task waits for: raised any number of times, taken once.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    raised: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Signal {
    /// Raises the flag and wakes whoever waits for it.
    pub(crate) fn raise(&self) {
        if !self.raised.swap(true, Ordering::SeqCst) {
            let waker = lock(&self.waker).take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    /// Lowers the flag, and whether it was raised; if not, `context` is woken when it is.
    pub(crate) fn poll_take(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.take() {
            return Poll::Ready(());
        }
        let before = lock(&self.waker).replace(context.waker().clone());
        drop(before);
        if self.take() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Lowers the flag, and whether it was raised.
    pub(crate) fn take(&self) -> bool {
        // Mostly it is not: looking does not take the flag's memory from who raises it.
        self.raised.load(Ordering::SeqCst) && self.raised.swap(false, Ordering::SeqCst)
    }
}

#[cfg(all(test, feature = "shuttle"))]
mod tests {
    use super::*;
    use std::future::poll_fn;

    #[test]
    fn whoever_waits_for_a_signal_hears_of_it() {
        let scenario = || {
            let signal = Arc::new(Signal::default());
            let raisers: Vec<_> = (0..2)
                .map(|_| {
                    let signal = signal.clone();
                    shuttle::thread::spawn(move || signal.raise())
                })
                .collect();
            shuttle::future::block_on(poll_fn(|context| signal.poll_take(context)));
            raisers.into_iter().for_each(|raiser| raiser.join().expect("no panic"));
            signal.raise();
            assert!(signal.take() && !signal.take());
        };
        shuttle::check_random(scenario, 10_000);
    }
}

#[cfg(all(test, not(feature = "shuttle")))]
mod lock_tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_timed_lock_is_had_when_it_is_free_and_not_before() {
        let lock = TimedLock::default();
        let held = lock.hold_by(None).expect("a free lock");
        assert!(lock.hold_by(Some(Instant::now())).is_none());
        assert!(lock.hold_by(Instant::now().checked_add(Duration::from_millis(2))).is_none());
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| lock.hold_by(None).is_some());
            drop(held);
            assert!(waiter.join().expect("no panic"));
        });
        assert!(lock.hold_by(Some(Instant::now())).is_some(), "the waiter's hold is over");
    }
}
