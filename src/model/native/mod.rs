//! The native backend: one decoder that reads a description. `docs/model.md` tells how its parts fit
//! together. Knows architectures, weights and the order of operations; arithmetic and threads are the floors'
//! below.

mod config;
mod decoder;
mod family;
mod forward;
mod keys;
mod kv;
mod pass;
mod rope;
mod scratch;
mod weights;

pub use decoder::{NativeDecoder, NativeOptions};
