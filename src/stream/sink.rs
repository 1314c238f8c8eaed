//! Where a stream's events go if they are pushed, and what is dropped exactly once when the stream is over;
//! knows no queue.

use super::event::{Event, EventKind};
use crate::compute::float_state::lend;
use crate::sync::{Mutex, lock};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Takes a stream's events, in order, one call at a time. It is dropped after the end, or when the stream is
/// closed.
pub type OnEvent = Box<dyn FnMut(Event) + Send>;

/// How a stream's events are delivered.
pub enum Delivery {
    /// They wait to be read; the guest, if any, is dropped when the stream is closed.
    Pull(Option<Box<dyn Any + Send>>),
    /// They are handed to a callback by whoever dispatches the stream's queue.
    Push {
        /// The callback.
        on_event: OnEvent,
        /// Close the stream after its end: nobody else will.
        close_at_end: bool,
    },
}

enum State {
    Held(#[allow(dead_code, reason = "kept for its Drop")] Option<Box<dyn Any + Send>>),
    Idle(OnEvent),
    /// A dispatch has taken the callback out, and puts it back or drops it.
    Running,
    Gone,
}

/// The delivery's state: the callback is never dropped while it runs.
pub(super) struct Sink {
    state: Mutex<State>,
    pub(super) pushes: bool,
    pub(super) close_at_end: bool,
}

impl Sink {
    pub(super) fn new(delivery: Delivery) -> Self {
        match delivery {
            Delivery::Pull(guest) => {
                Self { state: Mutex::new(State::Held(guest)), pushes: false, close_at_end: false }
            }
            Delivery::Push { on_event, close_at_end } => {
                Self { state: Mutex::new(State::Idle(on_event)), pushes: true, close_at_end }
            }
        }
    }

    /// Runs the callback on this thread, and drops it after the end or if `closed` says so by then.
    /// Whether it came back: a panic of the callback ends its use.
    pub(super) fn push(&self, event: Event, closed: impl Fn() -> bool) -> bool {
        let mut on_event = {
            let mut state = lock(&self.state);
            match std::mem::replace(&mut *state, State::Running) {
                State::Idle(on_event) => on_event,
                other => {
                    *state = other;
                    return true;
                }
            }
        };
        let last = matches!(event.kind, EventKind::End(_));
        let returned = catch_unwind(AssertUnwindSafe(|| lend(|| on_event(event)))).is_ok();
        {
            let mut state = lock(&self.state);
            if returned && !last && !closed() {
                *state = State::Idle(on_event);
                return true;
            }
            *state = State::Gone;
        }
        drop_quietly(on_event);
        returned
    }

    /// Drops what is kept, here; a running callback is dropped by its dispatch when it returns.
    pub(super) fn close(&self) {
        let old = {
            let mut state = lock(&self.state);
            if matches!(*state, State::Running) {
                return;
            }
            std::mem::replace(&mut *state, State::Gone)
        };
        drop_quietly(old);
    }
}

/// A panic out of a guest's or callback's own `Drop` must not keep other streams from being closed.
fn drop_quietly<T>(guest: T) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(guest)));
}
