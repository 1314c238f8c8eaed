//! Texts to the tokens that a model makes one vector each of; knows no engine and no session.

use crate::error::{Error, ErrorKind, Result};
use crate::pause::{Pauses, at_once};
use crate::text::Vocab;
use smol::future::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Texts that are to become tokens, each by itself.
pub struct TextsJob {
    id: u64,
    vocab: Arc<dyn Vocab>,
    texts: Vec<String>,
    /// What stands in front of each, a text of its own, and how many separators end it.
    query: Option<(String, usize)>,
    /// Tokens that a text may have.
    context: usize,
    /// Gone when nobody waits for them any more.
    wanted: Weak<()>,
}

/// What a [`TextsJob`] came to: the tokens of each text, at least one.
pub struct TextsDone {
    pub(crate) id: u64,
    pub(crate) tokens: Result<Vec<Vec<u32>>>,
}

impl TextsJob {
    /// The job of this number.
    pub(crate) fn new(
        id: u64,
        vocab: Arc<dyn Vocab>,
        (query, texts): (Option<(String, usize)>, Vec<String>),
        context: usize,
        wanted: Weak<()>,
    ) -> Self {
        Self { id, vocab, texts, query, context, wanted }
    }

    /// Whether it is over soon: at most `most` bytes of text.
    pub(crate) fn is_short(&self, most: usize) -> bool {
        let query = self.query.as_ref().map_or(0, |(query, _)| query.len());
        self.texts.iter().fold(query, |sum: usize, text| sum.saturating_add(text.len())) <= most
    }

    /// Does the work. Any thread; takes as long as the texts are long.
    pub fn run(self) -> TextsDone {
        at_once(self.run_in_pieces(None, || Ok(())))
    }

    /// Does the work, and gives others their turn after each `slice`, if there is one. Ends soon when nobody
    /// waits for it, or once `look` fails.
    pub async fn run_in_pieces(
        self,
        slice: Option<Duration>,
        look: impl Fn() -> Result<()> + Send + Sync,
    ) -> TextsDone {
        let (id, wanted) = (self.id, self.wanted.clone());
        let mut look = || match wanted.strong_count() {
            0 => Err(Error::new(ErrorKind::StaleHandle, "nobody waits for these texts any more")),
            _ => look(),
        };
        let mut pauses = Pauses::new(&mut look, slice);
        // Caught here: on another thread nobody else would tell who waits.
        let tokens = AssertUnwindSafe(self.tokens(&mut pauses)).catch_unwind().await.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Internal, "a panic while the texts were turned into tokens"))
        });
        TextsDone { id, tokens }
    }

    async fn tokens(self, pauses: &mut Pauses<'_>) -> Result<Vec<Vec<u32>>> {
        let mut all = Vec::new();
        all.try_reserve_exact(self.texts.len())?;
        let most = self.context.saturating_mul(self.vocab.longest_token().max(1));
        let mut query = Vec::new();
        if let Some((text, separators)) = &self.query {
            if text.len() > most {
                return Err(self.too_long("the query", format_args!("{} bytes", text.len())));
            }
            let made = self.vocab.encode_in_pieces(text, true, false, &mut query, pauses).await;
            made.map_err(|error| error.within("the query"))?;
            // It ends with one.
            let end = query.last().copied();
            query.extend(end.into_iter().cycle().take(separators.saturating_sub(1)));
        }
        for (index, text) in self.texts.iter().enumerate() {
            let name = format_args!("texts[{index}]").to_string();
            if text.len() > most {
                return Err(self.too_long(&name, format_args!("{} bytes", text.len())));
            }
            let mut tokens = Vec::new();
            let made = self.vocab.encode_in_pieces(text, true, false, &mut tokens, pauses).await;
            made.map_err(|error| error.within(&name))?;
            if self.query.is_some() {
                // [CLS] query [SEP] text [SEP] (Devlin et al. 2018): BOS comes once.
                let bos = self.vocab.adds_bos() && tokens.first().copied() == self.vocab.bos();
                tokens.splice(..usize::from(bos), query.iter().copied());
            }
            if tokens.len() > self.context {
                return Err(self.too_long(&name, format_args!("{} tokens", tokens.len())));
            }
            if tokens.is_empty() {
                let why = format!("{name} has no tokens, so that it has no vector; leave it out");
                return Err(Error::new(ErrorKind::InvalidArgument, why));
            }
            tokens.shrink_to_fit();
            all.push(tokens);
            pauses.after(text.len() + 1).await?;
        }
        Ok(all)
    }

    fn too_long(&self, name: &str, length: std::fmt::Arguments<'_>) -> Error {
        let with = if self.query.is_some() { " with the query" } else { "" };
        let context = self.context;
        let why = format!("{name} has {length}{with}, the model takes {context} tokens; cut it into parts");
        Error::new(ErrorKind::ContextFull, why)
    }
}
