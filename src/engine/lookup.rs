//! Where the last tokens of a text stand earlier in a text: an index over pairs of tokens. Knows no
//! generation.

/// Tokens that have to agree at least.
pub(super) const SHORTEST: usize = 2;

/// Tokens in front of a place that are compared at most: more of them say no more.
pub(super) const LONGEST: usize = 16;

/// Places that a search looks at.
const TRIES: usize = 16;

/// Tokens that are taken in at once: a long text's in several calls.
const AT_ONCE: usize = 8192;

/// The most lists: longer texts share them.
const MOST_LISTS: usize = 1 << 16;

/// An index over a text that only grows, kept beside it. It grows by a few writes per token, and a search
/// looks at [`TRIES`] places, whatever the text's length.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    /// By a hash of the two tokens in front: the newest place; 0: none.
    newest: Vec<u32>,
    /// By place: the one before it in its list.
    before: Vec<u32>,
}

/// A place whose tokens in front are those that a text ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// The index of the token that follows.
    pub(super) place: usize,
    /// How many tokens agree: [`SHORTEST`] to [`LONGEST`].
    pub(super) length: usize,
}

impl Lookup {
    /// An empty index for a text of about `most` tokens; without memory it stays empty, and finds nothing.
    pub(super) fn new(most: usize) -> Self {
        let (mut lookup, lists) = (Self::default(), lists(most));
        if lookup.newest.try_reserve_exact(lists).is_ok() && lookup.before.try_reserve_exact(most).is_ok() {
            lookup.newest.resize(lists, 0);
        }
        lookup
    }

    /// Bytes that an index for a text of at most `most` tokens takes.
    pub(super) fn bytes_for(most: usize) -> usize {
        size_of::<u32>() * (lists(most) + most)
    }

    /// Takes in what `text` has more than at the last call, [`AT_ONCE`] tokens at most.
    pub(super) fn extend(&mut self, text: &[u32]) {
        let most = text.len().min(self.before.len() + AT_ONCE).min(u32::MAX as usize);
        if self.newest.is_empty() || self.before.try_reserve(most.saturating_sub(self.before.len())).is_err()
        {
            return;
        }
        for place in self.before.len()..most {
            let before = match text[..place] {
                [.., first, second] => {
                    let list = self.list(first, second);
                    std::mem::replace(&mut self.newest[list], place as u32)
                }
                _ => 0,
            };
            self.before.push(before);
        }
    }

    /// Where in `text`, which the index is over, the end of `now` stands: of the newest places the one with
    /// the most tokens in front that agree; of equal ones `hint`, then the newest.
    pub(super) fn find(&self, text: &[u32], now: &[u32], hint: usize) -> Option<Found> {
        let [.., first, second] = now else { return None };
        let newest = *self.newest.get(self.list(*first, *second))? as usize;
        let older = |place: &usize| Some(*self.before.get(*place)? as usize).filter(|place| *place > 0);
        let places = std::iter::successors(Some(newest).filter(|place| *place > 0), older).take(TRIES);
        let mut best: Option<Found> = None;
        for place in std::iter::once(hint).chain(places).filter(|place| *place < text.len()) {
            let length = agreeing(&text[..place], now);
            if length >= best.map_or(SHORTEST, |best| best.length + 1) {
                best = Some(Found { place, length });
            }
            if length == LONGEST {
                break;
            }
        }
        best
    }

    /// Multiplicative hashing (Knuth, The Art of Computer Programming 3, section 6.4).
    fn list(&self, first: u32, second: u32) -> usize {
        let both = u64::from(first) << 32 | u64::from(second);
        let hash = (both ^ both >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // A power of two.
        (hash >> 40) as usize & self.newest.len().saturating_sub(1)
    }
}

/// Lists for a text of about `most` tokens.
fn lists(most: usize) -> usize {
    most.next_power_of_two().clamp(64, MOST_LISTS)
}

/// How many of the last tokens of both are the same: at most [`LONGEST`].
fn agreeing(one: &[u32], other: &[u32]) -> usize {
    one.iter().rev().zip(other.iter().rev()).take(LONGEST).take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Lookup {
        /// What it takes.
        pub(in crate::engine) fn bytes(&self) -> usize {
            size_of::<u32>() * (self.newest.capacity() + self.before.capacity())
        }
    }

    /// Grown by one token after the other.
    fn over(text: &[u32]) -> Lookup {
        let mut lookup = Lookup::new(text.len());
        (0..=text.len()).for_each(|length| lookup.extend(&text[..length]));
        lookup
    }

    fn own(text: &[u32]) -> Option<(usize, usize)> {
        over(text).find(text, text, 0).map(|found| (found.place, found.length))
    }

    #[test]
    fn the_longest_agreement_is_found_and_of_equal_ones_the_newest() {
        assert_eq!(own(&[1, 2, 3, 9, 1, 2, 3]), Some((3, 3)));
        assert_eq!(own(&[1, 2, 5, 1, 2, 6, 1, 2]), Some((5, 2)));
        assert_eq!(own(&[7, 1, 2, 5, 1, 2, 6, 7, 1, 2]), Some((3, 3)));
        // A text that repeats itself agrees with itself one period ago.
        assert_eq!(own(&[4, 4, 4, 4]), Some((3, 3)));
        assert_eq!(own(&[1, 2, 1, 2, 1, 2]), Some((4, 4)));
        // One token alone says nothing.
        for nothing in [&[][..], &[1], &[1, 2], &[5, 1, 6, 1]] {
            assert_eq!(own(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn an_agreement_counts_up_to_its_limit() {
        let text: Vec<u32> = (0..40).chain(100..103).chain(0..40).collect();
        assert_eq!(own(&text), Some((40, LONGEST)));
    }

    #[test]
    fn the_end_of_one_text_is_found_in_another() {
        let pool = [1, 2, 3, 4, 5, 6, 2, 3, 9];
        let find = |now: &[u32], hint| over(&pool).find(&pool, now, hint);
        assert_eq!(find(&[8, 2, 3], 0), Some(Found { place: 8, length: 2 }));
        assert_eq!(find(&[1, 2, 3], 0), Some(Found { place: 3, length: 3 }));
        // Where it was found before comes first among equals.
        assert_eq!(find(&[8, 2, 3], 3), Some(Found { place: 3, length: 2 }));
        // Nothing follows the text's own end.
        assert_eq!(find(&[3, 9], 9), None);
        assert_eq!(find(&[3, 9], 99), None);
    }

    /// The index against a search through everything, on texts of few different tokens.
    #[test]
    fn what_is_found_is_there() {
        let mut state = 1u64;
        let mut random = |most: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % most
        };
        for tokens in [2, 5, 300] {
            let text: Vec<u32> = (0..400).map(|_| random(tokens) as u32).collect();
            let mut lookup = Lookup::new(400);
            for length in 0..text.len() {
                let now = &text[..length];
                lookup.extend(now);
                let found = lookup.find(now, now, 0);
                let newest =
                    (SHORTEST..length).rev().filter(|place| agreeing(&now[..*place], now) >= SHORTEST);
                let most = newest.map(|place| agreeing(&now[..place], now)).take(TRIES).max();
                if let Some(found) = found {
                    assert_eq!(agreeing(&now[..found.place], now), found.length);
                }
                // Other pairs in its list may have taken its tries.
                let least = if tokens == 300 { most } else { most.map(|_| SHORTEST) };
                assert!(found.map(|found| found.length) >= least, "{found:?} {most:?} {now:?}");
            }
        }
    }
}
