//! wick: an embeddable LLM runtime. Token streams that always end, exactly once, and say why.

#![deny(clippy::print_stdout, clippy::print_stderr)]

// The floors, lowest first: a module names only floors below its own (`tests/floors.rs`).
pub mod error;
mod sync;

#[allow(unsafe_code)]
pub mod kernel;

#[allow(unsafe_code)]
pub mod compute;

#[allow(unsafe_code)]
pub mod gguf;

pub mod model;
pub mod sample;
pub mod text;

// Also for `wick selftest`; what C sees of it is in `ffi`, with `testing` only.
#[cfg(any(feature = "testing", feature = "cli"))]
pub mod testing;

pub mod stream;

pub mod engine;

pub mod runtime;

#[allow(unsafe_code)]
pub mod ffi;
