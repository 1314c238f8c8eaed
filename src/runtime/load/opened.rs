//! A model that is open, for the engine and for the handles; knows not where it came from.

use crate::budget::Budget;
use crate::engine::Runnable;
use crate::error::{Error, ErrorKind, Result};
use crate::gguf::Placement;
use crate::model::{Decoder, PrefixCache, Runner, Spec};
use crate::runtime::facts::ModelFacts;
use crate::runtime::identity::Identity;
use crate::sample::Recommended;
use crate::text::Vocab;
use std::sync::Arc;

/// A model that is open: without a decoder if only its vocabulary was wanted.
pub(super) struct Opened {
    pub(super) decoder: Option<Box<dyn Decoder>>,
    pub(super) vocab: Arc<dyn Vocab>,
    pub(super) spec: Spec,
    pub(super) has_template: bool,
    pub(super) recommended: Recommended,
    /// As in [`ModelFacts`].
    pub(super) placement: Option<Arc<Placement>>,
    pub(super) identity: Arc<Identity>,
}

impl Opened {
    /// What is known of it, where its sessions share what they compute (`prefixes`) and draft (`drafts`) as
    /// far as its decoder can.
    pub(super) fn facts(&self, prefixes: PrefixCache, drafts: bool) -> ModelFacts {
        let (spec, vocab, placement) = (self.spec.clone(), self.vocab.clone(), self.placement.clone());
        ModelFacts {
            spec,
            vocab,
            has_template: self.has_template,
            recommended: self.recommended,
            placement,
            identity: self.identity.clone(),
            adaptable: self.decoder.as_ref().and_then(|decoder| decoder.adaptable()),
            vectors: self.decoder.as_ref().and_then(|decoder| decoder.vectors().ok()),
            shares: prefixes != PrefixCache::Off
                && self.decoder.as_ref().is_some_and(|decoder| decoder.cache_spec().shares),
            drafts: drafts && self.decoder.as_ref().is_some_and(|decoder| decoder.verifies()),
        }
    }

    /// `budget`: what keys and values are taken from.
    pub(super) fn for_engine(self, budget: &Arc<Budget>, prefixes: PrefixCache) -> Result<Runnable> {
        match self.decoder {
            Some(decoder) => Ok((Box::new(Runner::new(decoder, budget, prefixes)?), self.vocab)),
            None => Err(Error::new(ErrorKind::Unsupported, "the model was loaded for its vocabulary only")),
        }
    }
}
