//! The text work of one generation, from its input to all the tokens that its session then holds; knows no
//! engine.

use super::conversation::{Conversation, Mode, Turn};
use super::copies;
use super::input::{Input, TextOptions};
use super::rendering::{Prompt, Rendering};
use super::room::Room;
use super::talk::{Talk, Turning};
use crate::error::{Error, ErrorKind, Result};
use crate::pause::{Pauses, at_once};
use crate::text::Vocab;
use crate::text::format::{Learned, Tools};
use crate::text::grammar::{Bound, Grammar, Grammars};
use smol::future::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// The text work of one generation: from its input and its session's past to all the tokens that the session
/// then holds.
pub struct TextJob {
    generation: u64,
    vocab: Arc<dyn Vocab>,
    work: Work,
    /// What the answer begins with, behind all that.
    prefix: String,
    room: Room,
    /// Whether an answer follows.
    answers: bool,
    ruled: Option<Ruled>,
    /// How the model speaks.
    learned: Arc<Learned>,
    /// Of an answer in a conversation.
    turning: Option<Turning>,
    /// Gone with the generation.
    wanted: Weak<()>,
}

/// What the answer is to follow.
pub(crate) enum Rule {
    /// A host's grammar.
    Grammar(Arc<Grammar>),
    /// That of a call, of any tool or the one of this name.
    Call(Option<Arc<str>>),
}

/// The same, with what it is compiled among.
struct Ruled {
    rule: Rule,
    /// The model's.
    grammars: Arc<Grammars>,
    /// End-of-generation tokens may come where the grammar is complete.
    may_end: bool,
}

/// What is to become the session's tokens.
pub(crate) enum Work {
    /// Tokens, of which the last `new` are the host's.
    Tokens { tokens: Vec<u32>, new: usize },
    /// Raw text behind what the session holds.
    Text { past: Vec<u32>, text: String, parse_special: bool },
    /// All messages, to be rendered.
    Conversation(Turn),
}

impl Work {
    /// What is to be done for `input` in a session that holds `conversation` and `tokens`.
    ///
    /// # Errors
    /// `InvalidArgument` if the session does not take this input; `OutOfMemory`.
    pub(crate) fn new(
        input: &Input,
        options: TextOptions<'_>,
        conversation: &mut Conversation,
        tokens: &[u32],
    ) -> Result<Self> {
        conversation.check(input, options)?;
        // A conversation that ends with what the host gave has no assistant's turn to go on with.
        let opens_turn = conversation.mode() == Mode::Chat && !conversation.is_open() && options.answers;
        Ok(match input {
            Input::Messages(new) => Self::Conversation(conversation.turn(new, options)?),
            Input::Text(text) => Self::Text {
                past: copies::tokens([tokens, &[]])?,
                text: copies::text(text)?,
                parse_special: options.parse_special,
            },
            Input::Tokens(new) => Self::Tokens { tokens: copies::tokens([tokens, new])?, new: new.len() },
            Input::Continue if opens_turn => Self::Conversation(conversation.turn(&[], options)?),
            Input::Continue => Self::Tokens { tokens: copies::tokens([tokens, &[]])?, new: 0 },
        })
    }
}

/// What a [`TextJob`] came to.
pub struct TextDone {
    pub(crate) generation: u64,
    pub(crate) prompt: Result<Prompt>,
    /// What binds the answer, from its first token on.
    pub(crate) bound: Option<Box<Bound>>,
}

