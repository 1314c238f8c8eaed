//! Text to tokens and back: vocabulary, streaming detokenizer, stop strings, tokenizer, chat template. Knows
//! no tensors.

mod detokenizer;
pub mod format;
pub mod grammar;
pub mod json;
mod segments;
mod stop;
mod vocab;

#[cfg(feature = "text")]
pub mod template;
#[cfg(feature = "text")]
pub mod tokenizer;

pub use detokenizer::{Detokenizer, Unfinished, decode};
pub use segments::{Cut, MAX_PIECE, Segments};
pub use stop::{StopMatcher, StopScan};
pub use vocab::{
    ControlSpan, InPieces, Message, Piece, RenderInput, Rendered, Spoken, Vocab, done, unix_time,
};
