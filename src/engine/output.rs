//! A generation's tokens on their way to its stream: whole code points, cut at stop strings, ids complete.

use crate::error::Result;
use crate::stream::{Channel, Text};
use crate::text::{Detokenizer, StopMatcher, StopScan, Vocab};
use compact_str::CompactString;
use smallvec::SmallVec;

/// Ids that may wait for their text before they are sent without it: a stream of control tokens stays bounded.
const MAX_PENDING: usize = 256;

/// Turns ids into text events.
pub(super) struct Output {
    detokenizer: Detokenizer,
    stops: StopMatcher,
    /// Ids whose text is not out yet, or that have none.
    pending: SmallVec<[u32; 4]>,
    fresh: String,
    ready: String,
    /// The whole answer, where the session is a conversation.
    answer: Option<String>,
}

impl Output {
    /// # Errors
    /// `OutOfMemory`.
    pub(super) fn new(echo_special: bool, stops: &[String], keeps_answer: bool) -> Result<Self> {
        Ok(Self {
            detokenizer: Detokenizer::new(echo_special),
            stops: StopMatcher::new(stops)?,
            pending: SmallVec::new(),
            fresh: String::new(),
            ready: String::new(),
            answer: keeps_answer.then(String::new),
        })
    }

    /// Takes the next id: the text that is out with it, and the stop string that is complete with it.
    pub(super) fn push(&mut self, vocab: &dyn Vocab, id: u32) -> (Option<Text>, Option<usize>) {
        self.pending.push(id);
        self.fresh.clear();
        self.detokenizer.push(vocab, id, &mut self.fresh);
        match self.stops.push(&self.fresh, &mut self.ready) {
            StopScan::Open => (self.take(false), None),
            StopScan::Matched(stop) => (self.take(true), Some(stop)),
        }
    }

    /// Releases what is held back: the end of the text.
    pub(super) fn finish(&mut self) -> Option<Text> {
        self.fresh.clear();
        self.detokenizer.finish(&mut self.fresh);
        self.stops.push(&self.fresh, &mut self.ready);
        self.stops.finish(&mut self.ready);
        self.take(true)
    }

    /// The answer so far.
    pub(super) fn take_answer(&mut self) -> Option<String> {
        self.answer.take()
    }

    fn take(&mut self, all: bool) -> Option<Text> {
        let due =
            !self.ready.is_empty() || self.pending.len() >= MAX_PENDING || (all && !self.pending.is_empty());
        if !due {
            return None;
        }
        if let Some(answer) = &mut self.answer {
            answer.push_str(&self.ready);
        }
        let text = CompactString::from(self.ready.as_str());
        self.ready.clear();
        let tokens = std::mem::take(&mut self.pending);
        Some(Text { text, tokens, logprob: f32::NAN, channel: Channel::Answer })
    }
}
