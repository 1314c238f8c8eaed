//! The engine: its parts, what it is told, its steps, and the one way in which a generation ends. Knows no
//! thread and no waiting.

use super::adapters::SessionAdapter;
use super::admit;
use super::embedding::EmbedRequest;
use super::embeddings::{Beside, Embeddings};
use super::errands;
use super::facts::{EngineFacts, Place, SessionFacts};
use super::generation::State;
use super::guard::guarded;
use super::limits::{EngineLimits, Outcome};
use super::memory::{Memory, empty_if_cut};
use super::models::{Models, Runnable};
use super::pass::{Passes, Slice, Time};
use super::pasts::{Answer, PastOrder};
use super::queue::{Queue, earlier};
use super::request::Request;
use super::saves::{SaveOrder, Saved, Saves};
use super::session::{Errand, Session, SessionOptions, Sessions};
use super::warm::Warm;
use crate::chat::{TextDone, TextJob, TextsDone, TextsJob};
use crate::error::{Error, ErrorKind, Result};
use crate::sample::Recommended;
use crate::stream::{End, EndReason, Producer};
use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Sequences, scheduling and batching over the models of one runtime.
///
/// A synchronous state machine: whoever drives it calls [`Engine::step`] until it is idle, and again when
/// something was handed in.
pub struct Engine {
    limits: EngineLimits,
    paused: bool,
    models: Models,
    sessions: Sessions,
    queue: Queue,
    passes: Passes,
    memory: Memory,
    warm: Warm,
    saves: Saves,
    embeddings: Embeddings,
    /// Text work that was not done within a step.
    jobs: VecDeque<TextJob>,
    facts: Arc<EngineFacts>,
}

