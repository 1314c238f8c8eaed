//! A vocabulary of bytes and of the tokens that a test wants, and a listener that keeps all it is told.

use crate::error::{Error, ErrorKind};
use crate::pause::Pauses;
use crate::text::format::{Call, Listener, Opening, Parser, Part, Speech};
use crate::text::{InPieces, Piece, RenderInput, Rendered, Vocab, done};
use serde_json::Value;
use std::sync::Arc;

/// Ids up to 255 are bytes, the others these tokens.
pub(super) struct Words {
    pub(super) tokens: Vec<(&'static str, bool)>,
    #[cfg(feature = "text")]
    pub(super) template: Option<crate::text::template::Template>,
    bytes: Vec<u8>,
}

impl Words {
    /// With control tokens.
    pub(super) fn new(tokens: &[&'static str]) -> Self {
        Self {
            tokens: tokens.iter().map(|token| (*token, true)).collect(),
            #[cfg(feature = "text")]
            template: None,
            bytes: (0..=255).collect(),
        }
    }

    #[cfg(feature = "text")]
    pub(super) fn speaking(template: &str, tokens: &[&'static str]) -> Self {
        let template = crate::text::template::Template::new(template, "", "").unwrap();
        Self { template: Some(template), ..Self::new(tokens) }
    }

    /// The ids of a text, its tokens as such.
    pub(super) fn ids(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::new();
        self.encode(text, false, true, &mut ids).unwrap();
        ids
    }
}

impl Vocab for Words {
    fn len(&self) -> usize {
        256 + self.tokens.len()
    }
    fn encode_in_pieces<'a>(
        &'a self,
        text: &'a str,
        _: bool,
        parse_special: bool,
        out: &'a mut Vec<u32>,
        _: &'a mut Pauses<'_>,
    ) -> InPieces<'a> {
        let mut rest = text;
        while let Some(&byte) = rest.as_bytes().first() {
            let tokens = self.tokens.iter().enumerate();
            let token = tokens
                .filter(|(_, (token, _))| parse_special && rest.starts_with(token))
                .max_by_key(|(_, (token, _))| token.len());
            if let Some((index, (token, _))) = token {
                out.push(256 + index as u32);
                rest = &rest[token.len()..];
            } else {
                let letter = rest.chars().next().map_or(1, char::len_utf8);
                assert!(letter > 0 && byte == rest.as_bytes()[0]);
                out.extend(rest.as_bytes()[..letter].iter().map(|byte| u32::from(*byte)));
                rest = &rest[letter..];
            }
        }
        done(Ok(()))
    }
    fn piece(&self, id: u32) -> Option<Piece<'_>> {
        let id = id as usize;
        if id < 256 {
            return Some(Piece { bytes: &self.bytes[id..=id], special: false });
        }
        self.tokens.get(id - 256).map(|(text, special)| Piece { bytes: text.as_bytes(), special: *special })
    }
    fn is_atom(&self, id: u32) -> bool {
        id >= 256
    }
    fn bos(&self) -> Option<u32> {
        None
    }
    fn adds_bos(&self) -> bool {
        false
    }
    fn end_ids(&self) -> &[u32] {
        &[]
    }
    fn longest_token(&self) -> usize {
        16
    }
    fn render_in_pieces<'a>(
        &'a self,
        input: &'a RenderInput<'_>,
        pauses: &'a mut Pauses<'_>,
    ) -> InPieces<'a, Rendered> {
        #[cfg(feature = "text")]
        if let Some(template) = &self.template {
            return Box::pin(async move {
                pauses.look_up().await?;
                Ok(Rendered { text: template.render(input)?, control: Vec::new() })
            });
        }
        let _ = (input, pauses);
        done(Err(Error::new(ErrorKind::Template, "there is no template")))
    }
}

/// All that was told.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Heard {
    pub(super) answer: String,
    pub(super) reasoning: String,
    pub(super) markup: String,
    /// All of it in order, what is hidden too.
    pub(super) all: String,
    pub(super) calls: Vec<Call>,
    pub(super) malformed: Vec<(String, String)>,
}

impl Listener for Heard {
    fn text(&mut self, part: Part, text: &str) {
        self.all.push_str(text);
        match part {
            Part::Answer => self.answer.push_str(text),
            Part::Reasoning => self.reasoning.push_str(text),
            Part::Call => self.markup.push_str(text),
        }
    }
    fn hidden(&mut self, _: Part, text: &str, _: Option<u32>) {
        self.all.push_str(text);
    }
    fn call(&mut self, call: Call) {
        self.calls.push(call);
    }
    fn malformed(&mut self, raw: &str, why: &str) {
        self.malformed.push((raw.to_owned(), why.to_owned()));
    }
}

/// What is heard of `ids`, whose text comes in pieces that end behind every `every`th letter.
pub(super) fn hear(
    words: &Words,
    speech: &Arc<Speech>,
    tools: Option<&Value>,
    opening: Opening,
    ids: &[u32],
    every: usize,
) -> Heard {
    let mut parser = Parser::new(speech.clone(), tools.cloned().map(Arc::new), opening);
    let (mut heard, mut bytes) = (Heard::default(), Vec::new());
    let text = |bytes: &mut Vec<u8>, parser: &mut Parser, heard: &mut Heard| {
        let all: Vec<char> = String::from_utf8(std::mem::take(bytes)).unwrap().chars().collect();
        all.chunks(every).for_each(|piece| parser.push_text(&piece.iter().collect::<String>(), heard));
    };
    for &id in ids {
        let piece = words.piece(id).unwrap();
        if id < 256 || !(piece.special || speech.is_part(id)) {
            bytes.extend_from_slice(piece.bytes);
        } else {
            text(&mut bytes, &mut parser, &mut heard);
            parser.push_token(id, std::str::from_utf8(piece.bytes).unwrap(), piece.special, &mut heard);
        }
    }
    text(&mut bytes, &mut parser, &mut heard);
    parser.finish(&mut heard);
    assert_eq!(parser.held_back(), 0);
    heard
}
