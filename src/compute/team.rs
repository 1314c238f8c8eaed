//! What the caller and the threads of a pool share, and the life of a thread; knows not who starts it.

use std::any::Any;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::*};
use std::sync::{Mutex, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// What one chunk of a job does: (chunk, thread).
pub(super) type Work<'a> = dyn Fn(usize, usize) + Sync + 'a;

/// In `Shared::state`: the job takes threads in.
const OPEN: u64 = 1 << 31;
/// In `Shared::state`: how many threads are inside the job.
const INSIDE: u64 = OPEN - 1;
/// In `Shared::state`: one more job.
const EPOCH: u64 = 1 << 32;
/// A counter beyond every chunk.
const NO_MORE: usize = usize::MAX / 2;

/// The state of a pool. Fields that different threads write often lie on lines of their own.
pub(super) struct Shared {
    /// Jobs so far, [`OPEN`], and the number of threads inside.
    state: Line<AtomicU64>,
    /// The next chunk to take.
    next: Line<AtomicUsize>,
    /// The job; written by the caller while nobody is inside.
    job: UnsafeCell<Job>,
    /// The first panic of a thread within a job.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    /// The caller, while it sleeps until the last thread leaves.
    caller: Mutex<Option<Thread>>,
    /// Whether `caller` is set.
    caller_sleeps: AtomicBool,
    /// Whether each thread sleeps.
    sleeps: Box<[Line<AtomicBool>]>,
    /// The pool is over.
    ends: AtomicBool,
    /// How long to look before sleeping.
    spin: Duration,
}

/// A value on a pair of cache lines of its own.
#[repr(align(128))]
struct Line<T>(T);

/// A borrowed job; the join guarantees its lifetime.
#[derive(Clone, Copy)]
pub(super) struct Job {
    work: *const Work<'static>,
    chunks: usize,
}

impl Job {
    pub(super) fn new(work: &Work<'static>, chunks: usize) -> Self {
        Self { work, chunks }
    }
}

// SAFETY: `job` is written only by the caller while no thread is inside, and read only by threads inside;
// entering and leaving go through `state` with acquire and release.
unsafe impl Sync for Shared {}
// SAFETY: the pointer in `job` is to a `Sync` closure.
unsafe impl Send for Shared {}

impl Shared {
    /// For `threads` threads, the caller among them.
    pub(super) fn new(threads: usize, spin: Duration) -> Self {
        fn nothing(_: usize, _: usize) {}
        Self {
            state: Line(AtomicU64::new(0)),
            next: Line(AtomicUsize::new(NO_MORE)),
            job: UnsafeCell::new(Job { work: &nothing, chunks: 0 }),
            panic: Mutex::new(None),
            caller: Mutex::new(None),
            caller_sleeps: AtomicBool::new(false),
            sleeps: (0..threads).map(|_| Line(AtomicBool::new(false))).collect(),
            ends: AtomicBool::new(false),
            spin,
        }
    }

    /// Lets the threads into `job`, from chunk `start` on.
    pub(super) fn open(&self, job: Job, start: usize) -> Join<'_> {
        // SAFETY: the last job was closed and left by all, so nobody reads this.
        unsafe { *self.job.get() = job };
        // A panic of the last job that its caller did not take, because it panicked too, is none of this
        // one's.
        drop(self.take_panic());
        self.next.0.store(start, Relaxed);
        let epoch = self.state.0.load(Relaxed) & !(OPEN | INSIDE);
        self.state.0.store(epoch.wrapping_add(EPOCH) | OPEN, SeqCst);
        Join { shared: self }
    }

    /// The next chunk of a job of `chunks`.
    pub(super) fn take_chunk(&self, chunks: usize) -> Option<usize> {
        let chunk = self.next.0.fetch_add(1, Relaxed);
        (chunk < chunks).then_some(chunk)
    }

    /// Whether thread `index` sleeps and the caller of this is the one to wake it.
    pub(super) fn take_sleeping(&self, index: usize) -> bool {
        self.sleeps.get(index).is_some_and(|sleeps| sleeps.0.load(SeqCst) && sleeps.0.swap(false, SeqCst))
    }

    /// The first panic of a thread since the last call.
    pub(super) fn take_panic(&self) -> Option<Box<dyn Any + Send>> {
        self.panic.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Tells the threads to end; they have to be woken.
    pub(super) fn end(&self) {
        self.ends.store(true, SeqCst);
    }

    /// Enters the open job, unless it is the one `seen` already; returns its number.
    fn enter(&self, seen: u64) -> Option<u64> {
        let mut state = self.state.0.load(SeqCst);
        while state & OPEN != 0 && state / EPOCH != seen {
            match self.state.0.compare_exchange_weak(state, state + 1, Acquire, Relaxed) {
                Ok(_) => return Some(state / EPOCH),
                Err(now) => state = now,
            }
        }
        None
    }

    /// Leaves the job; the last to leave wakes a sleeping caller.
    fn leave(&self) {
        let before = self.state.0.fetch_sub(1, SeqCst);
        if before & (OPEN | INSIDE) == 1 && self.caller_sleeps.load(SeqCst) {
            // It is not taken: a thread that is late here may meet the caller of the next job, which still
            // needs to be found by others.
            if let Some(caller) = &*self.caller.lock().unwrap_or_else(PoisonError::into_inner) {
                caller.unpark();
            }
        }
    }

    /// Waits for a job other than `seen`; `None` when the pool is over.
    fn await_job(&self, seen: u64, index: usize) -> Option<u64> {
        loop {
            let start = Instant::now();
            while start.elapsed() < self.spin {
                for _ in 0..32 {
                    if let Some(epoch) = self.enter(seen) {
                        return Some(epoch);
                    }
                    std::hint::spin_loop();
                }
            }
            if self.ends.load(SeqCst) {
                return None;
            }
            // Either the caller sees this flag after it opened a job, or we see its job here.
            self.sleeps[index].0.store(true, SeqCst);
            if let Some(epoch) = self.enter(seen) {
                self.sleeps[index].0.store(false, SeqCst);
                return Some(epoch);
            }
            while self.sleeps[index].0.load(SeqCst) && !self.ends.load(SeqCst) {
                std::thread::park();
            }
            if let Some(epoch) = self.enter(seen) {
                return Some(epoch);
            }
        }
    }
}

/// A job that threads are in. Dropping it (also while the caller unwinds) closes the job and waits until all
/// have left.
pub(super) struct Join<'a> {
    shared: &'a Shared,
}

