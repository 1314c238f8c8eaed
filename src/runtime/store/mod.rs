//! Sessions written into files and storages of hosts, and read again: jobs beside the engine.

mod past;
mod place;
mod reading;
mod restore;
mod save;
mod warm;

pub(super) use past::Transfer;
pub use place::{SavePlace, WriteAt};
pub(super) use restore::Restore;
pub(super) use save::Save;
