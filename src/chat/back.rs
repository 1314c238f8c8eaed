//! A conversation, or raw text, goes back: to a place that it knows, or to what was said of its last answer.
//! Knows no decoder.

use super::conversation::{Conversation, Mode};
use super::cut;
use super::places::LastAnswer;
use super::talk;
use crate::error::Result;
use crate::text::format::Speech;
use crate::text::{Vocab, decode};
use std::sync::Arc;

impl Conversation {
    /// Goes back to where the session had the first `count` of its `tokens`: raw input to any, a conversation
    /// to the place where it had exactly as many, else to what is whole within them. `tokens` become those
    /// that it had: how many of them have stayed. Where nothing is left it is as after a clear, and where
    /// that place has rolled away it stays as it is.
    pub(crate) fn rewind(&mut self, count: usize, tokens: &mut Vec<u32>, vocab: &dyn Vocab) -> usize {
        let all = tokens.len();
        if self.gone.check_place(count).is_err() {
            return all;
        }
        if self.mode == Mode::Chat {
            if let Some((place, kept)) = self.places.go_back(count, tokens) {
                self.said.go_back(place.said, &mut self.messages);
                (self.variables, self.answer) = (place.variables.clone(), place.answer);
                return kept;
            }
            if count < all {
                self.rewind_to_messages(count, tokens, vocab);
            }
        } else if count < all {
            tokens.truncate(count);
            self.said.set_unfinished(cut::unfinished(tokens, vocab));
            let begin = self.answer.begin.filter(|begin| *begin < count);
            self.answer = LastAnswer { begin, is_older: false };
        }
        if tokens.is_empty() {
            self.clear();
        }
        tokens.len()
    }

    /// Keeps the messages that are whole within the first `count` of `tokens`, and their tokens.
    fn rewind_to_messages(&mut self, count: usize, tokens: &mut Vec<u32>, vocab: &dyn Vocab) {
        let (before, messages) = self.places.before(count);
        let new = self.messages.get(messages..).unwrap_or_default();
        let (whole, left) = cut::whole(before, count, tokens, new, vocab);
        if whole == 0 && messages > 0 {
            self.rewind(before, tokens, vocab);
            return;
        }
        tokens.truncate(if whole == 0 { 0 } else { left });
        self.messages.truncate(messages + whole);
        self.said.forget_behind(messages + whole);
        self.answer = LastAnswer::default();
        self.places.forget_behind(left, messages + whole);
        self.keep_place(left);
    }

    /// Whether there is an answer that can be cut.
    pub(crate) fn has_answer(&self) -> bool {
        match self.mode {
            Mode::Empty => false,
            Mode::Raw => self.answer.begin.is_some(),
            Mode::Chat => self.is_open(),
        }
    }

    /// Forgets the last answer behind the first `bytes` bytes of its text, or whole if none are left, and its
    /// ids among the session's `tokens`, of which the last may be others then: how many of them have stayed.
    /// Where the last generation came to nothing there is nothing to forget. `speech`: how the model of a
    /// conversation speaks.
    ///
    /// # Errors
    /// As [`Vocab::encode`]; nothing is forgotten.
    pub(crate) fn keep_said(
        &mut self,
        bytes: usize,
        tokens: &mut Vec<u32>,
        vocab: &dyn Vocab,
        speech: Option<&Arc<Speech>>,
    ) -> Result<usize> {
        let all = tokens.len();
        if !self.has_answer() || self.answer.is_older {
            return Ok(all);
        }
        let raw = match self.answer.begin.filter(|_| self.mode == Mode::Raw) {
            Some(begin) => decode(vocab, tokens.get(begin..).unwrap_or_default(), false)?,
            None => String::new(),
        };
        let said = self.messages.last().filter(|_| self.mode == Mode::Chat);
        let text = said.map_or(raw.as_str(), |last| last.content.as_str());
        let begin = self.answer.begin.or_else(|| cut::begin_of(text, tokens, vocab));
        let Some(begin) = begin.filter(|begin| *begin <= all && bytes < text.len()) else { return Ok(all) };
        let bytes = text.floor_char_boundary(bytes);
        let (stay, ids) = match bytes {
            0 => (begin, Vec::new()),
            _ => {
                // Thinking comes before it, and stays.
                let first = match speech {
                    Some(speech) => {
                        let tools = self.variables.tools.clone();
                        talk::first_of_answer(speech, tools, tokens.split_at(begin), vocab)?
                    }
                    None => 0,
                };
                cut::beginning(&text[..bytes], begin + first, tokens, vocab)?
            }
        };
        tokens.try_reserve((stay + ids.len()).saturating_sub(all))?;
        self.places.leave(stay, tokens);
        tokens.truncate(stay);
        tokens.extend(ids);
        self.forget_said(bytes, tokens.len());
        Ok(stay)
    }

    /// Forgets the last answer behind the first `bytes` bytes of its text; the session holds `tokens` tokens.
    fn forget_said(&mut self, bytes: usize, tokens: usize) {
        self.said.cut_last(bytes);
        if self.mode == Mode::Chat {
            self.places.cut(self.messages.len(), bytes, tokens);
            match self.messages.last_mut() {
                Some(last) if bytes > 0 => {
                    last.content.truncate(bytes);
                    self.said.forget_calls(&mut self.messages);
                }
                _ => {
                    self.messages.pop();
                    self.said.forget_behind(self.messages.len());
                }
            }
        }
        if bytes == 0 {
            self.answer = LastAnswer::default();
        }
        self.keep_place(tokens);
    }
}
