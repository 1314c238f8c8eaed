//! A load's log lines: which events are worth one, and with which keys; loads nothing.

use super::opened::Opened;
use crate::error::Result;
use crate::gguf::Source;
use crate::log::{Level, Line, Log};
use crate::runtime::options::{ModelOptions, ModelSource};
use crate::stream::{End, EndReason};
use std::time::Instant;

/// What the lines of one load have in common.
pub(super) struct Lines<'a> {
    log: &'a Log,
    model: u64,
    begun: Instant,
    /// What the context was limited to.
    context_length: Option<usize>,
}

impl<'a> Lines<'a> {
    /// Says that the load begins.
    pub(super) fn begin(log: &'a Log, model: u64, options: &ModelOptions) -> Self {
        let lines = Self { log, model, begun: Instant::now(), context_length: options.context_length };
        let source = match &options.source {
            ModelSource::Gguf(Source::File { path, .. }) => path.display().to_string(),
            ModelSource::Gguf(Source::Memory(_)) => "memory".to_owned(),
            ModelSource::Gguf(Source::Reader(_)) => "reader".to_owned(),
            ModelSource::Custom(_) => "custom".to_owned(),
        };
        lines.line(Level::Info, "load_started").with("source", source).send();
        lines
    }

    /// Says what it came to, before its END can be read.
    pub(super) fn end(&self, loaded: &Result<Opened>, end: &End) {
        match (loaded, &end.error) {
            (Ok(opened), _) => self.ready(opened),
            (_, Some(error)) => self
                .line(Level::Error, "load_failed")
                .with("kind", format_args!("{:?}", error.kind()))
                .with("message", error.message())
                .send(),
            _ => {
                let level = if end.reason == EndReason::Shutdown { Level::Debug } else { Level::Info };
                self.line(level, "load_stopped").with("reason", format_args!("{:?}", end.reason)).send();
            }
        }
    }

    fn ready(&self, opened: &Opened) {
        let spec = &opened.spec;
        self.line(Level::Info, "load_ready")
            .with("backend", spec.backend)
            .with("name", &spec.name)
            .with("architecture", &spec.architecture)
            .with("quantisation", &spec.quantisation)
            .with("parameters", spec.parameters)
            .with("weight_bytes", spec.weight_bytes)
            .with("kv_bytes_per_token", spec.kv_bytes_per_token)
            .with("context_length", spec.context_length)
            .with("vocab_size", opened.vocab.len())
            .with("took_ms", self.begun.elapsed().as_millis())
            .send();
        if let Some(given) = self.context_length.filter(|given| *given > spec.context_length) {
            self.line(Level::Info, "clamped")
                .with("what", "context_length")
                .with("given", given)
                .with("used", spec.context_length)
                .send();
        }
    }

    fn line(&self, level: Level, event: &str) -> Line<'a> {
        self.log.line(level, event).with("model", self.model)
    }
}
