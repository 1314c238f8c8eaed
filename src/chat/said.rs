//! What the model itself said in a session: control tokens between its text, and the character that it ended
//! inside of. Knows no decoder and no template.

use crate::error::Result;
use crate::text::{ControlSpan, Message, Rendered, Spoken, Unfinished, Vocab};
use serde_json::{Map, Value};
use std::ops::Range;

/// Where a message has what its model thought, and its calls.
const REASONING: &str = "reasoning_content";
pub(super) const CALLS: &str = "tool_calls";

/// A control token that the model said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Control {
    /// Where in the text of its message.
    pub(super) at: usize,
    pub(super) id: u32,
    /// The text has the token's own there.
    pub(super) shown: bool,
}

/// An answer in a conversation, as far as it is out.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    text: String,
    reasoning: String,
    calls: Vec<Value>,
    controls: Vec<Control>,
    /// Bytes of text on the way so far, those held back included.
    fed: usize,
    /// Bytes of the message so far that it has anew.
    retold: usize,
    /// The model is still thinking.
    thinks: bool,
}

impl Answer {
    /// The model said a control token, before the last `behind` bytes of text; `shown`: they are its own.
    pub(crate) fn control(&mut self, id: u32, behind: usize, shown: bool) {
        self.controls.push(Control { at: self.fed.saturating_sub(behind), id, shown });
    }

    /// So many bytes of text will come.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(crate) fn reserve(&mut self, bytes: usize) -> Result<()> {
        Ok(self.text.try_reserve(bytes)?)
    }

    /// Text is on its way.
    pub(crate) fn feed(&mut self, text: &str) {
        self.fed += text.len();
    }

    /// Text is out.
    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// The model thought so.
    pub(crate) fn think(&mut self, text: &str) {
        self.reasoning.push_str(text);
    }

    /// The model called a tool.
    pub(crate) fn call(&mut self, call: Value) {
        self.calls.push(call);
    }

    /// What was to be a call is text of the message.
    pub(crate) fn say(&mut self, text: &str) {
        self.feed(text);
        self.push(text);
    }

    /// It goes on with a message whose last bytes it has anew.
    pub(crate) fn retells(&mut self, bytes: usize) {
        self.retold = bytes;
    }

    /// It rests inside of a call, of which this is there, or inside of a thought.
    pub(crate) fn rest(&mut self, call: &str, thinks: bool) {
        self.say(call);
        self.thinks = thinks;
    }

    /// A stop string ends it, which has so many of the control tokens.
    pub(crate) fn cut(&mut self, hidden: usize) {
        self.controls.truncate(self.controls.len().saturating_sub(hidden));
    }

    /// Adds what was thought and called to a message's fields.
    fn add_fields(&mut self, extra: &mut Option<Map<String, Value>>) {
        let had_thought = extra.as_ref().is_some_and(|extra| extra.contains_key(REASONING));
        // The template has white space of its own around it.
        let thought = if had_thought { &*self.reasoning } else { self.reasoning.trim_start() };
        let thought = if self.thinks { thought } else { thought.trim_end() };
        if !thought.is_empty() {
            let fields = extra.get_or_insert_default();
            match fields.get_mut(REASONING) {
                Some(Value::String(before)) => before.push_str(thought),
                _ => drop(fields.insert(REASONING.into(), Value::from(thought))),
            }
        }
        if !self.calls.is_empty() {
            let calls = std::mem::take(&mut self.calls);
            let fields = extra.get_or_insert_default();
            match fields.get_mut(CALLS) {
                Some(Value::Array(before)) => before.extend(calls),
                _ => drop(fields.insert(CALLS.into(), Value::from(calls))),
            }
        }
    }
}

/// How much there is of what was thought, in bytes, and how many calls.
fn fields(message: &Message) -> (usize, usize) {
    let field = |name: &str| message.extra.as_ref()?.get(name);
    let thought = field(REASONING).and_then(Value::as_str).map_or(0, str::len);
    (thought, field(CALLS).and_then(Value::as_array).map_or(0, Vec::len))
}

