//! Metadata values, read in place from bytes that the parse has validated. Knows types; not keys.

use std::fmt;

/// The type of a metadata value; GGUF's ids 0 to 12.
#[allow(missing_docs)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ValueType {
    U8 = 0,
    I8 = 1,
    U16 = 2,
    I16 = 3,
    U32 = 4,
    I32 = 5,
    F32 = 6,
    Bool = 7,
    Str = 8,
    Array = 9,
    U64 = 10,
    I64 = 11,
    F64 = 12,
}

impl ValueType {
    /// Every type, by ascending id.
    pub const ALL: [Self; 13] = {
        use ValueType::*;
        [U8, I8, U16, I16, U32, I32, F32, Bool, Str, Array, U64, I64, F64]
    };

    /// The type with GGUF's id `id`.
    pub fn from_id(id: u32) -> Option<Self> {
        Self::ALL.get(id as usize).copied()
    }

    /// GGUF's id, as the file holds it.
    pub fn id(self) -> u32 {
        self as u32
    }

    /// Bytes of a value; `None` for strings and arrays, which say it themselves.
    pub(super) fn width(self) -> Option<usize> {
        match self {
            Self::U8 | Self::I8 | Self::Bool => Some(1),
            Self::U16 | Self::I16 => Some(2),
            Self::U32 | Self::I32 | Self::F32 => Some(4),
            Self::U64 | Self::I64 | Self::F64 => Some(8),
            Self::Str | Self::Array => None,
        }
    }

    /// The fewest bytes that a value can take.
    pub(super) fn min_bytes(self) -> u64 {
        match self {
            Self::Str => 8,
            Self::Array => 12,
            plain => plain.width().map_or(8, |width| width as u64),
        }
    }
}

/// One metadata value; strings and arrays borrow from the metadata.
#[allow(missing_docs)]
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    Str(&'a str),
    Array(Array<'a>),
    U64(u64),
    I64(i64),
    F64(f64),
}

impl<'a> Value<'a> {
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
            Self::Array(_) => ValueType::Array,
            Self::U64(_) => ValueType::U64,
            Self::I64(_) => ValueType::I64,
            Self::F64(_) => ValueType::F64,
        }
    }

    /// The number, if it is of one of the eight integer types.
    pub fn as_integer(&self) -> Option<i128> {
        match *self {
            Self::U8(v) => Some(v.into()),
            Self::I8(v) => Some(v.into()),
            Self::U16(v) => Some(v.into()),
            Self::I16(v) => Some(v.into()),
            Self::U32(v) => Some(v.into()),
            Self::I32(v) => Some(v.into()),
            Self::U64(v) => Some(v.into()),
            Self::I64(v) => Some(v.into()),
            _ => None,
        }
    }

    /// The number, if it is an f32 or an f64.
    pub fn as_float(&self) -> Option<f64> {
        match *self {
            Self::F32(v) => Some(v.into()),
            Self::F64(v) => Some(v),
            _ => None,
        }
    }

    /// Reads one value off the front of validated `bytes`; `None` only where they are too short.
    pub(super) fn read(kind: ValueType, bytes: &mut &'a [u8]) -> Option<Self> {
        Some(match kind {
            ValueType::U8 => Self::U8(u8::from_le_bytes(chunk(bytes)?)),
            ValueType::I8 => Self::I8(i8::from_le_bytes(chunk(bytes)?)),
            ValueType::U16 => Self::U16(u16::from_le_bytes(chunk(bytes)?)),
            ValueType::I16 => Self::I16(i16::from_le_bytes(chunk(bytes)?)),
            ValueType::U32 => Self::U32(u32::from_le_bytes(chunk(bytes)?)),
            ValueType::I32 => Self::I32(i32::from_le_bytes(chunk(bytes)?)),
            ValueType::F32 => Self::F32(f32::from_le_bytes(chunk(bytes)?)),
            ValueType::Bool => Self::Bool(u8::from_le_bytes(chunk(bytes)?) != 0),
            ValueType::Str => Self::Str(read_str(bytes)?),
            ValueType::Array => Self::Array(Array::read(bytes)?),
            ValueType::U64 => Self::U64(u64::from_le_bytes(chunk(bytes)?)),
            ValueType::I64 => Self::I64(i64::from_le_bytes(chunk(bytes)?)),
            ValueType::F64 => Self::F64(f64::from_le_bytes(chunk(bytes)?)),
        })
    }
}

