//! Passes: which generations are computed together, and what becomes of their rows.

use super::generation::State;
use super::plan::{Candidate, Kind, Room, plan};
use super::rows::{Pass, Row};
use super::state::{Engine, Model, ModelState, guarded, quietly};
use crate::error::{Error, Result};
use crate::model::{Chunk, Decoder, Pace, Step};
use crate::stream::{End, EndReason};
use smallvec::SmallVec;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// What a first pass may take before its progress tells bytes: a pass whose weights are in memory is over by
/// then, or tells tokens soon.
const LONG: Duration = Duration::from_millis(250);

impl Engine {
    /// Begins a pass over what can be computed now; whether there is one.
    pub(super) fn begin_pass(&mut self) -> bool {
        loop {
            let Some((model, mut rows)) = self.plan() else { return false };
            match self.begin_somehow(model, &mut rows) {
                Ok(()) => {
                    self.serve(&rows);
                    self.pass =
                        Some(Pass { model, rows, committed: None, ends: Vec::new(), took: Duration::ZERO });
                    self.weigh();
                    return true;
                }
                Err(error) => self.end(rows[0].generation, End::failed(error)),
            }
        }
    }

    /// Computes one slice of the pass under way.
    pub(super) fn run_slice(&mut self, until: Instant) {
        let Some(pass) = &self.pass else { return };
        let (model, is_computed) = (pass.model, pass.committed.is_some());
        if is_computed {
            return self.commit(until);
        }
        let unsettled = self.models.get(&model).is_some_and(|model| !model.settled);
        let Some(decoder) = self.decoder(model) else {
            self.pass = None;
            return;
        };
        let begun = Instant::now();
        let step = guarded(|| decoder.run_slice(Pace { until }));
        let now = Instant::now();
        if unsettled {
            self.settling.earn(begun, now);
        }
        if let Some(pass) = &mut self.pass {
            pass.took += now - begun;
        }
        match step {
            Ok(Step::More) => self.tell_bytes(),
            Ok(Step::Done) => {
                self.learn();
                self.commit(until);
            }
            Err(error) => self.fail_pass(&error),
        }
    }

    /// Drops the rows of a generation that has ended; a pass that nobody wants is given up.
    pub(super) fn drop_rows(&mut self, generation: u64) {
        let Some(pass) = &mut self.pass else { return };
        for row in pass.rows.iter_mut().filter(|row| row.generation == generation) {
            row.live = false;
        }
        if !pass.rows.iter().any(|row| row.live) {
            self.finish_pass();
        }
    }

    /// Whether the session has a row in the pass under way.
    pub(super) fn in_pass(&self, session: u64) -> bool {
        self.pass.as_ref().is_some_and(|pass| pass.rows.iter().any(|row| row.session == session))
    }

    pub(super) fn fail_pass(&mut self, error: &Error) {
        let Some(pass) = &self.pass else { return };
        let rows = pass.rows.clone();
        self.finish_pass();
        for row in rows.into_iter().filter(|row| row.live) {
            self.end(row.generation, End::failed(error.clone()));
        }
    }

    fn finish_pass(&mut self) {
        let Some(pass) = self.pass.take() else { return };
        // A session whose row was dropped can start its next generation from here on.
        self.stirred |= pass.rows.iter().any(|row| !row.live);
        if let Some(decoder) = self.decoder(pass.model) {
            quietly(|| decoder.finish());
        }
        for row in pass.rows.iter().filter(|row| !row.live) {
            self.empty_if_cut(row.session);
        }
        self.spare_rows = pass.rows;
        self.trim_behind();
    }

    fn decoder(&mut self, model: u64) -> Option<&mut dyn Decoder> {
        match &mut self.models.get_mut(&model)?.state {
            ModelState::Ready { decoder, .. } => Some(&mut **decoder),
            _ => None,
        }
    }

