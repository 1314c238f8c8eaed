//! The second backend: what the description of a model asks for, on candle's tensors, for every tensor type
//! that candle multiplies by. Knows the description and candle; no text and no request.
//!
//! It reads the same description as the native backend (`model/description`) and computes the same operations
//! (`model/program.rs`), as far as it has them: attention with all that is usual around it, and a dense
//! feed-forward. `honours.rs` says which, and refuses every other model by the name of what is lacking.
//!
//! candle never sees a raw file: [`crate::gguf`] has validated the layout, and the description has checked
//! every hyper-parameter, every shape and every type before candle gets a tensor, so that no file can make it
//! panic or allocate by a number in the file.
//!
//! The network is our own, from candle-core's and candle-nn's operations, because candle-transformers'
//! quantised models (0.11.1) are not right enough: gemma3 computes SiLU where the model has GELU, forgets the
//! sliding window while decoding, masks wrongly behind position 0 and takes 2.4 GB of rotary tables for a
//! model of 270M; llama ends at 4,096 tokens; qwen2 cannot be cloned; none can rewind, or rest within a pass.
//!
//! **Process-wide threads.** candle computes on rayon's global pool and on a pool of its own. Both start with
//! the first model that this backend loads, belong to the process, and are never joined: a host that unloads
//! the library has to know this. A forked child has none of them: there a load is refused.

mod attention;
mod cache;
mod decoder;
mod honours;
mod linear;
mod network;
mod process;
mod rope;
mod weights;

pub use decoder::{CandleDecoder, Options};
pub use linear::Precision;

use crate::error::{Error, ErrorKind};

/// An error of candle: with everything checked before, a fault of ours or of candle's.
fn computing(error: candle_core::Error) -> Error {
    Error::new(ErrorKind::Internal, format!("candle: {error}"))
}
