//! The text work of one generation, from its input to all the tokens that its session then holds; knows no
//! engine.

use super::conversation::Turn;
use super::said;
use crate::error::{Error, ErrorKind, Result};
use crate::pause::{Pauses, at_once};
use crate::text::{RenderInput, Vocab};
use smol::future::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// The text work of one generation: from its input and its session's past to all the tokens that the session
/// then holds.
pub struct TextJob {
    pub(super) generation: u64,
    pub(super) vocab: Arc<dyn Vocab>,
    pub(super) work: Work,
    pub(super) context: usize,
    pub(super) prefill_only: bool,
    /// Gone with the generation.
    pub(super) wanted: Weak<()>,
}

/// What is to become the session's tokens.
pub(super) enum Work {
    /// Tokens, of which the last `new` are the host's.
    Tokens { tokens: Vec<u32>, new: usize },
    /// Raw text behind what the session holds.
    Text { past: Vec<u32>, text: String, parse_special: bool },
    /// All messages, to be rendered.
    Conversation(Turn),
}

/// What a [`TextJob`] came to.
pub struct TextDone {
    pub(super) generation: u64,
    pub(super) tokens: Result<Vec<u32>>,
}

impl TextJob {
    /// Does the work. Any thread; takes as long as the text is long.
    pub fn run(self) -> TextDone {
        at_once(self.run_in_pieces(None, || Ok(())))
    }

    /// Does the work, and gives others their turn after each `slice`, if there is one. Ends soon when its
    /// generation is over, or once `look` fails.
    pub async fn run_in_pieces(
        self,
        slice: Option<Duration>,
        look: impl Fn() -> Result<()> + Send + Sync,
    ) -> TextDone {
        let (generation, wanted) = (self.generation, self.wanted.clone());
        let mut look = || match wanted.strong_count() {
            0 => Err(Error::new(ErrorKind::StaleHandle, "the generation is over")),
            _ => look(),
        };
        let mut pauses = Pauses::new(&mut look, slice);
        // Caught here: on another thread nobody else would tell the generation.
        let tokens = AssertUnwindSafe(self.tokens(&mut pauses)).catch_unwind().await.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Internal, "a panic while the input was turned into tokens"))
        });
        TextDone { generation, tokens }
    }

    /// Whether it is over soon: at most `most` bytes of text, and no template to be rendered.
    pub(super) fn is_short(&self, most: usize) -> bool {
        match &self.work {
            Work::Tokens { .. } => true,
            Work::Text { text, .. } => text.len() <= most,
            Work::Conversation(_) => false,
        }
    }

    async fn tokens(self, pauses: &mut Pauses<'_>) -> Result<Vec<u32>> {
        let (vocab, context) = (self.vocab, self.context);
        let tokens = match self.work {
            Work::Tokens { tokens, new } => {
                check_ids(&tokens[tokens.len() - new..], vocab.len())?;
                tokens
            }
            Work::Text { past: mut tokens, text, parse_special } => {
                check_room(text.len(), tokens.len(), context, vocab.longest_token())?;
                // BOS alone: where a file wants EOS behind its texts too, nothing would be left to say behind
                // it.
                let bos = vocab.bos().filter(|_| tokens.is_empty() && vocab.adds_bos());
                tokens.extend(bos);
                vocab.append_in_pieces(&text, parse_special, &mut tokens, pauses).await?;
                // The text has written it, as chat templates do.
                if bos.is_some() && tokens.get(1).copied() == bos {
                    tokens.remove(0);
                }
                tokens
            }
            Work::Conversation(turn) => render(&*vocab, &turn, !self.prefill_only, context, pauses).await?,
        };
        if tokens.len() > context {
            return Err(context_full(tokens.len(), context));
        }
        Ok(tokens)
    }
}

async fn render(
    vocab: &dyn Vocab,
    turn: &Turn,
    answers: bool,
    context: usize,
    pauses: &mut Pauses<'_>,
) -> Result<Vec<u32>> {
    let spoken = said::spoken(&turn.messages, &turn.controls, vocab);
    let input = RenderInput {
        messages: &turn.messages,
        spoken: &spoken,
        tools: turn.tools.as_deref(),
        variables: turn.template.as_deref(),
        add_generation_prompt: answers,
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
    check_room(rendered.text.len(), 0, context, vocab.longest_token())?;
    let mut tokens = Vec::new();
    vocab.encode_rendered_in_pieces(&rendered, true, &mut tokens, pauses).await?;
    Ok(tokens)
}

fn check_ids(ids: &[u32], vocabulary: usize) -> Result<()> {
    match ids.iter().position(|id| *id as usize >= vocabulary) {
        None => Ok(()),
        Some(index) => Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("prompt_tokens[{index}] is {}, the vocabulary has {vocabulary} tokens", ids[index]),
        )),
    }
}

/// Refuses text that cannot fit, before it is turned into tokens.
fn check_room(bytes: usize, held: usize, context: usize, longest: usize) -> Result<()> {
    let room = context.saturating_sub(held).saturating_mul(longest.max(1));
    if bytes <= room {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::ContextFull,
        format!(
            "{bytes} bytes of text cannot fit into the {} tokens left of a context of {context}; shorten the input or clear the session",
            context.saturating_sub(held)
        ),
    ))
}

pub(super) fn context_full(tokens: usize, context: usize) -> Error {
    Error::new(
        ErrorKind::ContextFull,
        format!(
            "the session would hold {tokens} tokens, its context {context}; shorten the input or clear the session"
        ),
    )
}
