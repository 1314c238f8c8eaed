//! wick: an embeddable LLM runtime. Token streams that always end, exactly once, and say why.
//!
//! A [`Runtime`] loads models and runs generations on threads of its own, or on the host's. A generation is a
//! [`Stream`] of typed events; the last one is always its end.
//!
//! ```no_run
//! use wick::{EventKind, Input, ModelOptions, Reading, Request, Runtime, RuntimeOptions};
//!
//! # fn main() -> wick::Result<()> {
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
//! C and C++ hosts use `include/wick.h`, which is `src/ffi`. `docs/design.md` tells how the house is built.
//! What is promised to Rust is what stands here, at the root: the modules behind it are public for wick's own
//! tests and tools, and may change at any time.
//!
//! # Features
//! `native` (default): the own CPU decoder. `text` (default): tokenizers and chat templates;
//! without it no model file can be loaded. `folders`: models in folders of safetensors. `candle`: the
//! second backend, a second opinion. `cli`: the `wick` command. `testing`: a scriptable model, from Rust and
//! C.

#![deny(clippy::print_stdout, clippy::print_stderr)]

// The floors, lowest first: a module names only floors below its own (`tests/house/floors.rs`).
#[doc(hidden)]
pub mod budget;
mod cgroup;
#[doc(hidden)]
pub mod error;
mod ids;
mod log;
#[doc(hidden)]
pub mod pause;
mod sync;

#[allow(unsafe_code)]
#[doc(hidden)]
pub mod kernel;

#[allow(unsafe_code)]
#[doc(hidden)]
pub mod compute;

#[allow(unsafe_code)]
#[doc(hidden)]
pub mod gguf;

#[doc(hidden)]
pub mod kv;
#[doc(hidden)]
pub mod nearest;

#[doc(hidden)]
pub mod model;
#[doc(hidden)]
pub mod sample;
#[doc(hidden)]
pub mod text;

// Also for `wick selftest`; what C sees of it is in `ffi`, with `testing` only.
#[cfg(any(feature = "testing", feature = "cli"))]
#[doc(hidden)]
pub mod testing;

#[doc(hidden)]
pub mod store;
#[doc(hidden)]
pub mod stream;

mod chat;

#[doc(hidden)]
pub mod engine;

#[doc(hidden)]
pub mod runtime;

#[allow(unsafe_code)]
#[doc(hidden)]
pub mod ffi;

pub use error::{Error, ErrorKind, Result};
pub use ffi::OsHandle;
pub use gguf::{ReadAt, Source};
pub use model::Spec;
pub use nearest::{Neighbour, nearest};
pub use runtime::{
    Adapter, AdapterAbout, Backend, Channel, Control, Delivery, Dispatched, EmbedRequest, End, EndReason,
    Estimate, Event, EventKind, Input, KvType, Level, Loaded, Loader, LogFn, Mode, Model, ModelInfo,
    ModelOptions, ModelSource, Next, Overflow, PrefixCache, Queue, QueueNext, Reading, Request, Runtime,
    RuntimeInfo, RuntimeOptions, SavePlace, Session, SessionAdapter, SessionInfo, SessionOptions,
    SessionState, Stats, Stepped, Stream, Text, ThreadFn, ToolChoice, Vector, WriteAt,
};
pub use sample::{Alternative, Recommended, SamplerOptions};
pub use stream::OnEvent;
pub use text::grammar::{Grammar, GrammarKind, GrammarScope};
pub use text::{ControlSpan, Cut, Message, RenderInput, Rendered, Vocab};