    /// Tells the generations of a model's first pass how many bytes of its weights are there, if they are
    /// long in coming.
    fn tell_bytes(&self) {
        let Some(pass) = self.pass.as_ref().filter(|pass| pass.took > LONG) else { return };
        let Some(model) = self.models.get(&pass.model).filter(|model| !model.warm) else { return };
        let ModelState::Ready { decoder, .. } = &model.state else { return };
        let Some(read) = decoder.bytes_read() else { return };
        for row in pass.rows.iter().filter(|row| row.live) {
            if let Some(generation) = self.generations.get(&row.generation) {
                generation.producer.progress(read, decoder.spec().weight_bytes);
            }
        }
    }

    /// Keeps what the pass that is computed has cost.
    fn learn(&mut self) {
        let Some(pass) = &self.pass else { return };
        let decoding = pass.rows.iter().filter(|row| row.decodes()).count();
        let tokens: usize = pass.rows.iter().map(|row| row.tokens).sum();
        let took = pass.took;
        self.facts.say_pass(pass.model, decoding, tokens - decoding, took);
        let (id, fixed) = (pass.model, self.limits.costs.is_some());
        let Some(model) = self.models.get_mut(&id) else { return };
        // The first one waits for pages of the file, and says nothing of the others.
        let was_warm = std::mem::replace(&mut model.warm, true);
        if was_warm && !fixed {
            model.costs.observe(decoding, tokens - decoding, took);
        }
    }

    /// The model whose turn it is and the rows of its next pass ([`plan`] says which).
    fn plan(&mut self) -> Option<(u64, Vec<Row>)> {
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.clear();
        let mut unread = 0;
        for &id in &self.running {
            match self.has_room(id) {
                Some(true) => candidates.extend(self.candidate(id)),
                Some(false) => unread += 1,
                None => {}
            }
        }
        // Their places are free.
        self.stirred |= unread > self.unread;
        self.unread = unread;
        let passes = self.facts.passes();
        let rooms: SmallVec<[Room; 4]> =
            self.models.iter().filter_map(|(id, model)| self.room(*id, model)).collect();
        let model = plan(&mut candidates, passes, &rooms);
        let mut rows = std::mem::take(&mut self.spare_rows);
        rows.clear();
        rows.extend(candidates.iter().filter_map(|one| {
            let row = self.row(one.id)?;
            Some(Row { tokens: one.rows, last: row.last && one.rows == row.tokens, ..row })
        }));
        self.candidates = candidates;
        model.filter(|_| !rows.is_empty()).map(|model| (model, rows))
    }

    fn candidate(&self, id: u64) -> Option<Candidate> {
        let generation = self.generations.get(&id)?;
        let State::Running(run) = &generation.state else { return None };
        let row = self.row(id)?;
        let kind = if row.decodes() { Kind::Decode } else { Kind::Prompt };
        let (priority, served) = (generation.request.priority, run.served);
        Some(Candidate { model: generation.model, id, priority, served, kind, rows: row.tokens })
    }

    fn room(&self, id: u64, model: &Model) -> Option<Room> {
        let ModelState::Ready { decoder, .. } = &model.state else { return None };
        let rows = decoder.spec().max_tokens.max(1);
        let sequences = decoder.spec().max_batch.min(rows).min(self.limits.max_sequences).max(1);
        Some(Room { model: id, rows, sequences, costs: self.limits.costs.unwrap_or(model.costs) })
    }

    /// Whether the reader of a generation that can go on has left it room; if not, it goes on when somebody
    /// reads, and not before.
    pub(super) fn has_room(&self, id: u64) -> Option<bool> {
        let generation = self.generations.get(&id)?;
        matches!(generation.state, State::Running(_))
            .then(|| generation.producer.has_room(generation.request.buffer_events))
    }

