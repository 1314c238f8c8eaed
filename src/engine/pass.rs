//! Passes: which generations are computed together, and what becomes of their rows.

use super::generation::State;
use super::rows::{Pass, Row};
use super::state::{Engine, ModelState, guarded, quietly};
use crate::error::{Error, Result};
use crate::model::{Chunk, Decoder, Pace, Step};
use crate::stream::{End, EndReason};
use smallvec::SmallVec;
use std::cmp::Reverse;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Prompt tokens that a pass takes at most while other rows wait for their next token.
const SHARED_PREFILL: usize = 128;

impl Engine {
    /// Begins a pass over what can be computed now; whether there is one.
    pub(super) fn begin_pass(&mut self) -> bool {
        loop {
            let Some((model, mut rows)) = self.plan() else { return false };
            match self.begin_somehow(model, &mut rows) {
                Ok(()) => {
                    self.serve(&rows);
                    self.pass = Some(Pass { model, rows, committed: None, ends: Vec::new() });
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
        // Looking at the clock costs as much as an event may.
        let begun = unsettled.then(Instant::now);
        let step = guarded(|| decoder.run_slice(Pace { until }));
        if let Some(begun) = begun {
            self.settling.earn(begun);
        }
        match step {
            Ok(Step::More) => {}
            Ok(Step::Done) => self.commit(until),
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

    /// The model whose turn it is and the rows of its next pass: by priority, then by who waited longest; rows that decode before prompts.
    fn plan(&mut self) -> Option<(u64, Vec<Row>)> {
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.clear();
        let mut unread = 0;
        for &id in &self.running {
            match self.has_room(id) {
                Some(true) => candidates.push(id),
                Some(false) => unread += 1,
                None => {}
            }
        }
        // Their places are free.
        self.stirred |= unread > self.unread;
        self.unread = unread;
        candidates.sort_unstable_by_key(|id| self.rank(*id));
        let plan = candidates.first().and_then(|first| self.generations.get(first)).map(|first| first.model);
        let mut rows = std::mem::take(&mut self.spare_rows);
        rows.clear();
        if let Some(model) = plan {
            self.fill(&mut rows, model, &candidates);
        }
        self.candidates = candidates;
        plan.filter(|_| !rows.is_empty()).map(|model| (model, rows))
    }

    /// Whether the reader of a generation that can go on has left it room; if not, it goes on when somebody reads, and not before.
    pub(super) fn has_room(&self, id: u64) -> Option<bool> {
        let generation = self.generations.get(&id)?;
        matches!(generation.state, State::Running(_))
            .then(|| generation.producer.has_room(generation.request.buffer_events))
    }

    fn rank(&self, id: u64) -> (Reverse<i32>, u64, u64) {
        let generation = self.generations.get(&id);
        let priority = generation.map_or(0, |generation| generation.request.priority);
        let served = match generation.map(|generation| &generation.state) {
            Some(State::Running(run)) => run.served,
            _ => 0,
        };
        (Reverse(priority), served, id)
    }

    /// Whoever waited longest gets a row, so that nobody starves; prompts share what the tokens being decoded leave of the pass.
    fn fill(&self, rows: &mut Vec<Row>, model: u64, candidates: &[u64]) {
        let Some(ModelState::Ready { decoder, .. }) = self.models.get(&model).map(|model| &model.state)
        else {
            return;
        };
        let max_tokens = decoder.spec().max_tokens.max(1);
        let most = decoder.spec().max_batch.min(max_tokens).min(self.limits.max_sequences).max(1);
        rows.extend(candidates.iter().filter_map(|id| self.row(&**decoder, model, *id)).take(most));
        // A decoder that takes a prompt whole is given it whole, alone.
        if rows.first().is_some_and(|first| first.tokens > max_tokens) {
            return rows.truncate(1);
        }
        rows.retain(|row| row.tokens <= max_tokens);
        let decoding = rows.iter().filter(|row| row.decodes()).count();
        let left = max_tokens.saturating_sub(decoding);
        let mut budget = if decoding == 0 { left } else { left.min(SHARED_PREFILL) };
        for row in rows.iter_mut().filter(|row| !row.decodes()) {
            let tokens = row.tokens.min(budget);
            budget -= tokens;
            row.last &= tokens == row.tokens;
            row.tokens = tokens;
        }
        rows.retain(|row| row.tokens > 0);
    }

    /// What the generation would like to feed to the next pass.
    fn row(&self, decoder: &dyn Decoder, model: u64, id: u64) -> Option<Row> {
        let generation = self.generations.get(&id).filter(|one| one.model == model)?;
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

    /// Takes over the rows of a pass that is computed: samples, emits, ends. Rests between two rows when it is past `until`.
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
            Ok(sampled) => {
                run.accept(sampled.token, &**vocab, session, &generation.request, &generation.producer)
            }
            Err(error) => Some(End::failed(error)),
        }
    }
}