/// The value as people write it; arrays by type and length only.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(v) => v.fmt(f),
            Self::Str(v) => f.write_str(&super::shown(v)),
            Self::Array(v) => write!(f, "an array of {} {:?}", v.len(), v.kind()),
            Self::F32(v) => v.fmt(f),
            Self::F64(v) => v.fmt(f),
            integer => integer.as_integer().unwrap_or_default().fmt(f),
        }
    }
}

/// An array in the metadata: its elements are decoded as they are read, nothing is copied.
#[derive(Clone, Copy, PartialEq)]
pub struct Array<'a> {
    kind: ValueType,
    len: usize,
    /// Exactly its elements, as the file holds them.
    bytes: &'a [u8],
}

impl<'a> Array<'a> {
    /// The elements' type.
    pub fn kind(&self) -> ValueType {
        self.kind
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its elements, whatever their type.
    pub fn iter(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let (kind, mut bytes) = (self.kind, self.bytes);
        (0..self.len).map_while(move |_| Value::read(kind, &mut bytes))
    }

    /// Its strings, if it is an array of strings.
    pub fn strs(&self) -> Option<Strs<'a>> {
        (self.kind == ValueType::Str).then_some(Strs { left: self.len, bytes: self.bytes })
    }

    /// Its numbers, if its elements are of one of the eight integer types.
    pub fn integers(&self) -> Option<impl ExactSizeIterator<Item = i128> + use<'a>> {
        let decode: fn(&[u8]) -> i128 = match self.kind {
            ValueType::U8 => |b| u8::from_le_bytes(front(b)).into(),
            ValueType::I8 => |b| i8::from_le_bytes(front(b)).into(),
            ValueType::U16 => |b| u16::from_le_bytes(front(b)).into(),
            ValueType::I16 => |b| i16::from_le_bytes(front(b)).into(),
            ValueType::U32 => |b| u32::from_le_bytes(front(b)).into(),
            ValueType::I32 => |b| i32::from_le_bytes(front(b)).into(),
            ValueType::U64 => |b| u64::from_le_bytes(front(b)).into(),
            ValueType::I64 => |b| i64::from_le_bytes(front(b)).into(),
            _ => return None,
        };
        Some(self.bytes.chunks_exact(self.kind.width()?).map(decode))
    }

    /// Its numbers, if its elements are f32 or f64.
    pub fn floats(&self) -> Option<impl ExactSizeIterator<Item = f64> + use<'a>> {
        let decode: fn(&[u8]) -> f64 = match self.kind {
            ValueType::F32 => |b| f32::from_le_bytes(front(b)).into(),
            ValueType::F64 => |b| f64::from_le_bytes(front(b)),
            _ => return None,
        };
        Some(self.bytes.chunks_exact(self.kind.width()?).map(decode))
    }

    /// The array that `bytes` are, to their end.
    pub(super) fn whole(mut bytes: &'a [u8]) -> Option<Self> {
        let kind = ValueType::from_id(u32::from_le_bytes(chunk(&mut bytes)?))?;
        let len = usize::try_from(u64::from_le_bytes(chunk(&mut bytes)?)).ok()?;
        Some(Self { kind, len, bytes })
    }

    fn read(bytes: &mut &'a [u8]) -> Option<Self> {
        let kind = ValueType::from_id(u32::from_le_bytes(chunk(bytes)?))?;
        let len = usize::try_from(u64::from_le_bytes(chunk(bytes)?)).ok()?;
        let start = *bytes;
        match kind.width() {
            Some(width) => *bytes = bytes.get(len.checked_mul(width)?..)?,
            None => {
                for _ in 0..len {
                    Value::read(kind, bytes)?;
                }
            }
        }
        Some(Self { kind, len, bytes: start.get(..start.len() - bytes.len())? })
    }
}

