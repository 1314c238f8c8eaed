//! The tokens' bytes, and the way back from bytes to ids. Knows nothing of how text is split.

use std::hash::{BuildHasher, RandomState};

use super::data::{TokenKind, VocabularyData, VocabularyModel, gather, invalid};
use crate::error::Result;
use crate::pause::Pauses;

/// How SentencePiece writes a space.
pub(super) const SPACE_MARK: char = '\u{2581}';
pub(super) const SPACE_MARK_TEXT: &str = "\u{2581}";

/// What a token counts for beside its bytes when it is decoded or looked for.
pub(super) const TOKEN_UNITS: usize = 8;

/// Bytes and kinds of all tokens, and an index of those that plain text can become.
#[derive(Debug, Clone)]
pub(super) struct Pieces {
    bytes: Vec<u8>,
    /// Where each token ends in `bytes`. `(n)`
    ends: Vec<u32>,
    kinds: Vec<TokenKind>,
    longest: usize,
    /// Open addressing: id + 1, or 0. The hash is keyed, so that a hostile file cannot make all tokens
    /// collide.
    slots: Vec<u32>,
    hasher: RandomState,
}

impl Pieces {
    /// Decodes and indexes all tokens.
    pub(super) async fn new(data: &VocabularyData<'_>, pauses: &mut Pauses<'_>) -> Result<Self> {
        let count = data.tokens.len();
        let total: usize = data.tokens.iter().map(|token| token.len()).sum();
        if total > u32::MAX as usize {
            return Err(invalid(format!(
                "the vocabulary's texts take {total} bytes; at most 4 GiB are possible"
            )));
        }
        let mut pieces = Self {
            bytes: Vec::new(),
            ends: Vec::new(),
            kinds: gather((0..count).map(|id| data.kind(id)), pauses).await?,
            longest: 0,
            slots: Vec::new(),
            hasher: RandomState::new(),
        };
        pieces.bytes.try_reserve_exact(total)?;
        pieces.ends.try_reserve_exact(count)?;
        let slots = (count * 2).next_power_of_two();
        pieces.slots.try_reserve_exact(slots)?;
        pieces.slots.resize(slots, 0);
        for (id, token) in data.tokens.iter().enumerate() {
            let start = pieces.bytes.len();
            decode_token(data.model, pieces.kinds[id], token, &mut pieces.bytes);
            pieces.ends.push(pieces.bytes.len() as u32);
            pieces.longest = pieces.longest.max(pieces.bytes.len() - start);
            if pauses.is_due(TOKEN_UNITS + token.len()) {
                pauses.look_up().await?;
            }
        }
        pieces.index(data, pauses).await?;
        Ok(pieces)
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of the longest token.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    pub(super) fn kind(&self, id: u32) -> Option<TokenKind> {
        self.kinds.get(id as usize).copied()
    }

    pub(super) fn set_kind(&mut self, id: u32, kind: TokenKind) {
        if let Some(slot) = self.kinds.get_mut(id as usize) {
            *slot = kind;
        }
    }

    /// The bytes of `id` in running text.
    pub(super) fn get(&self, id: u32) -> Option<&[u8]> {
        let id = id as usize;
        let end = *self.ends.get(id)? as usize;
        let start = id.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        self.bytes.get(start..end)
    }

    /// The text of the token that begins texts, or that ends them: what templates call `bos_token` and
    /// `eos_token`.
    pub(super) fn text(&self, id: Option<u32>) -> &str {
        id.and_then(|id| self.get(id)).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// The token of plain text that has exactly these bytes.
    pub(super) fn find(&self, bytes: &[u8]) -> Option<u32> {
        self.find_any(bytes).filter(|id| self.is_text(*id))
    }

    /// As [`find`](Self::find), but also one that has become a control token since it was indexed.
    pub(super) fn find_any(&self, bytes: &[u8]) -> Option<u32> {
        if bytes.is_empty() || bytes.len() > self.longest {
            return None;
        }
        self.slots[self.slot_of(bytes)].checked_sub(1)
    }

    /// Whether plain text may become this token.
    pub(super) fn is_text(&self, id: u32) -> bool {
        self.kind(id).is_some_and(is_text)
    }

    /// Ids of the tokens of these kinds, ascending.
    pub(super) fn of_kinds(&self, wanted: impl Fn(TokenKind) -> bool) -> impl Iterator<Item = u32> {
        self.kinds.iter().zip(0u32..).filter(move |(kind, _)| wanted(**kind)).map(|(_, id)| id)
    }

    /// Normal tokens first, so that a user-defined twin ("ĠĠ" and two spaces) does not hide one. What no text
    /// becomes is left out.
    async fn index(&mut self, data: &VocabularyData<'_>, pauses: &mut Pauses<'_>) -> Result<()> {
        for wanted in [is_plain as fn(TokenKind) -> bool, |kind| kind == TokenKind::UserDefined] {
            for id in 0..self.len() as u32 {
                if pauses.is_due(TOKEN_UNITS) {
                    pauses.look_up().await?;
                }
                let (kind, token) = (self.kinds[id as usize], data.tokens[id as usize]);
                if !wanted(kind) || is_literal(data.model, kind, token) {
                    continue;
                }
                let Some(bytes) = self.get(id).filter(|bytes| !bytes.is_empty()) else { continue };
                let slot = self.slot_of(bytes);
                match self.slots[slot].checked_sub(1) {
                    None => self.slots[slot] = id + 1,
                    Some(first) if data.tokens[first as usize] == token => {
                        return Err(invalid(format!("tokens {first} and {id} are both {token:.64?}")));
                    }
                    Some(_) => {}
                }
            }
        }
        Ok(())
    }

    /// The slot of these bytes, or the free one where they belong. At most half of the slots are taken.
    fn slot_of(&self, bytes: &[u8]) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = self.hasher.hash_one(bytes) as usize & mask;
        while let Some(id) = self.slots[slot].checked_sub(1) {
            if self.get(id) == Some(bytes) {
                break;
            }
            slot = (slot + 1) & mask;
        }
        slot
    }
}

/// Kinds that are written in the model's own alphabet.
fn is_plain(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::Normal | TokenKind::Unused)
}

