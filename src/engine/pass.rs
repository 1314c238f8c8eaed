//! Passes: which generations are computed together, and what becomes of their spans. Ends nobody: it says who
//! ends, and how.

use super::commit::{Computed, Taken};
use super::costs::Rows;
use super::drafts::Drafts;
use super::facts::EngineFacts;
use super::generation::{Generation, Run, State};
use super::guard::guarded;
use super::memory::Memory;
use super::models::Models;
use super::plan::{Candidate, Capacity, Kind, plan};
use super::queue::{Queue, earlier};
use super::session::Sessions;
use super::span::Span;
use super::warm::Warm;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Chunk, Pace, Step};
use crate::stream::End;
use smallvec::SmallVec;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// What a first pass may take before its progress tells bytes: a pass whose weights are in memory is over by
/// then, or tells tokens soon.
const LONG: Duration = Duration::from_millis(250);

/// The pass under way, if there is one.
pub(super) struct Passes {
    facts: Arc<EngineFacts>,
    /// Sequences that are computed together at most.
    max_sequences: usize,
    current: Option<Pass>,
    drafts: Drafts,
    /// When one that gives its tokens at a rate may go on, as the last plan found it.
    due: Option<Instant>,
    /// All empty, kept for their memory.
    candidates: Vec<Candidate>,
    offers: Vec<Span>,
    capacities: Vec<Capacity>,
    spans: Vec<Span>,
}

/// A pass under way.
struct Pass {
    model: u64,
    /// How many there were before it, and one.
    number: u64,
    spans: Vec<Span>,
    /// Nothing is left that would make its decoder quicker.
    is_warm: bool,
    /// Computed: what is left is to take over its spans, from this one on.
    committed: Option<usize>,
    /// Of that span, how much of its draft was right.
    right: usize,
    /// How generations end that are known to, once the pass is over.
    ends: Vec<(u64, End)>,
    /// How long its slices took, and not what lay between them.
    took: Duration,
}

/// The time of a slice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Time {
    /// As of the last look at the clock.
    pub(super) now: Instant,
    /// When the slice is over.
    pub(super) until: Instant,
}

/// What a slice came to.
pub(super) enum Slice {
    /// Work is left.
    More,
    /// The pass is to be finished; then these generations end.
    Over(Vec<(u64, End)>),
}

impl Passes {
    pub(super) fn new(max_sequences: usize, facts: Arc<EngineFacts>) -> Self {
        Self {
            facts,
            max_sequences,
            current: None,
            drafts: Drafts::default(),
            due: None,
            candidates: Vec::new(),
            offers: Vec::new(),
            capacities: Vec::new(),
            spans: Vec::new(),
        }
    }

    /// The spans of the pass under way; empty: there is none.
    pub(super) fn spans(&self) -> &[Span] {
        self.current.as_ref().map_or(&[], |pass| &pass.spans)
    }

    /// The model of the pass under way.
    pub(super) fn busy(&self) -> Option<u64> {
        self.current.as_ref().map(|pass| pass.model)
    }

