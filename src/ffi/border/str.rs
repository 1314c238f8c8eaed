//! Strings and arrays as C hands them over; knows no field.

use crate::error::{Error, ErrorKind, Result};
use std::ffi::{CStr, c_char};

/// UTF-8 text: `len` bytes at `ptr`. `len` SIZE_MAX: `ptr` is NUL-terminated. `ptr` NULL: absent (`len` must
/// be 0); `ptr` not NULL and `len` 0: present, and empty.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wick_str {
    /// The first byte; NULL: absent.
    pub ptr: *const c_char,
    /// Bytes, or SIZE_MAX.
    pub len: usize,
}

impl wick_str {
    /// The text, if there is one.
    ///
    /// # Errors
    /// `InvalidArgument` naming `name`: a length without a pointer, an impossible length, bytes that are not
    /// UTF-8.
    ///
    /// # Safety
    /// `ptr` is NULL or readable for what `len` says, as long as the result is used.
    pub(in crate::ffi) unsafe fn read<'a>(&self, name: &str) -> Result<Option<&'a str>> {
        let bad = |what: String| Error::new(ErrorKind::InvalidArgument, format!("{name} {what}"));
        if self.ptr.is_null() {
            return match self.len {
                0 => Ok(None),
                len => Err(bad(format!("is NULL and has the length {len}; give 0"))),
            };
        }
        let bytes = if self.len == usize::MAX {
            // SAFETY: as promised by the caller: NUL-terminated.
            unsafe { CStr::from_ptr(self.ptr) }.to_bytes()
        } else if self.len > isize::MAX as usize {
            return Err(bad(format!("has the length {}, which no memory has", self.len)));
        } else {
            // SAFETY: as promised by the caller: `len` bytes.
            unsafe { std::slice::from_raw_parts(self.ptr.cast::<u8>(), self.len) }
        };
        let text = std::str::from_utf8(bytes);
        text.map(Some).map_err(|error| bad(format!("is not UTF-8 from byte {} on", error.valid_up_to())))
    }

    /// The text, which has to be there.
    ///
    /// # Errors
    /// As [`wick_str::read`], and for an absent text.
    ///
    /// # Safety
    /// As [`wick_str::read`].
    pub(in crate::ffi) unsafe fn require<'a>(&self, name: &str) -> Result<&'a str> {
        // SAFETY: as promised by the caller.
        unsafe { self.read(name) }?
            .ok_or_else(|| Error::new(ErrorKind::InvalidArgument, format!("{name} is absent; give a text")))
    }
}

/// A copy of `text`.
///
/// # Errors
/// `OutOfMemory`.
pub(in crate::ffi) fn copy(text: &str) -> Result<String> {
    let mut copy = String::new();
    copy.try_reserve_exact(text.len())?;
    copy.push_str(text);
    Ok(copy)
}

/// `count` elements at `at`; NULL with a count of 0 is an empty array.
///
/// # Errors
/// `InvalidArgument` naming `name`: NULL with a count, a misaligned pointer, an impossible count.
///
/// # Safety
/// `at` is NULL or readable for `count` elements, as long as the result is used.
pub(in crate::ffi) unsafe fn array<'a, T>(at: *const T, count: usize, name: &str) -> Result<&'a [T]> {
    let bad = |what: String| Err(Error::new(ErrorKind::InvalidArgument, format!("{name} {what}")));
    if count == 0 {
        return Ok(&[]);
    }
    if at.is_null() {
        return bad(format!("is NULL and has the count {count}; give 0"));
    }
    if !at.is_aligned() {
        return bad(format!("is not aligned to {} bytes", align_of::<T>()));
    }
    if count.checked_mul(size_of::<T>()).is_none_or(|bytes| bytes > isize::MAX as usize) {
        return bad(format!("has the count {count}, which no memory has"));
    }
    // SAFETY: not null, aligned, of a possible size; as promised by the caller.
    Ok(unsafe { std::slice::from_raw_parts(at, count) })
}

/// A flag.
///
/// # Errors
/// `InvalidArgument` naming `name` unless it is 0 or 1.
pub(in crate::ffi) fn flag(value: impl Into<i64>, name: &str) -> Result<bool> {
    match value.into() {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(Error::new(ErrorKind::InvalidArgument, format!("{name} is {other}; give 0 or 1"))),
    }
}

/// Checks a constant.
///
/// # Errors
/// `InvalidArgument` naming `name` and the `family` of constants, beyond `last`.
pub(in crate::ffi) fn constant(value: u32, last: u32, name: &str, family: &str) -> Result<()> {
    if value <= last {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidArgument, format!("{name} is {value}; give one of {family}")))
}

/// Something that this release does not do.
///
/// # Errors
/// `Unsupported` naming `name`, if it is `given`.
pub(in crate::ffi) fn refuse(given: bool, name: &str) -> Result<()> {
    if given {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("{name} is not supported by this release; leave it zero"),
        ));
    }
    Ok(())
}
