//! Many streams, one place to read: streams take turns; some are pulled, some pushed to their callbacks.

use super::event::{Event, EventKind};
use super::level::Level;
use super::shared::Shared;
use super::turns::{Calls, Member, State};
use crate::error::{Error, ErrorKind};
use crate::sync::{Apart, AtomicBool, Mutex, MutexGuard, Ordering, Waiters, WaitingRoom, lock};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// What a read of a queue came to.
#[allow(
    clippy::large_enum_variant,
    reason = "an event is moved once; a box would be an allocation per event"
)]
#[derive(Debug, Clone, PartialEq)]
pub enum QueueNext {
    /// The next event, and the key of its stream.
    Event(u64, Event),
    /// Nothing to read now, or a wake was taken.
    Empty,
    /// No stream will come any more, and every stream's end was delivered.
    Ended,
    /// The queue was closed.
    Closed,
}

/// What a dispatch came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dispatched {
    /// Nothing is left to dispatch.
    Empty,
    /// Events are left.
    More,
    /// No stream will come any more, and every stream's end was delivered.
    Ended,
    /// The queue was closed.
    Closed,
}

/// A place where many streams are read. Every method may be called on any thread; dispatching has one caller
/// at a time.
#[derive(Default)]
pub struct Queue {
    state: Apart<Mutex<State>>,
    calls: Calls,
    /// Somebody waits or a level is shown: a call is answered at once. Written under the lock.
    watched: AtomicBool,
    closed: AtomicBool,
    /// A read would come to nothing, calls aside; written under the lock, so that a poll need not take it.
    calm: AtomicBool,
    waiting: WaitingRoom,
}

impl Queue {
    /// An empty queue.
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// The next event of the streams that are pulled, without waiting.
    pub fn try_next(&self) -> QueueNext {
        self.take_next().unwrap_or(QueueNext::Empty)
    }

    /// The next event of the streams that are pulled, a wake (`Empty`), the end of reading, or the promise to
    /// wake `context`.
    pub fn poll_next(&self, context: &mut Context<'_>) -> Poll<QueueNext> {
        if let Some(next) = self.take_next() {
            return Poll::Ready(next);
        }
        let mut state = lock(&self.state);
        let left = state.pulls.waiting.add(context.waker());
        self.watched.store(true, Ordering::SeqCst);
        // Under the same lock: who called before that is seen here, and who calls after it tells the waiter.
        let next = self.take_locked(state);
        left.wake();
        next.map_or(Poll::Pending, Poll::Ready)
    }

    /// Waits for what [`Queue::poll_next`] gives until `deadline` (none: for ever): `Empty` also when that
    /// passes.
    pub fn wait_next(&self, deadline: Option<Instant>) -> QueueNext {
        match self.take_next() {
            Some(next) => next,
            None => self
                .waiting
                .wait(deadline, |context| self.poll_next(context))
                .unwrap_or_else(|| self.try_next()),
        }
    }

    /// What there is for a reader; `Empty` is a wake.
    fn take_next(&self) -> Option<QueueNext> {
        if self.calm.load(Ordering::SeqCst) && !self.calls.any() {
            return None;
        }
        self.take_locked(lock(&self.state))
    }

    fn take_locked(&self, mut state: MutexGuard<'_, State>) -> Option<QueueNext> {
        if self.is_closed() {
            return Some(QueueNext::Closed);
        }
        state.admit(&self.calls);
        let taken = state.take(false);
        let otherwise = match &taken {
            Some(_) => None,
            None if std::mem::take(&mut state.woken) => Some(QueueNext::Empty),
            None => state.is_over(false).then_some(QueueNext::Ended),
        };
        self.show(&state);
        drop(state);
        let Some((stream, event)) = taken else { return otherwise };
        stream.after_read();
        Some(QueueNext::Event(stream.key, event))
    }

