//! Places in a conversation that it can go back to: behind each turn's input, and where each of its ENDs was.
//! Knows no decoder.

use super::said::SaidPlace;
use super::variables::Variables;
use std::mem;

/// What the last generation said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LastAnswer {
    /// How many of the session's tokens come before it.
    pub(super) begin: Option<usize>,
    /// That generation came to nothing, and what is here is another's.
    pub(super) is_older: bool,
}

/// How a conversation was at some place.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) said: SaidPlace,
    pub(super) variables: Variables,
    pub(super) answer: LastAnswer,
    /// The session's tokens were those that it has now up to here,
    pub(super) shared: usize,
    /// and then these: a later turn's template had others.
    pub(super) tail: Vec<u32>,
}

impl Place {
    /// A session holds `tokens` tokens now.
    pub(super) fn new(said: SaidPlace, variables: Variables, answer: LastAnswer, tokens: usize) -> Self {
        Self { said, variables, answer, shared: tokens, tail: Vec::new() }
    }

    /// The same; `None`: there is no memory for it.
    fn twin(&self) -> Option<Self> {
        let mut tail = Vec::new();
        tail.try_reserve_exact(self.tail.len()).ok()?;
        tail.extend_from_slice(&self.tail);
        Some(Self { variables: self.variables.clone(), tail, ..*self })
    }

    /// How many tokens the session had.
    pub(super) fn tokens(&self) -> usize {
        self.shared + self.tail.len()
    }
}

/// The places of a conversation, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Places(Vec<Place>);

impl FromIterator<Place> for Places {
    fn from_iter<T: IntoIterator<Item = Place>>(places: T) -> Self {
        Self(places.into_iter().collect())
    }
}

impl Places {
    /// All of them.
    pub(super) fn iter(&self) -> std::slice::Iter<'_, Place> {
        self.0.iter()
    }

    /// The same, as far as there is memory for it.
    pub(super) fn twin(&self) -> Self {
        let mut twin = Vec::new();
        if twin.try_reserve_exact(self.0.len()).is_ok() {
            twin.extend(self.0.iter().filter_map(Place::twin));
        }
        Self(twin)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Keeps a place, in place of one that is the same. One for which there is no memory is forgotten.
    pub(super) fn push(&mut self, place: Place) {
        self.0.pop_if(|last| last.said == place.said && last.tokens() == place.tokens());
        if self.0.try_reserve(1).is_ok() {
            self.0.push(place);
        }
    }

    /// Forgets all but the first `count`.
    pub(super) fn truncate(&mut self, count: usize) {
        self.0.truncate(count);
    }

    /// Takes all.
    pub(super) fn take(&mut self) -> Self {
        mem::take(self)
    }

    /// The session's `tokens` become others behind the first `keep`: what places need of them is kept beside.
    /// A place for which there is no memory is forgotten.
    pub(super) fn leave(&mut self, keep: usize, tokens: &[u32]) {
        self.0.retain_mut(|place| {
            let Some(own) = tokens.get(keep..place.shared).filter(|own| !own.is_empty()) else { return true };
            if place.tail.try_reserve(own.len()).is_err() {
                return false;
            }
            place.tail.splice(..0, own.iter().copied());
            place.shared = keep;
            true
        });
    }

    /// Goes back to the last place at which the session had exactly `count` tokens, where `tokens` become
    /// those that it had: the place, and how many of them have stayed. `None`: there is none.
    pub(super) fn go_back(&mut self, count: usize, tokens: &mut Vec<u32>) -> Option<(&Place, usize)> {
        let index = self.0.iter().rposition(|place| place.tokens() == count)?;
        self.0.truncate(index + 1);
        let mut place = self.0.pop()?;
        let keep = place.shared.min(tokens.len());
        tokens.try_reserve((keep + place.tail.len()).saturating_sub(tokens.len())).ok()?;
        self.leave(keep, tokens);
        tokens.truncate(keep);
        tokens.append(&mut place.tail);
        place.shared = tokens.len();
        self.0.push(place);
        Some((self.0.last()?, keep))
    }

    /// Of the last place at which the session had no more than the first `count` of the tokens that it has
    /// now: how many they were, and its messages.
    pub(super) fn before(&self, count: usize) -> (usize, usize) {
        let shared = self.0.iter().rfind(|place| place.tail.is_empty() && place.shared <= count);
        shared.map_or((0, 0), |place| (place.shared, place.said.messages()))
    }

    /// The last of `messages` messages is cut to its first `content` bytes, and the session's tokens to the
    /// first `tokens`: forgets what was behind that.
    pub(super) fn cut(&mut self, messages: usize, content: usize, tokens: usize) {
        let earlier = |place: &Place| place.said.messages() < messages;
        // Of a message of which nothing is left there is none.
        let within =
            |place: &Place| content > 0 && place.said.content() <= content && place.tokens() <= tokens;
        self.0.retain(|place| earlier(place) || within(place));
    }

    /// Forgets those that are not of the first `tokens` tokens and `messages` messages.
    pub(super) fn forget_behind(&mut self, tokens: usize, messages: usize) {
        self.0.retain(|place| place.tokens() <= tokens && place.said.messages() <= messages);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(tokens: usize) -> Place {
        Place::new(SaidPlace::default(), Variables::default(), LastAnswer::default(), tokens)
    }

    #[test]
    fn s56_of_a_message_of_which_nothing_is_left_there_is_no_place() {
        let mut places = Places::default();
        for (messages, content, tokens) in [(1, 5, 10), (2, 0, 12), (2, 4, 16), (2, 8, 20)] {
            let said = SaidPlace { messages, content, ..SaidPlace::default() };
            places.push(Place { said, ..place(tokens) });
        }
        let left = |content| {
            let mut places = places.twin();
            places.cut(2, content, 16);
            places.iter().map(Place::tokens).collect::<Vec<_>>()
        };
        assert_eq!((left(5), left(0)), (vec![10, 12, 16], vec![10]));
    }

    #[test]
    fn s55_places_have_their_tokens_whatever_later_turns_have_in_their_place() {
        let mut places = Places::default();
        let mut tokens: Vec<u32> = (0..10).collect();
        places.push(place(4));
        places.push(place(10));
        // A turn whose template leaves out what the model thought.
        let second: Vec<u32> = (0..3).chain(20..26).collect();
        places.leave(3, &tokens);
        tokens = second.clone();
        places.push(place(tokens.len()));
        // And another.
        places.leave(1, &tokens);
        tokens = vec![0, 30];
        places.push(place(2));
        let at = |count| {
            let mut found = tokens.clone();
            let mut places = places.twin();
            let kept = places.go_back(count, &mut found).map(|(_, kept)| kept);
            (kept, found)
        };
        assert_eq!(at(2), (Some(2), vec![0, 30]));
        assert_eq!(at(9), (Some(1), second.clone()));
        assert_eq!(at(10), (Some(1), (0..10).collect()));
        assert_eq!(at(4), (Some(1), (0..4).collect()));
        assert_eq!(at(5).0, None);
        // Back step by step.
        assert!(places.go_back(9, &mut tokens).is_some());
        assert_eq!((&tokens, places.len()), (&second, 3));
        assert!(places.go_back(10, &mut tokens).is_some());
        assert!(places.go_back(4, &mut tokens).is_some());
        assert_eq!((tokens, places.len()), (vec![0, 1, 2, 3], 1));
    }
}
