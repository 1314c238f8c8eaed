//! What a model's sessions have said lately, for the others to draft from: bounded, oldest first. Knows no
//! session.

use super::lookup::{Found, Lookup};
use crate::budget::Share;

/// The most tokens that are kept: with their index 768 KiB.
const MOST: usize = 1 << 16;

/// Tokens that there is room for at first.
const LEAST: usize = 1 << 10;

/// The answers of one model, one behind the other.
pub(super) struct Pool {
    tokens: Vec<u32>,
    lookup: Lookup,
    /// What both take.
    share: Share,
}

impl Pool {
    /// An empty one, whose memory is taken from `share`.
    pub(super) fn new(share: Share) -> Self {
        Self { tokens: Vec::new(), lookup: Lookup::default(), share }
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> u64 {
        self.share.bytes()
    }

    /// Forgets all, and gives back what it takes.
    pub(super) fn clear(&mut self) {
        (self.tokens, self.lookup) = (Vec::new(), Lookup::default());
        self.share.shrink(0);
    }

    /// Adds an answer, of a long one its end. Where there is no room for it the older half goes; without
    /// memory nothing is added.
    pub(super) fn add(&mut self, answer: &[u32]) {
        let answer = &answer[answer.len().saturating_sub(MOST / 2)..];
        if self.tokens.len() + answer.len() > MOST {
            self.tokens.drain(..MOST / 2);
            self.lookup = Lookup::new(MOST);
        }
        if self.grow(self.tokens.len() + answer.len()) {
            self.tokens.extend_from_slice(answer);
        }
    }

    /// Whether there is room for so many tokens now: twice as much as before, where it was too little.
    fn grow(&mut self, tokens: usize) -> bool {
        if tokens <= self.tokens.capacity() {
            return true;
        }
        let room = tokens.next_power_of_two().clamp(LEAST, MOST);
        let bytes = (size_of::<u32>() * room + Lookup::bytes_for(room)) as u64;
        if self.share.resize(bytes).is_err() {
            return false;
        }
        if self.tokens.try_reserve_exact(room - self.tokens.len()).is_err() {
            self.clear();
            return false;
        }
        // More tokens take more lists; those that are here are taken in again, piece by piece.
        self.lookup = Lookup::new(room);
        true
    }

    /// As [`Lookup::find`], among what was added; takes in a piece of what is new.
    pub(super) fn find(&mut self, now: &[u32], hint: usize) -> Option<Found> {
        self.lookup.extend(&self.tokens);
        self.lookup.find(&self.tokens, now, hint)
    }

    /// What stands at `place` and behind it.
    pub(super) fn from(&self, place: usize) -> &[u32] {
        self.tokens.get(place..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Budget;

    #[test]
    fn the_older_half_goes_and_what_is_newer_is_found() {
        let mut pool = Pool::new(Budget::new(None).share("it"));
        let answer = |number: u32| (0..1000).map(|token| number * 1000 + token).collect::<Vec<u32>>();
        let knows = |pool: &mut Pool, number: u32| {
            // A long text is taken in piece by piece.
            let found = (0..20).find_map(|_| pool.find(&answer(number)[..500], 0))?;
            (found.length == 16).then(|| pool.from(found.place).to_vec())
        };
        for number in 1..=65 {
            pool.add(&answer(number));
        }
        assert_eq!(knows(&mut pool, 1).map(|tokens| tokens[0]), Some(1500));
        pool.add(&answer(66));
        assert!(pool.tokens.len() < MOST / 2 + 1000);
        assert!(knows(&mut pool, 1).is_none());
        assert_eq!(knows(&mut pool, 66).expect("the newest"), &answer(66)[500..]);
        assert!(knows(&mut pool, 40).is_some());
        // Of an answer that is too long its end stays.
        pool.add(&(0..3 * MOST as u32).collect::<Vec<u32>>());
        assert!(pool.tokens.len() <= MOST && pool.tokens.last() == Some(&(3 * MOST as u32 - 1)));
        assert_eq!(pool.bytes(), 768 << 10);
    }

    #[test]
    fn it_takes_what_it_counts_and_no_more_than_there_is() {
        let budget = Budget::new(Some(100_000));
        let mut pool = Pool::new(budget.share("it"));
        assert_eq!(pool.bytes(), 0);
        for length in 1..20_000 {
            pool.add(&[length]);
            let index = pool.lookup.bytes();
            assert!(pool.bytes() as usize >= 4 * pool.tokens.capacity() + index, "{length}");
            pool.find(&[1, 2], 0);
            assert_eq!(pool.lookup.bytes(), index, "nothing grows but here");
        }
        // Of a power of two.
        assert_eq!((pool.tokens.len(), pool.bytes()), (8192, 12 * 8192));
        assert_eq!(budget.held(), pool.bytes());
        pool.clear();
        assert_eq!((budget.held(), pool.bytes(), pool.tokens.capacity(), pool.lookup.bytes()), (0, 0, 0, 0));
        pool.add(&[1, 2, 3]);
        assert_eq!(pool.find(&[1, 2], 0).map(|found| found.place), Some(2));
    }
}