/// Steps.
impl Engine {
    /// An engine without models.
    pub fn new(limits: EngineLimits, facts: Arc<EngineFacts>) -> Self {
        Self {
            limits,
            paused: false,
            models: Models::new(limits.costs),
            sessions: Sessions::default(),
            queue: Queue::default(),
            passes: Passes::new(limits.max_sequences, facts.clone()),
            memory: Memory::new(facts.clone()),
            warm: Warm::new(limits.own_thread, facts.clone()),
            saves: Saves::default(),
            embeddings: Embeddings::new(facts.clone()),
            jobs: VecDeque::new(),
            facts,
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
        let until = now + self.limits.slice;
        self.end_overdue(now);
        let admits = self.queue.is_admission_due();
        let outcome = if !self.admit(until) {
            Outcome::Worked
        } else if computes {
            // What was admitted took its time.
            self.compute(if admits { Instant::now() } else { now }, until)
        } else {
            Outcome::Idle(self.next_deadline())
        };
        self.publish_memory();
        outcome
    }

    /// Computes a slice of the pass under way or of the next one; without any, what makes later ones quicker.
    fn compute(&mut self, now: Instant, until: Instant) -> Outcome {
        if self.embeddings.has_turn(self.queue.priority()) && self.compute_embeddings(Time { now, until }) {
            return Outcome::Worked;
        }
        let is_free = self.passes.spans().is_empty() && self.embeddings.busy().is_none();
        if is_free && self.warm.run_piece_beside(&self.queue, &mut self.models) {
            return Outcome::Worked;
        }
        if self.begin_pass(now) {
            self.run_pass(Time { now, until });
            return Outcome::Worked;
        }
        if self.compute_embeddings(Time { now, until }) {
            return Outcome::Worked;
        }
        let later = self.warm.due();
        let is_due = later.is_some_and(|later| later <= now);
        if self.queue.is_admission_due() || is_due && self.warm.run_piece(&mut self.models) {
            return Outcome::Worked;
        }
        let due = earlier(self.passes.due(), self.next_deadline());
        Outcome::Idle(earlier(due, later.filter(|_| !is_due)))
    }

    /// Ends the generations that were cancelled or whose time is over.
    fn end_overdue(&mut self, now: Instant) {
        for (id, reason) in self.queue.overdue(now) {
            self.end(id, End::new(reason));
        }
        let ends = self.embeddings.look(now, self.limits.inline_bytes, &self.models);
        self.end_embeddings(ends);
    }

    /// When the next generation or request is over at the latest.
    fn next_deadline(&self) -> Option<Instant> {
        earlier(self.queue.next_deadline(), self.embeddings.next_deadline())
    }

    /// Computes a slice of what vectors are made of; whether there was any.
    fn compute_embeddings(&mut self, time: Time) -> bool {
        let beside = |model| Beside { decoding: self.queue.decoding(model), busy: self.passes.busy() };
        let (models, sessions) = (&mut self.models, &mut self.sessions);
        let Some(ends) = self.embeddings.compute(time, beside, models, sessions, &self.memory) else {
            return false;
        };
        if self.embeddings.busy().is_none() && self.passes.spans().is_empty() {
            self.memory.finish_trim(&mut self.models, &mut self.sessions);
        }
        self.end_embeddings(ends);
        true
    }

    /// Ends requests for vectors. Nothing else ends one.
    fn end_embeddings(&mut self, ends: impl IntoIterator<Item = (u64, End)>) {
        for (id, end) in ends {
            let Some(over) = self.embeddings.remove(id, &mut self.models) else { continue };
            self.publish_memory();
            over.end(id, end, &self.facts);
        }
    }

    /// Gives places to those in line whose session and model are ready; false: it is past `until`, and some
    /// may be left.
    fn admit(&mut self, until: Instant) -> bool {
        if !self.queue.take_admission_due() {
            return true;
        }
        let mut free = self.limits.max_sequences.saturating_sub(self.queue.computing());
        let mut late = false;
        for id in self.queue.waiting() {
            let busy = self.passes.spans();
            match admit::is_next(id, &self.queue, &self.models, &self.sessions, busy) {
                Err(error) => self.end(id, End::failed(error)),
                Ok(true) if free > 0 => {
                    if late {
                        self.queue.set_admission_due();
                        return false;
                    }
                    free -= 1;
                    self.start(id);
                    // Text takes its time.
                    late = Instant::now() >= until;
                }
                Ok(_) => {}
            }
        }
        true
    }

    /// Turns the generation's text into tokens, or has others do it.
    fn start(&mut self, id: u64) {
        let Some(wanted) = self.queue.start(id) else { return };
        match admit::text_job(id, wanted, &self.queue, &self.models, &mut self.sessions) {
            Ok(job) if job.is_short(self.limits.inline_bytes) => self.finish_text(job.run()),
            Ok(job) => self.jobs.push_back(job),
            Err(error) => self.end(id, End::failed(error)),
        }
    }

    /// Begins a pass over what can be computed now, if there is none; whether there is one now.
    fn begin_pass(&mut self, now: Instant) -> bool {
        loop {
            let (queue, models, sessions) = (&mut self.queue, &mut self.models, &mut self.sessions);
            match self.passes.begin(now, self.embeddings.busy(), queue, models, sessions, &self.memory) {
                Ok(begun) => return begun,
                Err((id, error)) => self.end(id, End::failed(error)),
            }
        }
    }

    /// Computes a slice of the pass under way, and what follows if it is over.
    fn run_pass(&mut self, time: Time) {
        let (queue, models, sessions) = (&mut self.queue, &mut self.models, &mut self.sessions);
        if let Slice::Over(ends) = self.passes.run_slice(time, queue, models, sessions, &mut self.warm) {
            self.finish_pass();
            for (id, end) in ends {
                self.end(id, end);
            }
        }
    }

    fn finish_pass(&mut self) {
        let Some(spans) = self.passes.finish(&mut self.models) else { return };
        for span in spans.iter().filter(|span| !span.live) {
            // Its session can start its next generation from here on.
            self.queue.set_admission_due();
            if let Some(session) = self.sessions.get_mut(&span.session) {
                session.last_pass = self.facts.passes();
            }
            empty_if_cut(span.session, &mut self.models, &mut self.sessions, &[]);
        }
        self.passes.reuse(spans);
        self.memory.finish_trim(&mut self.models, &mut self.sessions);
    }

    fn publish_memory(&self) {
        self.memory.publish(&self.models, self.queue.running().len() + self.embeddings.running());
    }

    /// Ends one generation, exactly once: its held back text comes first, then its session is put right, then
    /// its place is free. Nothing else ends one.
    fn end(&mut self, id: u64, end: End) {
        let Some(mut generation) = self.queue.remove(id) else { return };
        // Who cancels is told so, whatever came afterwards.
        let end = if generation.producer.is_cancelled() { End::new(EndReason::Cancelled) } else { end };
        let tokens = self.sessions.get(&generation.session).map_or(&[][..], |session| &session.tokens);
        if self.passes.forget(id, &generation, tokens, &mut self.models) {
            self.finish_pass();
        }
        if let Some(session) = self.sessions.get_mut(&generation.session) {
            generation.leave(session, end.reason);
            session.errands.retain(|errand| *errand != Errand::Generate(id));
            session.active = session.active.filter(|active| *active != id);
            if let (State::Running(_), Some(sequence)) = (&generation.state, session.sequence)
                && let Some(ready) = self.models.ready_mut(session.model)
                && session.cut.is_none_or(|cut| cut >= ready.length(sequence))
            {
                // A place to come back to.
                ready.checkpoint(sequence);
            }
        }
        self.run_errands(generation.session);
        // Who is told of the end finds what is held then.
        self.publish_memory();
        self.facts.say_ended(id, &generation, &end);
        drop(generation.place);
        generation.producer.end(end);
    }

    /// Does what waits for the session, up to its next generation, and what others wait for.
    fn run_errands(&mut self, id: u64) {
        let busy = self.passes.spans();
        if errands::run(id, &mut self.sessions, &mut self.models, &mut self.saves, busy) {
            self.queue.set_admission_due();
        }
    }
}

/// What it is told.
impl Engine {
    /// A model that generations may wait for from now on.
    pub fn add_model(&mut self, model: u64) {
        self.models.add(model);
    }

