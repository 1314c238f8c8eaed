//! Byte-pair merging by rank: of bytes, as GPT-2 does it, or of characters, as Gemma 4 does it. Knows words
//! (pieces of pre-split text), not how they were split.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::data::{AT_ONCE, invalid};
use super::hash::PairHasher;
use super::merges::{Merge, NONE, Resolver, Strangers, find_marked, split};
use super::names::Whole;
use super::pieces::{Pieces, SPACE_MARK, SPACE_MARK_TEXT};
use crate::error::Result;
use crate::pause::Pauses;

/// What a merge counts for.
const MERGE_UNITS: usize = 4;

/// The ranked merges of a vocabulary.
#[derive(Debug, Clone)]
pub(super) struct Bpe {
    /// The token of each byte, or `NONE`: such a byte is left out, before anything is merged where bytes
    /// are, as Hugging Face's library has it.
    bytes: Box<[u32; 256]>,
    /// What words begin as.
    units: Units,
    /// By rank.
    merges: Vec<Merge>,
    /// Open addressing by (left, right): rank + 1, or 0.
    slots: Vec<u32>,
    hasher: PairHasher,
    /// Which words that are tokens are not merged.
    whole: Whole,
    strangers: Strangers,
}

/// What is merged.
#[derive(Debug, Clone)]
enum Units {
    /// Bytes.
    Bytes,
    /// Characters, a space as U+2581; with those that only merges know. Characters that are no token go
    /// through as ids from [`CHARACTER`] on, and become the tokens of their bytes.
    Characters(HashMap<char, u32>),
}

