//! Byte-pair merging by rank, as GPT-2 does it. Knows words (pieces of pre-split text), not how they were
//! split.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasher, RandomState};

use super::data::{AT_ONCE, invalid};
use super::pieces::{Pieces, TOKEN_UNITS, byte_of_letter};
use crate::error::Result;
use crate::pause::Pauses;

/// No token, or no neighbour.
const NONE: u32 = u32::MAX;

/// What a merge counts for.
const MERGE_UNITS: usize = 4;

/// The ranked merges of a vocabulary.
#[derive(Debug, Clone)]
pub(super) struct Bpe {
    /// The token of each byte, or `NONE`: such a byte is left out before anything is merged, as Hugging
    /// Face's library has it.
    bytes: Box<[u32; 256]>,
    /// By rank.
    merges: Vec<Merge>,
    /// Open addressing by (left, right): rank + 1, or 0.
    slots: Vec<u32>,
    hasher: PairHasher,
    /// A word that is a token is this token, whatever the merges say.
    ignore_merges: bool,
    strangers: Strangers,
}

#[derive(Debug, Clone, Copy)]
struct Merge {
    left: u32,
    right: u32,
    result: u32,
}

impl Merge {
    /// Keeps the place of one that no text comes to.
    const NEVER: Self = Self { left: NONE, right: NONE, result: NONE };
}

/// Texts that merges are of and that are no tokens: ids behind the vocabulary's. A word that ends as one
/// becomes the tokens of its bytes (`llm_tokenizer_bpe_session::tokenize`, llama.cpp).
#[derive(Debug, Clone, Default)]
struct Strangers {
    /// The first id.
    first: u32,
    bytes: Vec<u8>,
    /// Where each ends in `bytes`.
    ends: Vec<usize>,
}

impl Strangers {
    fn get(&self, id: u32) -> Option<&[u8]> {
        let index = id.checked_sub(self.first)? as usize;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.bytes.get(start..*self.ends.get(index)?)
    }

    fn add(&mut self, text: &[u8]) -> Result<u32> {
        self.bytes.try_reserve(text.len())?;
        self.ends.try_reserve(1)?;
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
        Ok(self.first + self.ends.len() as u32 - 1)
    }
}

/// Resolves merges to ids.
struct Resolver<'a> {
    pieces: &'a Pieces,
    strangers: Strangers,
    /// Their ids, and `NONE` for the texts of control tokens; filled when the first is met.
    known: HashMap<Box<[u8]>, u32>,
    decoded: Vec<u8>,
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
    ///
    /// # Errors
    /// `ModelInvalid`, naming it, for a merge that is not of two texts.
    pub(super) async fn new(
        pieces: &Pieces,
        merges: &[&str],
        ignore_merges: bool,
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
            strangers: Strangers::default(),
        };
        bpe.merges.try_reserve_exact(merges.len())?;
        bpe.slots.try_reserve_exact(slots)?;
        bpe.slots.resize(slots, 0);
        let mut resolver = Resolver::new(pieces);
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
        self.strangers.ends.len()
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

    /// As [`encode`](Self::encode), in one go, for all that is short or a token as it is; false: it is to be
    /// encoded with pauses.
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

    /// Appends a symbol for each byte of the next part of a word, and queues their merges with those before
    /// them.
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
        let ids = part.iter().map(|&byte| self.bytes[usize::from(byte)]).filter(|&id| id != NONE);
        for (at, id) in (start..).zip(ids) {
            let before = at.checked_sub(1).unwrap_or(NONE);
            symbols.push(Symbol { id, before, after: at + 1, gone: false });
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
                None => out.push(symbol.id),
                Some(bytes) => {
                    out.extend(
                        bytes.iter().map(|&byte| self.bytes[usize::from(byte)]).filter(|&id| id != NONE),
                    );
                }
            }
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

impl<'a> Resolver<'a> {
    fn new(pieces: &'a Pieces) -> Self {
        let strangers = Strangers { first: pieces.len() as u32, ..Strangers::default() };
        Self { pieces, strangers, known: HashMap::new(), decoded: Vec::new() }
    }

    /// The ids of a merge; `None` if no text comes to it, or if it makes a control token, which text never
    /// becomes.
    async fn resolve(&mut self, left: &str, right: &str, pauses: &mut Pauses<'_>) -> Result<Option<Merge>> {
        self.decoded.clear();
        let mut decoded = std::mem::take(&mut self.decoded);
        let is_reached = decode(left, &mut decoded);
        let middle = decoded.len();
        let merge = if is_reached && decode(right, &mut decoded) {
            let left = self.id(&decoded[..middle], pauses).await?;
            let right = self.id(&decoded[middle..], pauses).await?;
            Some(Merge { left, right, result: self.id(&decoded, pauses).await? })
        } else {
            None
        };
        self.decoded = decoded;
        Ok(merge.filter(|merge| merge.left != NONE && merge.right != NONE && merge.result != NONE))
    }

    /// The id of a text that a merge names; `NONE`: it is a control token's.
    async fn id(&mut self, text: &[u8], pauses: &mut Pauses<'_>) -> Result<u32> {
        if let Some(id) = self.pieces.find_any(text) {
            return Ok(if self.pieces.is_text(id) { id } else { NONE });
        }
        if self.known.is_empty() {
            for id in self.pieces.of_kinds(|kind| kind.is_special()) {
                self.known.try_reserve(1)?;
                self.known.insert(self.pieces.get(id).unwrap_or_default().into(), NONE);
                if pauses.is_due(TOKEN_UNITS) {
                    pauses.look_up().await?;
                }
            }
        }
        if let Some(&id) = self.known.get(text) {
            return Ok(id);
        }
        self.known.try_reserve(1)?;
        let id = self.strangers.add(text)?;
        self.known.insert(text.into(), id);
        Ok(id)
    }
}

/// The two sides of a merge as a file writes it.
fn split(merge: &str) -> Option<(&str, &str)> {
    // The first letter may be a space only in files that do not use GPT-2's alphabet.
    let at = merge.char_indices().skip(1).find(|(_, letter)| *letter == ' ')?.0;
    let (left, right) = (&merge[..at], &merge[at + 1..]);
    (!right.is_empty() && !right.contains(' ')).then_some((left, right))
}

/// Appends the bytes that are written so in GPT-2's alphabet; false: they are not.
fn decode(text: &str, out: &mut Vec<u8>) -> bool {
    text.chars().all(|letter| byte_of_letter(letter).map(|byte| out.push(byte)).is_some())
}
