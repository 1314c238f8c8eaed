//! SentencePiece's unigram model: of all ways to make a text of tokens the one whose scores are the most in
//! all. Knows text, not special tokens.

use super::charsmap::CharsMap;
use super::data::AT_ONCE;
use super::pieces::SPACE_MARK;
use super::trie::{ROOT, Trie};
use crate::error::{Error, ErrorKind, Result};
use crate::pause::Pauses;

/// What a character counts for, beside the bytes that are looked up from it on.
const LETTER_UNITS: usize = 4;

/// How much less likely than any token what has none is (SentencePiece's `kUnkPenalty`).
const UNKNOWN_PENALTY: f32 = 10.0;

/// No token: an unknown character.
const NONE: u32 = u32::MAX;

/// The scores of a vocabulary, and how text is normalised.
#[derive(Debug, Clone)]
pub(super) struct Unigram {
    pub(super) trie: Trie,
    /// By id; logarithms of probabilities. Empty: all 0.
    pub(super) scores: Vec<f32>,
    /// Stands for characters that no token covers; `None`: they are left out.
    pub(super) unknown: Option<u32>,
    /// Of the least likely token of text.
    pub(super) lowest: f32,
    pub(super) map: CharsMap,
    /// A text gets a space before it.
    pub(super) space_prefix: bool,
    /// Of spaces in a row one is left, and none at the ends.
    pub(super) fewer_spaces: bool,
}

/// Buffers of one call.
#[derive(Debug, Default)]
pub(super) struct UnigramScratch {
    text: String,
    /// By byte of the text. `(bytes + 1)`
    best: Vec<Best>,
}

/// The best way to make the text up to here of tokens, by its last one.
#[derive(Debug, Clone, Copy)]
struct Best {
    /// In f32, as SentencePiece adds: of ways of the same tokens in another order the rounding decides.
    score: f32,
    /// Where that token begins.
    start: u32,
    id: u32,
}

impl Best {
    /// No way has been found.
    const NO: Self = Self { score: f32::NEG_INFINITY, start: u32::MAX, id: NONE };
}

impl Unigram {
    /// Appends the tokens of `text`; `at_start`: no text comes before it. Time: the text's bytes times those
    /// of the longest token.
    ///
    /// # Errors
    /// `Tokenizer` for a text that is normalised to more than 1 GiB; `OutOfMemory`; what stops `pauses`.
    pub(super) async fn encode(
        &self,
        text: &str,
        at_start: bool,
        scratch: &mut UnigramScratch,
        out: &mut Vec<u32>,
        pauses: &mut Pauses<'_>,
    ) -> Result<()> {
        let UnigramScratch { text: normal, best } = scratch;
        self.normalise(text, at_start, normal, pauses).await?;
        best.clear();
        best.try_reserve(normal.len() + 1)?;
        while best.len() <= normal.len() {
            let more = AT_ONCE.min(normal.len() + 1 - best.len());
            best.resize(best.len() + more, Best::NO);
            pauses.after(more).await?;
        }
        best[0].score = 0.0;
        for (at, letter) in normal.char_indices() {
            let units = self.extend(normal, at, letter.len_utf8(), best);
            pauses.after(LETTER_UNITS + units).await?;
        }
        self.trace_back(best, out, pauses).await
    }

    /// Tries all tokens that begin at `at`. Returns how many bytes were looked up.
    fn extend(&self, text: &str, at: usize, letter: usize, best: &mut [Best]) -> usize {
        let (before, start) = (best[at].score, at as u32);
        let (mut node, mut units, mut covered) = (ROOT, 0, false);
        let mut offer = |end: usize, score: f32, id: u32| {
            let known = &mut best[end];
            if known.start == Best::NO.start || score > known.score {
                *known = Best { score, start, id };
            }
        };
        for (&byte, length) in text.as_bytes()[at..].iter().zip(1..) {
            units += 1;
            let Some(next) = self.trie.step(node, byte) else { break };
            node = next;
            if let Some(id) = self.trie.id(node) {
                let score = self.scores.get(id as usize).copied().unwrap_or(0.0);
                offer(at + length, before + score, id);
                covered |= length == letter;
            }
        }
        if !covered {
            offer(at + letter, before + (self.lowest - UNKNOWN_PENALTY), NONE);
        }
        units
    }

    /// Appends the tokens of the best way to the end of the text.
    async fn trace_back(&self, best: &[Best], out: &mut Vec<u32>, pauses: &mut Pauses<'_>) -> Result<()> {
        let (first, mut end, mut is_unknown) = (out.len(), best.len() - 1, false);
        while end > 0 {
            let Best { start, id, .. } = best[end];
            out.try_reserve(1)?;
            match id {
                // Those beside each other are one.
                NONE if is_unknown => {}
                NONE => out.extend(self.unknown),
                id => out.push(id),
            }
            is_unknown = id == NONE;
            end = start as usize;
            pauses.after(1).await?;
        }
        out[first..].reverse();
        Ok(())
    }

    /// Puts into `out` what becomes of `text`; a space is a space, however it is written.
    async fn normalise(
        &self,
        text: &str,
        at_start: bool,
        out: &mut String,
        pauses: &mut Pauses<'_>,
    ) -> Result<()> {
        out.clear();
        out.try_reserve(text.len() + 1)?;
        let mut spaces = Spaces { fewer: self.fewer_spaces, waiting: false, begun: !at_start };
        if self.space_prefix && at_start {
            spaces.waiting = self.fewer_spaces;
            out.extend((!self.fewer_spaces).then_some(' '));
        }
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            let found = self.map.find(rest);
            let (length, becomes) = found.unwrap_or((letter.len_utf8(), &rest[..letter.len_utf8()]));
            out.try_reserve(becomes.len() + 1)?;
            becomes.chars().for_each(|letter| spaces.push(letter, out));
            rest = &rest[length..];
            if out.len() > (u32::MAX / 4) as usize {
                let message = format!("a text of {} bytes is normalised to more than 1 GiB", text.len());
                return Err(Error::new(ErrorKind::Tokenizer, message));
            }
            pauses.after(LETTER_UNITS + length).await?;
        }
        if self.fewer_spaces {
            // Those that were written as SentencePiece's mark, too.
            out.truncate(out.trim_end_matches(' ').len());
        }
        Ok(())
    }
}

/// Leaves out spaces.
struct Spaces {
    fewer: bool,
    /// One comes before the next letter.
    waiting: bool,
    /// There has been a letter.
    begun: bool,
}

impl Spaces {
    fn push(&mut self, letter: char, out: &mut String) {
        if letter == ' ' && self.fewer {
            self.waiting |= self.begun;
            return;
        }
        out.extend(std::mem::take(&mut self.waiting).then_some(' '));
        self.begun = true;
        // SentencePiece does not tell its mark from a space.
        out.push(if letter == SPACE_MARK { ' ' } else { letter });
    }
}
