//! Writes GGUF files: small models for tests and tools, and hostile ones. Checks nothing; knows no meaning of
//! any key.

use super::tensor::TensorType;
use super::value::{Array, Value, ValueType};
use std::borrow::Cow;
use std::io;

/// A metadata value to be written.
#[allow(missing_docs)]
#[derive(Debug, Clone, PartialEq)]
pub enum MetaValue {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    Str(String),
    /// The elements' type, which an empty array has too, and the elements.
    Array(ValueType, Vec<MetaValue>),
    U64(u64),
    I64(i64),
    F64(f64),
}

/// Collects metadata and tensors; writes them as one file.
///
/// ```
/// use wick::gguf::{Gguf, Limits, Source, TensorType, write::Writer};
///
/// let file = Writer::new()
///     .meta("general.architecture", "llama")
///     .tensor("output_norm.weight", TensorType::F32, &[2], [1.0f32, 2.0].map(f32::to_le_bytes).concat())
///     .to_bytes();
/// let header = Gguf::open_header(Source::Memory(Box::new(file)), &Limits::default()).unwrap();
/// assert_eq!(header.tensors()[0].shape(), [2]);
/// ```
#[derive(Debug, Clone)]
pub struct Writer<'a> {
    version: u32,
    alignment: u64,
    keys: Vec<(String, MetaValue)>,
    tensors: Vec<Tensor<'a>>,
    /// Bytes of tensor data so far, padded.
    data_len: u64,
}

#[derive(Debug, Clone)]
struct Tensor<'a> {
    name: String,
    type_id: u32,
    shape: Vec<u64>,
    offset: u64,
    data: Cow<'a, [u8]>,
}

impl Default for Writer<'_> {
    fn default() -> Self {
        Self { version: 3, alignment: 32, keys: Vec::new(), tensors: Vec::new(), data_len: 0 }
    }
}

impl<'a> Writer<'a> {
    /// An empty file: version 3, alignment 32.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the version's number; the layout stays that of versions 2 and 3.
    pub fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// Sets the alignment and its key. Call it before the first tensor. 0 is written as it is, and aligns
    /// to 1.
    pub fn alignment(mut self, alignment: u32) -> Self {
        self.alignment = alignment.max(1).into();
        self.meta("general.alignment", alignment)
    }

    /// Adds a key, also one that is there.
    pub fn meta(mut self, key: &str, value: impl Into<MetaValue>) -> Self {
        self.keys.push((key.to_owned(), value.into()));
        self
    }

    /// Adds a tensor behind the others; `shape` is GGUF's, the row first; `data` is its bytes.
    pub fn tensor(self, name: &str, kind: TensorType, shape: &[u64], data: impl Into<Cow<'a, [u8]>>) -> Self {
        let offset = self.data_len;
        self.tensor_at(name, kind.id(), shape, offset, data)
    }

    /// Adds a tensor with any type id and any offset; `data` goes behind the others' all the same.
    pub fn tensor_at(
        mut self,
        name: &str,
        type_id: u32,
        shape: &[u64],
        offset: u64,
        data: impl Into<Cow<'a, [u8]>>,
    ) -> Self {
        let data = data.into();
        self.data_len = (self.data_len + data.len() as u64).next_multiple_of(self.alignment);
        self.tensors.push(Tensor { name: name.to_owned(), type_id, shape: shape.to_vec(), offset, data });
        self
    }

    /// The whole file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.header();
        for tensor in &self.tensors {
            bytes.extend_from_slice(&tensor.data);
            pad(&mut bytes, self.alignment);
        }
        bytes
    }

    /// Writes the whole file without building it in memory.
    pub fn write_to(&self, out: &mut dyn io::Write) -> io::Result<()> {
        out.write_all(&self.header())?;
        for tensor in &self.tensors {
            out.write_all(&tensor.data)?;
            let len = tensor.data.len() as u64;
            let padding = len.next_multiple_of(self.alignment) - len;
            out.write_all(&vec![0; padding as usize])?;
        }
        out.flush()
    }

    /// Everything before the tensor data, padded.
    fn header(&self) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(self.version.to_le_bytes());
        bytes.extend((self.tensors.len() as u64).to_le_bytes());
        bytes.extend((self.keys.len() as u64).to_le_bytes());
        for (key, value) in &self.keys {
            put_str(&mut bytes, key);
            bytes.extend(value.kind().id().to_le_bytes());
            value.put(&mut bytes);
        }
        for tensor in &self.tensors {
            put_str(&mut bytes, &tensor.name);
            bytes.extend((tensor.shape.len() as u32).to_le_bytes());
            tensor.shape.iter().for_each(|dim| bytes.extend(dim.to_le_bytes()));
            bytes.extend(tensor.type_id.to_le_bytes());
            bytes.extend(tensor.offset.to_le_bytes());
        }
        pad(&mut bytes, self.alignment);
        bytes
    }
}