/// Behind all tokens, and all texts that merges are of: there are fewer than 2^31 bytes of them.
const CHARACTER: u32 = 1 << 31;

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
    /// Of bytes: resolves `merges` ("left right", in GPT-2's alphabet) to ids.
    ///
    /// # Errors
    /// `ModelInvalid`, naming it, for a merge that is not of two texts.
    pub(super) async fn new(
        pieces: &Pieces,
        merges: &[&str],
        whole: Whole,
        pauses: &mut Pauses<'_>,
    ) -> Result<Self> {
        let bytes = Box::new(std::array::from_fn(|byte| pieces.find(&[byte as u8])));
        Self::resolve(Resolver::new(pieces, false), merges, whole, bytes, pauses).await
    }

    /// Of characters: resolves `merges` ("left right", with U+2581 for spaces) to ids. `bytes`: the tokens of
    /// what is no token.
    ///
    /// # Errors
    /// As [`new`](Self::new)'s.
    pub(super) async fn of_characters(
        pieces: &Pieces,
        merges: &[&str],
        whole: Whole,
        bytes: Box<[Option<u32>; 256]>,
        pauses: &mut Pauses<'_>,
    ) -> Result<Self> {
        let resolver = Resolver::new(pieces, true);
        let mut bpe = Self::resolve(resolver, merges, whole, bytes, pauses).await?;
        let mut letters = HashMap::new();
        for stranger in bpe.strangers.letters() {
            if let Some((letter, id)) = stranger {
                letters.try_reserve(1)?;
                letters.insert(letter, id);
            }
            if pauses.is_due(1) {
                pauses.look_up().await?;
            }
        }
        bpe.units = Units::Characters(letters);
        Ok(bpe)
    }

    async fn resolve(
        mut resolver: Resolver<'_>,
        merges: &[&str],
        whole: Whole,
        bytes: Box<[Option<u32>; 256]>,
        pauses: &mut Pauses<'_>,
    ) -> Result<Self> {
        let slots = (merges.len() * 2).next_power_of_two();
        let mut bpe = Self {
            bytes: Box::new(bytes.map(|id| id.unwrap_or(NONE))),
            units: Units::Bytes,
            merges: Vec::new(),
            slots: Vec::new(),
            hasher: PairHasher::new(),
            whole,
            strangers: Strangers::default(),
        };
        bpe.merges.try_reserve_exact(merges.len())?;
        bpe.slots.try_reserve_exact(slots)?;
        bpe.slots.resize(slots, 0);
        for (rank, text) in merges.iter().enumerate() {
            let Some((left, right)) = split(text) else {
                let message = format!("merge {rank}, {text:.64?}, is not of two texts with a space between");
                return Err(invalid(message));
            };
            let merge = resolver.resolve(left, right, pauses).await?;
            if pauses.is_due(MERGE_UNITS) {
                pauses.look_up().await?;
            }
            bpe.merges.push(merge.unwrap_or(Merge::NEVER));
            if let Some(merge) = merge {
                let slot = bpe.slot_of(merge.left, merge.right);
                if bpe.slots[slot] == 0 {
                    bpe.slots[slot] = rank as u32 + 1;
                }
            }
        }
        bpe.strangers = resolver.strangers;
        Ok(bpe)
    }

    /// How many texts there are that merges are of and that are no tokens.
    pub(super) fn strangers(&self) -> usize {
        self.strangers.len()
    }

    /// Appends the tokens of one word. Time: n log n in its bytes.
    ///
    /// # Errors
    /// `OutOfMemory`; what stops `pauses`.
    pub(super) async fn encode(
        &self,
        pieces: &Pieces,
        word: &str,
        scratch: &mut BpeScratch,
        out: &mut Vec<u32>,
        pauses: &mut Pauses<'_>,
    ) -> Result<()> {
        let BpeScratch { symbols, queue } = scratch;
        out.try_reserve(word.len())?;
        symbols.clear();
        queue.clear();
        symbols.try_reserve(word.len())?;
        let mut rest = word;
        while !rest.is_empty() {
            let (part, behind) = rest.split_at(rest.ceil_char_boundary(AT_ONCE.min(rest.len())));
            self.lay_out(pieces, part, symbols, queue)?;
            pauses.after(part.len()).await?;
            rest = behind;
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

    /// As [`encode`](Self::encode), in one go, for all that is short or a token as it is; false: it is to be
    /// encoded with pauses.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(super) fn encode_short(
        &self,
        pieces: &Pieces,
        word: &str,
        scratch: &mut BpeScratch,
        out: &mut Vec<u32>,
    ) -> Result<bool> {
        let is_whole = match self.whole {
            Whole::No => false,
            Whole::Newlines => word.starts_with('\n'),
            Whole::All => true,
        };
        if is_whole && let Some(id) = pieces.find(word.as_bytes()) {
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
        self.lay_out(pieces, word, symbols, queue)?;
        while self.merge(AT_ONCE, symbols, queue)? {}
        self.finish(symbols, out);
        Ok(true)
    }

    /// The ids of single bytes; one without a token is left out.
    fn ids<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = u32> + 'a {
        bytes.iter().map(|&byte| self.bytes[usize::from(byte)]).filter(|&id| id != NONE)
    }

    /// The id of a character that is to be merged.
    fn character(&self, pieces: &Pieces, strangers: &HashMap<char, u32>, letter: char) -> u32 {
        let letter = if letter == SPACE_MARK { ' ' } else { letter };
        let found = find_marked(pieces, letter.encode_utf8(&mut [0; 4]).as_bytes());
        found
            .filter(|id| pieces.is_text(*id))
            .or_else(|| strangers.get(&letter).copied())
            .unwrap_or(CHARACTER | letter as u32)
    }

    /// Appends the symbols of the next part of a word, and queues their merges with those before them.
    fn lay_out(
        &self,
        pieces: &Pieces,
        part: &str,
        symbols: &mut Vec<Symbol>,
        queue: &mut BinaryHeap<Reverse<Candidate>>,
    ) -> Result<()> {
        let start = symbols.len() as u32;
        if let Some(last) = symbols.last_mut() {
            last.after = start;
        }
        let mut push = |(at, id): (u32, u32)| {
            let before = at.checked_sub(1).unwrap_or(NONE);
            symbols.push(Symbol { id, before, after: at + 1, gone: false });
        };
        match &self.units {
            Units::Bytes => (start..).zip(self.ids(part.as_bytes())).for_each(push),
            Units::Characters(strangers) => {
                let ids = part.chars().map(|letter| self.character(pieces, strangers, letter));
                (start..).zip(ids).for_each(&mut push);
            }
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
            match self.strangers.get(symbol.id) {
                Some(bytes) => self.push_bytes(bytes, out),
                None if symbol.id < CHARACTER => out.push(symbol.id),
                None => {
                    let letter = char::from_u32(symbol.id & !CHARACTER).unwrap_or_default();
                    self.push_bytes(letter.encode_utf8(&mut [0; 4]).as_bytes(), out);
                }
            }
        }
    }

    /// Appends the tokens of these bytes; where spaces are written as U+2581, those of that.
    fn push_bytes(&self, bytes: &[u8], out: &mut Vec<u32>) {
        for byte in bytes {
            let is_marked = *byte == b' ' && matches!(self.units, Units::Characters(_));
            out.extend(self.ids(if is_marked {
                SPACE_MARK_TEXT.as_bytes()
            } else {
                std::slice::from_ref(byte)
            }));
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
        let mut slot = self.hasher.slot(left, right, self.slots.len());
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
