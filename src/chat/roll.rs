//! Which of a conversation's oldest messages go when its context is full, and what has gone; knows no
//! template and no decoder.

use crate::error::{Error, ErrorKind, Result};
use crate::text::Message;
use std::ops::Range;

/// What becomes of a conversation for whose next turn its context has no room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The turn ends with `ContextFull`, as does an answer that fills the context.
    #[default]
    Stop,
    /// Before the turn whole exchanges go, the oldest first, until its input, its `max_tokens` (which count
    /// as half of the context at most) and a quarter of the context are free. The system and developer
    /// messages that the conversation begins with stay. An answer that fills the context still ends with
    /// `ContextFull`. Raw input, and an answer that goes on: as [`Overflow::Stop`].
    Roll {
        /// So many messages behind those stay too, and the rest of the exchange that they end in.
        pinned_messages: usize,
    },
}

/// The search for the fewest exchanges that have to go. It halves what is left at each step.
#[derive(Debug)]
pub(crate) struct Search {
    /// Messages from here on may go,
    from: usize,
    /// up to one of these places, at each of which an exchange begins. Not empty.
    until: Vec<usize>,
    /// The place is one of these.
    low: usize,
    high: usize,
}

impl Search {
    /// Among `messages`, of which the first `past` are not the turn's own; of those behind the system's
    /// `pinned` stay. `None`: all have to stay.
    ///
    /// An exchange begins with the user's first message behind others, so that a call of a tool stays with
    /// its result. What begins an exchange stays with it, and so does the exchange that the turn goes on
    /// with.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(crate) fn new(messages: &[Message], past: usize, pinned: usize) -> Result<Option<Self>> {
        let is_user = |index: usize| messages.get(index).is_some_and(|message| message.role == "user");
        let begins = |index: &usize| is_user(*index) && (*index == 0 || !is_user(*index - 1));
        let is_system = |message: &&Message| matches!(message.role.as_str(), "system" | "developer");
        let system = messages.iter().take_while(is_system).count();
        let from = match pinned {
            0 => Some(system),
            _ => (system.saturating_add(pinned)..=past).find(begins),
        };
        let Some(from) = from.filter(|from| *from < past) else { return Ok(None) };
        let places = || (from + 1..=past).filter(begins);
        let mut until = Vec::new();
        until.try_reserve_exact(places().count())?;
        until.extend(places());
        let high = until.len().saturating_sub(1);
        Ok((!until.is_empty()).then_some(Self { from, until, low: 0, high }))
    }

    /// The messages without which to try next; `None`: [`Search::found`] is known.
    pub(crate) fn to_try(&self) -> Option<Range<usize>> {
        (self.low < self.high).then(|| self.from..self.until[(self.low + self.high) / 2])
    }

    /// Whether it was enough that those went.
    pub(crate) fn tell(&mut self, enough: bool) {
        let tried = (self.low + self.high) / 2;
        match enough {
            true => self.high = tried,
            false => self.low = tried + 1,
        }
    }

    /// The messages that go: all that may, if fewer are not enough.
    pub(crate) fn found(&self) -> Range<usize> {
        self.from..self.until[self.low]
    }
}

/// Messages that have to go before a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rolled {
    /// Which of the turn's.
    pub(crate) messages: Range<usize>,
    /// How many tokens they were.
    pub(crate) tokens: usize,
}

impl Rolled {
    /// What the stream's reader is told.
    pub(crate) fn note(&self) -> String {
        let (messages, tokens) = (self.messages.len(), self.tokens);
        serde_json::json!({ "event": "rolled", "messages": messages, "tokens": tokens }).to_string()
    }
}

/// What has gone of a conversation since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Gone {
    pub(crate) messages: usize,
    pub(crate) tokens: usize,
    /// Tokens of the first prompt without what went last.
    pub(super) since: usize,
}

impl Gone {
    /// With what goes before a turn whose prompt then has `prompt` tokens.
    pub(crate) fn with(self, rolled: &Rolled, prompt: usize) -> Self {
        let (messages, tokens) = (rolled.messages.len(), rolled.tokens);
        Self { messages: self.messages + messages, tokens: self.tokens + tokens, since: prompt }
    }

    /// Whether the session's first `tokens` tokens are still those that they were when an END named them.
    ///
    /// # Errors
    /// `InvalidArgument` if messages have gone since.
    pub(crate) fn check_place(self, tokens: usize) -> Result<()> {
        if tokens == 0 || tokens >= self.since {
            return Ok(());
        }
        let message = format!(
            "token_count is {tokens}, and {} of the oldest messages have gone since the session had so many (overflow: roll): \
             give the session_tokens of an END behind that, {} or more, or 0",
            self.messages, self.since
        );
        Err(Error::new(ErrorKind::InvalidArgument, message))
    }
}

#[cfg(test)]
mod tests {
    use super::super::room::Room;
    use super::*;

    /// One message for each letter: system, developer, user, assistant, tool.
    fn messages(roles: &str) -> Vec<Message> {
        let role = |letter| match letter {
            's' => "system",
            'd' => "developer",
            'u' => "user",
            'a' => "assistant",
            't' => "tool",
            other => panic!("{other}"),
        };
        let message = |letter| Message { role: role(letter).into(), content: String::new(), extra: None };
        roles.chars().map(message).collect()
    }