    /// When something may be computed that waits for its time; as of the last plan.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Begins a pass over what can be computed `now`, if there is none; whether there is one then. The model
    /// `busy` computes something else.
    ///
    /// # Errors
    /// The generation that cannot be computed, and why. Others may be.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        busy: Option<u64>,
        queue: &mut Queue,
        models: &mut Models,
        sessions: &mut Sessions,
        memory: &Memory,
    ) -> Result<bool, (u64, Error)> {
        if self.current.is_some() {
            return Ok(true);
        }
        let Some(model) = self.plan(now, busy, queue, models, sessions)? else { return Ok(false) };
        let mut spans = std::mem::take(&mut self.spans);
        self.drafts.add(model, &mut spans, queue, models, sessions);
        if let Err(error) = self.start(model, &mut spans, models, sessions, memory) {
            let first = spans[0].generation;
            self.spans = spans;
            return Err((first, error));
        }
        let number = self.facts.passes.fetch_add(1, Ordering::Relaxed) + 1;
        let (ends, took, is_warm) = (Vec::new(), Duration::ZERO, models.is_warm(model));
        self.current = Some(Pass { model, number, spans, is_warm, committed: None, right: 0, ends, took });
        Ok(true)
    }

    /// Starts a pass over `spans`, of which only the first is left where there is no memory for all. Nobody
    /// gives way for drafts.
    fn start(
        &mut self,
        model: u64,
        spans: &mut Vec<Span>,
        models: &mut Models,
        sessions: &mut Sessions,
        memory: &Memory,
    ) -> Result<()> {
        if spans.iter().any(|span| span.drafts > 0) {
            if begin(model, spans, &self.drafts, models, sessions).is_ok() {
                return Ok(());
            }
            self.drafts.give_up(spans);
        }
        let begin = |spans: &[Span], models: &mut Models, sessions: &Sessions| {
            begin(model, spans, &self.drafts, models, sessions)
        };
        let begun = memory.find_for(models, sessions, |models, sessions| begin(spans, models, sessions));
        if begun.is_err() && spans.len() > 1 && begin(&spans[..1], models, sessions).is_ok() {
            // The others wait.
            spans.truncate(1);
            return Ok(());
        }
        begun
    }

    /// Computes one slice of the pass under way, which begins now.
    pub(super) fn run_slice(
        &mut self,
        mut time: Time,
        queue: &mut Queue,
        models: &mut Models,
        sessions: &mut Sessions,
        warm: &mut Warm,
    ) -> Slice {
        let Some(pass) = &mut self.current else { return Slice::More };
        if pass.committed.is_none() {
            match pass.compute(models, warm, &mut time) {
                Ok(Step::More) => {
                    pass.tell_bytes(queue, models);
                    return Slice::More;
                }
                Ok(Step::Done) => {
                    let rows = pass.rows();
                    self.facts.say_pass(pass.model, rows, pass.took);
                    models.observe(pass.model, rows, pass.took);
                }
                Err(error) if pass.spans.iter().any(|span| span.drafts > 0) => {
                    // Nobody knows at which row: without drafts those before it would have given their
                    // tokens. Nothing is taken over, and the next pass has the same tokens without drafts.
                    self.facts.say_slowed(pass.model, "drafts", Some(&error));
                    self.drafts.give_up(&mut pass.spans);
                    return Slice::Over(Vec::new());
                }
                Err(error) => return Slice::Over(pass.failed(&error)),
            }
        }
        pass.commit(&self.drafts, queue, models, sessions, warm, time)
    }

    /// Drops the spans of generation `id`, which has ended and said the last of `tokens`; whether nobody
    /// wants the pass any more.
    pub(super) fn forget(
        &mut self,
        id: u64,
        generation: &Generation,
        tokens: &[u32],
        models: &mut Models,
    ) -> bool {
        self.drafts.forget(id, generation, tokens, models);
        let Some(pass) = &mut self.current else { return false };
        for span in pass.spans.iter_mut().filter(|span| span.generation == id) {
            span.live = false;
        }
        !pass.spans.iter().any(|span| span.live)
    }

    /// Ends the pass, over or given up: its spans, to be handed back ([`Passes::reuse`]).
    pub(super) fn finish(&mut self, models: &mut Models) -> Option<Vec<Span>> {
        let pass = self.current.take()?;
        if let Some(ready) = models.ready_mut(pass.model) {
            ready.finish();
        }
        Some(pass.spans)
    }

    /// Keeps the memory of spans for the next pass.
    pub(super) fn reuse(&mut self, spans: Vec<Span>) {
        self.spans = spans;
    }

    /// The model whose turn it is, with the spans of its next pass in `self.spans` ([`plan`] says which).
    ///
    /// # Errors
    /// A generation whose past is not known any more, and why.
    fn plan(
        &mut self,
        now: Instant,
        busy: Option<u64>,
        queue: &mut Queue,
        models: &mut Models,
        sessions: &mut Sessions,
    ) -> Result<Option<u64>, (u64, Error)> {
        self.candidates.clear();
        self.spans.clear();
        self.due = None;
        self.offers.clear();
        self.capacities.clear();
        let mut without_credit = 0;
        for &id in queue.running() {
            let Some(generation) = queue.get(id) else { continue };
            let State::Running(run) = &generation.state else { continue };
            if !generation.producer.has_credit(generation.request.buffer_events) {
                without_credit += 1;
                continue;
            }
            if busy == Some(generation.model) {
                continue;
            }
            if let Some(later) = run.rate.later(now) {
                self.due = earlier(self.due, Some(later));
                continue;
            }
            if run.generated == 0 {
                take_over(generation, models, sessions).map_err(|error| (id, error))?;
            }
            if let Some(span) = span(id, generation, models, sessions) {
                self.candidates.push(candidate(generation, run, &span, self.offers.len()));
                self.offers.push(span);
            }
        }
        queue.count_without_credit(without_credit);
        if self.candidates.is_empty() {
            return Ok(None);
        }
        self.capacities.extend(models.capacities(self.max_sequences));
        let planned = plan(&mut self.candidates, self.facts.passes(), &self.capacities);
        let Some(model) = planned else { return Ok(None) };
        let offers = &self.offers;
        self.spans.extend(self.candidates.iter().map(|one| offers[one.offer].cut(one.rows)));
        Ok((!self.spans.is_empty()).then_some(model))
    }
}

