//! What this release does not do is refused by name.

use crate::error::{Error, ErrorKind};

/// A function that this release does not have.
pub(in crate::ffi) fn lacking(function: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("{function} is not supported by this release"))
}
