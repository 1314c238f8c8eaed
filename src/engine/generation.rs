//! One generation on its way from the waiting line to its end.

use super::facts::Place;
use super::id_by_id::Texts;
use super::output::Output;
use super::request::Request;
use super::session::{Session, Undo};
use crate::sample::{Sampled, Sampler};
use crate::stream::{End, EndReason, Producer};
use crate::text::Vocab;
use std::sync::Arc;
use std::time::Instant;

/// A generation: its request, its stream, and how far it is.
pub(super) struct Generation {
    pub(super) session: u64,
    pub(super) model: u64,
    pub(super) request: Request,
    pub(super) producer: Producer,
    pub(super) place: Place,
    pub(super) state: State,
}

/// How far a generation is.
pub(super) enum State {
    /// In line.
    Waiting,
    /// It has a place; its text is being turned into tokens, as long as this is there.
    Preparing {
        /// When it got its place.
        since: Instant,
        _wanted: Arc<()>,
    },
    /// It takes part in passes.
    Running(Box<Run>),
}

/// A generation that takes part in passes.
pub(super) struct Run {
    pub(super) sampler: Sampler,
    pub(super) output: Output,
    pub(super) undo: Option<Undo>,
    pub(super) generated: u32,
    /// Passes computed when it last took part in one, or began: those that waited longest come first.
    pub(super) served: u64,
    started: Instant,
    first: Option<Instant>,
    last: Option<Instant>,
    spoke: bool,
    /// The answer goes on where the conversation's last message stopped.
    pub(super) continues: bool,
}

impl Run {
    /// `started`: when its stream said so; `served`: passes computed so far.
    pub(super) fn new(
        sampler: Sampler,
        output: Output,
        undo: Undo,
        continues: bool,
        started: Instant,
        served: u64,
    ) -> Self {
        Self {
            sampler,
            output,
            undo: Some(undo),
            generated: 0,
            served,
            started,
            first: None,
            last: None,
            spoke: false,
            continues,
        }
    }

    /// Takes the sampled `token` into the session and the stream; the end, if it brings one.
    pub(super) fn accept(
        &mut self,
        sampled: Sampled,
        vocab: &dyn Vocab,
        session: &mut Session,
        request: &Request,
        producer: &Producer,
    ) -> Option<End> {
        let token = sampled.token;
        let ends = vocab.is_end(token) && !request.ignore_eos;
        if !ends {
            self.undo = None;
            self.generated += 1;
            session.tokens.push(token);
            session.publish();
            self.sampler.accept(token);
        }
        let now = Instant::now();
        self.count(session, producer, now);
        if ends {
            return Some(End::new(EndReason::Stop));
        }
        let mut texts = Texts::new();
        let stop = self.output.push(vocab, sampled, &mut texts);
        texts.into_iter().for_each(|text| self.speak(text, producer, now));
        if let Some(stop) = stop {
            let stop = request.stop.get(stop).cloned();
            return Some(End { stop, ..End::new(EndReason::StopString) });
        }
        if request.max_tokens != 0 && self.generated >= request.max_tokens {
            return Some(End::new(EndReason::Length));
        }
        session.is_full().then(|| End::new(EndReason::ContextFull))
    }

    /// Releases the held back text, which comes before every end. `goes_on`: as [`Output::finish`] has it.
    pub(super) fn flush(&mut self, producer: &Producer, goes_on: bool) {
        let mut texts = Texts::new();
        self.output.finish(goes_on, &mut texts);
        texts.into_iter().for_each(|text| self.speak(text, producer, Instant::now()));
    }

    fn speak(&mut self, text: crate::stream::Text, producer: &Producer, now: Instant) {
        if !self.spoke {
            self.spoke = true;
            let age = producer.age().as_nanos() as u64;
            producer.update(|stats| stats.ttft_ns = age);
        }
        producer.text_at(text, now);
    }

    /// Keeps how long the input took.
    pub(super) fn count_prefill(&self, producer: &Producer, now: Instant) {
        let took = (now - self.started).as_nanos() as u64;
        producer.update(|stats| stats.prefill_ns = took);
    }

    /// Keeps the figures after a sampled token.
    fn count(&mut self, session: &Session, producer: &Producer, now: Instant) {
        if self.first.is_none() {
            self.count_prefill(producer, now);
        }
        let first = *self.first.get_or_insert(now);
        let gap = self.last.map_or(0, |last| (now - last).as_nanos() as u64);
        self.last = Some(now);
        producer.update(|stats| {
            stats.decode_ns = (now - first).as_nanos() as u64;
            stats.max_gap_ns = stats.max_gap_ns.max(gap);
            stats.output_tokens = self.generated;
            stats.session_tokens = session.tokens.len() as u32;
        });
    }
}
