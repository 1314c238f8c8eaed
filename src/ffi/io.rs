//! A host's own storage, as what a model or a save is read from, and a save written to; knows no format.

use super::border::inside::callback;
use super::border::sized::Versioned;
use super::border::str::refuse;
use super::border::user::{UserData, wick_drop_fn};
use crate::error::{Error, ErrorKind, Result};
use crate::gguf::ReadAt;
use crate::runtime::WriteAt;
use std::ffi::c_void;

/// The most bytes that one call of `read_at` is asked for.
const MAX_READ: usize = 16 << 20;

/// Reads `len` bytes (at most 16 MiB) at `offset` into `dst`; 0 on success. Any thread, one call at a time.
pub type wick_read_at_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, offset: u64, dst: *mut c_void, len: u64) -> i32>;
/// Writes `len` bytes (at most 16 MiB) at `offset`, ascending, without gaps; 0 on success. For
/// wick_session_save. Any thread, one call at a time.
pub type wick_write_at_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, offset: u64, src: *const c_void, len: u64) -> i32>;

/// A model inside a pak file, an archive, an asset, …
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wick_io {
    /// sizeof(wick_io).
    pub struct_size: u32,
    /// 0.
    pub flags: u32,
    /// Bytes in all; for wick_session_save without meaning.
    pub size: u64,
    /// Reads a part; for wick_session_save without meaning.
    pub read_at: wick_read_at_fn,
    /// For wick_session_save, which writes with it; else NULL.
    pub write_at: wick_write_at_fn,
    /// For both functions.
    pub user: *mut c_void,
    /// Drops `user`, once, when nothing is read or written any more.
    pub drop: wick_drop_fn,
}

// SAFETY: repr(C), begins with struct_size; integers, raw pointers and nullable functions only.
unsafe impl Versioned for wick_io {
    const NAME: &'static str = "wick_io";
}

impl wick_io {
    /// What the functions are called with.
    pub(super) fn user(&self) -> UserData {
        UserData::new(self.user, self.drop)
    }
}

/// A host's reader.
pub(super) struct HostReader {
    size: u64,
    read_at: unsafe extern "C" fn(*mut c_void, u64, *mut c_void, u64) -> i32,
    user: UserData,
}

impl HostReader {
    /// # Errors
    /// `InvalidArgument`, `Unsupported`: the user pointer is dropped then.
    pub(super) fn new(io: &wick_io, user: UserData) -> Result<Self> {
        let bad = |what| Err(Error::new(ErrorKind::InvalidArgument, what));
        refuse(io.flags != 0, "wick_io.flags")?;
        if io.write_at.is_some() {
            return bad("wick_io.write_at is for wick_session_save only; leave it NULL");
        }
        match io.read_at {
            Some(read_at) => Ok(Self { size: io.size, read_at, user }),
            None => bad("wick_io.read_at is NULL"),
        }
    }
}

impl ReadAt for HostReader {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&mut self, offset: u64, dst: &mut [u8]) -> Result<()> {
        let mut at = offset;
        for part in dst.chunks_mut(MAX_READ) {
            let (user, length) = (self.user.pointer(), part.len() as u64);
            // SAFETY: the host's function with its own pointer, and `length` bytes that are ours; `&mut self`
            // makes it one call at a time.
            let code = callback(|| unsafe { (self.read_at)(user, at, part.as_mut_ptr().cast(), length) });
            if code != 0 {
                let message = format!("the host's read_at returned {code} for {length} bytes at {at}");
                return Err(Error::new(ErrorKind::Io, message));
            }
            at = at.saturating_add(length);
        }
        Ok(())
    }
}

/// A host's writer.
pub(super) struct HostWriter {
    write_at: unsafe extern "C" fn(*mut c_void, u64, *const c_void, u64) -> i32,
    user: UserData,
}

impl HostWriter {
    /// # Errors
    /// `InvalidArgument`, `Unsupported`: the user pointer is dropped then.
    pub(super) fn new(io: &wick_io, user: UserData) -> Result<Self> {
        refuse(io.flags != 0, "wick_io.flags")?;
        match io.write_at {
            Some(write_at) => Ok(Self { write_at, user }),
            None => {
                let why = "wick_io.write_at is NULL; a save is written with it";
                Err(Error::new(ErrorKind::InvalidArgument, why))
            }
        }
    }
}

impl WriteAt for HostWriter {
    fn write_at(&mut self, offset: u64, src: &[u8]) -> Result<()> {
        let (user, length) = (self.user.pointer(), src.len() as u64);
        // SAFETY: the host's function with its own pointer, and `length` bytes that are ours; `&mut self`
        // makes it one call at a time.
        let code = callback(|| unsafe { (self.write_at)(user, offset, src.as_ptr().cast(), length) });
        match code {
            0 => Ok(()),
            _ => {
                let message = format!("the host's write_at returned {code} for {length} bytes at {offset}");
                Err(Error::new(ErrorKind::Io, message))
            }
        }
    }
}

/// A host's memory.
pub(super) struct HostBytes {
    data: *const u8,
    len: usize,
    _user: UserData,
}

// SAFETY: the host lends the bytes until its drop function is called, and does not change them.
unsafe impl Send for HostBytes {}
// SAFETY: as above: they are only read.
unsafe impl Sync for HostBytes {}

impl HostBytes {
    /// # Errors
    /// `InvalidArgument` for NULL, or an impossible length: the user pointer is dropped then.
    ///
    /// # Safety
    /// `data` is NULL or readable for `len` bytes until `user` is dropped.
    pub(super) unsafe fn new(data: *const c_void, len: usize, user: UserData) -> Result<Self> {
        if data.is_null() || len > isize::MAX as usize {
            let message = format!("data is {data:?} with data_len {len}; give the bytes of a .gguf");
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
        Ok(Self { data: data.cast(), len, _user: user })
    }
}

impl AsRef<[u8]> for HostBytes {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: not null, of a possible length; lent by the host until `_user` is dropped.
        unsafe { std::slice::from_raw_parts(self.data, self.len) }
    }
}