impl TextJob {
    /// The work of the generation with this id, in a session of at most `context` tokens.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(crate) fn new(
        generation: u64,
        (vocab, learned): (Arc<dyn Vocab>, Arc<Learned>),
        (work, turning): (Work, Option<Turning>),
        options: TextOptions<'_>,
        context: usize,
        wanted: Weak<()>,
    ) -> Result<Self> {
        let (prefix, answers) = (copies::text(options.answer_prefix)?, options.answers);
        let room = Room::new(context, options.max_tokens, answers);
        Ok(Self { generation, vocab, work, prefix, room, answers, ruled: None, learned, turning, wanted })
    }

    /// The answer is to follow `rule`, compiled among the model's `grammars`. `may_end`: end-of-generation
    /// tokens end it.
    pub(crate) fn under(mut self, rule: Rule, grammars: Arc<Grammars>, may_end: bool) -> Self {
        self.ruled = Some(Ruled { rule, grammars, may_end });
        self
    }

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
        let done =
            AssertUnwindSafe(self.bound_prompt(&mut pauses)).catch_unwind().await.unwrap_or_else(|_| {
                Err(Error::new(ErrorKind::Internal, "a panic while the input was turned into tokens"))
            });
        match done {
            Ok((prompt, bound)) => TextDone { generation, prompt: Ok(prompt), bound },
            Err(error) => TextDone { generation, prompt: Err(error), bound: None },
        }
    }

    /// Whether it is over soon: at most `most` bytes of text, and no template to be rendered.
    pub(crate) fn is_short(&self, most: usize) -> bool {
        let bytes = match &self.work {
            Work::Tokens { .. } => 0,
            Work::Text { text, .. } => text.len(),
            Work::Conversation(_) => return false,
        };
        if self.turning.is_some() {
            // What the template knows may have to be learned.
            return false;
        }
        bytes + self.prefix.len() <= most && self.ruled.is_none()
    }

    /// The prompt, and the grammar behind it with what may come first.
    async fn bound_prompt(mut self, pauses: &mut Pauses<'_>) -> Result<(Prompt, Option<Box<Bound>>)> {
        let Some(Ruled { rule, grammars, may_end }) = self.ruled.take() else {
            return Ok((self.prompt(pauses).await?, None));
        };
        pauses.look_up().await?;
        let calls = matches!(rule, Rule::Call(_));
        let mut bound = Box::new(match rule {
            Rule::Grammar(grammar) => grammars.bind(&grammar, &self.vocab)?,
            Rule::Call(name) => {
                let speech = self.learned.speech(&*self.vocab, pauses).await?;
                let tools = self.turning.as_ref().and_then(|turning| turning.tools.as_deref());
                grammars.bind_call(&speech, Tools::new(tools), name.as_deref(), &self.vocab)?
            }
        });
        bound.set_may_end(may_end);
        pauses.look_up().await?;
        let (prefix, vocab) = (self.prefix.clone(), self.vocab.clone());
        let mut prompt = self.prompt(pauses).await?;
        if let Some(talk) = &mut prompt.talk {
            if calls {
                talk.calls()?;
            }
            if talk.binds_behind_thought(&*vocab, pauses).await? {
                return Ok((prompt, Some(bound)));
            }
            talk.is_bound();
        }
        bound.begin(&prefix, prompt.tokens.last().copied()).map_err(|why| why.within("answer_prefix"))?;
        pauses.look_up().await?;
        if !bound.is_finished() {
            bound.mask()?;
        }
        Ok((prompt, Some(bound)))
    }

    async fn prompt(self, pauses: &mut Pauses<'_>) -> Result<Prompt> {
        let (vocab, prefix, room) = (&*self.vocab, self.prefix.as_str(), self.room);
        let mut prompt = match self.work {
            Work::Tokens { tokens, new } => {
                check_ids(&tokens[tokens.len() - new..], vocab.len())?;
                Prompt::new(tokens, prefix, room, vocab, pauses).await?
            }
            Work::Text { past: mut tokens, text, parse_special } => {
                room.check_text(text.len(), tokens.len(), vocab.longest_token())?;
                // BOS alone: where a file wants EOS behind its texts too, nothing would be left to say behind
                // it.
                let bos = vocab.bos().filter(|_| tokens.is_empty() && vocab.adds_bos());
                tokens.extend(bos);
                vocab.append_in_pieces(&text, parse_special, &mut tokens, pauses).await?;
                // The text has written it, as chat templates do.
                if bos.is_some() && tokens.get(1).copied() == bos {
                    tokens.remove(0);
                }
                Prompt::new(tokens, prefix, room, vocab, pauses).await?
            }
            Work::Conversation(turn) => {
                let speech = self.learned.speech(vocab, pauses).await?;
                let format = speech.format();
                let rendering = Rendering { vocab, turn, answers: self.answers, prefix, room, format };
                rendering.prompt(pauses).await?
            }
        };
        let gone = prompt.rolled.as_ref().map_or(0, |rolled| rolled.messages.len());
        room.check(prompt.tokens.len(), gone)?;
        if let Some(turning) = &self.turning {
            let speech = self.learned.speech(vocab, pauses).await?;
            if !speech.is_plain() || turning.has_tools() {
                let talk = Talk::new(&speech, turning, &prompt.tokens, prompt.prefix, vocab, pauses).await?;
                prompt.talk = Some(Box::new(talk));
            }
        }
        Ok(prompt)
    }
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
