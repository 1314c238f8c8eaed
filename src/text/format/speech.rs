//! A format for one vocabulary: what is looked for in a model's text. Knows no stream.

use super::form::{Body, Calls, Format};
use super::marker::Marker;
use crate::error::Result;
use crate::text::vocab::Vocab;

/// Calls of Llama 3 may begin with it, which no template says.
const PYTHON_TAG: &str = "<|python_tag|>";

/// How the model of a chat template speaks, as its vocabulary has it.
#[derive(Debug, Clone)]
pub struct Speech {
    format: Format,
    /// Its calls, or the fallback's.
    pub(super) form: Calls,
    pub(super) thinks: Marker,
    pub(super) thought: Marker,
    pub(super) calls: Marker,
    pub(super) called: Marker,
    pub(super) harmony: Option<Box<Harmony>>,
    /// All tokens that are a part of a marker, ascending.
    tokens: Vec<u32>,
}

/// The markers of messages with headers.
#[derive(Debug, Clone)]
pub(super) struct Harmony {
    pub(super) start: Marker,
    pub(super) channel: Marker,
    pub(super) message: Marker,
    /// What ends a message.
    pub(super) ends: [Marker; 3],
}

impl Speech {
    /// `format` in the words of `vocab`.
    ///
    /// # Errors
    /// As [`Vocab::encode`].
    pub fn new(format: Format, vocab: &dyn Vocab) -> Result<Self> {
        let marker = |text: &str| Marker::new(text, vocab);
        let form = format.calls.clone().unwrap_or_else(Calls::fallback);
        let (mut calls, called) = (marker(&form.begin)?, marker(&form.end)?);
        let tag = marker(PYTHON_TAG)?;
        if form.begin.is_empty() && !format.harmony && tag.is_token() {
            calls = tag;
        }
        let (thinks, thought) = (Marker::default(), Marker::default());
        let mut speech = Self {
            format: Format::default(),
            form,
            thinks,
            thought,
            calls,
            called,
            harmony: None,
            tokens: Vec::new(),
        };
        if let Some(reasoning) = &format.reasoning {
            (speech.thinks, speech.thought) = (marker(&reasoning.begin)?, marker(&reasoning.end)?);
        }
        if format.harmony {
            speech.harmony = Some(Box::new(Harmony {
                start: marker("<|start|>")?,
                channel: marker("<|channel|>")?,
                message: marker("<|message|>")?,
                ends: [marker("<|end|>")?, marker("<|call|>")?, marker("<|return|>")?],
            }));
        }
        speech.format = format;
        let harmony = speech.harmony.iter().flat_map(|harmony| {
            [&harmony.start, &harmony.channel, &harmony.message].into_iter().chain(&harmony.ends)
        });
        let markers = [&speech.thinks, &speech.thought, &speech.calls, &speech.called];
        let mut tokens: Vec<u32> = markers.into_iter().chain(harmony).flat_map(Marker::tokens).collect();
        tokens.sort_unstable();
        tokens.dedup();
        speech.tokens = tokens;
        Ok(speech)
    }

    /// The format itself.
    pub fn format(&self) -> &Format {
        &self.format
    }

    /// The form of its calls, or the fallback's.
    pub fn calls_form(&self) -> &Calls {
        &self.form
    }

    /// Whether the token is a part of a marker.
    pub fn is_part(&self, id: u32) -> bool {
        self.tokens.binary_search(&id).is_ok()
    }

    /// Whether all that the model says without tools is a plain answer.
    pub fn is_plain(&self) -> bool {
        self.format.reasoning.is_none() && !self.format.harmony
    }

    /// Calls that nothing begins are told by how they begin.
    pub(super) fn is_bare(&self) -> bool {
        self.form.begin.is_empty() && matches!(self.form.body, Body::Json(_) | Body::Python)
    }
}
