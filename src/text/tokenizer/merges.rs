//! What the merges of a file are of, as ids: tokens, and texts that are no tokens. Knows no words.

use std::collections::HashMap;

use super::pieces::{Pieces, SPACE_MARK_TEXT, TOKEN_UNITS, decode_letters, decode_marks};
use crate::error::Result;
use crate::pause::Pauses;

/// No token, or no neighbour.
pub(super) const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
pub(super) struct Merge {
    pub(super) left: u32,
    pub(super) right: u32,
    pub(super) result: u32,
}

impl Merge {
    /// Keeps the place of one that no text comes to.
    pub(super) const NEVER: Self = Self { left: NONE, right: NONE, result: NONE };
}

/// Texts that merges are of and that are no tokens: ids behind the vocabulary's. A word that ends as one
/// becomes the tokens of its bytes (`llm_tokenizer_bpe_session::tokenize`, llama.cpp).
#[derive(Debug, Clone, Default)]
pub(super) struct Strangers {
    /// The first id.
    first: u32,
    bytes: Vec<u8>,
    /// Where each ends in `bytes`.
    ends: Vec<usize>,
}

impl Strangers {
    pub(super) fn get(&self, id: u32) -> Option<&[u8]> {
        let index = id.checked_sub(self.first)? as usize;
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.bytes.get(start..end)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Those that are one character, with their ids.
    pub(super) fn letters(&self) -> impl Iterator<Item = Option<(char, u32)>> {
        (self.first..).take(self.len()).map(|id| {
            let mut text = std::str::from_utf8(self.get(id)?).ok()?.chars();
            let letter = text.next()?;
            text.next().is_none().then_some((letter, id))
        })
    }

    fn add(&mut self, text: &[u8]) -> Result<u32> {
        self.bytes.try_reserve(text.len())?;
        self.ends.try_reserve(1)?;
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
        Ok(self.first + self.ends.len() as u32 - 1)
    }
}

/// Resolves merges to ids.
pub(super) struct Resolver<'a> {
    pieces: &'a Pieces,
    /// Merges are written with U+2581 for spaces, not in GPT-2's alphabet.
    is_marked: bool,
    pub(super) strangers: Strangers,
    /// Their ids, and `NONE` for the texts of control tokens; filled when the first is met.
    known: HashMap<Box<[u8]>, u32>,
    decoded: Vec<u8>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(pieces: &'a Pieces, is_marked: bool) -> Self {
        let strangers = Strangers { first: pieces.len() as u32, ..Strangers::default() };
        Self { pieces, is_marked, strangers, known: HashMap::new(), decoded: Vec::new() }
    }

    /// Appends the bytes of a text; false: no text comes to it.
    fn decode(&self, text: &str, out: &mut Vec<u8>) -> bool {
        if self.is_marked {
            decode_marks(text, out);
            return true;
        }
        decode_letters(text, out)
    }

    /// The ids of a merge; `None` if no text comes to it, or if it makes a control token, which text never
    /// becomes.
    pub(super) async fn resolve(
        &mut self,
        left: &str,
        right: &str,
        pauses: &mut Pauses<'_>,
    ) -> Result<Option<Merge>> {
        self.decoded.clear();
        let mut decoded = std::mem::take(&mut self.decoded);
        let is_reached = self.decode(left, &mut decoded);
        let middle = decoded.len();
        let merge = if is_reached && self.decode(right, &mut decoded) {
            let left = self.id(&decoded[..middle], pauses).await?;
            let right = self.id(&decoded[middle..], pauses).await?;
            Some(Merge { left, right, result: self.id(&decoded, pauses).await? })
        } else {
            None
        };
        self.decoded = decoded;
        Ok(merge.filter(|merge| merge.left != NONE && merge.right != NONE && merge.result != NONE))
    }

    /// The id of a text that a merge names; `NONE`: it is a control token's.
    async fn id(&mut self, text: &[u8], pauses: &mut Pauses<'_>) -> Result<u32> {
        let found = if self.is_marked { find_marked(self.pieces, text) } else { self.pieces.find_any(text) };
        if let Some(id) = found {
            return Ok(if self.pieces.is_text(id) { id } else { NONE });
        }
        if self.known.is_empty() {
            for id in self.pieces.of_kinds(|kind| kind.is_special()) {
                self.known.try_reserve(1)?;
                self.known.insert(self.pieces.get(id).unwrap_or_default().into(), NONE);
                if pauses.is_due(TOKEN_UNITS) {
                    pauses.look_up().await?;
                }
            }
        }
        if let Some(&id) = self.known.get(text) {
            return Ok(id);
        }
        self.known.try_reserve(1)?;
        let id = self.strangers.add(text)?;
        self.known.insert(text.into(), id);
        Ok(id)
    }
}

/// The token of a text in which U+2581 is a space; a user-defined token may be written with it.
pub(super) fn find_marked(pieces: &Pieces, text: &[u8]) -> Option<u32> {
    pieces.find_any(text).or_else(|| {
        let text = std::str::from_utf8(text).ok().filter(|text| text.contains(' '))?;
        pieces.find_any(text.replace(' ', SPACE_MARK_TEXT).as_bytes())
    })
}

/// The two sides of a merge as a file writes it.
pub(super) fn split(merge: &str) -> Option<(&str, &str)> {
    // The first letter may be a space only in files that do not use GPT-2's alphabet.
    let at = merge.char_indices().skip(1).find(|(_, letter)| *letter == ' ')?.0;
    let (left, right) = (&merge[..at], &merge[at + 1..]);
    (!right.is_empty() && !right.contains(' ')).then_some((left, right))
}
