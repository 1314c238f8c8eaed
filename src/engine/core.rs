//! The engine's steps: requests in, events out, one slice at a time; knows no thread and no waiting.

use super::conversation::SessionOptions;
use super::costs::Costs;
use super::facts::{Place, SessionFacts};
use super::generation::{Generation, State};
use super::request::Request;
use super::session::{Errand, Session};
use super::state::{Engine, Model, ModelState, quietly};
use super::text_job::{TextDone, TextJob};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Decoder;
use crate::stream::{End, EndReason, Producer};
use crate::text::Vocab;
use std::cmp::Reverse;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Something was computed: step again.
    Worked,
    /// Nothing to do until a request comes, or until the given time.
    Idle(Option<Instant>),
}

impl Engine {
    /// A model that generations may wait for from now on.
    pub fn add_model(&mut self, model: u64) {
        self.models.insert(
            model,
            Model { state: ModelState::Loading, settled: false, costs: Costs::default(), warm: false },
        );
    }

    /// The model's load is over: its generations start, or end with the error.
    pub fn settle_model(&mut self, model: u64, loaded: Result<(Box<dyn Decoder>, Arc<dyn Vocab>)>) {
        if let Some(slot) = self.models.get_mut(&model) {
            slot.state = match loaded {
                Ok((decoder, vocab)) => {
                    self.facts.say_batch(model, self.limits.max_sequences, decoder.spec());
                    ModelState::Ready { decoder, vocab }
                }
                Err(error) => ModelState::Failed(error),
            };
            self.stirred = true;
            self.weigh();
        }
    }

    /// Nobody holds the model or a session of it any more.
    pub fn remove_model(&mut self, model: u64) {
        self.models.remove(&model);
        self.weigh();
    }

    /// A new, empty session.
    pub fn add_session(
        &mut self,
        session: u64,
        model: u64,
        options: SessionOptions,
        facts: Arc<SessionFacts>,
    ) {
        self.sessions.insert(session, Session::new(model, options, facts));
    }

    /// Gives the session another system message, or none, from the turn after the last submitted one on.
    pub fn set_system(&mut self, session: u64, system: Option<String>) {
        if let Some(session) = self.sessions.get_mut(&session) {
            session.errands.push_back(Errand::SetSystem(system));
        }
        self.run_errands(session);
    }

    /// Empties the session as soon as its generation has stopped.
    pub fn clear_session(&mut self, session: u64) {
        if let Some(session) = self.sessions.get_mut(&session) {
            session.errands.push_back(Errand::Clear);
        }
        self.run_errands(session);
        self.weigh();
    }

