//! What the model itself said in a session: control tokens between its text, and the character that it ended
//! inside of. Knows no decoder and no template.

use crate::error::Result;
use crate::text::{ControlSpan, Message, Rendered, Spoken, Unfinished, Vocab};
use std::ops::Range;

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
    controls: Vec<Control>,
    /// Bytes of text on the way so far, those held back included.
    fed: usize,
}

impl Answer {
    /// The model said a control token, of which the last `shown` bytes of text are.
    pub(crate) fn control(&mut self, id: u32, shown: usize) {
        self.controls.push(Control { at: self.fed.saturating_sub(shown), id, shown: shown > 0 });
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

    /// A stop string ends it, which has so many of the control tokens.
    pub(crate) fn cut(&mut self, hidden: usize) {
        self.controls.truncate(self.controls.len().saturating_sub(hidden));
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
        SaidPlace {
            messages: messages.len(),
            content: messages.last().map_or(0, |last| last.content.len()),
            controls: open.map_or(0, |last| last.controls.len()),
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
    pub(crate) fn keep(&mut self, answer: Answer, goes_on: bool, role: &str, messages: &mut Vec<Message>) {
        let Answer { text, mut controls, .. } = answer;
        // A stop string has cut these off.
        controls.retain(|control| control.at <= text.len());
        let open = self.is_open(messages.len());
        match (messages.last_mut(), self.spoken.last_mut()) {
            (Some(message), Some(spoken)) if goes_on && open => {
                let before = message.content.len();
                controls.iter_mut().for_each(|control| control.at += before);
                spoken.controls.append(&mut controls);
                message.content.push_str(&text);
            }
            _ => {
                self.spoken.push(Answered { message: messages.len(), controls });
                messages.push(Message { role: role.to_owned(), content: text, extra: None });
            }
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
