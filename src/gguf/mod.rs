//! Bytes (a mapped file, memory, a reader) to a validated layout: typed metadata and tensors that lie where
//! they say. Knows the GGUF container, and a folder of safetensors as the same (feature `folders`); not
//! what a key or a tensor means.
//!
//! Source: the GGUF specification (ggml, `docs/gguf.md`), versions 2 and 3, little-endian.

mod cursor;
mod data;
mod dense;
mod header;
mod huge;
mod limits;
mod metadata;
mod open;
mod placement;
mod preload;
#[cfg(feature = "folders")]
mod safetensors;
mod source;
#[cfg(target_os = "linux")]
mod spare;
mod split;
mod tensor;
mod together;
mod value;
#[cfg(any(test, feature = "folders", feature = "testing"))]
pub mod write;

pub use header::Header;
pub use huge::Moving;
pub use limits::Limits;
pub use metadata::Metadata;
pub use open::{Gguf, Opening};
pub use placement::Placement;
#[cfg(feature = "folders")]
pub use safetensors::{Described, Entry, Folder, entries};
pub use source::{ReadAt, Source};
pub use tensor::{TensorInfo, TensorType};
pub use together::Readers;
pub use value::{Array, FromValue, Strs, Value, ValueType};

use crate::error::{Error, ErrorKind};

/// The longest single read asked of a file or of a host's reader, in bytes.
const MAX_READ: usize = 16 << 20;

/// A malformed or hostile file.
fn invalid(message: String) -> Error {
    Error::new(ErrorKind::ModelInvalid, message)
}

/// A name out of a file, fit for a message: quoted, escaped, at most 64 characters of it.
fn shown(name: &str) -> String {
    match name.char_indices().nth(64) {
        Some((cut, _)) => format!("{:?}...", name.get(..cut).unwrap_or_default()),
        None => format!("{name:?}"),
    }
}
