//! One generation on its way from the waiting line to its end.

use super::chooser::Chooser;
use super::facts::Place;
use super::guard::quietly;
use super::rate::Rate;
use super::request::Request;
use super::session::{Session, Undo};
use crate::chat::{Beside, Output, Texts};
use crate::error::Result;
use crate::sample::Sampled;
use crate::stream::{End, EndReason, Producer};
use crate::text::Vocab;
use std::sync::{Arc, Weak};
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

impl Generation {
    /// It has a place: its text is to become tokens, as long as what is returned points to something.
    pub(super) fn start(&mut self) -> Weak<()> {
        let waited = self.producer.age().as_nanos() as u64;
        self.producer.update(|stats| stats.queue_ns = waited);
        self.producer.started();
        let wanted = Arc::new(());
        let job = Arc::downgrade(&wanted);
        self.state = State::Preparing { since: Instant::now(), _wanted: wanted };
        job
    }

    /// Tokens that it has generated.
    pub(super) fn output_tokens(&self) -> u32 {
        match &self.state {
            State::Running(run) => run.generated,
            _ => 0,
        }
    }

    /// It is over for `reason`: gives the text that is held back, and puts its session right.
    pub(super) fn leave(&mut self, session: &mut Session, reason: EndReason) {
        // After a panic too the session must be free for its next generation.
        quietly(|| match &mut self.state {
            State::Running(run) => run.leave(session, &self.producer, reason),
            _ => session.conversation.nothing_came(),
        });
        session.publish();
        self.producer.update(|stats| stats.session_tokens = session.tokens.len() as u32);
    }
}

/// A generation that takes part in passes.
pub(super) struct Run {
    pub(super) chooser: Chooser,
    output: Output,
    undo: Option<Undo>,
    pub(super) generated: u32,
    /// When its next token may come.
    pub(super) rate: Rate,
    /// Passes computed when it last took part in one, or began: those that waited longest come first.
    pub(super) last_pass: u64,
    started: Instant,
    first: Option<Instant>,
    last: Option<Instant>,
    spoke: bool,
    /// The answer goes on where the conversation's last message stopped.
    continues: bool,
}

impl Run {
    /// `started`: when its stream said so; `last_pass`: passes computed so far.
    pub(super) fn new(
        chooser: Chooser,
        output: Output,
        undo: Undo,
        continues: bool,
        rate: Rate,
        started: Instant,
        last_pass: u64,
    ) -> Self {
        Self {
            chooser,
            output,
            undo: Some(undo),
            generated: 0,
            rate,
            last_pass,
            started,
            first: None,
            last: None,
            spoke: false,
            continues,
        }
    }

    /// Takes a token that was sampled about `now` into the session and the stream; the end, if it brings one.
    pub(super) fn accept(
        &mut self,
        sampled: Sampled,
        now: Instant,
        vocab: &dyn Vocab,
        session: &mut Session,
        request: &Request,
        producer: &Producer,
    ) -> Option<Box<End>> {
        let end = |reason| Some(Box::new(End::new(reason)));
        let failed = |error| Some(Box::new(End::failed(error)));
        let token = sampled.token;
        let ends = vocab.is_end(token) && !request.ignore_eos;
        let mut is_complete = Ok(false);
        if !ends {
            self.generated += 1;
            session.tokens.push(token);
            match self.undo.take() {
                Some(_) => session.publish(),
                None => session.publish_tokens(),
            }
            is_complete = self.chooser.accept(token, || vocab.bytes(token));
        }
        self.rate.give(now);
        self.count(session, producer, now);
        if ends {
            let finished = self.chooser.check_finished().and_then(|()| self.chooser.check_called());
            return finished.map_or_else(failed, |()| end(EndReason::Stop));
        }
        let mut texts = Texts::new();
        let stop = self.output.push(vocab, sampled, &mut texts);
        texts.drain(..).for_each(|text| self.speak(text, producer, now));
        if let Err(wrong) = self.tell(producer) {
            return failed(wrong);
        }
        if let Some(stop) = stop {
            let stop = request.stop.get(stop).cloned();
            return Some(Box::new(End { stop, ..End::new(EndReason::StopString) }));
        }
        match is_complete.and_then(|is_complete| Ok(self.bind(token)? || is_complete)) {
            Err(error) => return failed(error),
            Ok(true) => return self.chooser.check_called().map_or_else(failed, |()| end(EndReason::Stop)),
            Ok(false) => {}
        }
        if request.max_tokens != 0 && self.generated >= request.max_tokens {
            return end(EndReason::Length);
        }
        if session.is_full() { end(EndReason::ContextFull) } else { None }
    }

