//! What the host begins an answer with: its text, the ids behind it, and how a prompt comes to the place
//! where an answer begins. Knows neither the stream nor the conversation.

use super::copies;
use crate::error::Result;
use crate::text::format::Format;
use crate::text::{ControlSpan, Detokenizer, Rendered, Vocab};

/// What begins thinking, and ends it, in a template of which nothing was learned.
const THINK: &str = "<think>";
const THOUGHT: &str = "\n</think>\n\n";

/// The header of an answer behind `<|start|>assistant` (harmony).
const FINAL: &str = "<|channel|>final<|message|>";

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
/// behind it. Where turns are rows of messages with headers, the answer's header comes there.
///
/// # Errors
/// As [`Vocab::encode`].
pub(crate) fn end_reasoning(rendered: &mut Rendered, format: &Format, vocab: &dyn Vocab) -> Result<()> {
    let open = rendered.text.trim_end().len();
    if format.harmony {
        return if rendered.text.ends_with("assistant") { write(rendered, FINAL, vocab) } else { Ok(()) };
    }
    let (begin, close) = match &format.reasoning {
        Some(reasoning) => (reasoning.begin.as_str(), reasoning.close.as_str()),
        None => (THINK, THOUGHT),
    };
    if !rendered.text[..open].ends_with(begin) {
        return Ok(());
    }
    rendered.text.truncate(open);
    if close.starts_with('\n') {
        rendered.text.push('\n');
    }
    write(rendered, close, vocab)
}

/// Writes `text` behind `rendered`, control tokens as such.
fn write(rendered: &mut Rendered, text: &str, vocab: &dyn Vocab) -> Result<()> {
    let mut ids = Vec::new();
    vocab.encode(text, false, true, &mut ids)?;
    let (base, mut done) = (rendered.text.len(), 0);
    for id in ids {
        let piece = vocab.piece(id).filter(|piece| piece.special);
        let Some(piece) = piece.and_then(|piece| std::str::from_utf8(piece.bytes).ok()) else { continue };
        if let Some(at) = text[done..].find(piece).filter(|_| !piece.is_empty()) {
            let (start, end) = (base + done + at, base + done + at + piece.len());
            rendered.control.push(ControlSpan { start, end, id });
            done += at + piece.len();
        }
    }
    rendered.text.push_str(text);
    Ok(())
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;
    use crate::pause::Pauses;
    use crate::text::format::Reasoning;
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
        let (plain, format) = (Pieces(&[b"x"]), Format::default());
        for (text, ended) in [
            ("assistant\n", "assistant\n"),
            ("<think>\n\n</think>\n\n", "<think>\n\n</think>\n\n"),
            ("assistant\n<think>\n", "assistant\n<think>\n\n</think>\n\n"),
            ("assistant\n<think>", "assistant\n<think>\n\n</think>\n\n"),
        ] {
            let mut rendered = Rendered { text: text.into(), control: Vec::new() };
            end_reasoning(&mut rendered, &format, &plain).unwrap();
            assert_eq!((rendered.text.as_str(), rendered.control.len()), (ended, 0));
        }
    }

    #[test]
    fn s36_an_answer_begins_as_its_template_has_it() {
        let ((_, vocab), _) = crate::testing::model(&crate::testing::Script::default());
        let close = "<control></t>".to_owned();
        let reasoning = Some(Reasoning { begin: "<t>".into(), end: "</t>".into(), close });
        let format = Format { reasoning, ..Format::default() };
        let mut rendered = Rendered { text: "a<t>\n".into(), control: Vec::new() };
        end_reasoning(&mut rendered, &format, &*vocab).unwrap();
        let control = ControlSpan { start: 4, end: 13, id: crate::testing::CONTROL };
        assert_eq!((rendered.text.as_str(), rendered.control), ("a<t><control></t>", vec![control]));
        let harmony = Format { harmony: true, ..format };
        let mut rendered = Rendered { text: "<|start|>assistant".into(), control: Vec::new() };
        end_reasoning(&mut rendered, &harmony, &*vocab).unwrap();
        assert_eq!(rendered.text, "<|start|>assistant<|channel|>final<|message|>");
    }
}
