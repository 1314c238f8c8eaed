//! Ids to text, token by token, in whole code points; knows neither the tokenizer nor the stream it feeds.

use super::vocab::Vocab;
use crate::error::Result;

/// Turns a stream of ids into text.
///
/// Text comes out as soon as its code points are complete; the bytes of an unfinished one are held back (at
/// most 3). Bytes that can never become a code point turn into U+FFFD, one for each maximal part of one
/// (Unicode, section 3.9; as `String::from_utf8_lossy`).
#[derive(Debug, Clone, Default)]
pub struct Detokenizer {
    held: Unfinished,
    echo_special: bool,
}

/// The beginning of a code point that a stream of ids ended inside of: 0 to 3 bytes, whose rest may come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unfinished {
    bytes: [u8; 4],
    len: usize,
}

impl Unfinished {
    /// Whether the stream ended between two code points.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Of these bytes; `None`: they are the beginning of no code point.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let begins = match std::str::from_utf8(bytes) {
            Ok(text) => text.is_empty(),
            Err(error) => error.valid_up_to() == 0 && error.error_len().is_none(),
        };
        let mut held = Self { bytes: [0; 4], len: bytes.len() };
        held.bytes.get_mut(..bytes.len()).filter(|_| begins)?.copy_from_slice(bytes);
        Some(held)
    }
}

impl Detokenizer {
    /// At the beginning of a stream. `echo_special`: control tokens show as their text.
    pub fn new(echo_special: bool) -> Self {
        Self::after(Unfinished::default(), echo_special)
    }

    /// Goes on with the ids behind those of a stream that ended so.
    pub fn after(held: Unfinished, echo_special: bool) -> Self {
        Self { held, echo_special }
    }

    /// What is held back: what a stream that goes on with the next ids begins with.
    pub fn unfinished(&self) -> Unfinished {
        self.held
    }

    /// Appends to `out` the text that is complete with `id`. An id beyond the vocabulary gives no text.
    pub fn push(&mut self, vocab: &dyn Vocab, id: u32, out: &mut String) {
        if let Some(piece) = vocab.piece(id)
            && (!piece.special || self.echo_special)
        {
            self.push_bytes(piece.bytes, out);
        }
    }

    /// Ends the stream: what is still held back can no longer be completed.
    pub fn finish(&mut self, out: &mut String) {
        if !self.held.is_empty() {
            out.push(char::REPLACEMENT_CHARACTER);
            self.held = Unfinished::default();
        }
    }

    /// Bytes held back until their code point is complete: 0 to 3.
    pub fn held_back(&self) -> usize {
        self.held.len
    }

    fn push_bytes(&mut self, bytes: &[u8], out: &mut String) {
        let mut rest = bytes;
        while !self.held.is_empty() {
            let Some((&byte, tail)) = rest.split_first() else { return };
            if self.extend_held(byte, out) {
                rest = tail;
            }
        }
        for chunk in rest.utf8_chunks() {
            out.push_str(chunk.valid());
            let invalid = chunk.invalid();
            if invalid.is_empty() {
                continue;
            }
            if ends_at(rest, invalid) && may_complete(invalid) {
                self.held.bytes[..invalid.len()].copy_from_slice(invalid);
                self.held.len = invalid.len();
            } else {
                out.push(char::REPLACEMENT_CHARACTER);
            }
        }
    }

    /// Tries `byte` behind the held ones; false: it does not belong to them, they came out as U+FFFD.
    fn extend_held(&mut self, byte: u8, out: &mut String) -> bool {
        self.held.bytes[self.held.len] = byte;
        let held = &self.held.bytes[..=self.held.len];
        if let Ok(text) = std::str::from_utf8(held) {
            out.push_str(text);
            self.held.len = 0;
            true
        } else if may_complete(held) {
            self.held.len += 1;
            true
        } else {
            out.push(char::REPLACEMENT_CHARACTER);
            self.held.len = 0;
            false
        }
    }
}

/// Whether `part`, a slice of `whole`, is its end.
fn ends_at(whole: &[u8], part: &[u8]) -> bool {
    whole.as_ptr_range().end == part.as_ptr_range().end
}

/// Whether these bytes are the beginning of a code point.
fn may_complete(bytes: &[u8]) -> bool {
    matches!(std::str::from_utf8(bytes), Err(error) if error.valid_up_to() == 0 && error.error_len().is_none())
}