    /// What the generation would like to feed to the next pass.
    fn row(&self, id: u64) -> Option<Row> {
        let generation = self.generations.get(&id)?;
        let Some(ModelState::Ready { decoder, .. }) =
            self.models.get(&generation.model).map(|model| &model.state)
        else {
            return None;
        };
        let session = self.sessions.get(&generation.session)?;
        let sequence = session.sequence?;
        let from = decoder.length(sequence);
        let wanted = session.tokens.len().checked_sub(from).filter(|wanted| *wanted > 0)?;
        let tokens = decoder.chunk_limit(sequence, wanted).clamp(1, wanted);
        let last = tokens == wanted;
        Some(Row { generation: id, session: generation.session, tokens, from, last, live: true })
    }

    pub(super) fn begin(&mut self, model: u64, rows: &[Row]) -> Result<()> {
        let Some(ModelState::Ready { decoder, .. }) =
            self.models.get_mut(&model).map(|model| &mut model.state)
        else {
            return Ok(());
        };
        let mut chunks: SmallVec<[Chunk<'_>; 16]> = SmallVec::new();
        for row in rows {
            let Some(session) = self.sessions.get(&row.session) else { continue };
            let Some(sequence) = session.sequence else { continue };
            let Some(tokens) = session.tokens.get(row.from..row.from + row.tokens) else { continue };
            let wanted = self.generations.get(&row.generation).is_some_and(|one| !one.request.prefill_only);
            chunks.push(Chunk { sequence, tokens, logits: row.last && wanted });
        }
        guarded(|| decoder.begin(&chunks)).inspect_err(|_| {
            // After a panic half a pass may be there.
            quietly(|| decoder.finish());
        })
    }

    fn serve(&mut self, rows: &[Row]) {
        let pass = self.facts.passes.fetch_add(1, Ordering::Relaxed) + 1;
        for row in rows {
            if let Some(State::Running(run)) =
                self.generations.get_mut(&row.generation).map(|one| &mut one.state)
            {
                run.served = pass;
            }
            if let Some(session) = self.sessions.get_mut(&row.session) {
                session.used = pass;
            }
        }
    }

    /// Takes over the rows of a pass that is computed: samples, emits, ends. Rests between two rows when it
    /// is past `until`.
    fn commit(&mut self, until: Instant) {
        while let Some(pass) = &mut self.pass {
            let (model, index) = (pass.model, pass.committed.unwrap_or(0));
            pass.committed = Some(index + 1);
            let Some(row) = pass.rows.get(index).copied() else { break };
            if row.live {
                let end = guarded(|| Ok(self.commit_row(model, index, &row)));
                if let Some(end) = end.unwrap_or_else(|error| Some(End::failed(error)))
                    && let Some(pass) = &mut self.pass
                {
                    pass.ends.push((row.generation, end));
                }
            }
            if row.last {
                self.settling.allow(model);
            }
            let is_left = self.pass.as_ref().is_some_and(|pass| index + 1 < pass.rows.len());
            if is_left && Instant::now() >= until {
                return;
            }
        }
        let ends = self.pass.as_mut().map(|pass| std::mem::take(&mut pass.ends));
        self.finish_pass();
        for (generation, end) in ends.into_iter().flatten() {
            self.end(generation, end);
        }
    }

    fn commit_row(&mut self, model: u64, index: usize, row: &Row) -> Option<End> {
        let model = self.models.get_mut(&model)?;
        let ModelState::Ready { decoder, vocab } = &mut model.state else { return None };
        let session = self.sessions.get_mut(&row.session)?;
        let generation = self.generations.get_mut(&row.generation)?;
        let State::Running(run) = &mut generation.state else { return None };
        decoder.commit(index);
        if !row.last {
            let (done, total) = ((row.from + row.tokens) as u64, session.tokens.len() as u64);
            generation.producer.progress(done, total);
            return None;
        }
        if generation.request.prefill_only {
            run.count_prefill(&generation.producer, Instant::now());
            return Some(End::new(EndReason::Ready));
        }
        match run.sampler.sample(decoder.logits(index)) {
            Ok(sampled) => run.accept(sampled, &**vocab, session, &generation.request, &generation.producer),
            Err(error) => Some(End::failed(error)),
        }
    }
}
