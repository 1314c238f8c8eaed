//! The native backend: one decoder that reads a description. `docs/model.md` tells how its parts fit
//! together. Knows architectures, weights and the order of operations; arithmetic and threads are the floors'
//! below.

mod adapted;
mod decoder;
mod forward;
mod kv;
mod outline;
mod pass;
mod scratch;

pub use decoder::{NativeDecoder, NativeOptions};
pub use outline::NativeOutline;
