//! What a model's vocabulary can do for the rest of the house; knows neither how tokens are found nor who
//! asks.

use serde_json::{Map, Value};

use crate::error::Result;
use crate::pause::{Pauses, at_once};
use std::pin::Pin;
use std::time::{SystemTime, UNIX_EPOCH};

/// One token as it appears in running text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The token's bytes; not always valid UTF-8 on their own.
    pub bytes: &'a [u8],
    /// A control or unknown token: gives no text unless special tokens are echoed.
    pub special: bool,
}

/// One message of a conversation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Message {
    /// Who speaks: "system", "user", "assistant", "tool", …
    pub role: String,
    /// What is said.
    pub content: String,
    /// Further fields for the template: tool_calls, tool_call_id, name, reasoning_content, … Never replaces
    /// `role`; a `content` in it replaces `content`: a list of parts, or null, which is no content. Templates
    /// see no field that is null, and a reasoning under all its names (`reasoning_content`, `thinking`), as
    /// transformers has it.
    pub extra: Option<Map<String, Value>>,
}

/// What a chat template is given.
#[derive(Debug, Clone, Copy, Default)]
pub struct RenderInput<'a> {
    /// The conversation, oldest first.
    pub messages: &'a [Message],
    /// What the model itself said, in place of the `content` of some of `messages`, ascending: a template
    /// finds the control tokens there, and may write them as such.
    pub spoken: &'a [Spoken],
    /// Tools for the template, usually a list of JSON schemas.
    pub tools: Option<&'a Value>,
    /// More variables for the template; they never replace `messages` and `tools`.
    pub variables: Option<&'a Map<String, Value>>,
    /// Whether to open the assistant's turn at the end.
    pub add_generation_prompt: bool,
    /// Seconds since 1970 (UTC), what the template's `strftime_now` shows: see [`unix_time`].
    pub unix_time: i64,
}

/// Seconds since 1970 (UTC), by the system's clock; 0 where that is earlier.
pub fn unix_time() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs() as i64)
}

/// A message of a conversation as the model itself said it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    /// Its index among the messages.
    pub message: usize,
    /// Its text with that of its control tokens, and where these are.
    pub content: Rendered,
}

/// A control token that the template wrote, or the model itself (not what a message of others says).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControlSpan {
    /// First byte in [`Rendered::text`].
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// The token.
    pub id: u32,
}

/// A rendered conversation: its text, and which parts of the text are control tokens.
///
/// Only `control` becomes control tokens. The text of a control token inside a message is not listed, so it
/// stays text and cannot forge a role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendered {
    /// The whole prompt.
    pub text: String,
    /// The template's control tokens, ascending, not overlapping.
    pub control: Vec<ControlSpan>,
}

/// Work on a text that gives others their turn now and then.
pub type InPieces<'a, T = ()> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// Work that is done at once, without a piece to rest behind.
pub fn done<'a, T: Send + 'a>(result: Result<T>) -> InPieces<'a, T> {
    Box::pin(std::future::ready(result))
}

/// A vocabulary: text to ids, ids to bytes, and the conversation's format.
///
/// Threads: all methods may be called concurrently. What a vocabulary is made of are the methods without a
/// body; those that end with `_in_pieces` rest between pieces of their work where they can, and come to the
/// same as those that do it in one go.
pub trait Vocab: Send + Sync {
    /// How many ids there are; ids are `0..len`.
    fn len(&self) -> usize;

