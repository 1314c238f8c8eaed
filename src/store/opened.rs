//! A save that is read: section by section, each checked before it is believed. Knows not where its bytes
//! come from.

use super::checksum;
use super::faults::damaged;
use super::fields::Fields;
use super::header::{FIXED, Header, Kind, Section};
use super::model::Model;
use super::past::Past;
use super::places::{self, Of, Places};
use super::session::{self, MAX_TOKENS, Session};
use crate::error::Result;

/// Bytes of what says which model a save is of.
const MAX_MODEL: usize = 1 << 16;
/// Bytes of what says what its records are.
const MAX_PAST: usize = 1 << 20;

/// Fills a slice with the save's bytes from an offset on, or says why it cannot.
pub type ReadAt<'a> = dyn FnMut(u64, &mut [u8]) -> Result<()> + 'a;

/// A save whose header is right.
#[derive(Debug)]
pub struct Opened {
    header: Header,
}

impl Opened {
    /// Reads the header of a save of `size` bytes.
    ///
    /// # Errors
    /// `Io`: it is no save, or a damaged one; `Unsupported`: a later release's; `read`'s.
    pub fn read(size: u64, read: &mut ReadAt<'_>) -> Result<Self> {
        if size < FIXED as u64 {
            return Err(damaged("header", 0, format_args!("{size} bytes are no save")));
        }
        let mut fixed = [0; FIXED];
        read(0, &mut fixed)?;
        let mut bytes = vec![0; Header::length(&fixed, size)?];
        read(0, &mut bytes)?;
        Ok(Self { header: Header::decode(&bytes)? })
    }

    /// Which model it is of.
    ///
    /// # Errors
    /// `Io`: it is damaged; `Unsupported`: a later release's; `OutOfMemory`; `read`'s.
    pub fn model(&self, read: &mut ReadAt<'_>) -> Result<Model> {
        let (offset, bytes) = self.section(Kind::Model, MAX_MODEL, read)?;
        Model::decode(Fields::new(Kind::Model.name(), &bytes, offset))
    }

    /// The session.
    ///
    /// # Errors
    /// As [`Opened::model`].
    pub fn session(&self, read: &mut ReadAt<'_>) -> Result<Session> {
        let (offset, bytes) = self.section(Kind::Session, session::MAX_BYTES, read)?;
        Session::decode(Fields::new(Kind::Session.name(), &bytes, offset))
    }

    /// Its tokens, each below `vocab_size`.
    ///
    /// # Errors
    /// As [`Opened::model`].
    pub fn tokens(&self, vocab_size: usize, read: &mut ReadAt<'_>) -> Result<Vec<u32>> {
        let (offset, bytes) = self.section(Kind::Tokens, MAX_TOKENS * 4, read)?;
        let (ids, rest) = bytes.as_chunks();
        let mut tokens = Vec::new();
        tokens.try_reserve_exact(ids.len())?;
        tokens.extend(ids.iter().map(|id| u32::from_le_bytes(*id)));
        let stranger = tokens.iter().position(|id| *id as usize >= vocab_size);
        match stranger {
            _ if !rest.is_empty() => Err(damaged(Kind::Tokens.name(), offset, "half a token")),
            Some(index) => {
                let what = format!("token {} of a vocabulary of {vocab_size}", tokens[index]);
                Err(damaged(Kind::Tokens.name(), offset + index as u64 * 4, what))
            }
            None => Ok(tokens),
        }
    }

    /// Places that the session can go back to, which has so many tokens, each below `vocab_size`; `None`: the
    /// save says none.
    ///
    /// # Errors
    /// As [`Opened::model`].
    pub fn places(
        &self,
        session: &Session,
        tokens: usize,
        vocab_size: usize,
        read: &mut ReadAt<'_>,
    ) -> Result<Option<Places>> {
        if self.find(Kind::Places).is_none() {
            return Ok(None);
        }
        let (offset, bytes) = self.section(Kind::Places, places::MAX_BYTES, read)?;
        let fields = Fields::new(Kind::Places.name(), &bytes, offset);
        Places::decode(fields, Of { session, tokens, vocab_size }).map(Some)
    }

    /// What keys and values there are of a session of so many tokens, if any, and where their records begin.
    ///
    /// # Errors
    /// As [`Opened::model`].
    pub fn past(&self, tokens: usize, read: &mut ReadAt<'_>) -> Result<Option<(Past, u64)>> {
        let (records, offset) = match (self.find(Kind::Past), self.find(Kind::Records)) {
            (None, None) => return Ok(None),
            (Some(past), Some(records)) => (records, past.offset),
            _ => {
                return Err(damaged(
                    "header",
                    FIXED as u64,
                    "blocks without their description, or it without them",
                ));
            }
        };
        let (_, bytes) = self.section(Kind::Past, MAX_PAST, read)?;
        let past = Past::decode(Fields::new(Kind::Past.name(), &bytes, offset), tokens, offset)?;
        if past.total() != Some(records.length) {
            let what = format!("{} bytes of blocks, where others are described", records.length);
            return Err(damaged(Kind::Records.name(), records.offset, what));
        }
        Ok(Some((past, records.offset)))
    }

    /// Whether it has keys and values.
    pub fn has_past(&self) -> bool {
        self.find(Kind::Past).is_some()
    }

    /// Bytes of the whole save.
    pub fn size(&self) -> u64 {
        self.header.size
    }

    fn find(&self, kind: Kind) -> Option<&Section> {
        self.header.sections.iter().find(|section| section.kind == kind)
    }

    /// The bytes of a section of at most `most` bytes, and where they are.
    fn section(&self, kind: Kind, most: usize, read: &mut ReadAt<'_>) -> Result<(u64, Vec<u8>)> {
        let Some(&Section { offset, length, .. }) = self.find(kind) else {
            return Err(damaged(
                "header",
                FIXED as u64,
                format_args!("it has no section \"{}\"", kind.name()),
            ));
        };
        if length > most as u64 {
            return Err(damaged(
                kind.name(),
                offset,
                format_args!("{length} bytes, at most {most} are possible"),
            ));
        }
        let length = length as usize;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length + kind.behind() as usize)?;
        bytes.resize(length + kind.behind() as usize, 0);
        read(offset, &mut bytes)?;
        let sum = bytes.split_off(length);
        if sum != checksum::of(kind.seed(), &bytes) {
            return Err(damaged(kind.name(), offset, "its checksum is another's"));
        }
        Ok((offset, bytes))
    }
}
