//! Who waits and who runs: the generations from their request to their end, in the order of service, and when
//! something is due. Knows no model and no pass.

use super::facts::Place;
use super::generation::{Generation, State};
use super::request::Request;
use crate::ids::IdMap;
use crate::stream::{EndReason, Producer};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Weak;
use std::time::Instant;

/// All generations that have not ended.
#[derive(Default)]
pub(super) struct Queue {
    all: IdMap<u64, Generation>,
    /// Who waits, in the order of service.
    waiting: BTreeSet<(Reverse<i32>, u64)>,
    /// Who has begun.
    running: Vec<u64>,
    /// How many of them waited for a reader when the last pass was planned.
    without_credit: usize,
    arrivals: u64,
    next_deadline: Option<Instant>,
    /// Somebody cancelled, closed or gave credit.
    streams_changed: bool,
    /// Something changed that may let a waiting generation start.
    admission_due: bool,
}

impl Queue {
    /// Takes a generation: its number.
    pub(super) fn submit(
        &mut self,
        session: u64,
        model: u64,
        request: Request,
        producer: Producer,
        place: Place,
    ) -> u64 {
        self.arrivals += 1;
        let id = self.arrivals;
        producer.update(|stats| stats.seed = request.sampling.seed);
        self.waiting.insert((Reverse(request.priority), id));
        self.next_deadline = earlier(self.next_deadline, request.deadline);
        // Its stream may have been closed on the way here.
        self.streams_changed |= producer.is_cancelled();
        let state = State::Waiting;
        self.all.insert(id, Generation { session, model, request, producer, place, state });
        self.admission_due = true;
        id
    }

    pub(super) fn get(&self, id: u64) -> Option<&Generation> {
        self.all.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut Generation> {
        self.all.get_mut(&id)
    }

    /// Those of a session, or all.
    pub(super) fn ids(&self, session: Option<u64>) -> Vec<u64> {
        let of_session = self.all.iter().filter(|(_, one)| session.is_none_or(|id| one.session == id));
        of_session.map(|(id, _)| *id).collect()
    }

    /// The generation, which is over: its place is another's.
    pub(super) fn remove(&mut self, id: u64) -> Option<Generation> {
        let generation = self.all.remove(&id)?;
        self.waiting.remove(&(Reverse(generation.request.priority), id));
        self.running.retain(|running| *running != id);
        self.admission_due = true;
        Some(generation)
    }

    /// Who waits, in the order of service.
    pub(super) fn waiting(&self) -> Vec<u64> {
        self.waiting.iter().map(|(_, id)| *id).collect()
    }

    /// Who has begun, in the order of the beginning.
    pub(super) fn running(&self) -> &[u64] {
        &self.running
    }

    /// Those of the running ones that keep a place from others: who waits for a reader leaves its own.
    pub(super) fn computing(&self) -> usize {
        self.running.iter().filter(|id| self.has_credit(**id) != Some(false)).count()
    }

    /// The generation begins: its text is to become tokens, as long as what is returned points to something.
    pub(super) fn start(&mut self, id: u64) -> Option<Weak<()>> {
        let generation = self.all.get_mut(&id)?;
        self.waiting.remove(&(Reverse(generation.request.priority), id));
        self.running.push(id);
        Some(generation.start())
    }

    /// Whether the reader of a generation that can go on has left it credit; if not, it goes on when somebody
    /// reads, and not before.
    pub(super) fn has_credit(&self, id: u64) -> Option<bool> {
        let generation = self.all.get(&id)?;
        matches!(generation.state, State::Running(_))
            .then(|| generation.producer.has_credit(generation.request.buffer_events))
    }

    /// The highest priority of those that can be computed.
    pub(super) fn priority(&self) -> Option<i32> {
        let able = self.running.iter().filter(|id| self.has_credit(**id) == Some(true));
        able.filter_map(|id| self.all.get(id)).map(|one| one.request.priority).max()
    }

    /// How many of a model have given a token, and could have the next one.
    pub(super) fn decoding(&self, model: u64) -> usize {
        let able = self.running.iter().filter(|id| self.has_credit(**id) == Some(true));
        let able = able.filter_map(|id| self.all.get(id));
        able.filter(|one| one.model == model && one.output_tokens() > 0).count()
    }

    /// So many of the running ones wait for a reader.
    pub(super) fn count_without_credit(&mut self, count: usize) {
        // Their places are free.
        self.admission_due |= count > self.without_credit;
        self.without_credit = count;
    }

    /// Whether all that is under way has given a token, and nobody waits.
    pub(super) fn has_only_answers(&self) -> bool {
        let answers = |id| self.all.get(id).is_some_and(|one| one.output_tokens() > 0);
        self.waiting.is_empty() && !self.running.is_empty() && self.running.iter().all(answers)
    }

    /// Somebody may have cancelled or closed a stream, or given credit.
    pub(super) fn check_streams(&mut self) {
        self.streams_changed = true;
    }

    /// Those that were cancelled or whose time is over.
    pub(super) fn overdue(&mut self, now: Instant) -> Vec<(u64, EndReason)> {
        let mut overdue = Vec::new();
        if !self.streams_changed && self.next_deadline.is_none_or(|deadline| deadline > now) {
            return overdue;
        }
        self.streams_changed = false;
        self.next_deadline = None;
        for (id, generation) in &self.all {
            if generation.producer.is_cancelled() {
                overdue.push((*id, EndReason::Cancelled));
            } else if generation.request.deadline.is_some_and(|deadline| deadline <= now) {
                overdue.push((*id, EndReason::Deadline));
            } else {
                self.next_deadline = earlier(self.next_deadline, generation.request.deadline);
            }
        }
        overdue
    }

    /// When the next one is over at the latest.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.next_deadline
    }

    /// Something changed that may let a waiting generation start.
    pub(super) fn set_admission_due(&mut self) {
        self.admission_due = true;
    }

    pub(super) fn is_admission_due(&self) -> bool {
        self.admission_due
    }

    /// Whether admission was due; it is being done.
    pub(super) fn take_admission_due(&mut self) -> bool {
        std::mem::take(&mut self.admission_due)
    }
}

/// The first of two times.
pub(super) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}
