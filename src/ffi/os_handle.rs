//! A level for the operating system to wait on: an eventfd, a pipe, an Event; changed only when it changes.

use crate::error::{Error, ErrorKind, Result};
use crate::stream::Level;
use crate::sync::{Mutex, lock};
use std::ffi::c_void;
use std::sync::Arc;

/// What an event loop waits on: readable (signalled) exactly while an event, the rest of one, or a wake
/// waits. It is the library's until the stream or queue is closed: wait on it, never read, write, reset or
/// close it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wick_os_handle {
    /// A file descriptor on Unix, else -1.
    pub fd: i32,
    /// A manual-reset event's HANDLE on Windows, else NULL.
    pub event: *mut c_void,
}

/// Readiness as the operating system sees it: for [`Consumer::show_on`](crate::stream::Consumer::show_on) and
/// [`Queue::show_on`](crate::stream::Queue::show_on), from Rust too.
pub struct OsHandle {
    shown: Mutex<bool>,
    system: system::Handle,
}

impl OsHandle {
    /// A handle that shows nothing to read yet.
    ///
    /// # Errors
    /// `Io` if the system has no descriptor left.
    pub fn new() -> Result<Arc<Self>> {
        let system = system::Handle::new().map_err(|error| {
            Error::new(
                ErrorKind::Io,
                format!("the system gave no handle to wait on: {error}; close some files"),
            )
        })?;
        Ok(Arc::new(Self { shown: Mutex::new(false), system }))
    }

    fn raw(&self) -> wick_os_handle {
        self.system.raw()
    }
}

/// What an event loop waits on: readable exactly while something waits. Not to be read or written.
#[cfg(unix)]
impl std::os::fd::AsFd for OsHandle {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.system.as_fd()
    }
}

impl Level for OsHandle {
    fn set(&self, readable: bool) {
        let mut shown = lock(&self.shown);
        if *shown != readable {
            self.system.set(readable);
            *shown = readable;
        }
    }
}

/// The handle of one object, made when it is first asked for.
#[derive(Default)]
pub(super) struct OsSlot(Mutex<Option<Arc<OsHandle>>>);

impl OsSlot {
    /// The handle; a new one is given to `show`, which keeps it right from then on.
    ///
    /// # Errors
    /// `Io` if the system has no descriptor left.
    pub(super) fn get(&self, show: impl FnOnce(Arc<dyn Level>)) -> Result<wick_os_handle> {
        let mut slot = lock(&self.0);
        if let Some(handle) = &*slot {
            return Ok(handle.raw());
        }
        let handle = OsHandle::new()?;
        show(handle.clone());
        let raw = handle.raw();
        *slot = Some(handle);
        Ok(raw)
    }

    /// Lets go of the handle.
    pub(super) fn close(&self) {
        lock(&self.0).take();
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use super::*;
    use std::io;
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

    /// An eventfd.
    pub(super) struct Handle(OwnedFd);

    impl Handle {
        pub(super) fn new() -> io::Result<Self> {
            // SAFETY: no memory is concerned.
            let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: a new descriptor that nobody else owns.
            Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
        }

        pub(super) fn raw(&self) -> wick_os_handle {
            wick_os_handle { fd: self.0.as_raw_fd(), event: std::ptr::null_mut() }
        }

        pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }

        pub(super) fn set(&self, readable: bool) {
            let mut count = 1u64;
            let (fd, at, length) = (self.0.as_raw_fd(), (&raw mut count).cast::<c_void>(), size_of::<u64>());
            // SAFETY: eight bytes of our own. Neither call waits: the counter is 0 before the write and 1
            // before the read.
            unsafe { if readable { libc::write(fd, at, length) } else { libc::read(fd, at, length) } };
        }
    }
}

#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
mod system {
    use super::*;
    use std::io;
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

    /// A pipe: readable while one byte is in it.
    pub(super) struct Handle {
        reader: OwnedFd,
        writer: OwnedFd,
    }

    impl Handle {
        pub(super) fn new() -> io::Result<Self> {
            let mut ends = [0; 2];
            // SAFETY: room for two descriptors.
            if unsafe { libc::pipe(ends.as_mut_ptr()) } != 0 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: two new descriptors that nobody else owns.
            let [reader, writer] = ends.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
            for end in [&reader, &writer] {
                // SAFETY: flags of our own descriptors; no memory is concerned.
                let set = unsafe {
                    libc::fcntl(end.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) == 0
                        && libc::fcntl(end.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) == 0
                };
                if !set {
                    return Err(io::Error::last_os_error());
                }
            }
            Ok(Self { reader, writer })
        }

        pub(super) fn raw(&self) -> wick_os_handle {
            wick_os_handle { fd: self.reader.as_raw_fd(), event: std::ptr::null_mut() }
        }

        pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
            self.reader.as_fd()
        }

        pub(super) fn set(&self, readable: bool) {
            let mut byte = 1u8;
            let at = (&raw mut byte).cast::<c_void>();
            // SAFETY: one byte of our own. Neither call waits: the ends are non-blocking.
            unsafe {
                if readable {
                    libc::write(self.writer.as_raw_fd(), at, 1)
                } else {
                    libc::read(self.reader.as_raw_fd(), at, 1)
                }
            };
        }
    }
}

#[cfg(windows)]
mod system {
    use super::*;
    use std::io;
    use windows_sys::Win32::Foundation::{CloseHandle, HANDLE};
    use windows_sys::Win32::System::Threading::{CreateEventW, ResetEvent, SetEvent};

    /// A manual-reset event.
    pub(super) struct Handle(HANDLE);

    // SAFETY: a kernel handle may be used from any thread.
    unsafe impl Send for Handle {}
    // SAFETY: as above, also at once.
    unsafe impl Sync for Handle {}

    impl Handle {
        pub(super) fn new() -> io::Result<Self> {
            // SAFETY: no attributes and no name; manual reset, not signalled.
            let event = unsafe { CreateEventW(std::ptr::null(), 1, 0, std::ptr::null()) };
            if event.is_null() { Err(io::Error::last_os_error()) } else { Ok(Self(event)) }
        }

        pub(super) fn raw(&self) -> wick_os_handle {
            wick_os_handle { fd: -1, event: self.0.cast() }
        }

        pub(super) fn set(&self, readable: bool) {
            // SAFETY: our own event, which lives as long as this.
            unsafe { if readable { SetEvent(self.0) } else { ResetEvent(self.0) } };
        }
    }

    impl Drop for Handle {
        fn drop(&mut self) {
            // SAFETY: our own event, closed once.
            unsafe { CloseHandle(self.0) };
        }
    }
}
