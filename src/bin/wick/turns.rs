//! The turns of one session: what is asked becomes a request, and its answer is shown; knows no arguments and
//! not where a turn comes from.

use super::model::named;
use super::show::{Interrupts, answer, as_json, load};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wick::{
    End, EndReason, Error, ErrorKind, Grammar, Input, Message, Reading, Request, Result, SamplerOptions,
    SavePlace, Session, Source, Stream,
};

/// What a shell gives for a program that Ctrl-C ended.
pub const INTERRUPTED: u8 = 130;

/// The turns of one session.
pub struct Turns {
    pub session: Session,
    pub sampling: SamplerOptions,
    /// The model's file, for errors.
    pub model: PathBuf,
    /// Whether a prompt is a message for the model's chat template, or text as it stands.
    pub templated: bool,
    /// The most tokens of an answer; 0: until the context is full.
    pub max_tokens: u32,
    /// Texts that end an answer.
    pub stop: Vec<String>,
    /// What an answer follows.
    pub grammar: Option<Arc<Grammar>>,
}

impl Turns {
    /// Shows the answer to `prompt`; `None`: nobody reads it any more.
    ///
    /// # Errors
    /// As [`answer`]; what may be the model's fault names the file.
    pub async fn answer(&self, prompt: String, interrupts: &mut Interrupts) -> Result<Option<End>> {
        let end = answer(self.generate(prompt)?, interrupts).await;
        end.map_err(|error| self.told(error))
    }

    /// Shows the answer to `prompt` when it is whole, with its figures, as a JSON object.
    ///
    /// # Errors
    /// As [`Turns::answer`].
    pub async fn answer_as_json(&self, prompt: String, interrupts: &mut Interrupts) -> Result<End> {
        let end = as_json(self.generate(prompt)?, interrupts).await;
        end.map_err(|error| self.told(error))
    }

    fn told(&self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::ContextFull | ErrorKind::Grammar | ErrorKind::InvalidArgument | ErrorKind::Io => error,
            _ => named(error, &self.model),
        }
    }

    /// Saves the conversation in `path`, with what is computed of it.
    ///
    /// # Errors
    /// The save's; `Io` where Ctrl-C came before its end.
    pub async fn save(&self, path: &Path, interrupts: &mut Interrupts) -> Result<()> {
        let saving = self.session.save(SavePlace::File(path.to_owned()), true, Reading::default())?;
        finished(saving, path, interrupts).await
    }

    /// Goes on with the conversation in `path`. If it fails, the one that goes on stays.
    ///
    /// # Errors
    /// The restore's, naming the file; `Io` where Ctrl-C came before its end.
    pub async fn load(&mut self, path: &Path, interrupts: &mut Interrupts) -> Result<()> {
        let (session, restoring) = self.session.model().restore(Source::path(path), Reading::default())?;
        finished(restoring, path, interrupts).await?;
        self.session = session;
        Ok(())
    }

    fn generate(&self, prompt: String) -> Result<Stream> {
        let input = if self.templated {
            Input::Messages(vec![Message { role: "user".to_owned(), content: prompt, extra: None }])
        } else {
            Input::Text(prompt)
        };
        let request = Request {
            input,
            max_tokens: self.max_tokens,
            sampling: self.sampling.clone(),
            stop: self.stop.clone(),
            grammar: self.grammar.clone(),
            ..Request::default()
        };
        self.session.generate(request, Reading::default())
    }
}

async fn finished(stream: Stream, path: &Path, interrupts: &mut Interrupts) -> Result<()> {
    let end = load(stream, interrupts).await.map_err(|error| named(error, path))?;
    match end.reason {
        EndReason::Ready => Ok(()),
        _ => Err(Error::new(ErrorKind::Io, format!("{}: interrupted", path.display()))),
    }
}
