//! What the host begins an answer with: its text, the ids behind it, and how a prompt comes to the place
//! where an answer begins. Knows neither the stream nor the conversation.

use super::copies;
use crate::error::Result;
use crate::text::{ControlSpan, Detokenizer, Rendered, Vocab};

/// What a chat template writes behind the assistant's turn where the model is to think first, and what ends
/// it.
const THINK: &str = "<think>";
const THOUGHT: &str = "</think>";

/// The beginning of an answer.
#[derive(Debug)]
pub(crate) struct Prefix {
    /// As the host gave it: what its ids stand for may differ from it by a space in front.
    text: String,
    /// Each with how many bytes of the text are there with it; the last has all of it. They are the session's
    /// already.
    ids: Vec<(u32, usize)>,
}

impl Prefix {
    /// Of `text`, which gave `ids`.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(crate) fn new(text: &str, ids: &[u32], vocab: &dyn Vocab) -> Result<Self> {
        let (mut detokenizer, mut spelled) = (Detokenizer::new(true), String::new());
        let mut ends = Vec::new();
        ends.try_reserve_exact(ids.len())?;
        for &id in ids {
            // A byte may become a replacement character, and so may those that were held back.
            let bytes = vocab.piece(id).map_or(0, |piece| piece.bytes.len());
            spelled.try_reserve((bytes + 3) * char::REPLACEMENT_CHARACTER.len_utf8())?;
            detokenizer.push(vocab, id, &mut spelled);
            ends.push((id, spelled.len()));
        }
        let before = spelled.strip_suffix(text).map(str::len);
        for (_, end) in &mut ends {
            *end = before.map_or(0, |before| end.saturating_sub(before));
        }
        if let Some((_, end)) = ends.last_mut() {
            *end = text.len();
        }
        Ok(Self { text: copies::text(text)?, ids: ends })
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn ids(&self) -> &[(u32, usize)] {
        &self.ids
    }
}

/// Ends the reasoning that the template has opened at the end of `rendered`, if it has: an answer begins
/// behind it.
///
/// # Errors
/// As [`Vocab::encode`].
pub(crate) fn end_reasoning(rendered: &mut Rendered, vocab: &dyn Vocab) -> Result<()> {
    let open = rendered.text.trim_end().len();
    if !rendered.text[..open].ends_with(THINK) {
        return Ok(());
    }
    rendered.text.truncate(open);
    rendered.text.push_str("\n\n");
    let start = rendered.text.len();
    rendered.text.push_str(THOUGHT);
    let end = rendered.text.len();
    rendered.text.push_str("\n\n");
    // In most files both are text that has a token.
    if rendered.control.last().is_some_and(|span| span.end == open) {
        let mut ids = Vec::new();
        vocab.encode(THOUGHT, false, true, &mut ids)?;
        if let [id] = ids[..] {
            rendered.control.push(ControlSpan { start, end, id });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pause::Pauses;
    use crate::text::{InPieces, Piece, RenderInput, done};

    /// Every id is the piece of that index, and its text.
    struct Pieces<'a>(&'a [&'a [u8]]);

    impl Vocab for Pieces<'_> {
        fn len(&self) -> usize {
            self.0.len()
        }
        fn encode_in_pieces<'a>(
            &'a self,
            text: &'a str,
            _: bool,
            parse_special: bool,
            out: &'a mut Vec<u32>,
            _: &'a mut Pauses<'_>,
        ) -> InPieces<'a> {
            assert!(parse_special);
            out.extend(self.0.iter().position(|piece| *piece == text.as_bytes()).map(|id| id as u32));
            done(Ok(()))
        }
        fn piece(&self, id: u32) -> Option<Piece<'_>> {
            self.0.get(id as usize).map(|bytes| Piece { bytes, special: false })
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
            9
        }
        fn render_in_pieces<'a>(
            &'a self,
            _: &'a RenderInput<'_>,
            _: &'a mut Pauses<'_>,
        ) -> InPieces<'a, Rendered> {
            done(Ok(Rendered::default()))
        }
    }

    #[test]
    fn s36_each_id_has_its_part_of_the_text_and_the_last_all_of_it() {
        for (text, pieces, ends) in [
            ("a\u{e9}b", &[&b"a"[..], b"\xC3", b"\xA9b"][..], &[1, 1, 4][..]),
            // SentencePiece puts a space in front.
            ("ab", &[b" ", b"a", b"b"], &[0, 1, 2]),
            ("ab", &[b" a", b"b"], &[1, 2]),
            // NFC has another text in its place; some bytes have no token.
            ("e\u{301}x", &["\u{e9}".as_bytes(), b"x"], &[0, 4]),
            ("a\u{6}", &[b"a"], &[2]),
            ("\u{6}", &[], &[]),
        ] {
            let ids: Vec<u32> = (0..pieces.len() as u32).collect();
            let prefix = Prefix::new(text, &ids, &Pieces(pieces)).unwrap();
            let found: Vec<usize> = prefix.ids().iter().map(|(_, end)| *end).collect();
            assert_eq!(found, ends, "{text:?}");
        }
    }

    #[test]
    fn s36_a_reasoning_that_the_template_opens_is_ended() {
        let vocab = Pieces(&[b"<think>", b"</think>"]);
        for (text, ended) in [
            ("assistant\n", "assistant\n"),
            ("<think>\n\n</think>\n\n", "<think>\n\n</think>\n\n"),
            ("assistant\n<think>\n", "assistant\n<think>\n\n</think>\n\n"),
            ("assistant\n<think>", "assistant\n<think>\n\n</think>\n\n"),
        ] {
            let mut rendered = Rendered { text: text.into(), control: Vec::new() };
            end_reasoning(&mut rendered, &vocab).unwrap();
            assert_eq!((rendered.text.as_str(), rendered.control.len()), (ended, 0));
        }
        let begin = ControlSpan { start: 1, end: 8, id: 0 };
        let mut rendered = Rendered { text: "a<think>\n".into(), control: vec![begin] };
        end_reasoning(&mut rendered, &vocab).unwrap();
        assert_eq!(rendered.control, [begin, ControlSpan { start: 10, end: 18, id: 1 }]);
        assert_eq!(&rendered.text[10..18], "</think>");
    }
}
