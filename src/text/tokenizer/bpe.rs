//! Byte-pair merging by rank, as GPT-2 does it. Knows words (pieces of pre-split text), not how they were split.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::{BuildHasher, RandomState};

use super::data::{AT_ONCE, invalid};
use super::pieces::{Pieces, byte_of_letter};
use crate::error::Result;
use crate::pause::Pauses;

/// No token, or no neighbour.
const NONE: u32 = u32::MAX;

/// What a merge counts for.
const MERGE_UNITS: usize = 4;

/// The ranked merges of a vocabulary.
#[derive(Debug, Clone)]
pub(super) struct Bpe {
    /// The token of each byte, or `NONE`.
    bytes: Box<[u32; 256]>,
    /// By rank.
    merges: Vec<Merge>,
    /// Open addressing by (left, right): rank + 1, or 0.
    slots: Vec<u32>,
    hasher: PairHasher,
    /// A word that is a token is this token, whatever the merges say.
    ignore_merges: bool,
    /// Stands for a byte that has no token; `None`: such a byte is left out.
    unknown: Option<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Merge {
    left: u32,
    right: u32,
    result: u32,
}

/// Multiply-shift hashing with random multipliers: a file cannot know which pairs collide.
#[derive(Debug, Clone, Copy)]
struct PairHasher {
    left: u64,
    right: u64,
}

impl PairHasher {
    fn new() -> Self {
        let random = RandomState::new();
        Self { left: random.hash_one(1) | 1, right: random.hash_one(2) | 1 }
    }

    fn hash(self, left: u32, right: u32) -> u64 {
        u64::from(left).wrapping_mul(self.left) ^ u64::from(right).wrapping_mul(self.right).rotate_left(32)
    }
}

/// Buffers of one call, kept from word to word.
#[derive(Debug, Default)]
pub(super) struct BpeScratch {
    symbols: Vec<Symbol>,
    /// Smallest rank first, then leftmost.
    queue: BinaryHeap<Reverse<Candidate>>,
}

/// A run of bytes that is one token so far.
#[derive(Debug, Clone, Copy)]
struct Symbol {
    id: u32,
    before: u32,
    after: u32,
    /// Has been merged into the one before it.
    gone: bool,
}

/// A merge that was possible when it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    rank: u32,
    left: u32,
    right: u32,
}

impl Bpe {
    /// Resolves `merges` ("left right", in GPT-2's alphabet) to ids.
    pub(super) async fn new(
        pieces: &Pieces,
        merges: &[&str],
        ignore_merges: bool,
        unknown: Option<u32>,
        pauses: &mut Pauses<'_>,
    ) -> Result<Self> {
        let bytes = Box::new(std::array::from_fn(|byte| pieces.find(&[byte as u8]).unwrap_or(NONE)));
        let slots = (merges.len() * 2).next_power_of_two();
        let mut bpe = Self {
            bytes,
            merges: Vec::new(),
            slots: Vec::new(),
            hasher: PairHasher::new(),
            ignore_merges,
            unknown,
        };
        bpe.merges.try_reserve_exact(merges.len())?;
        bpe.slots.try_reserve_exact(slots)?;
        bpe.slots.resize(slots, 0);
        let mut decoded = Vec::new();
        for (rank, text) in merges.iter().enumerate() {
            let Some(merge) = resolve(pieces, text, &mut decoded) else {
                let message = format!("merge {rank}, {text:.64?}, is not of two tokens that make a third");
                return Err(invalid(message));
            };
            if pauses.is_due(MERGE_UNITS) {
                pauses.look_up().await?;
            }
            bpe.merges.push(merge);
            if !pieces.is_text(merge.result) {
                // Found by its text to be a control token: plain text never becomes one.
                continue;
            }
            let slot = bpe.slot_of(merge.left, merge.right);
            if bpe.slots[slot] == 0 {
                bpe.slots[slot] = rank as u32 + 1;
            }
        }
        Ok(bpe)
    }

    /// Appends the tokens of one word. Time: n log n in its bytes.
    ///
    /// # Errors
    /// `OutOfMemory`; what stops `pauses`.
    pub(super) async fn encode(
        &self,
        word: &[u8],
        scratch: &mut BpeScratch,
        out: &mut Vec<u32>,
        pauses: &mut Pauses<'_>,
    ) -> Result<()> {
        let BpeScratch { symbols, queue } = scratch;
        out.try_reserve(word.len())?;
        symbols.clear();
        queue.clear();
        symbols.try_reserve(word.len())?;
        for part in word.chunks(AT_ONCE) {
            self.lay_out(part, symbols, queue)?;
            pauses.after(part.len()).await?;
        }
        while self.merge(AT_ONCE, symbols, queue)? {
            pauses.after(AT_ONCE * MERGE_UNITS).await?;
        }
        for part in symbols.chunks(AT_ONCE) {
            self.finish(part, out);
            pauses.after(part.len()).await?;
        }
        Ok(())
    }