    /// Runs callbacks on this thread, for events that are there now: at most `max_events`, for about `budget`
    /// (none: no limit). Does nothing, and says `Empty`, while another dispatch is under way: on another
    /// thread, or around this callback.
    pub fn dispatch(&self, max_events: u32, budget: Option<Duration>) -> Dispatched {
        let until = budget.and_then(|budget| Instant::now().checked_add(budget));
        let Some(dispatching) = self.begin_dispatch() else { return Dispatched::Empty };
        let mut found = false;
        for _ in 0..max_events {
            if self.is_closed() {
                break;
            }
            let Some((stream, event)) = lock(&self.state).take(true) else { break };
            found = true;
            stream.after_read();
            self.push(&stream, event);
            if until.is_some_and(|until| Instant::now() >= until) {
                break;
            }
        }
        drop(dispatching);
        self.after_dispatch(found)
    }

    /// Waits until there is something to dispatch, or until the queue is over: `Closed` or `Ended`.
    pub fn poll_dispatchable(&self, context: &mut Context<'_>) -> Poll<Dispatched> {
        let mut state = lock(&self.state);
        if self.is_closed() {
            return Poll::Ready(Dispatched::Closed);
        }
        self.admit(&mut state);
        let mut left = Waiters::default();
        if state.pushes.ready.is_empty() && !state.is_over(true) {
            left = state.pushes.waiting.add(context.waker());
            // Not before the first look: producers do not take this lock while nobody waits.
            self.watched.store(true, Ordering::SeqCst);
            self.admit(&mut state);
        }
        let (ready, over) = (!state.pushes.ready.is_empty(), state.is_over(true));
        drop(state);
        left.wake();
        match (ready, over) {
            (true, _) => Poll::Ready(Dispatched::More),
            (false, true) => Poll::Ready(Dispatched::Ended),
            (false, false) => Poll::Pending,
        }
    }

    /// Makes the current or next read or dispatch that finds no event return `Empty` at once. Sticky, not
    /// counted.
    pub fn wake(&self) {
        let mut state = lock(&self.state);
        state.woken = true;
        self.announce(state);
    }

    /// Gives back the rest of the event that was just read from the stream `key`: it is that stream's next
    /// event.
    pub fn put_back(&self, key: u64, time: Duration, rest: EventKind) {
        let mut state = lock(&self.state);
        let Some(member) = state.members.get_mut(&key) else { return };
        let stream = member.stream.clone();
        lock(&stream.reader).put_back(&stream, time, rest);
        let pushes = stream.sink.pushes;
        let has_turn = stream.has_turn.swap(true, Ordering::SeqCst);
        let reopened = std::mem::take(&mut member.over);
        let turns = state.turns(pushes);
        turns.open += usize::from(reopened);
        if !has_turn {
            turns.ready.push_back(key);
        }
        self.announce(state);
        // The read that the rest is from has lowered it.
        stream.show_level();
    }

    /// Shows from now on whether there is something to read or dispatch, or a wake; replaces a level that was
    /// shown before.
    pub fn show_on(&self, level: Arc<dyn Level>) {
        let mut state = lock(&self.state);
        if self.is_closed() {
            return;
        }
        let before = state.level.replace(level);
        self.watched.store(true, Ordering::SeqCst);
        // After that: who calls from here on sets the level.
        self.admit(&mut state);
        drop(state);
        drop(before);
    }

    /// The level that shows this queue's readiness, if one does.
    pub fn level(&self) -> Option<Arc<dyn Level>> {
        lock(&self.state).level.clone()
    }

    /// Says that no stream will come any more: readers get what is left, then `Ended`.
    pub fn finish(&self) {
        let mut state = lock(&self.state);
        state.finished = true;
        self.announce(state);
    }

    /// Closes the queue and all its streams, ended or not, and says which those were. Idempotent; never
    /// waits.
    pub fn close(&self) -> Vec<u64> {
        if self.closed.swap(true, Ordering::SeqCst) {
            return Vec::new();
        }
        let mut last = {
            let mut state = lock(&self.state);
            self.calm.store(false, Ordering::SeqCst);
            std::mem::replace(&mut *state, State::finished())
        };
        last.waiters().into_iter().for_each(Waiters::wake);
        if let Some(level) = last.level {
            level.set(false);
        }
        last.members.values().for_each(|member| member.stream.close());
        last.members.into_keys().collect()
    }

