//! Weights and tokens to logits, behind one trait; knows no text and no request.

mod budget;
#[cfg(feature = "candle")]
pub mod candle;
mod decoder;
#[cfg(feature = "native")]
mod native;
mod spec;

pub use budget::{Budget, Share};
pub use decoder::{Chunk, Decoder, Pace, Sequence, Step};
#[cfg(feature = "native")]
pub use native::{NativeDecoder, NativeOptions};
pub use spec::Spec;
