//! SentencePiece's BPE: neighbours merge while their text is a token, best score first. Knows text, not
//! special tokens.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::data::AT_ONCE;
use super::pieces::Pieces;
use crate::error::Result;
use crate::pause::Pauses;

/// What a letter counts for, and a merge: each looks for a token.
const LETTER_UNITS: usize = 4;
const MERGE_UNITS: usize = 8;

/// No neighbour.
const NONE: u32 = u32::MAX;

/// The scores of a vocabulary, and its byte tokens.
#[derive(Debug, Clone)]
pub(super) struct Spm {
    /// By id; empty: all 0.
    scores: Vec<f32>,
    /// The token of each byte, for what no token covers.
    bytes: Box<[Option<u32>; 256]>,
    /// Stands for a letter of which a byte has no token; `None`: such bytes are left out.
    unknown: Option<u32>,
}

/// Buffers of one call.
#[derive(Debug, Default)]
pub(super) struct SpmScratch {
    symbols: Vec<Symbol>,
    queue: BinaryHeap<Candidate>,
}

/// A run of bytes of the text.
#[derive(Debug, Clone, Copy)]
struct Symbol {
    start: u32,
    /// 0: has been merged into the one before it.
    len: u32,
    before: u32,
    after: u32,
}

/// Two neighbours whose text is a token.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Candidate {
    score: f32,
    left: u32,
    right: u32,
    /// Of both when they were found: another length means that one has changed.
    len: u32,
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The greatest is merged first: the best score, then the leftmost.
impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then(other.left.cmp(&self.left))
    }
}

impl Spm {
    pub(super) fn new(scores: Vec<f32>, bytes: Box<[Option<u32>; 256]>, unknown: Option<u32>) -> Self {
        Self { scores, bytes, unknown }
    }

    /// Appends the tokens of `text`. Time: n log n in its bytes.
    ///
    /// # Errors
    /// `OutOfMemory`; what stops `pauses`.
    pub(super) async fn encode(
        &self,
        pieces: &Pieces,
        text: &str,
        scratch: &mut SpmScratch,
        out: &mut Vec<u32>,
        pauses: &mut Pauses<'_>,
    ) -> Result<()> {
        let SpmScratch { symbols, queue } = scratch;
        symbols.clear();
        queue.clear();
        symbols.try_reserve(text.chars().count())?;
        for (start, letter) in text.char_indices() {
            lay_out(start, letter, text, symbols);
            if let Some(left) = symbols.len().checked_sub(2) {
                self.offer(pieces, text, symbols, left as u32, left as u32 + 1, queue)?;
            }
            pauses.after(LETTER_UNITS).await?;
        }
        while self.merge(AT_ONCE, pieces, text, symbols, queue)? {
            pauses.after(AT_ONCE * MERGE_UNITS).await?;
        }
        for symbol in symbols.iter().filter(|symbol| symbol.len > 0) {
            out.try_reserve(symbol.len as usize)?;
            self.finish(pieces, bytes_of(text, symbol.start, symbol.len), out);
            pauses.after(LETTER_UNITS).await?;
        }
        Ok(())
    }

    /// Tries the next `most` merges; false: none is left.
    fn merge(
        &self,
        most: usize,
        pieces: &Pieces,
        text: &str,
        symbols: &mut [Symbol],
        queue: &mut BinaryHeap<Candidate>,
    ) -> Result<bool> {
        for _ in 0..most {
            let Some(best) = queue.pop() else { return Ok(false) };
            let (left, right) = (symbols[best.left as usize], symbols[best.right as usize]);
            if left.len == 0 || right.len == 0 || left.len + right.len != best.len {
                continue;
            }
            symbols[best.left as usize] = Symbol { len: best.len, after: right.after, ..left };
            symbols[best.right as usize].len = 0;
            if right.after != NONE {
                symbols[right.after as usize].before = best.left;
                self.offer(pieces, text, symbols, best.left, right.after, queue)?;
            }
            if left.before != NONE {
                self.offer(pieces, text, symbols, left.before, best.left, queue)?;
            }
        }
        Ok(true)
    }

    fn offer(
        &self,
        pieces: &Pieces,
        text: &str,
        symbols: &[Symbol],
        left: u32,
        right: u32,
        queue: &mut BinaryHeap<Candidate>,
    ) -> Result<()> {
        let first = symbols[left as usize];
        let len = first.len + symbols[right as usize].len;
        if let Some(id) = pieces.find(bytes_of(text, first.start, len)) {
            let score = self.scores.get(id as usize).copied().unwrap_or(0.0);
            queue.try_reserve(1)?;
            queue.push(Candidate { score, left, right, len });
        }
        Ok(())
    }

    /// A token, or the tokens of a letter's bytes.
    fn finish(&self, pieces: &Pieces, bytes: &[u8], out: &mut Vec<u32>) {
        if let Some(id) = pieces.find(bytes) {
            return out.push(id);
        }
        let ids = || bytes.iter().map(|&byte| self.bytes[usize::from(byte)]);
        match self.unknown.filter(|_| ids().any(|id| id.is_none())) {
            Some(unknown) => out.push(unknown),
            None => out.extend(ids().flatten()),
        }
    }
}

/// Appends the symbol of one letter.
fn lay_out(start: usize, letter: char, text: &str, symbols: &mut Vec<Symbol>) {
    let at = symbols.len() as u32;
    let last = start + letter.len_utf8() == text.len();
    symbols.push(Symbol {
        start: start as u32,
        len: letter.len_utf8() as u32,
        before: at.checked_sub(1).unwrap_or(NONE),
        after: if last { NONE } else { at + 1 },
    });
}

fn bytes_of(text: &str, start: u32, len: u32) -> &[u8] {
    &text.as_bytes()[start as usize..(start + len) as usize]
}
