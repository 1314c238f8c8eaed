//! Fields: a number, a length, bytes, one after the other. Knows no meaning of them.

use super::faults::{damaged, later};
use crate::error::Result;

/// Fields whose number has this bit are passed over by who does not know them; others refuse the save.
pub(super) const OPTIONAL: u32 = 1 << 31;

/// Bytes of a field's number and length.
const PREFIX: usize = 8;

/// Fields on their way into a save.
#[derive(Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Adds a field of at most 4 GiB.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(super) fn put(&mut self, number: u32, bytes: &[u8]) -> Result<()> {
        self.bytes.try_reserve(PREFIX + bytes.len())?;
        self.bytes.extend_from_slice(&number.to_le_bytes());
        self.bytes.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// As [`Writer::put`], if there is something.
    pub(super) fn put_some(&mut self, number: u32, bytes: Option<impl AsRef<[u8]>>) -> Result<()> {
        bytes.map_or(Ok(()), |bytes| self.put(number, bytes.as_ref()))
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Fields of a save.
pub(super) struct Fields<'a> {
    /// What they are of, for messages.
    what: &'static str,
    rest: &'a [u8],
    /// Where the rest is in the file.
    offset: u64,
}

/// One of them.
pub(super) struct Field<'a> {
    what: &'static str,
    pub(super) number: u32,
    pub(super) bytes: &'a [u8],
    /// Where the bytes are in the file.
    pub(super) offset: u64,
}

impl<'a> Fields<'a> {
    /// Those in `bytes`, which lie at `offset`.
    pub(super) fn new(what: &'static str, bytes: &'a [u8], offset: u64) -> Self {
        Self { what, rest: bytes, offset }
    }

    /// The next one.
    ///
    /// # Errors
    /// `Io`: it is cut off.
    pub(super) fn next(&mut self) -> Result<Option<Field<'a>>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let number = |at: usize| self.rest.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        let field = number(0).zip(number(4)).and_then(|(number, length)| {
            let (bytes, rest) = self.rest.get(PREFIX..)?.split_at_checked(length as usize)?;
            Some((number, bytes, rest))
        });
        let Some((number, bytes, rest)) = field else {
            return Err(damaged(self.what, self.offset, "a field is cut off"));
        };
        let field = Field { what: self.what, number, bytes, offset: self.offset + PREFIX as u64 };
        self.offset += (PREFIX + bytes.len()) as u64;
        self.rest = rest;
        Ok(Some(field))
    }
}

impl<'a> Field<'a> {
    /// Something is wrong with it.
    pub(super) fn fault(&self, what: &str) -> crate::error::Error {
        damaged(self.what, self.offset, format_args!("field {}: {what}", self.number))
    }

    /// The number that it is.
    ///
    /// # Errors
    /// `Io`: it has another size.
    pub(super) fn u64(&self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// As [`Field::u64`], of 4 bytes.
    pub(super) fn u32(&self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// As [`Field::u64`], for what counts memory.
    pub(super) fn size(&self) -> Result<usize> {
        usize::try_from(self.u64()?).map_err(|_| self.fault("the number is too great"))
    }

    /// The bytes that it is.
    ///
    /// # Errors
    /// `Io`: it has another size.
    pub(super) fn array<const N: usize>(&self) -> Result<[u8; N]> {
        self.bytes.try_into().map_err(|_| self.fault("it has another size"))
    }

    /// The text that it is.
    ///
    /// # Errors
    /// `Io`: it is none; `OutOfMemory`.
    pub(super) fn text(&self) -> Result<String> {
        let text = std::str::from_utf8(self.bytes).map_err(|_| self.fault("it is no text (UTF-8)"))?;
        let mut copy = String::new();
        copy.try_reserve_exact(text.len())?;
        copy.push_str(text);
        Ok(copy)
    }

    /// Parts of `N` bytes.
    ///
    /// # Errors
    /// `Io`: the last one is cut off.
    pub(super) fn parts<const N: usize>(&self) -> Result<&'a [[u8; N]]> {
        match self.bytes.as_chunks() {
            (parts, []) => Ok(parts),
            _ => Err(self.fault("it has another size")),
        }
    }

    /// Sets what may be said once.
    ///
    /// # Errors
    /// `Io`: it was.
    pub(super) fn once<T>(&self, place: &mut Option<T>, value: T) -> Result<()> {
        match place.replace(value) {
            None => Ok(()),
            Some(_) => Err(self.fault("it is there twice")),
        }
    }

    /// Nobody here knows the field.
    ///
    /// # Errors
    /// `Unsupported`, unless it says that it may be passed over.
    pub(super) fn unknown(&self) -> Result<()> {
        match self.number & OPTIONAL {
            0 => Err(later(format_args!("field {} of the save's {}", self.number, self.what))),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn fields_are_read_as_they_were_written_and_those_cut_off_are_refused() {
        let mut writer = Writer::default();
        writer.put(7, b"seven").unwrap();
        writer.put_some(8, None::<&[u8]>).unwrap();
        writer.put_some(9, Some(5u64.to_le_bytes())).unwrap();
        let bytes = writer.into_bytes();
        let mut fields = Fields::new("session", &bytes, 100);
        let (seven, nine) = (fields.next().unwrap().unwrap(), fields.next().unwrap().unwrap());
        assert!(fields.next().unwrap().is_none());
        assert_eq!((seven.number, seven.text().unwrap().as_str(), seven.offset), (7, "seven", 108));
        assert_eq!((nine.number, nine.u64().unwrap(), nine.offset), (9, 5, 121));
        assert_eq!(nine.u32().unwrap_err().kind(), ErrorKind::Io);
        for cut in (1..bytes.len()).filter(|cut| *cut != 13) {
            let mut fields = Fields::new("session", &bytes[..cut], 100);
            let error = loop {
                match fields.next() {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("cut at {cut}"),
                    Err(error) => break error,
                }
            };
            assert!(error.message().contains("session, at byte 1"), "{error}");
        }
    }

    #[test]
    fn an_unknown_field_is_refused_unless_it_may_be_passed_over() {
        let field = |number| Field { what: "session", number, bytes: &[], offset: 0 };
        assert_eq!(field(77).unknown().unwrap_err().kind(), ErrorKind::Unsupported);
        assert!(field(77 | OPTIONAL).unknown().is_ok());
    }
}
