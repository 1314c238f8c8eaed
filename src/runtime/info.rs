//! What a runtime says of itself, from figures that nobody has to be waited for.

use super::core::Core;
use serde_json::{Value, json};

impl Core {
    pub(super) fn info(&self) -> Value {
        let facts = &self.links.facts;
        let (live, running) = (facts.live(), facts.running());
        let queues: Vec<usize> = self.queues().iter().map(|queue| queue.len()).collect();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "mode": if self.is_host_step() { "host_step" } else { "threads" },
            "state": if self.links.is_stopping() { "shutting down" } else { "running" },
            "threads": self.thread_names().iter().map(|name| name.to_string()).collect::<Vec<_>>(),
            "generations": { "live": live, "running": running, "waiting": live.saturating_sub(running) },
            "limits": { "max_sequences": self.options.max_sequences, "max_waiting": self.options.max_waiting },
            "passes": facts.passes(),
            "memory": {
                "weights": facts.weight_bytes(),
                "kv_and_scratch": facts.decoder_bytes(),
                "budget": self.options.memory_budget,
            },
            "queues": { "count": queues.len(), "streams": queues },
        })
    }
}
