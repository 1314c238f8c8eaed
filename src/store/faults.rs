//! What a save is refused with: where it is wrong, and how. Knows no field.

use crate::error::{Error, ErrorKind};
use std::fmt::Display;

/// The save is damaged in `section`, at byte `offset` of the file.
pub(super) fn damaged(section: impl Display, offset: u64, what: impl Display) -> Error {
    let message = format!("the save is damaged: {section}, at byte {offset}: {what}");
    Error::new(ErrorKind::Io, message)
}

/// The save has what this release does not know.
pub(super) fn later(what: impl Display) -> Error {
    let message = format!("{what} is a later release's: restore it with that one");
    Error::new(ErrorKind::Unsupported, message)
}

/// The session has what no save holds.
pub(super) fn too_much(what: impl Display) -> Error {
    Error::new(ErrorKind::Unsupported, format!("the session cannot be saved: {what}"))
}
