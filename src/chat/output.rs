//! A generation's tokens on their way to its stream: whole code points, cut at stop strings, ids complete.

use super::id_by_id::{IdById, Texts};
use super::pieces::Pieces;
use super::prefix::Prefix;
use super::said::Answer;
use crate::error::Result;
use crate::sample::Sampled;
use crate::stream::Text;
use crate::text::{Cut, Detokenizer, Segments, StopMatcher, StopScan, Unfinished, Vocab};
use compact_str::CompactString;
use smallvec::SmallVec;

/// Ids that may wait for their text before they are sent without it: a stream of control tokens stays
/// bounded.
const MAX_PENDING: usize = 256;

/// Bytes of text up to which it is copied, so that no allocation is needed but the event's.
const MAX_COPIED: usize = 4096;

/// Turns ids into text events.
pub(crate) struct Output {
    detokenizer: Detokenizer,
    stops: StopMatcher,
    ids: Ids,
    /// What comes with the first id.
    prefix: Option<Prefix>,
    fresh: String,
    ready: String,
    /// Where the session is a conversation.
    answer: Option<Answer>,
    echo_special: bool,
}

/// Ids whose text is not out yet, or that have none, by what the texts are made of.
enum Ids {
    /// What is ready, with all ids that wait.
    Together(SmallVec<[u32; 4]>),
    /// Each text has one id.
    ById(IdById),
    /// Whole words, lines or sentences.
    InPieces(Box<Pieces>),
}

