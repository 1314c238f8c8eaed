//! Requests for vectors of texts: which texts a pass takes together, and what becomes of it. Ends nobody: it
//! says who ends, and how.

use super::costs::Rows;
use super::embedding::{EmbedRequest, Embedding, State, normalised};
use super::facts::{EngineFacts, Place};
use super::guard::guarded;
use super::memory::Memory;
use super::models::Models;
use super::pass::Time;
use super::queue::earlier;
use super::session::Sessions;
use crate::chat::{TextsDone, TextsJob};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::IdMap;
use crate::model::{Chunk, Pace, Pooling, Sequence, Step, VectorSpec};
use crate::stream::{End, EndReason, Producer};
use smallvec::SmallVec;
use std::any::Any;
use std::cmp::{Ordering, Reverse};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Tokens of a text whose mean is computed together, of models that need not see a text whole: fixed, so that
/// the sum does not depend on what else is computed.
const PART: usize = 64;

/// Of so many slices where both have work, the one with the lower priority has one.
const PATIENCE: u32 = 16;

/// Requests for vectors, and their pass under way.
pub(super) struct Embeddings {
    facts: Arc<EngineFacts>,
    all: IdMap<u64, Embedding>,
    arrivals: u64,
    next_deadline: Option<Instant>,
    /// Somebody cancelled, closed or gave credit.
    streams_changed: bool,
    /// Something changed that may let a request begin.
    admission_due: bool,
    pass: Option<Pass>,
    /// Slices that both these and generations had work for.
    contested: u32,
    /// Text work that is not done within a step.
    jobs: VecDeque<TextsJob>,
}

/// A pass under way.
struct Pass {
    model: u64,
    pooling: Pooling,
    /// It gives scores.
    ranks: bool,
    spans: Vec<Span>,
    /// How long its slices took.
    took: Duration,
}

/// One text's part of a pass.
struct Span {
    embedding: u64,
    text: usize,
    sequence: Sequence,
    /// Tokens of the text before this pass, and in it.
    from: usize,
    count: usize,
    /// It reaches the text's end.
    last: bool,
    /// Somebody still wants it.
    live: bool,
}

/// What a pass may take beside generations of its model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beside {
    /// Those that have given a token and want the next one.
    pub(super) decoding: usize,
    /// The model of a pass of generations under way.
    pub(super) busy: Option<u64>,
}

impl Embeddings {
    pub(super) fn new(facts: Arc<EngineFacts>) -> Self {
        Self {
            facts,
            all: IdMap::default(),
            arrivals: 0,
            next_deadline: None,
            streams_changed: false,
            admission_due: false,
            pass: None,
            contested: 0,
            jobs: VecDeque::new(),
        }
    }

    /// Takes a request, which keeps `kept` until its end.
    pub(super) fn submit(
        &mut self,
        model: u64,
        request: EmbedRequest,
        producer: Producer,
        kept: (Box<dyn Any + Send>, Place),
    ) {
        self.arrivals += 1;
        self.next_deadline = earlier(self.next_deadline, request.deadline);
        // Its stream may have been closed on the way here.
        self.streams_changed |= producer.is_cancelled();
        self.admission_due = true;
        let state = State::Waiting;
        self.all.insert(self.arrivals, Embedding { model, request, producer, state, kept });
    }

    /// All that have not ended.
    pub(super) fn ids(&self) -> Vec<u64> {
        self.all.keys().copied().collect()
    }

    /// Those that take part in passes.
    pub(super) fn running(&self) -> usize {
        self.all.values().filter(|one| matches!(one.state, State::Running(_))).count()
    }

    /// The model of the pass under way.
    pub(super) fn busy(&self) -> Option<u64> {
        self.pass.as_ref().map(|pass| pass.model)
    }

