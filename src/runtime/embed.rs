//! Vectors of texts, as a stream or waited for. Knows no pass.

use super::links::Command;
use super::model::Model;
use super::options::Reading;
use super::stream::Stream;
use crate::engine::EmbedRequest;
use crate::error::{Error, ErrorKind, Result};
use crate::stream::{End, EndReason, EventKind, Next};
use std::pin::pin;
use std::time::Instant;

impl Model {
    /// Begins to make vectors of texts, each of length 1 (L2), or with a query scores, and returns their
    /// stream: an [`EventKind::Vector`] for each text, in order, then an end for
    /// [`EndReason::Ready`](super::EndReason::Ready). Never waits: it may be called while the model loads. It
    /// is computed beside generations, many texts at once; a vector does not depend on what else is computed.
    ///
    /// # Errors
    /// `QueueFull`; `Unsupported` for a model that was loaded for its vocabulary only; `Shutdown`;
    /// `StaleHandle` for a closed queue; the load's error after a failed load. As the stream's end, before
    /// the first vector: `ContextFull` for a text with more tokens than the model takes, `InvalidArgument`
    /// for one without any, `Tokenizer`, each naming the text; `Unsupported` for a model that makes no
    /// vectors; the error of the model's load. Later: `OutOfMemory`, `Numeric`.
    pub fn embed(&self, request: EmbedRequest, reading: Reading) -> Result<Stream> {
        self.start_embed(request, reading, |stream| stream)
    }

    /// As [`Model::embed`], and hands the stream to `adopt` before its first event can be delivered.
    ///
    /// # Errors
    /// As [`Model::embed`].
    pub fn start_embed<T>(
        &self,
        request: EmbedRequest,
        reading: Reading,
        adopt: impl FnOnce(Stream) -> T,
    ) -> Result<T> {
        let (links, core) = (&self.shared.links, &self.owner.core);
        let (producer, consumer) = links.stream(true, reading)?;
        self.check_computes()?;
        let limit = core.options.max_sequences.saturating_add(core.options.max_waiting);
        let Some(place) = links.facts.take_place(limit) else {
            let message = format!(
                "{limit} generations and requests are live (max_sequences + max_waiting); wait for an END, or raise max_waiting"
            );
            return Err(Error::new(ErrorKind::QueueFull, message));
        };
        let adopted = adopt(Stream::new(consumer, core));
        let (model, request) = (self.shared.id, Box::new(request));
        links.tell(Command::Embed { model, request, producer, kept: (Box::new(self.shared.clone()), place) });
        Ok(adopted)
    }

    /// The vectors of `texts`, one after the other: (texts × [`Model::vector_length`]). Waits for the model's
    /// load too. In HOST_STEP this thread does the work.
    ///
    /// # Errors
    /// As [`Model::embed`], ends included; `Timeout` at `deadline` (`None`: never).
    pub fn embed_blocking(&self, texts: Vec<String>, deadline: Option<Instant>) -> Result<Vec<f32>> {
        self.vector_length(deadline)?;
        self.all_of(EmbedRequest { texts, ..EmbedRequest::default() }, deadline)
    }

    /// How well each of `texts` goes with `query`, by a cross-encoder: raw scores, in the order of the texts.
    /// Waits as [`Model::embed_blocking`]; as a stream it is [`Model::embed`] with a query.
    ///
    /// # Errors
    /// As [`Model::embed_blocking`]; `Unsupported` for a model that is no cross-encoder.
    pub fn rerank_blocking(
        &self,
        query: String,
        texts: Vec<String>,
        deadline: Option<Instant>,
    ) -> Result<Vec<f32>> {
        self.all_of(EmbedRequest { texts, query: Some(query), ..EmbedRequest::default() }, deadline)
    }

    fn all_of(&self, request: EmbedRequest, deadline: Option<Instant>) -> Result<Vec<f32>> {
        let mut all = Vec::new();
        let stream = self.embed(request, Reading::default())?;
        loop {
            match stream.wait_next(deadline) {
                Next::Event(event) => match event.kind {
                    EventKind::Vector(vector) => {
                        all.try_reserve(vector.values.len())?;
                        all.extend_from_slice(&vector.values);
                    }
                    EventKind::End(End { reason: EndReason::Ready, .. }) => return Ok(all),
                    EventKind::End(End { error: Some(error), .. }) => return Err(error),
                    EventKind::End(_) => {
                        let why = "the runtime was shut down before the vectors were computed";
                        return Err(Error::new(ErrorKind::Shutdown, why));
                    }
                    _ => {}
                },
                Next::Empty => return Err(late("the vectors are not computed")),
                Next::Ended | Next::Closed => {
                    return Err(Error::new(ErrorKind::Internal, "the stream of vectors has no end"));
                }
            }
        }
    }

    /// How many elements a vector of a text has. Waits for the model's load until `deadline`.
    ///
    /// # Errors
    /// `Unsupported` for a model that makes none; `Timeout`; the load's error.
    pub fn vector_length(&self, deadline: Option<Instant>) -> Result<usize> {
        self.check_computes()?;
        let mut loaded = pin!(self.shared.loaded());
        let waited = match self.facts() {
            Err(error) if error.kind() == ErrorKind::Busy => {
                self.owner.core.wait(deadline, |context| loaded.as_mut().poll(context))
            }
            _ => Some(()),
        };
        waited.ok_or_else(|| late("the model is not loaded"))?;
        match self.facts()?.vectors {
            Some(vectors) => {
                vectors.check(false, &self.spec()?.architecture)?;
                Ok(vectors.width)
            }
            None => {
                let spec = self.spec()?;
                let why = format!(
                    "the {} backend makes no vectors of texts with this model of {}",
                    spec.backend, spec.architecture
                );
                Err(Error::new(ErrorKind::Unsupported, why))
            }
        }
    }
}

fn late(what: &str) -> Error {
    Error::new(ErrorKind::Timeout, format!("{what} in the time that was given; give more"))
}
