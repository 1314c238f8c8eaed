//! The models of this server, of which there is one.

use crate::model::Served;
use serde_json::{Value, json};

/// The list of models.
pub fn models(served: &Served) -> Value {
    json!({"object": "list", "data": [model(served)]})
}

/// One model. `wick` holds what OpenAI has no place for.
pub fn model(served: &Served) -> Value {
    let spec = &served.info.spec;
    json!({
        "id": *served.name,
        "object": "model",
        "created": served.created,
        "owned_by": "wick",
        "wick": {
            "architecture": spec.architecture,
            "quantisation": spec.quantisation,
            "parameters": spec.parameters,
            "context_length": spec.context_length,
            "vocabulary": served.info.vocab_len,
            "chat_template": served.info.has_template,
            "prefix_cache": served.info.prefix_cache,
        },
    })
}