/// Kinds that plain text may become by merging.
fn is_text(kind: TokenKind) -> bool {
    is_plain(kind) || kind == TokenKind::UserDefined
}

/// Whether a byte-level token is not written in GPT-2's alphabet. Text is, so none becomes it; it reads as
/// written (Cohere's vocabularies have some 1,400, beside the tokens that text does become).
fn is_literal(model: VocabularyModel, kind: TokenKind, token: &str) -> bool {
    let is_letters = || token.chars().all(|letter| byte_of_letter(letter).is_some());
    model == VocabularyModel::Bpe && is_plain(kind) && !is_letters()
}

/// Appends the bytes of a token in running text.
fn decode_token(model: VocabularyModel, kind: TokenKind, token: &str, out: &mut Vec<u8>) {
    match (kind, model) {
        (TokenKind::Byte, _) => match parse_byte(token) {
            Some(byte) => out.push(byte),
            None => out.extend_from_slice(token.as_bytes()),
        },
        (kind, VocabularyModel::Bpe) if is_plain(kind) => {
            let start = out.len();
            // A literal reads as written.
            if !decode_letters(token, out) {
                out.truncate(start);
                out.extend_from_slice(token.as_bytes());
            }
        }
        (kind, VocabularyModel::WordPiece) if is_plain(kind) => match token.strip_prefix(SPACE_MARK) {
            Some(beginning) => {
                out.push(b' ');
                out.extend_from_slice(beginning.as_bytes());
            }
            None => out.extend_from_slice(token.as_bytes()),
        },
        (kind, VocabularyModel::Spm | VocabularyModel::Characters | VocabularyModel::Unigram)
            if is_plain(kind) =>
        {
            decode_marks(token, out)
        }
        _ => out.extend_from_slice(token.as_bytes()),
    }
}

/// Appends the bytes that are written so in GPT-2's alphabet; false: they are not.
pub(super) fn decode_letters(text: &str, out: &mut Vec<u8>) -> bool {
    text.chars().all(|letter| byte_of_letter(letter).map(|byte| out.push(byte)).is_some())
}

/// Appends a text in which spaces are written as U+2581.
pub(super) fn decode_marks(text: &str, out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(SPACE_MARK) {
        out.extend_from_slice(before.as_bytes());
        out.push(b' ');
        rest = after;
    }
    out.extend_from_slice(rest.as_bytes());
}

/// The byte that `<0x0A>` stands for.
pub(super) fn parse_byte(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    let hex = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    hex.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

/// The byte that a letter of GPT-2's alphabet stands for (`bytes_to_unicode` in GPT-2's encoder.py):
/// printable Latin-1 stands for itself, the other 68 bytes are U+0100 and up, in order.
pub(super) fn byte_of_letter(letter: char) -> Option<u8> {
    match letter as u32 {
        code @ (0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF) => Some(code as u8),
        code @ 0x100..=0x120 => Some((code - 0x100) as u8),
        code @ 0x121..=0x142 => Some((code - 0x121 + 0x7F) as u8),
        0x143 => Some(0xAD),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gpt2_s_alphabet_has_every_byte_once() {
        let mut bytes: Vec<u8> = (0..0x200).filter_map(char::from_u32).filter_map(byte_of_letter).collect();
        assert_eq!(byte_of_letter('Ġ'), Some(b' '));
        assert_eq!(byte_of_letter('Ċ'), Some(b'\n'));
        bytes.sort_unstable();
        assert_eq!(bytes, (0..=255).collect::<Vec<u8>>());
    }

    #[test]
    fn byte_tokens_are_read_as_their_byte() {
        assert_eq!(parse_byte("<0x0A>"), Some(10));
        assert_eq!(parse_byte("<0xFF>"), Some(255));
        assert_eq!(parse_byte("<0x+F>"), None);
        assert_eq!(parse_byte("0x0A"), None);
    }
}
