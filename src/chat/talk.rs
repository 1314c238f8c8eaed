//! One answer in a conversation as it is told apart: where its model is in its turn, how long it may think,
//! and the calls it makes. Knows no stream and no stop strings.

use crate::error::{Error, ErrorKind, Result};
use crate::pause::Pauses;
use crate::text::format::{Call, Listener, Opening, Parser, Part, Speech};
use crate::text::{Detokenizer, Message, Vocab, decode};
use serde_json::{Map, Value};
use std::ops::Range;
use std::sync::Arc;

/// The last tokens of a prompt in which a thought may be opened.
const LAST: usize = 24;

/// What begins the ids that are made for calls, and how many digits follow: Mistral's templates take nine
/// letters and digits.
const MADE: &str = "call";
const DIGITS: usize = 5;

/// An answer under way.
#[derive(Debug)]
pub(crate) struct Talk {
    pub(super) parser: Parser,
    thinking: Thinking,
    /// Number of the next id that is made.
    next_call: u32,
    /// No call may begin.
    no_calls: bool,
    /// The answer is a call.
    has_to_call: bool,
    /// What binds the answer waits for the end of the thinking: what of the answer has come so far.
    awaited: Option<String>,
    /// Bytes of the message so far that are told anew: a call that an earlier generation has begun.
    pub(super) retold: usize,
}

/// How long the model may think.
#[derive(Debug)]
struct Thinking {
    /// Tokens; `None`: as long as it likes.
    left: Option<u32>,
    /// What ends a thought, and behind it once more what of that comes behind the marker.
    close: Vec<u32>,
    /// How many of them end it.
    closes: usize,
    /// Which of them are still to be said; `None`: it is not being ended.
    to_say: Option<Range<usize>>,
}

/// What an answer is to begin with, as its conversation knows it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turning {
    /// Tools in force.
    pub(super) tools: Option<Arc<Value>>,
    /// Where among the tokens the answer begins that goes on; `None`: it begins behind all of them.
    pub(super) begin: Option<usize>,
    /// Number of the next id that is made.
    pub(super) next_call: u32,
    /// Tokens of thinking; `None`: as many as it likes.
    pub(super) budget: Option<u32>,
    /// No call may begin, though there are tools.
    pub(super) no_calls: bool,
}

impl Turning {
    /// The same, with nothing to call.
    pub(crate) fn without_calls(self) -> Self {
        Self { tools: None, ..self }
    }

    /// Whether there is something to call.
    pub(super) fn has_tools(&self) -> bool {
        self.tools.is_some()
    }
}

impl Talk {
    /// Of an answer behind `tokens`, the last `prefix` of which begin it.
    ///
    /// # Errors
    /// As [`Vocab::encode`]; `OutOfMemory`.
    pub(crate) async fn new(
        speech: &Arc<Speech>,
        turning: &Turning,
        tokens: &[u32],
        prefix: usize,
        vocab: &dyn Vocab,
        pauses: &mut Pauses<'_>,
    ) -> Result<Self> {
        let begin = turning.begin.filter(|begin| *begin <= tokens.len()).unwrap_or(tokens.len() - prefix);
        let opening = match turning.begin.is_none() && prefix > 0 {
            true => Opening::Answer,
            false => opening(speech, &tokens[..begin], vocab)?,
        };
        let mut parser = Parser::new(speech.clone(), turning.tools.clone(), opening);
        if turning.begin.is_some() {
            replay(&mut parser, &tokens[begin..], vocab, &mut Deaf::default(), |_, _| true)?;
            parser.release(&mut Deaf::default());
        }
        let close = match &speech.format().reasoning {
            Some(reasoning) => said_behind(&reasoning.close, vocab, pauses).await?,
            None => Vec::new(),
        };
        let retold = parser.unfinished().len();
        let thinking = Thinking { left: turning.budget, closes: close.len(), close, to_say: None };
        let Turning { next_call, no_calls, .. } = *turning;
        Ok(Self { parser, thinking, next_call, no_calls, has_to_call: false, awaited: None, retold })
    }