/// The text of `ids`: what a [`Detokenizer`] gives for them in all, to the end. `special`: with the text of
/// control tokens.
///
/// # Errors
/// `OutOfMemory`.
pub fn decode(vocab: &dyn Vocab, ids: &[u32], special: bool) -> Result<String> {
    let mut detokenizer = Detokenizer::new(special);
    let mut text = String::new();
    for &id in ids {
        // A lone byte becomes three; others were held back before.
        let bytes = vocab.piece(id).map_or(0, |piece| piece.bytes.len());
        text.try_reserve((bytes + 3) * char::REPLACEMENT_CHARACTER.len_utf8())?;
        detokenizer.push(vocab, id, &mut text);
    }
    detokenizer.finish(&mut text);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::{Error, ErrorKind};
    use crate::pause::Pauses;
    use crate::text::vocab::{InPieces, Piece, RenderInput, Rendered, done};

    /// Every id is the piece of that index; ids marked special are control tokens.
    struct Pieces(Vec<(Vec<u8>, bool)>);

    impl Vocab for Pieces {
        fn len(&self) -> usize {
            self.0.len()
        }
        fn encode_in_pieces<'a>(
            &'a self,
            _: &'a str,
            _: bool,
            _: bool,
            _: &'a mut Vec<u32>,
            _: &'a mut Pauses<'_>,
        ) -> InPieces<'a> {
            done(Err(Error::new(ErrorKind::Tokenizer, "not part of this test")))
        }
        fn piece(&self, id: u32) -> Option<Piece<'_>> {
            self.0.get(id as usize).map(|(bytes, special)| Piece { bytes, special: *special })
        }
        fn bos(&self) -> Option<u32> {
            None
        }
        fn adds_bos(&self) -> bool {
            false
        }
        fn end_ids(&self) -> &[u32] {
            &[]
        }
        fn longest_token(&self) -> usize {
            self.0.iter().map(|(bytes, _)| bytes.len()).max().unwrap_or(0)
        }
        fn render_in_pieces<'a>(
            &'a self,
            _: &'a RenderInput<'_>,
            _: &'a mut Pauses<'_>,
        ) -> InPieces<'a, Rendered> {
            done(Err(Error::new(ErrorKind::Template, "not part of this test")))
        }
    }

    fn texts(pieces: &[&[u8]]) -> Vec<String> {
        let vocab = Pieces(pieces.iter().map(|bytes| (bytes.to_vec(), false)).collect());
        let mut detokenizer = Detokenizer::new(false);
        let mut texts: Vec<String> = Vec::new();
        for id in 0..pieces.len() as u32 {
            let mut text = String::new();
            detokenizer.push(&vocab, id, &mut text);
            texts.push(text);
        }
        let mut last = String::new();
        detokenizer.finish(&mut last);
        texts.push(last);
        texts
    }

    /// Emoji joined by ZWJ and CJK, split inside their code points: no U+FFFD, no waiting for grapheme
    /// clusters.
    #[test]
    fn s26_valid_text_split_anywhere_has_no_replacement() {
        let family = "👩‍👩‍👧世界".as_bytes();
        let single: Vec<&[u8]> = family.chunks(1).collect();
        let texts = texts(&single);
        assert_eq!(texts.concat(), "👩‍👩‍👧世界");
        assert_eq!(texts[3], "👩", "a code point comes out with its last byte");
    }

    #[test]
    fn s26_a_byte_that_never_completes_becomes_one_replacement() {
        assert_eq!(texts(&[b"\xE4", b"a"]), ["", "\u{FFFD}a", ""]);
        assert_eq!(texts(&[b"\xFF", b"a"]), ["\u{FFFD}", "a", ""]);
        assert_eq!(texts(&[b"\xF0\x9F", b"\xF0\x9F\x98\x80"]), ["", "\u{FFFD}😀", ""]);
        assert_eq!(texts(&[b"a\xE4\xB8"]), ["a", "\u{FFFD}"]);
    }

    #[test]
    fn s27_punctuation_newlines_and_emoji_come_out_at_once() {
        assert_eq!(texts(&[b"\n\n", b"...", "🎉".as_bytes()]), ["\n\n", "...", "🎉", ""]);
    }

    #[test]
    fn control_tokens_are_silent_unless_echoed() {
        let vocab = Pieces(vec![(b"a".to_vec(), false), (b"<|end|>".to_vec(), true)]);
        assert_eq!(decode(&vocab, &[0, 1, 0, 99], false).unwrap(), "aa");
        assert_eq!(decode(&vocab, &[0, 1, 0, 99], true).unwrap(), "a<|end|>a");
    }

    proptest! {
        #[test]
        fn streamed_text_is_the_lossy_decoding_of_all_bytes(
            pieces in prop::collection::vec(prop::collection::vec(prop_oneof![any::<u8>(), 0xC0u8..=0xF4, 0x80u8..=0x9F], 0..5), 0..12)
        ) {
            let all = pieces.concat();
            let borrowed: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            prop_assert_eq!(texts(&borrowed).concat(), String::from_utf8_lossy(&all).into_owned());
        }

        #[test]
        fn a_stream_that_ends_anywhere_and_goes_on_is_the_same_text(
            pieces in prop::collection::vec(
                (prop::collection::vec(prop_oneof![any::<u8>(), 0xC0u8..=0xF4, 0x80u8..=0x9F], 0..5), any::<bool>(), any::<bool>()),
                0..16,
            )
        ) {
            let vocab = Pieces(pieces.iter().map(|(bytes, special, _)| (bytes.clone(), *special)).collect());
            let ids: Vec<u32> = (0..pieces.len() as u32).collect();
            let (mut text, mut detokenizer) = (String::new(), Detokenizer::new(false));
            for (&id, (_, _, ends)) in ids.iter().zip(&pieces) {
                if *ends {
                    detokenizer = Detokenizer::after(detokenizer.unfinished(), false);
                }
                detokenizer.push(&vocab, id, &mut text);
            }
            detokenizer.finish(&mut text);
            prop_assert_eq!(text, decode(&vocab, &ids, false).unwrap());
        }
    }
}