impl Join<'_> {
    /// Closes the job and waits; returns the first chunk that nobody took (or a number beyond the last).
    pub(super) fn wait(self) -> usize {
        let next = self.close();
        std::mem::forget(self);
        next
    }

    fn close(&self) -> usize {
        let next = self.shared.next.0.swap(NO_MORE, Relaxed);
        self.shared.state.0.fetch_and(!OPEN, SeqCst);
        if !self.spin() {
            self.sleep();
        }
        next
    }

    fn all_left(&self) -> bool {
        self.shared.state.0.load(Acquire) & INSIDE == 0
    }

    fn spin(&self) -> bool {
        for _ in 0..64 {
            if self.all_left() {
                return true;
            }
            std::hint::spin_loop();
        }
        let start = Instant::now();
        while start.elapsed() < self.shared.spin {
            for _ in 0..32 {
                if self.all_left() {
                    return true;
                }
                std::hint::spin_loop();
            }
        }
        false
    }

    fn sleep(&self) {
        let caller = || self.shared.caller.lock().unwrap_or_else(PoisonError::into_inner);
        *caller() = Some(std::thread::current());
        self.shared.caller_sleeps.store(true, SeqCst);
        while self.shared.state.0.load(SeqCst) & INSIDE != 0 {
            std::thread::park();
        }
        self.shared.caller_sleeps.store(false, SeqCst);
        *caller() = None;
    }
}

impl Drop for Join<'_> {
    fn drop(&mut self) {
        self.close();
    }
}

/// What a thread does from its start to its end.
pub(super) fn live(shared: &Shared, index: usize) {
    let mut seen = 0;
    while let Some(epoch) = shared.await_job(seen, index) {
        seen = epoch;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: between `enter` and `leave` the job is not written and its closure is alive: the caller
            // waits for us.
            let job = unsafe { *shared.job.get() };
            // SAFETY: as above.
            let work = unsafe { &*job.work };
            while let Some(chunk) = shared.take_chunk(job.chunks) {
                work(chunk, index);
            }
        }));
        if let Err(panic) = outcome {
            shared.next.0.store(NO_MORE, Relaxed);
            shared.panic.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(panic);
        }
        shared.leave();
    }
}
