//! What is known of a model while it loads and afterwards; knows no handle.

use super::identity::Identity;
use crate::error::Error;
use crate::gguf::Placement;
use crate::model::{Adaptable, Spec, VectorSpec};
use crate::sample::Recommended;
use crate::text::Vocab;
use std::sync::Arc;

/// What is known of a model once it is loaded.
pub(super) struct ModelFacts {
    pub(super) spec: Spec,
    pub(super) vocab: Arc<dyn Vocab>,
    pub(super) has_template: bool,
    /// What its file says of sampling.
    pub(super) recommended: Recommended,
    /// Where its weights are, if they are used where the file's bytes were mapped or read.
    pub(super) placement: Option<Arc<Placement>>,
    /// Which model it is to its saves.
    pub(super) identity: Arc<Identity>,
    /// What adapters may change of it; `None`: its backend computes none.
    pub(super) adaptable: Option<Arc<Adaptable>>,
    /// What vectors it makes of texts; none.
    pub(super) vectors: Option<VectorSpec>,
    /// Its sessions share what they have computed.
    pub(super) shares: bool,
    /// They may draft.
    pub(super) drafts: bool,
}

/// What is known of a model that is loaded.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ModelInfo {
    /// What its decoder says of itself; of a model without weights what the file says.
    pub spec: Spec,
    /// Tokens of the vocabulary.
    pub vocab_len: usize,
    /// The token that begins a text.
    pub bos: Option<u32>,
    /// Raw text gets it.
    pub adds_bos: bool,
    /// What ends an answer, ascending.
    pub end_ids: Vec<u32>,
    /// Where the weights are: "mapped" (pages of the file that the system can drop), "huge" (moved to huge
    /// pages), "partly" (some of them), "owned" (read into memory, or the host's), "none".
    pub weights: &'static str,
    /// Bytes of weights that are mapped.
    pub mapped_bytes: u64,
    /// Bytes of weights on huge pages.
    pub huge_bytes: u64,
    /// There is a chat template.
    pub has_template: bool,
    /// How the file would have tokens chosen.
    pub recommended: Recommended,
    /// Tokens that no generation says, ascending.
    pub suppressed: Vec<u32>,
    /// What its sessions have computed is shared ([`ModelOptions::prefix_cache`](super::ModelOptions)): where
    /// the backend can, and it is not off. False: every session computes its own, and a fork, a rewind and a
    /// restore may compute all of a past again.
    pub prefix_cache: bool,
    /// Several tokens may be computed at once ([`ModelOptions::drafts`](super::ModelOptions)): where the
    /// backend can, and it is not off.
    pub drafts: bool,
    /// Adapters can be loaded for it.
    pub adapters: bool,
    /// Elements of the vector that it makes of a text; 0: it makes none.
    pub vector_length: usize,
    /// It is a cross-encoder: it scores texts for a query.
    pub ranks: bool,
}

/// How far a model's load is.
pub(super) enum LoadState {
    Loading,
    Ready(Arc<ModelFacts>),
    Failed(Error),
}

impl ModelFacts {
    /// Where the weights are, in a word.
    fn weights(&self) -> &'static str {
        match &self.placement {
            Some(placement) => placement.word(),
            None if self.spec.weight_bytes == 0 => "none",
            None => "owned",
        }
    }

    /// For those who ask.
    pub(super) fn info(&self) -> ModelInfo {
        let placement = self.placement.as_deref();
        ModelInfo {
            spec: self.spec.clone(),
            vocab_len: self.vocab.len(),
            bos: self.vocab.bos(),
            adds_bos: self.vocab.adds_bos(),
            end_ids: self.vocab.end_ids().to_vec(),
            weights: self.weights(),
            mapped_bytes: placement.map_or(0, Placement::mapped),
            huge_bytes: placement.map_or(0, Placement::huge),
            has_template: self.has_template,
            recommended: self.recommended,
            suppressed: self.vocab.suppressed().to_vec(),
            prefix_cache: self.shares,
            drafts: self.drafts,
            adapters: self.adaptable.is_some(),
            vector_length: self.vectors.filter(|vectors| !vectors.ranks).map_or(0, |vectors| vectors.width),
            ranks: self.vectors.is_some_and(|vectors| vectors.ranks),
        }
    }
}
