//! Where results go: pointers that are checked first and written last, and buffers that may be too small.

use crate::error::{Error, ErrorKind, Result};
use std::ffi::c_char;

/// A place for a result; written only on success.
pub(in crate::ffi) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// # Errors
    /// `InvalidArgument` for NULL.
    ///
    /// # Safety
    /// `at` is NULL or writable, as long as this lives.
    pub(in crate::ffi) unsafe fn required(at: *mut T, name: &str) -> Result<Self> {
        if at.is_null() {
            return Err(Error::new(ErrorKind::InvalidArgument, format!("{name} is NULL")));
        }
        Ok(Self(at))
    }

    /// # Safety
    /// As [`Out::required`].
    pub(in crate::ffi) unsafe fn optional(at: *mut T) -> Option<Self> {
        (!at.is_null()).then_some(Self(at))
    }

    pub(in crate::ffi) fn set(&self, value: T) {
        // SAFETY: `required` and `optional` were promised a writable place.
        unsafe { self.0.write_unaligned(value) }
    }
}

/// Copies `text` and a NUL to `(out, cap)`, and says in `needed` how many bytes the text has.
///
/// # Errors
/// `InvalidArgument` for a NULL buffer that is not empty; `BufferTooSmall`.
///
/// # Safety
/// `out` is NULL or writable for `cap` bytes; `needed` is NULL or writable.
pub(in crate::ffi) unsafe fn write_text(
    text: &str,
    out: *mut c_char,
    cap: usize,
    needed: *mut usize,
) -> Result<()> {
    check_buffer(out, cap)?;
    // SAFETY: as promised by the caller.
    if let Some(needed) = unsafe { Out::optional(needed) } {
        needed.set(text.len());
    }
    if cap <= text.len() {
        return Err(too_small(text.len() + 1, "bytes (the NUL included)", cap));
    }
    // SAFETY: `cap` bytes are writable, and the text and its NUL are at most that many.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr(), out.cast(), text.len());
        out.add(text.len()).write(0);
    }
    Ok(())
}

/// Copies `items` to `(out, cap)`, and says in `needed` how many they are.
///
/// # Errors
/// As [`write_text`].
///
/// # Safety
/// As [`write_text`], for `cap` elements.
pub(in crate::ffi) unsafe fn write_items<T: Copy>(
    items: &[T],
    out: *mut T,
    cap: usize,
    needed: *mut usize,
) -> Result<()> {
    check_buffer(out, cap)?;
    // SAFETY: as promised by the caller.
    if let Some(needed) = unsafe { Out::optional(needed) } {
        needed.set(items.len());
    }
    if cap < items.len() {
        return Err(too_small(items.len(), "elements", cap));
    }
    let bytes = size_of_val(items);
    // SAFETY: `cap` elements are writable and the items are at most that many; as bytes they need no
    // alignment.
    unsafe { std::ptr::copy_nonoverlapping(items.as_ptr().cast::<u8>(), out.cast::<u8>(), bytes) };
    Ok(())
}

/// # Errors
/// `InvalidArgument` for a NULL buffer that is said to have room.
pub(in crate::ffi) fn check_buffer<T>(out: *mut T, cap: usize) -> Result<()> {
    if out.is_null() && cap > 0 {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("the buffer is NULL and cap is {cap}; give 0"),
        ));
    }
    Ok(())
}

fn too_small(needed: usize, what: &str, cap: usize) -> Error {
    Error::new(ErrorKind::BufferTooSmall, format!("the result takes {needed} {what}, the buffer has {cap}"))
}
