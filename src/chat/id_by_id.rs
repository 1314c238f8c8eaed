//! Texts of exactly one id each, with its logprob: what a generation with logprobs streams; knows neither
//! tokens' texts nor stop strings.

use crate::error::Result;
use crate::sample::Sampled;
use crate::stream::Text;
use compact_str::CompactString;
use smallvec::SmallVec;

/// The texts that are out with one id.
pub(crate) type Texts = SmallVec<[Text; 2]>;

/// Ids that wait for their text.
#[derive(Default)]
pub(crate) struct IdById {
    waiting: SmallVec<[Waiting; 2]>,
}

struct Waiting {
    sampled: Sampled,
    /// Bytes of text that were ready when it came: they are its own, or those of ids before it.
    until: usize,
}

impl IdById {
    /// Makes room for so many ids.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(crate) fn reserve(&mut self, ids: usize) -> Result<()> {
        Ok(self.waiting.try_reserve(ids)?)
    }

    /// Takes the next id, with which `ready` bytes of text are ready.
    pub(crate) fn push(&mut self, sampled: Sampled, ready: usize) {
        self.waiting.push(Waiting { sampled, until: ready });
    }

    /// Moves what is out from `ready` to `texts`. `held`: more text is held back, for which the last id has
    /// to wait.
    pub(crate) fn give(&mut self, ready: &mut String, held: bool, texts: &mut Texts) {
        let (mut done, all) = (0, self.waiting.len());
        if all == 0 && !held && !ready.is_empty() {
            // The end of a character that an earlier generation's ids have begun: it has no id here.
            let text = CompactString::from(std::mem::take(ready).as_str());
            texts.push(Text::plain(text, SmallVec::new()));
        }
        let out = all.saturating_sub(usize::from(held));
        for (index, Waiting { sampled, until }) in self.waiting.drain(..out).enumerate() {
            let until = if index + 1 == all { ready.len() } else { until.max(done) };
            let text = CompactString::from(ready.get(done..until).unwrap_or_default());
            let tokens = SmallVec::from_slice(&[sampled.token]);
            let Sampled { logprob, alternatives, .. } = sampled;
            texts.push(Text { logprob, alternatives, ..Text::plain(text, tokens) });
            done = until;
        }
        ready.drain(..done);
        for waiting in &mut self.waiting {
            waiting.until = waiting.until.saturating_sub(done);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn give(ids: &mut IdById, ready: &mut String, held: bool) -> Vec<(String, u32)> {
        let mut texts = Texts::new();
        ids.give(ready, held, &mut texts);
        texts.iter().map(|text| (text.text.to_string(), text.tokens[0])).collect()
    }

    fn push(ids: &mut IdById, token: u32, ready: &str) {
        ids.push(Sampled { logprob: -1.0, ..Sampled::plain(token) }, ready.len());
    }

    #[test]
    fn what_earlier_ids_have_begun_comes_without_one() {
        let (mut ids, mut ready, mut texts) = (IdById::default(), "\u{fffd}".to_owned(), Texts::new());
        ids.give(&mut ready, true, &mut texts);
        assert!(texts.is_empty());
        ids.give(&mut ready, false, &mut texts);
        assert_eq!((texts.len(), texts[0].text.as_str(), texts[0].tokens.len()), (1, "\u{fffd}", 0));
        assert!(ready.is_empty());
    }

    #[test]
    fn the_last_id_waits_while_text_is_held_back() {
        let (mut ids, mut ready) = (IdById::default(), "foo".to_owned());
        push(&mut ids, 1, &ready);
        assert_eq!(give(&mut ids, &mut ready, true), []);
        push(&mut ids, 2, &ready);
        assert_eq!(give(&mut ids, &mut ready, true), [("foo".to_owned(), 1)]);
        ready.push_str("<x");
        push(&mut ids, 3, &ready);
        // What came while 2 waited is the text of the one that it came with.
        assert_eq!(give(&mut ids, &mut ready, false), [(String::new(), 2), ("<x".to_owned(), 3)]);
        assert!(ready.is_empty());
    }

    #[test]
    fn an_id_without_text_has_an_empty_one() {
        let (mut ids, mut ready) = (IdById::default(), String::new());
        push(&mut ids, 1, &ready);
        assert_eq!(give(&mut ids, &mut ready, false), [(String::new(), 1)]);
    }
}
