//! A folder with a model's weights as safetensors, described as a GGUF would be: keys in a GGUF that is made
//! in memory, tensors where they lie in the folder's files. Knows that format; what a tensor is for, and what
//! GGUF calls it, is told by who asks.

mod described;
mod entry;
mod folder;
mod shards;

pub use described::Described;
pub use entry::{Entry, entries};
pub use folder::Folder;
