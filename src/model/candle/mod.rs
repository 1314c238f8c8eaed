//! The second backend: llama, qwen2, qwen3 and gemma3 on candle's tensors, for every tensor type that candle
//! multiplies by. Knows GGUF's layout and candle; no text and no request.
//!
//! candle never sees a raw file: [`crate::gguf`] has validated the layout, and here every hyper-parameter,
//! every shape and every type is checked before candle gets a tensor, so that no file can make it panic or
//! allocate by a number in the file.
//!
//! The network is our own, from candle-core's and candle-nn's operations, because candle-transformers'
//! quantised models (0.11.1) are not right enough: gemma3 computes SiLU where the model has GELU, forgets the
//! sliding window while decoding, masks wrongly behind position 0 and takes 2.4 GB of rotary tables for a
//! model of 270M; llama ends at 4,096 tokens; qwen2 cannot be cloned; none can rewind, or rest within a pass.
//!
//! **Process-wide threads.** candle computes on rayon's global pool and on a pool of its own. Both start with
//! the first model that this backend loads, belong to the process, and are never joined: a host that unloads
//! the library has to know this. A forked child has none of them: there a load is refused.

mod architecture;
mod cache;
mod decoder;
mod hyperparameters;
mod linear;
mod network;
mod process;
mod rope;
mod shapes;
mod weights;

pub use decoder::{CandleDecoder, Options};
pub use linear::Precision;

use crate::error::{Error, ErrorKind};

/// An error of candle: with everything checked before, a fault of ours or of candle's.
fn computing(error: candle_core::Error) -> Error {
    Error::new(ErrorKind::Internal, format!("candle: {error}"))
}
