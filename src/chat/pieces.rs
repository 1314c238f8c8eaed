//! Texts that are whole words, lines or sentences, with the ids behind them: what a generation with a cut
//! streams. Knows neither stop strings nor where pieces end.

use super::id_by_id::Texts;
use crate::error::Result;
use crate::stream::Text;
use crate::text::Segments;
use compact_str::CompactString;
use smallvec::SmallVec;
use std::collections::VecDeque;

/// Ids that may wait for their text before they are sent without it.
const MAX_WAITING: usize = 2048;

/// Text and ids that wait for the end of their piece.
pub(crate) struct Pieces {
    segments: Segments,
    /// Each id, and how many bytes of text were on their way before it came: a piece has the ids whose text
    /// begins in it.
    waiting: VecDeque<(u32, usize)>,
    /// Bytes of text on their way so far.
    fed: usize,
    /// Bytes of text that are out.
    given: usize,
}

impl Pieces {
    pub(crate) fn new(segments: Segments) -> Self {
        Self { segments, waiting: VecDeque::new(), fed: 0, given: 0 }
    }

    /// Makes room for so many ids.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(crate) fn reserve(&mut self, ids: usize) -> Result<()> {
        Ok(self.waiting.try_reserve(ids)?)
    }

    /// Takes the next id, whose text comes next.
    pub(crate) fn push(&mut self, id: u32) {
        self.waiting.push_back((id, self.fed));
    }

    /// So many bytes of text are on their way.
    pub(crate) fn feed(&mut self, bytes: usize) {
        self.fed += bytes;
    }

    /// Takes what is `ready`, and moves what is whole to `texts`. `all`: the end, or something else, comes
    /// behind it.
    pub(crate) fn give(&mut self, ready: &mut String, all: bool, texts: &mut Texts) {
        self.segments.push(ready);
        ready.clear();
        while let Some(piece) = self.segments.next_piece() {
            self.given += piece.len();
            let ids = self.waiting.iter().take_while(|(_, begin)| *begin < self.given).count();
            self.send(piece, ids, texts);
        }
        if all {
            let rest = self.segments.rest();
            self.given += rest.len();
            if !rest.is_empty() || !self.waiting.is_empty() {
                self.send(rest, self.waiting.len(), texts);
            }
        } else if self.waiting.len() >= MAX_WAITING {
            self.send(String::new(), self.waiting.len(), texts);
        }
    }

    fn send(&mut self, text: String, ids: usize, texts: &mut Texts) {
        let ids: SmallVec<[u32; 4]> = self.waiting.drain(..ids).map(|(id, _)| id).collect();
        texts.push(Text::plain(CompactString::from(text), ids));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Cut;

    fn given(pieces: &mut Pieces, ready: &str, all: bool) -> Vec<(String, Vec<u32>)> {
        let (mut ready, mut texts) = (ready.to_owned(), Texts::new());
        pieces.give(&mut ready, all, &mut texts);
        assert!(ready.is_empty());
        texts.iter().map(|text| (text.text.to_string(), text.tokens.to_vec())).collect()
    }

    fn push(pieces: &mut Pieces, id: u32, text: &str) -> Vec<(String, Vec<u32>)> {
        pieces.push(id);
        pieces.feed(text.len());
        given(pieces, text, false)
    }

    #[test]
    fn a_piece_has_the_ids_whose_text_begins_in_it() {
        let mut pieces = Pieces::new(Segments::new(Cut::Sentence).unwrap());
        for (id, text) in [(1, "Hel"), (2, "lo."), (3, "")] {
            assert_eq!(push(&mut pieces, id, text), []);
        }
        // The fourth lies in both.
        assert_eq!(push(&mut pieces, 4, " Yes"), [("Hello. ".to_owned(), vec![1, 2, 3, 4])]);
        assert_eq!(push(&mut pieces, 5, "!"), []);
        assert_eq!(push(&mut pieces, 6, ""), []);
        assert_eq!(given(&mut pieces, "", true), [("Yes!".to_owned(), vec![5, 6])]);
        assert_eq!(given(&mut pieces, "", true), []);
    }

    #[test]
    fn ids_without_text_do_not_wait_for_ever() {
        let mut pieces = Pieces::new(Segments::new(Cut::Line).unwrap());
        let sent: usize = (0..3 * MAX_WAITING as u32)
            .flat_map(|id| push(&mut pieces, id, ""))
            .map(|text| text.1.len())
            .sum();
        assert_eq!(sent, 3 * MAX_WAITING);
    }
}