    /// The token that has to come next, whatever the model says: what ends a thought for which there is no
    /// token left, or that is to end (`now`). `is_whole`: no character is unfinished.
    pub(crate) fn must_say(&mut self, now: bool, is_whole: bool) -> Option<u32> {
        let thinking = &mut self.thinking;
        if thinking.to_say.is_none() {
            let is_over = now || thinking.left == Some(0);
            if !(is_over && is_whole && self.parser.is_thinking()) {
                return None;
            }
            thinking.to_say = Some(0..thinking.closes);
        }
        let next = thinking.to_say.clone().and_then(|mut rest| thinking.close.get(rest.next()?)).copied();
        if next.is_none() {
            thinking.to_say = None;
        }
        next
    }

    /// What binds the answer waits for the end of the thinking, if there may be some; whether it does.
    ///
    /// # Errors
    /// As [`Vocab::encode`]; what stops `pauses`.
    pub(super) async fn binds_behind_thought(
        &mut self,
        vocab: &dyn Vocab,
        pauses: &mut Pauses<'_>,
    ) -> Result<bool> {
        let Some(reasoning) = &self.parser.speech().format().reasoning else { return Ok(false) };
        if !self.parser.may_think() {
            return Ok(false);
        }
        // A model that ends its thought by itself is given what its template writes behind the marker.
        let behind = reasoning.close.split_once(reasoning.end.as_str()).map_or("", |(_, behind)| behind);
        let tail = said_behind(behind, vocab, pauses).await?;
        self.thinking.close.extend(tail);
        self.awaited = Some(String::new());
        Ok(true)
    }

    /// Whether a grammar waits for the end of the thinking.
    pub(super) fn waits(&self) -> bool {
        self.awaited.is_some()
    }

    /// Where what binds the answer waits: whether a thought may begin here, and if so, what the answer begins
    /// with if none does; `Some(None)`: one has to, because a part of its marker has come. `is_whole`: no
    /// character is unfinished; where one is, a thought does not end.
    pub(super) fn may_open_thought(&self, is_whole: bool) -> Option<Option<&str>> {
        let parser = &self.parser;
        match () {
            () if !self.waits() => None,
            () if parser.is_thinking() => (!is_whole).then_some(None),
            () if !parser.is_at_beginning() => None,
            // The markers of both may begin with the same letters.
            () if parser.held_back() == 0 || self.has_to_call && parser.is_opening_call() => {
                Some(Some(parser.held_text()))
            }
            () => Some(None),
        }
    }

    /// Whether the model would be thinking, or begin to, with this token.
    pub(super) fn would_think(&self, id: u32, vocab: &dyn Vocab) -> bool {
        let mut ahead = self.parser.clone();
        // Where there is no memory for its text nothing begins.
        let fed = replay(&mut ahead, &[id], vocab, &mut Deaf::default(), |_, _| true);
        // A part of a character adds nothing to a marker, and may become anything.
        let opens = ahead.is_opening_thought() && ahead.held_back() > self.parser.held_back();
        fed.is_ok() && (ahead.is_thinking() || opens)
    }

    /// What binds the answer binds what comes now.
    pub(super) fn is_bound(&mut self) {
        self.awaited = None;
        if !self.has_to_call {
            self.parser.begin_answer();
        }
    }

    /// The answer is a call, and one that is never malformed.
    ///
    /// # Errors
    /// `InvalidArgument`: it goes on behind something that no call can follow.
    pub(super) fn calls(&mut self) -> Result<()> {
        if !self.parser.bind_call() {
            let why =
                "tool_choice wants a call, and the answer that goes on has begun otherwise: leave it out";
            return Err(Error::new(ErrorKind::InvalidArgument, why));
        }
        self.has_to_call = true;
        Ok(())
    }

    /// Once, where a grammar has waited and the thinking is over: what of the answer has come.
    pub(super) fn take_bound_prefix(&mut self) -> Option<String> {
        let is_saying = self.thinking.to_say.as_ref().is_some_and(|rest| !rest.is_empty());
        if !self.waits() || is_saying || self.parser.may_think() {
            return None;
        }
        let mut prefix = self.awaited.take()?;
        prefix.push_str(self.parser.held_text());
        self.is_bound();
        Some(prefix)
    }

