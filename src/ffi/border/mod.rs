//! What every exported function goes through: statuses, errors, guards, handles, and what the host hands over
//! and gets. Knows no object.

pub(super) mod deadline;
pub mod error;
mod fork;
pub(super) mod guard;
pub(super) mod guest;
pub(super) mod handles;
pub mod ids;
pub(super) mod inside;
pub(super) mod lacking;
pub(super) mod out;
pub(super) mod sized;
pub mod status;
pub mod str;
pub(super) mod user;
