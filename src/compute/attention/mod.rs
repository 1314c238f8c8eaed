//! Attention over KV blocks, split over threads by tokens, heads and sections of keys; knows no cache and no
//! layer but its number.

mod cut;
mod job;
mod work;

pub use cut::attention_work;
pub use job::{Attention, BlockMemory, Span};