    /// Whether no call may begin.
    pub(crate) fn forbids_calls(&self) -> bool {
        self.no_calls && !self.parser.is_calling()
    }

    /// Whether a call would begin with this token.
    pub(crate) fn would_call(&self, id: u32, vocab: &dyn Vocab) -> bool {
        let (mut ahead, mut heard) = (self.parser.clone(), Deaf::default());
        // Where there is no memory for its text nothing begins.
        let fed = replay(&mut ahead, &[id], vocab, &mut heard, |_, _| true);
        fed.is_ok() && (ahead.is_calling() || heard.calls > 0)
    }

    /// A token was said. `thought`: the model was thinking before it; `has_space`: it ends in white space;
    /// `heard`: what of the answer came with it, where a grammar waits.
    pub(super) fn count(&mut self, thought: bool, has_space: bool, heard: &str) {
        let has_ended = thought && !self.parser.is_thinking();
        if let Some(awaited) = &mut self.awaited {
            awaited.push_str(heard);
            let is_bare = !has_space && awaited.is_empty() && self.parser.held_back() == 0;
            if has_ended && is_bare && self.thinking.to_say.is_none() {
                self.thinking.to_say = Some(self.thinking.closes..self.thinking.close.len());
                return;
            }
        }
        match &mut self.thinking.to_say {
            Some(rest) => rest.start += 1,
            None if thought && !has_ended => {
                self.thinking.left = self.thinking.left.map(|left| left.saturating_sub(1));
            }
            None => {}
        }
    }

    /// A call with an id, made if it has none.
    pub(super) fn named(&mut self, call: Call) -> Told {
        let id = call.id.unwrap_or_else(|| {
            let number = self.next_call;
            self.next_call = number.saturating_add(1);
            format!("{MADE}{number:0DIGITS$}")
        });
        Told { id, name: call.name, arguments: call.arguments }
    }
}

/// A call as it is told, and kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    id: String,
    name: String,
    arguments: Map<String, Value>,
}

impl Told {
    /// The event's text.
    pub(super) fn event(&self) -> String {
        let mut event = Map::new();
        event.insert("id".into(), Value::from(self.id.as_str()));
        event.insert("name".into(), Value::from(self.name.as_str()));
        event.insert("arguments".into(), Value::from(self.arguments.clone()));
        crate::text::json::written(&Value::from(event))
    }

    /// As messages have it.
    pub(super) fn into_message(self) -> Value {
        let mut function = Map::new();
        function.insert("name".into(), Value::from(self.name));
        function.insert("arguments".into(), Value::from(self.arguments));
        let mut call = Map::new();
        call.insert("id".into(), Value::from(self.id));
        call.insert("type".into(), Value::from("function"));
        call.insert("function".into(), Value::from(function));
        Value::from(call)
    }
}

/// The number of the next id that is made in a conversation of these messages.
pub(super) fn next_call<'a>(messages: impl Iterator<Item = &'a Message>) -> u32 {
    let calls =
        messages.filter_map(|message| message.extra.as_ref()?.get("tool_calls")?.as_array()).flatten();
    let number = |call: &Value| call.get("id")?.as_str()?.strip_prefix(MADE)?.parse::<u32>().ok();
    calls.filter_map(number).max().map_or(1, |last| last.saturating_add(1))
}

/// The tokens of `text` where it stands behind other text: nothing is put in front of it. Control tokens in
/// it count.
async fn said_behind(text: &str, vocab: &dyn Vocab, pauses: &mut Pauses<'_>) -> Result<Vec<u32>> {
    let mut tokens = Vec::new();
    vocab.append_in_pieces("a", false, &mut tokens, pauses).await?;
    let before = tokens.len();
    vocab.append_in_pieces(text, true, &mut tokens, pauses).await?;
    tokens.drain(..before);
    Ok(tokens)
}