impl Pass {
    /// Computes a slice, which begins now.
    fn compute(&mut self, models: &mut Models, warm: &mut Warm, time: &mut Time) -> Result<Step> {
        let gone = || Error::new(ErrorKind::Internal, "the pass' model is gone");
        let model = models.get_mut(self.model).ok_or_else(gone)?;
        let ready = model.ready_mut().ok_or_else(gone)?;
        let begun = time.now;
        let step = ready.run_slice(Pace { until: time.until });
        time.now = Instant::now();
        if !self.is_warm {
            warm.earn(begun, time.now);
        }
        self.took += time.now - begun;
        step
    }

    /// How many rows of each kind it has.
    fn rows(&self) -> Rows {
        let mut rows = Rows { decoding: 0, drafts: 0, prompt: 0 };
        for span in &self.spans {
            if span.decodes() {
                rows.decoding += 1;
                rows.drafts += span.rows().saturating_sub(1);
            } else {
                rows.prompt += span.rows();
            }
        }
        rows
    }

    /// Tells the generations of a model's first pass how many bytes of its weights are there, if they are
    /// long in coming.
    fn tell_bytes(&self, queue: &Queue, models: &Models) {
        if self.took <= LONG {
            return;
        }
        let Some((read, all)) = models.bytes_read(self.model) else { return };
        for span in self.spans.iter().filter(|span| span.live) {
            if let Some(generation) = queue.get(span.generation) {
                generation.producer.progress(read, all);
            }
        }
    }

    /// How its generations end that are still wanted.
    fn failed(&self, error: &Error) -> Vec<(u64, End)> {
        let live = self.spans.iter().filter(|span| span.live);
        live.map(|span| (span.generation, End::failed(error.clone()))).collect()
    }

