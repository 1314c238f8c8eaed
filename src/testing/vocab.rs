//! The fake model's vocabulary: one token for each byte, four special ones, and those of its script.

use super::script::{Part, Script};
use super::special::{BOS, CONTROL, END, OTHER_END};
use crate::error::Result;
use crate::pause::Pauses;
use crate::text::{ControlSpan, InPieces, Message, Piece, RenderInput, Rendered, Vocab, done};
use serde_json::Value;
use std::collections::HashMap;
use std::ops::Range;

const SPECIAL: [(&str, u32); 4] =
    [("<bos>", BOS), ("<end>", END), ("<other-end>", OTHER_END), ("<control>", CONTROL)];

/// Bytes are their own ids; see the constants for the rest. A token's text is never longer than its bytes.
#[derive(Debug)]
pub struct FakeVocab {
    pieces: Vec<Vec<u8>>,
    ids: HashMap<Vec<u8>, u32>,
    /// Control tokens of the script.
    control: Range<u32>,
    longest: usize,
    chat_template: Option<String>,
}

impl FakeVocab {
    pub(super) fn new(script: &Script) -> Self {
        let mut pieces: Vec<Vec<u8>> = (0..=u8::MAX).map(|byte| vec![byte]).collect();
        let mut ids: HashMap<Vec<u8>, u32> =
            pieces.iter().enumerate().map(|(id, piece)| (piece.clone(), id as u32)).collect();
        pieces.extend(SPECIAL.iter().map(|(text, _)| text.as_bytes().to_vec()));
        let first = pieces.len() as u32;
        for text in &script.control {
            ids.insert(text.as_bytes().to_vec(), pieces.len() as u32);
            pieces.push(text.as_bytes().to_vec());
        }
        let control = first..pieces.len() as u32;
        for part in &script.reply {
            if let Part::Bytes(bytes) = part
                && !ids.contains_key(bytes)
            {
                ids.insert(bytes.clone(), pieces.len() as u32);
                pieces.push(bytes.clone());
            }
        }
        let longest = pieces.iter().map(Vec::len).max().unwrap_or(1);
        Self { pieces, ids, control, longest, chat_template: script.chat_template.clone() }
    }

    /// The id behind a part of a reply; the end for one that does not exist.
    pub(super) fn id(&self, part: &Part) -> u32 {
        match part {
            Part::Id(id) if (*id as usize) < self.pieces.len() => *id,
            Part::Id(_) => END,
            Part::Bytes(bytes) => self.ids.get(bytes).copied().unwrap_or(END),
        }
    }

    /// The longest control token that `text` begins with.
    fn special(&self, text: &str) -> Option<(usize, u32)> {
        let own = SPECIAL.iter().map(|(special, id)| (special.as_bytes(), *id));
        let more = self.control.clone().map(|id| (self.pieces[id as usize].as_slice(), id));
        let all = own.chain(more).filter(|(special, _)| text.as_bytes().starts_with(special));
        all.map(|(special, id)| (special.len(), id)).max()
    }

    /// The control tokens in the text of a template, wherever they come from.
    #[cfg(feature = "text")]
    fn spans(&self, text: &str) -> Vec<ControlSpan> {
        let mut spans: Vec<ControlSpan> = Vec::new();
        for (start, _) in text.char_indices() {
            let is_free = spans.last().is_none_or(|last| last.end <= start);
            if let Some((length, id)) = self.special(&text[start..]).filter(|_| is_free) {
                spans.push(ControlSpan { start, end: start + length, id });
            }
        }
        spans
    }

    #[cfg(feature = "text")]
    fn through_template(&self, source: &str, input: &RenderInput<'_>) -> Result<Rendered> {
        let text = crate::text::template::Template::new(source, "<bos>", "<end>")?.render(input)?;
        Ok(Rendered { control: self.spans(&text), text })
    }

    #[cfg(not(feature = "text"))]
    fn through_template(&self, _: &str, _: &RenderInput<'_>) -> Result<Rendered> {
        Err(crate::error::Error::new(
            crate::error::ErrorKind::Unsupported,
            "this build has no chat templates",
        ))
    }
}

impl Vocab for FakeVocab {
    fn len(&self) -> usize {
        self.pieces.len()
    }

    fn encode_in_pieces<'a>(
        &'a self,
        text: &'a str,
        _add_special: bool,
        parse_special: bool,
        out: &'a mut Vec<u32>,
        _pauses: &'a mut Pauses<'_>,
    ) -> InPieces<'a> {
        if let Err(error) = out.try_reserve(text.len()) {
            return done(Err(error.into()));
        }
        let mut rest = text;
        while let Some(byte) = rest.bytes().next() {
            let special = self.special(rest).filter(|_| parse_special);
            match special {
                Some((length, id)) => {
                    out.push(id);
                    rest = &rest[length..];
                }
                None => {
                    let width = rest.chars().next().map_or(1, char::len_utf8);
                    debug_assert_eq!(byte, rest.as_bytes()[0]);
                    out.extend(rest.as_bytes()[..width].iter().map(|byte| u32::from(*byte)));
                    rest = &rest[width..];
                }
            }
        }
        done(Ok(()))
    }

    fn piece(&self, id: u32) -> Option<Piece<'_>> {
        let bytes = self.pieces.get(id as usize)?;
        Some(Piece { bytes, special: (BOS..=CONTROL).contains(&id) || self.control.contains(&id) })
    }

    fn bos(&self) -> Option<u32> {
        Some(BOS)
    }

    fn adds_bos(&self) -> bool {
        false
    }

    fn end_ids(&self) -> &[u32] {
        &[END, OTHER_END]
    }

    fn longest_token(&self) -> usize {
        self.longest
    }

    /// The script's template; or its own: tools and variables as JSON, a line each, if there are any;
    /// `<control>role\ncontent<end>\n` for each message, with its calls as Hermes writes them; then
    /// `<control>assistant\n`.
    fn render_in_pieces<'a>(
        &'a self,
        input: &'a RenderInput<'_>,
        _pauses: &'a mut Pauses<'_>,
    ) -> InPieces<'a, Rendered> {
        if let Some(source) = &self.chat_template {
            return done(self.through_template(source, input));
        }
        let mut rendered = Rendered::default();
        if let Some(tools) = input.tools {
            rendered.text += &format!("tools {tools}\n");
        }
        if let Some(variables) = input.variables {
            rendered.text += &format!("variables {}\n", Value::from(variables.clone()));
        }
        for message in input.messages {
            control(&mut rendered, CONTROL);
            rendered.text += &message.role;
            rendered.text.push('\n');
            rendered.text += &message.content;
            calls(message).for_each(|call| rendered.text += &format!("\n<tool_call>{call}</tool_call>"));
            control(&mut rendered, END);
            rendered.text.push('\n');
        }
        if input.add_generation_prompt {
            control(&mut rendered, CONTROL);
            rendered.text += "assistant\n";
        }
        done(Ok(rendered))
    }
}

/// The calls of a message.
fn calls(message: &Message) -> impl Iterator<Item = &Value> {
    let calls = message.extra.as_ref().and_then(|extra| extra.get("tool_calls")?.as_array());
    calls.into_iter().flatten().filter_map(|call| call.get("function"))
}

fn control(rendered: &mut Rendered, id: u32) {
    let start = rendered.text.len();
    let text = SPECIAL.iter().find(|(_, special)| *special == id).map_or("", |(text, _)| text);
    rendered.text += text;
    rendered.control.push(ControlSpan { start, end: rendered.text.len(), id });
}