    /// The next token: the one that has to come, or one drawn from `logits` `(vocab_len)` of those that may.
    /// `last`: the one before it; `wants_answer`: thinking is to end.
    ///
    /// # Errors
    /// Those of the chooser.
    pub(super) fn draw(
        &mut self,
        logits: &mut [f32],
        vocab: &dyn Vocab,
        last: Option<u32>,
        wants_answer: bool,
    ) -> Result<Sampled> {
        if let Some(token) = self.output.must_say(wants_answer) {
            return self.chooser.take(logits, token);
        }
        if let Some(begun) = self.output.may_open_thought() {
            let output = &self.output;
            let sampled =
                self.chooser.choose_or_begin(logits, begun, last, |id| output.would_think(id, vocab))?;
            if self.chooser.is_bound() {
                self.output.is_bound();
            }
            return Ok(sampled);
        }
        if !self.output.forbids_calls() {
            return self.chooser.choose(logits);
        }
        let output = &self.output;
        self.chooser.choose_but(logits, |token| output.would_call(token, vocab))
    }

    /// The grammar binds from here on, if it waited for the end of a thought that has come with `token`;
    /// whether it is complete.
    ///
    /// # Errors
    /// `Grammar`: it does not allow what has come of the answer.
    fn bind(&mut self, token: u32) -> Result<bool> {
        let Some(prefix) = self.output.take_bound_prefix() else { return Ok(false) };
        self.chooser.begin(&prefix, Some(token))?;
        Ok(self.chooser.is_finished())
    }

    fn leave(&mut self, session: &mut Session, producer: &Producer, reason: EndReason) {
        let goes_on = may_go_on(reason);
        self.flush(producer, reason);
        if reason == EndReason::Ready {
            self.undo = None;
        }
        match self.undo.take() {
            Some(undo) => {
                session.restore(undo);
                if self.continues && !goes_on {
                    session.conversation.give_up();
                }
            }
            None => {
                if let Some(answer) = self.output.take_answer().filter(|_| self.generated > 0) {
                    session.conversation.keep_answer(answer, self.continues);
                }
                session.conversation.set_unfinished(self.output.unfinished());
                session.conversation.keep_place(session.tokens.len());
            }
        }
    }

    /// Releases the held back text, which comes before the end for `reason`.
    fn flush(&mut self, producer: &Producer, reason: EndReason) {
        let mut texts = Texts::new();
        // What a grammar binds is over with the grammar only.
        let is_over =
            reason == EndReason::Stop || reason == EndReason::StopString && !self.chooser.is_bound();
        self.output.finish(may_go_on(reason), !is_over, &mut texts);
        texts.into_iter().for_each(|text| self.speak(text, producer, Instant::now()));
        // What is wrong with a call now changes no end: it is not told.
        drop(self.tell(producer));
    }

    /// Calls, and what the library has to say of them.
    ///
    /// # Errors
    /// `Grammar`: a call that had to come is not what its tool's schema says; it is not told.
    fn tell(&mut self, producer: &Producer) -> Result<()> {
        let mut told = Ok(());
        for event in self.output.take_events() {
            match event {
                Beside::Call(call) => match self.chooser.check_call(&call) {
                    Ok(()) => producer.tool_call(call),
                    wrong => told = wrong,
                },
                Beside::Note(note) => producer.note(note),
            }
        }
        told
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

/// Whether a session's text may go on behind this end as if there were none: it may be inside a character.
fn may_go_on(reason: EndReason) -> bool {
    use EndReason::{ContextFull, Shutdown, Stop, StopString};
    !matches!(reason, Stop | StopString | ContextFull | Shutdown)
}
