//! The engine's log lines: which events are worth one, and with which keys. Knows what it is told, and no
//! engine.

use super::costs::Rows;
use super::facts::EngineFacts;
use super::generation::Generation;
use crate::error::Error;
use crate::log::Level;
use crate::model::Spec;
use crate::stream::{End, Stats};
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

    /// A request for vectors is about to have its end.
    pub(super) fn say_embedded(&self, id: u64, model: u64, stats: &Stats, end: &End) {
        let error = end.error.as_ref();
        self.log
            .line(Level::Debug, "embedding_ended")
            .with("embedding", id)
            .with("model", model)
            .with("reason", format_args!("{:?}", end.reason))
            .with("prompt_tokens", stats.prompt_tokens)
            .with("queue_us", stats.queue_ns / 1000)
            .with("prefill_us", stats.prefill_ns / 1000)
            .with_some("kind", error.map(|error| format!("{:?}", error.kind())))
            .with_some("message", error.map(Error::message))
            .send();
    }

    /// An idle session's keys and values gave way.
    pub(super) fn say_evicted(&self, session: u64, tokens: usize) {
        self.log.line(Level::Info, "evicted").with("session", session).with("tokens", tokens).send();
    }

    /// What makes a model quicker is left out: `huge_pages`, for good, since moving weights took too long on
    /// the host's thread; `drafts`, for a while, since a pass with them failed.
    pub(super) fn say_slowed(&self, model: u64, what: &str, error: Option<&Error>) {
        self.log
            .line(Level::Info, "slowed")
            .with("model", model)
            .with("what", what)
            .with_some("message", error.map(Error::message))
            .send();
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
    pub(super) fn say_pass(&self, model: u64, rows: Rows, took: Duration) {
        if !self.log.wants(Level::Trace) {
            return;
        }
        self.log
            .line(Level::Trace, "pass")
            .with("model", model)
            .with("decode_rows", rows.decoding)
            .with("draft_rows", rows.drafts)
            .with("prompt_rows", rows.prompt)
            .with("took_us", took.as_micros())
            .send();
    }
}
