//! A conversation's turn on its way to tokens, without messages for which there is no room; knows no
//! generation.

use super::conversation::Turn;
use super::prefix;
use super::roll::Rolled;
use super::room::Room;
use super::said;
use super::talk::Talk;
use crate::compute::on_own_stack;
use crate::error::{ErrorKind, Result};
use crate::pause::Pauses;
use crate::text::format::{Adapted, Format};
use crate::text::{Message, RenderInput, Rendered, Vocab};
use serde_json::Value;
use std::ops::Range;

/// Bytes of stack for what recurses over tools and calls, which may be nested deep.
const STACK: usize = 512 << 10;

/// What a session holds when its generation begins.
pub(crate) struct Prompt {
    pub(crate) tokens: Vec<u32>,
    /// How many of them, the last, begin the answer.
    pub(crate) prefix: usize,
    /// Messages that had to go, whose tokens are not among them.
    pub(crate) rolled: Option<Rolled>,
    /// How the answer is told apart, in a conversation.
    pub(crate) talk: Option<Box<Talk>>,
    /// What the library has to say of how it was rendered.
    pub(crate) notes: Vec<String>,
}

impl Prompt {
    /// Of `tokens`, behind which the answer begins with `prefix`.
    ///
    /// # Errors
    /// `ContextFull` for text that cannot fit; `Tokenizer`; what stops `pauses`.
    pub(crate) async fn new(
        mut tokens: Vec<u32>,
        prefix: &str,
        room: Room,
        vocab: &dyn Vocab,
        pauses: &mut Pauses<'_>,
    ) -> Result<Self> {
        let before = tokens.len();
        if !prefix.is_empty() {
            room.check_text(prefix.len(), before, vocab.longest_token())?;
            vocab.append_in_pieces(prefix, false, &mut tokens, pauses).await?;
        }
        Ok(Self { prefix: tokens.len() - before, tokens, rolled: None, talk: None, notes: Vec::new() })
    }
}

/// A turn, and what it is rendered for.
pub(crate) struct Rendering<'a> {
    pub(crate) vocab: &'a dyn Vocab,
    pub(crate) turn: Turn,
    /// Whether an answer follows.
    pub(crate) answers: bool,
    /// What it begins with; empty: as the model likes.
    pub(crate) prefix: &'a str,
    pub(crate) room: Room,
    /// What the template knows.
    pub(crate) format: &'a Format,
}

