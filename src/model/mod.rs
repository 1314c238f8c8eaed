//! Weights and tokens to logits, behind one trait; knows no text and no request.

#[cfg_attr(not(feature = "native"), allow(dead_code, reason = "nobody else computes adapters"))]
mod adapter;
#[cfg(feature = "candle")]
pub mod candle;
#[cfg(any(feature = "native", feature = "candle", feature = "folders"))]
mod closest;
mod decoder;
#[cfg(any(feature = "native", feature = "candle"))]
#[cfg_attr(
    not(feature = "native"),
    allow(dead_code, unused_imports, reason = "candle computes a part of it")
)]
mod description;
#[cfg(feature = "folders")]
mod folder;
#[cfg(feature = "native")]
mod native;
mod prefix_cache;
#[cfg(any(feature = "native", feature = "candle"))]
#[cfg_attr(
    not(feature = "native"),
    allow(dead_code, unused_imports, reason = "candle computes a part of it")
)]
mod program;
mod runner;
mod spec;

pub use crate::kernel::KvType;
pub use crate::kv::Sequence;
pub use adapter::{Adaptable, Adapted, Adapter, AdapterAbout};
pub use decoder::{Decoder, Pace, Span, Step};
// Without texts no file is loaded, and no adapter.
#[cfg(feature = "native")]
#[cfg_attr(not(feature = "text"), allow(unused_imports))]
pub(crate) use description::AdapterReader;
#[cfg(feature = "folders")]
pub use folder::{FolderModel, FolderNames};
#[cfg(feature = "native")]
pub use native::{NativeDecoder, NativeOptions, NativeOutline};
pub use prefix_cache::PrefixCache;
pub use runner::{Chunk, Runner};
pub use spec::{Pooling, Spec, VectorSpec};
