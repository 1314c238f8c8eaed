//! Whose turn it is in a queue: the streams with something to read, in order. Used by the queue under its
//! lock; wakes nobody.

use super::event::Event;
use super::level::Level;
use super::reader::Next;
use super::shared::Shared;
use crate::ids::IdMap;
use crate::sync::{Apart, AtomicBool, Mutex, Ordering, Waiters, lock};
use std::collections::VecDeque;
use std::sync::Arc;

/// Streams that have something new to read, as their producers say it: beside the queue's lock, which a
/// reader may hold.
#[derive(Default)]
pub(super) struct Calls {
    keys: Apart<Mutex<Vec<u64>>>,
    /// False: there are none; written under their lock. Apart from them: a reader that polls looks at nothing
    /// else.
    any: Apart<AtomicBool>,
}

impl Calls {
    /// Calls for a turn for `stream` unless it has one, or has called already; whether it did.
    pub(super) fn add(&self, stream: &Shared) -> bool {
        let mut keys = lock(&self.keys);
        // Looked at under the lock, as `remove` is: after its close nothing of a stream is left here.
        if stream.is_closed() || stream.has_turn.swap(true, Ordering::SeqCst) {
            return false;
        }
        keys.push(stream.key);
        self.any.store(true, Ordering::SeqCst);
        true
    }

    /// Whether anybody calls.
    pub(super) fn any(&self) -> bool {
        self.any.load(Ordering::SeqCst)
    }

    /// Forgets the call of a stream that is closed.
    pub(super) fn remove(&self, key: u64) {
        lock(&self.keys).retain(|calls| *calls != key);
    }

    /// Exchanges the keys for `empty`, in the order in which they came.
    fn take(&self, empty: &mut Vec<u64>) {
        let mut keys = lock(&self.keys);
        self.any.store(false, Ordering::SeqCst);
        std::mem::swap(&mut *keys, empty);
    }
}

/// What a queue keeps under its lock.
#[derive(Default)]
pub(super) struct State {
    pub(super) members: IdMap<u64, Member>,
    pub(super) pulls: Turns,
    pub(super) pushes: Turns,
    pub(super) woken: bool,
    /// Callbacks are being run by somebody.
    pub(super) dispatching: bool,
    /// No stream is adopted any more.
    pub(super) finished: bool,
    pub(super) level: Option<Arc<dyn Level>>,
    /// Empty between two calls; its memory is kept for the next.
    admitted: Vec<u64>,
}

/// Streams of one kind: those with something to read, in turn, and how many have not delivered their end.
#[derive(Default)]
pub(super) struct Turns {
    pub(super) ready: VecDeque<u64>,
    pub(super) open: usize,
    pub(super) waiting: Waiters,
}

/// A stream of the queue.
pub(super) struct Member {
    pub(super) stream: Arc<Shared>,
    pub(super) over: bool,
    /// Events that the dispatch under way may still deliver: those that were there when it began.
    pub(super) due: usize,
}

impl State {
    /// Of a queue that is over: no stream, and none will come.
    pub(super) fn finished() -> Self {
        Self { finished: true, ..Self::default() }
    }

    pub(super) fn turns(&mut self, pushes: bool) -> &mut Turns {
        if pushes { &mut self.pushes } else { &mut self.pulls }
    }

    /// Gives their turns to those that called and still have something to read.
    pub(super) fn admit(&mut self, calls: &Calls) {
        if !calls.any() {
            return;
        }
        let mut keys = std::mem::take(&mut self.admitted);
        calls.take(&mut keys);
        for key in keys.drain(..) {
            let Some(member) = self.members.get(&key) else { continue };
            if member.stream.keeps_turn() {
                let pushes = member.stream.sink.pushes;
                self.turns(pushes).ready.push_back(key);
            }
        }
        self.admitted = keys;
    }

    /// Whether a read would come to nothing.
    pub(super) fn is_calm(&self) -> bool {
        self.pulls.ready.is_empty() && !self.woken && !self.is_over(false)
    }

    /// Shows whether there is something to read or dispatch, or a wake.
    pub(super) fn show_level(&self) {
        if let Some(level) = &self.level {
            let ready = !self.pulls.ready.is_empty() || !self.pushes.ready.is_empty();
            level.set(self.woken || ready);
        }
    }

    /// Takes the next event of the stream whose turn it is; its `after_read` is due once the lock is
    /// released.
    pub(super) fn take(&mut self, pushes: bool) -> Option<(Arc<Shared>, Event)> {
        for _ in 0..self.turns(pushes).ready.len() {
            let key = self.turns(pushes).ready.pop_front()?;
            let Some(member) = self.members.get_mut(&key) else { continue };
            if pushes && member.due == 0 {
                self.turns(pushes).ready.push_back(key);
                continue;
            }
            let (next, turn) = member.stream.take_turn();
            member.due = if turn.more { member.due.saturating_sub(1) } else { 0 };
            let ended = turn.over && !std::mem::replace(&mut member.over, turn.over);
            let stream = member.stream.clone();
            let turns = self.turns(pushes);
            if turn.more {
                turns.ready.push_back(key);
            }
            turns.open -= usize::from(ended);
            if let Next::Event(event) = next {
                return Some((stream, event));
            }
        }
        None
    }

    pub(super) fn is_over(&self, pushes: bool) -> bool {
        self.finished && if pushes { self.pushes.open == 0 } else { self.pulls.open == 0 }
    }

    /// Whether a change has to be told at once.
    pub(super) fn is_watched(&self) -> bool {
        self.level.is_some() || !self.pulls.waiting.is_empty() || !self.pushes.waiting.is_empty()
    }

    /// Those who wait, to be woken.
    pub(super) fn waiters(&mut self) -> [Waiters; 2] {
        [std::mem::take(&mut self.pulls.waiting), std::mem::take(&mut self.pushes.waiting)]
    }
}
