//! The KV cache: which blocks of keys and values, and which states, hold the past of which sequence, and what
//! sequences share of them. Knows numbers of blocks; not what lies in them.

mod blocks;
mod cache;
mod growth;
mod image;
mod moves;
mod needs;
mod pool;
mod ports;
mod spec;
mod store;
mod table;
mod transfer;
mod tree;

#[cfg(test)]
mod tests;

pub use cache::{Cache, Past};
pub use image::{At, Cursor, Image, Part};
pub use needs::{Needs, Pasts};
pub use ports::{Export, Import};
pub use spec::{CacheSpec, Group, Keeps, SNAPSHOT};
pub use store::{NO_BLOCK, Pieces, Storage};
pub use table::Sequence;