    /// When the next one is over at the latest.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.next_deadline
    }

    /// Somebody may have cancelled or closed a stream, or given credit.
    pub(super) fn check_streams(&mut self) {
        self.streams_changed = true;
    }

    /// A model's load is over.
    pub(super) fn set_admission_due(&mut self) {
        self.admission_due = true;
    }

    /// Text work for others to do.
    pub(super) fn take_job(&mut self) -> Option<TextsJob> {
        self.jobs.pop_front()
    }

    /// Looks who ends now, and begins those whose model is loaded.
    pub(super) fn look(&mut self, now: Instant, inline_bytes: usize, models: &Models) -> Vec<(u64, End)> {
        let mut ends = self.over(now);
        ends.extend(self.admit(now, inline_bytes, models));
        ends
    }

    /// Those that end now: cancelled, overdue, or all told since somebody has read.
    fn over(&mut self, now: Instant) -> Vec<(u64, End)> {
        let mut over = Vec::new();
        if !self.streams_changed && self.next_deadline.is_none_or(|deadline| deadline > now) {
            return over;
        }
        self.streams_changed = false;
        self.next_deadline = None;
        for (id, one) in &mut self.all {
            let deadline = one.request.deadline;
            if one.producer.is_cancelled() {
                over.push((*id, End::new(EndReason::Cancelled)));
            } else if deadline.is_some_and(|deadline| deadline <= now) {
                over.push((*id, End::new(EndReason::Deadline)));
            } else {
                self.next_deadline = earlier(self.next_deadline, deadline);
                over.extend(one.tell().map(|end| (*id, end)));
            }
        }
        over
    }

    /// Begins those whose model is loaded: texts of at most `inline_bytes` become tokens at once, longer ones
    /// are handed out. Who ends.
    fn admit(&mut self, now: Instant, inline_bytes: usize, models: &Models) -> Vec<(u64, End)> {
        let mut ends = Vec::new();
        if !std::mem::take(&mut self.admission_due) {
            return ends;
        }
        let mut short = Vec::new();
        for id in self.in_order(|one| matches!(one.state, State::Waiting)) {
            let Some(one) = self.all.get_mut(&id) else { continue };
            match models.is_ready(one.model) {
                Ok(false) => continue,
                Ok(true) => {}
                Err(error) => {
                    ends.push((id, End::failed(error)));
                    continue;
                }
            }
            let Some(ready) = models.ready(one.model) else { continue };
            let wanted = one.start(now);
            let spec = match ready.check_vectors(one.request.query.is_some()) {
                Ok(spec) => spec,
                Err(error) => {
                    ends.push((id, End::failed(error)));
                    continue;
                }
            };
            let query = one.request.query.take().map(|query| (query, spec.separators));
            let texts = (query, std::mem::take(&mut one.request.texts));
            let context = ready.spec().context_length;
            let job = TextsJob::new(id, ready.vocab().clone(), texts, context, wanted);
            if job.is_short(inline_bytes) { short.push(job) } else { self.jobs.push_back(job) }
        }
        for job in short {
            ends.extend(self.finish_texts(job.run()));
        }
        ends
    }

    /// Takes the result of a [`TextsJob`]; who ends.
    pub(super) fn finish_texts(&mut self, done: TextsDone) -> Option<(u64, End)> {
        let one = self.all.get_mut(&done.id)?;
        match done.tokens {
            Ok(tokens) => {
                one.run(tokens);
                one.tell().map(|end| (done.id, end))
            }
            Err(error) => Some((done.id, End::failed(error))),
        }
    }

    /// Whether the next slice is theirs where generations with `other` priority could have it too; `None`:
    /// none could. By priority; of equal ones by turns. The lower one has a slice now and then.
    pub(super) fn has_turn(&mut self, other: Option<i32>) -> bool {
        let Some(own) = self.priority() else { return false };
        let Some(other) = other else { return true };
        self.contested = self.contested.wrapping_add(1);
        let now_and_then = self.contested.is_multiple_of(PATIENCE);
        match own.cmp(&other) {
            Ordering::Greater => !now_and_then,
            Ordering::Equal => self.contested.is_multiple_of(2),
            Ordering::Less => now_and_then,
        }
    }

    /// The highest priority of those that have work.
    fn priority(&self) -> Option<i32> {
        let under_way = self.pass.iter().flat_map(|pass| &pass.spans).filter(|span| span.live);
        let under_way = under_way.filter_map(|span| self.all.get(&span.embedding));
        let waiting = self.all.values().filter(|one| one.can_go_on());
        under_way.chain(waiting).map(|one| one.request.priority).max()
    }

    /// Those that `are`, in the order of service.
    fn in_order(&self, are: impl Fn(&Embedding) -> bool) -> Vec<u64> {
        let those = self.all.iter().filter(|(_, one)| are(one));
        let mut order: Vec<_> = those.map(|(id, one)| (Reverse(one.request.priority), *id)).collect();
        order.sort_unstable();
        order.into_iter().map(|(_, id)| id).collect()
    }

    /// Computes a slice, if there is anything to compute: who ends.
    pub(super) fn compute(
        &mut self,
        time: Time,
        beside: impl Fn(u64) -> Beside,
        models: &mut Models,
        sessions: &mut Sessions,
        memory: &Memory,
    ) -> Option<Vec<(u64, End)>> {
        match self.begin(beside, models, sessions, memory) {
            Ok(true) => Some(self.run_slice(time, models)),
            Ok(false) => None,
            Err((id, error)) => Some(vec![(id, End::failed(error))]),
        }
    }

    /// Begins a pass over what can be computed now, if there is none; whether there is one then.
    ///
    /// # Errors
    /// The request that cannot be computed, and why. Others may be.
    fn begin(
        &mut self,
        beside: impl Fn(u64) -> Beside,
        models: &mut Models,
        sessions: &mut Sessions,
        memory: &Memory,
    ) -> Result<bool, (u64, Error)> {
        if self.pass.is_some() {
            return Ok(true);
        }
        let order = self.in_order(Embedding::can_go_on);
        let model_of = |id: &u64| self.all.get(id).map(|one| one.model);
        let free = |model: &u64| beside(*model).busy != Some(*model);
        let Some(model) = order.iter().filter_map(model_of).find(free) else { return Ok(false) };
        let Some(ready) = models.ready(model) else { return Ok(false) };
        let first = order.iter().copied().find(|id| model_of(id) == Some(model)).unwrap_or(0);
        let VectorSpec { pooling, ranks, .. } = ready.vectors().map_err(|error| (first, error))?;
        let rows = models.rows_of_vectors(model, beside(model).decoding);
        let mut spans = Vec::new();
        for id in order {
            if self.all.get(&id).is_some_and(|one| one.model == model) {
                self.plan(id, rows, pooling, &mut spans, models).map_err(|error| (id, error))?;
            }
        }
        let Some(first) = spans.first().map(|span: &Span| span.embedding) else { return Ok(false) };
        let mut pass = Pass { model, pooling, ranks, spans, took: Duration::ZERO };
        let begun = memory.find_for(models, sessions, |models, _| self.start(&pass, models));
        if let Err(error) = begun {
            // The others wait.
            pass.spans.truncate(1);
            self.start(&pass, models).map_err(|_| (first, error))?;
        }
        self.pass = Some(pass);
        Ok(true)
    }

    /// Adds the texts of one request to a pass of about `rows` rows.
    fn plan(
        &mut self,
        id: u64,
        rows: usize,
        pooling: Pooling,
        spans: &mut Vec<Span>,
        models: &mut Models,
    ) -> Result<()> {
        let Some(one) = self.all.get_mut(&id) else { return Ok(()) };
        let (State::Running(run), Some(ready)) = (&mut one.state, models.ready_mut(one.model)) else {
            return Ok(());
        };
        let (whole, most) = (ready.spec().encodes, ready.spec().max_batch);
        let mut left = rows.saturating_sub(spans.iter().map(|span| span.count).sum());
        // How many tokens of what is left of a text come along; 0: it waits.
        let share = |wanted: usize, limit: usize, left: usize, is_first: bool| match pooling {
            _ if whole && (wanted <= left || is_first) => wanted,
            _ if whole => 0,
            Pooling::Mean if limit.min(PART) <= left || is_first => limit.min(PART),
            Pooling::Mean => 0,
            Pooling::First | Pooling::Last => limit.min(left),
        };
        let begun: SmallVec<[(usize, Sequence, usize); 8]> =
            run.begun().map(|begun| (begun.index, begun.sequence, begun.held)).collect();
        let mut known = begun.into_iter();
        while spans.len() < most && left > 0 {
            let (text, sequence, from, new) = match (known.next(), run.next()) {
                (Some((text, sequence, from)), _) => (text, sequence, from, false),
                (None, Some(text)) => {
                    let length = run.tokens(text).len();
                    if share(length, length, left, spans.is_empty()) == 0 {
                        break;
                    }
                    (text, ready.open_apart(length)?, 0, true)
                }
                (None, None) => break,
            };
            if new {
                run.begin(sequence);
            }
            let wanted = run.tokens(text).len().saturating_sub(from);
            let limit = ready.chunk_limit(sequence, wanted);
            let count = share(wanted, limit, left, spans.is_empty());
            if count == 0 {
                continue;
            }
            let (embedding, last) = (id, count == wanted);
            spans.push(Span { embedding, text, sequence, from, count, last, live: true });
            left = left.saturating_sub(count);
        }
        Ok(())
    }

    fn start(&self, pass: &Pass, models: &mut Models) -> Result<()> {
        let Some(ready) = models.ready_mut(pass.model) else { return Ok(()) };
        let mut chunks: SmallVec<[Chunk<'_>; 16]> = SmallVec::new();
        for span in &pass.spans {
            let Some(State::Running(run)) = self.all.get(&span.embedding).map(|one| &one.state) else {
                continue;
            };
            let Some(tokens) = run.tokens(span.text).get(span.from..span.from + span.count) else { continue };
            let wanted = span.last || pass.pooling == Pooling::Mean;
            chunks.push(Chunk { sequence: span.sequence, tokens, logits: usize::from(wanted) });
        }
        ready.begin_vectors(&chunks)
    }

    /// Computes one slice of the pass under way. Who ends.
    fn run_slice(&mut self, time: Time, models: &mut Models) -> Vec<(u64, End)> {
        let Some(pass) = &mut self.pass else { return Vec::new() };
        let gone = || Error::new(ErrorKind::Internal, "the pass' model is gone");
        let computed = models.ready_mut(pass.model).ok_or_else(gone);
        let computed = computed.and_then(|ready| ready.run_slice(Pace { until: time.until }));
        pass.took += time.now.elapsed();
        match computed {
            Ok(Step::More) => return Vec::new(),
            Ok(Step::Done) => {
                let prompt = pass.spans.iter().map(|span| span.count).sum();
                let rows = Rows { decoding: 0, drafts: 0, prompt };
                self.facts.say_pass(pass.model, rows, pass.took);
                models.observe(pass.model, rows, pass.took);
            }
            Err(error) => {
                // It concerns all of them.
                let mut ids: Vec<u64> = self.live().collect();
                ids.dedup();
                self.finish(models);
                return ids.into_iter().map(|id| (id, End::failed(error.clone()))).collect();
            }
        }
        let Some(pass) = self.pass.take() else { return Vec::new() };
        let (ends, over) = self.take_over(&pass, models);
        if let Some(ready) = models.ready_mut(pass.model) {
            ready.finish();
            over.into_iter().for_each(|sequence| ready.close(sequence));
        }
        ends
    }

    /// What the pass has come to is its texts': who ends, and the sequences that nobody needs any more.
    fn take_over(&mut self, pass: &Pass, models: &mut Models) -> (Vec<(u64, End)>, Vec<Sequence>) {
        let (mut ends, mut over) = (Vec::<(u64, End)>::new(), Vec::new());
        for (index, span) in pass.spans.iter().enumerate().filter(|(_, span)| span.live) {
            let (Some(one), Some(ready)) = (self.all.get_mut(&span.embedding), models.ready_mut(pass.model))
            else {
                continue;
            };
            let State::Running(run) = &mut one.state else { continue };
            let all = run.tokens(span.text).len();
            let mut vector = Vec::new();
            let taken = guarded(|| {
                vector.extend_from_slice(ready.logits(index, 0).0);
                if !span.last {
                    ready.commit(index, span.count);
                }
                Ok(())
            });
            if pass.pooling == Pooling::Mean && span.count < all {
                let share = span.count as f32 / all as f32;
                vector.iter_mut().for_each(|value| *value *= share);
                if let Some(begun) = run.begun_mut(span.text) {
                    let sum = std::mem::take(&mut begun.sum);
                    sum.iter().zip(&mut vector).for_each(|(sum, value)| *value += sum);
                    begun.sum = std::mem::take(&mut vector);
                    if span.last {
                        vector = std::mem::take(&mut begun.sum);
                    }
                }
            }
            run.count(span.count, &one.producer);
            let done = match (taken, span.last) {
                (Err(error), _) => Err(error),
                (Ok(()), true) => normalised(vector, span.text, pass.ranks).map(|vector| {
                    over.extend(run.finish(span.text, vector));
                }),
                (Ok(()), false) => {
                    run.begun_mut(span.text).into_iter().for_each(|begun| begun.held += span.count);
                    Ok(())
                }
            };
            let end = match done {
                Ok(()) => one.tell(),
                Err(error) => Some(End::failed(error)),
            };
            let known = ends.iter().any(|(id, _)| *id == span.embedding);
            ends.extend(end.filter(|_| !known).map(|end| (span.embedding, end)));
        }
        (ends, over)
    }

    /// Requests with a part of the pass under way that is still wanted.
    fn live(&self) -> impl Iterator<Item = u64> + '_ {
        let spans = self.pass.iter().flat_map(|pass| &pass.spans);
        spans.filter(|span| span.live).map(|span| span.embedding)
    }

    /// Ends the pass under way, computed or given up.
    fn finish(&mut self, models: &mut Models) {
        if let Some(pass) = self.pass.take()
            && let Some(ready) = models.ready_mut(pass.model)
        {
            ready.finish();
        }
    }

    /// Takes the request out, with all that it holds: it is over.
    pub(super) fn remove(&mut self, id: u64, models: &mut Models) -> Option<Embedding> {
        let one = self.all.remove(&id)?;
        for span in self.pass.iter_mut().flat_map(|pass| &mut pass.spans) {
            span.live &= span.embedding != id;
        }
        if self.pass.is_some() && self.live().next().is_none() {
            self.finish(models);
        }
        if let (State::Running(run), Some(ready)) = (&one.state, models.ready_mut(one.model)) {
            run.begun().for_each(|begun| ready.close(begun.sequence));
        }
        Some(one)
    }
}