impl Rendering<'_> {
    /// The whole turn or, if there is no room for it, what is left without the messages that may go.
    ///
    /// # Errors
    /// `ContextFull` for text that cannot fit; `Template`, `Tokenizer`, `OutOfMemory`; what stops `pauses`.
    pub(crate) async fn prompt(mut self, pauses: &mut Pauses<'_>) -> Result<Prompt> {
        let notes = Adapted::notes(self.format, &self.turn.messages, self.turn.tools.as_deref()).collect();
        let rendered = self.render(0..0, pauses).await?;
        let whole = self.tokens(&rendered, pauses).await;
        let search = match &whole {
            Ok(prompt) if self.room.holds(prompt.tokens.len()) => None,
            Err(error) if error.kind() != ErrorKind::ContextFull => None,
            _ => self.turn.may_go.take(),
        };
        let Some(mut search) = search else { return whole.map(|whole| Prompt { notes, ..whole }) };
        let mut enough = None;
        while let Some(gone) = search.to_try() {
            match self.without(gone.clone(), pauses).await {
                Ok(prompt) if self.room.holds_more(prompt.tokens.len()) => {
                    enough = Some((gone, prompt));
                    search.tell(true);
                }
                Err(error) if error.kind() != ErrorKind::ContextFull => return Err(error),
                _ => search.tell(false),
            }
        }
        let gone = search.found();
        let prompt = match enough {
            Some((tried, prompt)) if tried == gone => prompt,
            _ => self.without(gone.clone(), pauses).await?,
        };
        let before = match whole {
            Ok(whole) => whole.tokens.len(),
            // The text of what was held and of what is new: each fits by itself.
            Err(_) => self.encode(&rendered, pauses).await?.len() + prompt.prefix,
        };
        let rolled = Rolled { messages: gone, tokens: before.saturating_sub(prompt.tokens.len()) };
        Ok(Prompt { rolled: Some(rolled), notes, ..prompt })
    }

    /// The turn without the messages of `gone`.
    async fn without(&mut self, gone: Range<usize>, pauses: &mut Pauses<'_>) -> Result<Prompt> {
        let rendered = self.render(gone, pauses).await?;
        self.tokens(&rendered, pauses).await
    }

    /// What `rendered` becomes, if it can fit.
    async fn tokens(&self, rendered: &Rendered, pauses: &mut Pauses<'_>) -> Result<Prompt> {
        self.room.check_text(rendered.text.len(), 0, self.vocab.longest_token())?;
        let tokens = self.encode(rendered, pauses).await?;
        Prompt::new(tokens, self.prefix, self.room, self.vocab, pauses).await
    }

    async fn encode(&self, rendered: &Rendered, pauses: &mut Pauses<'_>) -> Result<Vec<u32>> {
        let mut tokens = Vec::new();
        self.vocab.encode_rendered_in_pieces(rendered, true, &mut tokens, pauses).await?;
        Ok(tokens)
    }

    /// The text of the turn without the messages of `gone`.
    async fn render(&mut self, gone: Range<usize>, pauses: &mut Pauses<'_>) -> Result<Rendered> {
        // What goes changes places with what stays before it: what stays is then one list.
        self.turn.messages[..gone.end].rotate_left(gone.start);
        let rendered = self.render_behind(&gone, pauses).await;
        self.turn.messages[..gone.end].rotate_right(gone.start);
        let mut rendered = rendered?;
        if !self.prefix.is_empty() {
            prefix::end_reasoning(&mut rendered, self.format, self.vocab)?;
        }
        Ok(rendered)
    }

    /// The text, where the messages that go lie before all that stay.
    async fn render_behind(&self, gone: &Range<usize>, pauses: &mut Pauses<'_>) -> Result<Rendered> {
        let (vocab, turn) = (self.vocab, &self.turn);
        let messages = &turn.messages[gone.len()..];
        let adapted = adapted(self.format, messages, turn.tools.as_deref())?;
        let shift = adapted.shift(messages);
        let controls = turn.controls.iter().filter(|(message, _)| !gone.contains(message));
        let controls = controls.map(|(message, controls)| match *message < gone.start {
            true => (*message, controls.as_slice()),
            false => (*message - gone.len(), controls.as_slice()),
        });
        let controls =
            controls.filter_map(|(message, controls)| Some((message.checked_add_signed(shift)?, controls)));
        let messages = adapted.messages.as_deref().unwrap_or(messages);
        let spoken = said::spoken(messages, controls, vocab);
        let input = RenderInput {
            messages,
            spoken: &spoken,
            tools: turn.tools.as_deref().filter(|_| !adapted.told_tools),
            variables: turn.template.as_deref(),
            add_generation_prompt: self.answers,
            unix_time: turn.unix_time,
        };
        pauses.look_up().await?;
        let mut rendered = vocab.render_in_pieces(&input, pauses).await;
        if !spoken.is_empty() && rendered.as_ref().is_err_and(|error| error.kind() == ErrorKind::Template) {
            // gpt-oss' template, for one, refuses control tokens in messages, the model's own too.
            rendered = vocab.render_in_pieces(&RenderInput { spoken: &[], ..input }, pauses).await;
        }
        let rendered = rendered?;
        pauses.look_up().await?;
        Ok(rendered)
    }
}

/// The messages in the words that the template of `format` knows. JSON is written on a stack of its own: the
/// thread may be a host's.
///
/// # Errors
/// `OutOfMemory`.
fn adapted(format: &Format, messages: &[Message], tools: Option<&Value>) -> Result<Adapted> {
    let adapt = || Ok(Adapted::new(format, messages, tools));
    match tools.is_some() || messages.iter().any(|message| message.extra.is_some()) {
        true => on_own_stack(STACK, adapt),
        false => adapt(),
    }
}