    /// Cancels the session's generations and forgets it.
    pub fn remove_session(&mut self, session: u64) {
        let of_session = self.generations.iter().filter(|(_, one)| one.session == session);
        for id in of_session.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.end(id, End::new(EndReason::Cancelled));
        }
        let Some(session) = self.sessions.remove(&session) else { return };
        if let (Some(sequence), Some(model)) = (session.sequence, self.models.get_mut(&session.model))
            && let ModelState::Ready { decoder, .. } = &mut model.state
        {
            quietly(|| decoder.close(sequence));
        }
        self.weigh();
    }

    /// Takes a generation: from here on its stream ends, whatever happens.
    pub fn submit(&mut self, session: u64, request: Request, producer: Producer, place: Place) {
        let Some(slot) = self.sessions.get_mut(&session) else {
            drop(place);
            return producer.end(End::new(EndReason::Cancelled));
        };
        self.arrivals += 1;
        let id = self.arrivals;
        slot.errands.push_back(Errand::Generate(id));
        producer.update(|stats| stats.seed = request.sampling.seed);
        self.line.insert((Reverse(request.priority), id));
        self.next_deadline = earlier(self.next_deadline, request.deadline);
        // Its stream may have been closed on the way here.
        self.attention |= producer.is_cancelled();
        let (model, state) = (slot.model, State::Waiting);
        self.generations.insert(id, Generation { session, model, request, producer, place, state });
        self.stirred = true;
    }

    /// Somebody may have cancelled or closed a stream, or made room in one.
    pub fn attend(&mut self) {
        self.attention = true;
    }

    /// Stops or resumes computing; ends are still given.
    pub fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// How long a slice of work takes about.
    pub fn slice(&self) -> Duration {
        self.limits.slice
    }

    /// Text work that is, or may be, too long for the time between two slices: run it anywhere, then hand it
    /// to [`Engine::finish_text`].
    pub fn take_job(&mut self) -> Option<TextJob> {
        self.jobs.pop_front()
    }

    /// Ends every generation for `reason` or, if that is `None`, because of a panic in the engine itself.
    pub fn end_all(&mut self, reason: Option<EndReason>) {
        let ids: Vec<u64> = self.generations.keys().copied().collect();
        for id in ids {
            let end = reason.map(End::new).unwrap_or_else(|| {
                End::failed(Error::new(ErrorKind::Internal, "a panic in the engine ended this generation"))
            });
            self.end(id, end);
        }
    }

    /// The model's weights stay where they are from now on.
    pub fn keep_mapped(&mut self, model: u64) {
        let Some(model) = self.models.get_mut(&model) else { return };
        model.settled = true;
        if let ModelState::Ready { decoder, .. } = &mut model.state {
            quietly(|| decoder.trim());
        }
    }

    /// Does one slice of work.
    pub fn step(&mut self) -> Outcome {
        self.advance(!self.paused)
    }

    /// As [`Engine::step`] of an engine that is paused: ends and starts, but computes nothing.
    pub fn step_without_computing(&mut self) -> Outcome {
        self.advance(false)
    }

    fn advance(&mut self, computes: bool) -> Outcome {
        let now = Instant::now();
        if self.attention || self.next_deadline.is_some_and(|deadline| deadline <= now) {
            self.sweep(now);
        }
        if std::mem::take(&mut self.stirred) && !self.admit(now + self.limits.slice) {
            self.stirred = true;
            return Outcome::Worked;
        }
        if !computes {
            return Outcome::Idle(self.next_deadline);
        }
        if self.pass.is_none() && self.settle_beside() {
            return Outcome::Worked;
        }
        if self.pass.is_none() && !self.begin_pass() {
            let (due, later) = match self.settle_after() {
                Some(after) if after <= now => (true, None),
                later => (false, later),
            };
            return if self.stirred || due && self.settle() {
                Outcome::Worked
            } else {
                Outcome::Idle(earlier(self.next_deadline, later))
            };
        }
        self.run_slice(now + self.limits.slice);
        Outcome::Worked
    }

    /// Takes the result of a [`TextJob`].
    pub fn finish_text(&mut self, done: TextDone) {
        if self.generations.contains_key(&done.generation) {
            match done.tokens {
                Ok(tokens) => self.run(done.generation, tokens),
                Err(error) => self.end(done.generation, End::failed(error)),
            }
        }
    }

    /// Ends the generations that were cancelled or whose time is over.
    fn sweep(&mut self, now: Instant) {
        self.attention = false;
        let mut due = Vec::new();
        self.next_deadline = None;
        for (id, generation) in &self.generations {
            if generation.producer.is_cancelled() {
                due.push((*id, EndReason::Cancelled));
            } else if generation.request.deadline.is_some_and(|deadline| deadline <= now) {
                due.push((*id, EndReason::Deadline));
            } else {
                self.next_deadline = earlier(self.next_deadline, generation.request.deadline);
            }
        }
        for (id, reason) in due {
            self.end(id, End::new(reason));
        }
    }

    /// Ends one generation, exactly once: its held back text comes first, then its session is put right, then
    /// its place is free.
    pub(super) fn end(&mut self, id: u64, end: End) {
        let Some(mut generation) = self.generations.remove(&id) else { return };
        // Who cancels is told so, whatever came afterwards.
        let end = if generation.producer.is_cancelled() { End::new(EndReason::Cancelled) } else { end };
        self.line.remove(&(Reverse(generation.request.priority), id));
        self.running.retain(|running| *running != id);
        self.drop_rows(id);
        self.stirred = true;
        if let Some(session) = self.sessions.get_mut(&generation.session) {
            // After a panic too the session must be free for its next generation.
            quietly(|| {
                let State::Running(run) = &mut generation.state else { return };
                let goes_on = may_go_on(end.reason);
                run.flush(&generation.producer, goes_on);
                if end.reason == EndReason::Ready {
                    run.undo = None;
                }
                match run.undo.take() {
                    Some(undo) => {
                        session.restore(undo);
                        if run.continues && !goes_on {
                            session.conversation.give_up();
                        }
                    }
                    None => {
                        if let Some(answer) = run.output.take_answer().filter(|_| run.generated > 0) {
                            session.conversation.keep_answer(answer, run.continues);
                        }
                        session.conversation.set_unfinished(run.output.unfinished());
                    }
                }
            });
            session.publish();
            generation.producer.update(|stats| stats.session_tokens = session.tokens.len() as u32);
            session.errands.retain(|errand| *errand != Errand::Generate(id));
            if session.active == Some(id) {
                session.active = None;
            }
        }
        self.run_errands(generation.session);
        self.weigh();
        self.facts.say_ended(id, &generation, &end);
        drop(generation.place);
        generation.producer.end(end);
    }

    /// Does what waits for the session, up to its next generation.
    fn run_errands(&mut self, id: u64) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        while session.active.is_none() && !matches!(session.errands.front(), None | Some(Errand::Generate(_)))
        {
            match session.errands.pop_front() {
                Some(Errand::SetSystem(system)) => session.conversation.set_system(system),
                _ => {
                    session.clear();
                    session.rest();
                    session.facts.clear_done();
                }
            }
        }
        if session.active.is_none() {
            session.rest();
        }
        self.empty_if_cut(id);
    }
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

/// Whether a session's text may go on behind this end as if there were none: it may be inside a character.
fn may_go_on(reason: EndReason) -> bool {
    use EndReason::{ContextFull, Shutdown, Stop, StopString};
    !matches!(reason, Stop | StopString | ContextFull | Shutdown)
}