impl Output {
    /// Of what goes on where the session's last text ended, `unfinished`.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(crate) fn new(
        echo_special: bool,
        stops: &[String],
        keeps_answer: bool,
        unfinished: Unfinished,
    ) -> Result<Self> {
        Ok(Self {
            detokenizer: Detokenizer::after(unfinished, echo_special),
            stops: StopMatcher::new(stops)?,
            ids: Ids::Together(SmallVec::new()),
            prefix: None,
            fresh: String::new(),
            ready: String::new(),
            answer: keeps_answer.then(Answer::default),
            echo_special,
        })
    }

    /// From here on each text has exactly one id.
    pub(crate) fn give_id_by_id(&mut self) {
        self.ids = Ids::ById(IdById::default());
    }

    /// From here on texts are cut so.
    pub(crate) fn give_in_pieces(&mut self, cut: Cut) {
        if let Some(segments) = Segments::new(cut) {
            self.ids = Ids::InPieces(Box::new(Pieces::new(segments)));
        }
    }

    /// The first id comes with `prefix` in front.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(crate) fn begin_with(&mut self, prefix: Prefix) -> Result<()> {
        let (bytes, ids) = (prefix.text().len() + char::REPLACEMENT_CHARACTER.len_utf8(), prefix.ids().len());
        self.ready.try_reserve(bytes)?;
        if let Some(answer) = &mut self.answer {
            answer.reserve(bytes)?;
        }
        match &mut self.ids {
            Ids::Together(pending) => pending.try_reserve(ids)?,
            Ids::ById(texts) => texts.reserve(ids)?,
            Ids::InPieces(pieces) => pieces.reserve(ids)?,
        }
        self.prefix = Some(prefix);
        Ok(())
    }

    /// Takes the next id: the stop string that is complete with it. What is out with it goes to `texts`.
    pub(crate) fn push(&mut self, vocab: &dyn Vocab, sampled: Sampled, texts: &mut Texts) -> Option<usize> {
        if let Some(prefix) = self.prefix.take() {
            self.begin(&prefix);
        }
        let id = sampled.token;
        if let Ids::InPieces(pieces) = &mut self.ids {
            pieces.push(id);
        }
        let control = vocab.piece(id).filter(|piece| piece.special);
        let hidden = control.filter(|_| !self.echo_special);
        let scan = match hidden.map(|piece| std::str::from_utf8(piece.bytes)) {
            // A stop string may name it, though it is not shown.
            Some(text) => {
                self.answer.iter_mut().for_each(|answer| answer.control(id, 0));
                self.stops.push_hidden(text.unwrap_or_default(), &mut self.ready)
            }
            None => {
                self.fresh.clear();
                self.detokenizer.push(vocab, id, &mut self.fresh);
                let scan = self.feed();
                if let (Some(piece), Some(answer)) = (control, &mut self.answer) {
                    answer.control(id, piece.bytes.len());
                }
                scan
            }
        };
        match &mut self.ids {
            Ids::Together(pending) => pending.push(id),
            Ids::ById(ids) => ids.push(sampled, self.ready.len()),
            Ids::InPieces(_) => {}
        }
        match scan {
            StopScan::Open => {
                self.take(false, texts);
                None
            }
            StopScan::Matched(stop) => {
                if let Some(answer) = &mut self.answer {
                    answer.cut(self.stops.hidden_in_match());
                }
                self.take(true, texts);
                Some(stop)
            }
        }
    }

    /// Releases what is held back. `goes_on`: the session's next ids may complete the last character, whose
    /// bytes wait for them.
    pub(crate) fn finish(&mut self, goes_on: bool, texts: &mut Texts) {
        self.fresh.clear();
        if !goes_on {
            self.detokenizer.finish(&mut self.fresh);
        }
        self.feed();
        self.stops.finish(&mut self.ready);
        self.take(true, texts);
    }

    /// The character that the text has ended inside of.
    pub(crate) fn unfinished(&self) -> Unfinished {
        self.detokenizer.unfinished()
    }

    /// The answer so far.
    pub(crate) fn take_answer(&mut self) -> Option<Answer> {
        self.answer.take()
    }

    /// Makes the prefix ready, past the stop strings. The text before it ends for good.
    fn begin(&mut self, prefix: &Prefix) {
        self.detokenizer.finish(&mut self.ready);
        let before = self.ready.len();
        self.ready.push_str(prefix.text());
        if let Some(answer) = &mut self.answer {
            answer.feed(&self.ready);
        }
        if let Ids::InPieces(pieces) = &mut self.ids {
            pieces.feed(before);
        }
        let mut begin = 0;
        for &(token, end) in prefix.ids() {
            match &mut self.ids {
                Ids::Together(pending) => pending.push(token),
                Ids::ById(texts) => texts.push(Sampled::plain(token), before + end),
                Ids::InPieces(pieces) => {
                    pieces.push(token);
                    pieces.feed(end - begin);
                }
            }
            begin = end;
        }
    }

    fn feed(&mut self) -> StopScan {
        if let Some(answer) = &mut self.answer {
            answer.feed(&self.fresh);
        }
        if let Ids::InPieces(pieces) = &mut self.ids {
            pieces.feed(self.fresh.len());
        }
        self.stops.push(&self.fresh, &mut self.ready)
    }

    fn take(&mut self, all: bool, texts: &mut Texts) {
        let before = texts.len();
        match &mut self.ids {
            Ids::Together(pending) => texts.extend(together(pending, &mut self.ready, all)),
            Ids::ById(ids) => {
                let held = !all && self.detokenizer.held_back() + self.stops.held_back() > 0;
                ids.give(&mut self.ready, held, texts);
            }
            Ids::InPieces(pieces) => pieces.give(&mut self.ready, all, texts),
        }
        if let Some(answer) = &mut self.answer {
            texts[before..].iter().for_each(|text| answer.push(&text.text));
        }
    }
}

/// All that is ready, with all ids that wait.
fn together(pending: &mut SmallVec<[u32; 4]>, ready: &mut String, all: bool) -> Option<Text> {
    let due = !ready.is_empty() || pending.len() >= MAX_PENDING || (all && !pending.is_empty());
    if !due {
        return None;
    }
    let text = if ready.len() <= MAX_COPIED {
        let text = CompactString::from(ready.as_str());
        ready.clear();
        text
    } else {
        CompactString::from(std::mem::take(ready))
    };
    Some(Text::plain(text, std::mem::take(pending)))
}