    /// Which messages of `past` go before a turn with `new` ones, of 10 tokens each, and how often it was
    /// tried.
    fn going(past: &str, new: &str, pinned: usize, room: Room) -> (Range<usize>, usize) {
        let all = messages(&format!("{past}{new}"));
        if room.holds(all.len() * 10) {
            return (0..0, 0);
        }
        let Some(mut search) = Search::new(&all, past.len(), pinned).expect("memory") else {
            return (0..0, 0);
        };
        let mut tries = 0;
        while let Some(gone) = search.to_try() {
            tries += 1;
            search.tell(room.holds_more((all.len() - gone.len()) * 10));
        }
        (search.found(), tries)
    }

    /// What a turn is about; the past, its own messages, how many are pinned, what is free; what goes.
    type Case = (&'static str, &'static str, &'static str, usize, Room, Range<usize>);

    #[test]
    fn s45_the_table_of_what_goes() {
        // Where nothing else is wanted, 60 tokens at most are left of 81.
        let room = |context, max_tokens| Room::new(context, max_tokens, true);
        #[rustfmt::skip]
        let table: &[Case] = &[
            ("there is room", "uaua", "u", 0, room(81, 0), 0..0),
            ("one token for the answer is room", "uauaua", "u", 0, room(71, 0), 0..0),
            ("the fewest exchanges", "uauauaua", "u", 0, room(81, 0), 0..4),
            ("max_tokens are free too", "uauauaua", "u", 0, room(81, 20), 0..6),
            ("and count as half of the context", "uauauaua", "u", 0, room(81, 4000), 0..8),
            ("the system's stays", "suauauaua", "u", 0, room(81, 0), 1..5),
            ("so do several", "sduauauaua", "u", 0, room(81, 0), 2..8),
            ("and pinned ones", "suauauaua", "u", 2, room(81, 0), 3..7),
            ("with the rest of their exchange", "suauauaua", "u", 1, room(81, 0), 3..7),
            ("and with their results", "uatauauaua", "u", 2, room(81, 0), 4..10),
            ("all are pinned", "suauauaua", "u", 8, room(81, 0), 0..0),
            ("more than there are", "suauauaua", "u", usize::MAX, room(81, 0), 0..0),
            ("a call goes with its result", "uatatauaua", "u", 0, room(81, 0), 0..6),
            ("a result keeps its call", "uauauat", "t", 0, room(40, 0), 0..4),
            ("what an assistant begins with goes first", "auauaua", "u", 0, room(70, 0), 0..3),
            ("users' messages in a row are one", "uuauuauua", "uu", 0, room(81, 0), 0..6),
            ("as one that has no answer yet", "uauau", "u", 0, room(40, 0), 0..4),
            ("without input the last one stays", "uauauauau", "", 0, room(81, 0), 0..4),
            ("the whole past", "uauaua", "uuuuuuuuu", 0, room(81, 0), 0..6),
            ("the turn's own never", "", "uauauauaua", 0, room(81, 0), 0..0),
            ("nor what it goes on with", "ua", "auauauaua", 0, room(81, 0), 0..0),
            ("nobody's", "aaaaaaaa", "a", 0, room(81, 0), 0..0),
        ];
        for (what, past, new, pinned, room, expected) in table {
            assert_eq!(going(past, new, *pinned, *room).0, *expected, "{what}");
        }
    }

    #[test]
    fn s45_the_search_is_the_first_that_is_enough_in_few_steps() {
        for exchanges in [1, 2, 3, 7, 64, 999] {
            let past = "ua".repeat(exchanges);
            for context in [20, 40, 100, 1000, 20_000] {
                let room = Room::new(context, 0, true);
                let (gone, tries) = going(&past, "u", 0, room);
                let whole = (past.len() + 1) * 10;
                let enough = |gone: usize| room.holds_more(whole - gone * 10);
                let first = (1..=exchanges).map(|some| some * 2).find(|some| enough(*some));
                let expected = if room.holds(whole) { 0 } else { first.unwrap_or(past.len()) };
                assert_eq!(gone, 0..expected, "{exchanges} exchanges, {context} tokens");
                assert!(tries <= exchanges.ilog2() as usize + 1, "{tries} tries for {exchanges}");
            }
        }
    }

    #[test]
    fn s45_places_from_before_are_void_and_later_ones_are_not() {
        let gone = Gone::default();
        assert!(gone.check_place(7).is_ok());
        let gone = gone.with(&Rolled { messages: 1..5, tokens: 40 }, 60);
        let gone = gone.with(&Rolled { messages: 1..3, tokens: 20 }, 50);
        assert_eq!((gone.messages, gone.tokens), (6, 60));
        for (place, good) in [(0, true), (1, false), (49, false), (50, true), (5000, true)] {
            let checked = gone.check_place(place);
            assert_eq!(checked.is_ok(), good, "{place}");
            if let Err(error) = checked {
                assert_eq!(error.kind(), ErrorKind::InvalidArgument);
                assert!(error.message().contains(&format!("token_count is {place}")), "{error}");
            }
        }
    }
}
