//! The metadata: keys and typed values, validated once, kept as the file's own bytes and decoded where they
//! are read. Knows GGUF's value encoding; not what a key means.

use super::cursor::Cursor;
use super::value::{Array, FromValue, Value, ValueType};
use super::{invalid, shown};
use crate::error::Result;

/// Arrays in arrays: no real file has any, a hostile one could have a million.
const MAX_NESTING: usize = 64;

/// The most keys, and the most tensors, in a file.
pub(super) const MAX_ENTRIES: u64 = 1 << 16;

/// The longest key or tensor name in bytes (GGUF specification: 2^16 - 1).
pub(super) const MAX_NAME: u64 = 65_535;

/// Bytes of a key's length, which stands before it.
const KEY_LEN: usize = 8;

/// Typed keys and values of a model file. Cheap to ask: a lookup is a binary search, strings and arrays are
/// borrowed.
pub struct Metadata {
    /// The file up to the end of the metadata: an own copy, so that a mapped file that changes cannot change
    /// it.
    bytes: Vec<u8>,
    /// In file order.
    entries: Vec<Entry>,
    /// Positions in `entries`, by ascending key.
    by_key: Vec<u32>,
}

/// Where one key and its value lie in the bytes.
#[derive(Clone, Copy)]
struct Entry {
    key_start: u32,
    key_len: u16,
    kind: ValueType,
    value_start: u32,
}

impl Metadata {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<Value<'_>> {
        let found = self.by_key.binary_search_by(|&at| self.key_at(at).cmp(key)).ok()?;
        self.value(*self.by_key.get(found)? as usize)
    }

    /// The value of `key` as a `T`: `None` where there is no such key.
    ///
    /// `ModelInvalid`, naming the key and the value, where it is something else or out of `T`'s range. `T` is
    /// one of `u32`, `u64`, `i64` (from any integer type), `f32`, `f64`, `bool`, `&str`, [`Array`],
    /// [`Strs`](super::Strs).
    pub fn find<'a, T: FromValue<'a>>(&'a self, key: &str) -> Result<Option<T>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match T::from_value(value) {
            Some(found) => Ok(Some(found)),
            None => {
                let (kind, wanted) = (value.kind(), T::WANTED);
                Err(invalid(format!("metadata key {} is {value} ({kind:?}), not {wanted}", shown(key))))
            }
        }
    }

    /// As [`find`](Self::find), where a missing key is an error too.
    pub fn require<'a, T: FromValue<'a>>(&'a self, key: &str) -> Result<T> {
        self.find(key)?.ok_or_else(|| invalid(format!("metadata key {} is missing", shown(key))))
    }

    /// Every key and value, in file order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Value<'_>)> {
        self.entries.iter().enumerate().filter_map(|(at, entry)| Some((self.key(entry)?, self.value(at)?)))
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of the file up to the end of the metadata: the memory that this takes, nearly.
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    fn entry(&self, at: u32) -> Option<&Entry> {
        self.entries.get(at as usize)
    }

    fn key_at(&self, at: u32) -> &str {
        self.entry(at).and_then(|entry| self.key(entry)).unwrap_or_default()
    }

    fn key(&self, entry: &Entry) -> Option<&str> {
        let start = entry.key_start as usize;
        let bytes = self.bytes.get(start..start + usize::from(entry.key_len))?;
        // SAFETY: `Layout::read` has checked exactly these bytes, which nobody can change, as UTF-8.
        Some(unsafe { std::str::from_utf8_unchecked(bytes) })
    }

    fn value(&self, at: usize) -> Option<Value<'_>> {
        let entry = self.entries.get(at)?;
        // It ends where the next key's length begins: so nobody need go through an array to find its end.
        let end = self.entries.get(at + 1).map_or(self.bytes.len(), |next| next.key_start as usize - KEY_LEN);
        let mut bytes = self.bytes.get(entry.value_start as usize..end)?;
        match entry.kind {
            ValueType::Array => Array::whole(bytes).map(Value::Array),
            plain => Value::read(plain, &mut bytes),
        }
    }
}

/// The places of keys and values, found before the last of the header's bytes is here.
#[derive(Default)]
pub(super) struct Layout {
    entries: Vec<Entry>,
    end: usize,
}

impl Layout {
    /// Reads and validates `count` keys and values.
    pub(super) async fn read(cursor: &mut Cursor<'_, '_>, count: u64) -> Result<Self> {
        // The shortest: a key of 1 byte with its length, a type, a value of 1 byte.
        if count > MAX_ENTRIES || count > cursor.left() / 14 {
            let left = cursor.left();
            return Err(cursor.fault(format!(
                "{count} metadata keys are impossible in {left} bytes, or over {MAX_ENTRIES}"
            )));
        }
        let mut entries = Vec::new();
        for _ in 0..count {
            let entry = read_entry(cursor).await?;
            push(&mut entries, entry)?;
            cursor.pause_after(1).await?;
        }
        Ok(Self { entries, end: cursor.position() })
    }

