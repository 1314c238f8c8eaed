//! What is known of runtimes, models and sessions, as the JSON that C gets; knows no handle.

use crate::error::{ErrorKind, Result};
use crate::runtime::{AdapterAbout, Mode, ModelInfo, RuntimeInfo, SessionInfo, SessionState};
use crate::sample::Recommended;
use serde_json::{Value, json};

/// As the docs of wick_runtime_info say.
pub(super) fn runtime(info: &RuntimeInfo) -> String {
    let threads: Vec<&str> = info.threads.iter().map(|name| &**name).collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "mode": match info.mode {
            Mode::Threads => "threads",
            Mode::HostStep => "host_step",
        },
        "state": if info.is_shutting_down { "shutting down" } else { "running" },
        "threads": threads,
        "generations": { "live": info.live, "running": info.running, "waiting": info.waiting() },
        "limits": { "max_sequences": info.max_sequences, "max_waiting": info.max_waiting },
        "passes": info.passes,
        "memory": {
            "weights": info.weight_bytes,
            "kv_and_scratch": info.kv_and_scratch_bytes,
            "budget": info.memory_budget,
        },
        "queues": { "count": info.queues.len(), "streams": info.queues },
    })
    .to_string()
}

/// As the docs of wick_model_info say: of a model that loads its state alone.
///
/// # Errors
/// That of a failed load.
pub(super) fn model(info: Result<ModelInfo>) -> Result<String> {
    let info = match info {
        Err(error) if error.kind() == ErrorKind::Busy => return Ok(json!({ "state": "loading" }).to_string()),
        known => known?,
    };
    let known = json!({
        "state": "ready",
        "name": info.spec.name,
        "architecture": info.spec.architecture,
        "backend": info.spec.backend,
        "parameters": info.spec.parameters,
        "quantisation": info.spec.quantisation,
        "context_length": info.spec.context_length,
        "embedding_length": info.spec.embedding_length,
        "vocab_size": info.vocab_len,
        "bos_id": info.bos,
        "adds_bos": info.adds_bos,
        "eos_ids": info.end_ids,
        "weight_bytes": info.spec.weight_bytes,
        "weights": info.weights,
        "mapped_bytes": info.mapped_bytes,
        "huge_bytes": info.huge_bytes,
        "kv_bytes_per_token": info.spec.kv_bytes_per_token,
        "chat_template": info.has_template,
        "suppressed_ids": info.suppressed,
        "encodes": info.spec.encodes,
        "prefix_cache": info.prefix_cache,
        "drafts": info.drafts,
        "adapters": info.adapters,
        "vector_length": info.vector_length,
        "ranks": info.ranks,
        "sampling": sampling(&info.recommended),
    });
    Ok(known.to_string())
}

/// As the docs of wick_adapter_info say: of an adapter that loads its state alone.
///
/// # Errors
/// That of a failed load.
pub(super) fn adapter(info: Result<AdapterAbout>) -> Result<String> {
    let about = match info {
        Err(error) if error.kind() == ErrorKind::Busy => return Ok(json!({ "state": "loading" }).to_string()),
        known => known?,
    };
    let known = json!({
        "state": "ready",
        "name": about.name,
        "architecture": about.architecture,
        "content": format!("{:032x}", about.content),
        "alpha": about.alpha,
        "rank": about.rank,
        "matrices": about.matrices,
        "bytes": about.bytes,
    });
    Ok(known.to_string())
}

/// What a file recommends, where it says so.
fn sampling(recommended: &Recommended) -> Value {
    let number = |(name, value): (&str, String)| Some((name.to_owned(), serde_json::from_str(&value).ok()?));
    Value::Object(recommended.said().filter_map(number).collect())
}

/// As the docs of wick_session_info say.
pub(super) fn session(info: &SessionInfo) -> String {
    json!({
        "state": match info.state {
            SessionState::Idle => "idle",
            SessionState::Generating => "generating",
            SessionState::Stopping => "stopping",
            SessionState::Restoring => "restoring",
        },
        "tokens": info.tokens,
        "messages": info.messages,
        "rolled_messages": info.rolled_messages,
        "rolled_tokens": info.rolled_tokens,
        "context_length": info.context_length,
        "context_left": info.context_left(),
    })
    .to_string()
}
