//! Tells a forked child from its parent, without a lock that the fork may have left taken; knows no object.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// A value of each process: a forked child gets its own at its first use, the parent's is never touched
/// there.
pub(in crate::ffi) struct PerProcess<T: 'static> {
    current: AtomicPtr<Process<T>>,
    mark: Mark,
}

/// One process and its value.
pub(in crate::ffi) struct Process<T: 'static> {
    /// How many forks lie between this process and the first that used the value.
    pub(in crate::ffi) epoch: u64,
    /// Makes the ids of one process meaningless in another.
    pub(in crate::ffi) salt: u64,
    pub(in crate::ffi) value: T,
    /// Kept reachable: it is lost to nobody but this process.
    _parent: Option<&'static Process<T>>,
}

impl<T: Default + Sync> PerProcess<T> {
    pub(in crate::ffi) const fn new() -> Self {
        Self { current: AtomicPtr::new(ptr::null_mut()), mark: Mark::new() }
    }

    /// This process's own; made at the first call, and again at the first call in a forked child.
    pub(in crate::ffi) fn get(&'static self) -> &'static Process<T> {
        let (mark, key) = self.mark.get();
        let (ready, busy) = (key * 2, key * 2 + 1);
        loop {
            let seen = mark.load(Ordering::Acquire);
            if seen == ready {
                // SAFETY: the mark says that the pointer was set, to a leaked box that is never freed.
                return unsafe { &*self.current.load(Ordering::Acquire) };
            }
            if seen == busy {
                std::thread::yield_now();
            } else if mark.compare_exchange(seen, busy, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                self.renew();
                mark.store(ready, Ordering::Release);
            }
        }
    }

    fn renew(&self) {
        // SAFETY: null, or a leaked box that is never freed; in a child it is a copy that nobody else
        // changes.
        let parent = unsafe { self.current.load(Ordering::Acquire).as_ref() };
        let (epoch, salt) = match parent {
            Some(parent) => (parent.epoch + 1, parent.salt),
            None => (0, RandomState::new().build_hasher().finish()),
        };
        let process = Box::new(Process { epoch, salt, value: T::default(), _parent: parent });
        self.current.store(Box::into_raw(process), Ordering::Release);
    }
}

/// Says in which process a value was made.
struct Mark {
    /// Where it is: on a page that the kernel wipes in a child, or in `plain`.
    at: AtomicPtr<AtomicU64>,
    plain: AtomicU64,
}

impl Mark {
    const fn new() -> Self {
        Self { at: AtomicPtr::new(ptr::null_mut()), plain: AtomicU64::new(0) }
    }

    /// The mark, and what it is compared with: a constant where the kernel wipes it, else the process's id.
    fn get(&'static self) -> (&'static AtomicU64, u64) {
        let mut mark = self.at.load(Ordering::Acquire);
        if mark.is_null() {
            mark = self.choose();
        }
        if ptr::eq(mark, &self.plain) {
            return (&self.plain, plain_key());
        }
        // SAFETY: not null and not `plain`: a mapped page that is never unmapped.
        (unsafe { &*mark }, 1)
    }

    #[cfg(target_os = "linux")]
    fn choose(&'static self) -> *mut AtomicU64 {
        let page = wiped_page().unwrap_or_else(|| ptr::from_ref(&self.plain).cast_mut());
        match self.at.compare_exchange(ptr::null_mut(), page, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => page,
            Err(theirs) => {
                if !ptr::eq(page, &self.plain) {
                    // SAFETY: this page was mapped just now and nobody has seen it.
                    unsafe { libc::munmap(page.cast(), PAGE) };
                }
                theirs
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn choose(&'static self) -> *mut AtomicU64 {
        let plain = ptr::from_ref(&self.plain).cast_mut();
        self.at.store(plain, Ordering::Release);
        plain
    }
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