/// Forgets what was thought behind so many bytes, and the calls behind so many.
fn cut_fields(message: &mut Message, (thought, calls): (usize, usize)) {
    let Some(extra) = &mut message.extra else { return };
    if let Some(Value::String(text)) = extra.get_mut(REASONING) {
        text.truncate(text.floor_char_boundary(thought));
    }
    if let Some(Value::Array(all)) = extra.get_mut(CALLS) {
        all.truncate(calls);
    }
    if thought == 0 {
        extra.shift_remove(REASONING);
    }
    if calls == 0 {
        extra.shift_remove(CALLS);
    }
    if extra.is_empty() {
        message.extra = None;
    }
}

/// Which messages of a conversation the model said, and how.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// By ascending message.
    spoken: Vec<Answered>,
    /// What the last generation ended inside of.
    unfinished: Unfinished,
}

#[derive(Debug)]
struct Answered {
    message: usize,
    controls: Vec<Control>,
}

/// What was said in messages that were removed.
#[derive(Debug)]
pub(crate) struct RemovedSaid(Vec<Answered>);

/// How to bring it back to where it was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SaidMark {
    messages: usize,
    unfinished: Unfinished,
}

/// How what was said was when the last of so many messages came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SaidPlace {
    pub(super) messages: usize,
    /// Bytes of the last one.
    pub(super) content: usize,
    /// Control tokens in it.
    pub(super) controls: usize,
    /// Bytes of what its model thought.
    pub(super) thought: usize,
    /// Calls in it.
    pub(super) calls: usize,
    pub(super) unfinished: Unfinished,
}

impl SaidPlace {
    pub(crate) fn messages(&self) -> usize {
        self.messages
    }

    /// Bytes of the last one.
    pub(crate) fn content(&self) -> usize {
        self.content
    }
}

impl Said {
    /// How it is now.
    pub(crate) fn place(&self, messages: &[Message]) -> SaidPlace {
        let open = self.spoken.last().filter(|_| self.is_open(messages.len()));
        let (thought, calls) = open.and(messages.last()).map_or((0, 0), fields);
        SaidPlace {
            messages: messages.len(),
            content: messages.last().map_or(0, |last| last.content.len()),
            controls: open.map_or(0, |last| last.controls.len()),
            thought,
            calls,
            unfinished: self.unfinished,
        }
    }

    /// Back to a place, with the messages.
    pub(crate) fn go_back(&mut self, place: SaidPlace, messages: &mut Vec<Message>) {
        self.forget_behind(place.messages);
        messages.truncate(place.messages);
        if let Some(last) = messages.last_mut() {
            last.content.truncate(place.content);
        }
        if self.is_open(place.messages)
            && let Some(last) = self.spoken.last_mut()
        {
            last.controls.truncate(place.controls);
            messages
                .iter_mut()
                .next_back()
                .into_iter()
                .for_each(|last| cut_fields(last, (place.thought, place.calls)));
        }
        self.unfinished = place.unfinished;
    }

    /// Forgets what came behind the first `bytes` bytes of the last message, which is the model's.
    pub(crate) fn cut_last(&mut self, bytes: usize) {
        if let Some(last) = self.spoken.last_mut() {
            last.controls.retain(|control| control.at < bytes);
        }
        self.unfinished = Unfinished::default();
    }

    /// Forgets what is not in the first `messages` messages, which ended whole.
    pub(crate) fn forget_behind(&mut self, messages: usize) {
        self.spoken.retain(|spoken| spoken.message < messages);
        self.unfinished = Unfinished::default();
    }

