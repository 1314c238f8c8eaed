//! What is known of a model while it loads and afterwards; knows no handle.

use crate::error::Error;
use crate::model::Spec;
use crate::text::Vocab;
use std::sync::Arc;

/// What is known of a model once it is loaded.
pub(super) struct ModelFacts {
    pub(super) spec: Spec,
    pub(super) vocab: Arc<dyn Vocab>,
    pub(super) has_template: bool,
}

/// How far a model's load is.
pub(super) enum LoadState {
    Loading,
    Ready(Arc<ModelFacts>),
    Failed(Error),
}

impl ModelFacts {
    /// As JSON: `state` is "ready".
    pub(super) fn to_json(&self) -> serde_json::Value {
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
            "kv_bytes_per_token": self.spec.kv_bytes_per_token,
            "chat_template": self.has_template,
        })
    }
}