    /// Whether there is no token at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends the ids of `text` to `out`.
    ///
    /// `add_special` adds BOS and EOS where the model's file says so (BOS never twice); `parse_special` takes
    /// the text of control tokens for these tokens.
    ///
    /// # Errors
    /// `Tokenizer` if the text cannot be expressed; what stops `pauses`.
    fn encode_in_pieces<'a>(
        &'a self,
        text: &'a str,
        add_special: bool,
        parse_special: bool,
        out: &'a mut Vec<u32>,
        pauses: &'a mut Pauses<'_>,
    ) -> InPieces<'a>;

    /// As [`encode_in_pieces`](Self::encode_in_pieces), in one go.
    ///
    /// # Errors
    /// As [`encode_in_pieces`](Self::encode_in_pieces).
    fn encode(&self, text: &str, add_special: bool, parse_special: bool, out: &mut Vec<u32>) -> Result<()> {
        at_once(self.encode_in_pieces(text, add_special, parse_special, out, &mut Pauses::none()))
    }

    /// Appends the ids of text that goes on behind the ids in `out`: what belongs to the beginning of a text,
    /// as SentencePiece's space does, is added only where there are none, or where the last of them is no
    /// text.
    ///
    /// # Errors
    /// As [`encode_in_pieces`](Self::encode_in_pieces).
    fn append_in_pieces<'a>(
        &'a self,
        text: &'a str,
        parse_special: bool,
        out: &'a mut Vec<u32>,
        pauses: &'a mut Pauses<'_>,
    ) -> InPieces<'a> {
        self.encode_in_pieces(text, false, parse_special, out, pauses)
    }

    /// The token `id` in running text; `None` if there is no such id.
    fn piece(&self, id: u32) -> Option<Piece<'_>>;

    /// The bytes of the token `id`; none if there is no such id.
    fn bytes(&self, id: u32) -> &[u8] {
        self.piece(id).map_or(&[], |piece| piece.bytes)
    }

    /// Whether the token is one wherever its text stands, so that text cannot become it letter by letter: a
    /// control token, or one that the file marks as user-defined.
    fn is_atom(&self, id: u32) -> bool {
        self.piece(id).is_some_and(|piece| piece.special)
    }

    /// Whether `id` ends a generation.
    fn is_end(&self, id: u32) -> bool {
        self.end_ids().contains(&id)
    }

    /// The token that begins a text, if there is one.
    fn bos(&self) -> Option<u32>;

    /// Whether a text begins with [`bos`](Self::bos).
    fn adds_bos(&self) -> bool;

    /// All end-of-generation ids, ascending.
    fn end_ids(&self) -> &[u32];

    /// Ids that no generation may say, ascending.
    fn suppressed(&self) -> &[u32] {
        &[]
    }

    /// Bytes: an upper bound of how much text one token can stand for.
    fn longest_token(&self) -> usize;

    /// The conversation through the model's chat template.
    ///
    /// # Errors
    /// `Template` if there is none, if it fails, or goes over its limits; what stops `pauses`.
    fn render_in_pieces<'a>(
        &'a self,
        input: &'a RenderInput<'_>,
        pauses: &'a mut Pauses<'_>,
    ) -> InPieces<'a, Rendered>;

    /// As [`render_in_pieces`](Self::render_in_pieces), in one go.
    ///
    /// # Errors
    /// As [`render_in_pieces`](Self::render_in_pieces).
    fn render(&self, input: &RenderInput<'_>) -> Result<Rendered> {
        at_once(self.render_in_pieces(input, &mut Pauses::none()))
    }

    /// Appends the ids of a rendered conversation to `out`. `at_start`: it opens the sequence, so it gets BOS
    /// where the model's file says so, unless the template wrote one.
    ///
    /// # Errors
    /// As [`append_in_pieces`](Self::append_in_pieces).
    fn encode_rendered_in_pieces<'a>(
        &'a self,
        rendered: &'a Rendered,
        at_start: bool,
        out: &'a mut Vec<u32>,
        pauses: &'a mut Pauses<'_>,
    ) -> InPieces<'a> {
        Box::pin(async move {
            let first = rendered.control.first().filter(|span| span.start == 0).map(|span| span.id);
            let bos = self.bos().filter(|bos| at_start && self.adds_bos() && first != Some(*bos));
            out.extend(bos);
            let mut done = 0;
            for span in &rendered.control {
                let plain = rendered.text.get(done..span.start).unwrap_or_default();
                self.append_in_pieces(plain, false, out, pauses).await?;
                out.push(span.id);
                done = span.end;
            }
            let plain = rendered.text.get(done..).unwrap_or_default();
            self.append_in_pieces(plain, false, out, pauses).await
        })
    }

    /// As [`encode_rendered_in_pieces`](Self::encode_rendered_in_pieces), in one go.
    ///
    /// # Errors
    /// As [`encode_rendered_in_pieces`](Self::encode_rendered_in_pieces).
    fn encode_rendered(&self, rendered: &Rendered, at_start: bool, out: &mut Vec<u32>) -> Result<()> {
        at_once(self.encode_rendered_in_pieces(rendered, at_start, out, &mut Pauses::none()))
    }
}
