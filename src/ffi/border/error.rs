//! Error details in the caller's hands; knows no operation.

use super::sized::{Output, Versioned};
use super::status::wick_status;
use crate::error::Result;
use std::ffi::c_char;

/// Bytes of a message, its NUL included: the number in the struct is for the header.
const MESSAGE: usize = 248;

/// Details of a failed call: the caller's own, optional (NULL) everywhere. A call that succeeds sets `code`
/// to WICK_OK and an empty message.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wick_error {
    /// sizeof(wick_error), set by the caller.
    pub struct_size: u32,
    /// What the call returned.
    pub code: wick_status,
    /// UTF-8, NUL-terminated, cut at a code point if need be: the thing, the value and the way out.
    pub message: [c_char; 248],
}

// SAFETY: repr(C), begins with struct_size, integers only.
unsafe impl Versioned for wick_error {
    const NAME: &'static str = "wick_error";
}

impl wick_error {
    /// Refuses error details whose `struct_size` is wrong.
    ///
    /// # Errors
    /// `InvalidArgument`.
    ///
    /// # Safety
    /// `at` is NULL or writable for as many bytes as its `struct_size` says.
    pub(in crate::ffi) unsafe fn check(at: *mut Self) -> Result<()> {
        if !at.is_null() {
            // SAFETY: as promised by the caller.
            unsafe { Output::new(at) }?;
        }
        Ok(())
    }
}

/// Fills the caller's error details, if there are any that can be filled.
pub(in crate::ffi) fn report(at: *mut wick_error, code: wick_status, message: &str) {
    if at.is_null() {
        return;
    }
    // SAFETY: the exported functions promise that their `error` is NULL or good for its struct_size.
    let Ok(output) = (unsafe { Output::new(at) }) else { return };
    let mut error = wick_error { struct_size: 0, code, message: [0; MESSAGE] };
    let length = floor_char_boundary(message, MESSAGE - 1);
    for (to, from) in error.message.iter_mut().zip(message.as_bytes().iter().take(length)) {
        *to = *from as c_char;
    }
    output.write(&error);
}

/// The most bytes of `text`, at most `limit`, that are whole code points.
pub(in crate::ffi) fn floor_char_boundary(text: &str, limit: usize) -> usize {
    if limit >= text.len() {
        return text.len();
    }
    (0..=limit).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}
