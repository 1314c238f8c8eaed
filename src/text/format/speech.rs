//! A format for one vocabulary: what is looked for in a model's text. Knows no stream.

use super::form::{Body, Format};
use super::marker::Marker;
use crate::error::Result;
use crate::text::vocab::Vocab;

/// Calls of Llama 3 may begin with it, which no template says.
const PYTHON_TAG: &str = "<|python_tag|>";

/// How the model of a chat template speaks, as its vocabulary has it.
#[derive(Debug, Clone, Default)]
pub struct Speech {
    pub(super) format: Format,
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
        let mut speech = Self::default();
        if let Some(reasoning) = &format.reasoning {
            (speech.thinks, speech.thought) = (marker(&reasoning.begin)?, marker(&reasoning.end)?);
        }
        if let Some(calls) = &format.calls {
            (speech.calls, speech.called) = (marker(&calls.begin)?, marker(&calls.end)?);
            let tag = marker(PYTHON_TAG)?;
            if calls.begin.is_empty() && tag.is_token() {
                speech.calls = tag;
            }
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

    /// Whether the token is a part of a marker.
    pub fn is_part(&self, id: u32) -> bool {
        self.tokens.binary_search(&id).is_ok()
    }

    /// Whether it is a plain answer whatever the model says.
    pub fn is_plain(&self) -> bool {
        self.format.reasoning.is_none() && self.format.calls.is_none() && !self.format.harmony
    }

    /// Calls that nothing begins are told by how they begin.
    pub(super) fn is_bare(&self) -> bool {
        let calls = self.format.calls.as_ref();
        calls
            .is_some_and(|calls| calls.begin.is_empty() && matches!(calls.body, Body::Json(_) | Body::Python))
    }
}