impl fmt::Debug for Array<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{:?}; {}]", self.kind, self.len)
    }
}

/// The strings of an array, in order.
#[derive(Debug, Clone)]
pub struct Strs<'a> {
    left: usize,
    bytes: &'a [u8],
}

impl<'a> Iterator for Strs<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.left = self.left.checked_sub(1)?;
        read_str(&mut self.bytes)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Strs<'_> {}

/// What [`Metadata::find`](super::Metadata::find) can turn a value into.
pub trait FromValue<'a>: Sized {
    /// What is wanted, for the message when the value is something else.
    const WANTED: &'static str;

    /// The value as this type, if it is one and in range.
    fn from_value(value: Value<'a>) -> Option<Self>;
}

impl FromValue<'_> for u32 {
    const WANTED: &'static str = "an integer from 0 to 4294967295";
    fn from_value(value: Value<'_>) -> Option<Self> {
        value.as_integer()?.try_into().ok()
    }
}

impl FromValue<'_> for u64 {
    const WANTED: &'static str = "an integer from 0 to 2^64 - 1";
    fn from_value(value: Value<'_>) -> Option<Self> {
        value.as_integer()?.try_into().ok()
    }
}

impl FromValue<'_> for i64 {
    const WANTED: &'static str = "an integer of 64 bits";
    fn from_value(value: Value<'_>) -> Option<Self> {
        value.as_integer()?.try_into().ok()
    }
}

impl FromValue<'_> for f32 {
    const WANTED: &'static str = "a floating-point number";
    fn from_value(value: Value<'_>) -> Option<Self> {
        value.as_float().map(|number| number as f32)
    }
}

impl FromValue<'_> for f64 {
    const WANTED: &'static str = "a floating-point number";
    fn from_value(value: Value<'_>) -> Option<Self> {
        value.as_float()
    }
}

impl FromValue<'_> for bool {
    const WANTED: &'static str = "a bool";
    fn from_value(value: Value<'_>) -> Option<Self> {
        if let Value::Bool(v) = value { Some(v) } else { None }
    }
}

impl<'a> FromValue<'a> for &'a str {
    const WANTED: &'static str = "a string";
    fn from_value(value: Value<'a>) -> Option<Self> {
        if let Value::Str(v) = value { Some(v) } else { None }
    }
}

impl<'a> FromValue<'a> for Array<'a> {
    const WANTED: &'static str = "an array";
    fn from_value(value: Value<'a>) -> Option<Self> {
        if let Value::Array(v) = value { Some(v) } else { None }
    }
}

impl<'a> FromValue<'a> for Strs<'a> {
    const WANTED: &'static str = "an array of strings";
    fn from_value(value: Value<'a>) -> Option<Self> {
        Array::from_value(value)?.strs()
    }
}

/// `N` bytes off the front.
fn chunk<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (chunk, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*chunk)
}

/// The first `N` bytes of an element, which has as many.
fn front<const N: usize>(element: &[u8]) -> [u8; N] {
    element.first_chunk().copied().unwrap_or([0; N])
}

/// A string off the front of bytes that the parse has validated.
fn read_str<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let len = usize::try_from(u64::from_le_bytes(chunk(bytes)?)).ok()?;
    let (text, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    // SAFETY: `Metadata` keeps its own copy of these bytes, and the parse has checked each of its strings as
    // UTF-8.
    Some(unsafe { std::str::from_utf8_unchecked(text) })
}
