//! The C ABI and nothing else: `include/wick.h` is made from these files, and the meaning of everything is in
//! their docs.
//!
//! Every exported function goes through [`border::guard::guard`]; every handle through [`border::handles`];
//! every struct with a `struct_size` through [`border::sized`]. What a host hands over with a drop function
//! is a [`border::user::UserData`].
#![allow(non_camel_case_types, reason = "these are the names of the C ABI")]
#![allow(
    clippy::missing_safety_doc,
    reason = "C's rules hold for all of it: pointers are NULL or good for what is said of them"
)]

pub mod about;
pub mod adapter;
mod border;
pub mod embed;
pub mod estimate;
pub mod event;
pub mod generate;
pub mod io;
pub mod messages;
pub mod model;
pub mod nearest;
pub mod queue;
pub mod runtime;
pub mod sampling;
pub mod session;
pub mod store;
pub mod stream;
#[cfg(feature = "testing")]
pub mod testing;
pub mod vocabulary;

mod info;
mod json;
mod os_handle;
mod reading;
mod source;
mod write_event;

pub use border::guest::wick_log_fn;
pub use border::user::wick_drop_fn;
pub use border::{error, status, str};
pub use os_handle::{OsHandle, wick_os_handle};