    /// Takes over the spans of a pass that is computed: samples, emits. Rests between two tokens when the
    /// slice is over.
    fn commit(
        &mut self,
        drafts: &Drafts,
        queue: &mut Queue,
        models: &mut Models,
        sessions: &mut Sessions,
        warm: &mut Warm,
        mut time: Time,
    ) -> Slice {
        loop {
            let index = self.committed.unwrap_or(0);
            let Some(span) = self.spans.get(index) else { break };
            let mut taken = Ok(None);
            if span.live {
                let (model, pass) = (self.model, self.number);
                let computed = Computed { model, pass, index, span, draft: drafts.of(span) };
                taken = guarded(|| Ok(computed.take_row(self.right, time.now, queue, models, sessions)));
            }
            if span.last && !self.is_warm {
                warm.allow(self.model);
            }
            (self.committed, self.right) = match taken {
                Ok(Some(Taken::Right)) => (Some(index), self.right + 1),
                Ok(None) => (Some(index + 1), 0),
                Ok(Some(Taken::End(end))) => {
                    self.ends.push((span.generation, *end));
                    (Some(index + 1), 0)
                }
                Err(error) => {
                    self.ends.push((span.generation, End::failed(error)));
                    (Some(index + 1), 0)
                }
            };
            if self.committed < Some(self.spans.len()) {
                time.now = Instant::now();
                if time.now >= time.until {
                    return Slice::More;
                }
            }
        }
        Slice::Over(std::mem::take(&mut self.ends))
    }
}

/// The generation with `span`, which is number `offer` of those on offer.
fn candidate(generation: &Generation, run: &Run, span: &Span, offer: usize) -> Candidate {
    let kind = if span.decodes() { Kind::Decode } else { Kind::Prompt };
    let (model, priority, last_pass) = (generation.model, generation.request.priority, run.last_pass);
    Candidate { model, id: span.generation, priority, last_pass, kind, offer, rows: span.tokens }
}

/// Takes over what others have computed of the prompt of a generation without a token, since it has begun.
///
/// # Errors
/// `Internal`: what its sequence holds is not known.
fn take_over(generation: &Generation, models: &mut Models, sessions: &mut Sessions) -> Result<()> {
    let Some(session) = sessions.get_mut(&generation.session) else { return Ok(()) };
    let (Some(ready), Some(sequence)) = (models.ready_mut(generation.model), session.sequence) else {
        return Ok(());
    };
    let held = ready.length(sequence);
    // The last token is computed: its logits are wanted, or at least the pass that ends the generation.
    let most = session.tokens.len().saturating_sub(1);
    if held < most {
        // After a panic what it holds is not known.
        let now = ready.seek(sequence, &session.tokens, most).inspect_err(|_| session.cut = Some(0))?;
        let gained = now.saturating_sub(held);
        generation.producer.update(|stats| stats.cached_tokens += gained as u32);
    }
    Ok(())
}

/// What the generation `id` would like to feed to the next pass.
fn span(id: u64, generation: &Generation, models: &Models, sessions: &Sessions) -> Option<Span> {
    let ready = models.ready(generation.model)?;
    let session = sessions.get(&generation.session)?;
    let sequence = session.sequence?;
    let from = ready.length(sequence);
    let wanted = session.tokens.len().checked_sub(from).filter(|wanted| *wanted > 0)?;
    let tokens = if wanted == 1 { 1 } else { ready.chunk_limit(sequence, wanted) };
    let last = tokens == wanted;
    let logits = last && !generation.request.prefill_only;
    let (session, answers) = (generation.session, generation.output_tokens() > 0);
    let (drafts, fed, live) = (0, 0, true);
    Some(Span { generation: id, session, sequence, from, tokens, drafts, fed, last, logits, answers, live })
}

fn begin(
    model: u64,
    spans: &[Span],
    drafts: &Drafts,
    models: &mut Models,
    sessions: &Sessions,
) -> Result<()> {
    let Some(ready) = models.ready_mut(model) else { return Ok(()) };
    let mut chunks: SmallVec<[Chunk<'_>; 16]> = SmallVec::new();
    for span in spans {
        let Some(session) = sessions.get(&span.session) else { continue };
        let Some(tokens) = drafts.fed(span, &session.tokens) else { continue };
        chunks.push(Chunk { sequence: span.sequence, tokens, logits: span.outputs() });
    }
    ready.begin(&chunks)
}
