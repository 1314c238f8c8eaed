//! What is known of a model while it loads and afterwards; knows no handle.

use crate::error::Error;
use crate::gguf::Placement;
use crate::model::Spec;
use crate::text::Vocab;
use std::sync::Arc;

/// What is known of a model once it is loaded.
pub(super) struct ModelFacts {
    pub(super) spec: Spec,
    pub(super) vocab: Arc<dyn Vocab>,
    pub(super) has_template: bool,
    /// Where its weights are, if they are used where the file's bytes were mapped or read.
    pub(super) placement: Option<Arc<Placement>>,
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

    /// As JSON: `state` is "ready".
    pub(super) fn to_json(&self) -> serde_json::Value {
        let placement = self.placement.as_deref();
        serde_json::json!({
            "state": "ready",
            "name": self.spec.name,
            "architecture": self.spec.architecture,
            "backend": self.spec.backend,
            "parameters": self.spec.parameters,
            "quantisation": self.spec.quantisation,
            "context_length": self.spec.context_length,
            "embedding_length": self.spec.embedding_length,
            "vocab_size": self.vocab.len(),
            "bos_id": self.vocab.bos(),
            "adds_bos": self.vocab.adds_bos(),
            "eos_ids": self.vocab.end_ids(),
            "weight_bytes": self.spec.weight_bytes,
            "weights": self.weights(),
            "mapped_bytes": placement.map_or(0, Placement::mapped),
            "huge_bytes": placement.map_or(0, Placement::huge),
            "kv_bytes_per_token": self.spec.kv_bytes_per_token,
            "chat_template": self.has_template,
        })
    }
}