impl MetaValue {
    /// Its type.
    pub fn kind(&self) -> ValueType {
        match self {
            Self::U8(_) => ValueType::U8,
            Self::I8(_) => ValueType::I8,
            Self::U16(_) => ValueType::U16,
            Self::I16(_) => ValueType::I16,
            Self::U32(_) => ValueType::U32,
            Self::I32(_) => ValueType::I32,
            Self::F32(_) => ValueType::F32,
            Self::Bool(_) => ValueType::Bool,
            Self::Str(_) => ValueType::Str,
            Self::Array(..) => ValueType::Array,
            Self::U64(_) => ValueType::U64,
            Self::I64(_) => ValueType::I64,
            Self::F64(_) => ValueType::F64,
        }
    }

    fn put(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::U8(v) => bytes.extend(v.to_le_bytes()),
            Self::I8(v) => bytes.extend(v.to_le_bytes()),
            Self::U16(v) => bytes.extend(v.to_le_bytes()),
            Self::I16(v) => bytes.extend(v.to_le_bytes()),
            Self::U32(v) => bytes.extend(v.to_le_bytes()),
            Self::I32(v) => bytes.extend(v.to_le_bytes()),
            Self::F32(v) => bytes.extend(v.to_le_bytes()),
            Self::Bool(v) => bytes.push(u8::from(*v)),
            Self::Str(v) => put_str(bytes, v),
            Self::Array(kind, items) => {
                bytes.extend(kind.id().to_le_bytes());
                bytes.extend((items.len() as u64).to_le_bytes());
                items.iter().for_each(|item| item.put(bytes));
            }
            Self::U64(v) => bytes.extend(v.to_le_bytes()),
            Self::I64(v) => bytes.extend(v.to_le_bytes()),
            Self::F64(v) => bytes.extend(v.to_le_bytes()),
        }
    }
}

/// A value of another file, to be written again.
impl From<Value<'_>> for MetaValue {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::U8(v) => Self::U8(v),
            Value::I8(v) => Self::I8(v),
            Value::U16(v) => Self::U16(v),
            Value::I16(v) => Self::I16(v),
            Value::U32(v) => Self::U32(v),
            Value::I32(v) => Self::I32(v),
            Value::F32(v) => Self::F32(v),
            Value::Bool(v) => Self::Bool(v),
            Value::Str(v) => Self::Str(v.to_owned()),
            Value::Array(v) => v.into(),
            Value::U64(v) => Self::U64(v),
            Value::I64(v) => Self::I64(v),
            Value::F64(v) => Self::F64(v),
        }
    }
}

impl From<Array<'_>> for MetaValue {
    fn from(array: Array<'_>) -> Self {
        Self::Array(array.kind(), array.iter().map(Self::from).collect())
    }
}

impl From<u32> for MetaValue {
    fn from(value: u32) -> Self {
        Self::U32(value)
    }
}

impl From<f32> for MetaValue {
    fn from(value: f32) -> Self {
        Self::F32(value)
    }
}

impl From<bool> for MetaValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for MetaValue {
    fn from(value: &str) -> Self {
        Self::Str(value.to_owned())
    }
}

impl<S: AsRef<str>> FromIterator<S> for MetaValue {
    /// An array of strings.
    fn from_iter<I: IntoIterator<Item = S>>(strings: I) -> Self {
        let items = strings.into_iter().map(|s| Self::Str(s.as_ref().to_owned()));
        Self::Array(ValueType::Str, items.collect())
    }
}

impl From<&[&str]> for MetaValue {
    fn from(strings: &[&str]) -> Self {
        strings.iter().collect()
    }
}

impl From<&[f32]> for MetaValue {
    fn from(numbers: &[f32]) -> Self {
        Self::Array(ValueType::F32, numbers.iter().copied().map(Self::F32).collect())
    }
}

impl From<&[i32]> for MetaValue {
    fn from(numbers: &[i32]) -> Self {
        Self::Array(ValueType::I32, numbers.iter().copied().map(Self::I32).collect())
    }
}

impl From<&[u32]> for MetaValue {
    fn from(numbers: &[u32]) -> Self {
        Self::Array(ValueType::U32, numbers.iter().copied().map(Self::U32).collect())
    }
}

fn put_str(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

fn pad(bytes: &mut Vec<u8>, alignment: u64) {
    bytes.resize(bytes.len().next_multiple_of(alignment as usize), 0);
}
