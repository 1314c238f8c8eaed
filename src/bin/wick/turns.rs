//! The turns of one session: what is asked becomes a request, and its answer is shown; knows no arguments and
//! not where a turn comes from.

use super::model::named;
use super::show::{Interrupts, answer};
use std::path::PathBuf;
use wick::{End, ErrorKind, Input, Message, Reading, Request, Result, SamplerOptions, Session, Stream};

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
}

impl Turns {
    /// Shows the answer to `prompt`; `None`: nobody reads it any more.
    ///
    /// # Errors
    /// As [`answer`]; what may be the model's fault names the file.
    pub async fn answer(&self, prompt: String, interrupts: &mut Interrupts) -> Result<Option<End>> {
        let end = answer(self.generate(prompt)?, interrupts).await;
        end.map_err(|error| match error.kind() {
            ErrorKind::ContextFull | ErrorKind::InvalidArgument | ErrorKind::Io => error,
            _ => named(error, &self.model),
        })
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
            ..Request::default()
        };
        self.session.generate(request, Reading::default())
    }
}