/// Where an answer behind `tokens` begins.
///
/// # Errors
/// `OutOfMemory`.
pub(super) fn opening(speech: &Speech, tokens: &[u32], vocab: &dyn Vocab) -> Result<Opening> {
    let text = decode(vocab, &tokens[tokens.len().saturating_sub(LAST)..], true)?;
    let text = text.trim_end();
    let format = speech.format();
    let opens = format.reasoning.as_ref().is_some_and(|reasoning| text.ends_with(&reasoning.begin));
    Ok(match () {
        () if format.harmony && text.ends_with("<|message|>") => Opening::Answer,
        () if opens && !format.harmony => Opening::Thinking,
        () => Opening::Turn,
    })
}

/// Feeds `tokens` to the parser, and after each says which it was; until told to stop.
///
/// # Errors
/// `OutOfMemory`.
pub(super) fn replay<L: Listener>(
    parser: &mut Parser,
    tokens: &[u32],
    vocab: &dyn Vocab,
    listener: &mut L,
    mut goes_on: impl FnMut(usize, &L) -> bool,
) -> Result<()> {
    let (mut detokenizer, mut text) = (Detokenizer::new(true), String::new());
    for (index, &id) in tokens.iter().enumerate() {
        text.clear();
        let bytes = vocab.bytes(id).len();
        text.try_reserve((bytes + 3) * char::REPLACEMENT_CHARACTER.len_utf8())?;
        detokenizer.push(vocab, id, &mut text);
        let is_special = vocab.piece(id).is_some_and(|piece| piece.special);
        let own = text.len().saturating_sub(bytes);
        if (is_special || parser.is_part(id)) && text.is_char_boundary(own) {
            parser.push_text(&text[..own], listener);
            parser.push_token(id, &text[own..], is_special, listener);
        } else {
            parser.push_text(&text, listener);
        }
        if !goes_on(index, listener) {
            break;
        }
    }
    Ok(())
}

/// A listener that keeps only how much of an answer there was, and how many calls.
#[derive(Debug, Default)]
pub(super) struct Deaf {
    answer: usize,
    calls: usize,
}

impl Listener for Deaf {
    fn text(&mut self, part: Part, text: &str) {
        if part == Part::Answer {
            self.answer += text.len();
        }
    }
    fn hidden(&mut self, _: Part, _: &str, _: Option<u32>) {}
    fn call(&mut self, _: Call) {
        self.calls += 1;
    }
    fn malformed(&mut self, _: &str, _: &str) {}
}

/// Which of `tokens`, an answer with `tools` behind a prompt, is the first with text of the answer itself:
/// not of thinking, nor of calls. All of them: none is.
///
/// # Errors
/// `OutOfMemory`.
pub(super) fn first_of_answer(
    speech: &Arc<Speech>,
    tools: Option<Arc<Value>>,
    (prompt, tokens): (&[u32], &[u32]),
    vocab: &dyn Vocab,
) -> Result<usize> {
    let mut parser = Parser::new(speech.clone(), tools, opening(speech, prompt, vocab)?);
    let mut first = tokens.len();
    replay(&mut parser, tokens, vocab, &mut Deaf::default(), |index, heard: &Deaf| {
        if heard.answer > 0 {
            first = index;
        }
        heard.answer == 0
    })?;
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ids_go_on_behind_those_of_the_conversation() {
        let with = |id: &str| Message {
            role: "assistant".into(),
            content: String::new(),
            extra: json!({"tool_calls": [{"id": id}]}).as_object().cloned(),
        };
        assert_eq!(next_call([].iter()), 1);
        assert_eq!(next_call([with("call00007"), with("abc"), with("call00002")].iter()), 8);
        let told = Told { id: "call00008".into(), name: "f".into(), arguments: Map::new() };
        assert_eq!(told.event(), r#"{"id":"call00008","name":"f","arguments":{}}"#);
        let message =
            json!({"id": "call00008", "type": "function", "function": {"name": "f", "arguments": {}}});
        assert_eq!(told.into_message(), message);
    }
}
