//! The head of a save: what it is, how large, and where its sections are. Knows not what they hold.

use super::checksum::{self, CHECKSUM};
use super::faults::{damaged, later};
use crate::error::{Error, ErrorKind, Result};

/// The first bytes of every save.
const MAGIC: [u8; 8] = *b"wicksave";
/// The format's version: a reader knows all up to its own.
const VERSION: u32 = 1;

/// Bytes of a header without its table.
pub(super) const FIXED: usize = 32;
/// Bytes of an entry of the table.
pub(super) const ENTRY: usize = 24;
/// Sections that a save may have.
const MAX_SECTIONS: u32 = 64;

/// In an entry's flags: who does not know the section may pass it over.
const OPTIONAL: u32 = 1;

/// What a section holds; its number in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Kind {
    Model = 1,
    Session = 2,
    Tokens = 3,
    /// What the records are.
    Past = 4,
    /// Records, each with a checksum of its own.
    Records = 5,
    /// Where the session can go back to.
    Places = 6,
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::Model, Self::Session, Self::Tokens, Self::Past, Self::Records, Self::Places];

    /// What it is called in messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Session => "session",
            Self::Tokens => "tokens",
            Self::Past => "keys and values",
            Self::Records => "blocks",
            Self::Places => "places",
        }
    }

    /// Bytes behind it that are not counted: its checksum, where it has one as a whole.
    pub(super) fn behind(self) -> u64 {
        if self == Self::Records { 0 } else { CHECKSUM as u64 }
    }

    /// Its flags in the table.
    fn flags(self) -> u32 {
        if self == Self::Places { OPTIONAL } else { 0 }
    }

    /// What its checksum is seeded with.
    pub(super) fn seed(self) -> u64 {
        self as u64
    }
}

/// Where a section is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) kind: Kind,
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// Where all sections are, and how large the save is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) size: u64,
    pub(super) sections: Vec<Section>,
}

impl Header {
    /// Of sections of these lengths, one behind the other.
    ///
    /// # Errors
    /// `Unsupported`: more bytes than can be counted.
    pub(super) fn of(lengths: &[(Kind, u64)]) -> Result<Self> {
        let mut sections = Vec::with_capacity(lengths.len());
        let mut end = (FIXED + lengths.len() * ENTRY) as u64;
        for &(kind, length) in lengths {
            let offset = end;
            let behind = offset.checked_add(length).and_then(|end| end.checked_add(kind.behind()));
            end = behind
                .filter(|end| *end <= i64::MAX as u64)
                .ok_or_else(|| Error::new(ErrorKind::Unsupported, "the save would be too large"))?;
            sections.push(Section { kind, offset, length });
        }
        Ok(Self { size: end, sections })
    }

    /// As bytes, up to the first section.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FIXED + self.sections.len() * ENTRY);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&(self.sections.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&self.size.to_le_bytes());
        bytes.extend_from_slice(&[0; CHECKSUM]);
        for section in &self.sections {
            bytes.extend_from_slice(&(section.kind as u32).to_le_bytes());
            bytes.extend_from_slice(&section.kind.flags().to_le_bytes());
            bytes.extend_from_slice(&section.offset.to_le_bytes());
            bytes.extend_from_slice(&section.length.to_le_bytes());
        }
        let sum = header_checksum(&bytes);
        bytes[FIXED - CHECKSUM..FIXED].copy_from_slice(&sum);
        bytes
    }

    /// Bytes of the whole header that begins with `fixed`, of a save of `size` bytes.
    ///
    /// # Errors
    /// `Io`: it is no save, or cut off; `Unsupported`: a later release's.
    pub(super) fn length(fixed: &[u8; FIXED], size: u64) -> Result<usize> {
        if fixed[..8] != MAGIC {
            let found = fixed[..8].escape_ascii();
            return Err(damaged(
                "header",
                0,
                format_args!("it is no save of wick: it begins with \"{found}\", a save with \"wicksave\""),
            ));
        }
        let version = number32(fixed, 8);
        if version > VERSION {
            return Err(later(format_args!(
                "the save: its format's version {version} (this one knows {VERSION})"
            )));
        }
        let count = number32(fixed, 12);
        if version == 0 || count > MAX_SECTIONS {
            return Err(damaged("header", 8, format_args!("version {version} with {count} sections")));
        }
        let (length, said) = (FIXED + count as usize * ENTRY, number64(fixed, 16));
        if said != size || length as u64 > size {
            return Err(damaged(
                "header",
                16,
                format_args!("it is a save of {said} bytes, and there are {size}"),
            ));
        }
        Ok(length)
    }

    /// The header that `bytes`, of the length that [`Header::length`] told, are.
    ///
    /// # Errors
    /// `Io`: it is damaged; `Unsupported`: a section of a later release's.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self> {
        let (Some(fixed), Some(table)) = (bytes.first_chunk::<FIXED>(), bytes.get(FIXED..)) else {
            return Err(damaged("header", 0, "it is cut off"));
        };
        if header_checksum(bytes) != fixed[FIXED - CHECKSUM..] {
            return Err(damaged("header", 24, "its checksum is another's"));
        }
        let size = number64(fixed, 16);
        let (mut sections, mut last) = (Vec::<Section>::new(), bytes.len() as u64);
        for (index, entry) in table.chunks_exact(ENTRY).enumerate() {
            let at = (FIXED + index * ENTRY) as u64;
            let (number, flags) = (number32(entry, 0), number32(entry, 4));
            let (offset, length) = (number64(entry, 8), number64(entry, 16));
            let kind = Kind::ALL.into_iter().find(|kind| *kind as u32 == number);
            let behind = kind.map_or(CHECKSUM as u64, Kind::behind);
            let end = offset.checked_add(length).and_then(|end| end.checked_add(behind));
            let Some(end) = end.filter(|end| offset == last && *end <= size) else {
                return Err(damaged(
                    "header",
                    at,
                    format_args!("section {number} is said to lie at {offset}, {length} bytes"),
                ));
            };
            last = end;
            match kind {
                Some(kind) if sections.iter().any(|section| section.kind == kind) => {
                    return Err(damaged("header", at, format_args!("section {number} is there twice")));
                }
                Some(kind) => sections.push(Section { kind, offset, length }),
                None if flags & OPTIONAL != 0 => {}
                None => return Err(later(format_args!("section {number} of the save"))),
            }
        }
        match last == size {
            true => Ok(Self { size, sections }),
            false => {
                Err(damaged("header", FIXED as u64, format_args!("its sections end at {last} of {size}")))
            }
        }
    }
}

/// Over all but itself.
pub(super) fn header_checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let mut sum = checksum::Checksum::new(0);
    sum.add(&bytes[..FIXED - CHECKSUM]);
    sum.add(&bytes[FIXED..]);
    sum.to_bytes()
}

fn number32(bytes: &[u8], at: usize) -> u32 {
    let bytes = bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    u32::from_le_bytes(bytes.unwrap_or_default())
}

fn number64(bytes: &[u8], at: usize) -> u64 {
    let bytes = bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
    u64::from_le_bytes(bytes.unwrap_or_default())
}
