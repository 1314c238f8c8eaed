//! A generation's tokens on their way to its stream: whole code points, cut at stop strings, ids complete.

use super::channels::Channels;
use super::id_by_id::{IdById, Texts};
use super::pieces::Pieces;
use super::prefix::Prefix;
use super::said::Answer;
use super::talk::Talk;
use crate::error::Result;
use crate::sample::Sampled;
use crate::stream::{Channel, Text};
use crate::text::format::{Call, Listener, Part};
use crate::text::{Cut, Detokenizer, Segments, StopMatcher, StopScan, Unfinished, Vocab};
use compact_str::CompactString;
use serde_json::json;
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
    /// The same, where its model may think or call.
    talk: Option<Box<Talk>>,
    channels: Channels,
    /// What was told beside texts, and was not taken yet.
    events: Vec<Beside>,
    echo_special: bool,
}

/// What comes beside texts, behind those that are out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Beside {
    /// A call, as JSON.
    Call(String),
    /// A note of the library's, as JSON.
    Note(String),
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
            talk: None,
            channels: Channels::default(),
            events: Vec::new(),
            echo_special,
        })
    }

    /// From here on thinking and calls are told apart.
    pub(crate) fn follow(&mut self, talk: Box<Talk>) {
        if let Some(answer) = &mut self.answer {
            answer.retells(talk.retold);
        }
        self.talk = Some(talk);
    }

    /// The token that has to come next, whatever the model says. `now`: thinking is to end.
    pub(crate) fn must_say(&mut self, now: bool) -> Option<u32> {
        let is_whole = self.detokenizer.held_back() == 0;
        self.talk.as_mut()?.must_say(now, is_whole)
    }

    /// Where what binds the answer waits for the end of a thought: whether one may begin here, and if so,
    /// what the answer begins with if none does; `Some(None)`: one has to, because a part of its marker has
    /// come, or a part of a character of its own.
    pub(crate) fn may_open_thought(&self) -> Option<Option<&str>> {
        self.talk.as_ref()?.may_open_thought(self.detokenizer.held_back() == 0)
    }

    /// Whether the model would be thinking, or begin to, with this token.
    pub(crate) fn would_think(&self, id: u32, vocab: &dyn Vocab) -> bool {
        self.talk.as_ref().is_some_and(|talk| talk.would_think(id, vocab))
    }

    /// The grammar binds what comes now.
    pub(crate) fn is_bound(&mut self) {
        self.talk.iter_mut().for_each(|talk| talk.is_bound());
    }

    /// Once, where a grammar has waited for the end of a thought and it is here: what of the answer has come
    /// with it.
    pub(crate) fn take_bound_prefix(&mut self) -> Option<String> {
        self.talk.as_mut()?.take_bound_prefix()
    }

    /// Whether no call of a tool may begin.
    pub(crate) fn forbids_calls(&self) -> bool {
        self.talk.as_ref().is_some_and(|talk| talk.forbids_calls())
    }

    /// Whether a call of a tool would begin with this token.
    pub(crate) fn would_call(&self, id: u32, vocab: &dyn Vocab) -> bool {
        self.talk.as_ref().is_some_and(|talk| talk.would_call(id, vocab))
    }

    /// What was told beside texts since the last time.
    pub(crate) fn take_events(&mut self) -> std::vec::Drain<'_, Beside> {
        self.events.drain(..)
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
        let scan = match self.talk.take() {
            None => self.hear(vocab, id),
            Some(mut talk) => {
                let scan = self.tell_apart(&mut talk, vocab, id);
                self.talk = Some(talk);
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
    /// bytes wait for them; `is_cut`: the model has not come to an end.
    pub(crate) fn finish(&mut self, goes_on: bool, is_cut: bool, texts: &mut Texts) {
        let mut fresh = std::mem::take(&mut self.fresh);
        fresh.clear();
        if !goes_on {
            self.detokenizer.finish(&mut fresh);
        }
        match self.talk.take() {
            None => drop(self.feed(Channel::Answer, &fresh)),
            Some(mut talk) => {
                let mut ear = Ear::new(self, false);
                talk.parser.push_text(&fresh, &mut ear);
                match goes_on {
                    true => talk.parser.release(&mut ear),
                    false if is_cut => talk.parser.cut(&mut ear),
                    false => talk.parser.finish(&mut ear),
                }
                let calls = ear.calls;
                self.keep_calls(&mut talk, calls);
                if let Some(answer) = self.answer.as_mut() {
                    answer.rest(talk.parser.unfinished(), talk.parser.is_thinking());
                }
                self.talk = Some(talk);
            }
        }
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
        self.channels.feed(Channel::Answer, self.ready.len());
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

    /// Takes an id of plain text.
    fn hear(&mut self, vocab: &dyn Vocab, id: u32) -> StopScan {
        let control = vocab.piece(id).filter(|piece| piece.special);
        let hidden = control.filter(|_| !self.echo_special);
        match hidden.map(|piece| std::str::from_utf8(piece.bytes)) {
            // A stop string may name it, though it is not shown.
            Some(text) => {
                self.answer.iter_mut().for_each(|answer| answer.control(id, 0, false));
                self.stops.push_hidden(text.unwrap_or_default(), &mut self.ready)
            }
            None => {
                let mut fresh = std::mem::take(&mut self.fresh);
                fresh.clear();
                self.detokenizer.push(vocab, id, &mut fresh);
                let scan = self.feed(Channel::Answer, &fresh);
                self.fresh = fresh;
                if let (Some(piece), Some(answer)) = (control, &mut self.answer) {
                    answer.control(id, piece.bytes.len(), true);
                }
                scan
            }
        }
    }

    /// Takes an id of a turn in which the model may think or call.
    fn tell_apart(&mut self, talk: &mut Talk, vocab: &dyn Vocab, id: u32) -> StopScan {
        let piece = vocab.piece(id);
        let is_special = piece.is_some_and(|piece| piece.special);
        let thought = talk.parser.is_thinking();
        let mut fresh = std::mem::take(&mut self.fresh);
        fresh.clear();
        let mut token = None;
        if is_special && !self.echo_special {
            token = piece.and_then(|piece| std::str::from_utf8(piece.bytes).ok());
        } else {
            self.detokenizer.push(vocab, id, &mut fresh);
            // In front of it may be what a character that never came to its end becomes.
            let own = piece.and_then(|piece| std::str::from_utf8(piece.bytes).ok());
            let own = own.filter(|own| fresh.ends_with(own));
            if let Some(own) = own.filter(|_| is_special || talk.parser.is_part(id)) {
                fresh.truncate(fresh.len() - own.len());
                token = Some(own);
            }
        }
        let mut ear = Ear::new(self, talk.waits());
        talk.parser.push_text(&fresh, &mut ear);
        if let Some(token) = token {
            talk.parser.push_token(id, token, is_special, &mut ear);
        }
        let (scan, calls, heard) = (ear.scan, ear.calls, ear.heard);
        self.fresh = fresh;
        let has_space = vocab.bytes(id).last().is_some_and(u8::is_ascii_whitespace);
        talk.count(thought, has_space, &heard);
        self.keep_calls(talk, calls);
        scan
    }

    fn keep_calls(&mut self, talk: &mut Talk, calls: SmallVec<[Call; 1]>) {
        for call in calls {
            let told = talk.named(call);
            self.events.push(Beside::Call(told.event()));
            if let Some(answer) = &mut self.answer {
                answer.call(told.into_message());
            }
        }
    }

    /// Text of `channel` is on its way.
    fn feed(&mut self, channel: Channel, text: &str) -> StopScan {
        self.channels.feed(channel, text.len());
        if let Some(answer) = self.answer.as_mut().filter(|_| channel == Channel::Answer) {
            answer.feed(text);
        }
        if let Ids::InPieces(pieces) = &mut self.ids {
            pieces.feed(text.len());
        }
        self.stops.push(text, &mut self.ready)
    }

    fn take(&mut self, all: bool, texts: &mut Texts) {
        loop {
            let ahead = match self.ids {
                // Each id has one text, on the channel where that ends.
                Ids::ById(_) => self.ready.len(),
                _ => self.channels.ahead(self.ready.len()),
            };
            if ahead == self.ready.len() {
                break;
            }
            // A change of channel gives all that comes before it.
            let behind = self.ready.split_off(ahead);
            self.take_channel(true, texts);
            self.ready = behind;
        }
        self.take_channel(all, texts);
    }

    /// Takes what is ready, all of one channel.
    fn take_channel(&mut self, all: bool, texts: &mut Texts) {
        let before = texts.len();
        match &mut self.ids {
            Ids::Together(pending) => texts.extend(together(pending, &mut self.ready, all)),
            Ids::ById(ids) => {
                let parsing = self.talk.as_ref().map_or(0, |talk| talk.parser.held_back());
                let held = !all && self.detokenizer.held_back() + self.stops.held_back() + parsing > 0;
                ids.give(&mut self.ready, held, texts);
            }
            Ids::InPieces(pieces) => pieces.give(&mut self.ready, all, texts),
        }
        for text in &mut texts[before..] {
            let length = text.text.len();
            let last = length.saturating_sub(1);
            let head = self.channels.ahead(last);
            if head < length {
                self.channels.give(head);
                text.channel = self.channels.now();
                self.channels.give(length - head);
            } else {
                text.channel = self.channels.now();
                self.channels.give(length);
            }
            if let Some(answer) = self.answer.as_mut().filter(|_| text.channel == Channel::Answer) {
                answer.push(&text.text);
            }
        }
    }
}

/// Hears a turn being told apart.
struct Ear<'a> {
    output: &'a mut Output,
    scan: StopScan,
    calls: SmallVec<[Call; 1]>,
    /// Whether a grammar waits for the answer.
    waits: bool,
    /// What of the answer has come, where one does.
    heard: String,
}

impl<'a> Ear<'a> {
    fn new(output: &'a mut Output, waits: bool) -> Self {
        Self { output, scan: StopScan::Open, calls: SmallVec::new(), waits, heard: String::new() }
    }

    /// A stop string was met: nothing behind it counts.
    fn is_over(&self) -> bool {
        self.scan != StopScan::Open
    }
}

impl Listener for Ear<'_> {
    fn text(&mut self, part: Part, text: &str) {
        if self.is_over() {
            return;
        }
        if self.waits && part == Part::Answer {
            self.heard.push_str(text);
        }
        let channel = match part {
            Part::Answer => Channel::Answer,
            Part::Reasoning => Channel::Reasoning,
            Part::Call => Channel::Tool,
        };
        if let Some(answer) = self.output.answer.as_mut().filter(|_| part == Part::Reasoning) {
            answer.think(text);
        }
        self.scan = self.output.feed(channel, text);
    }

    fn hidden(&mut self, part: Part, text: &str, token: Option<u32>) {
        if self.is_over() {
            return;
        }
        let is_echoed = self.output.echo_special;
        if let Some((id, answer)) = token.filter(|_| part == Part::Answer).zip(self.output.answer.as_mut()) {
            // What is shown comes next.
            answer.control(id, 0, is_echoed);
        }
        if is_echoed {
            self.text(part, text);
        } else {
            self.scan = self.output.stops.push_hidden(text, &mut self.output.ready);
        }
    }

    fn call(&mut self, call: Call) {
        if !self.is_over() {
            self.calls.push(call);
        }
    }

    fn malformed(&mut self, raw: &str, why: &str) {
        if self.is_over() {
            return;
        }
        let note = json!({"event": "malformed_call", "why": why});
        self.output.events.push(Beside::Note(note.to_string()));
        if let Some(answer) = &mut self.output.answer {
            answer.say(raw);
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
