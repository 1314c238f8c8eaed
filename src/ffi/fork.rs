//! Tells a forked child from its parent, without a lock that the fork may have left taken; knows no object.

use crate::sync::Mutex;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use super::handles::Table;

/// What belongs to one process: a forked child gets its own, the parent's is never touched there.
pub(super) struct Process {
    /// How many forks lie between this process and the first that used wick.
    pub(super) epoch: u64,
    /// Makes the ids of one process meaningless in another.
    pub(super) salt: u64,
    pub(super) table: Mutex<Table>,
    /// Kept reachable: it is lost to nobody but this process.
    _parent: Option<&'static Process>,
}

static CURRENT: AtomicPtr<Process> = AtomicPtr::new(ptr::null_mut());
/// Where the mark is: on a page that the kernel wipes in a child, or [`PLAIN`].
static MARK: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());
static PLAIN: AtomicU64 = AtomicU64::new(0);

/// This process's state; made at the first call, and again at the first call in a forked child.
pub(super) fn process() -> &'static Process {
    let (mark, key) = mark();
    let (ready, busy) = (key * 2, key * 2 + 1);
    loop {
        let seen = mark.load(Ordering::Acquire);
        if seen == ready {
            // SAFETY: the mark says that the pointer was set, to a leaked box that is never freed.
            return unsafe { &*CURRENT.load(Ordering::Acquire) };
        }
        if seen == busy {
            std::thread::yield_now();
        } else if mark.compare_exchange(seen, busy, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            renew();
            mark.store(ready, Ordering::Release);
        }
    }
}

/// How many forks lie between this process and the first.
pub(super) fn epoch() -> u64 {
    process().epoch
}

fn renew() {
    // SAFETY: null, or a leaked box that is never freed; in a child it is a copy that nobody else changes.
    let parent = unsafe { CURRENT.load(Ordering::Acquire).as_ref() };
    let (epoch, salt) = match parent {
        Some(parent) => (parent.epoch + 1, parent.salt),
        None => (0, RandomState::new().build_hasher().finish()),
    };
    let process = Box::new(Process { epoch, salt, table: Mutex::default(), _parent: parent });
    CURRENT.store(Box::into_raw(process), Ordering::Release);
}

/// The mark, and what it is compared with: a constant where the kernel wipes it, else the process's id.
fn mark() -> (&'static AtomicU64, u64) {
    let mut mark = MARK.load(Ordering::Acquire);
    if mark.is_null() {
        mark = choose_mark();
    }
    if ptr::eq(mark, &PLAIN) {
        return (&PLAIN, plain_key());
    }
    // SAFETY: not null and not PLAIN: a mapped page that is never unmapped.
    (unsafe { &*mark }, 1)
}

#[cfg(target_os = "linux")]
fn choose_mark() -> *mut AtomicU64 {
    let page = wiped_page().unwrap_or_else(|| ptr::from_ref(&PLAIN).cast_mut());
    match MARK.compare_exchange(ptr::null_mut(), page, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => page,
        Err(theirs) => {
            if !ptr::eq(page, &PLAIN) {
                // SAFETY: this page was mapped just now and nobody has seen it.
                unsafe { libc::munmap(page.cast(), PAGE) };
            }
            theirs
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn choose_mark() -> *mut AtomicU64 {
    let plain = ptr::from_ref(&PLAIN).cast_mut();
    MARK.store(plain, Ordering::Release);
    plain
}

/// Bytes asked for; the kernel rounds up.
#[cfg(target_os = "linux")]
const PAGE: usize = 4096;

/// A page that reads as zero in a forked child, if this kernel has that (Linux 4.14).
#[cfg(target_os = "linux")]
fn wiped_page() -> Option<*mut AtomicU64> {
    // Miri has no such advice.
    if cfg!(miri) {
        return None;
    }
    let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a fresh anonymous mapping; no memory of ours is concerned.
    let page = unsafe { libc::mmap(ptr::null_mut(), PAGE, access, kind, -1, 0) };
    if page == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: the page was mapped just now.
    if unsafe { libc::madvise(page, PAGE, libc::MADV_WIPEONFORK) } != 0 {
        // SAFETY: as above, and nobody has seen it.
        unsafe { libc::munmap(page, PAGE) };
        return None;
    }
    Some(page.cast())
}

#[cfg(unix)]
fn plain_key() -> u64 {
    // SAFETY: getpid has no preconditions.
    u64::from(unsafe { libc::getpid() }.unsigned_abs())
}

/// There is no fork.
#[cfg(not(unix))]
fn plain_key() -> u64 {
    1
}
