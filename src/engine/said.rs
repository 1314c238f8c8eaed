//! What the model itself said in a session: control tokens between its text, and the character that it ended
//! inside of. Knows no decoder and no template.

use crate::text::{ControlSpan, Message, Rendered, Spoken, Unfinished, Vocab};

/// A control token that the model said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Control {
    /// Where in the text of its message.
    at: usize,
    id: u32,
    /// The text has the token's own there.
    shown: bool,
}

/// An answer in a conversation, as far as it is out.
#[derive(Debug, Default)]
pub(super) struct Answer {
    text: String,
    controls: Vec<Control>,
    /// Bytes of text on the way so far, those held back included.
    fed: usize,
}

impl Answer {
    /// The model said a control token, of which the last `shown` bytes of text are.
    pub(super) fn control(&mut self, id: u32, shown: usize) {
        self.controls.push(Control { at: self.fed.saturating_sub(shown), id, shown: shown > 0 });
    }

    /// Text is on its way.
    pub(super) fn feed(&mut self, text: &str) {
        self.fed += text.len();
    }

    /// Text is out.
    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// A stop string ends it, which has so many of the control tokens.
    pub(super) fn cut(&mut self, hidden: usize) {
        self.controls.truncate(self.controls.len().saturating_sub(hidden));
    }
}

/// Which messages of a conversation the model said, and how.
#[derive(Debug, Default)]
pub(super) struct Said {
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

/// How to bring it back to where it was.
#[derive(Debug, Clone, Copy)]
pub(super) struct SaidMark {
    messages: usize,
    unfinished: Unfinished,
}

impl Said {
    /// Whether the last of so many messages is the model's, so that it may go on.
    pub(super) fn is_open(&self, messages: usize) -> bool {
        self.spoken.last().is_some_and(|last| last.message + 1 == messages)
    }

    /// What the next ids go on with, if nothing comes between.
    pub(super) fn unfinished(&self) -> Unfinished {
        self.unfinished
    }

    /// A generation has ended so.
    pub(super) fn set_unfinished(&mut self, unfinished: Unfinished) {
        self.unfinished = unfinished;
    }

    /// Input comes, which leaves a character unfinished for good: where it is shown, it is made whole.
    pub(super) fn give_up(&mut self, messages: &mut [Message]) -> SaidMark {
        let mark = SaidMark { messages: messages.len(), unfinished: self.unfinished };
        if let Some(last) = self.broken(messages.len()).and_then(|last| messages.get_mut(last)) {
            last.content.push(char::REPLACEMENT_CHARACTER);
        }
        self.unfinished = Unfinished::default();
        mark
    }

    /// Where nothing is given up.
    pub(super) fn mark(&self, messages: usize) -> SaidMark {
        SaidMark { messages, unfinished: self.unfinished }
    }

    /// Back to `mark`, with the messages as they were but for what was made whole.
    pub(super) fn undo(&mut self, mark: SaidMark, messages: &mut [Message]) {
        let given_up = self.unfinished != mark.unfinished;
        self.spoken.retain(|spoken| spoken.message < mark.messages);
        self.unfinished = mark.unfinished;
        if given_up && let Some(last) = self.broken(mark.messages).and_then(|last| messages.get_mut(last)) {
            last.content.pop();
        }
    }

    /// Which of so many messages would end with a broken character if something came behind it.
    pub(super) fn broken(&self, messages: usize) -> Option<usize> {
        (self.is_open(messages) && !self.unfinished.is_empty()).then(|| messages - 1)
    }

    /// Keeps an answer in `messages`, of which it is, or goes on with, the last.
    pub(super) fn keep(&mut self, answer: Answer, goes_on: bool, role: &str, messages: &mut Vec<Message>) {
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

    /// The control tokens of each message that has any.
    pub(super) fn controls(&self) -> Vec<(usize, Vec<Control>)> {
        let with_any = self.spoken.iter().filter(|spoken| !spoken.controls.is_empty());
        with_any.map(|spoken| (spoken.message, spoken.controls.clone())).collect()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// The messages in which the model said control tokens, with them.
pub(super) fn spoken(
    messages: &[Message],
    controls: &[(usize, Vec<Control>)],
    vocab: &dyn Vocab,
) -> Vec<Spoken> {
    let spoken = controls.iter().filter_map(|(message, controls)| {
        let content = &messages.get(*message)?.content;
        Some(Spoken { message: *message, content: as_said(content, controls, vocab) })
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
