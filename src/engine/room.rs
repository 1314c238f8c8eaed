//! Memory: what gives way when the budget is used up or the system asks, and what is published of it; knows
//! no number of bytes that is allowed.

use super::rows::Row;
use super::state::{Engine, ModelState, guarded, quietly};
use crate::error::{ErrorKind, Result};
use std::sync::atomic::Ordering;

impl Engine {
    /// Begins a pass over `rows`. Where they find no room, caches go, then what idle sessions hold, whoever
    /// rested longest first; then all rows but the first wait.
    pub(super) fn begin_somehow(&mut self, model: u64, rows: &mut Vec<Row>) -> Result<()> {
        let Err(mut error) = self.begin(model, rows) else { return Ok(()) };
        if error.kind() == ErrorKind::OutOfMemory {
            self.trim_decoders();
            loop {
                match self.begin(model, rows) {
                    Err(again) if again.kind() == ErrorKind::OutOfMemory && self.evict() => {}
                    Err(again) => {
                        error = again;
                        break;
                    }
                    Ok(()) => return Ok(()),
                }
            }
        }
        if rows.len() > 1 && self.begin(model, &rows[..1]).is_ok() {
            rows.truncate(1);
            return Ok(());
        }
        Err(error)
    }

    /// Gives back what can be computed again: what idle sessions hold, and what decoders keep for the next
    /// pass.
    pub fn trim(&mut self) {
        while self.evict() {}
        self.trim_decoders();
        self.trims = self.pass.is_some();
        self.weigh();
    }

    /// Caches and what one idle session holds give way to what found no room; false: no session is left that
    /// could.
    pub fn make_room(&mut self) -> bool {
        self.trim_decoders();
        let evicted = self.evict();
        self.weigh();
        evicted
    }

    /// Gives back the rest of a trim that has met a pass.
    pub(super) fn trim_behind(&mut self) {
        if std::mem::take(&mut self.trims) {
            self.trim();
        }
    }

    fn trim_decoders(&mut self) {
        for model in self.models.values_mut() {
            if let ModelState::Ready { decoder, .. } = &mut model.state {
                quietly(|| decoder.trim());
            }
        }
    }

    /// Empties the sequence of the idle session that was computed longest ago; it is computed again when it
    /// is needed. False: none holds anything.
    fn evict(&mut self) -> bool {
        let idle = self.sessions.iter().filter(|(id, session)| {
            let decoder = self.models.get(&session.model).and_then(|model| match &model.state {
                ModelState::Ready { decoder, .. } => Some(decoder),
                _ => None,
            });
            let held =
                decoder.zip(session.sequence).map_or(0, |(decoder, sequence)| decoder.length(sequence));
            held > 0 && session.active.is_none() && !self.in_pass(**id)
        });
        let Some((&id, session)) = idle.min_by_key(|(id, session)| (session.used, **id)) else {
            return false;
        };
        let tokens = session.tokens.len();
        let emptied = self.empty_sequence(id);
        if emptied {
            self.facts.say_evicted(id, tokens);
        }
        emptied
    }

    /// Gives back what the session's sequence holds if nothing of it is the session's any more.
    pub(super) fn empty_if_cut(&mut self, session: u64) {
        let cut = |session: &super::session::Session| session.active.is_none() && session.cut == Some(0);
        if self.sessions.get(&session).is_some_and(cut) && !self.in_pass(session) {
            self.empty_sequence(session);
        }
    }

    /// Whether the decoder keeps nothing of the session's sequence now.
    fn empty_sequence(&mut self, session: u64) -> bool {
        let Some(session) = self.sessions.get_mut(&session) else { return false };
        let Some(sequence) = session.sequence else { return false };
        let Some(ModelState::Ready { decoder, .. }) =
            self.models.get_mut(&session.model).map(|model| &mut model.state)
        else {
            return false;
        };
        let empty = || {
            let kept = decoder.truncate(sequence, 0);
            decoder.release_unused();
            Ok(kept)
        };
        let emptied = guarded(empty).is_ok_and(|kept| kept == 0);
        // After a panic nobody knows what it holds.
        session.cut = (!emptied).then_some(0);
        emptied
    }

    /// Publishes what is held.
    pub(super) fn weigh(&self) {
        let (mut held, mut weights) = (0, 0);
        for model in self.models.values() {
            if let ModelState::Ready { decoder, .. } = &model.state {
                held += decoder.memory();
                weights += decoder.spec().weight_bytes;
            }
        }
        self.facts.decoder_bytes.store(held, Ordering::Relaxed);
        self.facts.weight_bytes.store(weights, Ordering::Relaxed);
        self.facts.running.store(self.running.len(), Ordering::Relaxed);
    }
}