    /// As [`encode`](Self::encode), in one go, for all that is short or a token as it is; false: it is to be encoded with pauses.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(super) fn encode_short(
        &self,
        pieces: &Pieces,
        word: &[u8],
        scratch: &mut BpeScratch,
        out: &mut Vec<u32>,
    ) -> Result<bool> {
        if self.ignore_merges
            && let Some(id) = pieces.find(word)
        {
            out.try_reserve(1)?;
            out.push(id);
            return Ok(true);
        }
        if word.len() > AT_ONCE {
            return Ok(false);
        }
        let BpeScratch { symbols, queue } = scratch;
        out.try_reserve(word.len())?;
        symbols.clear();
        queue.clear();
        symbols.try_reserve(word.len())?;
        self.lay_out(word, symbols, queue)?;
        while self.merge(AT_ONCE, symbols, queue)? {}
        self.finish(symbols, out);
        Ok(true)
    }

    /// Appends a symbol for each byte of the next part of a word, and queues their merges with those before them.
    fn lay_out(
        &self,
        part: &[u8],
        symbols: &mut Vec<Symbol>,
        queue: &mut BinaryHeap<Reverse<Candidate>>,
    ) -> Result<()> {
        let start = symbols.len() as u32;
        if let Some(last) = symbols.last_mut() {
            last.after = start;
        }
        for (at, &byte) in (start..).zip(part) {
            let before = at.checked_sub(1).unwrap_or(NONE);
            symbols.push(Symbol { id: self.bytes[usize::from(byte)], before, after: at + 1, gone: false });
        }
        if let Some(last) = symbols.last_mut() {
            last.after = NONE;
        }
        (start.max(1)..symbols.len() as u32)
            .try_for_each(|right| self.offer(symbols, right - 1, right, queue))
    }

    /// Appends the tokens that symbols have become.
    fn finish(&self, symbols: &[Symbol], out: &mut Vec<u32>) {
        for symbol in symbols.iter().filter(|symbol| !symbol.gone) {
            out.extend(if symbol.id == NONE { self.unknown } else { Some(symbol.id) });
        }
    }

    /// Tries the next `most` merges; false: none is left.
    fn merge(
        &self,
        most: usize,
        symbols: &mut [Symbol],
        queue: &mut BinaryHeap<Reverse<Candidate>>,
    ) -> Result<bool> {
        for _ in 0..most {
            let Some(Reverse(best)) = queue.pop() else { return Ok(false) };
            self.apply(best, symbols, queue)?;
        }
        Ok(true)
    }

    /// Merges the candidate, unless its parts have changed since it was found.
    fn apply(
        &self,
        best: Candidate,
        symbols: &mut [Symbol],
        queue: &mut BinaryHeap<Reverse<Candidate>>,
    ) -> Result<()> {
        let merge = self.merges[best.rank as usize];
        let (left, right) = (symbols[best.left as usize], symbols[best.right as usize]);
        let stale = left.gone || right.gone || left.after != best.right;
        if stale || left.id != merge.left || right.id != merge.right {
            return Ok(());
        }
        symbols[best.left as usize] = Symbol { id: merge.result, after: right.after, ..left };
        symbols[best.right as usize].gone = true;
        if right.after != NONE {
            symbols[right.after as usize].before = best.left;
            self.offer(symbols, best.left, right.after, queue)?;
        }
        if left.before != NONE {
            self.offer(symbols, left.before, best.left, queue)?;
        }
        Ok(())
    }

    fn offer(
        &self,
        symbols: &[Symbol],
        left: u32,
        right: u32,
        queue: &mut BinaryHeap<Reverse<Candidate>>,
    ) -> Result<()> {
        let slot = self.slot_of(symbols[left as usize].id, symbols[right as usize].id);
        if let Some(rank) = self.slots[slot].checked_sub(1) {
            queue.try_reserve(1)?;
            queue.push(Reverse(Candidate { rank, left, right }));
        }
        Ok(())
    }

    /// The slot of this pair, or the free one where it belongs. At most half of the slots are taken.
    fn slot_of(&self, left: u32, right: u32) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = (self.hasher.hash(left, right) >> 20) as usize & mask;
        while let Some(rank) = self.slots[slot].checked_sub(1) {
            let merge = self.merges[rank as usize];
            if merge.left == left && merge.right == right {
                break;
            }
            slot = (slot + 1) & mask;
        }
        slot
    }
}

/// The ids of a merge; `None` if a part or the result is no token of plain text. `decoded` is a buffer.
fn resolve(pieces: &Pieces, text: &str, decoded: &mut Vec<u8>) -> Option<Merge> {
    decoded.clear();
    let mut split = None;
    for letter in text.chars() {
        // The first letter may be a space only in files that do not use GPT-2's alphabet.
        if letter == ' ' && split.is_none() && !decoded.is_empty() {
            split = Some(decoded.len());
        } else {
            decoded.push(byte_of_letter(letter)?);
        }
    }
    let (left, right) = decoded.split_at_checked(split?)?;
    Some(Merge {
        left: pieces.find_any(left)?,
        right: pieces.find_any(right)?,
        result: pieces.find_any(decoded)?,
    })
}
