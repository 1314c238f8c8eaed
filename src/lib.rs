//! wick: an embeddable LLM runtime. Token streams that always end, exactly once, and say why.
//!
//! A [`runtime::Runtime`] loads models and runs generations on threads of its own, or on the host's. A generation is a
//! [`runtime::Stream`] of typed events; the last one is always its end.
//!
//! ```no_run
//! use wick::runtime::{EventKind, Input, ModelOptions, Reading, Request, Runtime, RuntimeOptions};
//!
//! # fn main() -> wick::error::Result<()> {
//! let runtime = Runtime::new(RuntimeOptions::default())?;
//! // The generation waits for the load; a failed load comes as its end.
//! let (model, _load) = runtime.load(ModelOptions::path("model.gguf"), Reading::default())?;
//! let request = Request { input: Input::Text("Once upon a time".into()), max_tokens: 64, ..Request::default() };
//! // The last clone of a session cancels its generation when it is dropped.
//! let session = model.session(None)?;
//! let mut stream = session.generate(request, Reading::default())?;
//! while let Some(event) = stream.next_blocking() {
//!     match event.kind {
//!         EventKind::Text(text) => print!("{}", text.text),
//!         EventKind::End(end) => end.error.map_or(Ok(()), Err)?,
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! C and C++ hosts use `include/wick.h`, which is [`ffi`]. `docs/design.md` tells how the house is built.
//!
//! # Features
//! `native` (default): the own CPU decoder. `text` (default): tokenizers and chat templates;
//! without it no model file can be loaded. `folders`: vocabularies out of a `tokenizer.json`. `candle`: the second backend, a
//! second opinion. `cli`: the `wick` command. `testing`: a scriptable model, from Rust and C.

#![deny(clippy::print_stdout, clippy::print_stderr)]

// The floors, lowest first: a module names only floors below its own (`tests/floors.rs`).
pub mod error;
mod ids;
pub mod pause;
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
