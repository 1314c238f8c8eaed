//! The header of a safetensors file: its tensors, proven to lie inside the file and apart. Knows the
//! container; not what a tensor is for.
//!
//! Source: the format's own description (safetensors, README): the header's length in 8 bytes, JSON, data.

use crate::error::Result;
use crate::gguf::metadata::{MAX_ENTRIES, MAX_NAME};
use crate::gguf::{TensorType, invalid, shown};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use smallvec::SmallVec;
use std::fmt;

/// What of a header is no tensor.
const ABOUT: &str = "__metadata__";

/// Dimensions that a tensor may have here: an image model's convolutions, which are passed over, have five.
const MAX_DIMS: usize = 8;

/// One tensor of a safetensors file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name, unique in its file.
    pub name: Box<str>,
    /// How its elements are stored, as the file has it: "BF16".
    pub dtype: Box<str>,
    /// The framework's order: the contiguous row last; empty for a single number.
    pub shape: SmallVec<[u64; 4]>,
    /// Bytes from the start of the file's data.
    pub offset: u64,
    /// Bytes it takes.
    pub byte_len: u64,
}

impl Entry {
    /// GGUF's type for how its elements are stored, where it has one.
    pub fn kind(&self) -> Option<TensorType> {
        use TensorType::{BF16, F16, F32, F64, I8, I16, I32, I64};
        [F32, F16, BF16, F64, I8, I16, I32, I64].into_iter().find(|kind| kind.name() == &*self.dtype)
    }

    /// One past its last byte.
    pub(super) fn end(&self) -> u64 {
        self.offset.saturating_add(self.byte_len)
    }

    /// Checks that it takes the bytes that its shape does, inside of `data_bytes`, at or behind `last_end`.
    fn check(&self, last_end: u64, data_bytes: u64) -> Result<()> {
        let (offset, end) = (self.offset, self.end());
        if end > data_bytes {
            return Err(invalid(format!(
                "its bytes {offset} to {end} lie beyond the end of the file, which has {data_bytes} of data; \
                 download it again"
            )));
        }
        if offset < last_end {
            return Err(invalid(format!(
                "offset {offset} lies inside the tensor before it, which ends at {last_end}"
            )));
        }
        let Some(kind) = self.kind() else { return Ok(()) };
        let elements = self.shape.iter().try_fold(1u64, |product, dim| product.checked_mul(*dim));
        let bytes = elements.and_then(|elements| elements.checked_mul(kind.block_bytes()));
        if bytes != Some(self.byte_len) {
            let (shape, len, name) = (self.shape.as_slice(), self.byte_len, kind.name());
            return Err(invalid(format!("shape {shape:?} as {name} is not the {len} bytes that it has")));
        }
        Ok(())
    }
}

/// The tensors that the header `json` names, of a file with `data_bytes` behind it, by ascending offset.
///
/// # Errors
/// `ModelInvalid`, naming the tensor, for what is no such header, and for tensors that are there twice, lie
/// in each other or beyond the end, or take other bytes than their shape does.
pub fn entries(json: &[u8], data_bytes: u64) -> Result<Vec<Entry>> {
    let read: Result<Entries, _> = serde_json::from_slice(json);
    let mut entries = read.map_err(|e| invalid(format!("the header is no safetensors': {e}")))?.0;
    let mut names: Vec<&str> = entries.iter().map(|entry| &*entry.name).collect();
    names.sort_unstable();
    if let Some([twin, _]) = names.array_windows().find(|[one, other]| one == other) {
        return Err(invalid(format!("tensor {} is there twice", shown(twin))));
    }
    entries.sort_by_key(|entry| (entry.offset, entry.byte_len));
    let mut last_end = 0;
    for entry in &entries {
        let checked = entry.check(last_end, data_bytes);
        checked.map_err(|e| e.within(format!("tensor {}", shown(&entry.name))))?;
        last_end = entry.end();
    }
    Ok(entries)
}

/// What a header says of one tensor.
#[derive(Deserialize)]
struct Said {
    dtype: Box<str>,
    shape: Shape,
    data_offsets: [u64; 2],
}

/// Read element by element, so that a long list takes no memory before it is refused.
struct Shape(SmallVec<[u64; 4]>);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Dims;
        impl<'de> Visitor<'de> for Dims {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of up to {MAX_DIMS} sizes")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Shape, A::Error> {
                let mut dims = SmallVec::new();
                while let Some(dim) = list.next_element()? {
                    if dims.len() == MAX_DIMS {
                        return Err(A::Error::invalid_length(MAX_DIMS + 1, &self));
                    }
                    dims.push(dim);
                }
                Ok(Shape(dims))
            }
        }
        from.deserialize_seq(Dims)
    }
}

/// All tensors, in the header's order; names that are there twice stay.
struct Entries(Vec<Entry>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Tensors;
        impl<'de> Visitor<'de> for Tensors {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(name) = map.next_key::<Box<str>>()? {
                    if &*name == ABOUT {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    if entries.len() as u64 == MAX_ENTRIES || name.len() as u64 > MAX_NAME {
                        let why = format!("over {MAX_ENTRIES} tensors, or a name of over {MAX_NAME} bytes");
                        return Err(A::Error::custom(why));
                    }
                    let said: Said = map
                        .next_value()
                        .map_err(|e| A::Error::custom(format!("tensor {}: {e}", shown(&name))))?;
                    let [offset, end] = said.data_offsets;
                    let byte_len = end.checked_sub(offset).ok_or_else(|| {
                        A::Error::custom(format!("tensor {}: it ends before it begins", shown(&name)))
                    })?;
                    entries.push(Entry { name, dtype: said.dtype, shape: said.shape.0, offset, byte_len });
                }
                Ok(Entries(entries))
            }
        }
        from.deserialize_map(Tensors)
    }
}