    /// Where the metadata ends in the file.
    pub(super) fn end(&self) -> usize {
        self.end
    }

    /// The metadata, from the bytes that have been validated, up to `end`.
    pub(super) fn over(self, bytes: Vec<u8>) -> Result<Metadata> {
        let mut by_key = Vec::new();
        by_key.try_reserve_exact(self.entries.len())?;
        by_key.extend(0..self.entries.len() as u32);
        let mut metadata = Metadata { bytes, entries: self.entries, by_key: Vec::new() };
        by_key.sort_unstable_by(|&a, &b| metadata.key_at(a).cmp(metadata.key_at(b)));
        if let Some(twin) = first_twin(&by_key, |at| metadata.key_at(at)) {
            return Err(invalid(format!("metadata key {} is there twice", shown(twin))));
        }
        metadata.by_key = by_key;
        Ok(metadata)
    }
}

/// The first name that two neighbours share.
pub(super) fn first_twin<'a>(sorted: &[u32], name: impl Fn(u32) -> &'a str) -> Option<&'a str> {
    let mut pairs = sorted.iter().zip(sorted.iter().skip(1));
    pairs.find(|&(&a, &b)| name(a) == name(b)).map(|(&a, _)| name(a))
}

/// Appends; grows by a quarter, so that a table never takes much more than its items.
pub(super) fn push<T>(items: &mut Vec<T>, item: T) -> Result<()> {
    if items.len() == items.capacity() {
        items.try_reserve_exact(items.len() / 4 + 16)?;
    }
    items.push(item);
    Ok(())
}

async fn read_entry(cursor: &mut Cursor<'_, '_>) -> Result<Entry> {
    let key = cursor.name("a metadata key", MAX_NAME).await?;
    let key_len = key.len();
    let label = shown(key);
    let end = cursor.position();
    let value = read_value(cursor).await;
    let (kind, value_start) = value.map_err(|e| e.within(format!("metadata key {label}")))?;
    // Every position is below the longest header, which 32 bits hold.
    Ok(Entry {
        key_start: (end - key_len) as u32,
        key_len: key_len as u16,
        kind,
        value_start: value_start as u32,
    })
}

/// Takes a type and a value of it; gives the type, and where the value starts.
async fn read_value(cursor: &mut Cursor<'_, '_>) -> Result<(ValueType, usize)> {
    let kind = read_kind(cursor).await?;
    let start = cursor.position();
    validate(cursor, kind).await?;
    Ok((kind, start))
}

async fn read_kind(cursor: &mut Cursor<'_, '_>) -> Result<ValueType> {
    let id = cursor.u32("a value's type").await?;
    ValueType::from_id(id).ok_or_else(|| cursor.fault(format!("unknown value type, id {id}")))
}

/// Takes one value of `kind`, and checks all of it.
async fn validate(cursor: &mut Cursor<'_, '_>, kind: ValueType) -> Result<()> {
    if kind != ValueType::Array {
        return validate_plain(cursor, kind).await;
    }
    // The arrays under way, the innermost last: what their elements are, and how many are still to come.
    let mut open = vec![(kind, 1u64)];
    while let Some((kind, left)) = open.last_mut() {
        if *left == 0 {
            open.pop();
            continue;
        }
        *left -= 1;
        let kind = *kind;
        cursor.pause_after(1).await?;
        if kind != ValueType::Array {
            validate_plain(cursor, kind).await?;
        } else if open.len() > MAX_NESTING {
            return Err(cursor.fault(format!("arrays are nested deeper than {MAX_NESTING}")));
        } else if let Some(inner) = validate_array(cursor).await? {
            open.push(inner);
        }
    }
    Ok(())
}

async fn validate_plain(cursor: &mut Cursor<'_, '_>, kind: ValueType) -> Result<()> {
    match kind {
        ValueType::Str => cursor.text("a string").await.map(drop),
        ValueType::Bool => match cursor.u8("a bool").await? {
            0 | 1 => Ok(()),
            other => Err(cursor.fault(format!("a bool is {other}; 0 and 1 are possible"))),
        },
        number => cursor.take(number.min_bytes(), "a number").await.map(drop),
    }
}

/// Takes an array: all of it, or up to its elements if each of them is to be looked at: then their type and
/// number.
async fn validate_array(cursor: &mut Cursor<'_, '_>) -> Result<Option<(ValueType, u64)>> {
    let kind = read_kind(cursor).await?;
    let len = cursor.u64("an array's length").await?;
    if len > cursor.left() / kind.min_bytes() {
        let left = cursor.left();
        return Err(cursor.fault(format!("an array of {len} {kind:?}, and {left} bytes left in the file")));
    }
    match kind {
        ValueType::Str => cursor.texts(len).await?,
        ValueType::Array | ValueType::Bool => return Ok(Some((kind, len))),
        number => drop(cursor.take(len * number.min_bytes(), "an array").await?),
    }
    Ok(None)
}