    /// The same.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(crate) fn twin(&self) -> Result<Self> {
        let mut spoken = Vec::new();
        spoken.try_reserve_exact(self.spoken.len())?;
        for Answered { message, controls } in &self.spoken {
            let mut twin = Vec::new();
            twin.try_reserve_exact(controls.len())?;
            twin.extend_from_slice(controls);
            spoken.push(Answered { message: *message, controls: twin });
        }
        Ok(Self { spoken, unfinished: self.unfinished })
    }

    /// Of a save: the messages that the model said, ascending, each with its control tokens.
    pub(super) fn restored(spoken: Vec<(usize, Vec<Control>)>, unfinished: Unfinished) -> Self {
        let spoken = spoken.into_iter().map(|(message, controls)| Answered { message, controls }).collect();
        Self { spoken, unfinished }
    }

    /// The messages that the model said, each with its control tokens.
    pub(super) fn all(&self) -> impl Iterator<Item = (usize, &[Control])> {
        self.spoken.iter().map(|spoken| (spoken.message, spoken.controls.as_slice()))
    }

    /// Whether the last of so many messages is the model's, so that it may go on.
    pub(crate) fn is_open(&self, messages: usize) -> bool {
        self.spoken.last().is_some_and(|last| last.message + 1 == messages)
    }

    /// What the next ids go on with, if nothing comes between.
    pub(crate) fn unfinished(&self) -> Unfinished {
        self.unfinished
    }

    /// A generation has ended so.
    pub(crate) fn set_unfinished(&mut self, unfinished: Unfinished) {
        self.unfinished = unfinished;
    }

    /// Input comes, which leaves a character unfinished for good: where it is shown, it is made whole.
    pub(crate) fn give_up(&mut self, messages: &mut [Message]) -> SaidMark {
        let mark = SaidMark { messages: messages.len(), unfinished: self.unfinished };
        if let Some(last) = self.broken(messages.len()).and_then(|last| messages.get_mut(last)) {
            last.content.push(char::REPLACEMENT_CHARACTER);
        }
        self.unfinished = Unfinished::default();
        mark
    }

    /// Where nothing is given up.
    pub(crate) fn mark(&self, messages: usize) -> SaidMark {
        SaidMark { messages, unfinished: self.unfinished }
    }

    /// Back to `mark`, with the messages as they were but for what was made whole.
    pub(crate) fn undo(&mut self, mark: SaidMark, messages: &mut [Message]) {
        let given_up = self.unfinished != mark.unfinished;
        self.spoken.retain(|spoken| spoken.message < mark.messages);
        self.unfinished = mark.unfinished;
        if given_up && let Some(last) = self.broken(mark.messages).and_then(|last| messages.get_mut(last)) {
            last.content.pop();
        }
    }

    /// Which of so many messages would end with a broken character if something came behind it.
    pub(crate) fn broken(&self, messages: usize) -> Option<usize> {
        (self.is_open(messages) && !self.unfinished.is_empty()).then(|| messages - 1)
    }

    /// Keeps an answer in `messages`, of which it is, or goes on with, the last.
    pub(crate) fn keep(
        &mut self,
        mut answer: Answer,
        goes_on: bool,
        role: &str,
        messages: &mut Vec<Message>,
    ) {
        let mut controls = std::mem::take(&mut answer.controls);
        if !answer.calls.is_empty() {
            // What is between an answer and its calls is the template's.
            answer.text.truncate(answer.text.trim_end().len());
        }
        // A stop string has cut these off.
        controls.retain(|control| control.at <= answer.text.len());
        let open = self.is_open(messages.len());
        match (messages.last_mut(), self.spoken.last_mut()) {
            (Some(message), Some(spoken)) if goes_on && open => {
                let before = message.content.len().saturating_sub(answer.retold);
                let before = message.content.floor_char_boundary(before);
                message.content.truncate(before);
                controls.iter_mut().for_each(|control| control.at += before);
                spoken.controls.append(&mut controls);
                message.content.push_str(&answer.text);
                answer.add_fields(&mut message.extra);
            }
            _ => {
                self.spoken.push(Answered { message: messages.len(), controls });
                let mut extra = None;
                answer.add_fields(&mut extra);
                messages.push(Message { role: role.to_owned(), content: answer.text, extra });
            }
        }
    }

    /// Forgets the calls of the last message, which is the model's.
    pub(crate) fn forget_calls(&self, messages: &mut [Message]) {
        if let Some(last) = messages.last_mut() {
            let (thought, _) = fields(last);
            cut_fields(last, (thought, 0));
        }
    }

    /// Forgets a range of messages, behind which those that follow come: what was said in them.
    ///
    /// # Errors
    /// `OutOfMemory`; nothing is forgotten.
    pub(crate) fn remove(&mut self, messages: Range<usize>) -> Result<RemovedSaid> {
        let gone = self.before(messages.start)..self.before(messages.end);
        let mut removed = Vec::new();
        removed.try_reserve_exact(gone.len())?;
        removed.extend(self.spoken.drain(gone.clone()));
        self.spoken[gone.start..].iter_mut().for_each(|spoken| spoken.message -= messages.len());
        Ok(RemovedSaid(removed))
    }

    /// Takes a range of messages back, with what was said in them.
    pub(crate) fn put_back(&mut self, messages: Range<usize>, removed: RemovedSaid) {
        let at = self.before(messages.start);
        self.spoken[at..].iter_mut().for_each(|spoken| spoken.message += messages.len());
        self.spoken.splice(at..at, removed.0);
    }

    /// How many come before `message`.
    fn before(&self, message: usize) -> usize {
        self.spoken.partition_point(|spoken| spoken.message < message)
    }

    /// The control tokens of each message that has any.
    pub(crate) fn controls(&self) -> Vec<(usize, Vec<Control>)> {
        let with_any = self.spoken.iter().filter(|spoken| !spoken.controls.is_empty());
        with_any.map(|spoken| (spoken.message, spoken.controls.clone())).collect()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// The messages in which the model said control tokens, with them.
pub(crate) fn spoken<'a>(
    messages: &[Message],
    controls: impl Iterator<Item = (usize, &'a [Control])>,
    vocab: &dyn Vocab,
) -> Vec<Spoken> {
    let spoken = controls.filter_map(|(message, controls)| {
        let content = &messages.get(message)?.content;
        Some(Spoken { message, content: as_said(content, controls, vocab) })
    });
    spoken.collect()
}

fn as_said(content: &str, controls: &[Control], vocab: &dyn Vocab) -> Rendered {
    let mut rendered = Rendered::default();
    let mut done = 0;
    for control in controls {
        let piece = vocab.piece(control.id).and_then(|piece| std::str::from_utf8(piece.bytes).ok());
        let (Some(text), Some(before)) = (piece, content.get(done..control.at)) else { continue };
        if control.shown && !content[control.at..].starts_with(text) {
            continue;
        }
        rendered.text.push_str(before);
        let start = rendered.text.len();
        rendered.text.push_str(text);
        rendered.control.push(ControlSpan { start, end: rendered.text.len(), id: control.id });
        done = control.at + if control.shown { text.len() } else { 0 };
    }
    rendered.text.push_str(content.get(done..).unwrap_or_default());
    rendered
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn thoughts_and_calls_are_fields_of_the_message_and_go_back_with_it() {
        let (mut said, mut messages) = (Said::default(), Vec::new());
        let mut answer = Answer::default();
        answer.think("\nHm ");
        answer.rest("", true);
        said.keep(answer, false, "assistant", &mut messages);
        let place = said.place(&messages);
        let mut rest = Answer::default();
        rest.think("so.\n");
        rest.say("Yes. <c>{");
        rest.rest("", false);
        said.keep(rest, true, "assistant", &mut messages);
        let mut last = Answer::default();
        last.retells("<c>{".len());
        last.call(json!({"id": "1"}));
        said.keep(last, true, "assistant", &mut messages);
        let extra = json!({"reasoning_content": "Hm so.", "tool_calls": [{"id": "1"}]});
        assert_eq!(
            (messages[0].content.as_str(), messages[0].extra.clone()),
            ("Yes. ", extra.as_object().cloned())
        );
        let mut cut = messages.clone();
        said.forget_calls(&mut cut);
        assert_eq!(cut[0].extra, json!({"reasoning_content": "Hm so."}).as_object().cloned());
        said.go_back(place, &mut messages);
        assert_eq!((messages.len(), messages[0].content.as_str()), (1, ""));
        assert_eq!(messages[0].extra, json!({"reasoning_content": "Hm "}).as_object().cloned());
    }

    #[test]
    fn what_was_said_moves_with_its_messages() {
        let control = |id| vec![Control { at: 0, id, shown: false }];
        let answered = |message| Answered { message, controls: control(message as u32) };
        let mut said = Said { spoken: [1, 3, 5, 7].map(answered).into(), unfinished: Unfinished::default() };
        let before = said.controls();
        let removed = said.remove(2..6).unwrap();
        assert_eq!(said.controls(), [(1, control(1)), (3, control(7))]);
        assert!(said.is_open(4) && !said.is_open(2));
        said.put_back(2..6, removed);
        assert_eq!(said.controls(), before);
        let all = said.remove(0..8).unwrap();
        assert!(said.controls().is_empty() && !said.is_open(0));
        said.put_back(0..8, all);
        assert_eq!(said.controls(), before);
    }
}
