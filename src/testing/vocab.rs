//! The fake model's vocabulary: one token for each byte, four special ones, and those of its script.

use super::script::{Part, Script};
use super::special::{BOS, CONTROL, END, OTHER_END};
use crate::pause::Pauses;
use crate::text::{ControlSpan, InPieces, Piece, RenderInput, Rendered, Vocab, done};
use std::collections::HashMap;

const SPECIAL: [(&str, u32); 4] =
    [("<bos>", BOS), ("<end>", END), ("<other-end>", OTHER_END), ("<control>", CONTROL)];

/// Bytes are their own ids; see the constants for the rest. A token's text is never longer than its bytes.
#[derive(Debug)]
pub struct FakeVocab {
    pieces: Vec<Vec<u8>>,
    ids: HashMap<Vec<u8>, u32>,
    longest: usize,
}

impl FakeVocab {
    pub(super) fn new(script: &Script) -> Self {
        let mut pieces: Vec<Vec<u8>> = (0..=u8::MAX).map(|byte| vec![byte]).collect();
        let mut ids: HashMap<Vec<u8>, u32> =
            pieces.iter().enumerate().map(|(id, piece)| (piece.clone(), id as u32)).collect();
        pieces.extend(SPECIAL.iter().map(|(text, _)| text.as_bytes().to_vec()));
        for part in &script.reply {
            if let Part::Bytes(bytes) = part
                && !ids.contains_key(bytes)
            {
                ids.insert(bytes.clone(), pieces.len() as u32);
                pieces.push(bytes.clone());
            }
        }
        let longest = pieces.iter().map(Vec::len).max().unwrap_or(1);
        Self { pieces, ids, longest }
    }

    /// The id behind a part of a reply; the end for one that does not exist.
    pub(super) fn id(&self, part: &Part) -> u32 {
        match part {
            Part::Id(id) if (*id as usize) < self.pieces.len() => *id,
            Part::Id(_) => END,
            Part::Bytes(bytes) => self.ids.get(bytes).copied().unwrap_or(END),
        }
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
            let special = SPECIAL.iter().find(|(special, _)| parse_special && rest.starts_with(special));
            match special {
                Some((special, id)) => {
                    out.push(*id);
                    rest = &rest[special.len()..];
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
        Some(Piece { bytes, special: (BOS..=CONTROL).contains(&id) })
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

    /// Tools and variables as JSON, a line each, if there are any; `<control>role\ncontent<end>\n` for each
    /// message; then `<control>assistant\n`.
    fn render_in_pieces<'a>(
        &'a self,
        input: &'a RenderInput<'_>,
        _pauses: &'a mut Pauses<'_>,
    ) -> InPieces<'a, Rendered> {
        let mut rendered = Rendered::default();
        if let Some(tools) = input.tools {
            rendered.text += &format!("tools {tools}\n");
        }
        if let Some(variables) = input.variables {
            rendered.text += &format!("variables {}\n", serde_json::Value::from(variables.clone()));
        }
        for message in input.messages {
            control(&mut rendered, CONTROL);
            rendered.text += &message.role;
            rendered.text.push('\n');
            rendered.text += &message.content;
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

fn control(rendered: &mut Rendered, id: u32) {
    let start = rendered.text.len();
    let text = SPECIAL.iter().find(|(_, special)| *special == id).map_or("", |(text, _)| text);
    rendered.text += text;
    rendered.control.push(ControlSpan { start, end: rendered.text.len(), id });
}
