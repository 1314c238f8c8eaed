//! An allocator that counts: per thread the calls, the bytes in use and their peak, and the calls of all
//! threads together.
#![allow(unsafe_code, dead_code)] // Each test uses a part of it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

pub struct Counting;

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
    static NOW: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

static ALL_CALLS: AtomicUsize = AtomicUsize::new(0);

fn count(bytes: isize) {
    if bytes > 0 {
        ALL_CALLS.fetch_add(1, Ordering::Relaxed);
        CALLS.set(CALLS.get() + 1);
    }
    NOW.set(NOW.get() + bytes);
    PEAK.set(PEAK.get().max(NOW.get()));
}

// SAFETY: every call goes on to the system's allocator unchanged; counting allocates nothing, and its
// thread-locals have no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Old and new lie side by side at worst.
        count(size as isize);
        count(-(layout.size() as isize));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// This thread's allocations so far.
pub fn calls() -> usize {
    CALLS.get()
}

/// All threads' allocations so far: for a test that has its process to itself.
pub fn all_calls() -> usize {
    ALL_CALLS.load(Ordering::Relaxed)
}

/// Bytes in use that this thread took, less those that it gave back.
pub fn bytes() -> isize {
    NOW.get()
}

/// Runs `work`; gives its result and the most bytes that this thread had in use meanwhile, beyond those
/// before.
pub fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = NOW.get();
    PEAK.set(before);
    let result = work();
    (result, (PEAK.get() - before) as usize)
}