    /// Whether the queue was closed.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Streams in the queue that are not closed.
    pub fn len(&self) -> usize {
        lock(&self.state).members.len()
    }

    /// Whether there is no stream in the queue.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn adopt(&self, stream: &Arc<Shared>) -> Result<(), Error> {
        let mut state = lock(&self.state);
        if self.is_closed() || state.finished {
            let why = "the queue is closed, or its runtime is shut down: make a new one";
            return Err(Error::new(ErrorKind::StaleHandle, why));
        }
        if state.members.contains_key(&stream.key) {
            let why =
                format!("the queue has a stream with the key {} already: give each its own", stream.key);
            return Err(Error::new(ErrorKind::InvalidArgument, why));
        }
        let member = Member { stream: stream.clone(), over: false, due: 0 };
        state.members.insert(stream.key, member);
        state.turns(stream.sink.pushes).open += 1;
        Ok(())
    }

    /// A stream of this queue may have something to read.
    pub(super) fn attend(&self, stream: &Shared) {
        if self.calls.add(stream) && self.watched.load(Ordering::SeqCst) {
            self.announce(lock(&self.state));
        }
    }

    pub(super) fn forget(&self, key: u64) {
        self.calls.remove(key);
        let mut state = lock(&self.state);
        let Some(member) = state.members.remove(&key) else { return };
        let turns = state.turns(member.stream.sink.pushes);
        turns.open -= usize::from(!member.over);
        turns.ready.retain(|ready| *ready != key);
        self.announce(state);
    }

    /// Gives turns to those that called, and shows it.
    fn admit(&self, state: &mut State) {
        state.admit(&self.calls);
        self.show(state);
    }

    /// Shows the state to who polls and on the level: before the lock is given back by who changed it.
    fn show(&self, state: &State) {
        let calm = state.is_calm();
        if calm != self.calm.load(Ordering::SeqCst) {
            self.calm.store(calm, Ordering::SeqCst);
        }
        state.show_level();
    }

    /// Shows the new state to whoever polls, watches or waits.
    fn announce(&self, mut state: MutexGuard<'_, State>) {
        self.admit(&mut state);
        let waiters = state.waiters();
        self.watched.store(state.is_watched(), Ordering::SeqCst);
        drop(state);
        waiters.into_iter().for_each(Waiters::wake);
    }

    fn push(&self, stream: &Arc<Shared>, event: Event) {
        let last = matches!(event.kind, EventKind::End(_));
        let returned = stream.sink.push(event, || stream.is_closed());
        if !returned || (last && stream.sink.close_at_end) {
            stream.close();
        }
    }

    /// Counts what a dispatch that begins now may deliver; `None` while another is under way.
    fn begin_dispatch(&self) -> Option<Dispatching<'_>> {
        let mut state = lock(&self.state);
        if std::mem::replace(&mut state.dispatching, true) {
            return None;
        }
        self.admit(&mut state);
        let State { members, pushes, .. } = &mut *state;
        for key in &pushes.ready {
            if let Some(member) = members.get_mut(key) {
                member.due = lock(&member.stream.reader).readable(&member.stream);
            }
        }
        Some(Dispatching(self))
    }

    /// What a dispatch came to that `found` an event or none.
    fn after_dispatch(&self, found: bool) -> Dispatched {
        if self.is_closed() {
            return Dispatched::Closed;
        }
        let mut state = lock(&self.state);
        state.admit(&self.calls);
        let left = !state.pushes.ready.is_empty();
        // A wake is for a call that finds nothing.
        state.woken &= left || found;
        self.show(&state);
        match left {
            true => Dispatched::More,
            false if state.is_over(true) => Dispatched::Ended,
            false => Dispatched::Empty,
        }
    }
}

/// A dispatch under way; its drop lets the next one begin.
struct Dispatching<'a>(&'a Queue);

impl Drop for Dispatching<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).dispatching = false;
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("streams", &self.len()).field("closed", &self.is_closed()).finish()
    }
}
