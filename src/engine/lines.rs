//! The engine's log lines: which events are worth one, and with which keys. Knows what it is told, and no
//! engine.

use super::facts::EngineFacts;
use super::generation::Generation;
use crate::log::Level;
use crate::model::Spec;
use crate::stream::End;
use std::time::Duration;

impl EngineFacts {
    /// A generation is about to have its end.
    pub(super) fn say_ended(&self, id: u64, generation: &Generation, end: &End) {
        let line = self.log.line(Level::Debug, "generation_ended");
        if !line.is_wanted() {
            return;
        }
        let stats = generation.producer.stats();
        let error = end.error.as_ref();
        line.with("generation", id)
            .with("session", generation.session)
            .with("model", generation.model)
            .with("reason", format_args!("{:?}", end.reason))
            .with("prompt_tokens", stats.prompt_tokens)
            .with("cached_tokens", stats.cached_tokens)
            .with("output_tokens", stats.output_tokens)
            .with("session_tokens", stats.session_tokens)
            .with("queue_us", stats.queue_ns / 1000)
            .with("prefill_us", stats.prefill_ns / 1000)
            .with("ttft_us", stats.ttft_ns / 1000)
            .with("decode_us", stats.decode_ns / 1000)
            .with_some("kind", error.map(|error| format!("{:?}", error.kind())))
            .with_some("message", error.map(|error| error.message()))
            .send();
    }

    /// An idle session's keys and values gave way.
    pub(super) fn say_evicted(&self, session: u64, tokens: usize) {
        self.log.line(Level::Info, "evicted").with("session", session).with("tokens", tokens).send();
    }

    /// A model's weights stay where they are, since moving them took too long on the host's thread.
    pub(super) fn say_slow_pages(&self, model: u64) {
        self.log.line(Level::Info, "slowed").with("model", model).with("what", "huge_pages").send();
    }

    /// A decoder computes fewer sequences together than the runtime allows.
    pub(super) fn say_batch(&self, model: u64, allowed: usize, spec: &Spec) {
        if spec.max_batch < allowed {
            self.log
                .line(Level::Info, "clamped")
                .with("model", model)
                .with("what", "max_sequences")
                .with("given", allowed)
                .with("used", spec.max_batch)
                .send();
        }
    }

    /// A pass is computed.
    pub(super) fn say_pass(&self, model: u64, decoding: usize, prompt: usize, took: Duration) {
        self.log
            .line(Level::Trace, "pass")
            .with("model", model)
            .with("decode_rows", decoding)
            .with("prompt_rows", prompt)
            .with("took_us", took.as_micros())
            .send();
    }
}