    /// The model's load is over: its generations start, or end with the error.
    pub fn finish_load(&mut self, model: u64, loaded: Result<Runnable>) {
        self.models.finish_load(model, loaded);
        if let Some(ready) = self.models.ready(model) {
            self.facts.say_batch(model, self.limits.max_sequences, ready.spec());
        }
        self.embeddings.set_admission_due();
        self.queue.set_admission_due();
    }

    /// The model's weights stay where they are from now on.
    pub fn keep_mapped(&mut self, model: u64) {
        self.models.keep_mapped(model);
    }

    /// The model's sessions do not draft, from now on.
    pub fn no_drafts(&mut self, model: u64) {
        self.models.no_drafts(model);
    }

    /// Where its generations do not say how tokens are chosen, it is so.
    pub fn recommend(&mut self, model: u64, recommended: Recommended) {
        self.models.recommend(model, recommended);
    }

    /// Nobody holds the model or a session of it any more.
    pub fn remove_model(&mut self, model: u64) {
        self.models.remove(model);
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

    /// A session that comes out of a save ([`Engine::finish_restore`]): what is asked of it waits.
    pub fn add_restored(&mut self, session: u64, model: u64, facts: Arc<SessionFacts>) {
        self.sessions.insert(session, Session::awaiting(model, facts));
    }

    /// The session is what was saved, with the keys and values that came with this number, or refuses with
    /// the error all that is asked of it. Its model is loaded.
    pub fn finish_restore(
        &mut self,
        session: u64,
        saved: Result<Saved>,
        past: Option<u64>,
        answer: Answer<()>,
    ) {
        let Some(restored) = self.sessions.get_mut(&session) else { return };
        let done = self.saves.restore(restored, saved, past, &mut self.models);
        restored.last_pass = self.facts.passes();
        self.queue.set_admission_due();
        self.run_errands(session);
        answer(done);
    }

    /// Gives the session as it is behind all that was asked of it before.
    pub fn save_session(&mut self, session: u64, order: SaveOrder) {
        let Some(saved) = self.sessions.get_mut(&session) else { return };
        self.saves.ask(saved, order);
        self.run_errands(session);
    }

    /// Does something with the keys and values of a save or restore.
    pub fn move_past(&mut self, id: u64, order: PastOrder) {
        self.saves.obey(id, order, &mut self.models);
    }

    /// Gives the session another system message, or none, from the turn after the last submitted one on.
    pub fn set_system(&mut self, session: u64, system: Option<String>) {
        self.add_errand(session, Errand::SetSystem(system));
    }

    /// Computes the session with another adapter, or none, from the turn after the last submitted one on.
    pub fn set_adapter(&mut self, session: u64, adapter: Option<SessionAdapter>) {
        self.add_errand(session, Errand::SetAdapter(adapter));
    }

    /// An adapter's load is over: generations of its sessions start, or end with its error.
    pub fn adapter_loaded(&mut self) {
        self.queue.set_admission_due();
    }

    /// Empties the session as soon as its generation has stopped.
    pub fn clear_session(&mut self, session: u64) {
        self.add_errand(session, Errand::Clear);
    }

    /// Takes the session back to where it had the first `count` of its tokens, as soon as its generation has
    /// stopped.
    pub fn rewind_session(&mut self, session: u64, count: usize) {
        self.add_errand(session, Errand::Rewind(count));
    }

    /// Of the session's last answer only the first `bytes` bytes are kept, as soon as its generation has
    /// stopped.
    pub fn keep_said(&mut self, session: u64, bytes: usize) {
        self.add_errand(session, Errand::Keep(bytes));
    }

    /// The session `twin` begins as `from` is as soon as its generation has stopped.
    pub fn fork_session(&mut self, from: u64, twin: u64, facts: Arc<SessionFacts>) {
        let Some(model) = self.sessions.get(&from).map(|session| session.model) else { return };
        self.sessions.insert(twin, Session::awaiting(model, facts));
        self.add_errand(from, Errand::Fork(twin));
    }

    fn add_errand(&mut self, session: u64, errand: Errand) {
        if let Some(session) = self.sessions.get_mut(&session) {
            session.errands.push_back(errand);
        }
        self.run_errands(session);
    }

    /// Cancels the session's generations and forgets it.
    pub fn remove_session(&mut self, session: u64) {
        for id in self.queue.ids(Some(session)) {
            self.end(id, End::new(EndReason::Cancelled));
        }
        errands::close(session, &mut self.sessions, &mut self.models);
    }

    /// Takes a generation: from here on its stream ends, whatever happens.
    pub fn submit(&mut self, session: u64, request: Request, producer: Producer, place: Place) {
        let Some(of_session) = self.sessions.get_mut(&session) else {
            drop(place);
            return producer.end(End::new(EndReason::Cancelled));
        };
        let id = self.queue.submit(session, of_session.model, request, producer, place);
        of_session.errands.push_back(Errand::Generate(id));
    }

    /// Takes a request for vectors, which keeps its model and its place: from here on its stream ends.
    pub fn submit_texts(
        &mut self,
        model: u64,
        request: EmbedRequest,
        producer: Producer,
        kept: (Box<dyn Any + Send>, Place),
    ) {
        self.embeddings.submit(model, request, producer, kept);
    }

    /// As [`Engine::take_job`], of texts that vectors are wanted of: to [`Engine::finish_texts`].
    pub fn take_texts(&mut self) -> Option<TextsJob> {
        self.embeddings.take_job()
    }

    /// Takes the result of a [`TextsJob`]: its request takes part in passes from now on.
    pub fn finish_texts(&mut self, done: TextsDone) {
        let end = self.embeddings.finish_texts(done);
        self.end_embeddings(end);
    }

    /// Text work that is, or may be, too long for the time between two slices: run it anywhere, then hand it
    /// to [`Engine::finish_text`].
    pub fn take_job(&mut self) -> Option<TextJob> {
        self.jobs.pop_front()
    }

    /// Takes the result of a [`TextJob`]: its generation takes part in passes from now on.
    pub fn finish_text(&mut self, done: TextDone) {
        let (id, passes) = (done.generation, self.facts.passes());
        let (queue, models, sessions) = (&mut self.queue, &mut self.models, &mut self.sessions);
        let prepared = done.prompt.and_then(|prompt| {
            guarded(|| admit::prepare(id, (prompt, done.bound), queue, models, sessions, passes))
        });
        if let Some(end) = prepared.unwrap_or_else(|error| Some(End::failed(error))) {
            self.end(id, end);
        }
    }

    /// Somebody may have cancelled or closed a stream, or given credit.
    pub fn check_streams(&mut self) {
        self.queue.check_streams();
        self.embeddings.check_streams();
    }

    /// Stops or resumes computing; ends are still given.
    pub fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// How long a slice of work takes about.
    pub fn slice(&self) -> Duration {
        self.limits.slice
    }

    /// Gives back what can be computed again: what idle sessions hold, and what decoders keep for the next
    /// pass.
    pub fn trim(&mut self) {
        self.memory.trim(&mut self.models, &mut self.sessions, self.passes.spans());
    }

    /// Caches and what one idle session holds give way to what found no memory; false: no session is left
    /// that could.
    pub fn release_memory(&mut self) -> bool {
        self.memory.release_memory(&mut self.models, &mut self.sessions, self.passes.spans())
    }

    /// Ends every generation and request for `reason` or, if that is `None`, because of a panic in the engine
    /// itself.
    pub fn end_all(&mut self, reason: Option<EndReason>) {
        let why = || Error::new(ErrorKind::Internal, "a panic in the engine ended this generation");
        let end = || reason.map_or_else(|| End::failed(why()), End::new);
        self.queue.ids(None).into_iter().for_each(|id| self.end(id, end()));
        let ends: Vec<_> = self.embeddings.ids().into_iter().map(|id| (id, end())).collect();
        self.end_embeddings(ends);
    }
}
